//! Which policy has each host and path prefix, and which routes a virtual host gets.
//!
//! Envoy looks for a route in one virtual host only: of an exact host, else of the longest wildcard.
//! So each has the routes of all wildcards that cover it after its own. The hosts of a policy that has all of
//! their requests share a virtual host, which Envoy keeps in memory once.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, hash_map::Entry},
};

use traffic_manager_core::policy::{Host, PathPrefix, PolicySpec};

/// A policy that claims hosts. `R`: its routes under one path prefix, as they are written.
#[derive(Debug)]
pub(super) struct Claimant<'a, R> {
    /// The policy.
    pub spec: &'a PolicySpec,
    /// Its hosts, in the one spelling in which Envoy compares them.
    pub hosts: &'a [String],
    /// The routes under each of its path prefixes, in their order. `None`: its requests are answered with 503.
    pub routes: Option<&'a [R]>,
    /// It stands in the place of the policy's present form, and may claim what another policy has by now: it
    /// loses that, and nothing else.
    pub is_instead: bool,
}

/// A host and path prefix with the place of the policy that has it.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    host: &'a str,
    prefix: &'a PathPrefix,
    at: usize,
    /// The place of the host in the policy.
    host_at: usize,
    /// The place of the path prefix in the policy.
    prefix_at: usize,
}

/// A host of a policy, with the places of both.
struct HostOf<'a> {
    name: &'a str,
    at: usize,
    host_at: usize,
}

/// Hosts with the same routes.
#[derive(Debug)]
pub(super) struct VirtualHost<'a, 'claims> {
    /// The first of the hosts, whose name the virtual host has.
    pub name: &'a str,
    /// The other hosts.
    pub others: Vec<&'a str>,
    /// The claims of the first host. There is at least one.
    claims: &'claims [Claim<'a>],
}

/// A part of a virtual host: what becomes of the requests under one path prefix.
#[derive(Debug)]
pub(super) enum Part<'a, R> {
    /// The routes of a policy.
    Of(&'a R),
    /// The answer for the requests of a refused policy.
    Refused(&'a PathPrefix),
    /// The answer for requests that no policy takes.
    NoRoute,
}

/// Why policies cannot be served, by their places.
pub(super) type Conflicts = BTreeMap<usize, Vec<String>>;

/// The claims of all policies. Of two policies that claim the same host and path prefix the first
/// one has it, and the other is refused.
#[derive(Debug)]
pub(super) struct Table<'a, R> {
    claimants: Vec<Claimant<'a, R>>,
    /// By host; of one host the longest path prefix first.
    claims: Vec<Claim<'a>>,
    /// Where the claims of each wildcard begin, by the text after its `*`.
    wildcards: HashMap<&'a str, usize>,
    conflicts: Conflicts,
}

impl<'a, R> Table<'a, R> {
    /// Returns the claims of policies.
    pub(super) fn of(claimants: impl IntoIterator<Item = Claimant<'a, R>>) -> Self {
        let claimants: Vec<_> = claimants.into_iter().collect();
        let mut claims = Vec::with_capacity(claimants.len());
        for of_name in sorted(&claimants).chunk_by(|a, b| a.name == b.name) {
            let first = claims.len();
            for HostOf { name, at, host_at } in of_name {
                let prefixes = claimants[*at].spec.path_prefixes.iter().enumerate();
                claims.extend(prefixes.map(|(prefix_at, prefix)| Claim {
                    host: name,
                    prefix,
                    at: *at,
                    host_at: *host_at,
                    prefix_at,
                }));
            }
            // Stable: of equal claims the first one stays the first.
            claims[first..].sort_by_key(|claim| {
                let prefix = claim.prefix.as_str();
                (Reverse(prefix.len()), prefix)
            });
        }
        let conflicts = conflicts(&mut claims, &claimants);
        let mut wildcards = HashMap::new();
        for (at, claim) in claims.iter().enumerate() {
            if let Some(base) = claim.host.strip_prefix('*') {
                wildcards.entry(base).or_insert(at);
            }
        }
        Self {
            claimants,
            claims,
            wildcards,
            conflicts,
        }
    }

    /// Whether another policy has a claim of the policy at this place.
    pub(super) fn is_refused(&self, at: usize) -> bool {
        self.conflicts.contains_key(&at)
    }

    /// Whether the policy at this place stands in the place of its present form.
    pub(super) fn is_instead(&self, at: usize) -> bool {
        self.claimants[at].is_instead
    }

    /// Returns the policies that are refused, with the reasons.
    pub(super) fn into_conflicts(self) -> Conflicts {
        self.conflicts
    }

