//! Compiles snapshots.

use std::{collections::BTreeMap, sync::Arc};

use traffic_manager_core::{
    ids::{PolicyName, TenantName, VersionName},
    policy::{
        Outcome, Share,
        choice::VersionState,
        shares::{self, Run, SLOTS},
    },
    snapshot::{Scope, Service, SnapshotPolicy, TenantSnapshot},
};
use url::{Host, Url};

use super::{Action, Model, PolicyModel, RuleModel, Target, Upstream};

/// Compiles one state of some tenants after the other. Policies that are the same in two states, with
/// the same versions, are compiled once, and both models share them.
#[derive(Debug, Clone, Default)]
pub struct Compiler {
    scope: Scope,
    last: BTreeMap<TenantName, Vec<Compiled>>,
}

/// A service with its compiled policies.
type Compiled = (Arc<Service>, Vec<Arc<PolicyModel>>);

impl Compiler {
    /// Compiles the policies of a scope.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            last: BTreeMap::new(),
        }
    }

    /// Compiles a state of the tenants.
    pub fn compile<'a>(
        &mut self,
        snapshots: impl IntoIterator<Item = &'a TenantSnapshot>,
    ) -> Model {
        let mut model = Model::default();
        let mut last = std::mem::take(&mut self.last);
        let mut snapshots: Vec<_> = snapshots.into_iter().collect();
        // The services of a tenant and the policies of a service are sorted already.
        snapshots.sort_by(|a, b| a.tenant().cmp(b.tenant()));
        for snapshot in snapshots {
            let tenant = snapshot.tenant();
            let tag = snapshot.scope_tag(&self.scope);
            model.sources.push((tenant.clone(), tag));
            let services = self.services(snapshot, last.remove(tenant).unwrap_or_default());
            let policies = services.iter().flat_map(|(_, policies)| policies);
            model.policies.extend(policies.cloned());
            self.last.insert(tenant.clone(), services);
        }
        debug_assert!(
            model
                .policies
                .is_sorted_by(|a, b| { (&a.tenant, &a.name) < (&b.tenant, &b.name) })
        );
        model
    }

    fn services(&self, snapshot: &TenantSnapshot, last: Vec<Compiled>) -> Vec<Compiled> {
        let mut last = last.into_iter().peekable();
        let compiled = |service: &Arc<Service>| {
            while last.next_if(|(old, _)| old.name < service.name).is_some() {}
            let before = last.next_if(|(old, _)| old.name == service.name);
            match before {
                Some(same) if Arc::ptr_eq(&same.0, service) => same,
                before => {
                    let before = before.map(|(_, policies)| policies).unwrap_or_default();
                    let policies = self.policies(snapshot.tenant(), service, &before);
                    (service.clone(), policies)
                }
            }
        };
        let services = snapshot.services().iter();
        services.map(compiled).collect()
    }

    fn policies(
        &self,
        tenant: &TenantName,
        service: &Service,
        before: &[Arc<PolicyModel>],
    ) -> Vec<Arc<PolicyModel>> {
        let in_scope = service
            .policies()
            .filter(|policy| self.scope.has(&policy.name.service, &policy.name.env));
        in_scope
            .map(|policy| {
                let versions = Versions::of(service, &policy.name);
                let is_same = |old: &&Arc<PolicyModel>| {
                    old.name == policy.name
                        && old.revision == policy.revision
                        && old.upstreams == versions.upstreams
                        && old.spec == policy.spec
                };
                match before.iter().find(is_same) {
                    Some(same) => same.clone(),
                    None => Arc::new(compiled(tenant, versions, policy)),
                }
            })
            .collect()
    }
}

impl Model {
    /// Compiles the policies of tenants in a scope.
    pub fn compile<'a>(
        snapshots: impl IntoIterator<Item = &'a TenantSnapshot>,
        scope: &Scope,
    ) -> Self {
        Compiler::new(scope.clone()).compile(snapshots)
    }
}

