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
    query::{GetIn, HistoryIn},
    respond::PageOut,
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
            .about("In the order of their names.")
            .query::<ListIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<Policy>>(200, "A page.", page(policy())).with(&["ETag"]))
            .compressed()
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
        Operation::get(POLICY, "getPolicy", "Read a traffic policy")
            .about("With `at`, as it was then.")
            .query::<GetIn>()
            .reads_no_older()
            .answers(Answer::json::<Policy>(200, "The policy.", policy()).with(&["ETag"]))
            .answers(Answer::empty(304, "The caller has it.").with(&["ETag"]))
            .refuses(&gone),
        Operation::put(POLICY, "putPolicy", "Create or replace a traffic policy")
            .about(
                "What is left out goes back to its default. A policy must send traffic somewhere; every version that it names must exist; \
                 a host belongs to one tenant, and with a path prefix to one of its policies.",
            )
            .body::<PolicyIn>(shapes::example())
            .writes()
            .answers(written(201, "Created."))
            .answers(written(200, "Replaced, or unchanged."))
            .refuses(&[Code::QuotaExceeded, Code::HostTaken, Code::HostNotAllowed]),
        Operation::patch(POLICY, "patchPolicy", "Change parts of a traffic policy")
            .about("A merge patch (RFC 7396): what is absent stays, `null` goes back to the default, a list is replaced whole.")
            .body::<PatchIn>(json!({ "split": [{ "version": "v1", "weight": 50 }, { "version": "v2", "weight": 50 }] }))
            .writes()
            .answers(written(200, "Changed, or unchanged."))
            .refuses(&gone)
            .refuses(&[Code::QuotaExceeded, Code::HostTaken, Code::HostNotAllowed]),
        Operation::delete(POLICY, "deletePolicy", "Delete a traffic policy")
            .writes()
            .answers(Answer::empty(204, "It is gone.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
            .refuses(&gone),
        Operation::get("/api/v1/policies/{tenant}/{service}/{env}/history", "getPolicyHistory", "Read a traffic policy's events")
            .about("In the tenant's present epoch, newest first, also after the policy was deleted.")
            .query::<HistoryIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<Event>>(200, "A page.", page(event_schema::policy_example())).with(&["ETag"]))
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
