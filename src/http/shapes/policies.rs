//! Schemas of traffic policies: `domain::policy` as it is read and written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::{
    domain::policy::{MAX_HEADERS, MAX_PARTS, MAX_PATTERN, MAX_WEIGHT},
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
    /// The rules. They are checked before `split`, in this order.
    #[schemars(length(max = MAX_PARTS))]
    rules: Vec<PolicyRule>,
    /// How requests that no rule takes are shared between versions.
    #[schemars(length(max = MAX_PARTS))]
    split: Vec<SplitEntry>,
    sticky_by: Option<StickyBy>,
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

/// A rule that sends the matching requests to a version of their own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PolicyRule {
    #[schemars(rename = "match")]
    matching: RuleMatch,
    name: RuleName,
    version: schemas::VersionName,
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
        let (name, wanted) = (
            generator.subschema_for::<schemas::HeaderName>(),
            generator.subschema_for::<HeaderMatch>(),
        );
        json_schema!({
            "description": "The conditions of a rule. A request must match all of them.",
            "type": "object", "required": ["headers"], "additionalProperties": false,
            "properties": { "headers": {
                "description": "The conditions on request headers, by the name of the header.", "type": "object",
                "minProperties": 1, "maxProperties": MAX_HEADERS, "propertyNames": name, "additionalProperties": wanted,
            } },
        })
    }
}

/// The condition on a request header.
enum HeaderMatch {}

impl JsonSchema for HeaderMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HeaderMatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = |what: &str| json!({ "description": what, "type": "string", "maxLength": MAX_PATTERN, "pattern": schemas::PLAIN });
        one_of(
            "The condition on a request header. Values are compared with their case; a text has at most 512 bytes.",
            &json!({
                "exact": text("The header has exactly this value."), "prefix": text("The value of the header begins with this text."),
                "regex": text("The whole value of the header matches this regular expression. Its syntax is the one that Envoy, HAProxy, nginx, Caddy and Traefik share (docs/api.md#patterns). A policy may have 64 of them."),
                "present": { "description": "Whether the request has the header (`true`) or does not have it (`false`).", "type": "boolean" },
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
