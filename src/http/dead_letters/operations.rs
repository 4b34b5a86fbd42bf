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
struct Origin {
    topic: String,
    partition: i32,
    offset: i64,
}

/// The decision to redrive or to discard a dead letter.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Decision {
    reason: Option<String>,
    decided_by: String,
    decided_at: schemas::Time,
}

/// A dead letter, without its content.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct DeadLetter {
    id: schemas::LetterId,
    /// `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet
    /// whether the record was sent.
    state: schemas::LetterState,
    /// The reason why the record is a dead letter, such as `unknown_version`.
    reason: String,
    /// The number of attempts, including redrives.
    attempts: u32,
    /// When the record was dead-lettered, by the broker's clock.
    at: schemas::Time,
    /// The tenant that the record's key names. The sender of the record wrote the key.
    tenant: Option<schemas::TenantName>,
    /// The header `ce_id` of the record, unchecked.
    event_id: Option<String>,
    /// The header `ce_type` of the record, unchecked.
    event_type: Option<String>,
    origin: Option<Origin>,
    /// Whether the record was too large to be kept with its key, value and headers. These may still
    /// exist at `origin`.
    omitted: bool,
    decision: Option<Decision>,
}

/// The format in which bytes are shown.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "read by the derive")]
enum Encoding {
    Json,
    Text,
    Base64,
}

/// Bytes of a record, shown as JSON or text where possible, otherwise in base64.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Content {
    encoding: Encoding,
    data: Value,
}

/// A header of a Kafka record.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RecordHeader {
    name: String,
    value: Option<Content>,
}

/// A dead letter with its content.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct WholeDeadLetter {
    #[serde(flatten)]
    letter: DeadLetter,
    key: Option<Content>,
    /// The original headers of the record, and the headers that say why the record is a dead
    /// letter.
    headers: Vec<RecordHeader>,
    value: Option<Content>,
}

/// A dead letter that cannot be sent again, with the reason in `detail`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Refused {
    id: schemas::LetterId,
    detail: String,
}

/// The result of sending many dead letters again.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Redriven {
    /// The ids of the dead letters that Kafka has taken.
    redriven: Vec<schemas::LetterId>,
    refused: Vec<Refused>,
    /// There may be more dead letters: send this cursor with the same filters. `null` at the end.
    next_cursor: Option<String>,
}

const LIST: &str = "/api/v1/dead-letters";
const LETTER: &str = "/api/v1/dead-letters/{letter_id}";

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    let redriven = || {
        Answer::json::<DeadLetter>(200, "It was sent.", letter("redriven"))
            .perhaps(&["Idempotency-Replayed"])
    };
    vec![
        Operation::get(LIST, "listDeadLetters", "List dead letters")
            .about(
                "Records that could not be archived, newest first. No more than `dead_letters.scan` of them are looked at for a page, so that one \
                 may be short, or empty, and have a `next_cursor` all the same.",
            )
            .query::<ListIn>()
            .reads()
            .answers(Answer::json::<PageOut<DeadLetter>>(
                200,
                "A page.",
                json!({ "items": [letter("waiting")], "next_cursor": null }),
            ))
            .compressed()
            .refuses(&[Code::InvalidCursor]),
        Operation::post("/api/v1/dead-letters/redrive", "redriveDeadLetters", "Send many dead letters again")
            .about("The newest that nobody has decided on, or whose sending was not finished; the oldest of them first.")
            .headers(&["Idempotency-Key", "X-Reason"])
            .body::<RedriveManyIn>(json!({ "reason": "unknown_version", "limit": 100 }))
            .reads()
            .answers(
                Answer::json::<Redriven>(200, "What was sent.", json!({ "redriven": ["0-17"], "refused": [], "next_cursor": null }))
                    .perhaps(&["Idempotency-Replayed"]),
            )
            .refuses(&[Code::InvalidCursor, Code::IdempotencyKeyReused, Code::CommitUnknown]),
        Operation::get(LETTER, "getDeadLetter", "Read a dead letter")
            .about("With its key, headers and value as they came.")
            .reads()
            .answers(Answer::json::<WholeDeadLetter>(200, "The letter.", whole()))
            .compressed()
            .refuses(&[Code::DeadLetterNotFound, Code::InvalidRequest]),
        Operation::post("/api/v1/dead-letters/{letter_id}/redrive", "redriveDeadLetter", "Send a dead letter again")
            .about(
                "To the topic and partition that it came from, whatever was decided of it before. Consumers know events by their ids, so that \
                 sending one twice is harmless. If it cannot be archived now either, it comes back as another letter.",
            )
            .headers(&["Idempotency-Key", "X-Reason"])
            .reads()
            .answers(redriven())
            .refuses(&[
                Code::MalformedRequest,
                Code::InvalidRequest,
                Code::DeadLetterNotFound,
                Code::NotRedrivable,
                Code::IdempotencyKeyReused,
                Code::CommitUnknown,
            ]),
        Operation::post("/api/v1/dead-letters/{letter_id}/discard", "discardDeadLetter", "Discard a dead letter")
            .about("It stays where it is, and is not open any more. One that is discarded stays so, with its first reason.")
            .headers(&["Idempotency-Key", "X-Reason"])
            .body::<DiscardIn>(json!({ "reason": "a test of the alarm" }))
            .reads()
            .answers(Answer::json::<DeadLetter>(200, "It is discarded.", letter("discarded")))
            .refuses(&[Code::DeadLetterNotFound, Code::DeadLetterDecided, Code::IdempotencyKeyReused, Code::CommitUnknown]),
    ]
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
