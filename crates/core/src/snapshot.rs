//! Snapshots, which proxies poll: one tenant's routes and policies at one revision, immutable.
//!
//! Objects are kept as RFC 8785 (JCS) too, sorted by service, env, version, with no clock in them:
//! the same revision gives the same bytes on every instance. Routes are grouped by service, and a
//! change copies one group and shares the others.

pub mod body;
pub mod confirmation;
mod service;
pub mod signature;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::service::{Digest, Part, Service};
use self::{
    confirmation::Confirmation,
    service::{Index, Touch},
};
use super::{
    event::{Change, Recorded},
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName},
    policy::{PolicySpec, pattern::Patterns},
    removal::ConfirmedRemoval,
    route::{Labels, RouteUrl},
    tag::{Revision, VersionTag},
};

/// The number of recent changes that a snapshot keeps, for callers that ask for the changes since a
/// tag.
const RECENT: usize = 128;

/// A route as a snapshot holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRoute {
    /// The route's name.
    #[serde(flatten)]
    pub name: RouteName,
    /// The target of the route's traffic.
    pub url: RouteUrl,
    /// Whether traffic may go to the route. A snapshot holds inactive routes, so that `resolve` can
    /// distinguish them from missing routes, but its bytes do not have them.
    pub is_active: bool,
    /// Free-form labels of the route.
    pub labels: Labels,
    /// The revision of the route's last change.
    pub revision: Revision,
}

/// A traffic policy as a snapshot holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPolicy {
    /// The policy's name.
    #[serde(flatten)]
    pub name: PolicyName,
    /// The policy's spec.
    #[serde(flatten)]
    pub spec: PolicySpec,
    /// The revision of the policy's last change.
    pub revision: Revision,
}

/// The content of a snapshot, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantContent {
    /// The epoch and the revision of the content.
    pub tag: VersionTag,
    /// Every route, active or not.
    pub routes: Vec<SnapshotRoute>,
    /// Every traffic policy.
    #[serde(default)]
    pub policies: Vec<SnapshotPolicy>,
    /// The newest revision that touched each service and environment, even if no object is left
    /// there.
    pub scopes: Vec<(ServiceName, EnvName, Revision)>,
    /// The tenant's own limit of waiters (long-polls and event streams); `None` means the default.
    #[serde(default)]
    pub waiters: Option<u32>,
    /// The newest removal of most routes that was confirmed where it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<ConfirmedRemoval>,
}

/// A part of a tenant: one service, one environment, both, or all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Only this service.
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// Only this environment.
    #[serde(default)]
    pub env: Option<EnvName>,
}

impl Scope {
    /// Whether the scope is the whole tenant.
    pub fn is_whole(&self) -> bool {
        self.service.is_none() && self.env.is_none()
    }

    /// Whether a route of this service and environment belongs to the scope.
    pub fn has(&self, service: &ServiceName, env: &EnvName) -> bool {
        self.service.as_ref().is_none_or(|mine| mine == service)
            && self.env.as_ref().is_none_or(|mine| mine == env)
    }
}

/// A recent change that a snapshot keeps.
#[derive(Debug)]
pub struct Recent {
    /// The revision of the change.
    pub revision: Revision,
    /// The service and environment of the changed object; `None` for a change of the tenant itself.
    pub place: Option<(ServiceName, EnvName)>,
    /// The event as it was published.
    pub json: Bytes,
}

impl Recent {
    /// Whether the change belongs to a scope. A change of the tenant itself belongs only to the
    /// scope of the whole tenant.
    pub fn is_in(&self, scope: &Scope) -> bool {
        self.place.as_ref().map_or_else(
            || scope.is_whole(),
            |(service, env)| scope.has(service, env),
        )
    }
}

