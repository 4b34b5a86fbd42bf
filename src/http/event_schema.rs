//! The JSON Schema of an event: what stands in Kafka, in history and in the archive, and nothing beside it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::openapi::schemas::{self, alone};

/// The name of the schema, whatever it is fetched from.
pub const ID: &str = "urn:traffic-manager:route-event:v1";

/// An event: one of the shapes that there are. A shape is told by the member that names what changed.
pub enum Event {}

impl JsonSchema for Event {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let shapes = [generator.subschema_for::<RouteEvent>()];
        json_schema!({ "description": "One change, as it was committed.", "oneOf": shapes })
    }
}

/// A change of a route: `domain::event::Event` as it is written.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("allOf" = before_and_after()))]
#[expect(dead_code, reason = "read by the derive")]
struct RouteEvent {
    action: schemas::RouteAction,
    actor: Actor,
    /// After; `null` when the route was deleted.
    after: Option<RouteSpec>,
    /// Before; `null` when the route was created.
    before: Option<RouteSpec>,
    epoch: schemas::Epoch,
    /// SHA-256 over the RFC 8785 bytes of the event without this member.
    hash: schemas::Hash,
    id: schemas::EventId,
    /// Counts from 0 within the revision.
    item: u32,
    /// How many items the revision has.
    #[schemars(range(min = 1))]
    items: u32,
    /// By the clock of the instance that decided. Never an order.
    occurred_at: schemas::Time,
    /// The hash of the tenant's event before this one; 64 zeros for the first of an epoch.
    prev_hash: schemas::Hash,
    /// `X-Reason` of the request.
    reason: Option<String>,
    /// `X-Correlation-ID` of the request.
    request_id: String,
    /// Gapless per tenant and epoch: the order.
    #[schemars(range(min = 1))]
    revision: u64,
    route: RouteName,
    /// The peer of the connection.
    source_ip: Option<String>,
    tenant: schemas::TenantName,
    /// W3C trace id of the request.
    #[schemars(regex(pattern = "^[0-9a-f]{32}$"))]
    trace_id: Option<String>,
}

/// Who did it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
struct Actor {
    id: String,
    kind: String,
}

/// What people set of a route.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
struct RouteSpec {
    description: Option<schemas::Description>,
    is_active: bool,
    labels: schemas::Labels,
    url: schemas::RouteUrl,
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

/// Which of `before` and `after` there are follows from the action.
fn before_and_after() -> Value {
    let rule = |actions: &[&str], before: &str, after: &str| {
        json!({
            "if": { "properties": { "action": { "enum": actions } } },
            "then": { "properties": { "before": { "type": before }, "after": { "type": after } } },
        })
    };
    json!([
        rule(&["created"], "null", "object"),
        rule(&["deleted"], "object", "null"),
        rule(&["updated", "activated", "deactivated"], "object", "object"),
    ])
}

/// The schema on its own, in the dialect of 2020-12.
pub fn document() -> Value {
    let mut schema = alone::<Event>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!(ID);
    schema["title"] = json!("A change in Traffic Manager");
    schema["examples"] = json!([example()]);
    schema
}

/// An event, with the hash that it must have.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::chain;

    fn validator() -> jsonschema::Validator {
        jsonschema::options().should_validate_formats(true).build(&document()).unwrap()
    }

    #[test]
    fn the_example_is_an_event_with_its_own_hash() {
        assert!(chain::check(&example()).is_ok(), "{:?}", chain::check(&example()));
        assert!(validator().is_valid(&example()));
    }

    #[test]
    fn the_schema_takes_nothing_that_is_not_an_event() {
        let validator = validator();
        let wrong: [(&str, Value); 8] = [
            ("/more", json!(1)),
            ("/route/more", json!(1)),
            ("/after/weight", json!(1)),
            ("/before", example()["after"].clone()),
            ("/action", json!("exploded")),
            ("/action", json!("deleted")),
            ("/revision", json!(0)),
            ("/occurred_at", json!("2026-11-21T08:03:37Z")),
        ];
        for (pointer, value) in wrong {
            let mut event = example();
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            event.pointer_mut(parent).unwrap()[member] = value;
            assert!(!validator.is_valid(&event), "{pointer}");
        }
        for member in example().as_object().unwrap().keys() {
            let mut event = example();
            event.as_object_mut().unwrap().remove(member);
            assert!(!validator.is_valid(&event), "without {member}");
        }
    }
}
