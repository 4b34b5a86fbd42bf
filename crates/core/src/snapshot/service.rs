//! The routes and policies of one service within a snapshot. A change copies one service and shares
//! the others.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, Hash},
    ops::Range,
    sync::{Arc, LazyLock, OnceLock},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{SnapshotPolicy, SnapshotRoute};
use crate::{
    chain,
    ids::{EnvName, PolicyName, RouteName, ServiceName, VersionName},
    policy::{json::Named, pattern::Patterns},
    route::{Labels, RouteUrl},
    tag::Revision,
};

/// A SHA-256 digest, 32 bytes.
pub type Digest = [u8; 32];

/// A route with its digest.
#[derive(Debug)]
struct HeldRoute {
    route: SnapshotRoute,
    /// The digest of the route's fragment; `None` while the route is inactive.
    digest: Option<Digest>,
}

/// A traffic policy with its JSON, followed by a comma, and the digest of that JSON.
#[derive(Debug)]
struct HeldPolicy {
    policy: SnapshotPolicy,
    fragment: Vec<u8>,
    digest: Digest,
    /// The policy's patterns: compiled when a request first needs them, and kept until the policy
    /// changes.
    patterns: OnceLock<Patterns>,
}

impl HeldPolicy {
    fn weight(&self) -> usize {
        3 * self.fragment.len() + size_of::<Self>() + self.patterns.get().map_or(0, Patterns::size)
    }
}

/// A change of a revision to one object of a service.
pub enum Touch<'a> {
    /// The route's state after the revision; `None` if it was deleted.
    Route(&'a RouteName, Option<SnapshotRoute>),
    /// The traffic policy's state after the revision; `None` if it was deleted.
    Policy(&'a PolicyName, Option<SnapshotPolicy>),
}

/// The active routes and the policies of one service.
pub struct Part<'a> {
    /// The JCS bytes of its active routes, each followed by a comma.
    pub routes: &'a [u8],
    /// The JCS bytes of its policies, each followed by a comma.
    pub policies: Vec<u8>,
    /// SHA-256 over the digests of the routes and then of the policies.
    pub digest: Digest,
}

/// The routes and policies of one service, with their JSON ready. A service is kept when its last
/// route is deleted: its scopes still have revisions.
#[derive(Debug)]
pub struct Service {
    /// The name.
    pub name: ServiceName,
    /// The newest revision in each environment, sorted by environment.
    envs: Vec<(EnvName, Revision)>,
    /// The routes, sorted by environment and version.
    routes: Vec<Arc<HeldRoute>>,
    index: Index,
    /// The JSON of the active routes, each followed by a comma.
    fragments: Vec<u8>,
    /// The end of each route's part of `fragments`. The part of an inactive route is empty.
    ends: Vec<usize>,
    policies: BTreeMap<EnvName, Arc<HeldPolicy>>,
    /// The [`digest`] of all active routes and policies.
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
    /// Creates a service without routes and policies.
    pub fn new(name: ServiceName) -> Self {
        Self {
            name,
            envs: Vec::new(),
            routes: Vec::new(),
            index: Index::default(),
            fragments: Vec::new(),
            ends: Vec::new(),
            policies: BTreeMap::new(),
            digest: None,
        }
    }

    /// Adds routes, given in any order.
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

    /// Records that a revision changed an environment.
    pub fn note(&mut self, env: &EnvName, revision: Revision) {
        match self.envs.binary_search_by(|(held, _)| held.cmp(env)) {
            Ok(at) => self.envs[at].1 = self.envs[at].1.max(revision),
            Err(at) => self.envs.insert(at, (env.clone(), revision)),
        }
    }

    /// Adds policies. Each replaces the policy of its environment.
    pub fn hold_policies(
        &mut self,
        policies: Vec<SnapshotPolicy>,
    ) -> Result<(), serde_json::Error> {
        policies
            .into_iter()
            .try_for_each(|policy| self.hold_policy(policy))?;
        self.finish(false);
        Ok(())
    }

    fn hold_policy(&mut self, policy: SnapshotPolicy) -> Result<(), serde_json::Error> {
        self.note(&policy.name.env, policy.revision);
        let env = policy.name.env.clone();
        let mut fragment = chain::in_order(&Named {
            name: &policy.name,
            revision: policy.revision,
            spec: &policy.spec,
        })?;
        let digest = Sha256::digest(&fragment).into();
        fragment.push(b',');
        self.policies.insert(
            env,
            Arc::new(HeldPolicy {
                policy,
                fragment,
                digest,
                patterns: OnceLock::new(),
            }),
        );
        Ok(())
    }

