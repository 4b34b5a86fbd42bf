//! Problem documents in the OpenAPI document: each operation lists the codes that it may answer.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{generate::Schemas, schemas, shared};
use crate::http::{
    problem::{Code, FieldError, MAX_ERRORS},
    shapes::{
        choice::{ChoiceExplanation, explanation},
        plans::{Plan, plan},
        policies::{FixedResponse, PolicyName, Redirect},
    },
};

/// The media type of problem documents (RFC 9457).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The extension that lists the problem codes of a response.
pub const CODES: &str = "x-codes";

/// The names of the responses with several codes that many operations share. Any other combination
/// of codes is described in each operation.
const COMBINATIONS: [(&str, &[Code]); 8] = [
    (
        "InvalidOrReused",
        &[Code::InvalidRequest, Code::IdempotencyKeyReused],
    ),
    (
        "MalformedRequestOrCursor",
        &[Code::MalformedRequest, Code::InvalidCursor],
    ),
    (
        "ForbiddenOrOutsideGrant",
        &[Code::Forbidden, Code::OutsideGrant],
    ),
    (
        "TooManyRequestsOrWrites",
        &[Code::TooManyRequests, Code::TooManyWrites],
    ),
    (
        "ReadUnavailable",
        &[Code::Unavailable, Code::Overloaded, Code::DeadlineExceeded],
    ),
    (
        "MinimumUnavailable",
        &[
            Code::Unavailable,
            Code::Overloaded,
            Code::RevisionNotReached,
            Code::DeadlineExceeded,
        ],
    ),
    (
        "CommandUnavailable",
        &[
            Code::Unavailable,
            Code::Overloaded,
            Code::CommitUnknown,
            Code::DeadlineExceeded,
        ],
    ),
    (
        "WriteUnavailable",
        &[
            Code::Unavailable,
            Code::AuditBacklog,
            Code::Overloaded,
            Code::CommitUnknown,
            Code::DeadlineExceeded,
        ],
    ),
];

/// The rate limit headers. They are on the answer to every request that was counted.
pub const RATE_LIMIT: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

/// The body of every error (RFC 9457). `x-code-members` lists the members that a code always has in
/// addition to the members of every problem.
#[derive(JsonSchema)]
#[schemars(extend("x-code-members" = code_members()))]
#[expect(dead_code, reason = "read by the derive")]
struct Problem {
    /// The type of the problem, `/problems/<code>`. This path serves an explanation.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = "^/problems/[a-z_]+$"))]
    problem_type: String,
    /// The HTTP status of the answer.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// A short text about this type of problem, for people.
    title: String,
    /// A text about this occurrence of the problem, for people.
    detail: String,
    code: ProblemCode,
    /// The request's id, as in `X-Correlation-ID`.
    request_id: String,
    /// The fields that are wrong: the first 20.
    #[schemars(skip_serializing_if = "Vec::is_empty", length(max = MAX_ERRORS))]
    errors: Vec<FieldError>,
    /// Present if more fields are wrong than `errors` has.
    #[schemars(skip_serializing_if = "Option::is_none", with = "bool")]
    more_errors: Option<()>,
    #[schemars(flatten)]
    members: Members,
}

/// The stable code of a problem.
enum ProblemCode {}

impl JsonSchema for ProblemCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ProblemCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The stable code of the problem, for programs. The examples are all codes of this version; later versions \
                            may have more. `x-codes` of a response lists the codes that the operation may answer with.",
            "type": "string", "pattern": "^[a-z_]+$", "examples": Code::ALL.iter().map(|code| code.name()).collect::<Vec<_>>(),
        })
    }
}

/// Members that only some codes have.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Members {
    /// `answered_by_policy`: where the client is sent, if the policy redirects.
    #[schemars(skip_serializing_if = "Option::is_none", with = "Redirect")]
    redirect: Option<()>,
    /// `answered_by_policy`: the answer, if the policy answers.
    #[schemars(skip_serializing_if = "Option::is_none", with = "FixedResponse")]
    respond: Option<()>,
    /// `answered_by_policy`, `no_active_version`: the rule and the versions that were looked at.
    #[schemars(skip_serializing_if = "Option::is_none", with = "ChoiceExplanation")]
    explanation: Option<()>,
    /// `host_taken`, `host_not_allowed`: the host.
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::HostPattern")]
    host: Option<()>,
    /// `host_taken`: the path prefix of the host.
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::PathPrefix")]
    path_prefix: Option<()>,
    /// `version_in_use`: the policies that name the version.
    #[schemars(skip_serializing_if = "Option::is_none", with = "Vec<PolicyName>")]
    policies: Option<()>,
    /// `version_in_use`: whether the change can be confirmed with `confirm_in_use`.
    #[schemars(skip_serializing_if = "Option::is_none", with = "bool")]
    may_confirm: Option<()>,
    /// `shrink_not_confirmed`: the number of active routes in the scope.
    #[schemars(skip_serializing_if = "Option::is_none", with = "u32")]
    active_routes: Option<()>,
    /// `shrink_not_confirmed`: how many fewer active routes there would be.
    #[schemars(skip_serializing_if = "Option::is_none", with = "u32")]
    removed_routes: Option<()>,
    /// `shrink_not_confirmed`: the hash with which the change is confirmed.
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::Sha256")]
    confirm_shrink: Option<()>,
    /// `plan_stale`: a new plan of the same document.
    #[schemars(skip_serializing_if = "Option::is_none", with = "Plan")]
    plan: Option<()>,
    /// `plan_stale`: present if the plan has more changes than `plan` shows; read the plan by its
    /// id.
    #[schemars(skip_serializing_if = "Option::is_none", with = "bool")]
    more_changes: Option<()>,
    /// `quota_exceeded`: the name of the quota.
    #[schemars(skip_serializing_if = "Option::is_none", with = "String")]
    quota: Option<()>,
    /// `quota_exceeded`: the limit that the quota sets.
    #[schemars(skip_serializing_if = "Option::is_none", with = "u32")]
    limit: Option<()>,
    /// `too_many_writes`: the tenant's quota, in writes per second.
    #[schemars(skip_serializing_if = "Option::is_none", with = "u32")]
    writes_per_second: Option<()>,
}

