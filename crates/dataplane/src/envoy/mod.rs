//! Envoy: clusters and routes of its v3 API, for streams (ADS), polls (REST) and files.
//!
//! A cluster is a version of a policy; its name carries a hash of what it is, so that a changed URL
//! is a new cluster, which can be warm before the routes use it. The path of a version's URL is the
//! cluster's metadata, and routes put it before the path of requests: [`FLOOR`].
//!
//! Rejected: one route per version with `runtime_fraction` and `prefix_rewrite`, which older Envoys
//! understand; chance decides there, so clients do not keep their version.

mod bootstrap;
mod clusters;
mod edits;
mod files;
mod hosts;
mod matching;
pub mod messages;
mod paths;
mod pattern;
mod routes;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use traffic_manager_core::policy::{Host, PathPrefix};

pub use self::{
    bootstrap::{Transport, bootstrap},
    files::{RELOAD, files},
};
use self::{
    hosts::Claim,
    messages::{Any, Typed, cluster::Cluster, route::Route, route::RouteConfiguration},
};
use crate::{
    Rendered, Settings,
    model::{Model, PolicyModel},
    report::Findings,
};

/// The type url of clusters.
pub const CLUSTER_TYPE: &str = Cluster::TYPE;
/// The type url of route configurations.
pub const ROUTE_TYPE: &str = RouteConfiguration::TYPE;
/// The name of the route configuration.
pub const ROUTES: &str = "tm";
/// The lowest version of Envoy that understands the routes. Older ones take them and send requests
/// to wrong paths, without an error: they must not get any.
pub const FLOOR: (u32, u32) = (1, 37);

/// A resource of Envoy's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The resource's name, unique for its type.
    pub name: String,
    /// Lower-case hex that differs when the body differs.
    pub version: String,
    /// The resource as an encoded `google.protobuf.Any`.
    pub body: Bytes,
}

impl Resource {
    fn of<M: Typed>(name: &str, message: &M) -> Self {
        let body = Bytes::from(Any::of(message).encode_to_vec());
        Self {
            name: name.to_owned(),
            version: hash(&body),
            body,
        }
    }

    /// Returns the resource as proto3 JSON, with `@type`. Fails only for a body of another origin.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let any = Any::decode(self.body.clone())
            .map_err(<serde_json::Error as serde::ser::Error>::custom)?;
        serde_json::to_string(&any)
    }
}

/// Returns a text that differs when the bytes differ: the first half of their SHA-256, in hex.
fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// What an Envoy is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The model's version.
    pub version: String,
    /// The clusters, by name.
    pub clusters: BTreeMap<String, Resource>,
    /// The route configuration, by its name [`ROUTES`].
    pub routes: BTreeMap<String, Resource>,
}

impl Offer {
    /// Returns the offer with the clusters of an older one beside its own. Routes of both find
    /// their clusters there: this is what a proxy must have while it moves to new routes.
    pub fn with_clusters_of(&self, older: &Self) -> Self {
        let mut both = self.clone();
        for (name, cluster) in &older.clusters {
            both.clusters
                .entry(name.clone())
                .or_insert_with(|| cluster.clone());
        }
        both
    }
}

/// A policy with all that an Envoy needs of it.
struct Prepared<'a> {
    policy: &'a PolicyModel,
    clusters: Vec<Cluster>,
    /// The routes by the path prefix under which they are.
    routes: BTreeMap<&'a PathPrefix, Vec<Route>>,
    findings: Findings,
}

/// Renders a model. A host and prefix of a refused policy is answered with 503.
pub fn render(model: &Model, settings: &Settings) -> Rendered<Offer> {
    let mut claimed = BTreeSet::new();
    let prepared: Vec<_> = model
        .policies
        .iter()
        .map(|policy| prepared(policy, settings, &mut claimed))
        .collect();
    let clusters = prepared
        .iter()
        .filter(|one| !one.findings.is_refused())
        .flat_map(|one| &one.clusters)
        .map(|cluster| (cluster.name.clone(), Resource::of(&cluster.name, cluster)))
        .collect();
    let claims = prepared.iter().flat_map(|one| {
        one.policy.spec.claims().map(|(host, prefix)| Claim {
            host,
            prefix,
            routes: one
                .routes
                .get(prefix)
                .filter(|_| !one.findings.is_refused()),
        })
    });
    let routes = RouteConfiguration {
        name: ROUTES.to_owned(),
        virtual_hosts: hosts::virtual_hosts(claims),
        ignore_port_in_host_matching: true,
    };
    let document = Offer {
        version: model.version(),
        clusters,
        routes: BTreeMap::from([(ROUTES.to_owned(), Resource::of(ROUTES, &routes))]),
    };
    let report = prepared
        .into_iter()
        .map(|one| one.findings.report(one.policy))
        .collect();
    Rendered { document, report }
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

/// Prepares a policy. Adds its hosts and prefixes to `claimed`; those that are there already are
/// another policy's.
fn prepared<'a>(
    policy: &'a PolicyModel,
    settings: &Settings,
    claimed: &mut BTreeSet<(String, &'a str)>,
) -> Prepared<'a> {
    let mut findings = Findings::default();
    if policy.spec.hosts.is_empty() {
        findings.degrade("The policy has no hosts: no requests come to it through this proxy.");
    }
    for (host, prefix) in policy.spec.claims() {
        if !claimed.insert((spelled(host), prefix.as_str())) {
            findings.refuse(format!(
                "The host {host} with the prefix {} belongs to another policy too.",
                prefix.as_str(),
                host = host.as_str(),
            ));
        }
    }
    let clusters: Vec<_> = policy
        .upstreams
        .iter()
        .map(|upstream| clusters::cluster(policy, upstream, settings))
        .collect();
    let used = clusters::used(policy);
    for at in &used {
        clusters::check(&policy.upstreams[*at], &mut findings);
    }
    let names: Vec<_> = clusters.iter().map(|one| one.name.as_str()).collect();
    let is_too_large = routes_bytes(policy) > MAX_ROUTES_BYTES;
    if is_too_large {
        findings.refuse("The policy has too many routes: one for each host, prefix, and rule or version, each with all changes of headers.");
    }
    let routes = policy
        .spec
        .path_prefixes
        .iter()
        .filter(|_| !is_too_large)
        .map(|prefix| {
            let of_prefix = routes::of_prefix(policy, prefix, &names, &mut findings);
            (prefix, of_prefix)
        })
        .collect();
    let has_hosts = !policy.spec.hosts.is_empty();
    let clusters = clusters
        .into_iter()
        .enumerate()
        .filter(|(at, _)| has_hosts && used.contains(at))
        .map(|(_, cluster)| cluster)
        .collect();
    Prepared {
        policy,
        clusters,
        routes,
        findings,
    }
}

/// Returns a host in the one spelling in which Envoy compares it.
fn spelled(host: &Host) -> String {
    host.as_str().to_ascii_lowercase()
}
