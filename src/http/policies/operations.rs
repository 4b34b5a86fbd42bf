//! The operations of `/policies`, for the OpenAPI document.

use serde_json::{Value, json};

use super::{ListIn, PatchIn, PolicyIn};
use crate::http::{
    event_schema::{self, Event},
    openapi::{Answer, Operation},
    problem::Code,
    query::{GetIn, HistoryIn},
    respond::{PageOut, page_of},
    shapes::policies::{self, Policy},
};

const GONE: [Code; 2] = [Code::TenantNotFound, Code::PolicyNotFound];

fn written(status: u16, what: &'static str) -> Answer {
    Answer::json::<Policy>(status, what, policy())
        .with(&["ETag", "Location"])
        .perhaps(&["TM-Unchanged", "Idempotency-Replayed"])
}

pub fn list() -> Operation {
    Operation::new("listPolicies", "List a tenant's traffic policies")
        .about("In the order of services and environments.")
        .query::<ListIn>()
        .reads_no_older()
        .answers(
            Answer::json::<PageOut<Policy>>(200, "A page of traffic policies.", page_of(policy()))
                .with(&["ETag"]),
        )
        .refuses(&[Code::InvalidCursor, Code::TenantNotFound])
}

pub fn get() -> Operation {
    Operation::new("getPolicy", "Get a traffic policy")
        .about("With `at`, the policy at an earlier point in time.")
        .query::<GetIn>()
        .reads_no_older()
        .answers(Answer::json::<Policy>(200, "The policy.", policy()).with(&["ETag"]))
        .answers(Answer::empty(304, "The caller has this answer already.").with(&["ETag"]))
        .refuses(&GONE)
}

pub fn put() -> Operation {
    Operation::new("putPolicy", "Create or replace a traffic policy")
        .about(
            "Members that are left out get their defaults. A policy must send traffic to at least one version, and every version that it \
             names must exist. A host belongs to one tenant; a host with a path prefix belongs to one policy.",
        )
        .body::<PolicyIn>(policies::example())
        .writes()
        .answers(written(201, "The policy is created."))
        .answers(written(200, "The policy is replaced, or was the same already."))
        .refuses(&[Code::QuotaExceeded, Code::HostTaken, Code::HostNotAllowed])
}

pub fn patch() -> Operation {
    Operation::new("patchPolicy", "Change parts of a traffic policy")
        .about("The body is a merge patch (RFC 7396): absent members stay, `null` restores the default, a list is replaced as a whole.")
        .body::<PatchIn>(json!({ "split": [{ "version": "v1", "weight": 50 }, { "version": "v2", "weight": 50 }] }))
        .writes()
        .answers(written(200, "The policy is changed, or was the same already."))
        .refuses(&GONE)
        .refuses(&[Code::QuotaExceeded, Code::HostTaken, Code::HostNotAllowed])
}

pub fn delete() -> Operation {
    Operation::new("deletePolicy", "Delete a traffic policy")
        .writes()
        .answers(
            Answer::empty(204, "The policy is deleted.")
                .with(&["ETag"])
                .perhaps(&["Idempotency-Replayed"]),
        )
        .refuses(&GONE)
}

pub fn history() -> Operation {
    Operation::new("getPolicyHistory", "List a traffic policy's events")
        .about("In the tenant's present epoch, newest first. Deleted policies keep their history.")
        .query::<HistoryIn>()
        .reads_no_older()
        .answers(
            Answer::json::<PageOut<Event>>(
                200,
                "A page of events.",
                page_of(event_schema::policy_example()),
            )
            .with(&["ETag"]),
        )
        .refuses(&GONE)
        .refuses(&[Code::InvalidCursor])
}

fn policy() -> Value {
    let mut policy = json!({
        "tenant": "acme", "service": "checkout", "env": "prod", "revision": 3, "created_at": "2026-11-21T08:03:37.661997Z",
        "created_by": "anonymous", "updated_at": "2026-11-21T08:03:37.661997Z", "updated_by": "anonymous",
    });
    policy
        .as_object_mut()
        .into_iter()
        .zip(policies::example().as_object().cloned())
        .for_each(|(policy, spec)| policy.extend(spec));
    policy
}
