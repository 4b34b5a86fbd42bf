//! The virtual hosts of all policies.
//!
//! Envoy looks for a route in one virtual host only: of an exact host, else of the longest wildcard.
//! So each has the routes of all wildcards that cover it after its own.

use std::collections::BTreeMap;

use traffic_manager_core::policy::{Host, PathPrefix};

use super::{
    matching,
    messages::route::{Route, RouteMatch, VirtualHost},
    routes, spelled,
};

/// A part of a host's paths, with the routes of the policy that owns it; `None` if the policy was
/// refused.
pub(super) struct Claim<'a> {
    pub(super) host: &'a Host,
    pub(super) prefix: &'a PathPrefix,
    pub(super) routes: Option<&'a Vec<Route>>,
}

type OfHost<'a> = BTreeMap<&'a PathPrefix, Option<&'a Vec<Route>>>;

/// Returns one virtual host for each host, and one for all others, which has no routes but an
/// answer. Of two claims of one host and prefix the first counts.
pub(super) fn virtual_hosts<'a>(claims: impl Iterator<Item = Claim<'a>>) -> Vec<VirtualHost> {
    let mut hosts: BTreeMap<String, OfHost<'a>> = BTreeMap::new();
    for claim in claims {
        hosts
            .entry(spelled(claim.host))
            .or_default()
            .entry(claim.prefix)
            .or_insert(claim.routes);
    }
    let mut made: Vec<_> = hosts
        .keys()
        .map(|host| VirtualHost {
            name: host.clone(),
            domains: vec![host.clone()],
            routes: routes_of(host, &hosts),
        })
        .collect();
    made.push(VirtualHost {
        name: "*".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![routes::no_route()],
    });
    made
}

fn routes_of(host: &str, hosts: &BTreeMap<String, OfHost<'_>>) -> Vec<Route> {
    let mut all = Vec::new();
    for of_host in covering(host).filter_map(|name| hosts.get(name.as_str())) {
        for (prefix, routes) in longest_first(of_host) {
            match routes {
                Some(routes) => all.extend(routes.iter().cloned()),
                None => all.push(routes::refused(prefix)),
            }
            if prefix.as_str() == "/" {
                return all;
            }
        }
    }
    all.push(routes::no_route());
    all
}

fn longest_first<'a, 'b>(
    of_host: &'b OfHost<'a>,
) -> impl Iterator<Item = (&'a PathPrefix, Option<&'a Vec<Route>>)> + 'b {
    let mut parts: Vec<_> = of_host
        .iter()
        .map(|(prefix, routes)| (*prefix, *routes))
        .collect();
    // Stable: prefixes of one length stay in their order.
    parts.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.as_str().len()));
    parts.into_iter()
}

/// Returns a host and the wildcards that cover it, longer ones first.
fn covering(host: &str) -> impl Iterator<Item = String> {
    let base = host.strip_prefix("*.").unwrap_or(host);
    let wildcards = base
        .match_indices('.')
        .map(|(at, _)| format!("*{}", &base[at..]));
    std::iter::once(host.to_owned()).chain(wildcards.collect::<Vec<_>>())
}

/// Returns a match of every request.
pub(super) fn everything() -> RouteMatch {
    matching::under(&PathPrefix::default())
}