    /// Returns the service after a revision. A change of one route copies the service, and
    /// serialises only that route again.
    pub fn changed(
        &self,
        revision: Revision,
        mut touches: Vec<Touch<'_>>,
    ) -> Result<Self, serde_json::Error> {
        if touches.len() == 1
            && let Some(Touch::Route(name, after)) =
                touches.pop_if(|touch| matches!(touch, Touch::Route(..)))
        {
            return self.changed_route(name, revision, after);
        }
        let mut routes: BTreeMap<&RouteName, SnapshotRoute> = BTreeMap::new();
        let (mut policies, mut envs) = (self.policies.clone(), Vec::new());
        let mut new_policies = Vec::new();
        let touches_routes = touches
            .iter()
            .any(|touch| matches!(touch, Touch::Route(..)));
        if touches_routes {
            routes.extend(self.routes().map(|route| (&route.name, route.clone())));
        }
        for touch in touches {
            match touch {
                Touch::Route(name, after) => {
                    envs.push(name.env.clone());
                    match after {
                        Some(route) => routes.insert(name, route),
                        None => routes.remove(name),
                    };
                }
                Touch::Policy(name, after) => {
                    envs.push(name.env.clone());
                    policies.remove(&name.env);
                    new_policies.extend(after);
                }
            }
        }
        let empty = Self {
            envs: self.envs.clone(),
            policies,
            ..Self::new(self.name.clone())
        };
        let mut next = if touches_routes {
            empty.with(routes.into_values().collect())?
        } else {
            empty.with_routes_of(self)
        };
        next.hold_policies(new_policies)?;
        envs.iter().for_each(|env| next.note(env, revision));
        Ok(next)
    }

    /// Copies all routes of another service value.
    fn with_routes_of(mut self, other: &Self) -> Self {
        self.routes = other.routes.clone();
        self.index = other.index.clone();
        self.fragments = other.fragments.clone();
        self.ends = other.ends.clone();
        self.finish(false);
        self
    }

    /// Returns the service after a change of one route. Everything else is copied or shared, and
    /// not serialised again.
    fn changed_route(
        &self,
        name: &RouteName,
        revision: Revision,
        after: Option<SnapshotRoute>,
    ) -> Result<Self, serde_json::Error> {
        let found = self
            .routes
            .binary_search_by(|held| key(&held.route.name).cmp(&key(name)));
        let (at, is_held) = match found {
            Ok(at) => (at, true),
            Err(at) => (at, false),
        };
        let is_kept = after.is_some();
        let (new, fragment) = after.map(hold).transpose()?.unzip();
        let fragment = fragment.unwrap_or_default();
        let old = if is_held {
            self.part(at..at + 1)
        } else {
            self.start(at)..self.start(at)
        };
        let mut next = Self {
            name: self.name.clone(),
            envs: self.envs.clone(),
            routes: self.routes.clone(),
            index: Index::default(),
            fragments: Vec::with_capacity(self.fragments.len() + fragment.len() - old.len()),
            ends: self.ends.clone(),
            policies: self.policies.clone(),
            digest: None,
        };
        next.note(&name.env, revision);
        next.fragments
            .extend_from_slice(&self.fragments[..old.start]);
        next.fragments.extend_from_slice(&fragment);
        next.fragments.extend_from_slice(&self.fragments[old.end..]);
        let removed = usize::from(is_held);
        next.routes.splice(at..at + removed, new.map(Arc::new));
        next.ends.splice(
            at..at + removed,
            is_kept.then_some(old.start + fragment.len()),
        );
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
        self.digest = digest(&self.routes, self.policies.values());
    }

    /// Returns the route of that environment and version, active or not.
    pub fn get(&self, env: &str, version: &str) -> Option<&SnapshotRoute> {
        let at = self.index.find(&(env, version), |at| {
            key(&self.routes[at].route.name) == (env, version)
        })?;
        Some(&self.routes[at].route)
    }

    /// Returns the traffic policy of an environment.
    pub fn policy(&self, env: &str) -> Option<&SnapshotPolicy> {
        self.policies.get(env).map(|held| &held.policy)
    }

    /// Returns the compiled patterns of an environment's policy, if they were compiled already.
    pub fn patterns(&self, env: &str) -> Option<&Patterns> {
        self.policies.get(env)?.patterns.get()
    }

    /// Returns the patterns of an environment's policy, and compiles them on the first call. If
    /// several threads call, one compiles and the others wait for it.
    pub fn compile_patterns(&self, env: &str) -> Option<&Patterns> {
        let held = self.policies.get(env)?;
        Some(
            held.patterns
                .get_or_init(|| Patterns::of(&held.policy.spec.rules)),
        )
    }

    /// Returns all traffic policies, sorted by environment.
    pub fn policies(&self) -> impl Iterator<Item = &SnapshotPolicy> {
        self.policies.values().map(|held| &held.policy)
    }

    /// Returns the newest revision that changed the service, in one environment or in any.
    pub fn revision(&self, env: Option<&str>) -> Option<Revision> {
        let of = |(name, revision): &(EnvName, Revision)| {
            env.is_none_or(|env| env == name.as_str())
                .then_some(*revision)
        };
        self.envs.iter().filter_map(of).max()
    }

