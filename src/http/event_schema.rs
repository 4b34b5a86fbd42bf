//! The JSON Schema of an event, as stored in Kafka, in history and in the archive. No other members
//! are allowed.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    openapi::{alone, schemas},
    shapes::{
        policies::{self, PolicyName, PolicySpec},
        tenants::QuotasOut,
    },
};
use crate::domain::host::MAX_SUFFIXES;

/// The `$id` of the schema, which is the same at every address.
pub const ID: &str = "urn:traffic-manager:route-event:v1";

/// An event, in one of three shapes. The member that names the changed object identifies the shape:
/// `route`, `policy`, or neither for a tenant.
pub enum Event {}

impl JsonSchema for Event {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let shapes = [
            generator.subschema_for::<RouteEvent>(),
            generator.subschema_for::<PolicyEvent>(),
            generator.subschema_for::<TenantEvent>(),
        ];
        json_schema!({ "description": "One committed change of a route, of a traffic policy, or of the tenant.", "oneOf": shapes })
    }
}

/// A change of a route.
// `domain::event::Event` as it is written.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("allOf" = before_and_after(&[
    (&["created"], [false, true]), (&["deleted"], [true, false]), (&["updated", "activated", "deactivated"], [true, true]),
])))]
#[expect(dead_code, reason = "read by the derive")]
struct RouteEvent {
    action: schemas::RouteAction,
    /// The route after the change; `null` if the route was deleted.
    after: Option<RouteSpec>,
    /// The route before the change; `null` if the route was created.
    before: Option<RouteSpec>,
    route: RouteName,
    #[schemars(flatten)]
    rest: AnyEvent,
}

/// A change of a traffic policy.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("allOf" = before_and_after(&[(&["policy_deleted"], [true, false])])))]
#[expect(dead_code, reason = "read by the derive")]
struct PolicyEvent {
    action: schemas::PolicyAction,
    /// The policy after the change; `null` if the policy was deleted.
    after: Option<PolicySpec>,
    /// The policy before the change; `null` if the policy is new.
    before: Option<PolicySpec>,
    policy: PolicyName,
    #[schemars(flatten)]
    rest: AnyEvent,
}

/// A change of the tenant's own record.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("allOf" = before_and_after(&[
    (&["tenant_created"], [false, true]), (&["tenant_deleted"], [true, false]), (&["tenant_updated"], [true, true]),
])))]
#[expect(dead_code, reason = "read by the derive")]
struct TenantEvent {
    action: schemas::TenantAction,
    /// The tenant after the change; `null` if the tenant was deleted.
    after: Option<TenantSpec>,
    /// The tenant before the change; `null` if the tenant was created.
    before: Option<TenantSpec>,
    #[schemars(flatten)]
    rest: AnyEvent,
}

/// The members that every event has.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct AnyEvent {
    actor: Actor,
    /// The write removed more than half of its scope's active routes and more than ten, or all of
    /// them, and the caller confirmed that. Left out otherwise.
    #[schemars(skip_serializing_if = "Option::is_none", with = "ConfirmedRemoval")]
    confirmed_removal: Option<ConfirmedRemoval>,
    epoch: schemas::Epoch,
    /// SHA-256 over the RFC 8785 bytes of the event without this member.
    hash: schemas::Sha256,
    id: schemas::EventId,
    /// The number of the event within its revision, from 0.
    item: u32,
    /// The number of events in the revision.
    #[schemars(range(min = 1))]
    items: u32,
    /// The time by the clock of the instance that decided the change. The time gives no order.
    occurred_at: schemas::Timestamp,
    /// The hash of the tenant's event before this one; 64 zeros for the first of an epoch.
    prev_hash: schemas::Sha256,
    /// `X-Reason` of the request; an envelope `enc:v1:…` when personal data is sealed.
    reason: Option<String>,
    /// `X-Correlation-ID` of the request.
    request_id: String,
    /// The revision, which gives the order of events: without gaps within a tenant and epoch.
    #[schemars(range(min = 1))]
    revision: u64,
    /// The address of the client; an envelope when personal data is sealed.
    source_ip: Option<String>,
    tenant: schemas::TenantName,
    /// W3C trace id of the request.
    #[schemars(regex(pattern = "^[0-9a-f]{32}$"))]
    trace_id: Option<String>,
}

/// What a confirmed write removed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
struct ConfirmedRemoval {
    /// The environment that the write was limited to; left out if it was not.
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::EnvName")]
    env: Option<()>,
    /// The active routes that were left in the scope.
    left_routes: u32,
    /// The policies that were deleted.
    removed_policies: u32,
    /// The active routes that were deleted or deactivated.
    removed_routes: u32,
    /// The service that the write was limited to; left out if it was not.
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::ServiceName")]
    service: Option<()>,
}

/// The actor that made a change or an access.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Actor {
    /// The name of the actor; the same envelope in all of a person's events of a tenant when
    /// personal data is sealed.
    id: String,
    /// The kind of the actor, such as `key` for an API key.
    kind: String,
    /// The number of the token that was used, if the key has had more than one; see `tokens` of a
    /// key.
    #[schemars(range(min = 1), skip_serializing_if = "Option::is_none")]
    token: Option<u32>,
}

/// The part of a route that people set.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct RouteSpec {
    description: Option<schemas::RouteDescription>,
    is_active: bool,
    labels: schemas::Labels,
    url: schemas::RouteUrl,
}

