//! The operations of streams, for the OpenAPI document.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::StreamIn;
use crate::http::{
    event_schema::Event,
    openapi::{Answer, Operation, schemas},
    problem::Code,
    query::NothingIn,
    shapes::snapshot::Snapshot,
};

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

/// The type of the event: `snapshot` has a snapshot as its data, `change` has one event, and `signature` has
/// what the service signs of the state after the events before it.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum StreamEventType {
    Snapshot,
    Change,
    Signature,
}

/// A signed state.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct SignedState {
    tag: schemas::VersionTag,
    digest: schemas::Sha256,
    /// As in `TM-Signature`.
    signature: String,
    /// As in `TM-Confirmed`; left out if no removal was confirmed.
    #[schemars(skip_serializing_if = "Option::is_none", with = "String")]
    confirmed: Option<()>,
}

/// The type of the event.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "read by the derive")]
enum ChangeEventType {
    Change,
}

/// The data of a server-sent event: the JSON text of a snapshot, of an event, or of a signed state.
enum StreamData {}

impl JsonSchema for StreamData {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StreamData".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (snapshot, event, signed) = (
            generator.subschema_for::<Snapshot>(),
            generator.subschema_for::<Event>(),
            generator.subschema_for::<SignedState>(),
        );
        json_schema!({
            "description": "The JSON text of a snapshot, of an event, or of a signed state.", "type": "string",
            "contentMediaType": "application/json", "contentSchema": { "oneOf": [snapshot, event, signed] },
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

pub fn stream() -> Operation {
    Operation::new("streamChanges", "Stream a tenant's changes as server-sent events")
        .about(
            "The stream begins with `event: snapshot`, or continues after `Last-Event-ID`. Each `event: change` has one event as its data, and \
             `id` is a version tag. If the service signs snapshots, `event: signature` follows the snapshot and each revision. While nothing \
             changes, the service sends comments. `HEAD` is not answered.",
        )
        .query::<StreamIn>()
        .headers(&["Last-Event-ID"])
        .reads()
        .answers(Answer::of::<StreamEvent>(200, "The stream; the schema is that of one server-sent event.", "text/event-stream"))
        .refuses(&[Code::TenantNotFound, Code::TooManyWaiters, Code::RevisionNotReached])
}

pub fn all() -> Operation {
    Operation::new("streamAllChanges", "Stream the changes of all tenants")
        .about("For people who watch: the stream begins now, and its events have no `id`. Clients that must not miss a change follow the stream of a tenant. `HEAD` is not answered.")
        .query::<NothingIn>()
        .answers(Answer::of::<ChangeStreamEvent>(200, "The stream; the schema is that of one server-sent event.", "text/event-stream"))
        .refuses(&[Code::TooManyWaiters])
}
