//! A record of Kafka: CloudEvents 1.0 in binary mode (the attributes are headers, the value is the
//! data).

use crate::write::rows::OutboxRow;

/// The CloudEvents content type of the data.
pub const CONTENT_TYPE: &str = "application/json";

/// The header of an event that was published again by a replay: the replay's id.
const REPLAY: &str = "tm_replay";

/// The header of a redriven record: the id of the dead letter that the record was before.
pub const REDRIVEN_FROM: &str = "tm_redriven_from";

/// The `CloudEvents` attributes and our own headers of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHeaders {
    /// `ce_id`: the event's id.
    pub id: String,
    /// `ce_source`: the configured `kafka.source`.
    pub source: String,
    /// `ce_type`: the event's type, with its version.
    pub ce_type: String,
    /// `ce_subject`: tenant/service/env/version, as far as the event concerns them.
    pub subject: String,
    /// `ce_time`: the time of the decision.
    pub time: String,
    /// `tm_revision`: the tenant's revision.
    pub revision: String,
    /// `tm_epoch`: the epoch of the tenant's history.
    pub epoch: String,
    /// `traceparent`: the W3C trace context.
    pub traceparent: Option<String>,
    /// `tm_replay`: the id of the replay that publishes the event again.
    pub replay: Option<String>,
}

impl EventHeaders {
    /// Returns the headers with which a row is published.
    pub fn of(row: &OutboxRow, source: &str, traceparent: Option<String>) -> Self {
        Self {
            id: row.event_id.to_string(),
            source: source.to_owned(),
            ce_type: row.ce_type.clone(),
            subject: row.subject.clone(),
            time: row.occurred_at.to_string(),
            revision: row.tag.revision.to_string(),
            epoch: row.tag.epoch.to_string(),
            traceparent,
            replay: row.replay.map(|replay| replay.to_string()),
        }
    }

    /// Returns the names and values, in the order in which they are published.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fixed = [
            ("ce_specversion", "1.0"),
            ("ce_id", self.id.as_str()),
            ("ce_source", &self.source),
            ("ce_type", &self.ce_type),
            ("ce_subject", &self.subject),
            ("ce_time", &self.time),
            ("ce_datacontenttype", CONTENT_TYPE),
            ("tm_revision", &self.revision),
            ("tm_epoch", &self.epoch),
        ];
        let optional = [
            ("traceparent", self.traceparent.as_deref()),
            (REPLAY, self.replay.as_deref()),
        ];
        let present = optional
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        fixed.into_iter().chain(present)
    }
}

/// A record, detached from its consumer.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The topic from which the record was read.
    pub topic: String,
    /// The partition from which the record was read.
    pub partition: i32,
    /// The offset of the record in its partition.
    pub offset: i64,
    /// The key: the tenant's name, if the record is ours.
    pub key: Option<Vec<u8>>,
    /// The value: the event as JSON, if the record is ours.
    pub value: Option<Vec<u8>>,
    /// The headers, in the order in which they were received.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// Returns whether the record was published before: it comes from a replay or is a redriven
    /// dead letter.
    pub fn is_repeated(&self) -> bool {
        self.headers
            .iter()
            .any(|(key, _)| [REPLAY, REDRIVEN_FROM].contains(&key.as_str()))
    }

    /// Returns a header as text, if the record has it and it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}
