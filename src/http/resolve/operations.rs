//! The operation of `resolve`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{MAX_NAMED, MAX_VALUE, ResolveIn};
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
             policy changes. A random choice has no tag and may not be cached. `key`, `path`, `method`, `explain`, `header.<name>` and \
             `query.<name>` are allowed only without `version`. A rule for paths or methods does not match without `path` or `method`.",
        )
        .query::<ResolveIn>()
        .parameter(headers)
        .parameter(query_parameters)
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
            Code::AnsweredByPolicy,
            Code::NoActiveVersion,
        ])
}

/// Returns the parameter `query.<name>`, described as `header.<name>` is.
fn query_parameters() -> Value {
    json!({
        "name": "request_query", "in": "query", "required": false, "style": "form", "explode": true,
        "description": "The query parameters, decoded, for the rules of the policy. Each is a query parameter `query.<name>`, such as `query.beta=yes`; the name `request_query` itself is never sent.",
        "schema": {
            "type": "object", "maxProperties": MAX_NAMED, "propertyNames": { "type": "string", "pattern": r"^query\.[A-Za-z0-9._~-]{1,64}$" },
            "additionalProperties": { "type": "string", "maxLength": MAX_VALUE }, "examples": [{ "query.beta": "yes" }],
        },
    })
}

/// Returns the parameter `header.<name>`: each member is a query parameter of its own (style
/// `form`, exploded).
fn headers() -> Value {
    json!({
        "name": "request_headers", "in": "query", "required": false, "style": "form", "explode": true,
        "description": "The request headers for the rules of the policy. Each header is a query parameter `header.<name>`, such as `header.x-beta=yes`; the name `request_headers` itself is never sent.",
        "schema": {
            "type": "object", "maxProperties": MAX_NAMED, "propertyNames": { "type": "string", "pattern": schemas::header_name(r"header\.") },
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
