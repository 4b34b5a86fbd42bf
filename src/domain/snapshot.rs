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

use self::service::{Index, Service};
use super::{
    event::Recorded,
    ids::{EnvName, RouteName, ServiceName, TenantName},
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

/// What a snapshot is made of, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantContent {
    /// At which revision of which history.
    pub tag: VersionTag,
    /// Every route, active or not.
    pub routes: Vec<SnapshotRoute>,
    /// The newest revision that touched each service and environment, also where no route is left.
    pub scopes: Vec<(ServiceName, EnvName, Revision)>,
}

/// A part of a tenant: one service, one environment, both, or all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Only this service.
    pub service: Option<ServiceName>,
    /// Only this environment.
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
    /// The service of its route.
    pub service: ServiceName,
    /// The environment of its route.
    pub env: EnvName,
    /// The event, as it was published.
    pub json: Bytes,
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
    /// The last changes, without a gap up to `tag`.
    recent: VecDeque<Arc<Recent>>,
}

/// What events do to a snapshot.
#[derive(Debug)]
pub enum Applied {
    /// They follow without a gap: the snapshot after them.
    Next(TenantSnapshot),
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
        Ok(Self { tenant, tag: content.tag, services, index, envs, recent: VecDeque::new() })
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
            scopes: self.services.iter().flat_map(scopes).collect(),
        }
    }

    /// Whose.
    pub fn tenant(&self) -> &TenantName {
        &self.tenant
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
    pub fn len(&self) -> usize {
        self.services.iter().map(|service| service.routes().len()).sum()
    }

    /// True when it holds no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    fn service(&self, name: &str) -> Option<&Arc<Service>> {
        let at = self.index.find(&name, |at| self.services[at].name.as_str() == name)?;
        Some(&self.services[at])
    }

    /// The snapshot after `events` (of this tenant, in their order), sharing every service that they do not touch.
    pub fn apply<'a>(&self, events: impl IntoIterator<Item = &'a Recorded>) -> Result<Applied, serde_json::Error> {
        let mut next: Option<Self> = None;
        for recorded in events {
            let body = &recorded.event.body;
            let tag = next.as_ref().map_or(&self.tag, |next| &next.tag);
            if body.epoch == tag.epoch && body.revision <= tag.revision {
                continue;
            }
            if body.epoch != tag.epoch || body.revision != tag.revision.next() || body.items != 1 {
                return Ok(Applied::Gap);
            }
            next.get_or_insert_with(|| self.clone()).change(recorded)?;
        }
        Ok(next.map_or(Applied::Known, Applied::Next))
    }

    fn change(&mut self, recorded: &Recorded) -> Result<(), serde_json::Error> {
        let body = &recorded.event.body;
        let (service, env) = (&body.route.service, &body.route.env);
        let after = body.after.as_ref().map(|spec| SnapshotRoute {
            name: body.route.clone(),
            url: spec.url.clone(),
            is_active: spec.is_active,
            labels: spec.labels.clone(),
            revision: body.revision,
        });
        match self.services.binary_search_by(|held| held.name.cmp(service)) {
            Ok(at) => self.services[at] = Arc::new(self.services[at].changed(&body.route, body.revision, after)?),
            Err(at) => {
                let new = Service::new(service.clone()).changed(&body.route, body.revision, after)?;
                self.services.insert(at, Arc::new(new));
                self.index = Index::of(self.services.iter().map(|service| service.name.as_str()));
            }
        }
        self.envs.insert(env.clone(), body.revision);
        self.tag = recorded.event.tag();
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        let json = recorded.json.clone();
        self.recent.push_back(Arc::new(Recent { revision: body.revision, service: service.clone(), env: env.clone(), json }));
        Ok(())
    }

    /// What happened after a revision of this history, if it is remembered from there on without a gap.
    pub fn changes_after(&self, revision: Revision) -> Option<impl Iterator<Item = &Arc<Recent>>> {
        let reaches = match self.recent.front() {
            Some(first) => revision.next() >= first.revision,
            None => revision >= self.tag.revision,
        };
        reaches.then(|| self.recent.iter().filter(move |recent| recent.revision > revision))
    }

    /// The body of `GET /tenants/{tenant}/snapshot`: `{digest, epoch, policies, revision, routes, tenant}`, the active routes of a scope.
    /// `revision` is the scope's. `digest` is the lower-case hex of a SHA-256 over one digest for each service that has active routes,
    /// in order; a service's is the SHA-256 over one for each route, in order; a route's is the SHA-256 of its JCS bytes.
    pub fn body(&self, scope: &Scope) -> Vec<u8> {
        let chosen = match &scope.service {
            Some(name) => self.service(name.as_str()).map(std::slice::from_ref).unwrap_or_default(),
            None => self.services.as_slice(),
        };
        let parts: Vec<_> = chosen.iter().filter_map(|service| service.active(scope.env.as_ref())).collect();
        let digest = parts.iter().fold(Sha256::new(), |sum, (_, digest)| sum.chain_update(digest)).finalize();
        let VersionTag { epoch, revision } = self.scope_tag(scope);
        // Members in JCS order; names and epochs need no escaping: they are DNS labels and hex digits.
        let head = format!(
            "{{\"digest\":\"{}\",\"epoch\":\"{epoch}\",\"policies\":[],\"revision\":{revision},\"routes\":[",
            hex::encode(digest)
        );
        let tail = format!("],\"tenant\":\"{}\"}}", self.tenant);
        let routes: usize = parts.iter().map(|(fragments, _)| fragments.len()).sum();
        let mut body = Vec::with_capacity(head.len() + routes + tail.len());
        body.extend_from_slice(head.as_bytes());
        parts.iter().for_each(|(fragments, _)| body.extend_from_slice(fragments));
        if !parts.is_empty() {
            // The comma after the last.
            body.pop();
        }
        body.extend_from_slice(tail.as_bytes());
        body
    }
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