    /// Returns the virtual hosts, in the order of their names.
    pub(super) fn virtual_hosts(&self) -> Vec<VirtualHost<'a, '_>> {
        let mut hosts: Vec<VirtualHost<'a, '_>> = Vec::with_capacity(self.claimants.len());
        let mut of_policies = HashMap::new();
        for claims in self.claims.chunk_by(|a, b| a.host == b.host) {
            let Some(first) = claims.first() else {
                continue;
            };
            if self.claimants[first.at].hosts.len() > 1 && has_all_requests(claims) {
                match of_policies.entry(first.at) {
                    Entry::Occupied(place) => {
                        let host: &mut VirtualHost<'_, '_> = &mut hosts[*place.get()];
                        host.others.push(first.host);
                        continue;
                    }
                    Entry::Vacant(place) => place.insert(hosts.len()),
                };
            }
            hosts.push(VirtualHost {
                name: first.host,
                others: Vec::new(),
                claims,
            });
        }
        hosts
    }

    /// Adds the parts of a virtual host.
    pub(super) fn parts(&self, of: &VirtualHost<'a, '_>, parts: &mut Vec<Part<'a, R>>) {
        let above = above(of.name).filter_map(|base| self.of_wildcard(base));
        for claim in std::iter::once(of.claims).chain(above).flatten() {
            parts.push(self.part(claim));
            if claim.prefix.as_str() == "/" {
                return;
            }
        }
        parts.push(Part::NoRoute);
    }

    fn of_wildcard(&self, base: &str) -> Option<&[Claim<'a>]> {
        let claims = self.claims.get(*self.wildcards.get(base)?..)?;
        claims.chunk_by(|a, b| a.host == b.host).next()
    }

    fn part(&self, claim: &Claim<'a>) -> Part<'a, R> {
        let routes = self.claimants[claim.at].routes;
        let routes = routes.filter(|_| !self.is_refused(claim.at));
        match routes.and_then(|routes| routes.get(claim.prefix_at)) {
            Some(routes) => Part::Of(routes),
            None => Part::Refused(claim.prefix),
        }
    }
}

/// Whether all requests to a host belong to one policy, under the same path prefixes as those of its other
/// hosts.
fn has_all_requests(claims: &[Claim<'_>]) -> bool {
    let has_rest = claims
        .last()
        .is_some_and(|last| last.prefix.as_str() == "/");
    has_rest && claims.iter().all(|claim| claim.at == claims[0].at)
}

/// Returns the hosts of all policies in their order; of one host, that of the first policy first.
fn sorted<'a, R>(claimants: &[Claimant<'a, R>]) -> Vec<HostOf<'a>> {
    let mut hosts = Vec::with_capacity(claimants.len());
    let most = claimants.iter().map(|one| one.hosts.len()).max();
    // The first hosts of policies are nearly in order already, which makes the sorting cheap.
    for host_at in 0..most.unwrap_or_default() {
        for (at, claimant) in claimants.iter().enumerate() {
            if let Some(name) = claimant.hosts.get(host_at) {
                hosts.push(HostOf { name, at, host_at });
            }
        }
    }
    let rank = |host: &HostOf<'_>| (claimants[host.at].is_instead, host.at);
    hosts.sort_by(|a, b| a.name.cmp(b.name).then_with(|| rank(a).cmp(&rank(b))));
    hosts
}

/// Leaves the first of equal claims, and returns the policies that have others.
fn conflicts<R>(claims: &mut Vec<Claim<'_>>, claimants: &[Claimant<'_, R>]) -> Conflicts {
    let mut conflicts = Conflicts::new();
    claims.dedup_by(|second, first| {
        let is_taken = second.prefix == first.prefix && second.host == first.host;
        if is_taken && !claimants[second.at].is_instead {
            let host = &claimants[second.at].spec.hosts[second.host_at];
            let why = conflict(host, second.prefix);
            conflicts.entry(second.at).or_default().push(why);
        }
        is_taken
    });
    conflicts
}

fn conflict(host: &Host, prefix: &PathPrefix) -> String {
    let (host, prefix) = (host.as_str(), prefix.as_str());
    format!("The host {host} with the prefix {prefix} belongs to another policy too.")
}

/// Returns what comes after the `*` of the wildcards that cover a host, longer ones first.
fn above(host: &str) -> impl Iterator<Item = &str> {
    let base = host.strip_prefix("*.").unwrap_or(host);
    base.match_indices('.').map(move |(at, _)| &base[at..])
}