/// The part of a tenant that people set.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
struct TenantSpec {
    /// The domain names at or under which the tenant may have hosts; left out if there are none.
    #[schemars(skip_serializing_if = "Option::is_none", with = "Vec<schemas::HostSuffix>", length(min = 1, max = MAX_SUFFIXES))]
    allowed_hosts: Option<()>,
    quotas: QuotasOut,
}

/// A route within its tenant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
struct RouteName {
    env: schemas::EnvName,
    service: schemas::ServiceName,
    version: schemas::VersionName,
}

/// Returns the rules that say for each action whether `before` and `after` are objects or `null`.
fn before_and_after(rules: &[(&[&str], [bool; 2])]) -> Value {
    let sort = |is_there: bool| if is_there { "object" } else { "null" };
    let rule = |(actions, [before, after]): &(&[&str], [bool; 2])| {
        json!({
            "if": { "properties": { "action": { "type": "string", "enum": actions } } },
            "then": { "properties": { "before": { "type": sort(*before) }, "after": { "type": sort(*after) } } },
        })
    };
    rules.iter().map(rule).collect()
}

/// Returns the schema as a document of its own, in the dialect of 2020-12.
pub fn document() -> Value {
    let mut schema = alone::<Event>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!(ID);
    schema["title"] = json!("A change in Traffic Manager");
    schema["examples"] = json!([example(), policy_example(), tenant_example()]);
    schema
}

/// Returns an example event of a route, with its correct hash.
pub fn example() -> Value {
    json!({
        "action": "created", "actor": { "id": "anonymous", "kind": "anonymous" },
        "after": {
            "description": null, "is_active": true, "labels": { "team": "payments" }, "url": "https://checkout-1.example.com",
        },
        "before": null, "epoch": "adc74a594a3e0e8f", "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
        "id": "01a1fd21-de3d-7778-bc54-13f5856b700d", "item": 0, "items": 1, "occurred_at": "2026-11-21T08:03:37.661997Z",
        "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000", "reason": "first release",
        "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f", "revision": 1,
        "route": { "env": "prod", "service": "checkout", "version": "v1" }, "source_ip": "127.0.0.1", "tenant": "acme",
        "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7",
    })
}

/// Returns an example event of a policy: the second item of a revision.
pub fn policy_example() -> Value {
    let mut event = example();
    event
        .as_object_mut()
        .into_iter()
        .for_each(|members| drop(members.remove("route")));
    let (policy, after) = (
        json!({ "env": "prod", "service": "checkout" }),
        policies::example(),
    );
    let differences = json!({
        "action": "policy_set", "after": after, "policy": policy, "item": 1, "items": 2, "revision": 3, "reason": "canary",
        "id": "01a1fd21-de3d-7778-bc54-13f5856b700e",
        "prev_hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
        "hash": "e3b45cd41aa61178c6e0bcdfbf8c714ecb69750fc71681b70b2270b5d5107f3f",
    });
    changed(event, &differences)
}

/// Returns an example event of a tenant.
pub fn tenant_example() -> Value {
    let mut event = example();
    event
        .as_object_mut()
        .into_iter()
        .for_each(|members| drop(members.remove("route")));
    let quotas = json!({ "body_bytes": null, "policies": null, "routes": 1000, "waiters": null, "writes_per_second": null });
    let differences = json!({
        "action": "tenant_created", "after": { "quotas": quotas },
        "hash": "10bc07c35ad9f6e77ba504b26afda7bf6a9cedf828cc546c9a6809289a84cc32",
    });
    changed(event, &differences)
}

fn changed(mut event: Value, differences: &Value) -> Value {
    event
        .as_object_mut()
        .into_iter()
        .zip(differences.as_object().cloned())
        .for_each(|(event, more)| event.extend(more));
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::chain;

    fn validator() -> jsonschema::Validator {
        jsonschema::options()
            .should_validate_formats(true)
            .build(&document())
            .unwrap()
    }

    #[test]
    fn schema_examples_are_events_with_valid_hashes() {
        for example in [example(), policy_example(), tenant_example()] {
            assert!(
                chain::check(&example).is_ok(),
                "{:?}",
                chain::check(&example)
            );
            assert!(validator().is_valid(&example), "{example}");
        }
    }

    #[test]
    fn schema_refuses_everything_that_is_not_an_event() {
        let validator = validator();
        let nothing = Value::Null;
        let wrong: [(Value, &str, Value); 14] = [
            (example(), "/more", json!(1)),
            (example(), "/route/more", json!(1)),
            (example(), "/after/weight", json!(1)),
            (example(), "/before", example()["after"].clone()),
            (example(), "/action", json!("exploded")),
            (example(), "/action", json!("deleted")),
            (example(), "/action", json!("policy_set")),
            (example(), "/revision", json!(0)),
            (example(), "/occurred_at", json!("2026-11-21T08:03:37Z")),
            (example(), "/policy", policy_example()["policy"].clone()),
            (policy_example(), "/action", json!("policy_deleted")),
            (policy_example(), "/after/split/0/weight", json!(10_001)),
            (tenant_example(), "/action", json!("tenant_updated")),
            (tenant_example(), "/after", nothing),
        ];
        for (mut event, pointer, value) in wrong {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            event.pointer_mut(parent).unwrap()[member] = value;
            assert!(!validator.is_valid(&event), "{pointer}");
        }
        for whole in [example(), policy_example(), tenant_example()] {
            for member in whole.as_object().unwrap().keys() {
                let mut event = whole.clone();
                event.as_object_mut().unwrap().remove(member);
                assert!(!validator.is_valid(&event), "without {member}");
            }
        }
    }
}
