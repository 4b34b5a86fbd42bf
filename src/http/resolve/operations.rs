//! The operation of `resolve`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{MAX_HEADERS, MAX_VALUE, ResolveIn};
use crate::http::{
    openapi::{Answer, Operation, schemas},
    policies::shapes::PolicyName,
    problem::Code,
};

/// Where a version of a service points, or where the policy sends a request.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Resolved {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    url: schemas::RouteUrl,
    revision: schemas::Revision,
    #[schemars(skip_serializing_if = "Option::is_none", with = "Explanation")]
    explanation: Option<()>,
}

/// Why a request goes where it goes, and by which policy.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Explanation {
    policy: PolicyName,
    /// The revision of its last change.
    policy_revision: schemas::Revision,
    reason: Reason,
    /// The rule that took the request, if one did.
    rule: Option<String>,
    /// The key that the split went by; `null` when there was none, and chance decided.
    key: Option<String>,
    /// What the rule or the split chose first, if that was not active.
    instead_of: Option<schemas::VersionName>,
    /// The split, highest score first. Empty when a rule decided.
    split: Vec<Scored>,
}

/// What decided: `failover`, what was chosen first is not active; `next_of_split`, nor is any of the failover order; `nowhere`, nothing is.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum Reason {
    Rule,
    Split,
    Failover,
    NextOfSplit,
    Nowhere,
}

/// A version's part in the split.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Scored {
    version: schemas::VersionName,
    weight: u32,
    /// Its share of all keys.
    share: f64,
    /// What it scores for this key. The highest wins.
    score: f64,
    standing: Standing,
}

/// Whether traffic may go to a version.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum Standing {
    Active,
    Inactive,
    Missing,
}

/// What is told of it.
pub fn operation() -> Operation {
    Operation::get("/api/v1/routes/resolve", "resolveRoute", "Where a version of a service points, or where a request goes")
        .about(
            "Answered from memory. Without `version` the traffic policy decides, and the same `key` always gets the same version while the \
             policy stands. An answer by chance has no tag and may not be stored. `key`, `explain` and `header.<name>` are for resolving \
             without a version only.",
        )
        .query::<ResolveIn>()
        .parameter(headers)
        .reads_no_older()
        .answers(
            Answer::json::<Resolved>(200, "The active route.", resolved()).perhaps(&["ETag", "TM-Stale"]),
        )
        .answers(Answer::empty(304, "The caller has it.").with(&["ETag"]).perhaps(&["TM-Stale"]))
        .refuses(&[
            Code::TenantNotFound,
            Code::RouteNotFound,
            Code::RouteInactive,
            Code::PolicyNotFound,
            Code::NoActiveVersion,
        ])
}

/// `header.<name>`: each member is a parameter of its own (style `form`, exploded).
fn headers() -> Value {
    json!({
        "name": "headers", "in": "query", "required": false, "style": "form", "explode": true,
        "description": "Request headers that the policy may look at, each as a parameter `header.<name>`, such as `header.x-beta=yes`.",
        "schema": {
            "type": "object", "maxProperties": MAX_HEADERS, "propertyNames": { "pattern": schemas::header_name(r"header\.") },
            "additionalProperties": { "type": "string", "maxLength": MAX_VALUE }, "examples": [{ "header.x-beta": "yes" }],
        },
    })
}

fn resolved() -> Value {
    json!({
        "tenant": "acme", "service": "checkout", "env": "prod", "version": "v1", "url": "https://checkout-1.example.com", "revision": 1,
        "explanation": explanation(),
    })
}

/// An explanation in examples.
pub fn explanation() -> Value {
    json!({
        "policy": { "service": "checkout", "env": "prod" }, "policy_revision": 3, "reason": "split", "rule": null, "key": "user-7",
        "instead_of": null, "split": [
            { "version": "v1", "weight": 90, "share": 0.9, "score": 278.985, "standing": "active" },
            { "version": "v2", "weight": 10, "share": 0.1, "score": 28.709, "standing": "active" },
        ],
    })
}
