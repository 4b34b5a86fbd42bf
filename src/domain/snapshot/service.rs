//! One service's routes within a snapshot: what a change copies, and what it shares.

use std::{
    hash::{BuildHasher as _, Hash},
    ops::Range,
    sync::{Arc, LazyLock},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::SnapshotRoute;
use crate::domain::{
    chain,
    ids::{EnvName, RouteName, ServiceName, VersionName},
    route::{Labels, RouteUrl},
    tag::Revision,
};

/// A SHA-256.
pub type Digest = [u8; 32];

/// A route with its digest.
#[derive(Debug)]
struct Held {
    route: SnapshotRoute,
    /// Of its fragment; `None` while it is inactive.
    digest: Option<Digest>,
}

/// The routes of one service, with their JSON ready. Kept when the last route is gone: its scopes still have revisions.
#[derive(Debug)]
pub struct Service {
    pub name: ServiceName,
    /// The newest revision in each environment, sorted by it.
    envs: Vec<(EnvName, Revision)>,
    /// Sorted by environment and version.
    routes: Vec<Arc<Held>>,
    index: Index,
    /// The JSON of the active routes, each followed by a comma.
    fragments: Vec<u8>,
    /// Where each route's part of `fragments` ends; an inactive one's is empty.
    ends: Vec<usize>,
    /// [`Service::digest`] of all of it.
    digest: Option<Digest>,
}

/// A route in the snapshot's body, its members in the order of RFC 8785.
#[derive(Serialize)]
struct RouteBytes<'a> {
    env: &'a EnvName,
    labels: &'a Labels,
    revision: Revision,
    service: &'a ServiceName,
    url: &'a RouteUrl,
    version: &'a VersionName,
}

impl Service {
    /// A service without routes.
    pub fn new(name: ServiceName) -> Self {
        Self {
            name,
            envs: Vec::new(),
            routes: Vec::new(),
            index: Index::default(),
            fragments: Vec::new(),
            ends: Vec::new(),
            digest: None,
        }
    }

    /// The service with these routes, in any order.
    pub fn with(mut self, mut routes: Vec<SnapshotRoute>) -> Result<Self, serde_json::Error> {
        routes.sort_unstable_by(|a, b| key(&a.name).cmp(&key(&b.name)));
        for route in routes {
            self.note(&route.name.env, route.revision);
            let (held, fragment) = hold(route)?;
            self.fragments.extend_from_slice(&fragment);
            self.ends.push(self.fragments.len());
            self.routes.push(Arc::new(held));
        }
        self.finish(true);
        Ok(self)
    }

    /// Notes that a revision touched an environment.
    pub fn note(&mut self, env: &EnvName, revision: Revision) {
        match self.envs.binary_search_by(|(held, _)| held.cmp(env)) {
            Ok(at) => self.envs[at].1 = self.envs[at].1.max(revision),
            Err(at) => self.envs.insert(at, (env.clone(), revision)),
        }
    }

    /// The service after a change of one route: everything else is copied or shared, and nothing of it is serialised again.
    pub fn changed(&self, name: &RouteName, revision: Revision, after: Option<SnapshotRoute>) -> Result<Self, serde_json::Error> {
        let found = self.routes.binary_search_by(|held| key(&held.route.name).cmp(&key(name)));
        let (at, is_held) = match found {
            Ok(at) => (at, true),
            Err(at) => (at, false),
        };
        let is_kept = after.is_some();
        let (new, fragment) = after.map(hold).transpose()?.unzip();
        let fragment = fragment.unwrap_or_default();
        let old = if is_held { self.part(at..at + 1) } else { self.start(at)..self.start(at) };
        let mut next = Self {
            name: self.name.clone(),
            envs: self.envs.clone(),
            routes: self.routes.clone(),
            index: Index::default(),
            fragments: Vec::with_capacity(self.fragments.len() + fragment.len() - old.len()),
            ends: self.ends.clone(),
            digest: None,
        };
        next.note(&name.env, revision);
        next.fragments.extend_from_slice(&self.fragments[..old.start]);
        next.fragments.extend_from_slice(&fragment);
        next.fragments.extend_from_slice(&self.fragments[old.end..]);
        let removed = usize::from(is_held);
        next.routes.splice(at..at + removed, new.map(Arc::new));
        next.ends.splice(at..at + removed, is_kept.then_some(old.start + fragment.len()));
        for end in &mut next.ends[at + usize::from(is_kept)..] {
            *end = *end + fragment.len() - old.len();
        }
        if is_held == is_kept {
            next.index = self.index.clone();
        }
        next.finish(is_held != is_kept);
        Ok(next)
    }

