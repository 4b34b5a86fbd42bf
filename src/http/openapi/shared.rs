//! Parts that many operations share, each described once: headers of requests and answers, path
//! parts, query parameters.

use schemars::JsonSchema;
use serde_json::{Value, json};
use traffic_manager_dataplane::Dialect;

use super::{
    generate::Schemas,
    schemas::{
        DeadLetterId, EnvName, NodeName, PlanId, ReplayId, ServiceName, TenantName, VersionName,
    },
};
use crate::http::headers::{MAX_IDEMPOTENCY_KEY, MAX_REASON};

/// A name, its description and its schema.
type Row = (&'static str, &'static str, Value);

/// Returns the request headers, in the order in which they are shown.
pub fn request_headers() -> Vec<Row> {
    let text = |max: usize| json!({ "type": "string", "maxLength": max, "pattern": "^[ -~]*$" });
    let tag = json!({
        "type": "string", "pattern": r#"^([0-9a-f]{16}\.(0|[1-9][0-9]{0,17})|(W/)?"[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})")$"#, "examples": ["adc74a594a3e0e8f.4"],
    });
    let tag_of_node = tag.clone();
    // A header that is ignored if it cannot be read may have any text.
    let any = json!({ "type": "string" });
    let tags = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#;
    vec![
        (
            "X-Correlation-ID",
            "The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid.",
            any.clone(),
        ),
        (
            "traceparent",
            "W3C Trace Context: the parent of the request's span. Values that are not valid are ignored.",
            any.clone(),
        ),
        (
            "Idempotency-Key",
            IDEMPOTENCY_KEY,
            json!({ "type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$" }),
        ),
        (
            "If-Match",
            "`*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy.",
            json!({ "type": "string", "pattern": tags, "examples": ["*", "\"adc74a594a3e0e8f.4\""] }),
        ),
        (
            "If-None-Match.create",
            "Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.)",
            json!({ "type": "string", "enum": ["*"] }),
        ),
        (
            "X-Reason",
            "The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII.",
            text(MAX_REASON),
        ),
        (
            "If-None-Match",
            "The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is \
             also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.)",
            any.clone(),
        ),
        (
            "TM-Min-Revision",
            "A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`.",
            tag,
        ),
        (
            "Prefer",
            "`wait=<seconds>` (RFC 7240), like the parameter `wait`. Other preferences are ignored.",
            any.clone(),
        ),
        (
            "Accept-Encoding",
            "`zstd` or `gzip`: the answer is compressed and its tag is weak.",
            any,
        ),
        (
            "TM-Node",
            "The name of the node that polls: a DNS label. The ledger of nodes says what it runs. A client certificate's name counts before it.",
            json!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "examples": ["edge-1"] }),
        ),
        (
            "TM-Dialect",
            "How the node takes its configuration, such as `envoy`. With it, `If-None-Match` does not say what the node runs.",
            json!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "examples": ["haproxy"] }),
        ),
        (
            "TM-Applied",
            "The version tag that the node runs, as far as it knows.",
            tag_of_node.clone(),
        ),
        (
            "TM-Refused",
            "The version tag that the node refuses.",
            tag_of_node,
        ),
        (
            "TM-Error",
            "Why the node refuses it: a code (`refused`, `unreachable`, `held_back` or another word), a space, and words, percent-encoded where they are not printable ASCII. At most 1024 bytes are kept.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}( [ -~]*)?$", "examples": ["refused invalid regex"] }),
        ),
        (
            "Last-Event-ID",
            "The `id` of the last event that the client has read: the stream continues after this event. An empty value counts as absent.",
            json!({ "type": "string", "pattern": r#"^([0-9a-f]{16}\.(0|[1-9][0-9]{0,17})|(W/)?"[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})")?$"#, "examples": ["adc74a594a3e0e8f.4"] }),
        ),
    ]
}

const IDEMPOTENCY_KEY: &str = "Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same \
                               key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller.";

