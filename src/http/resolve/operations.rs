//! The operation of `resolve`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{MAX_HEADERS, MAX_VALUE, ResolveIn};
use crate::http::{
    openapi::{Answer, Operation, schemas},
    policies::shapes::PolicyName,
    problem::Code,
};

/// The active route of a version, or the route to which the policy sends a request.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ResolvedRoute {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    url: schemas::RouteUrl,
    revision: schemas::Revision,
    #[schemars(skip_serializing_if = "Option::is_none", with = "ChoiceExplanation")]
    explanation: Option<()>,
}

/// The explanation of how a policy chose the version for a request.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct ChoiceExplanation {
    policy: PolicyName,
    /// The revision of the policy's last change.
    policy_revision: schemas::Revision,
    reason: ChoiceReason,
    /// The name of the rule that took the request; `null` if no rule did.
    rule: Option<String>,
    /// The key by which the split was decided; `null` if there was none and the choice was random.
    key: Option<String>,
    /// The version that the rule or the split chose first, if that version was not active.
    instead_of: Option<schemas::VersionName>,
    /// The versions of the split, highest score first. Empty if a rule took the request, unless
    /// `reason` is `next_of_split`.
    split: Vec<SplitScore>,
}

/// The reason for the choice. `failover`: the version that was chosen first is not active.
/// `next_of_split`: no version of the failover order is active either. `nowhere`: no version is
/// active.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum ChoiceReason {
    Rule,
    Split,
    Failover,
    NextOfSplit,
    Nowhere,
}

/// A version in the split.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct SplitScore {
    version: schemas::VersionName,
    weight: u32,
    /// The version's share of all keys, from 0 to 1.
    share: f64,
    /// The version's score for this key. The highest score wins.
    score: f64,
    standing: RouteStanding,
}

/// Whether traffic may go to a version.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum RouteStanding {
    Active,
    Inactive,
    Missing,
}

/// Returns the operation for the OpenAPI document.
pub fn operation() -> Operation {
    Operation::get("/api/v1/routes/resolve", "resolveRoute", "Resolve a version or a request to a route")
        .about(
            "Answered from memory. Without `version`, the traffic policy chooses the version: the same `key` gets the same version until the \
             policy changes. A random choice has no tag and may not be cached. `key`, `explain` and `header.<name>` are allowed only without \
             `version`.",
        )
        .query::<ResolveIn>()
        .parameter(headers)
        .reads_no_older()
        .answers(
            Answer::json::<ResolvedRoute>(200, "The active route.", resolved()).perhaps(&["ETag", "TM-Stale"]),
        )
        .answers(Answer::empty(304, "The caller has this answer already.").with(&["ETag"]).perhaps(&["TM-Stale"]))
        .refuses(&[
            Code::TenantNotFound,
            Code::RouteNotFound,
            Code::RouteInactive,
            Code::PolicyNotFound,
            Code::NoActiveVersion,
        ])
}

/// Returns the parameter `header.<name>`: each member is a query parameter of its own (style
/// `form`, exploded).
fn headers() -> Value {
    json!({
        "name": "request_headers", "in": "query", "required": false, "style": "form", "explode": true,
        "description": "The request headers for the rules of the policy. Each header is a query parameter `header.<name>`, such as `header.x-beta=yes`; the name `request_headers` itself is never sent.",
        "schema": {
            "type": "object", "maxProperties": MAX_HEADERS, "propertyNames": { "type": "string", "pattern": schemas::header_name(r"header\.") },
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

/// Returns an example of an explanation.
pub fn explanation() -> Value {
    json!({
        "policy": { "service": "checkout", "env": "prod" }, "policy_revision": 3, "reason": "split", "rule": null, "key": "user-7",
        "instead_of": null, "split": [
            { "version": "v1", "weight": 90, "share": 0.9, "score": 278.985, "standing": "active" },
            { "version": "v2", "weight": 10, "share": 0.1, "score": 28.709, "standing": "active" },
        ],
    })
}
