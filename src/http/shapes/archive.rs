//! Archived events, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::http::{
    event_schema::{self, Event},
    openapi::schemas,
};

/// The name of a route, unique among all tenants.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct RouteKey {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
}

/// The object of an event: a route; a traffic policy, which has no version; or the tenant itself.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct EventSubject {
    tenant: schemas::TenantName,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::ServiceName")]
    service: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::EnvName")]
    env: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::VersionName")]
    version: Option<()>,
}

/// Whether traffic may go to a route.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum RouteState {
    Active,
    Inactive,
}

/// The position in Kafka from which an event was read.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct KafkaPosition {
    topic: String,
    partition: i64,
    offset: i64,
}

/// An event in the archive: the whole event in `event`, and members by which lists are filtered.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct ArchivedEvent {
    /// The id of the event.
    event_id: schemas::EventId,
    /// The `CloudEvents` type of the event.
    #[schemars(regex(pattern = r"^trafficmanager\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*$"))]
    event_type: String,
    action: schemas::EventAction,
    tenant: schemas::TenantName,
    epoch: schemas::Epoch,
    revision: schemas::Revision,
    /// The number of the event within its revision, from 0.
    item: u32,
    route: EventSubject,
    /// The URL of the route after the event.
    url: Option<schemas::RouteUrl>,
    /// The URL of the route before the event.
    previous_url: Option<schemas::RouteUrl>,
    /// The state of the route after the event.
    state: Option<RouteState>,
    /// The state of the route before the event.
    previous_state: Option<RouteState>,
    /// `actor.id` of the event, decrypted if it is sealed; `erased` if that person was erased.
    changed_by: String,
    /// The reason for the change; decrypted like `changed_by`.
    reason: Option<String>,
    /// The IP address of the caller; decrypted like `changed_by`.
    source_ip: Option<String>,
    /// The member `request_id` of the event.
    correlation_id: String,
    /// The id of the request's trace.
    trace_id: Option<String>,
    occurred_at: schemas::Timestamp,
    /// When the event was archived.
    processed_at: schemas::Timestamp,
    prev_hash: schemas::Sha256,
    hash: schemas::Sha256,
    metadata: KafkaPosition,
    event: Event,
}

/// Returns an example of a route's name.
pub fn route_key() -> Value {
    json!({ "tenant": "acme", "service": "checkout", "env": "prod", "version": "v1" })
}

/// Returns an example of an archived event.
pub fn archived() -> Value {
    let event = event_schema::example();
    json!({
        "event_id": event["id"], "event_type": "trafficmanager.route.created.v1", "action": "created", "tenant": "acme",
        "epoch": event["epoch"], "revision": 1, "item": 0, "route": route_key(), "url": "https://checkout-1.example.com", "previous_url": null,
        "state": "active", "previous_state": null, "changed_by": "anonymous", "reason": "first release", "source_ip": "127.0.0.1",
        "correlation_id": event["request_id"], "trace_id": event["trace_id"], "occurred_at": event["occurred_at"],
        "processed_at": "2026-11-21T08:03:37.674751Z", "prev_hash": event["prev_hash"], "hash": event["hash"],
        "metadata": { "topic": "route-events", "partition": 1, "offset": 606 }, "event": event,
    })
}