/// Returns the headers of answers.
pub fn response_headers() -> Vec<Row> {
    let strong = r#"^"[0-9a-f]{16}\.(0|[1-9][0-9]{0,18})"$"#;
    let any = r#"^(W/)?"[0-9a-f]{16}\.(0|[1-9][0-9]{0,18})"$"#;
    let yes = json!({ "type": "string", "enum": ["true"] });
    let number = json!({ "type": "string", "pattern": "^[0-9]+$" });
    vec![
        (
            "X-Correlation-ID",
            "The id of the request: from the request's header, or generated.",
            json!({ "type": "string", "minLength": 1, "maxLength": 128 }),
        ),
        (
            "traceparent",
            "The span of the request, if the request is traced.",
            json!({ "type": "string" }),
        ),
        (
            "ETag",
            "A version tag in quotes.",
            json!({ "type": "string", "pattern": strong }),
        ),
        (
            "ETag.weak",
            "A version tag in quotes; weak if the answer is compressed.",
            json!({ "type": "string", "pattern": any }),
        ),
        (
            "Location",
            "The path of the object.",
            json!({ "type": "string", "pattern": "^/" }),
        ),
        (
            "TM-Unchanged",
            "Present if there was nothing to change: the write made no revision and no event.",
            yes.clone(),
        ),
        (
            "Idempotency-Replayed",
            "Present if this is the stored answer of an earlier request with the same `Idempotency-Key`.",
            yes,
        ),
        (
            "TM-Stale",
            "The number of seconds since the primary database confirmed the data of this answer.",
            json!({ "type": "string", "pattern": "^[0-9]+$" }),
        ),
        (
            "TM-Convergence",
            "The part of the tenant's nodes that runs the change: 0 to 1. Missing if the tenant has no nodes.",
            json!({ "type": "string", "pattern": r"^[01]\.[0-9]{2,4}$" }),
        ),
        (
            "TM-Signature",
            "Signatures of the snapshot, each by another key of the service, as `<key id>=<signature in hex>` with commas between them.",
            json!({ "type": "string", "pattern": "^[0-9a-f]{16}=[0-9a-f]{128}(, [0-9a-f]{16}=[0-9a-f]{128})*$" }),
        ),
        (
            "TM-Confirmed",
            "A confirmed removal of most routes in the scope: its tag, service, environment and counts, and after `; ` the signatures of this \
             statement, as in `TM-Signature`.",
            json!({ "type": "string", "pattern": "^[0-9a-f]{16}\\.[0-9]+ service=\\S+ env=\\S+ routes=\\S+ policies=\\S+ left=\\S+; [0-9a-f]{16}=[0-9a-f]{128}(, [0-9a-f]{16}=[0-9a-f]{128})*$" }),
        ),
        (
            "RateLimit-Limit",
            "The number of requests that the caller may send at once.",
            number.clone(),
        ),
        (
            "RateLimit-Remaining",
            "The number of requests that the caller may still send now.",
            number.clone(),
        ),
        (
            "RateLimit-Reset",
            "The number of seconds until the whole limit is available again.",
            number,
        ),
        (
            "WWW-Authenticate",
            "The authentication scheme to use (RFC 9110).",
            json!({ "type": "string" }),
        ),
        (
            "Retry-After",
            "The number of seconds to wait before the next attempt.",
            json!({ "type": "string", "pattern": "^[0-9]+$" }),
        ),
        (
            "Cache-Control",
            "The rules for caches.",
            json!({ "type": "string" }),
        ),
        (
            "Vary",
            "The request headers on which the answer depends.",
            json!({ "type": "string" }),
        ),
        (
            "Content-Encoding",
            "The compression of the answer.",
            json!({ "type": "string", "enum": ["zstd", "gzip"] }),
        ),
        (
            "Preference-Applied",
            "The preference of the request that the service followed.",
            json!({ "type": "string", "pattern": "^wait=[0-9]+$" }),
        ),
        (
            "Content-Disposition",
            "A suggested name for the file.",
            json!({ "type": "string", "pattern": "^attachment; filename=" }),
        ),
    ]
}

/// Returns a request header as a parameter.
pub fn request_header(schemas: &mut Schemas, key: &str) -> Value {
    let (description, schema) = row(request_headers(), key);
    let parameter = json!({ "name": name(key), "in": "header", "required": false, "description": description, "schema": schema });
    schemas.share("parameters", &key.replace('.', "-"), parameter)
}

