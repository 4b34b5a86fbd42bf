//! What proxies poll: one tenant's routes at one revision, immutable, with its bytes made once.
//!
//! The bytes are RFC 8785 (JCS), sorted by service, env, version, with no clock in them: the same revision gives the same bytes on
//! every instance.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    chain,
    event::Event,
    ids::{RouteName, TenantName},
    route::{Labels, RouteUrl},
    tag::{Epoch, Revision, VersionTag},
};

/// One route as a snapshot holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRoute {
    /// Its name.
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

#[derive(Serialize)]
struct RouteBytes<'a> {
    #[serde(flatten)]
    name: &'a RouteName,
    url: &'a RouteUrl,
    labels: &'a Labels,
    revision: Revision,
}

#[derive(Serialize)]
struct ResolveBytes<'a> {
    tenant: &'a TenantName,
    #[serde(flatten)]
    name: &'a RouteName,
    url: &'a RouteUrl,
    revision: Revision,
}

/// A route with its answers ready.
#[derive(Debug)]
struct Entry {
    route: SnapshotRoute,
    /// The route's JSON within the snapshot's body.
    fragment: Vec<u8>,
}

/// One tenant at one revision.
#[derive(Debug)]
pub struct TenantSnapshot {
    tenant: TenantName,
    tag: VersionTag,
    /// Sorted by name.
    entries: Vec<Arc<Entry>>,
    body: OnceLock<Arc<[u8]>>,
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
    /// A snapshot of `routes` (in any order) at `revision`.
    pub fn new(
        tenant: TenantName, epoch: Epoch, revision: Revision, routes: impl IntoIterator<Item = SnapshotRoute>,
    ) -> Result<Self, serde_json::Error> {
        let mut entries = routes.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        entries.sort_unstable_by(|a, b| a.route.name.cmp(&b.route.name));
        Ok(Self { tenant, tag: VersionTag { epoch, revision }, entries, body: OnceLock::new() })
    }

    /// Whose.
    pub fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// At which revision of which history.
    pub fn tag(&self) -> &VersionTag {
        &self.tag
    }

    /// How many routes it holds, active or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when it holds no route.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Roughly how many bytes it holds in memory.
    pub fn weight(&self) -> usize {
        // A fragment repeats the strings of its route; 256 covers the pointers, the map and the allocations around them.
        self.entries.iter().map(|entry| 2 * entry.fragment.len() + 256).sum::<usize>() + 256
    }

    /// The route of that name, active or not.
    pub fn get(&self, service: &str, env: &str, version: &str) -> Option<&SnapshotRoute> {
        let wanted = (service, env, version);
        self.entries
            .binary_search_by(|entry| {
                let name = &entry.route.name;
                (name.service.as_str(), name.env.as_str(), name.version.as_str()).cmp(&wanted)
            })
            .ok()
            .map(|at| &self.entries[at].route)
    }

    /// The snapshot after `events` (of this tenant, in their order), sharing every entry that they do not touch.
    pub fn apply<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> Result<Applied, serde_json::Error> {
        let mut next: Option<Self> = None;
        for event in events {
            let body = &event.body;
            let tag = next.as_ref().map_or(&self.tag, |next| &next.tag);
            if body.epoch == tag.epoch && body.revision <= tag.revision {
                continue;
            }
            if body.epoch != tag.epoch || body.revision != tag.revision.next() || body.items != 1 {
                return Ok(Applied::Gap);
            }
            let next = next.get_or_insert_with(|| Self {
                tenant: self.tenant.clone(),
                tag: self.tag.clone(),
                entries: self.entries.clone(),
                body: OnceLock::new(),
            });
            next.change(event)?;
        }
        Ok(next.map_or(Applied::Known, Applied::Next))
    }

    fn change(&mut self, event: &Event) -> Result<(), serde_json::Error> {
        let body = &event.body;
        self.tag = event.tag();
        let at = self.entries.binary_search_by(|entry| entry.route.name.cmp(&body.route));
        match (at, &body.after) {
            (Ok(at), None) => drop(self.entries.remove(at)),
            (Err(_), None) => {}
            (at, Some(spec)) => {
                let new = entry(SnapshotRoute {
                    name: body.route.clone(),
                    url: spec.url.clone(),
                    is_active: spec.is_active,
                    labels: spec.labels.clone(),
                    revision: body.revision,
                })?;
                match at {
                    Ok(at) => self.entries[at] = new,
                    Err(at) => self.entries.insert(at, new),
                }
            }
        }
        Ok(())
    }

