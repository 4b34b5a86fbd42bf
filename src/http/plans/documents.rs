//! Documents, for the OpenAPI document: `domain::document` as it is read and written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::DocumentIn;
use crate::{
    domain::{
        document,
        policy::{MAX_PARTS, MAX_TIMEOUT_MS},
    },
    http::{
        openapi::{self, schemas},
        returned,
        shapes::{
            plans::DocumentScope,
            policies::{
                HeaderEdits, HostHeader, Mirror, Parts, PathRewrite, PolicyRule, Retries,
                SplitEntry, StickyBy,
            },
        },
    },
};

/// Returns the JSON Schema of the document, for editors, in the dialect of 2020-12.
pub fn document_schema() -> Value {
    let mut schema = openapi::alone_read::<DocumentIn>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!("urn:traffic-manager:tenant-document:v1");
    schema["title"] = json!("A tenant, or a part of it, in Traffic Manager");
    schema
}

/// The part of a tenant that a document covers.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct DocumentScopeIn {
    /// Covers only this service; every service without it.
    service: Option<schemas::ServiceName>,
    /// Covers only this environment; every environment without it.
    env: Option<schemas::EnvName>,
}

/// A route in a tenant document.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = returned::describe_returned::<document::RouteDoc>)]
#[expect(dead_code, reason = "read by the derive")]
pub struct RouteDocumentIn {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    url: schemas::RouteUrl,
    /// Whether traffic may go to the route.
    #[schemars(default = "yes")]
    is_active: bool,
    #[schemars(default, with = "schemas::Labels")]
    labels: (),
    description: Option<schemas::RouteDescription>,
}

fn yes() -> bool {
    true
}

/// A traffic policy in a tenant document or in a batch.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = returned::describe_returned::<document::PolicyDoc>)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PolicyDocumentIn {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    /// The hosts that belong to the policy.
    #[schemars(default, with = "Vec<schemas::HostPattern>", length(max = MAX_PARTS))]
    hosts: (),
    #[schemars(default, with = "schemas::PathPrefix")]
    path_prefix: (),
    /// The parts of the hosts' paths that belong to the policy; `path_prefix` alone is the same as
    /// a list of one.
    #[schemars(default, with = "Vec<schemas::PathPrefix>", length(max = MAX_PARTS))]
    path_prefixes: (),
    /// How requests that no rule takes are shared between versions.
    #[schemars(default, with = "Vec<SplitEntry>", length(max = MAX_PARTS))]
    split: (),
    /// The versions that get the traffic of an inactive version, in this order.
    #[schemars(default, with = "Vec<schemas::VersionName>", length(max = MAX_PARTS))]
    failover: (),
    /// The rules. They are checked before `split`, in this order.
    #[schemars(default, with = "Vec<PolicyRule>", length(max = MAX_PARTS))]
    rules: (),
    sticky_by: Option<StickyBy>,
    /// The request header that names a version. Such a version goes before the rules.
    version_header: Option<schemas::HeaderName>,
    rewrite: Option<PathRewrite>,
    host_header: Option<HostHeader>,
    /// The longest time until the end of the response, in milliseconds; no limit if absent.
    #[schemars(range(min = 1, max = MAX_TIMEOUT_MS))]
    timeout_ms: Option<u32>,
    retries: Option<Retries>,
    /// Changes of the headers of requests.
    request_headers: Option<HeaderEdits>,
    /// Changes of the headers of responses.
    response_headers: Option<HeaderEdits>,
    mirror: Option<Mirror>,
}

/// A tenant, or a part of it, as one document: the body of an export.
// `domain::document::Document` as it is written.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct TenantDocument {
    scope: DocumentScope,
    /// Whether a plan of this document deletes objects in the scope that the document does not
    /// name.
    prune: bool,
    /// The routes, sorted by service, environment and version.
    routes: Vec<RouteDocument>,
    /// The traffic policies, sorted by service and environment.
    policies: Vec<PolicyDocument>,
}

/// A route in an exported document.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RouteDocument {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    url: schemas::RouteUrl,
    /// Whether traffic may go to the route.
    is_active: bool,
    labels: schemas::Labels,
    description: Option<schemas::RouteDescription>,
}

/// A traffic policy in an exported document.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct PolicyDocument {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    #[schemars(flatten)]
    parts: Parts,
}

/// The target of a rollback: a revision, a version tag or a time.
pub enum RollbackTarget {}

impl JsonSchema for RollbackTarget {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RollbackTarget".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let point = generator.subschema_for::<schemas::PointInTime>();
        json_schema!({
            "description": "The point in time to return to. A revision may also be a number.",
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": schemas::MAX_TYPED_REVISION }, point],
        })
    }
}
