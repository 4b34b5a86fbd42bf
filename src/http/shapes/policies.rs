//! Schemas of traffic policies: `domain::policy` as it is read and written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::nodes::ConvergenceOut;
use crate::{
    domain::policy::{
        MAX_ANSWER, MAX_ATTEMPTS, MAX_HEADERS, MAX_PARTS, MAX_PATTERN, MAX_TIMEOUT_MS, MAX_WEIGHT,
        RetryOn,
    },
    http::openapi::schemas,
};

/// The settings of a traffic policy.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Parts {
    /// The versions that get the traffic of an inactive version, in this order.
    #[schemars(length(max = MAX_PARTS))]
    failover: Vec<schemas::VersionName>,
    /// The hosts that belong to the policy, sorted.
    #[schemars(length(max = MAX_PARTS))]
    hosts: Vec<schemas::HostPattern>,
    path_prefix: schemas::PathPrefix,
    /// The parts of the hosts' paths that belong to the policy, sorted. Where it is absent,
    /// `path_prefix` is the only one; where it is there, `path_prefix` is the first.
    #[schemars(skip_serializing_if = "Option::is_none", with = "Vec<schemas::PathPrefix>", length(max = MAX_PARTS))]
    path_prefixes: Option<()>,
    /// The rules. They are checked before `split`, in this order.
    #[schemars(length(max = MAX_PARTS))]
    rules: Vec<PolicyRule>,
    /// How requests that no rule takes are shared between versions.
    #[schemars(length(max = MAX_PARTS))]
    split: Vec<SplitEntry>,
    sticky_by: Option<StickyBy>,
    /// The request header that names a version. Such a version goes before the rules.
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::HeaderName")]
    version_header: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "PathRewrite")]
    rewrite: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "HostHeader")]
    host_header: Option<()>,
    /// The longest time until the end of the response, in milliseconds; no limit if absent.
    #[schemars(skip_serializing_if = "Option::is_none", with = "u32", range(min = 1, max = MAX_TIMEOUT_MS))]
    timeout_ms: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "Retries")]
    retries: Option<()>,
    /// Changes of the headers of requests.
    #[schemars(skip_serializing_if = "Option::is_none", with = "HeaderEdits")]
    request_headers: Option<()>,
    /// Changes of the headers of responses.
    #[schemars(skip_serializing_if = "Option::is_none", with = "HeaderEdits")]
    response_headers: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "Mirror")]
    mirror: Option<()>,
}

/// The settings of a traffic policy.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PolicySpec {
    #[schemars(flatten)]
    parts: Parts,
}

/// A traffic policy of a tenant.
// `domain::policy::Policy` as it is written.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Policy {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    #[schemars(flatten)]
    parts: Parts,
    /// The tenant's revision of the policy's last change.
    revision: schemas::Revision,
    /// When the policy was created.
    created_at: schemas::Timestamp,
    /// The id of the actor that created the policy.
    created_by: String,
    /// When the policy last changed.
    updated_at: schemas::Timestamp,
    /// The id of the actor that made the last change.
    updated_by: String,
    /// Only in answers to writes with `wait`: the nodes that run the change.
    #[schemars(
        default,
        skip_serializing_if = "Option::is_none",
        with = "ConvergenceOut<'_>"
    )]
    convergence: Option<()>,
}

/// A traffic policy in a snapshot.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct SnapshotPolicy {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    #[schemars(flatten)]
    parts: Parts,
    revision: schemas::Revision,
}

/// The name of a policy within its tenant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PolicyName {
    env: schemas::EnvName,
    service: schemas::ServiceName,
}

/// A version's share of the traffic.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct SplitEntry {
    version: schemas::VersionName,
    /// The version's share, as a part of the sum of all weights. At least one weight must be more
    /// than 0.
    #[schemars(range(max = MAX_WEIGHT))]
    weight: u32,
}

/// A rule: requests that match go to a version of their own, are shared between versions,
/// redirected, or answered. It has exactly one of `version`, `split`, `redirect` and `respond`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PolicyRule {
    #[schemars(rename = "match")]
    matching: RuleMatch,
    name: RuleName,
    #[schemars(
        default,
        skip_serializing_if = "Option::is_none",
        with = "schemas::VersionName"
    )]
    version: Option<()>,
    /// How the matching requests are shared between versions.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "Vec<SplitEntry>", length(min = 1, max = MAX_PARTS))]
    split: Option<()>,
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "Redirect")]
    redirect: Option<()>,
    #[schemars(
        default,
        skip_serializing_if = "Option::is_none",
        with = "FixedResponse"
    )]
    respond: Option<()>,
}

