//! Documents, plans and batches, for the OpenAPI document: `domain::document` and `domain::plan` as
//! they are read and written.

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

/// Returns the JSON Schema of the document, for editors, in the dialect of 2020-12.
pub fn document_schema() -> Value {
    let mut schema = schemas::alone_read::<DocumentIn>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!("urn:traffic-manager:tenant-document:v1");
    schema["title"] = json!("A tenant, or a part of it, in Traffic Manager");
    schema
}

/// The part of a tenant that a document covers.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct ScopeIn {
    /// Covers only this service; every service without it.
    service: Option<schemas::ServiceName>,
    /// Covers only this environment; every environment without it.
    env: Option<schemas::EnvName>,
}

/// A route in a tenant document.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = returned::told::<document::RouteDoc>)]
#[expect(dead_code, reason = "read by the derive")]
pub struct RouteDoc {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    url: schemas::RouteUrl,
    /// Whether traffic may go to the route.
    #[schemars(default = "yes")]
    is_active: bool,
    #[schemars(default, with = "schemas::Labels")]
    labels: (),
    description: Option<schemas::Description>,
}

fn yes() -> bool {
    true
}

/// A traffic policy in a tenant document or in a batch.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = returned::told::<document::PolicyDoc>)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PolicyDoc {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    /// The hosts that belong to the policy.
    #[schemars(default, with = "Vec<schemas::Host>", length(max = MAX_PARTS))]
    hosts: (),
    #[schemars(default, with = "schemas::PathPrefix")]
    path_prefix: (),
    /// How requests that no rule takes are shared between versions.
    #[schemars(default, with = "Vec<Share>", length(max = MAX_PARTS))]
    split: (),
    /// The versions that get the traffic of an inactive version, in this order.
    #[schemars(default, with = "Vec<schemas::VersionName>", length(max = MAX_PARTS))]
    failover: (),
    /// The rules. They are checked before `split`, in this order.
    #[schemars(default, with = "Vec<Rule>", length(max = MAX_PARTS))]
    rules: (),
    sticky_by: Option<StickyBy>,
}

/// The schema of a change in a batch.
pub enum Change {}

impl JsonSchema for Change {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (put, put_policy) = (
            generator.subschema_for::<RouteChangeIn>(),
            generator.subschema_for::<PolicyDoc>(),
        );
        let (name, policy_name) = (
            route_name(generator),
            generator.subschema_for::<PolicyName>(),
        );
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

/// Returns the schema of a route's name without any other member.
fn route_name(generator: &mut SchemaGenerator) -> Value {
    let (service, env) = (
        generator.subschema_for::<schemas::ServiceName>(),
        generator.subschema_for::<schemas::EnvName>(),
    );
    let (version, nothing) = (
        generator.subschema_for::<schemas::VersionName>(),
        json!({ "type": "null" }),
    );
    json!({
        "type": "object", "required": ["service", "env", "version"], "additionalProperties": false,
        "properties": {
            "service": service, "env": env, "version": version, "url": nothing, "is_active": nothing, "labels": nothing,
            "description": nothing,
        },
    })
}

/// The target of a rollback: a revision, a version tag or a time.
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

/// A plan: changes that were computed and wait to be applied.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Plan {
    id: schemas::EventId,
    /// The hash of the plan. Send it to apply the plan.
    hash: schemas::Hash,
    tenant: schemas::TenantName,
    /// The tenant's version tag when the plan was made. The plan can be applied while nothing in
    /// its scope has changed since.
    base: schemas::VersionTag,
    scope: Scope,
    /// Whether objects in the scope are deleted if the document does not name them.
    prune: bool,
    summary: Summary,
    /// The number of active routes in the scope before and after the plan.
    active_routes: [u32; 2],
    /// The changes, in the order in which they are applied.
    changes: Vec<PlannedChange>,
    /// Warnings to consider before the plan is applied.
    warnings: Vec<Warning>,
    /// The reason for the plan, in its creator's words.
    reason: Option<String>,
    /// When the plan was made.
    created_at: schemas::Time,
    /// The id of the actor that made the plan.
    created_by: String,
    /// When the plan expires and is forgotten.
    expires_at: schemas::Time,
}

/// The part of a tenant that a plan covers.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Scope {
    /// Covers only this service; `null` for every service.
    service: Option<schemas::ServiceName>,
    /// Covers only this environment; `null` for every environment.
    env: Option<schemas::EnvName>,
}

/// The number of objects for each action.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Summary {
    /// The number of objects that are created.
    create: u32,
    /// The number of objects that are changed.
    update: u32,
    /// The number of objects that are deleted.
    delete: u32,
    /// The number of objects that are as desired already.
    unchanged: u32,
}

/// The change of one object.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct PlannedChange {
    action: PlannedAction,
    key: ObjectKey,
    /// The object before the change; `null` if there is none.
    before: Option<ObjectSpec>,
    /// The object after the change; `null` if there is none.
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

/// A warning to consider before a plan is applied.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Warning {
    /// The code of the problem that applying the plan may answer: a confirmation is missing, or
    /// `too_many_writes`.
    #[schemars(regex(pattern = "^[a-z_]+$"))]
    code: String,
    /// A sentence for people.
    detail: String,
}

/// The changes of a tenant's objects between two points of its history.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Difference {
    /// The start. Changes up to this version tag are not included.
    from: schemas::VersionTag,
    /// The end. Changes up to this version tag are included.
    to: schemas::VersionTag,
    changes: Vec<PlannedChange>,
}