/// A tenant at one revision.
#[derive(Debug, Clone)]
pub struct TenantSnapshot {
    tenant: TenantName,
    tag: VersionTag,
    /// Sorted by name.
    services: Vec<Arc<Service>>,
    index: Index,
    envs: BTreeMap<EnvName, Revision>,
    /// The recent changes: whole revisions, without a gap up to `tag`.
    recent: VecDeque<Arc<Recent>>,
    waiters: Option<u32>,
    confirmed: Option<Arc<ConfirmedRemoval>>,
}

/// The result of applying events to a snapshot.
#[derive(Debug)]
pub enum Applied {
    /// The events follow without a gap: the snapshot after them.
    Next(TenantSnapshot),
    /// The events end with the tenant's deletion.
    Ended,
    /// The snapshot has the events already.
    Known,
    /// Something is missing between the snapshot and the events, or the events belong to another
    /// epoch: load the tenant again.
    Gap,
}

impl TenantSnapshot {
    /// Builds a snapshot from stored content.
    pub fn new(tenant: TenantName, content: TenantContent) -> Result<Self, serde_json::Error> {
        let mut routes: BTreeMap<ServiceName, Vec<SnapshotRoute>> = BTreeMap::new();
        for route in content.routes {
            match routes.get_mut(&route.name.service) {
                Some(routes) => routes.push(route),
                None => drop(routes.insert(route.name.service.clone(), vec![route])),
            }
        }
        let mut services: BTreeMap<ServiceName, Service> = BTreeMap::new();
        for (name, routes) in routes {
            services.insert(name.clone(), Service::new(name).with(routes)?);
        }
        let mut policies: BTreeMap<ServiceName, Vec<SnapshotPolicy>> = BTreeMap::new();
        for policy in content.policies {
            policies
                .entry(policy.name.service.clone())
                .or_default()
                .push(policy);
        }
        for (name, policies) in policies {
            services
                .entry(name.clone())
                .or_insert_with(|| Service::new(name))
                .hold_policies(policies)?;
        }
        for (name, env, revision) in content.scopes {
            services
                .entry(name.clone())
                .or_insert_with(|| Service::new(name))
                .note(&env, revision);
        }
        let services: Vec<_> = services.into_values().map(Arc::new).collect();
        let mut envs = BTreeMap::new();
        for (env, revision) in services.iter().flat_map(|service| service.envs()) {
            let newest = envs.entry(env.clone()).or_insert(*revision);
            *newest = (*newest).max(*revision);
        }
        let index = Index::of(services.iter().map(|service| service.name.as_str()));
        Ok(Self {
            tenant,
            tag: content.tag,
            services,
            index,
            envs,
            recent: VecDeque::new(),
            waiters: content.waiters,
            confirmed: content.confirmed.map(Arc::new),
        })
    }

    /// The content of the snapshot, as it is stored.
    pub fn content(&self) -> TenantContent {
        let scopes = |service: &Arc<Service>| {
            let name = service.name.clone();
            service
                .envs()
                .to_vec()
                .into_iter()
                .map(move |(env, revision)| (name.clone(), env, revision))
        };
        TenantContent {
            tag: self.tag.clone(),
            routes: self
                .services
                .iter()
                .flat_map(|service| service.routes().cloned())
                .collect(),
            policies: self
                .services
                .iter()
                .flat_map(|service| service.policies().cloned())
                .collect(),
            scopes: self.services.iter().flat_map(scopes).collect(),
            waiters: self.waiters,
            confirmed: self.confirmed.as_deref().cloned(),
        }
    }

    /// The tenant's name.
    pub fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// The tenant's own limit of waiters; `None` means the default.
    pub fn waiters(&self) -> Option<u32> {
        self.waiters
    }

    /// The epoch and the revision of the snapshot.
    pub fn tag(&self) -> &VersionTag {
        &self.tag
    }

