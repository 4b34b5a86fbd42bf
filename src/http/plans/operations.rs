//! The operations of plans, batches, rollback and the document, for the OpenAPI document.

use serde_json::{Value, json};

use super::{
    AppliedOut, ApplyIn, BatchIn, DocumentIn, ExportIn, PlanIn, PlanSummaryOut, PreviewOut,
    RollbackIn,
    shapes::{Plan, TenantDocument},
};
use crate::http::{
    openapi::{Answer, Operation},
    past,
    policies::shapes,
    problem::Code,
    respond::PageOut,
    tenants::ListIn,
};

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/tenants/{tenant}/plans", "listPlans", "List a tenant's plans")
            .about("Newest first, without the changes of the plans.")
            .query::<ListIn>()
            .reads()
            .answers(Answer::json::<PageOut<PlanSummaryOut>>(
                200,
                "A page of plans.",
                json!({ "items": [without(&plan(), &["changes"])], "next_cursor": null }),
            ))
            .compressed()
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
        plans(Operation::post("/api/v1/tenants/{tenant}/plans", "createPlan", "Plan the changes towards a document"))
            .about(
                "Computes the changes that turn the present state into the document, and changes nothing. With `prune`, the plan deletes objects \
                 in the scope that the document does not name. A plan that could never be applied is refused at once; `warnings` lists the \
                 confirmations that applying the plan needs. With `dry_run=true` the plan is not stored, and a role for reading the tenant is \
                 enough. `/docs/tenant-document.v1.json` serves the schema of the body.",
            )
            .query::<PlanIn>()
            .answers(
                Answer::json::<PreviewOut>(
                    200,
                    "The plan, which is not stored (`dry_run=true`).",
                    without(&plan(), &["id", "hash", "reason", "created_at", "created_by", "expires_at"]),
                )
                .with(&["ETag"]),
            )
            .bulk_body::<DocumentIn>(document()),
        Operation::get("/api/v1/tenants/{tenant}/plans/{id}", "getPlan", "Get a plan")
            .reads()
            .answers(Answer::json::<Plan>(200, "The plan.", plan()))
            .compressed()
            .refuses(&[Code::PlanNotFound]),
        Operation::delete("/api/v1/tenants/{tenant}/plans/{id}", "deletePlan", "Delete a plan")
            .about("Needs the same rights as applying the plan, and is recorded in the access log.")
            .headers(&["X-Reason"])
            .reads()
            .answers(Answer::empty(204, "The plan is deleted."))
            .refuses(&[Code::PlanNotFound, Code::OutsideGrant, Code::MalformedRequest, Code::CommitUnknown]),
        applies(Operation::post("/api/v1/tenants/{tenant}/plans/{id}/apply", "applyPlan", "Apply a plan"))
            .about(
                "Commits all changes of the plan in one revision, or none. If the scope has changed since the plan was made, the answer is 409 \
                 `plan_stale` with a new plan of the same document.",
            )
            .body::<ApplyIn>(json!({ "hash": HASH }))
            .refuses(&[Code::PlanNotFound, Code::PlanHashMismatch, Code::PlanStale]),
        applies(Operation::post("/api/v1/tenants/{tenant}/batch", "applyBatch", "Apply many changes at once"))
            .about("Commits all changes in one revision, or none: at most 10000 changes. Errors name a change by its index.")
            .bulk_body::<BatchIn>(json!({ "changes": [
                { "action": "put", "route": { "service": "checkout", "env": "prod", "version": "v2", "url": URL } },
                { "action": "deactivate", "route": { "service": "checkout", "env": "prod", "version": "v1" } },
            ] })),
        plans(Operation::post("/api/v1/tenants/{tenant}/rollback", "createRollbackPlan", "Plan the way back to an earlier state"))
            .about("Changes nothing: apply the plan like any other plan. The target must be in the tenant's present history.")
            .body::<RollbackIn>(json!({ "to": 4, "reason": "it was better" })),
        Operation::get("/api/v1/tenants/{tenant}/export", "exportTenant", "Export a tenant as a document")
            .about(
                "The document is sorted and complete: the same state gives the same bytes. A new plan takes it as its body. It is YAML unless \
                 `format` is `json`. With `at`, it is an earlier state. `/docs/tenant-document.v1.json` serves the schema.",
            )
            .query::<ExportIn>()
            .reads()
            .headers(&["TM-Min-Revision"])
            .refuses(&[Code::RevisionNotReached])
            .answers(
                Answer::in_media_types::<TenantDocument>(200, "The document.", &["application/yaml", "application/json"], document())
                    .with(&["ETag"]),
            )
            .compressed()
            .refuses(&[Code::TenantNotFound, Code::InvalidRequest]),
        past::diff_operation(),
    ]
}

