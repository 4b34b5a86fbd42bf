//! Policies as Envoys get them, each by itself, and offers that are composed of such forms.
//!
//! A form depends on its policy alone, so a policy that did not change keeps its form, and one that
//! an Envoy refuses can be replaced by an older form or by none.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use traffic_manager_core::{
    ids::{PolicyName, TenantName},
    policy::{Host, PathPrefix},
    tag::VersionTag,
};

use super::{Offer, Resource, clusters, hex_half, hosts, messages::route::Route, routes};
use crate::{
    Settings,
    model::{Model, PolicyModel},
    report::{Findings, Report},
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
    /// The tenant's tag when the form was made: in the history at this tag is what it is made of.
    pub since: VersionTag,
    pub(super) clusters: Vec<Arc<Resource>>,
    /// The hosts in the one spelling in which Envoy compares them.
    pub(super) hosts: Vec<String>,
    /// The encoded routes under each of the policy's path prefixes. `None`: this proxy cannot take the
    /// policy, and answers its requests with 503.
    pub(super) routes: Option<BTreeMap<PathPrefix, Bytes>>,
    findings: Findings,
}

impl Form {
    /// Returns the form for an Envoy that takes no other form of the policy: its requests are
    /// answered with 503.
    pub fn without_routes(&self) -> Self {
        Self {
            key: self.key.clone(),
            policy: self.policy.clone(),
            hash: String::new(),
            since: self.since.clone(),
            clusters: Vec::new(),
            hosts: self.hosts.clone(),
            routes: None,
            findings: self.findings.clone(),
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
        let routes = self.routes.iter().flatten().map(|(_, routes)| routes.len());
        clusters.chain(routes).sum::<usize>() + 512
    }

    /// Whether a text names the policy: routes and clusters have its name.
    pub fn is_named_in(&self, text: &str) -> bool {
        text.contains(&self.key.to_string())
    }

    fn of(policy: &Arc<PolicyModel>, since: &VersionTag, settings: &Settings) -> Self {
        let mut findings = Findings::default();
        let (clusters, routes) = rendered(policy, settings, &mut findings);
        let is_refused = findings.is_refused();
        let mut form = Self {
            key: PolicyKey {
                tenant: policy.tenant.clone(),
                name: policy.name.clone(),
            },
            policy: policy.clone(),
            hash: String::new(),
            since: since.clone(),
            clusters: if is_refused { Vec::new() } else { clusters },
            hosts: policy.spec.hosts.iter().map(spelled).collect(),
            routes: (!is_refused).then_some(routes),
            findings,
        };
        form.hash = form.digest();
        form
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        self.hosts.iter().for_each(|host| add(host.as_bytes()));
        for cluster in &self.clusters {
            add(&cluster.body);
        }
        for (prefix, routes) in self.routes.iter().flatten() {
            add(prefix.as_str().as_bytes());
            add(routes);
        }
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
    last: Vec<Arc<Form>>,
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
            let name = (&policy.tenant, &policy.name);
            while last
                .next_if(|old| (&old.key.tenant, &old.key.name) < name)
                .is_some()
            {}
            let old = last.next_if(|old| (&old.key.tenant, &old.key.name) == name);
            if let Some(same) = old.as_ref().filter(|old| Arc::ptr_eq(&old.policy, policy)) {
                return Some(same.clone());
            }
            let new = Form::of(policy, tags.get(&policy.tenant)?, &self.settings);
            let is_same = |old: &Arc<Form>| {
                old.hash == new.hash && old.policy.revision == new.policy.revision
            };
            Some(old.filter(is_same).unwrap_or_else(|| Arc::new(new)))
        };
        self.last = model.policies.iter().filter_map(form).collect();
        Forms {
            version: model.version(),
            all: self.last.clone(),
        }
    }
}

/// An offer that was composed of forms.
#[derive(Debug)]
pub struct Composed {
    /// The offer.
    pub offer: Offer,
    /// What became of each policy.
    pub report: Report,
}

/// Composes an offer. Of two policies that claim the same host and prefix the first one has it, and
/// the other is refused.
pub fn compose(version: String, forms: &[Arc<Form>]) -> Composed {
    let (table, conflicts) = claims(forms);
    let refused: BTreeSet<usize> = conflicts.iter().map(|(at, _)| *at).collect();
    let clusters = forms
        .iter()
        .enumerate()
        .filter(|(at, _)| !refused.contains(at))
        .flat_map(|(_, form)| &form.clusters)
        .map(|cluster| (cluster.name.clone(), cluster.clone()))
        .collect();
    let routes = hosts::configuration(&table, forms, &refused);
    let mut findings: BTreeMap<usize, Findings> = BTreeMap::new();
    for (at, why) in conflicts {
        findings.entry(at).or_default().refuse(why);
    }
    let report = forms.iter().enumerate().map(|(at, form)| {
        let mut all = form.findings.clone();
        all.add(findings.remove(&at).unwrap_or_default());
        all.report(&form.policy)
    });
    Composed {
        report: report.collect(),
        offer: Offer {
            version,
            clusters,
            routes: BTreeMap::from([(routes.name.clone(), Arc::new(routes))]),
        },
    }
}

