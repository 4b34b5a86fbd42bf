//! Documents, plans and batches, for the OpenAPI document: `domain::document` and `domain::plan` as they are read and written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{DocumentIn, RouteChangeIn};
use crate::{
    domain::{document, policy::MAX_PARTS},
    http::{
        event_schema::RouteSpec,
        openapi::schemas,
        policies::shapes::{PolicyName, PolicySpec, Rule, Share, StickyBy},
        returned,
    },
};

/// The JSON Schema of the document, for editors: in the dialect of 2020-12.
pub fn document_schema() -> Value {
    let mut schema = schemas::alone_read::<DocumentIn>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!("urn:traffic-manager:tenant-document:v1");
    schema["title"] = json!("A tenant, or a part of it, in Traffic Manager");
    schema
}

/// A part of a tenant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct ScopeIn {
    /// Only this service.
    service: Option<schemas::ServiceName>,
    /// Only this environment.
    env: Option<schemas::EnvName>,
}

/// A route of a document.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = returned::told::<document::RouteDoc>)]
#[expect(dead_code, reason = "read by the derive")]
pub struct RouteDoc {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    url: schemas::RouteUrl,
    /// Whether traffic may go there.
    #[schemars(default = "yes")]
    is_active: bool,
    #[schemars(default, with = "schemas::Labels")]
    labels: (),
    description: Option<schemas::Description>,
}

fn yes() -> bool {
    true
}

/// A traffic policy of a document.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = returned::told::<document::PolicyDoc>)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PolicyDoc {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    /// The hosts that belong to it.
    #[schemars(default, with = "Vec<schemas::Host>", length(max = MAX_PARTS))]
    hosts: (),
    #[schemars(default, with = "schemas::PathPrefix")]
    path_prefix: (),
    /// How what no rule takes is shared.
    #[schemars(default, with = "Vec<Share>", length(max = MAX_PARTS))]
    split: (),
    /// Where traffic goes whose version is inactive, in this order.
    #[schemars(default, with = "Vec<schemas::VersionName>", length(max = MAX_PARTS))]
    failover: (),
    /// Looked at first, in this order.
    #[schemars(default, with = "Vec<Rule>", length(max = MAX_PARTS))]
    rules: (),
    sticky_by: Option<StickyBy>,
}

/// One change of a batch.
pub enum Change {}

impl JsonSchema for Change {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (put, put_policy) = (generator.subschema_for::<RouteChangeIn>(), generator.subschema_for::<PolicyDoc>());
        let (name, policy_name) = (route_name(generator), generator.subschema_for::<PolicyName>());
        let change = |actions: &[&str], what: &str, schema: &dyn Fn() -> Value| {
            let other = if what == "route" { "policy" } else { "route" };
            json!({
                "type": "object", "required": ["action", what], "additionalProperties": false,
                "properties": { "action": { "enum": actions }, what: schema(), other: { "type": "null" } },
            })
        };
        json_schema!({
            "description": "One change: of a route or of a policy. Each may be named once.",
            "oneOf": [
                change(&["put"], "route", &|| put.clone().into()),
                change(&["delete", "activate", "deactivate"], "route", &|| name.clone()),
                change(&["put"], "policy", &|| put_policy.clone().into()),
                change(&["delete"], "policy", &|| policy_name.clone().into()),
            ],
        })
    }
}

/// A route's name, with nothing beside it.
fn route_name(generator: &mut SchemaGenerator) -> Value {
    let (service, env) = (generator.subschema_for::<schemas::ServiceName>(), generator.subschema_for::<schemas::EnvName>());
    let (version, nothing) = (generator.subschema_for::<schemas::VersionName>(), json!({ "type": "null" }));
    json!({
        "type": "object", "required": ["service", "env", "version"], "additionalProperties": false,
        "properties": {
            "service": service, "env": env, "version": version, "url": nothing, "is_active": nothing, "labels": nothing,
            "description": nothing,
        },
    })
}

/// Where a rollback goes to.
pub enum Target {}

impl JsonSchema for Target {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let instant = generator.subschema_for::<schemas::Instant>();
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0, "maximum": schemas::MAX_TYPED_REVISION }, instant] })
    }
}

/// Changes that were worked out, and wait to be applied.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Plan {
    id: schemas::EventId,
    /// What it is applied with.
    hash: schemas::Hash,
    tenant: schemas::TenantName,
    /// The tenant's tag when it was worked out. It can be applied while nothing in its scope has changed since.
    base: schemas::VersionTag,
    scope: Scope,
    /// Whether what was not named goes.
    prune: bool,
    summary: Summary,
    /// Active routes of the scope before and after.
    active_routes: [u32; 2],
    /// What will happen, in the order in which it happens.
    changes: Vec<PlannedChange>,
    /// What to think about before it is applied.
    warnings: Vec<Warning>,
    /// Why, in the words of who made it.
    reason: Option<String>,
    /// When it was made.
    created_at: schemas::Time,
    /// By whom.
    created_by: String,
    /// When it is forgotten.
    expires_at: schemas::Time,
}

/// What is looked at.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Scope {
    /// Only this service.
    service: Option<schemas::ServiceName>,
    /// Only this environment.
    env: Option<schemas::EnvName>,
}

/// How many objects, and what happens to them.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Summary {
    /// New ones.
    create: u32,
    /// Changed ones.
    update: u32,
    /// Removed ones.
    delete: u32,
    /// Those that are as desired already.
    unchanged: u32,
}

/// What happens to one object.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PlannedChange {
    action: PlannedAction,
    key: ObjectKey,
    /// As it is, if it is there.
    before: Option<ObjectSpec>,
    /// As it shall be, if it shall be there.
    after: Option<ObjectSpec>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum PlannedAction {
    Create,
    Update,
    Delete,
}

/// The name of a route, or of a policy, which has no version.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ObjectKey {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::VersionName")]
    version: Option<()>,
}

/// A route or a policy.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "read by the derive")]
enum ObjectSpec {
    Route(RouteSpec),
    Policy(PolicySpec),
}

/// What to think about before a plan is applied.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Warning {
    /// The code of the problem that applying answers without a confirmation.
    #[schemars(regex(pattern = "^[a-z_]+$"))]
    code: String,
    /// For people.
    detail: String,
}

/// What became of each object between two instants.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Difference {
    /// After this one.
    from: schemas::VersionTag,
    /// Up to this one.
    to: schemas::VersionTag,
    changes: Vec<PlannedChange>,
}
