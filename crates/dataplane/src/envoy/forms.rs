//! Policies as Envoys get them, each by itself, and offers that are composed of such forms.
//!
//! A form depends on its policy alone, so a policy that did not change keeps its form, and one that
//! an Envoy refuses can be replaced by an older form or by none.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use traffic_manager_core::{
    ids::{PolicyName, TenantName},
    tag::VersionTag,
};

use super::{
    Offer, Resource, hex_half, hosts,
    messages::route::Route,
    policy::{self, Messages},
    table::{Claimant, Table},
};
use crate::{
    Settings,
    model::{Model, PolicyModel},
    report::Findings,
};

/// The name of a policy among those of all tenants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyKey {
    /// The policy's tenant.
    pub tenant: TenantName,
    /// The policy's service and environment.
    pub name: PolicyName,
}

impl fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.name.service, self.name.env)
    }
}

/// A policy as Envoys get it.
#[derive(Debug)]
pub struct Form {
    /// The policy's name.
    pub key: PolicyKey,
    /// The policy.
    pub policy: Arc<PolicyModel>,
    /// Lower-case hex that differs when anything differs that an Envoy gets.
    pub hash: String,
    /// The same without the clusters.
    pub(super) routes_hash: String,
    /// The tenant's tag when the form was made: in the history at this tag is what it is made of.
    pub since: VersionTag,
    pub(super) clusters: Vec<Arc<Resource>>,
    /// The hosts in the one spelling in which Envoy compares them.
    pub(super) hosts: Vec<String>,
    /// The encoded routes under each of the policy's path prefixes, in their order. `None`: this proxy cannot
    /// take the policy, and answers its requests with 503.
    pub(super) routes: Option<Vec<Bytes>>,
}

impl Form {
    /// Returns the form for an Envoy that takes no other form of the policy: its requests are
    /// answered with 503.
    pub fn without_routes(&self) -> Self {
        Self {
            key: self.key.clone(),
            policy: self.policy.clone(),
            hash: String::new(),
            routes_hash: format!("-{}", self.routes_hash),
            since: self.since.clone(),
            clusters: Vec::new(),
            hosts: self.hosts.clone(),
            routes: None,
        }
    }

    /// Whether an Envoy gets nothing of the policy but an answer with 503.
    pub fn is_empty(&self) -> bool {
        self.routes.is_none()
    }

    /// Whether a text names a host of the policy.
    pub fn has_host_in(&self, text: &str) -> bool {
        self.hosts.iter().any(|host| text.contains(host))
    }

    fn bytes(&self) -> usize {
        let clusters = self.clusters.iter().map(|one| one.body.len() + 256);
        let routes = self.routes.iter().flatten().map(Bytes::len);
        clusters.chain(routes).sum::<usize>() + 512
    }

    /// Whether a text names the policy: routes and clusters have its name.
    pub fn is_named_in(&self, text: &str) -> bool {
        text.contains(&self.key.to_string())
    }

    fn of(policy: &Arc<PolicyModel>, since: &VersionTag, settings: &Settings) -> Self {
        let Messages { clusters, routes } =
            policy::messages(policy, settings, &mut Findings::default());
        let clusters = clusters
            .iter()
            .map(|cluster| Arc::new(Resource::of(&cluster.name, cluster)));
        let routes = routes.map(|routes| routes.iter().map(|of| encoded(of)).collect());
        let mut form = Self {
            key: PolicyKey {
                tenant: policy.tenant.clone(),
                name: policy.name.clone(),
            },
            policy: policy.clone(),
            hash: String::new(),
            routes_hash: String::new(),
            since: since.clone(),
            clusters: clusters.collect(),
            hosts: policy::hosts(policy),
            routes,
        };
        form.routes_hash = form.digest();
        let mut hash = Sha256::new().chain_update(&form.routes_hash);
        for cluster in &form.clusters {
            hash.update(&cluster.version);
        }
        form.hash = hex_half(hash);
        form
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        self.hosts.iter().for_each(|host| add(host.as_bytes()));
        for prefix in &self.policy.spec.path_prefixes {
            add(prefix.as_str().as_bytes());
        }
        self.routes.iter().flatten().for_each(|routes| add(routes));
        hex_half(hash)
    }
}