    /// Returns the statement about the newest confirmed removal for readers of a scope. `None` if the
    /// removal is not of this epoch, or newer than the scope: then it took nothing of the scope.
    pub fn confirmation(&self, scope: &Scope) -> Option<Confirmation> {
        let confirmed = self.confirmed.as_deref()?;
        let is_past = self.scope_tag(scope).covers(&confirmed.tag);
        is_past
            .then(|| Confirmation::of(confirmed, scope))
            .flatten()
    }

    /// The tag of a part, which changes only with an object in the part. The revision is 0 if
    /// nothing in the part ever changed.
    pub fn scope_tag(&self, scope: &Scope) -> VersionTag {
        self.tag_of(
            scope.service.as_ref().map(ServiceName::as_str),
            scope.env.as_ref().map(EnvName::as_str),
        )
    }

    /// Like [`Self::scope_tag`], for names that may be malformed. A malformed name has no routes.
    pub fn tag_of(&self, service: Option<&str>, env: Option<&str>) -> VersionTag {
        let revision = match (service, env) {
            (None, None) => Some(self.tag.revision),
            (None, Some(env)) => self.envs.get(env).copied(),
            (Some(service), env) => self
                .service(service)
                .and_then(|service| service.revision(env)),
        };
        VersionTag {
            epoch: self.tag.epoch.clone(),
            revision: revision.unwrap_or_default(),
        }
    }

    /// The number of routes, active or not.
    pub fn route_count(&self) -> usize {
        self.services
            .iter()
            .map(|service| service.routes().len())
            .sum()
    }

    /// Roughly the number of bytes that the snapshot takes in memory.
    pub fn weight(&self) -> usize {
        let recent: usize = self
            .recent
            .iter()
            .map(|recent| recent.json.len() + size_of::<Recent>())
            .sum();
        self.services
            .iter()
            .map(|service| service.weight())
            .sum::<usize>()
            + recent
            + size_of::<Self>()
    }

    /// The route of that name, active or not.
    pub fn get(&self, service: &str, env: &str, version: &str) -> Option<&SnapshotRoute> {
        self.service(service)?.get(env, version)
    }

    /// The traffic policy of a service in an environment.
    pub fn policy(&self, service: &str, env: &str) -> Option<&SnapshotPolicy> {
        self.service(service)?.policy(env)
    }

    /// The services, sorted by name. Two snapshots share those that are the same in both.
    pub fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    /// All traffic policies.
    pub fn policies(&self) -> impl Iterator<Item = &SnapshotPolicy> {
        self.services.iter().flat_map(|service| service.policies())
    }

    /// The routes of a service in an environment, active or not, in the order of their versions.
    pub fn routes_of(&self, name: &PolicyName) -> impl Iterator<Item = &SnapshotRoute> {
        self.service(name.service.as_str())
            .into_iter()
            .flat_map(|service| service.routes_in(&name.env))
    }

    /// The compiled patterns of a traffic policy, if they were compiled.
    pub fn patterns(&self, service: &str, env: &str) -> Option<&Patterns> {
        self.service(service)?.patterns(env)
    }

    /// Compiles the patterns of a traffic policy, once for all snapshots in which the policy is the
    /// same. Compiling takes time: never call it on a thread that serves requests. The snapshot
    /// weighs more afterwards.
    pub fn compile_patterns(&self, service: &str, env: &str) -> Option<&Patterns> {
        self.service(service)?.compile_patterns(env)
    }

    fn service(&self, name: &str) -> Option<&Arc<Service>> {
        let at = self
            .index
            .find(&name, |at| self.services[at].name.as_str() == name)?;
        Some(&self.services[at])
    }