/// Completes an operation that makes a plan, with the headers, the answer and the problem codes of
/// all such operations.
fn plans(operation: Operation) -> Operation {
    let made = Answer::json::<Plan>(201, "The plan.", plan())
        .with(&["ETag", "Location"])
        .perhaps(&["Idempotency-Replayed"]);
    operation
        .headers(&["Idempotency-Key", "If-Match", "X-Reason"])
        .reads()
        .answers(made)
        .refuses(&[
            Code::PreconditionFailed,
            Code::TenantNotFound,
            Code::QuotaExceeded,
            Code::HostTaken,
            Code::HostNotAllowed,
            Code::VersionInUse,
            Code::MalformedRequest,
            Code::InvalidRequest,
            Code::IdempotencyKeyReused,
            Code::CommitUnknown,
        ])
}

/// Completes an operation that commits many changes in one revision, with the answer and the
/// problem codes of all such operations.
fn applies(operation: Operation) -> Operation {
    let example = json!({ "tenant": "acme", "revision": 7, "summary": { "create": 1, "update": 1, "delete": 0, "unchanged": 0 } });
    let done = Answer::json::<AppliedOut>(
        200,
        "The changes are committed, or there was nothing to change.",
        example,
    )
    .with(&["ETag"]);
    operation
        .writes()
        .answers(done.perhaps(&["TM-Unchanged", "Idempotency-Replayed"]))
        .refuses(&[
            Code::TenantNotFound,
            Code::QuotaExceeded,
            Code::HostTaken,
            Code::HostNotAllowed,
            Code::VersionInUse,
            Code::ShrinkNotConfirmed,
        ])
}

const HASH: &str = "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819";
const URL: &str = "https://checkout-2.example.com";

fn document() -> Value {
    let mut policy = json!({ "service": "checkout", "env": "prod" });
    policy
        .as_object_mut()
        .into_iter()
        .zip(shapes::example().as_object().cloned())
        .for_each(|(policy, spec)| policy.extend(spec));
    json!({
        "scope": { "service": null, "env": "prod" }, "prune": true, "policies": [policy],
        "routes": [
            {
                "service": "checkout", "env": "prod", "version": "v1", "url": "https://checkout-1.example.com", "is_active": true,
                "labels": { "team": "payments" }, "description": null,
            },
            {
                "service": "checkout", "env": "prod", "version": "v2", "url": URL, "is_active": true, "labels": {}, "description": null,
            },
        ],
    })
}

fn without(example: &Value, members: &[&str]) -> Value {
    let mut example = example.clone();
    example
        .as_object_mut()
        .into_iter()
        .for_each(|example| example.retain(|name, _| !members.contains(&name.as_str())));
    example
}

/// Returns an example of a plan.
pub fn plan() -> Value {
    json!({
        "id": "01a1fd21-de3d-7778-bc54-13f5856b700d", "hash": HASH, "tenant": "acme", "base": "adc74a594a3e0e8f.6",
        "scope": { "service": null, "env": "prod" }, "prune": true,
        "summary": { "create": 1, "update": 0, "delete": 0, "unchanged": 2 }, "active_routes": [1, 2],
        "changes": [{
            "action": "create", "key": { "service": "checkout", "env": "prod", "version": "v2" }, "before": null,
            "after": { "description": null, "is_active": true, "labels": {}, "url": URL },
        }],
        "warnings": [], "reason": "release 7", "created_at": "2026-11-21T08:03:37.661997Z", "created_by": "anonymous",
        "expires_at": "2026-11-22T08:03:37.661997Z",
    })
}
