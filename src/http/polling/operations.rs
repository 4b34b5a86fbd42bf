//! The operations that proxies poll, for the OpenAPI document.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{ChangesIn, SnapshotIn};
use crate::http::{
    event_schema::{self, Event},
    openapi::{Answer, Operation, schemas},
    policies::shapes::SnapshotPolicy,
    problem::Code,
    resolve,
    streams::{NothingIn, StreamIn},
};

/// A tenant's active routes, or those of an environment, a service, or both, sorted by service,
/// environment and version.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Snapshot {
    /// Two snapshots with the same digest hold the same routes and policies.
    digest: schemas::Sha256,
    epoch: schemas::Epoch,
    /// Sorted by service and environment.
    policies: Vec<SnapshotPolicy>,
    /// The newest revision that touched the scope.
    revision: schemas::Revision,
    routes: Vec<SnapshotRoute>,
    tenant: schemas::TenantName,
}

/// An active route.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct SnapshotRoute {
    env: schemas::EnvName,
    labels: schemas::Labels,
    revision: schemas::Revision,
    service: schemas::ServiceName,
    url: schemas::RouteUrl,
    version: schemas::VersionName,
}

/// The events after a version tag. With `reset` these events are not available, and `snapshot` is
/// the present state.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ChangeFeed {
    from: schemas::VersionTag,
    /// The version tag after which to continue.
    to: schemas::VersionTag,
    /// Whether there are no more events for now.
    complete: bool,
    changes: Vec<Event>,
    /// Present if the tag is of another epoch or too old: start again with `snapshot`.
    #[schemars(skip_serializing_if = "Option::is_none", with = "bool")]
    reset: Option<bool>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "Snapshot")]
    snapshot: Option<Snapshot>,
}

/// A server-sent event of a tenant's stream.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct StreamEvent {
    event: StreamEventType,
    /// The version tag of the data, on the last event of each revision. Some clients repeat the
    /// last id on events without one.
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::VersionTag")]
    id: Option<()>,
    data: StreamData,
}

/// A server-sent event of the stream of all tenants.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ChangeStreamEvent {
    event: ChangeEventType,
    data: ChangeData,
}

/// The type of the event: `snapshot` has a snapshot as its data, and `change` has one event.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum StreamEventType {
    Snapshot,
    Change,
}

/// The type of the event.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum ChangeEventType {
    Change,
}

/// The data of a server-sent event: the JSON text of a snapshot or of an event.
enum StreamData {}

impl JsonSchema for StreamData {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StreamData".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (snapshot, event) = (
            generator.subschema_for::<Snapshot>(),
            generator.subschema_for::<Event>(),
        );
        json_schema!({
            "description": "The JSON text of a snapshot or of an event.", "type": "string",
            "contentMediaType": "application/json", "contentSchema": { "oneOf": [snapshot, event] },
        })
    }
}

/// The data of a server-sent event: the JSON text of an event.
enum ChangeData {}

impl JsonSchema for ChangeData {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ChangeData".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let event = generator.subschema_for::<Event>();
        json_schema!({
            "description": "The JSON text of an event.", "type": "string",
            "contentMediaType": "application/json", "contentSchema": event,
        })
    }
}

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    vec![
        resolve::operation(),
        Operation::get("/api/v1/tenants/{tenant}/snapshot", "getSnapshot", "Get a tenant's active routes and policies")
            .about(
                "Every instance answers the same bytes for the same revision. `service` and `env` limit the scope, and the tag changes only when \
                 an object in the scope changes. With `wait` and the newest tag in `If-None-Match`, the request waits until the scope changes. \
                 With `at`, the answer has the bytes of an earlier state, with `ETag` only and never compressed.",
            )
            .query::<SnapshotIn>()
            .reads_no_older()
            .headers(&["Prefer", "Accept-Encoding"])
            .answers(Answer::json::<Snapshot>(200, "The snapshot.", snapshot())
                    .with(&["ETag.weak"])
                    .perhaps(&["Vary", "TM-Stale", "Preference-Applied", "Content-Encoding"]))
            .refuses(&[Code::TenantNotFound, Code::TooManyWaiters]),
        Operation::get("/api/v1/tenants/{tenant}/changes", "getChanges", "Get the changes after a version tag")
            .about("With `wait`, the request waits until there is a change.")
            .query::<ChangesIn>()
            .reads_no_older()
            .headers(&["Prefer", "Accept-Encoding"])
            .answers(
                Answer::json::<ChangeFeed>(200, "The changes, or a new snapshot to start from.", changes())
                    .with(&["ETag.weak"])
                    .perhaps(&["Vary", "TM-Stale", "Preference-Applied", "Content-Encoding"]),
            )
            .refuses(&[Code::TenantNotFound, Code::TooManyWaiters]),
        Operation::get("/api/v1/tenants/{tenant}/stream", "streamChanges", "Stream a tenant's changes as server-sent events")
            .about(
                "The stream begins with `event: snapshot`, or continues after `Last-Event-ID`. Each `event: change` has one event as its data, and \
                 `id` is a version tag. While nothing changes, the service sends comments. `HEAD` is not answered.",
            )
            .query::<StreamIn>()
            .headers(&["Last-Event-ID"])
            .reads()
            .answers(Answer::of::<StreamEvent>(200, "The stream; the schema is that of one server-sent event.", "text/event-stream"))
            .refuses(&[Code::TenantNotFound, Code::TooManyWaiters, Code::RevisionNotReached]),
        Operation::get("/api/v1/stream", "streamAllChanges", "Stream the changes of all tenants")
            .about("For people who watch: the stream begins now, and its events have no `id`. Clients that must not miss a change follow the stream of a tenant. `HEAD` is not answered.")
            .query::<NothingIn>()
            .answers(Answer::of::<ChangeStreamEvent>(200, "The stream; the schema is that of one server-sent event.", "text/event-stream"))
            .refuses(&[Code::TooManyWaiters]),
    ]
}

fn snapshot() -> Value {
    json!({
        "digest": "33e6392dcf4e803dbfb2fabd5615c04f0a104c7e504a1166c061f2f1cbbb3e3c", "epoch": "adc74a594a3e0e8f", "policies": [],
        "revision": 1, "tenant": "acme", "routes": [{
            "env": "prod", "labels": { "team": "payments" }, "revision": 1, "service": "checkout",
            "url": "https://checkout-1.example.com", "version": "v1",
        }],
    })
}

fn changes() -> Value {
    json!({ "from": "adc74a594a3e0e8f.0", "to": "adc74a594a3e0e8f.1", "complete": true, "changes": [event_schema::example()] })
}