    /// Returns the snapshot after `events` (of this tenant, in their order). It shares every
    /// service that the events do not touch. A revision of several items is applied whole or not at
    /// all.
    pub fn apply<'a>(
        &self,
        events: impl IntoIterator<Item = &'a Recorded>,
    ) -> Result<Applied, serde_json::Error> {
        let mut next: Option<Self> = None;
        let mut events = events.into_iter().peekable();
        while let Some(first) = events.next() {
            let body = &first.event.body;
            let tag = next.as_ref().map_or(&self.tag, |next| &next.tag);
            if body.epoch == tag.epoch && body.revision <= tag.revision {
                continue;
            }
            if body.epoch != tag.epoch || body.revision != tag.revision.next() || body.item != 0 {
                return Ok(Applied::Gap);
            }
            let mut revision = vec![first];
            while let Some(item) = events.next_if(|item| item.event.body.revision == body.revision)
            {
                revision.push(item);
            }
            if !is_whole(&revision) {
                return Ok(Applied::Gap);
            }
            if revision
                .iter()
                .any(|item| matches!(item.event.body.change, Change::Tenant { after: None, .. }))
            {
                return Ok(Applied::Ended);
            }
            next.get_or_insert_with(|| self.clone()).change(&revision)?;
        }
        Ok(next.map_or(Applied::Known, Applied::Next))
    }

    /// Returns the snapshot after one revision of a stream, of which `scope` is the part that the
    /// stream has. A stream of a part has only the part's items, and no revisions without any: so
    /// it may go from revision 3 to 7. In the stream of a whole tenant, that is a gap.
    pub fn follow(
        &self,
        revision: &[Recorded],
        scope: &Scope,
    ) -> Result<Applied, serde_json::Error> {
        if scope.is_whole() {
            return self.apply(revision);
        }
        let Some(first) = revision.first() else {
            return Ok(Applied::Known);
        };
        let tag = first.event.tag();
        if tag.epoch != self.tag.epoch || revision.iter().any(|item| item.event.tag() != tag) {
            return Ok(Applied::Gap);
        }
        if tag.revision <= self.tag.revision {
            return Ok(Applied::Known);
        }
        let mut next = self.clone();
        next.change(&revision.iter().collect::<Vec<_>>())?;
        Ok(Applied::Next(next))
    }

    fn change(&mut self, items: &[&Recorded]) -> Result<(), serde_json::Error> {
        let Some(revision) = items.first().map(|item| item.event.body.revision) else {
            return Ok(());
        };
        let mut touched: BTreeMap<&ServiceName, Vec<Touch<'_>>> = BTreeMap::new();
        for item in items {
            match &item.event.body.change {
                Change::Route { name, after, .. } => {
                    let after = after.as_ref().map(|spec| SnapshotRoute {
                        name: name.clone(),
                        url: spec.url.clone(),
                        is_active: spec.is_active,
                        labels: spec.labels.clone(),
                        revision,
                    });
                    touched
                        .entry(&name.service)
                        .or_default()
                        .push(Touch::Route(name, after));
                }
                Change::Policy { name, after, .. } => {
                    let after = after.as_ref().map(|spec| SnapshotPolicy {
                        name: name.clone(),
                        spec: spec.clone(),
                        revision,
                    });
                    touched
                        .entry(&name.service)
                        .or_default()
                        .push(Touch::Policy(name, after));
                }
                Change::Tenant { after, .. } => {
                    self.waiters = after.as_ref().and_then(|spec| spec.quotas.waiters)
                }
            }
            if let Some((_, env)) = item.event.body.change.place() {
                self.envs.insert(env.clone(), revision);
            }
            self.tag = item.event.tag();
            if let Some(removal) = &item.event.body.confirmed_removal {
                let (tag, removal) = (self.tag.clone(), removal.clone());
                self.confirmed = Some(Arc::new(ConfirmedRemoval { tag, removal }));
            }
        }
        let held = self.services.len();
        for (name, touches) in touched {
            match self.services.binary_search_by(|held| held.name.cmp(name)) {
                Ok(at) => {
                    self.services[at] = Arc::new(self.services[at].changed(revision, touches)?)
                }
                Err(at) => {
                    let new = Service::new(name.clone()).changed(revision, touches)?;
                    self.services.insert(at, Arc::new(new));
                }
            }
        }
        if self.services.len() != held {
            self.index = Index::of(self.services.iter().map(|service| service.name.as_str()));
        }
        self.remember(items);
        Ok(())
    }

    /// Remembers a revision, and forgets the oldest whole revisions if there are more changes than
    /// `RECENT`.
    fn remember(&mut self, items: &[&Recorded]) {
        if items.len() > RECENT {
            self.recent.clear();
            return;
        }
        for item in items {
            let body = &item.event.body;
            let place = body
                .change
                .place()
                .map(|(service, env)| (service.clone(), env.clone()));
            self.recent.push_back(Arc::new(Recent {
                revision: body.revision,
                place,
                json: item.json.clone(),
            }));
        }
        while self.recent.len() > RECENT {
            let Some(first) = self.recent.pop_front() else {
                return;
            };
            while self
                .recent
                .front()
                .is_some_and(|next| next.revision == first.revision)
            {
                self.recent.pop_front();
            }
        }
    }

    /// Returns the changes after a revision of this epoch; `None` if the snapshot no longer keeps
    /// all of them.
    pub fn changes_after(&self, revision: Revision) -> Option<impl Iterator<Item = &Arc<Recent>>> {
        let reaches = match self.recent.front() {
            Some(first) => revision.next() >= first.revision,
            None => revision >= self.tag.revision,
        };
        reaches.then(|| {
            self.recent
                .iter()
                .filter(move |recent| recent.revision > revision)
        })
    }

    /// Returns the kept changes, the oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &Arc<Recent>> {
        self.recent.iter()
    }

    /// Returns the newest of the kept changes that touched a scope, up to a revision.
    pub fn touched(&self, scope: &Scope, up_to: Revision) -> Option<Revision> {
        let touched = |recent: &&Arc<Recent>| recent.revision <= up_to && recent.is_in(scope);
        let newest = self.recent.iter().rev().find(touched);
        newest.map(|recent| recent.revision)
    }

    /// The active routes and the policies of a scope, as canonical JSON.
    pub fn listing(&self, scope: &Scope) -> Listing<'_> {
        let parts: Vec<_> = self
            .services_of(scope)
            .iter()
            .filter_map(|service| service.part_of(scope.env.as_ref()))
            .collect();
        Listing {
            digest: digest_of_all(parts.iter().map(|part| part.digest)),
            parts,
        }
    }

    /// The [`Listing::digest`] of a scope.
    pub fn digest(&self, scope: &Scope) -> Digest {
        let services = self.services_of(scope).iter();
        digest_of_all(services.filter_map(|service| service.digest_of(scope.env.as_ref())))
    }

    fn services_of(&self, scope: &Scope) -> &[Arc<Service>] {
        match &scope.service {
            Some(name) => self
                .service(name.as_str())
                .map(std::slice::from_ref)
                .unwrap_or_default(),
            None => self.services.as_slice(),
        }
    }
}

/// The active routes and the policies of a scope.
pub struct Listing<'a> {
    /// SHA-256 over the digests of the services, in order. A service's digest is the SHA-256 over
    /// the digests of its routes and then of its policies, in order. An object's digest is the
    /// SHA-256 of its JCS bytes.
    pub digest: Digest,
    /// The parts of the services that have any of these objects, sorted by service.
    pub parts: Vec<Part<'a>>,
}

fn digest_of_all(services: impl Iterator<Item = Digest>) -> Digest {
    let sum = services.fold(Sha256::new(), |sum, digest| sum.chain_update(digest));
    sum.finalize().into()
}

/// Whether these are all items of their revision, in their order.
fn is_whole(items: &[&Recorded]) -> bool {
    items.iter().zip(0_u32..).all(|(item, at)| {
        item.event.body.item == at && item.event.body.items as usize == items.len()
    })
}

#[cfg(test)]
mod tests;