/// A redirection of the client.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Redirect {
    url: schemas::RouteUrl,
    /// 301, 302, 307 or 308.
    #[schemars(range(min = 301, max = 308))]
    status: u32,
}

/// An answer that the proxy gives by itself.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct FixedResponse {
    #[schemars(range(min = 200, max = 599))]
    status: u32,
    /// The body, as plain text; empty if absent. At most 4,096 bytes.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "String", length(max = MAX_ANSWER), regex(pattern = schemas::PLAIN))]
    body: Option<()>,
}

/// The change of the path of requests. The path of the version's URL goes before the result.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PathRewrite {
    /// Whether the path prefix by which a request came to the policy is removed.
    #[schemars(default, with = "bool")]
    strip_prefix: (),
    /// Put before the path, after stripping.
    prefix: Option<schemas::PathPrefix>,
}

/// The `Host` header that versions get: `upstream` (the host of their URL, as without this member),
/// `keep` (the client's), or a DNS name.
pub enum HostHeader {}

impl JsonSchema for HostHeader {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostHeader".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The `Host` header that versions get: `upstream` (the host of their URL, as without this member), `keep` (the client's), or a lower-case DNS name without a port.",
            "type": "string", "minLength": 1, "maxLength": 253, "examples": ["keep"],
        })
    }
}

/// When and how often a request is sent once more.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Retries {
    /// How often, beside the first time.
    #[schemars(range(min = 1, max = MAX_ATTEMPTS))]
    attempts: u32,
    /// The failures after which.
    #[schemars(length(min = 1, max = RetryOn::ALL.len()))]
    on: Vec<RetryCondition>,
    /// The time limit of each attempt, in milliseconds.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "u32", range(min = 1, max = MAX_TIMEOUT_MS))]
    per_try_timeout_ms: Option<()>,
}

/// A failure. `connect_failure`: no connection could be made. `gateway_error`: the version answered
/// 502, 503 or 504. `reset`: the connection ended before the answer.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum RetryCondition {
    ConnectFailure,
    GatewayError,
    Reset,
}

/// Changes when and how often a request is sent once more. Absent members stay as they are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct RetriesPatchIn {
    #[schemars(range(min = 1, max = MAX_ATTEMPTS))]
    attempts: Option<u32>,
    #[schemars(length(min = 1, max = RetryOn::ALL.len()))]
    on: Option<Vec<RetryCondition>>,
    #[schemars(range(min = 1, max = MAX_TIMEOUT_MS))]
    per_try_timeout_ms: Option<u32>,
}

/// Changes the change of the path. Absent members stay as they are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PathRewritePatchIn {
    strip_prefix: Option<bool>,
    prefix: Option<schemas::PathPrefix>,
}

/// Changes the mirror. Absent members stay as they are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct MirrorPatchIn {
    version: Option<schemas::VersionName>,
    #[schemars(range(min = 1, max = MAX_WEIGHT))]
    share: Option<u32>,
}

/// Copies of requests for a version whose answers are thrown away.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Mirror {
    version: schemas::VersionName,
    /// The share of requests that are copied, in 1/10 000.
    #[schemars(range(min = 1, max = MAX_WEIGHT))]
    share: u32,
}

/// Changes of headers: `set` overwrites, `remove` removes.
pub enum HeaderEdits {}

impl JsonSchema for HeaderEdits {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HeaderEdits".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        header_edits(
            generator,
            "Changes of headers. A header is either set or removed.",
            &json!("string"),
        )
    }
}

/// Changes the changes of headers. Absent members stay as they are, and `null` removes one.
pub enum HeaderEditsPatchIn {}

impl JsonSchema for HeaderEditsPatchIn {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HeaderEditsPatchIn".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        header_edits(
            generator,
            "Changes the changes of headers. Absent members stay as they are, and `null` removes a member.",
            &json!(["string", "null"]),
        )
    }
}

fn header_edits(generator: &mut SchemaGenerator, description: &str, value: &Value) -> Schema {
    let name = generator.subschema_for::<schemas::HeaderName>();
    json_schema!({
        "description": description, "type": "object", "additionalProperties": false,
        "properties": {
            "set": {
                "description": "The headers that get a value, whatever they had before.", "type": "object", "maxProperties": MAX_HEADERS,
                "propertyNames": name, "additionalProperties": {
                    "description": "Visible ASCII characters, no space at either end.", "type": value, "minLength": 1, "maxLength": MAX_PATTERN,
                    "pattern": "^[!-~]([ -~]*[!-~])?$",
                },
            },
            "remove": { "description": "The headers that are removed.", "type": "array", "maxItems": MAX_HEADERS, "items": name },
        },
    })
}

/// The name of a rule, for people and for explanations.
enum RuleName {}