    /// Returns the environments with their newest revisions, sorted by environment.
    pub fn envs(&self) -> &[(EnvName, Revision)] {
        &self.envs
    }

    /// Returns the routes of an environment, active or not.
    pub fn routes_in(&self, env: &EnvName) -> impl Iterator<Item = &SnapshotRoute> {
        self.routes[self.of_env(env)].iter().map(|held| &held.route)
    }

    fn of_env(&self, env: &EnvName) -> Range<usize> {
        let held = |held: &Arc<HeldRoute>| held.route.name.env.cmp(env);
        let from = self.routes.partition_point(|route| held(route).is_lt());
        let to = self.routes.partition_point(|route| held(route).is_le());
        from..to
    }

    /// Returns all routes, active or not.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = &SnapshotRoute> {
        self.routes.iter().map(|held| &held.route)
    }

    /// Returns the digest of the service's [`Part`], for one environment or for all. `None` if it has no active
    /// routes and no policies there.
    pub fn digest_of(&self, env: Option<&EnvName>) -> Option<Digest> {
        let Some(env) = env else {
            return self.digest;
        };
        let routes = &self.routes[self.of_env(env)];
        digest(routes, self.policies.get(env).into_iter())
    }

    /// Returns the service's part of a snapshot's body, for one environment or for all. `None` if
    /// it has no active routes and no policies there.
    pub fn part_of(&self, env: Option<&EnvName>) -> Option<Part<'_>> {
        let digest = self.digest_of(env)?;
        let Some(env) = env else {
            let policies = self
                .policies
                .values()
                .flat_map(|held| held.fragment.iter().copied())
                .collect();
            return Some(Part {
                routes: &self.fragments,
                policies,
                digest,
            });
        };
        let policy = self.policies.get(env);
        let policies = policy.map(|held| held.fragment.clone()).unwrap_or_default();
        Some(Part {
            routes: &self.fragments[self.part(self.of_env(env))],
            policies,
            digest,
        })
    }

    /// Returns roughly how many bytes the service takes in memory.
    pub fn weight(&self) -> usize {
        // A route's URL and labels are held twice, once in the route and once in its fragment. The
        // rest is its record, its place in the lists, and allocations.
        2 * self.fragments.len()
            + self.routes.len() * (size_of::<HeldRoute>() + 48)
            + self.envs.len() * 40
            + size_of::<Self>()
            + self
                .policies
                .values()
                .map(|held| held.weight())
                .sum::<usize>()
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

/// Returns a route with its digest, and its part of the fragments.
fn hold(route: SnapshotRoute) -> Result<(HeldRoute, Vec<u8>), serde_json::Error> {
    if !route.is_active {
        return Ok((
            HeldRoute {
                route,
                digest: None,
            },
            Vec::new(),
        ));
    }
    let SnapshotRoute {
        name: RouteName {
            service,
            env,
            version,
        },
        url,
        labels,
        revision,
        is_active: _,
    } = &route;
    let mut fragment = chain::in_order(&RouteBytes {
        env,
        labels,
        revision: *revision,
        service,
        url,
        version,
    })?;
    let digest = Some(Sha256::digest(&fragment).into());
    fragment.push(b',');
    Ok((HeldRoute { route, digest }, fragment))
}

/// Returns the SHA-256 over the digests of the active routes and then of the policies; `None` if
/// there are none.
fn digest<'a>(
    routes: &[Arc<HeldRoute>],
    policies: impl Iterator<Item = &'a Arc<HeldPolicy>>,
) -> Option<Digest> {
    let routes = routes.iter().filter_map(|held| held.digest.as_ref());
    let mut digests = routes.chain(policies.map(|held| &held.digest)).peekable();
    digests.peek()?;
    Some(
        digests
            .fold(Sha256::new(), |sum, digest| sum.chain_update(digest))
            .finalize()
            .into(),
    )
}

/// A hash index of the positions of keys in a sorted list. A lookup touches few cache lines; a
/// binary search would touch many.
#[derive(Debug, Clone, Default)]
pub struct Index(HashTable<u32>);

/// The hasher of all indexes, seeded once for each process. So callers cannot choose names that
/// collide.
static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);

impl Index {
    /// Builds the index of a list of keys. It finds only the first 2^32 keys, which is more than a
    /// snapshot can hold.
    pub fn of<K: Hash>(keys: impl ExactSizeIterator<Item = K>) -> Self {
        let mut table = HashTable::with_capacity(keys.len());
        let hashes: Vec<u64> = keys.map(|key| HASHER.hash_one(key)).collect();
        for (at, hash) in (0_u32..).zip(&hashes) {
            table.insert_unique(*hash, at, |at| hashes[*at as usize]);
        }
        Self(table)
    }

    /// Returns the position of `key`, if `is_it` confirms the key at that position.
    pub fn find<K: Hash>(&self, key: &K, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        self.0
            .find(HASHER.hash_one(key), |at| is_it(*at as usize))
            .map(|at| *at as usize)
    }
}
