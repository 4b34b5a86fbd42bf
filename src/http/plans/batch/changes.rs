//! The changes of a batch, for the OpenAPI document.

use schemars::JsonSchema;

use super::RouteChangeIn;
use crate::http::{
    openapi::schemas, plans::documents::PolicyDocumentIn, shapes::policies::PolicyName,
};

/// A change of a route or of a policy in a batch. A batch may name each object only once.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read by the derive")]
pub enum BatchChange {
    PutRoute(PutRoute),
    SetRouteState(SetRouteState),
    PutPolicy(PutPolicy),
    DeletePolicy(DeletePolicy),
}

/// Creates or replaces a route.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "PutRoute")]
#[expect(dead_code, reason = "read by the derive")]
pub struct PutRoute {
    action: PutAction,
    route: RouteChangeIn,
}

/// Deletes, activates or deactivates a route.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "SetRouteState")]
#[expect(dead_code, reason = "read by the derive")]
pub struct SetRouteState {
    action: RouteStateAction,
    route: RouteNameIn,
}

/// Creates or replaces a traffic policy.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "PutPolicy")]
#[expect(dead_code, reason = "read by the derive")]
pub struct PutPolicy {
    action: PutAction,
    policy: PolicyDocumentIn,
}

/// Deletes a traffic policy.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "DeletePolicy")]
#[expect(dead_code, reason = "read by the derive")]
pub struct DeletePolicy {
    action: DeleteAction,
    policy: PolicyName,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum PutAction {
    Put,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum DeleteAction {
    Delete,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum RouteStateAction {
    Delete,
    Activate,
    Deactivate,
}

/// The name of a route within its tenant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
struct RouteNameIn {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
}
