//! The operations of plans, batches, rollback and the document, for the OpenAPI document.

use serde_json::{Value, json};

use super::{
    AppliedOut, ApplyIn, DocumentIn, PlanIn, PlanSummaryOut, PreviewOut, RollbackIn,
    batch::BatchIn, documents::TenantDocument, export::ExportIn,
};
use crate::http::{
    openapi::{Answer, Operation},
    problem::Code,
    query::PageIn,
    respond::PageOut,
    shapes::{
        plans::{PLAN_HASH, PLANNED_URL, Plan, plan},
        policies,
    },
};

pub fn list() -> Operation {
    Operation::new("listPlans", "List a tenant's plans")
        .about("Newest first, without the changes of the plans.")
        .query::<PageIn>()
        .reads()
        .answers(Answer::json::<PageOut<PlanSummaryOut>>(
            200,
            "A page of plans.",
            json!({ "items": [without(&plan(), &["changes"])], "next_cursor": null }),
        ))
        .refuses(&[Code::InvalidCursor, Code::TenantNotFound])
}

pub fn create() -> Operation {
    plans(Operation::new("createPlan", "Plan the changes towards a document"))
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
        .bulk_body::<DocumentIn>(document())
}

pub fn get() -> Operation {
    Operation::new("getPlan", "Get a plan")
        .reads()
        .answers(Answer::json::<Plan>(200, "The plan.", plan()))
        .refuses(&[Code::PlanNotFound])
}

pub fn delete() -> Operation {
    Operation::new("deletePlan", "Delete a plan")
        .about("Needs the same rights as applying the plan, and is recorded in the access log.")
        .headers(&["X-Reason"])
        .reads()
        .answers(Answer::empty(204, "The plan is deleted."))
        .refuses(&[
            Code::PlanNotFound,
            Code::OutsideGrant,
            Code::MalformedRequest,
            Code::CommitUnknown,
        ])
}

pub fn apply() -> Operation {
    applies(Operation::new("applyPlan", "Apply a plan"))
        .about(
            "Commits all changes of the plan in one revision, or none. If the scope has changed since the plan was made, the answer is 409 \
             `plan_stale` with a new plan of the same document.",
        )
        .body::<ApplyIn>(json!({ "hash": PLAN_HASH }))
        .refuses(&[Code::PlanNotFound, Code::PlanHashMismatch, Code::PlanStale])
}

pub fn batch() -> Operation {
    applies(Operation::new("applyBatch", "Apply many changes at once"))
        .about("Commits all changes in one revision, or none: at most 10000 changes. Errors name a change by its index.")
        .bulk_body::<BatchIn>(json!({ "changes": [
            { "action": "put", "route": { "service": "checkout", "env": "prod", "version": "v2", "url": PLANNED_URL } },
            { "action": "deactivate", "route": { "service": "checkout", "env": "prod", "version": "v1" } },
        ] }))
}

pub fn rollback() -> Operation {
    plans(Operation::new("createRollbackPlan", "Plan the way back to an earlier state"))
        .about("Changes nothing: apply the plan like any other plan. The target must be in the tenant's present history.")
        .body::<RollbackIn>(json!({ "to": 4, "reason": "it was better" }))
}

pub fn export() -> Operation {
    Operation::new("exportTenant", "Export a tenant as a document")
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
        .refuses(&[Code::TenantNotFound, Code::InvalidRequest])
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

fn document() -> Value {
    let mut policy = json!({ "service": "checkout", "env": "prod" });
    policy
        .as_object_mut()
        .into_iter()
        .zip(policies::example().as_object().cloned())
        .for_each(|(policy, spec)| policy.extend(spec));
    json!({
        "scope": { "service": null, "env": "prod" }, "prune": true, "policies": [policy],
        "routes": [
            {
                "service": "checkout", "env": "prod", "version": "v1", "url": "https://checkout-1.example.com", "is_active": true,
                "labels": { "team": "payments" }, "description": null,
            },
            {
                "service": "checkout", "env": "prod", "version": "v2", "url": PLANNED_URL, "is_active": true, "labels": {}, "description": null,
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
