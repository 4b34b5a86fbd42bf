//! Plans and differences, for the OpenAPI document: `domain::plan` as it is written.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::policies::PolicySpec;
use crate::http::{event_schema::RouteSpec, openapi::schemas};

/// The hash of the example.
pub const PLAN_HASH: &str = "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819";
/// The URL of the route that the example creates.
pub const PLANNED_URL: &str = "https://checkout-2.example.com";

/// A plan: changes that were computed and wait to be applied.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Plan {
    id: schemas::PlanId,
    /// The hash of the plan. Send it to apply the plan.
    hash: schemas::Sha256,
    tenant: schemas::TenantName,
    /// The tenant's version tag when the plan was made. The plan can be applied while nothing in
    /// its scope has changed since.
    base: schemas::VersionTag,
    scope: DocumentScope,
    /// Whether objects in the scope are deleted if the document does not name them.
    prune: bool,
    summary: ChangeCounts,
    /// The number of active routes in the scope before and after the plan.
    active_routes: [u32; 2],
    /// The changes, in the order in which they are applied.
    changes: Vec<PlannedChange>,
    /// Warnings to consider before the plan is applied.
    warnings: Vec<PlanWarning>,
    /// The reason for the plan, in its creator's words.
    reason: Option<String>,
    /// When the plan was made.
    created_at: schemas::Timestamp,
    /// The id of the actor that made the plan.
    created_by: String,
    /// When the plan expires and is forgotten.
    expires_at: schemas::Timestamp,
}

/// The part of a tenant that a plan covers.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct DocumentScope {
    /// Covers only this service; `null` for every service.
    service: Option<schemas::ServiceName>,
    /// Covers only this environment; `null` for every environment.
    env: Option<schemas::EnvName>,
}

/// The number of objects for each action.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct ChangeCounts {
    /// The number of objects that are created.
    create: u32,
    /// The number of objects that are changed.
    update: u32,
    /// The number of objects that are deleted.
    delete: u32,
    /// The number of objects that are as desired already.
    unchanged: u32,
}

/// The change of one object.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PlannedChange {
    action: PlannedAction,
    key: RouteOrPolicyName,
    /// The object before the change; `null` if there is none.
    before: Option<RouteOrPolicySpec>,
    /// The object after the change; `null` if there is none.
    after: Option<RouteOrPolicySpec>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum PlannedAction {
    Create,
    Update,
    Delete,
}

/// The name of a route, or of a policy, which has no version.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RouteOrPolicyName {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::VersionName")]
    version: Option<()>,
}

/// The settings of a route or of a policy. Only a route has `url`.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read by the derive")]
enum RouteOrPolicySpec {
    Route(RouteSpec),
    Policy(PolicySpec),
}

/// A warning to consider before a plan is applied.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PlanWarning {
    /// The code of the problem that applying the plan may answer: a confirmation is missing, or
    /// `too_many_writes`.
    #[schemars(regex(pattern = "^[a-z_]+$"))]
    code: String,
    /// A sentence for people.
    detail: String,
}

/// The changes of a tenant's objects between two points of its history.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct TenantDifference {
    /// The start. Changes up to this version tag are not included.
    from: schemas::VersionTag,
    /// The end. Changes up to this version tag are included.
    to: schemas::VersionTag,
    changes: Vec<PlannedChange>,
}

/// Returns an example of a plan.
pub fn plan() -> Value {
    json!({
        "id": "01a1fd21-de3d-7778-bc54-13f5856b700d", "hash": PLAN_HASH, "tenant": "acme", "base": "adc74a594a3e0e8f.6",
        "scope": { "service": null, "env": "prod" }, "prune": true,
        "summary": { "create": 1, "update": 0, "delete": 0, "unchanged": 2 }, "active_routes": [1, 2],
        "changes": [{
            "action": "create", "key": { "service": "checkout", "env": "prod", "version": "v2" }, "before": null,
            "after": { "description": null, "is_active": true, "labels": {}, "url": PLANNED_URL },
        }],
        "warnings": [], "reason": "release 7", "created_at": "2026-11-21T08:03:37.661997Z", "created_by": "anonymous",
        "expires_at": "2026-11-22T08:03:37.661997Z",
    })
}