/// Returns example values of the members that a code always has in addition to the members of every
/// problem.
fn members(code: Code) -> Value {
    match code {
        Code::NoActiveVersion => json!({ "explanation": explanation() }),
        Code::AnsweredByPolicy => json!({ "explanation": explanation() }),
        Code::HostNotAllowed => json!({ "host": "*.com" }),
        Code::HostTaken => json!({ "host": "shop.example.com", "path_prefix": "/" }),
        Code::VersionInUse => {
            json!({ "policies": [{ "service": "checkout", "env": "prod" }], "may_confirm": true })
        }
        Code::ShrinkNotConfirmed => json!({
            "active_routes": 30, "removed_routes": 16,
            "confirm_shrink": "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819",
        }),
        Code::PlanStale => json!({ "plan": plan() }),
        Code::QuotaExceeded => json!({ "quota": "routes", "limit": 1000 }),
        Code::TooManyWrites => json!({ "writes_per_second": 50 }),
        _ => json!({}),
    }
}

/// Returns the names of these members, by code.
fn code_members() -> Value {
    let mut by_code = Map::new();
    for code in Code::ALL.iter().copied() {
        if let Value::Object(members) = members(code)
            && !members.is_empty()
        {
            by_code.insert(code.name().to_owned(), members.keys().cloned().collect());
        }
    }
    Value::Object(by_code)
}

/// Returns the response for these codes, or a reference to it if operations share it.
pub fn answer(schemas: &mut Schemas, codes: &[Code]) -> Value {
    let response = response(schemas, codes);
    match shared_name(codes) {
        Some(name) => schemas.share("responses", &name, response),
        None => response,
    }
}

fn shared_name(codes: &[Code]) -> Option<String> {
    if let [code] = codes {
        let words = code.name().split('_');
        return Some(words.map(capitalized).collect());
    }
    let is_same = |combination: &[Code]| {
        combination.len() == codes.len() && combination.iter().all(|code| codes.contains(code))
    };
    let (name, _) = COMBINATIONS.iter().find(|(_, codes)| is_same(codes))?;
    Some((*name).to_owned())
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// Returns the response for these codes, which must have the same status.
pub fn response(schemas: &mut Schemas, codes: &[Code]) -> Value {
    let lines: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.name(), code.title()))
        .collect();
    let status = codes.first().map_or(500, |code| code.status().as_u16());
    let tells_tag = codes
        .iter()
        .any(|code| matches!(code, Code::PreconditionFailed | Code::RevisionNotReached));
    let mut headers = vec![
        ("X-Correlation-ID", true),
        ("Cache-Control", true),
        ("traceparent", false),
    ];
    headers.extend((status == 401).then_some(("WWW-Authenticate", true)));
    headers.extend(RATE_LIMIT.map(|name| (name, false)));
    headers.extend(matches!(status, 429 | 503).then_some(("Retry-After", true)));
    headers.extend(tells_tag.then_some(("ETag", false)));
    let headers: Map<_, _> = headers
        .iter()
        .map(|(name, is_certain)| shared::response_header(schemas, name, *is_certain))
        .collect();
    let schema = schemas.written::<Problem>();
    let examples: Map<_, _> = codes
        .iter()
        .map(|code| {
            let example = json!({ "summary": code.title(), "value": example(*code) });
            (
                code.name().to_owned(),
                schemas.share("examples", code.name(), example),
            )
        })
        .collect();
    json!({
        "description": lines.join("; "), "headers": headers,
        CODES: codes.iter().map(|code| code.name()).collect::<Vec<_>>(),
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
        problem["errors"] =
            json!([{ "pointer": "/tenant", "code": "not_a_dns_label", "detail": detail }]);
    }
    problem
        .as_object_mut()
        .into_iter()
        .zip(members(code).as_object().cloned())
        .for_each(|(problem, more)| problem.extend(more));
    problem
}