/// The forms of all policies of a model.
#[derive(Debug, Clone, Default)]
pub struct Forms {
    /// The model's version.
    pub version: String,
    /// The forms, in the order of the policies' names.
    pub all: Vec<Arc<Form>>,
}

impl Forms {
    /// Returns the form of a policy.
    pub fn get(&self, key: &PolicyKey) -> Option<&Arc<Form>> {
        let at = self.all.binary_search_by(|form| form.key.cmp(key)).ok()?;
        self.all.get(at)
    }

    /// Returns roughly how many bytes the forms take, without their policies.
    pub fn bytes(&self) -> usize {
        self.all.iter().map(|form| form.bytes()).sum()
    }

    /// Returns a text that differs for other forms.
    pub fn digest<'a>(forms: impl IntoIterator<Item = &'a Arc<Form>>) -> String {
        let mut hash = Sha256::new();
        for form in forms {
            hash.update(form.key.to_string());
            hash.update([0]);
            hash.update(&form.hash);
        }
        hex_half(hash)
    }
}

/// Makes the forms of one model after the other. A policy that is the same in two models keeps its
/// form.
#[derive(Debug)]
pub struct Former {
    settings: Settings,
    /// The last policies with their forms. A form may be of an older policy of the same name.
    last: Vec<(Arc<PolicyModel>, Arc<Form>)>,
}

impl Former {
    /// Makes forms by these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            last: Vec::new(),
        }
    }

    /// Returns the forms of a model.
    pub fn forms(&mut self, model: &Model) -> Forms {
        let mut last = std::mem::take(&mut self.last).into_iter().peekable();
        let tags: BTreeMap<_, _> = model
            .sources
            .iter()
            .map(|(name, tag)| (name, tag))
            .collect();
        let form = |policy: &Arc<PolicyModel>| {
            let order = |old: &PolicyModel| {
                let name = (&policy.tenant, &policy.name);
                (&old.tenant, &old.name).cmp(&name)
            };
            let is_same = |(old, _): &(Arc<PolicyModel>, _)| Arc::ptr_eq(old, policy);
            if let Some(same) = last.next_if(is_same) {
                return Some(same);
            }
            while last.next_if(|(old, _)| order(old).is_lt()).is_some() {}
            if let Some(same) = last.next_if(is_same) {
                return Some(same);
            }
            let old = last.next_if(|(old, _)| order(old).is_eq());
            let new = Form::of(policy, tags.get(&policy.tenant)?, &self.settings);
            let is_same = |old: &Arc<Form>| {
                old.hash == new.hash && old.policy.revision == new.policy.revision
            };
            let old = old.map(|(_, form)| form).filter(is_same);
            Some((policy.clone(), old.unwrap_or_else(|| Arc::new(new))))
        };
        self.last = model.policies.iter().filter_map(form).collect();
        Forms {
            version: model.version(),
            all: self.last.iter().map(|(_, form)| form.clone()).collect(),
        }
    }
}

/// Composes an offer. Of two policies that claim the same host and prefix the first one has it, and
/// the other is refused: its hosts and prefixes are answered with 503. Those that are `instead` of present
/// forms come after all others, and lose what others have.
pub fn compose(version: String, forms: &[Arc<Form>], instead: impl Fn(&Form) -> bool) -> Offer {
    let table = Table::of(forms.iter().map(|form| Claimant {
        spec: &form.policy.spec,
        hosts: &form.hosts,
        routes: form.routes.as_deref(),
        is_instead: instead(form),
    }));
    let clusters = forms
        .iter()
        .enumerate()
        .filter(|(at, _)| !table.is_refused(*at))
        .flat_map(|(_, form)| &form.clusters)
        .map(|cluster| (cluster.name.clone(), cluster.clone()))
        .collect();
    let routes = hosts::configuration(&table, forms);
    Offer {
        version,
        clusters,
        routes: BTreeMap::from([(routes.name.clone(), Arc::new(routes))]),
    }
}

/// Returns routes as they are in the encoding of a virtual host.
pub(super) fn encoded(routes: &[Route]) -> Bytes {
    let mut bytes = Vec::new();
    prost::encoding::message::encode_repeated(hosts::ROUTES_FIELD, routes, &mut bytes);
    bytes.into()
}
