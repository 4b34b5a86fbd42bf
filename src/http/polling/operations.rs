//! The operations that proxies poll, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{ChangesIn, SnapshotIn};
use crate::http::{
    event_schema::{self, Event},
    openapi::{Answer, Operation, schemas},
    problem::Code,
    shapes::snapshot::Snapshot,
};

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

pub fn snapshot() -> Operation {
    Operation::new("getSnapshot", "Get a tenant's active routes and policies")
        .about(
            "Every instance answers the same bytes for the same revision. `service` and `env` limit the scope, and the tag changes only when \
             an object in the scope changes. With `wait` and the newest tag in `If-None-Match`, the request waits until the scope changes. \
             With `at`, the answer has the bytes of an earlier state, with `ETag` only and never compressed.",
        )
        .query::<SnapshotIn>()
        .reads_no_older()
        .headers(&["Prefer", "Accept-Encoding"])
        .answers(Answer::json::<Snapshot>(200, "The snapshot.", snapshot_example())
                .with(&["ETag.weak"])
                .perhaps(&["Vary", "TM-Stale", "TM-Signature", "TM-Confirmed", "Preference-Applied", "Content-Encoding"]))
        .refuses(&[Code::TenantNotFound, Code::TooManyWaiters])
}

pub fn changes() -> Operation {
    Operation::new("getChanges", "Get the changes after a version tag")
        .about("With `wait`, the request waits until there is a change.")
        .query::<ChangesIn>()
        .reads_no_older()
        .headers(&["Prefer", "Accept-Encoding"])
        .answers(
            Answer::json::<ChangeFeed>(
                200,
                "The changes, or a new snapshot to start from.",
                changes_example(),
            )
            .with(&["ETag.weak"])
            .perhaps(&["Vary", "TM-Stale", "Preference-Applied", "Content-Encoding"]),
        )
        .refuses(&[Code::TenantNotFound, Code::TooManyWaiters])
}

fn snapshot_example() -> Value {
    json!({
        "digest": "33e6392dcf4e803dbfb2fabd5615c04f0a104c7e504a1166c061f2f1cbbb3e3c", "epoch": "adc74a594a3e0e8f", "policies": [],
        "revision": 1, "tenant": "acme", "routes": [{
            "env": "prod", "labels": { "team": "payments" }, "revision": 1, "service": "checkout",
            "url": "https://checkout-1.example.com", "version": "v1",
        }],
    })
}

fn changes_example() -> Value {
    json!({ "from": "adc74a594a3e0e8f.0", "to": "adc74a594a3e0e8f.1", "complete": true, "changes": [event_schema::example()] })
}
