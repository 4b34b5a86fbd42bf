//! The operations of plans, batches, rollback and the document, for the OpenAPI document.

use serde_json::{Value, json};

use super::{
    AppliedOut, ApplyIn, BatchIn, DocumentIn, ExportIn, PlanIn, PlanSummaryOut, PreviewOut,
    RollbackIn, shapes::Plan,
};
use crate::http::{
    openapi::{Answer, Operation},
    past,
    policies::shapes,
    problem::Code,
    query::PageIn,
    respond::PageOut,
};

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/tenants/{tenant}/plans", "listPlans", "List a tenant's plans")
            .about("Newest first, without their changes.")
            .query::<PageIn>()
            .reads()
            .answers(Answer::json::<PageOut<PlanSummaryOut>>(
                200,
                "A page.",
                json!({ "items": [without(&plan(), &["changes"])], "next_cursor": null }),
            ))
            .compressed()
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
        plans(Operation::post("/api/v1/tenants/{tenant}/plans", "createPlan", "Work out what makes a document of what there is"))
            .about(
                "Changes nothing. With `prune`, what is in the scope and not in the document goes. What could never be applied is refused at \
                 once, and `warnings` tell what will have to be confirmed. With `dry_run=true` nothing is kept either, and a caller that may read \
                 the tenant may ask for it. The body's schema is served at `/docs/tenant-document.v1.json`.",
            )
            .query::<PlanIn>()
            .answers(
                Answer::json::<PreviewOut>(
                    200,
                    "The plan, not kept.",
                    without(&plan(), &["id", "hash", "reason", "created_at", "created_by", "expires_at"]),
                )
                .with(&["ETag"]),
            )
            .bulk_body::<DocumentIn>(document()),
        Operation::get("/api/v1/tenants/{tenant}/plans/{id}", "getPlan", "Read a plan")
            .reads()
            .answers(Answer::json::<Plan>(200, "The plan.", plan()))
            .compressed()
            .refuses(&[Code::PlanNotFound]),
        Operation::delete("/api/v1/tenants/{tenant}/plans/{id}", "deletePlan", "Forget a plan")
            .about("Takes the rights that applying it takes, and is told to the audit of access.")
            .headers(&["X-Reason"])
            .reads()
            .answers(Answer::empty(204, "It is gone."))
            .refuses(&[Code::PlanNotFound, Code::OutsideGrant, Code::MalformedRequest, Code::CommitUnknown]),
        applies(Operation::post("/api/v1/tenants/{tenant}/plans/{id}/apply", "applyPlan", "Do what a plan says"))
            .about(
                "All of it in one revision, or nothing. When the scope has changed since the plan was made, the answer is 409 `plan_stale` with \
                 a new plan of the same document.",
            )
            .body::<ApplyIn>(json!({ "hash": HASH }))
            .refuses(&[Code::PlanNotFound, Code::PlanHashMismatch, Code::PlanStale]),
        applies(Operation::post("/api/v1/tenants/{tenant}/batch", "applyBatch", "Make many changes"))
            .about("All of them in one revision, or none; errors name their change by its index. At most 10000.")
            .bulk_body::<BatchIn>(json!({ "changes": [
                { "action": "put", "route": { "service": "checkout", "env": "prod", "version": "v2", "url": URL } },
                { "action": "deactivate", "route": { "service": "checkout", "env": "prod", "version": "v1" } },
            ] })),
        plans(Operation::post("/api/v1/tenants/{tenant}/rollback", "planRollback", "Make a plan back to an earlier state"))
            .about("Changes nothing: the plan is applied like any other. Of the tenant's present history only.")
            .body::<RollbackIn>(json!({ "to": 4, "reason": "it was better" })),
        Operation::get("/api/v1/tenants/{tenant}/export", "exportTenant", "A tenant as a document that a plan takes")
            .about(
                "Sorted and complete: the same state gives the same bytes. YAML unless `format` says `json`. With `at`, as it was then. Its \
                 schema is served at `/docs/tenant-document.v1.json`.",
            )
            .query::<ExportIn>()
            .reads()
            .headers(&["TM-Min-Revision"])
            .refuses(&[Code::RevisionNotReached])
            .answers(
                Answer::as_read::<DocumentIn>(200, "The document.", &["application/yaml", "application/json"], document())
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
    let done = Answer::json::<AppliedOut>(200, "Done, or unchanged.", example).with(&["ETag"]);
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
