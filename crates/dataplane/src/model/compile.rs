//! Compiles snapshots.

use traffic_manager_core::{
    ids::{PolicyName, VersionName},
    policy::{
        Outcome, Share,
        choice::VersionState,
        shares::{self, Run, SLOTS},
    },
    snapshot::{Scope, SnapshotPolicy, TenantSnapshot},
};
use url::{Host, Url};

use super::{Action, Model, PolicyModel, RuleModel, Target, Upstream};

impl Model {
    /// Compiles the policies of tenants, each in a scope.
    pub fn compile<'a>(sources: impl IntoIterator<Item = (&'a TenantSnapshot, &'a Scope)>) -> Self {
        let mut model = Self::default();
        for (snapshot, scope) in sources {
            model
                .sources
                .push((snapshot.tenant().clone(), snapshot.scope_tag(scope)));
            let policies = snapshot
                .policies()
                .filter(|policy| scope.has(&policy.name.service, &policy.name.env));
            model
                .policies
                .extend(policies.map(|policy| compiled(snapshot, policy)));
        }
        model.sources.sort_by(|(a, _), (b, _)| a.cmp(b));
        model
            .policies
            .sort_by(|a, b| (&a.tenant, &a.name).cmp(&(&b.tenant, &b.name)));
        model
    }
}

fn compiled(snapshot: &TenantSnapshot, policy: &SnapshotPolicy) -> PolicyModel {
    let SnapshotPolicy {
        name,
        spec,
        revision,
    } = policy;
    let versions = Versions::of(snapshot, name);
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
        tenant: snapshot.tenant().clone(),
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
    fn of(snapshot: &TenantSnapshot, name: &PolicyName) -> Self {
        let mut upstreams: Vec<_> = snapshot
            .routes_of(name)
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
