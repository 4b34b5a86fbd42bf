//! The answers about plans.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::{
        command,
        hash::EventHash,
        ids::TenantName,
        plan::{Plan, PlannedChange, Warning},
        snapshot::Scope,
        tag::VersionTag,
        time::UtcTime,
    },
    http::{openapi::schemas, shapes},
};

/// A plan that is not stored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlanPreview")]
pub struct PreviewOut<'a> {
    #[schemars(with = "schemas::TenantName")]
    tenant: &'a TenantName,
    /// The tenant's tag when the plan was computed.
    #[schemars(with = "schemas::VersionTag")]
    base: &'a VersionTag,
    #[schemars(with = "shapes::plans::DocumentScope")]
    scope: &'a Scope,
    /// Whether the plan would remove objects in the scope that the document does not name.
    prune: bool,
    #[schemars(with = "shapes::plans::ChangeCounts")]
    summary: command::Summary,
    /// The number of active routes in the scope, before and after.
    active_routes: [u32; 2],
    /// The changes that the plan would make, in their order.
    #[schemars(with = "Vec<shapes::plans::PlannedChange>")]
    changes: &'a [PlannedChange],
    /// The warnings to consider before such a plan is applied.
    #[schemars(with = "Vec<shapes::plans::PlanWarning>")]
    warnings: &'a [Warning],
}

impl<'a> PreviewOut<'a> {
    /// Returns the answer for a plan.
    pub fn of(plan: &'a Plan) -> Self {
        let Plan {
            tenant,
            base,
            scope,
            prune,
            summary,
            active_routes,
            changes,
            warnings,
            ..
        } = plan;
        let (prune, summary, active_routes) = (*prune, *summary, *active_routes);
        Self {
            tenant,
            base,
            scope,
            prune,
            summary,
            active_routes,
            changes,
            warnings,
        }
    }
}

/// A plan without its changes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlanSummary")]
pub struct PlanSummaryOut<'a> {
    #[schemars(with = "schemas::PlanId")]
    id: Uuid,
    /// The hash that the plan is applied with.
    #[schemars(with = "schemas::Sha256")]
    hash: &'a EventHash,
    #[schemars(with = "schemas::TenantName")]
    tenant: &'a TenantName,
    /// The tenant's tag when the plan was computed.
    #[schemars(with = "schemas::VersionTag")]
    base: &'a VersionTag,
    #[schemars(with = "shapes::plans::DocumentScope")]
    scope: &'a Scope,
    /// Whether the plan removes objects in the scope that the document does not name.
    prune: bool,
    #[schemars(with = "shapes::plans::ChangeCounts")]
    summary: command::Summary,
    /// The number of active routes in the scope, before and after.
    active_routes: [u32; 2],
    /// The warnings to consider before the plan is applied.
    #[schemars(with = "Vec<shapes::plans::PlanWarning>")]
    warnings: &'a [Warning],
    /// The reason that the creator of the plan gave.
    reason: Option<&'a str>,
    #[schemars(with = "schemas::Timestamp")]
    created_at: UtcTime,
    /// The caller that created the plan.
    created_by: &'a str,
    /// The time at which the plan expires.
    #[schemars(with = "schemas::Timestamp")]
    expires_at: UtcTime,
}

impl<'a> PlanSummaryOut<'a> {
    /// Returns the answer for a plan.
    pub fn of(plan: &'a Plan) -> Self {
        Self {
            id: plan.id,
            hash: &plan.hash,
            tenant: &plan.tenant,
            base: &plan.base,
            scope: &plan.scope,
            prune: plan.prune,
            summary: plan.summary,
            active_routes: plan.active_routes,
            warnings: &plan.warnings,
            reason: plan.reason.as_deref(),
            created_at: plan.created_at,
            created_by: &plan.created_by,
            expires_at: plan.expires_at,
        }
    }
}