/// The place of the form that has each path prefix of a host.
pub(super) type OfHost<'a> = BTreeMap<&'a PathPrefix, usize>;
/// What each host leads to.
pub(super) type Table<'a> = BTreeMap<&'a str, OfHost<'a>>;

/// Returns the hosts of all forms, and which forms claim what another one has.
fn claims(forms: &[Arc<Form>]) -> (Table<'_>, Vec<(usize, String)>) {
    let (mut table, mut conflicts) = (Table::new(), Vec::new());
    for (at, form) in forms.iter().enumerate() {
        let spec = &form.policy.spec;
        for (host, written) in form.hosts.iter().zip(&spec.hosts) {
            let of_host = table.entry(host).or_default();
            for prefix in &spec.path_prefixes {
                match of_host.entry(prefix) {
                    Entry::Vacant(free) => drop(free.insert(at)),
                    Entry::Occupied(_) => conflicts.push((at, conflict(written, prefix))),
                }
            }
        }
    }
    (table, conflicts)
}

fn conflict(host: &Host, prefix: &PathPrefix) -> String {
    let (host, prefix) = (host.as_str(), prefix.as_str());
    format!("The host {host} with the prefix {prefix} belongs to another policy too.")
}

/// The most memory that the routes of one policy may take, roughly.
const MAX_ROUTES_BYTES: usize = 32 * 1024 * 1024;

/// Returns roughly how much memory the routes of a policy take: Envoy has no routes that several
/// hosts share.
fn routes_bytes(policy: &PolicyModel) -> usize {
    let spec = &policy.spec;
    let edits = spec.request_headers.iter().chain(&spec.response_headers);
    let edits: usize = edits
        .flat_map(|edits| &edits.set)
        .map(|(name, value)| name.as_str().len() + value.as_str().len() + 64)
        .sum();
    let named = match &spec.version_header {
        Some(_) => policy.upstreams.len() + 1,
        None => 0,
    };
    let routes = policy.rules.len() + named + 1;
    let places = spec.hosts.len().saturating_mul(spec.path_prefixes.len());
    places.saturating_mul(routes).saturating_mul(512 + edits)
}

/// Returns the clusters and the encoded routes of a policy.
fn rendered(
    policy: &PolicyModel,
    settings: &Settings,
    findings: &mut Findings,
) -> (Vec<Arc<Resource>>, BTreeMap<PathPrefix, Bytes>) {
    let has_hosts = !policy.spec.hosts.is_empty();
    if !has_hosts {
        findings.degrade("The policy has no hosts: no requests come to it through this proxy.");
    }
    let made: Vec<_> = policy
        .upstreams
        .iter()
        .map(|upstream| clusters::cluster(policy, upstream, settings))
        .collect();
    let used = clusters::used(policy);
    for at in &used {
        clusters::check(&policy.upstreams[*at], findings);
    }
    let names: Vec<_> = made.iter().map(|one| one.name.as_str()).collect();
    let is_too_large = routes_bytes(policy) > MAX_ROUTES_BYTES;
    if is_too_large {
        findings.refuse("The policy has too many routes: one for each host, prefix, and rule or version, each with all changes of headers.");
    }
    let prefixes = policy.spec.path_prefixes.iter();
    let routes = prefixes.filter(|_| !is_too_large).map(|prefix| {
        let of_prefix = routes::of_prefix(policy, prefix, &names, findings);
        (prefix.clone(), encoded(&of_prefix))
    });
    let routes = routes.collect();
    let clusters = made
        .iter()
        .enumerate()
        .filter(|(at, _)| has_hosts && used.contains(at))
        .map(|(_, cluster)| Arc::new(Resource::of(&cluster.name, cluster)));
    (clusters.collect(), routes)
}

/// Returns routes as they are in the encoding of a virtual host.
pub(super) fn encoded(routes: &[Route]) -> Bytes {
    let mut bytes = Vec::new();
    prost::encoding::message::encode_repeated(hosts::ROUTES_FIELD, routes, &mut bytes);
    bytes.into()
}

/// Returns a host in the one spelling in which Envoy compares it.
fn spelled(host: &Host) -> String {
    host.as_str().to_ascii_lowercase()
}