/// Returns a header of an answer: its name and its definition.
pub fn response_header(schemas: &mut Schemas, key: &str, is_certain: bool) -> (String, Value) {
    let (description, schema) = row(response_headers(), key);
    let header = json!({ "required": is_certain, "description": description, "schema": schema });
    let mut shared = key.replace('.', "-");
    if !is_certain {
        shared.push_str("-optional");
    }
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
        "node" => schemas.read::<NodeName>(),
        "id" => schemas.read::<PlanId>(),
        "key_id" => json!({ "type": "string", "pattern": "^[0-9A-Za-z]{12}$" }),
        "replay_id" => schemas.read::<ReplayId>(),
        "letter_id" => schemas.read::<DeadLetterId>(),
        "dialect" => json!({ "type": "string", "enum": Dialect::ALL.map(Dialect::as_str) }),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "description": parameter(name), "schema": schema })
}

/// Returns the parameter of writes that wait for nodes.
pub fn wait_for_nodes() -> Value {
    json!({
        "name": "wait", "in": "query", "required": false,
        "description": "Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, \
                        at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is \
                        answered then has a member `convergence`, as of `getConvergence`, with a `state`.",
        "schema": { "type": "string", "pattern": r"^(100|[1-9][0-9]?(\.[0-9]{1,4})?|0\.[0-9]{0,3}[1-9])%(,[0-9]{1,9}(s|ms)?)?$", "examples": ["95%,10s"] },
    })
}

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
        "tenant" => "The name of the tenant.",
        "service" => "The name of the service.",
        "env" => "The name of the environment.",
        "version" => "The name of the version.",
        "code" => "The stable code of the problem.",
        "id" => "The id of the plan.",
        "key_id" => "The id of the API key.",
        "dialect" => "The kind of proxy.",
        "revision" => "The version tag that nodes are to run; the newest one if absent.",
        "listen" => "The address and port where the proxy takes requests.",
        "admin" => "The address and port of the proxy's own interface.",
        "transport" => "How an Envoy gets its configuration: `ads` (a stream), or `files`.",
        "node" => "The name by which the node reports.",
        "path" => "The path of the request that is asked about, without its query.",
        "method" => "The method of the request that is asked about.",
        "dependency" => "The name of the dependency, as in `/health/resilience`.",
        "replay_id" => "The id of the replay.",
        "letter_id" => {
            "The id of the dead letter: its partition and offset in the dead-letter topic."
        }
        "state" => "Only items in this state.",
        "reason" => "Only dead letters with this reason.",
        "at" => "The point in time to read; now if absent.",
        "confirm" => {
            "The name of the tenant, to confirm that its routes and policies are deleted too."
        }
        "confirm_in_use" => {
            "Confirms the change although a policy sends traffic to the version. The policy must have another version to send it to."
        }
        "descendants" => {
            "Whether the keys that this key made are revoked too, and the keys of which it was shown a token."
        }
        "dry_run" => {
            "Computes the plan and stores nothing. A role for reading the tenant is enough."
        }
        "key" => {
            "The key that keeps a client with its version: the same key gets the same version."
        }
        "explain" => "Adds the reason for the choice to the answer, as `explanation`.",
        "format" => "The format of the answer.",
        "is_active" => "Only active routes (`true`), or only inactive routes (`false`).",
        "label" => "Only routes with this label.",
        "search" => {
            "Only routes with this text in their names or their URL, whether in upper or lower case."
        }
        "count" => {
            "Whether the answer has the number of routes that match, on all pages. Needs `tenant`."
        }
        "limit" => "The largest number of items in the answer.",
        "cursor" => "The cursor of the page.",
        "min_revision" => {
            "A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts."
        }
        "wait" => {
            "The time for which the request waits while there is nothing newer than the tag that the caller sent."
        }
        "after" => "The version tag after which to begin.",
        "action" => "Only events with this action.",
        "actor" => "Only events or accesses of this actor.",
        "days" => "Only events of the last days: the number of days.",
        "hours" => "Only events of the last hours: the number of hours.",
        "kind" => "Only accesses of this kind.",
        "start_time" => "Only entries at or after this time.",
        "end_time" => "Only entries before this time.",
        "from" => {
            "The start. It is included, except in a difference, which has the changes after it."
        }
        "to" => "The end. It is included; the present state if absent.",
        _ => "",
    }
}
