//! The service's own JSON: the bodies of `snapshot` and `resolve`.

use serde::Serialize;
pub use traffic_manager_core::snapshot::body::write as snapshot;
use traffic_manager_core::{
    ids::{PolicyName, RouteName, TenantName},
    policy::choice::Explanation,
    snapshot::SnapshotRoute,
    tag::Revision,
};

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
