//! Problem documents in the OpenAPI document: each operation tells which codes it may answer with.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{schemas::Schemas, shared};
use crate::http::problem::{Code, FieldError};

/// RFC 9457.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What every error is answered with (RFC 9457).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Problem {
    /// Names the sort of problem, `/problems/<code>`, where it is explained.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = "^/problems/[a-z_]+$"))]
    problem_type: String,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What it is, for people.
    title: String,
    /// What it is in this case, for people.
    detail: String,
    /// Stable, for programs.
    #[schemars(regex(pattern = "^[a-z_]+$"))]
    code: String,
    /// The request's id, as in `X-Correlation-ID`.
    request_id: String,
    /// Which fields are wrong.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// The answer with these codes, which have one status.
pub fn response(schemas: &mut Schemas, codes: &[Code]) -> Value {
    let lines: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.name(), code.title())).collect();
    let status = codes.first().map_or(500, |code| code.status().as_u16());
    let tells_tag = codes.iter().any(|code| matches!(code, Code::PreconditionFailed | Code::RevisionNotReached));
    let mut names = vec![("X-Correlation-ID", true), ("traceparent", false)];
    names.extend(matches!(status, 429 | 503).then_some(("Retry-After", true)));
    names.extend(tells_tag.then_some(("ETag", false)));
    let headers: Map<_, _> = names.iter().map(|(name, is_certain)| shared::response_header(schemas, name, *is_certain)).collect();
    let schema = json!({ "allOf": [schemas.written::<Problem>(), { "properties": { "code": { "enum": codes.iter().map(|code| code.name()).collect::<Vec<_>>() } } }] });
    let examples: Map<_, _> = codes.iter().map(|code| (code.name().to_owned(), json!({ "value": example(*code) }))).collect();
    json!({
        "description": lines.join("; "), "headers": headers,
        "content": { MEDIA_TYPE: { "schema": schema, "examples": examples } },
    })
}

fn example(code: Code) -> Value {
    let mut problem = json!({
        "type": format!("/problems/{}", code.name()), "status": code.status().as_u16(), "title": code.title(),
        "detail": code.when(), "code": code.name(), "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
    });
    if code == Code::InvalidRequest {
        let detail = "tenant must be a DNS label: lower-case letters, digits and inner hyphens";
        problem["errors"] = json!([{ "pointer": "/tenant", "code": "not_a_dns_label", "detail": detail }]);
    }
    problem
}
