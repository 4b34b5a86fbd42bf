//! Plans, documents of a tenant, and what applying them answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Members, ObjectName, PolicyDocument};

/// A plan: changes that were computed and wait to be applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The number of active routes in the scope before and after the plan.
    pub active_routes: Vec<u64>,
    /// The tenant's version tag when the plan was made. The plan can be applied while nothing in
    /// its scope has changed since.
    pub base: String,
    /// The changes, in the order in which they are applied.
    pub changes: Vec<PlannedChange>,
    /// When the plan was made.
    pub created_at: Timestamp,
    /// The id of the actor that made the plan.
    pub created_by: String,
    /// When the plan expires and is forgotten.
    pub expires_at: Timestamp,
    /// The hash of the plan. Send it to apply the plan.
    pub hash: String,
    /// The id of a plan (UUID of version 7).
    pub id: String,
    /// Whether objects in the scope are deleted if the document does not name them.
    pub prune: bool,
    /// The reason for the plan, in its creator's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The part of a tenant that a plan covers.
    pub scope: DocumentScope,
    /// The number of objects for each action.
    pub summary: ChangeCounts,
    /// The name of the tenant.
    pub tenant: String,
    /// Warnings to consider before the plan is applied.
    pub warnings: Vec<PlanWarning>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A plan that is not stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanPreview {
    /// The number of active routes in the scope, before and after.
    pub active_routes: Vec<u64>,
    /// The tenant's tag when the plan was computed.
    pub base: String,
    /// The changes that the plan would make, in their order.
    pub changes: Vec<PlannedChange>,
    /// Whether the plan would remove objects in the scope that the document does not name.
    pub prune: bool,
    /// The part of a tenant that a plan covers.
    pub scope: DocumentScope,
    /// The number of objects for each action.
    pub summary: ChangeCounts,
    /// The name of the tenant.
    pub tenant: String,
    /// The warnings to consider before such a plan is applied.
    pub warnings: Vec<PlanWarning>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A plan without its changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// The number of active routes in the scope, before and after.
    pub active_routes: Vec<u64>,
    /// The tenant's tag when the plan was computed.
    pub base: String,
    /// A time in UTC with microseconds (RFC 3339).
    pub created_at: Timestamp,
    /// The caller that created the plan.
    pub created_by: String,
    /// The time at which the plan expires.
    pub expires_at: Timestamp,
    /// The hash that the plan is applied with.
    pub hash: String,
    /// The id of a plan (UUID of version 7).
    pub id: String,
    /// Whether the plan removes objects in the scope that the document does not name.
    pub prune: bool,
    /// The reason that the creator of the plan gave.
    #[serde(default)]
    pub reason: Option<String>,
    /// The part of a tenant that a plan covers.
    pub scope: DocumentScope,
    /// The number of objects for each action.
    pub summary: ChangeCounts,
    /// The name of the tenant.
    pub tenant: String,
    /// The warnings to consider before the plan is applied.
    pub warnings: Vec<PlanWarning>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The change of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// `create`, `update` or `delete`.
    pub action: String,
    /// The object after the change; `null` if there is none.
    #[serde(default)]
    pub after: Option<Value>,
    /// The object before the change; `null` if there is none.
    #[serde(default)]
    pub before: Option<Value>,
    /// The name of a route, or of a policy, which has no version.
    pub key: ObjectName,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The number of objects for each action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// The number of objects that are created.
    pub create: u64,
    /// The number of objects that are deleted.
    pub delete: u64,
    /// The number of objects that are as desired already.
    pub unchanged: u64,
    /// The number of objects that are changed.
    pub update: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A warning to consider before a plan is applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanWarning {
    /// The code of the problem that applying the plan may answer: a confirmation is missing, or
    /// `too_many_writes`.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The part of a tenant that a plan covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentScope {
    /// Covers only this environment; `null` for every environment.
    #[serde(default)]
    pub env: Option<String>,
    /// Covers only this service; `null` for every service.
    #[serde(default)]
    pub service: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST …/plans/{id}/apply`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyPlan {
    /// Confirms that policies send traffic to versions that are deactivated, and have other
    /// versions to send it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_in_use: Option<bool>,
    /// The hash once more, to confirm a plan that removes many routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_shrink: Option<String>,
    /// The hash of the plan.
    pub hash: String,
}

/// The result of a revision with many changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyResult {
    /// The tenant's revision; 0 is a tenant without any change.
    pub revision: u64,
    /// The number of objects for each action.
    pub summary: ChangeCounts,
    /// The name of the tenant.
    pub tenant: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST …/rollback`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// The reason; if it is missing, the header `X-Reason`. At most 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The point in time to return to. A revision may also be a number.
    pub to: Value,
}

/// The changes of a tenant's objects between two points of its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantDifference {
    /// The changes, in their order.
    pub changes: Vec<PlannedChange>,
    /// The start. Changes up to this version tag are not included.
    pub from: String,
    /// The end. Changes up to this version tag are included.
    pub to: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A tenant, or a part of it, as one document: the body of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantDocument {
    /// The traffic policies, sorted by service and environment.
    pub policies: Vec<PolicyDocument>,
    /// Whether a plan of this document deletes objects in the scope that the document does not
    /// name.
    pub prune: bool,
    /// The routes, sorted by service, environment and version.
    pub routes: Vec<RouteDocument>,
    /// The part of a tenant that a plan covers.
    pub scope: DocumentScope,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A route in an exported document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteDocument {
    /// A description for people: at most 1024 bytes, without control characters and invisible
    /// characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The name of the environment.
    pub env: String,
    /// Whether traffic may go to the route.
    pub is_active: bool,
    /// Free-form labels. A value has at most 255 bytes.
    pub labels: BTreeMap<String, String>,
    /// The name of the service.
    pub service: String,
    /// An absolute http or https URL of at most 2048 bytes.
    pub url: String,
    /// The name of the version.
    pub version: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}
