//! The operations of `/policies`, for the OpenAPI document.

use serde_json::{Value, json};

use super::{
    ListIn, PatchIn, PolicyIn,
    shapes::{self, Policy},
};
use crate::http::{
    event_schema::{self, Event},
    openapi::{Answer, Operation},
    problem::Code,
    respond::PageOut,
    routes::{GetIn, HistoryIn},
};

const POLICY: &str = "/api/v1/policies/{tenant}/{service}/{env}";

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    let gone = [Code::TenantNotFound, Code::PolicyNotFound];
    let written = |status, what| {
        let answer = Answer::json::<Policy>(status, what, policy()).with(&["ETag", "Location"]);
        answer.perhaps(&["TM-Unchanged", "Idempotency-Replayed"])
    };
    let page = |example| json!({ "items": [example], "next_cursor": null });
    vec![
        Operation::get("/api/v1/policies", "listPolicies", "List a tenant's traffic policies")
            .about("In the order of services and environments.")
            .query::<ListIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<Policy>>(200, "A page of traffic policies.", page(policy())).with(&["ETag"]))
            .compressed()
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
        Operation::get(POLICY, "getPolicy", "Get a traffic policy")
            .about("With `at`, the policy at an earlier point in time.")
            .query::<GetIn>()
            .reads_no_older()
            .answers(Answer::json::<Policy>(200, "The policy.", policy()).with(&["ETag"]))
            .answers(Answer::empty(304, "The caller has this answer already.").with(&["ETag"]))
            .refuses(&gone),
        Operation::put(POLICY, "putPolicy", "Create or replace a traffic policy")
            .about(
                "Members that are left out get their defaults. A policy must send traffic to at least one version, and every version that it \
                 names must exist. A host belongs to one tenant; a host with a path prefix belongs to one policy.",
            )
            .body::<PolicyIn>(shapes::example())
            .writes()
            .answers(written(201, "The policy is created."))
            .answers(written(200, "The policy is replaced, or was the same already."))
            .refuses(&[Code::QuotaExceeded, Code::HostTaken, Code::HostNotAllowed]),
        Operation::patch(POLICY, "patchPolicy", "Change parts of a traffic policy")
            .about("The body is a merge patch (RFC 7396): absent members stay, `null` restores the default, a list is replaced as a whole.")
            .body::<PatchIn>(json!({ "split": [{ "version": "v1", "weight": 50 }, { "version": "v2", "weight": 50 }] }))
            .writes()
            .answers(written(200, "The policy is changed, or was the same already."))
            .refuses(&gone)
            .refuses(&[Code::QuotaExceeded, Code::HostTaken, Code::HostNotAllowed]),
        Operation::delete(POLICY, "deletePolicy", "Delete a traffic policy")
            .writes()
            .answers(Answer::empty(204, "The policy is deleted.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
            .refuses(&gone),
        Operation::get("/api/v1/policies/{tenant}/{service}/{env}/history", "getPolicyHistory", "List a traffic policy's events")
            .about("In the tenant's present epoch, newest first. Deleted policies keep their history.")
            .query::<HistoryIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<Event>>(200, "A page of events.", page(event_schema::policy_example())).with(&["ETag"]))
            .compressed()
            .refuses(&gone)
            .refuses(&[Code::InvalidCursor]),
    ]
}

fn policy() -> Value {
    let mut policy = json!({
        "tenant": "acme", "service": "checkout", "env": "prod", "revision": 3, "created_at": "2026-11-21T08:03:37.661997Z",
        "created_by": "anonymous", "updated_at": "2026-11-21T08:03:37.661997Z", "updated_by": "anonymous",
    });
    policy
        .as_object_mut()
        .into_iter()
        .zip(shapes::example().as_object().cloned())
        .for_each(|(policy, spec)| policy.extend(spec));
    policy
}
