//! The operation of `resolve`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{MAX_HEADERS, MAX_VALUE, ResolveIn};
use crate::http::{
    openapi::{Answer, Operation, schemas},
    problem::Code,
    shapes::choice::{ChoiceExplanation, explanation},
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

pub fn resolve() -> Operation {
    Operation::new("resolveRoute", "Resolve a version or a request to a route")
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
