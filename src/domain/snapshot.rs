//! What proxies poll: one tenant's routes at one revision, immutable.
//!
//! The bytes are RFC 8785 (JCS), sorted by service, env, version, with no clock in them: the same revision gives the same bytes on
//! every instance. Routes are grouped by service, and a change copies one group and shares the others.

mod service;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::service::{Index, Service, Touch};
use super::{
    event::{Change, Recorded},
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName},
    policy::{PolicySpec, pattern::Patterns},
    route::{Labels, RouteUrl},
    tag::{Revision, VersionTag},
};

/// Changes that a snapshot remembers, for those who ask what happened since a tag.
const RECENT: usize = 128;

/// One route as a snapshot holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRoute {
    /// Its name.
    #[serde(flatten)]
    pub name: RouteName,
    /// Where traffic goes.
    pub url: RouteUrl,
    /// Inactive routes are held, so that `resolve` can tell them from missing ones, but are not in the bytes.
    pub is_active: bool,
    /// Free-form labels.
    pub labels: Labels,
    /// The revision of its last change.
    pub revision: Revision,
}

/// One traffic policy as a snapshot holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPolicy {
    /// Its name.
    #[serde(flatten)]
    pub name: PolicyName,
    /// What it says.
    #[serde(flatten)]
    pub spec: PolicySpec,
    /// The revision of its last change.
    pub revision: Revision,
}

/// What a snapshot is made of, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantContent {
    /// At which revision of which history.
    pub tag: VersionTag,
    /// Every route, active or not.
    pub routes: Vec<SnapshotRoute>,
    /// Every traffic policy.
    #[serde(default)]
    pub policies: Vec<SnapshotPolicy>,
    /// The newest revision that touched each service and environment, also where nothing is left.
    pub scopes: Vec<(ServiceName, EnvName, Revision)>,
    /// The tenant's own limit of those who wait for it.
    #[serde(default)]
    pub waiters: Option<u32>,
}

/// A part of a tenant: one service, one environment, both, or all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Whether it is the whole tenant.
    pub fn is_whole(&self) -> bool {
        self.service.is_none() && self.env.is_none()
    }

    /// Whether a route of that service and environment belongs to it.
    pub fn has(&self, service: &ServiceName, env: &EnvName) -> bool {
        self.service.as_ref().is_none_or(|mine| mine == service) && self.env.as_ref().is_none_or(|mine| mine == env)
    }
}

/// A change that a snapshot remembers.
#[derive(Debug)]
pub struct Recent {
    /// The revision that it made.
    pub revision: Revision,
    /// The service and environment that it was about, unless it was about the tenant itself.
    pub place: Option<(ServiceName, EnvName)>,
    /// The event, as it was published.
    pub json: Bytes,
}

impl Recent {
    /// Whether it belongs to a scope. What is about the tenant itself belongs to the whole of it.
    pub fn is_in(&self, scope: &Scope) -> bool {
        self.place.as_ref().map_or_else(|| scope.is_whole(), |(service, env)| scope.has(service, env))
    }
}

/// One tenant at one revision.
#[derive(Debug, Clone)]
pub struct TenantSnapshot {
    tenant: TenantName,
    tag: VersionTag,
    /// Sorted by name.
    services: Vec<Arc<Service>>,
    index: Index,
    envs: BTreeMap<EnvName, Revision>,
    /// The last changes, whole revisions, without a gap up to `tag`.
    recent: VecDeque<Arc<Recent>>,
    waiters: Option<u32>,
}

/// What events do to a snapshot.
#[derive(Debug)]
pub enum Applied {
    /// They follow without a gap: the snapshot after them.
    Next(TenantSnapshot),
    /// They end the tenant.
    Ended,
    /// The snapshot holds them already.
    Known,
    /// Something is missing between the snapshot and the events, or they are of another history: load the tenant anew.
    Gap,
}

