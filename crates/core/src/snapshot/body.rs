//! The body of `GET /tenants/{tenant}/snapshot`, written and read.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Digest, Listing, Scope, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot};
use crate::{
    chain,
    ids::{RouteName, TenantName},
    route::{Labels, RouteUrl},
    tag::{Epoch, Revision, VersionTag},
};

/// Returns the body of `GET /tenants/{tenant}/snapshot`:
/// `{digest, epoch, policies, revision, routes, tenant}`, with the active routes and the policies
/// of a scope. `revision` is the scope's, `digest` the lower-case hex of [`Listing::digest`]. The
/// bytes are RFC 8785 (JCS).
pub fn write(snapshot: &TenantSnapshot, scope: &Scope) -> Vec<u8> {
    let Listing { digest, parts } = snapshot.listing(scope);
    let VersionTag { epoch, revision } = snapshot.scope_tag(scope);
    // Members in JCS order; names and epochs need no escaping: they are DNS labels and hex digits.
    let head = format!(
        "{{\"digest\":\"{}\",\"epoch\":\"{epoch}\",\"policies\":[",
        hex::encode(digest)
    );
    let middle = format!("],\"revision\":{revision},\"routes\":[");
    let tail = format!("],\"tenant\":\"{}\"}}", snapshot.tenant());
    let size: usize = parts
        .iter()
        .map(|part| part.routes.len() + part.policies.len())
        .sum();
    let mut body = Vec::with_capacity(head.len() + middle.len() + size + tail.len());
    body.extend_from_slice(head.as_bytes());
    listed(&mut body, parts.iter().map(|part| part.policies.as_slice()));
    body.extend_from_slice(middle.as_bytes());
    listed(&mut body, parts.iter().map(|part| part.routes));
    body.extend_from_slice(tail.as_bytes());
    body
}

/// Appends fragments, each of which ends with a comma, and removes the last comma.
fn listed<'a>(body: &mut Vec<u8>, fragments: impl Iterator<Item = &'a [u8]>) {
    let before = body.len();
    fragments.for_each(|fragment| body.extend_from_slice(fragment));
    if body.len() > before {
        body.pop();
    }
}

/// A body that was read, and whose digest matches its objects.
#[derive(Debug)]
pub struct ReadBody {
    /// The objects of the body's scope, as if the tenant had no others: its tag is the scope's.
    pub snapshot: TenantSnapshot,
    /// The digest, as the body states it.
    pub digest: Digest,
    /// False if an object has members that this version does not know. The snapshot does not have
    /// these members, so its own digest is another one.
    pub is_exact: bool,
}

/// Why a body is refused.
#[derive(Debug, Error)]
pub enum BadBody {
    /// The text is not the JSON of a snapshot.
    #[error("the body is not a snapshot")]
    Malformed(#[from] serde_json::Error),
    /// An object is there twice.
    #[error("the body has two objects with the name {0}")]
    Doubled(String),
    /// The objects have another digest than the body states.
    #[error("the body states the digest {said}, but its objects have the digest {computed}")]
    Digest {
        /// The digest that the body states.
        said: String,
        /// The digest of the body's objects, 64 hex digits.
        computed: String,
    },
}

/// The members of a body. The service may add members, so others are ignored.
#[derive(Deserialize)]
struct Members<'a> {
    tenant: TenantName,
    epoch: Epoch,
    revision: Revision,
    digest: String,
    #[serde(borrow)]
    routes: Vec<&'a RawValue>,
    #[serde(borrow)]
    policies: Vec<&'a RawValue>,
}

/// A route of a body. All of them are active.
#[derive(Deserialize)]
struct Route {
    #[serde(flatten)]
    name: RouteName,
    url: RouteUrl,
    labels: Labels,
    revision: Revision,
}

/// Reads a body, and compares the digest that it states with the digest of its objects.
pub fn read(body: &[u8]) -> Result<ReadBody, BadBody> {
    let members: Members<'_> = serde_json::from_slice(body)?;
    let tag = format!("{}.{}", members.epoch, members.revision);
    let tag: VersionTag = tag
        .parse()
        .map_err(<serde_json::Error as serde::de::Error>::custom)?;
    let content = TenantContent {
        confirmed: None,
        tag,
        routes: routes(&members.routes)?,
        policies: policies(&members.policies)?,
        scopes: Vec::new(),
        waiters: None,
    };
    let snapshot = TenantSnapshot::new(members.tenant, content)?;
    let digest = snapshot.digest(&Scope::default());
    if hex::encode(digest) == members.digest {
        return Ok(ReadBody {
            snapshot,
            digest,
            is_exact: true,
        });
    }
    let digest = digest_as_written(members.routes.iter().chain(&members.policies))?;
    let computed = hex::encode(digest);
    if computed != members.digest {
        return Err(BadBody::Digest {
            said: members.digest,
            computed,
        });
    }
    Ok(ReadBody {
        snapshot,
        digest,
        is_exact: false,
    })
}

