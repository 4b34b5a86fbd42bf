//! The service's own JSON: the bodies of `snapshot` and `resolve`.

use serde::Serialize;
use traffic_manager_core::{
    ids::{PolicyName, RouteName, TenantName},
    policy::choice::Explanation,
    snapshot::{Listing, Scope, SnapshotRoute, TenantSnapshot},
    tag::{Revision, VersionTag},
};

/// Returns the body of `GET /tenants/{tenant}/snapshot`:
/// `{digest, epoch, policies, revision, routes, tenant}`, with the active routes and the policies
/// of a scope. `revision` is the scope's, `digest` the lower-case hex of [`Listing::digest`]. The
/// bytes are RFC 8785 (JCS).
pub fn snapshot(snapshot: &TenantSnapshot, scope: &Scope) -> Vec<u8> {
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

/// Returns the body of `GET /routes/resolve` for one active route.
pub fn resolve(tenant: &TenantName, route: &SnapshotRoute) -> Result<Vec<u8>, serde_json::Error> {
    let SnapshotRoute {
        name: RouteName {
            service,
            env,
            version,
        },
        url,
        revision,
        ..
    } = route;
    let mut body = Vec::with_capacity(128 + url.as_str().len());
    // Names need no escaping: they are DNS labels and versions.
    for part in [
        "{\"tenant\":\"",
        tenant.as_str(),
        "\",\"service\":\"",
        service.as_str(),
        "\",\"env\":\"",
        env.as_str(),
    ] {
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

/// The explanation of a choice, with the policy that made it.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The policy's service and environment.
    pub policy: PolicyName,
    /// The revision of the policy's last change.
    pub policy_revision: Revision,
    /// The details of the choice, in the same JSON object.
    #[serde(flatten)]
    pub choice: Explanation,
}

/// Returns the body of `GET /routes/resolve` for a route that a policy chose, with the explanation
/// of the choice.
pub fn explained(
    tenant: &TenantName,
    route: &SnapshotRoute,
    why: &Explained,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = resolve(tenant, route)?;
    // The explanation goes before the closing brace.
    body.pop();
    body.extend_from_slice(b",\"explanation\":");
    serde_json::to_writer(&mut body, why)?;
    body.push(b'}');
    Ok(body)
}
