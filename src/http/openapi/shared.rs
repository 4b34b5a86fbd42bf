//! Parts that many operations share, each described once: headers of requests and answers, path
//! parts, query parameters.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::schemas::{EnvName, Schemas, ServiceName, TenantName, VersionName};
use crate::http::headers::{MAX_IDEMPOTENCY_KEY, MAX_REASON};

/// A name, its description and its schema.
type Row = (&'static str, &'static str, Value);

/// Returns the request headers, in the order in which they are shown.
pub fn request_headers() -> Vec<Row> {
    let text = |max: usize| json!({ "type": "string", "maxLength": max, "pattern": "^[ -~]*$" });
    let tag = json!({
        "type": "string", "pattern": r#"^([0-9a-f]{16}\.(0|[1-9][0-9]{0,17})|(W/)?"[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})")$"#, "examples": ["adc74a594a3e0e8f.4"],
    });
    // A header that is ignored if it cannot be read may have any text.
    let any = json!({ "type": "string" });
    let tags = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#;
    vec![
        (
            "X-Correlation-ID",
            "The request's id, kept in the event as `request_id`. 1 to 128 visible ASCII characters; else, and without it, one is made.",
            any.clone(),
        ),
        (
            "traceparent",
            "W3C Trace Context; the request's span becomes a child of it. One that cannot be read is passed over.",
            any.clone(),
        ),
        (
            "Idempotency-Key",
            IDEMPOTENCY_KEY,
            json!({ "type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$" }),
        ),
        (
            "If-Match",
            "`*`, or entity tags: 412 unless the object exists with one of these. A weak one is of the tenant as a whole, and never of a route or a policy.",
            json!({ "type": "string", "pattern": tags, "examples": ["*", "\"adc74a594a3e0e8f.4\""] }),
        ),
        (
            "If-None-Match.create",
            "Create only: 412 if the object exists.",
            json!({ "const": "*" }),
        ),
        (
            "X-Reason",
            "Why; kept in the event. Any UTF-8 without control and invisible characters is taken; ASCII is what every client can send.",
            text(MAX_REASON),
        ),
        (
            "If-None-Match",
            "Tags that the caller has, or `*`: 304 when the answer's is among them, where the operation answers 304; and each is also a \
             minimum, like `TM-Min-Revision`. What is not a version tag is passed over.",
            any.clone(),
        ),
        (
            "TM-Min-Revision",
            "The answer is at least as new as this version tag, else 503 `revision_not_reached`.",
            tag,
        ),
        (
            "Prefer",
            "`wait=<seconds>` (RFC 7240): like `?wait=`. Other preferences are passed over.",
            any.clone(),
        ),
        (
            "Accept-Encoding",
            "`zstd` or `gzip`: the answer is compressed, and its tag is weak.",
            any,
        ),
        (
            "Last-Event-ID",
            "The `id` of the last event that was read: goes on after it. An empty one is none.",
            json!({ "type": "string", "pattern": r#"^([0-9a-f]{16}\.(0|[1-9][0-9]{0,17})|(W/)?"[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})")?$"#, "examples": ["adc74a594a3e0e8f.4"] }),
        ),
    ]
}

const IDEMPOTENCY_KEY: &str = "The same key with the same request gets the first answer again, with `Idempotency-Replayed`; with another \
                               request, 422 `idempotency_key_reused`. Keys belong to one tenant and one caller.";

/// Returns the headers of answers.
pub fn response_headers() -> Vec<Row> {
    let strong = r#"^"[0-9a-f]{16}\.(0|[1-9][0-9]{0,18})"$"#;
    let any = r#"^(W/)?"[0-9a-f]{16}\.(0|[1-9][0-9]{0,18})"$"#;
    let yes = json!({ "const": "true" });
    let number = json!({ "type": "string", "pattern": "^[0-9]+$" });
    vec![
        (
            "X-Correlation-ID",
            "The id that was sent, or the one that was made.",
            json!({ "type": "string", "minLength": 1, "maxLength": 128 }),
        ),
        (
            "traceparent",
            "The span of the request, when it was traced.",
            json!({ "type": "string" }),
        ),
        (
            "ETag",
            "A version tag in quotes.",
            json!({ "type": "string", "pattern": strong }),
        ),
        (
            "ETag.weak",
            "A version tag in quotes; weak when the answer is compressed.",
            json!({ "type": "string", "pattern": any }),
        ),
        (
            "Location",
            "The object's path.",
            json!({ "type": "string", "pattern": "^/" }),
        ),
        (
            "TM-Unchanged",
            "There was nothing to change: no revision and no event was made.",
            yes.clone(),
        ),
        (
            "Idempotency-Replayed",
            "This is the first answer to this `Idempotency-Key`, again.",
            yes,
        ),
        (
            "TM-Stale",
            "For so many seconds the primary has not confirmed what is held.",
            json!({ "type": "string", "pattern": "^[0-9]+$" }),
        ),
        (
            "RateLimit-Limit",
            "How many requests may come at once.",
            number.clone(),
        ),
        (
            "RateLimit-Remaining",
            "How many of them are left.",
            number.clone(),
        ),
        (
            "RateLimit-Reset",
            "In how many seconds all of them are.",
            number,
        ),
        (
            "WWW-Authenticate",
            "How to authenticate (RFC 9110).",
            json!({ "type": "string" }),
        ),
        (
            "Retry-After",
            "Seconds.",
            json!({ "type": "string", "pattern": "^[0-9]+$" }),
        ),
        (
            "Cache-Control",
            "How the answer may be cached.",
            json!({ "type": "string" }),
        ),
        (
            "Vary",
            "What the answer depends on.",
            json!({ "type": "string" }),
        ),
        (
            "Content-Encoding",
            "How the answer is compressed.",
            json!({ "type": "string", "enum": ["zstd", "gzip"] }),
        ),
        (
            "Preference-Applied",
            "The `Prefer` that was followed.",
            json!({ "type": "string", "pattern": "^wait=[0-9]+$" }),
        ),
        (
            "Content-Disposition",
            "Suggests a name for the file.",
            json!({ "type": "string", "pattern": "^attachment; filename=" }),
        ),
    ]
}

/// Returns a request header as a parameter.
pub fn request_header(schemas: &mut Schemas, key: &str) -> Value {
    let (description, schema) = row(request_headers(), key);
    let parameter = json!({ "name": name(key), "in": "header", "required": false, "description": description, "schema": schema });
    schemas.share("parameters", key, parameter)
}

/// Returns a header of an answer: its name and its definition.
pub fn response_header(schemas: &mut Schemas, key: &str, is_certain: bool) -> (String, Value) {
    let (description, schema) = row(response_headers(), key);
    let header = json!({ "required": is_certain, "description": description, "schema": schema });
    let shared = if is_certain {
        key.to_owned()
    } else {
        format!("{key}.perhaps")
    };
    (
        name(key).to_owned(),
        schemas.share("headers", &shared, header),
    )
}

/// Returns the name of a row's header. The suffix after a dot distinguishes several rows of the
/// same header.
fn name(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// Returns the description and the schema of a row. A name that is in no table gets the schema
/// `false`, which fails the tests of the document.
fn row(rows: Vec<Row>, name: &str) -> (&'static str, Value) {
    rows.into_iter()
        .find(|(key, _, _)| *key == name)
        .map_or(("", json!(false)), |(_, description, schema)| {
            (description, schema)
        })
}

/// Returns a part of a path as a parameter.
pub fn path_parameter(schemas: &mut Schemas, name: &str) -> Value {
    let schema = match name {
        "tenant" => schemas.read::<TenantName>(),
        "service" => schemas.read::<ServiceName>(),
        "env" => schemas.read::<EnvName>(),
        "version" => schemas.read::<VersionName>(),
        "id" => json!({ "type": "string", "format": "uuid" }),
        "key_id" => json!({ "type": "string", "pattern": "^[0-9A-Za-z]{12}$" }),
        "replay_id" => json!({ "type": "string", "format": "uuid" }),
        "letter_id" => json!({ "type": "string", "pattern": LETTER_ID }),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "description": parameter(name), "schema": schema })
}

/// The pattern of a dead letter's id, `<partition>-<offset>`.
pub const LETTER_ID: &str = "^(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,17})$";

/// Returns the parameters of a query that is read into `T`.
pub fn query<T: JsonSchema>(schemas: &mut Schemas) -> Vec<Value> {
    let members = schemas.members::<T>().into_iter();
    members
        .map(|(name, required, schema)| {
            json!({ "name": name, "in": "query", "required": required, "description": parameter(&name), "schema": schema })
        })
        .collect()
}

/// Returns the description of a parameter. It is the same wherever the parameter occurs.
fn parameter(name: &str) -> &'static str {
    match name {
        "tenant" => "Whose.",
        "service" => "The service.",
        "env" => "The environment.",
        "version" => "The version.",
        "code" => "The stable code of a problem.",
        "id" => "The plan's id.",
        "key_id" => "The API key's id.",
        "dependency" => "A dependency's name, as `/health/resilience` tells it.",
        "replay_id" => "The replay's id.",
        "letter_id" => "The dead letter's id: its partition and offset in the dead-letter topic.",
        "state" => "Only those of which this became.",
        "reason" => "Only those that are there for this reason.",
        "at" => "As it was then, instead of now.",
        "confirm" => "The tenant's name: everything that it has goes with it.",
        "confirm_in_use" => {
            "The caller knows that a policy sends traffic there. The policy must have somewhere else to send it."
        }
        "descendants" => {
            "Whether keys that came of this one are revoked with it: those that it made, and those whose token it was shown."
        }
        "dry_run" => "Works the plan out and keeps nothing. Takes the roles of reading the tenant.",
        "key" => "What keeps a client with its version: the same key gets the same version.",
        "explain" => "Tells why, in `explanation`.",
        "format" => "How the answer is written.",
        "is_active" => "Only active, or only inactive routes.",
        "label" => "Only routes with this label.",
        "limit" => "At most so many.",
        "cursor" => "Goes on after a page.",
        "min_revision" => "Like the header `TM-Min-Revision`; of both, the newer counts.",
        "wait" => "Held for so long while there is nothing newer than the tag that was sent.",
        "after" => "The version tag after which to begin.",
        "action" => "Only what happened so.",
        "actor" => "Only what this actor did.",
        "days" => "The last so many days.",
        "hours" => "The last so many hours.",
        "kind" => "Only this sort.",
        "start_time" => "Not before this.",
        "end_time" => "Before this, not at it.",
        "from" => "Where to begin; included, unless a difference is asked for.",
        "to" => "Where to end.",
        _ => "",
    }
}
