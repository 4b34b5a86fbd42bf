//! The operations that proxies poll, for the OpenAPI document.

use schemars::{JsonSchema, json_schema};
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
    digest: schemas::Hash,
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
struct Changes {
    from: schemas::VersionTag,
    /// The version tag after which to continue.
    to: schemas::VersionTag,
    /// Whether there are no more events for now.
    complete: bool,
    changes: Vec<Event>,
    /// Present if the tag is of another epoch or too old: start again with `snapshot`.
    #[schemars(skip_serializing_if = "Option::is_none", with = "True")]
    reset: Option<bool>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "Snapshot")]
    snapshot: Option<Snapshot>,
}

/// The constant `true`.
enum True {}

impl JsonSchema for True {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "True".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({ "const": true })
    }
}

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    vec![
        resolve::operation(),
        Operation::get("/api/v1/tenants/{tenant}/snapshot", "getSnapshot", "A tenant's active routes")
            .about(
                "The same bytes for the same revision on every instance, without a clock in them. Its tag moves only when something in the \
                 scope moved. With `wait` and the newest tag in `If-None-Match` the request is held until the scope moves. \
                 Narrowed by `service` and `env`. With `at`, the bytes that were served then: only `ETag`, never compressed.",
            )
            .query::<SnapshotIn>()
            .reads_no_older()
            .headers(&["Prefer", "Accept-Encoding"])
            .answers(Answer::json::<Snapshot>(200, "The snapshot.", snapshot())
                    .with(&["ETag.weak"])
                    .perhaps(&["Vary", "TM-Stale", "Preference-Applied", "Content-Encoding"]))
            .refuses(&[Code::TenantNotFound, Code::TooManyWaiters]),
        Operation::get("/api/v1/tenants/{tenant}/changes", "getChanges", "What happened after a tag")
            .about("With `wait` the request is held until there is something to tell.")
            .query::<ChangesIn>()
            .reads_no_older()
            .headers(&["Prefer", "Accept-Encoding"])
            .answers(
                Answer::json::<Changes>(200, "Events, or a new beginning.", changes())
                    .with(&["ETag.weak"])
                    .perhaps(&["Vary", "TM-Stale", "Preference-Applied", "Content-Encoding"]),
            )
            .refuses(&[Code::TenantNotFound, Code::TooManyWaiters]),
        Operation::get("/api/v1/tenants/{tenant}/stream", "streamChanges", "Changes as they happen, as server-sent events")
            .about(
                "Begins with `event: snapshot`, or after `Last-Event-ID`; then `event: change` with an event of `changes` as its data. \
                 `id` is the version tag. A comment is sent when nothing happens. Not answered to `HEAD`.",
            )
            .query::<StreamIn>()
            .headers(&["Last-Event-ID"])
            .reads()
            .answers(Answer::of(200, "The stream.", "text/event-stream"))
            .refuses(&[Code::TenantNotFound, Code::TooManyWaiters, Code::RevisionNotReached]),
        Operation::get("/api/v1/stream", "streamEverything", "Every tenant's changes from now on, for people who look on")
            .about("`event: change` with an event as its data, without `id`: who must miss nothing follows a tenant. Not answered to `HEAD`.")
            .query::<NothingIn>()
            .answers(Answer::of(200, "The stream.", "text/event-stream"))
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
