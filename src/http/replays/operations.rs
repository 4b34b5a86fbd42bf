//! The operations of `/replays`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{ListIn, ReplayIn};
use crate::http::{
    openapi::{Answer, Operation, schemas},
    problem::Code,
    respond::PageOut,
};

/// The state of a replay.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum ReplayState {
    Running,
    Done,
    Cancelled,
}

/// A position in the history of a tenant.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct HistoryPosition {
    tenant: schemas::TenantName,
    epoch: schemas::Epoch,
    revision: schemas::Revision,
}

/// A replay: a part of the history that is published again.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Replay {
    #[schemars(with = "schemas::ReplayId")]
    id: String,
    /// The state. Only one replay is processed at a time; replays that were made later wait for it.
    state: ReplayState,
    /// The tenant whose events are published again; `null` for every tenant.
    tenant: Option<schemas::TenantName>,
    /// The epoch whose events are published again; `null` for every epoch.
    epoch: Option<schemas::Epoch>,
    from: schemas::Revision,
    /// The last revision; `null` for the newest revision at the time when the replay reaches the
    /// epoch.
    to: Option<schemas::Revision>,
    include_removed: bool,
    #[schemars(range(min = 1))]
    events_per_second: u32,
    reason: String,
    /// The number of events when the replay was made; `null` if there were more than a hundred
    /// thousand.
    events_total: Option<i64>,
    /// The number of these events that were given to the relay.
    #[schemars(range(min = 0))]
    events_queued: i64,
    /// The position of the last event that was given to the relay.
    at: Option<HistoryPosition>,
    created_by: String,
    created_at: schemas::Timestamp,
    /// When the replay last changed.
    changed_at: schemas::Timestamp,
    ended_at: Option<schemas::Timestamp>,
    /// The id of the actor that cancelled the replay.
    ended_by: Option<String>,
}

pub fn list() -> Operation {
    Operation::new("listReplays", "List replays")
        .about("Newest first.")
        .query::<ListIn>()
        .reads()
        .answers(Answer::json::<PageOut<Replay>>(
            200,
            "A page of replays.",
            json!({ "items": [replay()], "next_cursor": null }),
        ))
        .refuses(&[Code::InvalidCursor])
}

pub fn create() -> Operation {
    Operation::new("createReplay", "Publish a part of the history again")
        .about(
            "Reads events from PostgreSQL and publishes them to Kafka, at most `events_per_second` and with a lower priority than new events. \
             Consumers recognise events by their ids, and an archive that has lost events gets them back. The records have the header \
             `tm_replay`. A replay never causes writes to be refused (`audit.fail_closed`).",
        )
        .headers(&["Idempotency-Key", "X-Reason"])
        .body::<ReplayIn>(json!({ "tenant": "acme", "from": 1, "to": 812, "reason": "the archive was lost" }))
        .reads()
        .answers(Answer::json::<Replay>(201, "The new replay.", replay()).with(&["Location"]).perhaps(&["Idempotency-Replayed"]))
        .refuses(&[Code::TenantNotFound, Code::QuotaExceeded, Code::IdempotencyKeyReused, Code::CommitUnknown])
}

pub fn get() -> Operation {
    Operation::new("getReplay", "Get a replay and its progress")
        .reads()
        .answers(Answer::json::<Replay>(200, "The replay.", replay()))
        .refuses(&[Code::ReplayNotFound, Code::InvalidRequest])
}

pub fn cancel() -> Operation {
    Operation::new("cancelReplay", "Cancel a replay")
        .about("Events that are already queued are still published. Cancelling a cancelled replay changes nothing.")
        .headers(&["X-Reason"])
        .reads()
        .answers(Answer::json::<Replay>(200, "The cancelled replay.", cancelled()))
        .refuses(&[
            Code::MalformedRequest,
            Code::InvalidRequest,
            Code::ReplayNotFound,
            Code::ReplayEnded,
            Code::CommitUnknown,
        ])
}

fn replay() -> Value {
    json!({
        "id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f", "state": "running", "tenant": "acme", "epoch": "adc74a594a3e0e8f", "from": 1,
        "to": 812, "include_removed": false, "events_per_second": 200, "reason": "the archive was lost", "events_total": 830,
        "events_queued": 420, "at": { "tenant": "acme", "epoch": "adc74a594a3e0e8f", "revision": 407 },
        "created_by": "0Yb3kQ9zTn5W", "created_at": "2026-11-21T08:03:37.661997Z", "changed_at": "2026-11-21T08:03:39.771123Z",
        "ended_at": null, "ended_by": null,
    })
}

fn cancelled() -> Value {
    let mut replay = replay();
    (replay["state"], replay["ended_by"]) = (json!("cancelled"), json!("0Yb3kQ9zTn5W"));
    replay["ended_at"] = replay["changed_at"].clone();
    replay
}
