//! The operations of `/dead-letters`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{DiscardIn, ListIn, RedriveManyIn};
use crate::http::{
    openapi::{Answer, Operation, schemas},
    problem::Code,
    respond::PageOut,
};

/// The place in Kafka from which a dead letter came, according to its headers.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct DeadLetterOrigin {
    topic: String,
    partition: i32,
    offset: i64,
}

/// The decision to redrive or to discard a dead letter.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct DeadLetterDecision {
    reason: Option<String>,
    decided_by: String,
    decided_at: schemas::Timestamp,
}

/// A dead letter, without its content.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct DeadLetter {
    id: schemas::DeadLetterId,
    /// `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet
    /// whether the record was sent.
    state: schemas::DeadLetterState,
    /// The reason why the record is a dead letter, such as `unknown_version`.
    reason: String,
    /// The number of attempts, including redrives.
    attempts: u32,
    /// When the record was dead-lettered, by the broker's clock.
    at: schemas::Timestamp,
    /// The tenant that the record's key names. The sender of the record wrote the key.
    tenant: Option<schemas::TenantName>,
    /// The header `ce_id` of the record, unchecked.
    event_id: Option<String>,
    /// The header `ce_type` of the record, unchecked.
    event_type: Option<String>,
    origin: Option<DeadLetterOrigin>,
    /// Whether the record was too large to be kept with its key, value and headers. These may still
    /// exist at `origin`.
    omitted: bool,
    decision: Option<DeadLetterDecision>,
}

/// The format in which bytes are shown.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "read by the derive")]
enum RecordEncoding {
    Json,
    Text,
    Base64,
}

/// Bytes of a record, shown as JSON or text where possible, otherwise in base64.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RecordContent {
    encoding: RecordEncoding,
    /// The bytes: any JSON value if `encoding` is `json`, otherwise a string.
    data: schemas::JsonValue,
}

/// A header of a Kafka record.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RecordHeader {
    name: String,
    value: Option<RecordContent>,
}

/// A dead letter with its content.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct DeadLetterDetails {
    #[serde(flatten)]
    letter: DeadLetter,
    key: Option<RecordContent>,
    /// The original headers of the record, and the headers that say why the record is a dead
    /// letter.
    headers: Vec<RecordHeader>,
    value: Option<RecordContent>,
}

/// A dead letter that cannot be sent again, with the reason in `detail`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RedriveRefusal {
    id: schemas::DeadLetterId,
    detail: String,
}

/// The result of sending many dead letters again.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RedriveResult {
    /// The ids of the dead letters that Kafka has taken.
    redriven: Vec<schemas::DeadLetterId>,
    refused: Vec<RedriveRefusal>,
    /// There may be more dead letters: send this cursor with the same filters. `null` at the end.
    next_cursor: Option<String>,
}

pub fn list() -> Operation {
    Operation::new("listDeadLetters", "List dead letters")
        .about(
            "Dead letters are records that could not be archived. Newest first. The service reads at most `dead_letters.scan` of them for a \
             page, so a page may be short or empty and still have a `next_cursor`.",
        )
        .query::<ListIn>()
        .reads()
        .answers(Answer::json::<PageOut<DeadLetter>>(
            200,
            "A page of dead letters.",
            json!({ "items": [letter("waiting")], "next_cursor": null }),
        ))
        .refuses(&[Code::InvalidCursor])
}

pub fn redrive_many() -> Operation {
    Operation::new("redriveDeadLetters", "Redrive many dead letters")
        .about("Sends the newest dead letters again that have no decision or an unfinished redrive, the oldest of them first.")
        .headers(&["Idempotency-Key", "X-Reason"])
        .body::<RedriveManyIn>(json!({ "reason": "unknown_version", "limit": 100 }))
        .reads()
        .answers(
            Answer::json::<RedriveResult>(200, "The dead letters that were sent, and those that were refused.", json!({ "redriven": ["0-17"], "refused": [], "next_cursor": null }))
                .perhaps(&["Idempotency-Replayed"]),
        )
        .refuses(&[Code::InvalidCursor, Code::IdempotencyKeyReused, Code::CommitUnknown])
}

pub fn get() -> Operation {
    Operation::new("getDeadLetter", "Get a dead letter")
        .about("With the original key, headers and value of the record.")
        .reads()
        .answers(Answer::json::<DeadLetterDetails>(
            200,
            "The dead letter.",
            whole(),
        ))
        .refuses(&[Code::DeadLetterNotFound, Code::InvalidRequest])
}

pub fn redrive() -> Operation {
    Operation::new("redriveDeadLetter", "Redrive a dead letter")
        .about(
            "Sends the record again to its original topic and partition, whatever the earlier decision. Sending an event twice is harmless, \
             because consumers recognise events by their ids. A record that still cannot be archived comes back as another dead letter.",
        )
        .headers(&["Idempotency-Key", "X-Reason"])
        .reads()
        .answers(
            Answer::json::<DeadLetter>(200, "The dead letter was sent.", letter("redriven"))
                .perhaps(&["Idempotency-Replayed"]),
        )
        .refuses(&[
            Code::MalformedRequest,
            Code::InvalidRequest,
            Code::DeadLetterNotFound,
            Code::NotRedrivable,
            Code::IdempotencyKeyReused,
            Code::CommitUnknown,
        ])
}

pub fn discard() -> Operation {
    Operation::new("discardDeadLetter", "Discard a dead letter")
        .about("The dead letter stays in its topic, but is not open any more. A discarded dead letter keeps its first reason.")
        .headers(&["Idempotency-Key", "X-Reason"])
        .body::<DiscardIn>(json!({ "reason": "a test of the alarm" }))
        .reads()
        .answers(Answer::json::<DeadLetter>(200, "The dead letter is discarded.", letter("discarded")))
        .refuses(&[Code::DeadLetterNotFound, Code::DeadLetterDecided, Code::IdempotencyKeyReused, Code::CommitUnknown])
}

fn letter(state: &str) -> Value {
    let decision = json!({ "reason": "the release can read it", "decided_by": "0Yb3kQ9zTn5W", "decided_at": "2026-11-21T09:12:00.000000Z" });
    json!({
        "id": "0-17", "state": state, "reason": "unknown_version", "attempts": 1, "at": "2026-11-21T08:03:37.661000Z", "tenant": "acme",
        "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d", "event_type": "trafficmanager.route.created.v2",
        "origin": { "topic": "route-events", "partition": 1, "offset": 606 }, "omitted": false,
        "decision": if state == "waiting" { Value::Null } else { decision },
    })
}

fn whole() -> Value {
    let mut whole = letter("waiting");
    whole["key"] = json!({ "encoding": "text", "data": "acme" });
    whole["headers"] = json!([{ "name": "ce_subject", "value": { "encoding": "text", "data": "acme/checkout/prod/v1" } }]);
    whole["value"] = json!({ "encoding": "json", "data": { "tenant": "acme" } });
    whole
}