    /// The body of `GET /tenants/{tenant}/snapshot`: `{digest, epoch, policies, revision, routes, tenant}`, active routes only.
    /// `digest` is the lower-case hex SHA-256 of the JCS bytes of `{"policies":[…],"routes":[…]}`. Made once, when first asked for.
    pub fn body(&self) -> &Arc<[u8]> {
        self.body.get_or_init(|| {
            let mut content = b"{\"policies\":[],\"routes\":[".to_vec();
            let active = self.entries.iter().filter(|entry| entry.route.is_active);
            for (index, entry) in active.enumerate() {
                if index > 0 {
                    content.push(b',');
                }
                content.extend_from_slice(&entry.fragment);
            }
            content.extend_from_slice(b"]}");
            let digest = hex::encode(Sha256::digest(&content));
            let routes = &content[b"{\"policies\":[],".len()..content.len() - 1];
            // Members in JCS order; names and epochs need no escaping: they are DNS labels and hex digits.
            let head = format!(
                "{{\"digest\":\"{digest}\",\"epoch\":\"{}\",\"policies\":[],\"revision\":{},",
                self.tag.epoch, self.tag.revision
            );
            let tail = format!(",\"tenant\":\"{}\"}}", self.tenant);
            [head.as_bytes(), routes, tail.as_bytes()].concat().into()
        })
    }
}

/// The body of `GET /routes/resolve` for one active route.
pub fn resolve_body(tenant: &TenantName, route: &SnapshotRoute) -> Result<Vec<u8>, serde_json::Error> {
    let SnapshotRoute { name, url, revision, .. } = route;
    serde_json::to_vec(&ResolveBytes { tenant, name, url, revision: *revision })
}

fn entry(route: SnapshotRoute) -> Result<Arc<Entry>, serde_json::Error> {
    let SnapshotRoute { name, url, labels, revision, is_active: _ } = &route;
    let fragment = chain::canonical(&RouteBytes { name, url, labels, revision: *revision })?;
    Ok(Arc::new(Entry { route, fragment }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn route(version: &str, is_active: bool, revision: u64) -> SnapshotRoute {
        SnapshotRoute {
            name: RouteName { service: "s".parse().unwrap(), env: "e".parse().unwrap(), version: version.parse().unwrap() },
            url: "http://a/\"quoted".parse().unwrap(),
            is_active,
            labels: Labels::default(),
            revision: Revision(revision),
        }
    }

    fn snapshot(routes: Vec<SnapshotRoute>) -> TenantSnapshot {
        TenantSnapshot::new("t".parse().unwrap(), Epoch::from_random([7; 8]), Revision(3), routes).unwrap()
    }

    #[test]
    fn the_body_is_canonical_sorted_and_holds_only_active_routes() {
        let snapshot = snapshot(vec![route("v2", true, 3), route("v3", false, 2), route("v1", true, 1)]);
        let body: Value = serde_json::from_slice(snapshot.body()).unwrap();
        assert_eq!(chain::canonical(&body).unwrap(), snapshot.body().to_vec());
        let versions: Vec<_> = body["routes"].as_array().unwrap().iter().map(|r| r["version"].as_str().unwrap()).collect();
        assert_eq!(versions, ["v1", "v2"]);
        let content = chain::canonical(&serde_json::json!({"policies": [], "routes": body["routes"]})).unwrap();
        assert_eq!(body["digest"], hex::encode(Sha256::digest(content)));
        assert!(snapshot.get("s", "e", "v3").is_some_and(|route| !route.is_active));
        assert!(snapshot.get("s", "e", "v4").is_none());
    }

    #[test]
    fn an_empty_tenant_has_a_body_too() {
        let body: Value = serde_json::from_slice(snapshot(vec![]).body()).unwrap();
        assert_eq!(body["routes"], serde_json::json!([]));
        assert_eq!(body["revision"], 3);
    }
}