fn compiled(tenant: &TenantName, versions: Versions, policy: &SnapshotPolicy) -> PolicyModel {
    let SnapshotPolicy {
        name,
        spec,
        revision,
    } = policy;
    let or_spare = |action: Option<Action>| action.unwrap_or_else(|| spare(&versions, policy));
    let rules = spec
        .rules
        .iter()
        .map(|rule| RuleModel {
            name: rule.name.replace(char::is_control, " "),
            matching: rule.matching.clone(),
            action: match &rule.outcome {
                Outcome::Redirect(redirect) => Action::Redirect(redirect.clone()),
                Outcome::Respond(respond) => Action::Respond(respond.clone()),
                Outcome::Version(version) => or_spare(versions.at(version).map(whole)),
                Outcome::Split(split) => or_spare(shared(&versions, policy, split)),
            },
        })
        .collect();
    let mirror = spec
        .mirror
        .as_ref()
        .and_then(|mirror| Some((versions.at(&mirror.version)?, mirror.share)));
    PolicyModel {
        tenant: tenant.clone(),
        name: name.clone(),
        revision: *revision,
        spec: spec.clone(),
        default: or_spare(shared(&versions, policy, &spec.split)),
        rules,
        mirror,
        upstreams: versions.upstreams,
    }
}

/// The active versions of a service in an environment.
struct Versions {
    upstreams: Vec<Upstream>,
}

impl Versions {
    fn of(service: &Service, name: &PolicyName) -> Self {
        let mut upstreams: Vec<_> = service
            .routes_in(&name.env)
            .filter(|route| route.is_active)
            .filter_map(|route| upstream(&route.name.version, route.url.as_str()))
            .collect();
        upstreams.sort_by(|a, b| a.version.cmp(&b.version));
        Self { upstreams }
    }

    fn at(&self, version: &VersionName) -> Option<usize> {
        self.upstreams
            .binary_search_by(|upstream| upstream.version.cmp(version))
            .ok()
    }

    fn state(&self, version: &VersionName) -> VersionState {
        match self.at(version) {
            Some(_) => VersionState::Active,
            None => VersionState::Inactive,
        }
    }
}

fn whole(upstream: usize) -> Action {
    Action::To(vec![Target {
        upstream,
        slots: SLOTS,
    }])
}

/// Returns where a split sends requests; `None` if none of its versions can take them, nor one of
/// the failover order.
fn shared(versions: &Versions, policy: &SnapshotPolicy, split: &[Share]) -> Option<Action> {
    let state = |version: &VersionName| versions.state(version);
    let runs = shares::by_state(split, &policy.spec.failover, state);
    let mut targets: Vec<Target> = Vec::with_capacity(runs.len());
    for Run { target, slots, .. } in runs {
        let upstream = versions.at(target)?;
        match targets.last_mut() {
            Some(last) if last.upstream == upstream => last.slots += slots,
            _ => targets.push(Target { upstream, slots }),
        }
    }
    (!targets.is_empty()).then_some(Action::To(targets))
}

/// Returns where requests go whose own version is not active: to the first active version of the
/// failover order, or by the policy's split.
fn spare(versions: &Versions, policy: &SnapshotPolicy) -> Action {
    let spec = &policy.spec;
    match spec
        .failover
        .iter()
        .find_map(|version| versions.at(version))
    {
        Some(at) => whole(at),
        None => shared(versions, policy, &spec.split).unwrap_or(Action::Nowhere),
    }
}

fn is_of_a_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._".contains(&b)
}

/// Returns the address of a version; `None` if its URL cannot be read, which only a stored URL from
/// before today's rules can be.
fn upstream(version: &VersionName, raw: &str) -> Option<Upstream> {
    let url = Url::parse(raw).ok()?;
    let is_tls = url.scheme() == "https";
    let (host, is_address, shown) = match url.host()? {
        // A stored URL from before today's rules may have a host that means something in a
        // configuration.
        Host::Domain(name) if !name.bytes().all(is_of_a_name) => return None,
        Host::Domain(name) => (name.to_owned(), false, name.to_owned()),
        Host::Ipv4(address) => (address.to_string(), true, address.to_string()),
        Host::Ipv6(address) => (address.to_string(), true, format!("[{address}]")),
    };
    let authority = match url.port() {
        Some(port) => format!("{shown}:{port}"),
        None => shown,
    };
    Some(Upstream {
        version: version.clone(),
        is_tls,
        host,
        is_address,
        port: url.port_or_known_default()?,
        authority,
        base: url.path().trim_end_matches('/').to_owned(),
        query: url.query().map(str::to_owned),
    })
}
