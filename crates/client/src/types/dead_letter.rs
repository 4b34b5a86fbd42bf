//! Dead letters.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Members;

/// A dead letter, without its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// When the record was dead-lettered, by the broker's clock.
    pub at: Timestamp,
    /// The number of attempts, including redrives.
    pub attempts: u64,
    /// The decision to redrive or to discard a dead letter.
    #[serde(default)]
    pub decision: Option<DeadLetterDecision>,
    /// The header `ce_id` of the record, unchecked.
    #[serde(default)]
    pub event_id: Option<String>,
    /// The header `ce_type` of the record, unchecked.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The id of a dead letter: its partition and offset in the dead-letter topic.
    pub id: String,
    /// Whether the record was too large to be kept with its key, value and headers. These may still
    /// exist at `origin`.
    pub omitted: bool,
    /// The place in Kafka from which a dead letter came, according to its headers.
    #[serde(default)]
    pub origin: Option<DeadLetterOrigin>,
    /// The reason why the record is a dead letter, such as `unknown_version`.
    pub reason: String,
    /// `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet
    /// whether the record was sent.
    pub state: String,
    /// The tenant that the record's key names. The sender of the record wrote the key.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A dead letter with its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterDetails {
    /// When the record was dead-lettered, by the broker's clock.
    pub at: Timestamp,
    /// The number of attempts, including redrives.
    pub attempts: u64,
    /// The decision to redrive or to discard a dead letter.
    #[serde(default)]
    pub decision: Option<DeadLetterDecision>,
    /// The header `ce_id` of the record, unchecked.
    #[serde(default)]
    pub event_id: Option<String>,
    /// The header `ce_type` of the record, unchecked.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The original headers of the record, and the headers that say why the record is a dead
    /// letter.
    pub headers: Vec<RecordHeader>,
    /// The id of a dead letter: its partition and offset in the dead-letter topic.
    pub id: String,
    /// Bytes of a record, shown as JSON or text where possible, otherwise in base64.
    #[serde(default)]
    pub key: Option<RecordContent>,
    /// Whether the record was too large to be kept with its key, value and headers. These may still
    /// exist at `origin`.
    pub omitted: bool,
    /// The place in Kafka from which a dead letter came, according to its headers.
    #[serde(default)]
    pub origin: Option<DeadLetterOrigin>,
    /// The reason why the record is a dead letter, such as `unknown_version`.
    pub reason: String,
    /// `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet
    /// whether the record was sent.
    pub state: String,
    /// The tenant that the record's key names. The sender of the record wrote the key.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Bytes of a record, shown as JSON or text where possible, otherwise in base64.
    #[serde(default)]
    pub value: Option<RecordContent>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The decision to redrive or to discard a dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterDecision {
    /// A time in UTC with microseconds (RFC 3339).
    pub decided_at: Timestamp,
    /// The id of the actor that decided.
    pub decided_by: String,
    /// The reason, in the words of the actor.
    #[serde(default)]
    pub reason: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The place in Kafka from which a dead letter came, according to its headers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterOrigin {
    /// The offset in the partition.
    pub offset: i64,
    /// The number of the partition.
    pub partition: i64,
    /// The name of the topic.
    pub topic: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Bytes of a record, shown as JSON or text where possible, otherwise in base64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordContent {
    /// The bytes: any JSON value if `encoding` is `json`, otherwise a string.
    pub data: Value,
    /// The format in which bytes are shown.
    pub encoding: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A header of a Kafka record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordHeader {
    /// The name.
    pub name: String,
    /// Bytes of a record, shown as JSON or text where possible, otherwise in base64.
    #[serde(default)]
    pub value: Option<RecordContent>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST /dead-letters/redrive`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct RedriveDeadLetters {
    /// The `next_cursor` of the previous answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The most dead letters that are sent again: 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Only dead letters with this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only dead letters whose key names this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// The result of sending many dead letters again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RedriveResult {
    /// There may be more dead letters: send this cursor with the same filters. `null` at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// The ids of the dead letters that Kafka has taken.
    pub redriven: Vec<String>,
    /// The dead letters that were not sent again.
    pub refused: Vec<RedriveRefusal>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A dead letter that cannot be sent again, with the reason in `detail`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RedriveRefusal {
    /// The cause, for people.
    pub detail: String,
    /// The id of a dead letter: its partition and offset in the dead-letter topic.
    pub id: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST /dead-letters/{letter_id}/discard`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiscardDeadLetter {
    /// The reason why the dead letter is not needed: stored with the dead letter and in the access
    /// log.
    pub reason: String,
}