fn routes(raw: &[&RawValue]) -> Result<Vec<SnapshotRoute>, BadBody> {
    let mut names = HashSet::new();
    let mut routes = Vec::with_capacity(raw.len());
    for route in raw {
        let Route {
            name,
            url,
            labels,
            revision,
        } = serde_json::from_str(route.get())?;
        if !names.insert(name.clone()) {
            let RouteName {
                service,
                env,
                version,
            } = name;
            return Err(BadBody::Doubled(format!("{service}/{env}/{version}")));
        }
        routes.push(SnapshotRoute {
            name,
            url,
            is_active: true,
            labels,
            revision,
        });
    }
    Ok(routes)
}

fn policies(raw: &[&RawValue]) -> Result<Vec<SnapshotPolicy>, BadBody> {
    let mut names = HashSet::new();
    let mut policies = Vec::with_capacity(raw.len());
    for policy in raw {
        let policy: SnapshotPolicy = serde_json::from_str(policy.get())?;
        if !names.insert(policy.name.clone()) {
            let name = &policy.name;
            return Err(BadBody::Doubled(format!("{}/{}", name.service, name.env)));
        }
        policies.push(policy);
    }
    Ok(policies)
}

/// Computes the digest of objects with all their members, also those that this version does not
/// know. The objects are in the order of the body: routes, then policies, each sorted.
fn digest_as_written<'a>(
    objects: impl Iterator<Item = &'a &'a RawValue>,
) -> Result<Digest, serde_json::Error> {
    let mut services: BTreeMap<String, Sha256> = BTreeMap::new();
    for object in objects {
        let object: Value = serde_json::from_str(object.get())?;
        let digest = Sha256::digest(chain::canonical(&object)?);
        let service = object["service"].as_str().unwrap_or_default();
        services
            .entry(service.to_owned())
            .or_default()
            .update(digest);
    }
    let sum = services.into_values().fold(Sha256::new(), |sum, service| {
        sum.chain_update(service.finalize())
    });
    Ok(sum.finalize().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(extra: Value, digest: Option<&str>) -> Vec<u8> {
        let mut route = json!({
            "env": "prod", "labels": {}, "revision": 4, "service": "web", "url": "https://a.example/", "version": "v1",
        });
        if let (Some(route), Some(extra)) = (route.as_object_mut(), extra.as_object()) {
            route.extend(extra.clone());
        }
        let of_service = Sha256::digest(Sha256::digest(chain::canonical(&route).unwrap()));
        let computed = hex::encode(Sha256::digest(of_service));
        let body = json!({
            "digest": digest.unwrap_or(&computed), "epoch": "00c0ffee00c0ffee", "policies": [], "revision": 5, "routes": [route],
            "tenant": "acme", "added_later": true,
        });
        serde_json::to_vec(&body).unwrap()
    }

    #[test]
    fn body_is_read_as_it_was_written() {
        let read = super::read(&body(json!({}), None)).unwrap();
        assert!(read.is_exact);
        assert_eq!(read.snapshot.tag().to_string(), "00c0ffee00c0ffee.5");
        assert_eq!(read.snapshot.route_count(), 1);
        let written = write(&read.snapshot, &Scope::default());
        let again = super::read(&written).unwrap();
        assert_eq!(again.digest, read.digest);
        assert_eq!(write(&again.snapshot, &Scope::default()), written);
    }

    #[test]
    fn digest_covers_members_that_are_not_known() {
        let read = super::read(&body(json!({ "zone": "b" }), None)).unwrap();
        assert!(!read.is_exact);
        assert_ne!(
            read.snapshot.listing(&Scope::default()).digest,
            read.digest,
            "the snapshot has no such member"
        );
    }

    #[test]
    fn body_with_another_digest_is_refused() {
        let wrong = "07".repeat(32);
        for digest in ["", &wrong] {
            let refused = super::read(&body(json!({}), Some(digest)));
            assert!(matches!(refused, Err(BadBody::Digest { .. })), "{digest}");
        }
    }

    #[test]
    fn body_with_an_object_twice_or_an_impossible_revision_is_refused() {
        let mut twice: Value = serde_json::from_slice(&body(json!({}), None)).unwrap();
        let route = twice["routes"][0].clone();
        twice["routes"] = json!([route, route]);
        let refused = super::read(twice.to_string().as_bytes());
        assert!(matches!(refused, Err(BadBody::Doubled(name)) if name == "web/prod/v1"));
        let mut large: Value = serde_json::from_slice(&body(json!({}), None)).unwrap();
        large["revision"] = json!(u64::MAX);
        let refused = super::read(large.to_string().as_bytes());
        assert!(matches!(refused, Err(BadBody::Malformed(_))));
    }
}