    fn finish(&mut self, reindex: bool) {
        if reindex {
            self.index = Index::of(self.routes.iter().map(|held| key(&held.route.name)));
        }
        self.digest = digest(self.routes.iter());
    }

    /// The route of that environment and version, active or not.
    pub fn get(&self, env: &str, version: &str) -> Option<&SnapshotRoute> {
        let at = self.index.find(&(env, version), |at| key(&self.routes[at].route.name) == (env, version))?;
        Some(&self.routes[at].route)
    }

    /// The newest revision that touched the service, in one environment or in any.
    pub fn revision(&self, env: Option<&str>) -> Option<Revision> {
        let of = |(name, revision): &(EnvName, Revision)| env.is_none_or(|env| env == name.as_str()).then_some(*revision);
        self.envs.iter().filter_map(of).max()
    }

    /// Its environments with their newest revisions.
    pub fn envs(&self) -> &[(EnvName, Revision)] {
        &self.envs
    }

    /// All routes, active or not.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = &SnapshotRoute> {
        self.routes.iter().map(|held| &held.route)
    }

    /// The JSON of the active routes, each followed by a comma, and their digest: SHA-256 over the SHA-256 of each. `None` without
    /// active routes.
    pub fn active(&self, env: Option<&EnvName>) -> Option<(&[u8], Digest)> {
        let Some(env) = env else { return self.digest.map(|digest| (self.fragments.as_slice(), digest)) };
        let from = self.routes.partition_point(|held| held.route.name.env < *env);
        let to = self.routes.partition_point(|held| held.route.name.env <= *env);
        let digest = digest(self.routes[from..to].iter())?;
        Some((&self.fragments[self.part(from..to)], digest))
    }

    /// Roughly how many bytes it holds in memory.
    pub fn weight(&self) -> usize {
        // A route's URL and labels are in its fragment once more; the rest is its record, its place in the lists, and allocations.
        2 * self.fragments.len() + self.routes.len() * (size_of::<Held>() + 48) + self.envs.len() * 40 + size_of::<Self>()
    }

    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends[at - 1] }
    }

    fn part(&self, routes: Range<usize>) -> Range<usize> {
        self.start(routes.start)..self.start(routes.end)
    }
}

fn key(name: &RouteName) -> (&str, &str) {
    (name.env.as_str(), name.version.as_str())
}

/// A route as it is held, and its part of the fragments.
fn hold(route: SnapshotRoute) -> Result<(Held, Vec<u8>), serde_json::Error> {
    if !route.is_active {
        return Ok((Held { route, digest: None }, Vec::new()));
    }
    let SnapshotRoute { name: RouteName { service, env, version }, url, labels, revision, is_active: _ } = &route;
    let mut fragment = chain::in_order(&RouteBytes { env, labels, revision: *revision, service, url, version })?;
    let digest = Some(Sha256::digest(&fragment).into());
    fragment.push(b',');
    Ok((Held { route, digest }, fragment))
}

fn digest<'a>(routes: impl Iterator<Item = &'a Arc<Held>>) -> Option<Digest> {
    let mut digests = routes.filter_map(|held| held.digest.as_ref()).peekable();
    digests.peek()?;
    Some(digests.fold(Sha256::new(), |sum, digest| sum.chain_update(digest)).finalize().into())
}

/// Where keys stand in a sorted list. A lookup touches few cache lines, where a binary search would touch many.
#[derive(Debug, Clone, Default)]
pub struct Index(HashTable<u32>);

/// Seeded once for each process, so that nobody outside can choose names that collide.
static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);

impl Index {
    /// The index of a list of keys. Only the first 2^32 are found, more than a snapshot can hold.
    pub fn of<K: Hash>(keys: impl ExactSizeIterator<Item = K>) -> Self {
        let mut table = HashTable::with_capacity(keys.len());
        let hashes: Vec<u64> = keys.map(|key| HASHER.hash_one(key)).collect();
        for (at, hash) in (0_u32..).zip(&hashes) {
            table.insert_unique(*hash, at, |at| hashes[*at as usize]);
        }
        Self(table)
    }

    /// Where `key` stands, if `is_it` knows it there.
    pub fn find<K: Hash>(&self, key: &K, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        self.0.find(HASHER.hash_one(key), |at| is_it(*at as usize)).map(|at| *at as usize)
    }
}