impl JsonSchema for RuleName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RuleName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The name of the rule, for people and for explanations: at most 64 bytes, unique within the policy.",
            "type": "string", "minLength": 1, "maxLength": 64, "pattern": schemas::PLAIN,
        })
    }
}

/// The conditions of a rule. A request must match all of them.
enum RuleMatch {}

impl JsonSchema for RuleMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RuleMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, wanted, path) = (
            generator.subschema_for::<schemas::HeaderName>(),
            generator.subschema_for::<TextMatch>(),
            generator.subschema_for::<PathMatch>(),
        );
        // An answer always has `headers`, as before there were other conditions.
        let required: &[&str] = if generator.contract().is_serialize() {
            &["headers"]
        } else {
            &[]
        };
        json_schema!({
            "description": "The conditions of a rule: at least one. A request must match all of them.",
            "type": "object", "required": required, "additionalProperties": false,
            "properties": {
                "headers": {
                    "description": "The conditions on request headers, by the name of the header.", "type": "object",
                    "maxProperties": MAX_HEADERS, "propertyNames": name, "additionalProperties": wanted,
                },
                "query": {
                    "description": "The conditions on query parameters, by the name of the parameter: letters, digits and - . _ ~. Of several parameters of one name the first counts.",
                    "type": "object", "maxProperties": MAX_HEADERS, "propertyNames": { "type": "string", "pattern": "^[A-Za-z0-9._~-]{1,64}$" }, "additionalProperties": wanted,
                },
                "methods": {
                    "description": "The methods; any method if empty or absent.", "type": "array",
                    "items": { "type": "string", "pattern": "^[A-Z]{1,16}$" }, "examples": [["GET", "HEAD"]],
                },
                "path": path,
            },
        })
    }
}

/// The condition on the path.
enum PathMatch {}

impl JsonSchema for PathMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PathMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let prefix = generator.subschema_for::<schemas::PathPrefix>();
        one_of(
            "The condition on the path of a request, without its query.",
            &json!({
                "exact": { "description": "The path is exactly this.", "type": "string", "minLength": 1, "maxLength": 513, "examples": ["/shop/cart"] },
                "prefix": prefix,
                "regex": { "description": "The whole path matches this regular expression; its syntax is that of headers.", "type": "string", "maxLength": MAX_PATTERN, "pattern": schemas::PLAIN },
            }),
        )
    }
}

/// The condition on a request header or a query parameter.
enum TextMatch {}

impl JsonSchema for TextMatch {
    /// The name that clients made of the document know, from when only headers had conditions.
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HeaderMatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = |what: &str| json!({ "description": what, "type": "string", "maxLength": MAX_PATTERN, "pattern": schemas::PLAIN });
        one_of(
            "The condition on a request header or a query parameter. Values are compared with their case; a text has at most 512 bytes.",
            &json!({
                "exact": text("The value is exactly this."), "prefix": text("The value begins with this text."),
                "suffix": text("The value ends with this text."), "contains": text("The value has this text in it."),
                "regex": text("The whole value matches this regular expression. Its syntax is the one that Envoy, HAProxy, nginx, Caddy and Traefik share (docs/api.md#patterns). A policy may have 64 of them."),
                "present": { "description": "Whether there is a value (`true`) or none (`false`).", "type": "boolean" },
            }),
        )
    }
}

/// The cookie or header that keeps a client with its version.
pub enum StickyBy {}

impl JsonSchema for StickyBy {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StickyBy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (cookie, header) = (
            generator.subschema_for::<schemas::CookieName>(),
            generator.subschema_for::<schemas::HeaderName>(),
        );
        one_of(
            "The cookie or the header whose value keeps a client with its version.",
            &json!({ "cookie": cookie, "header": header }),
        )
    }
}

/// Changes the cookie or header that keeps a client with its version. Absent members stay as they
/// are, `null` removes a member; one of the two must be left.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct StickyByPatchIn {
    cookie: Option<schemas::CookieName>,
    header: Option<schemas::HeaderName>,
}

/// Returns the schema of an object with exactly one of these members.
fn one_of(description: &str, members: &Value) -> Schema {
    json_schema!({
        "description": description, "type": "object", "minProperties": 1, "maxProperties": 1,
        "properties": members, "additionalProperties": false,
    })
}

/// Returns an example of a policy without its names.
pub fn example() -> Value {
    json!({
        "failover": ["v1"], "hosts": ["shop.example.com"], "path_prefix": "/",
        "rules": [{ "match": { "headers": { "x-beta": { "exact": "yes" } } }, "name": "testers", "version": "v2" }],
        "split": [{ "version": "v1", "weight": 90 }, { "version": "v2", "weight": 10 }],
        "sticky_by": { "cookie": "sid" },
    })
}