impl TenantSnapshot {
    /// A snapshot of what is stored.
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
            policies.entry(policy.name.service.clone()).or_default().push(policy);
        }
        for (name, policies) in policies {
            services.entry(name.clone()).or_insert_with(|| Service::new(name)).hold_policies(policies)?;
        }
        for (name, env, revision) in content.scopes {
            services.entry(name.clone()).or_insert_with(|| Service::new(name)).note(&env, revision);
        }
        let services: Vec<_> = services.into_values().map(Arc::new).collect();
        let mut envs = BTreeMap::new();
        for (env, revision) in services.iter().flat_map(|service| service.envs()) {
            let newest = envs.entry(env.clone()).or_insert(*revision);
            *newest = (*newest).max(*revision);
        }
        let index = Index::of(services.iter().map(|service| service.name.as_str()));
        Ok(Self { tenant, tag: content.tag, services, index, envs, recent: VecDeque::new(), waiters: content.waiters })
    }

    /// What it was made of.
    pub fn content(&self) -> TenantContent {
        let scopes = |service: &Arc<Service>| {
            let name = service.name.clone();
            service.envs().to_vec().into_iter().map(move |(env, revision)| (name.clone(), env, revision))
        };
        TenantContent {
            tag: self.tag.clone(),
            routes: self.services.iter().flat_map(|service| service.routes().cloned()).collect(),
            policies: self.services.iter().flat_map(|service| service.policies().cloned()).collect(),
            scopes: self.services.iter().flat_map(scopes).collect(),
            waiters: self.waiters,
        }
    }

    /// Whose.
    pub fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// The tenant's own limit of those who wait for it.
    pub fn waiters(&self) -> Option<u32> {
        self.waiters
    }

    /// At which revision of which history.
    pub fn tag(&self) -> &VersionTag {
        &self.tag
    }

    /// The tag of a part: it moves only when something in the part moves. Revision 0 if nothing ever did.
    pub fn scope_tag(&self, scope: &Scope) -> VersionTag {
        self.tag_of(scope.service.as_ref().map(ServiceName::as_str), scope.env.as_ref().map(EnvName::as_str))
    }

    /// The same for names that may not be well-formed, and so have no routes.
    pub fn tag_of(&self, service: Option<&str>, env: Option<&str>) -> VersionTag {
        let revision = match (service, env) {
            (None, None) => Some(self.tag.revision),
            (None, Some(env)) => self.envs.get(env).copied(),
            (Some(service), env) => self.service(service).and_then(|service| service.revision(env)),
        };
        VersionTag { epoch: self.tag.epoch.clone(), revision: revision.unwrap_or_default() }
    }

    /// How many routes it holds, active or not.
    pub fn route_count(&self) -> usize {
        self.services.iter().map(|service| service.routes().len()).sum()
    }

    /// Roughly how many bytes it holds in memory.
    pub fn weight(&self) -> usize {
        let recent: usize = self.recent.iter().map(|recent| recent.json.len() + size_of::<Recent>()).sum();
        self.services.iter().map(|service| service.weight()).sum::<usize>() + recent + size_of::<Self>()
    }

    /// The route of that name, active or not.
    pub fn get(&self, service: &str, env: &str, version: &str) -> Option<&SnapshotRoute> {
        self.service(service)?.get(env, version)
    }

    /// The traffic policy of a service in an environment.
    pub fn policy(&self, service: &str, env: &str) -> Option<&SnapshotPolicy> {
        self.service(service)?.policy(env)
    }

    /// The compiled patterns of a traffic policy, if they were compiled.
    pub fn patterns(&self, service: &str, env: &str) -> Option<&Patterns> {
        self.service(service)?.patterns(env)
    }

    /// Compiles them, once for all snapshots in which the policy is the same. That takes time: never call it on a thread that serves. The snapshot weighs more
    /// afterwards.
    pub fn compile_patterns(&self, service: &str, env: &str) -> Option<&Patterns> {
        self.service(service)?.compile_patterns(env)
    }

    fn service(&self, name: &str) -> Option<&Arc<Service>> {
        let at = self.index.find(&name, |at| self.services[at].name.as_str() == name)?;
        Some(&self.services[at])
    }

    /// The snapshot after `events` (of this tenant, in their order), sharing every service that they do not touch. A revision of several
    /// items is taken whole or not at all.
    pub fn apply<'a>(&self, events: impl IntoIterator<Item = &'a Recorded>) -> Result<Applied, serde_json::Error> {
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
            while let Some(item) = events.next_if(|item| item.event.body.revision == body.revision) {
                revision.push(item);
            }
            if !is_whole(&revision) {
                return Ok(Applied::Gap);
            }
            if revision.iter().any(|item| matches!(item.event.body.change, Change::Tenant { after: None, .. })) {
                return Ok(Applied::Ended);
            }
            next.get_or_insert_with(|| self.clone()).change(&revision)?;
        }
        Ok(next.map_or(Applied::Known, Applied::Next))
    }

    fn change(&mut self, items: &[&Recorded]) -> Result<(), serde_json::Error> {
        let Some(revision) = items.first().map(|item| item.event.body.revision) else { return Ok(()) };
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
                    touched.entry(&name.service).or_default().push(Touch::Route(name, after));
                }
                Change::Policy { name, after, .. } => {
                    let after = after.as_ref().map(|spec| SnapshotPolicy { name: name.clone(), spec: spec.clone(), revision });
                    touched.entry(&name.service).or_default().push(Touch::Policy(name, after));
                }
                Change::Tenant { after, .. } => self.waiters = after.as_ref().and_then(|spec| spec.quotas.waiters),
            }
            if let Some((_, env)) = item.event.body.change.place() {
                self.envs.insert(env.clone(), revision);
            }
            self.tag = item.event.tag();
        }
        let held = self.services.len();
        for (name, touches) in touched {
            match self.services.binary_search_by(|held| held.name.cmp(name)) {
                Ok(at) => self.services[at] = Arc::new(self.services[at].changed(revision, touches)?),
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

    /// Remembers a revision, and forgets whole revisions when these are too many changes.
    fn remember(&mut self, items: &[&Recorded]) {
        if items.len() > RECENT {
            self.recent.clear();
            return;
        }
        for item in items {
            let body = &item.event.body;
            let place = body.change.place().map(|(service, env)| (service.clone(), env.clone()));
            self.recent.push_back(Arc::new(Recent { revision: body.revision, place, json: item.json.clone() }));
        }
        while self.recent.len() > RECENT {
            let Some(first) = self.recent.pop_front() else { return };
            while self.recent.front().is_some_and(|next| next.revision == first.revision) {
                self.recent.pop_front();
            }
        }
    }

    /// What happened after a revision of this history, if it is remembered from there on without a gap.
    pub fn changes_after(&self, revision: Revision) -> Option<impl Iterator<Item = &Arc<Recent>>> {
        let reaches = match self.recent.front() {
            Some(first) => revision.next() >= first.revision,
            None => revision >= self.tag.revision,
        };
        reaches.then(|| self.recent.iter().filter(move |recent| recent.revision > revision))
    }

    /// The body of `GET /tenants/{tenant}/snapshot`: `{digest, epoch, policies, revision, routes, tenant}`, the active routes and the policies
    /// of a scope. `revision` is the scope's. `digest` is the lower-case hex of a SHA-256 over one digest for each service that has any of
    /// these, in order; a service's is the SHA-256 over one for each route and then one for each policy, in order; each of these is the
    /// SHA-256 of its JCS bytes.
    pub fn body(&self, scope: &Scope) -> Vec<u8> {
        let chosen = match &scope.service {
            Some(name) => self.service(name.as_str()).map(std::slice::from_ref).unwrap_or_default(),
            None => self.services.as_slice(),
        };
        let parts: Vec<_> = chosen.iter().filter_map(|service| service.part_of(scope.env.as_ref())).collect();
        let digest = parts.iter().fold(Sha256::new(), |sum, part| sum.chain_update(part.digest)).finalize();
        let VersionTag { epoch, revision } = self.scope_tag(scope);
        // Members in JCS order; names and epochs need no escaping: they are DNS labels and hex digits.
        let head = format!("{{\"digest\":\"{}\",\"epoch\":\"{epoch}\",\"policies\":[", hex::encode(digest));
        let middle = format!("],\"revision\":{revision},\"routes\":[");
        let tail = format!("],\"tenant\":\"{}\"}}", self.tenant);
        let size: usize = parts.iter().map(|part| part.routes.len() + part.policies.len()).sum();
        let mut body = Vec::with_capacity(head.len() + middle.len() + size + tail.len());
        body.extend_from_slice(head.as_bytes());
        listed(&mut body, parts.iter().map(|part| part.policies.as_slice()));
        body.extend_from_slice(middle.as_bytes());
        listed(&mut body, parts.iter().map(|part| part.routes));
        body.extend_from_slice(tail.as_bytes());
        body
    }
}

/// Adds fragments that each end with a comma, without the last one.
fn listed<'a>(body: &mut Vec<u8>, fragments: impl Iterator<Item = &'a [u8]>) {
    let before = body.len();
    fragments.for_each(|fragment| body.extend_from_slice(fragment));
    if body.len() > before {
        body.pop();
    }
}

/// Whether these are all items of their revision, in their order.
fn is_whole(items: &[&Recorded]) -> bool {
    items.iter().zip(0_u32..).all(|(item, at)| item.event.body.item == at && item.event.body.items as usize == items.len())
}

/// The body of `GET /routes/resolve` for one active route.
pub fn resolve_body(tenant: &TenantName, route: &SnapshotRoute) -> Result<Vec<u8>, serde_json::Error> {
    let SnapshotRoute { name: RouteName { service, env, version }, url, revision, .. } = route;
    let mut body = Vec::with_capacity(128 + url.as_str().len());
    // Names need no escaping: they are DNS labels and versions.
    for part in ["{\"tenant\":\"", tenant.as_str(), "\",\"service\":\"", service.as_str(), "\",\"env\":\"", env.as_str()] {
        body.extend_from_slice(part.as_bytes());
    }
    for part in ["\",\"version\":\"", version.as_str(), "\",\"url\":"] {
        body.extend_from_slice(part.as_bytes());
    }
    serde_json::to_writer(&mut body, url.as_str())?;
    body.extend_from_slice(b",\"revision\":");
    serde_json::to_writer(&mut body, revision)?;
    body.push(b'}');
    Ok(body)
}

#[cfg(test)]
mod tests;
