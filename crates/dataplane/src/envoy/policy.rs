//! What Envoys get of one policy, as messages.

use super::{
    clusters,
    messages::{cluster::Cluster, route::Route},
    routes,
};
use crate::{Settings, model::PolicyModel, report::Findings};

/// What Envoys get of a policy.
#[derive(Debug)]
pub(super) struct Messages {
    pub clusters: Vec<Cluster>,
    /// The routes under each of the policy's path prefixes, in their order. `None`: the policy is refused.
    pub routes: Option<Vec<Vec<Route>>>,
}

/// Returns what Envoys get of a policy.
pub(super) fn messages(
    policy: &PolicyModel,
    settings: &Settings,
    findings: &mut Findings,
) -> Messages {
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
    let routes = prefixes
        .filter(|_| !is_too_large)
        .map(|prefix| routes::of_prefix(policy, prefix, &names, findings));
    let routes = routes.collect();
    if findings.is_refused() {
        return Messages {
            clusters: Vec::new(),
            routes: None,
        };
    }
    let clusters = made.into_iter().enumerate();
    let clusters = clusters.filter(|(at, _)| has_hosts && used.contains(at));
    Messages {
        clusters: clusters.map(|(_, cluster)| cluster).collect(),
        routes: Some(routes),
    }
}

/// Returns the hosts of a policy, each in the one spelling in which Envoy compares it.
pub(super) fn hosts(policy: &PolicyModel) -> Vec<String> {
    let hosts = policy.spec.hosts.iter();
    hosts
        .map(|host| host.as_str().to_ascii_lowercase())
        .collect()
}

/// The most memory that the routes of one policy may take, roughly.
const MAX_ROUTES_BYTES: usize = 32 * 1024 * 1024;

/// Returns roughly how much memory the routes of a policy take, if its hosts share none: another policy may
/// have some of the requests to each of them.
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
