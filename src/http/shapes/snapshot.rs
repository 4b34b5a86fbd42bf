//! Snapshots, for the OpenAPI document.

use schemars::JsonSchema;

use super::policies::SnapshotPolicy;
use crate::http::openapi::schemas;

/// A tenant's active routes, or those of an environment, a service, or both, sorted by service,
/// environment and version.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Snapshot {
    /// Two snapshots with the same digest hold the same routes and policies.
    digest: schemas::Sha256,
    epoch: schemas::Epoch,
    /// Sorted by service and environment.
    policies: Vec<SnapshotPolicy>,
    /// The newest revision that touched the scope.
    revision: schemas::Revision,
    routes: Vec<SnapshotRoute>,
    tenant: schemas::TenantName,
}

/// An active route.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct SnapshotRoute {
    env: schemas::EnvName,
    labels: schemas::Labels,
    revision: schemas::Revision,
    service: schemas::ServiceName,
    url: schemas::RouteUrl,
    version: schemas::VersionName,
}
