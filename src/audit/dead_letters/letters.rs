//! The dead-letter topic, read and answered to: letters from the newest on, one letter, and sending one again to where it came from.
//!
//! Nothing is kept between two requests, and no group is joined: a reader is assigned the piece that it is asked for. Kafka is asked
//! by blocking calls, so not on the runtime's threads; each has a limit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord},
};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::{
    config::{self, ConfigError},
    domain::{
        dead_letter::{LetterId, LetterKey},
        ids::TenantName,
    },
    kafka::{self, Producing, Verdict, verdict},
};

pub use crate::kafka::Record;

/// Letters read at a time. Of each no more than its head is kept.
const WINDOW: i64 = 200;

/// A dead letter without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which it is.
    pub key: LetterKey,
    /// Why it is here; `snake_case`.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The tenant, if its key is the name of one. Whoever sent the record wrote that: it need not be true.
    pub tenant: Option<TenantName>,
    /// `ce_id`, unchecked.
    pub event_id: Option<String>,
    /// `ce_type`, unchecked.
    pub event_type: Option<String>,
    /// Where it came from; `None` when the headers do not say.
    pub origin: Option<Origin>,
    /// Whether it is without key, value and headers, which were too large for this topic.
    pub omitted: bool,
}

/// Where a letter came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A dead letter with its content.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What is known of it.
    pub head: Head,
    /// Its record, whose place is that of the letter.
    pub record: Record,
}

/// Where a list goes on: before this offset of this partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    partition: i32,
    before: i64,
}

impl Position {
    /// Right after a letter, in a list from the newest on.
    pub fn after(id: LetterId) -> Self {
        Self { partition: id.partition, before: id.offset }
    }
}

/// Why letters could not be had or sent.
#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    /// Kafka is not there, or does not answer in time.
    #[error("Kafka is not available")]
    Kafka(#[from] KafkaError),
    /// The same.
    #[error("Kafka did not answer in time")]
    Timeout,
    /// `kafka.bootstrap_servers` is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A defect of ours.
    #[error("reading letters failed")]
    Defect(#[from] tokio::task::JoinError),
}

impl LettersError {
    /// Why Kafka would refuse a record whenever it is sent.
    pub fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Kafka(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                Some("it is larger than kafka.topic takes")
            }
            Self::Kafka(KafkaError::MessageProduction(RDKafkaErrorCode::UnknownPartition)) => {
                Some("kafka.topic does not have the partition that it comes from")
            }
            _ => None,
        }
    }
}

/// The dead-letter topic of the settings.
pub struct Letters {
    kafka: config::Kafka,
    limit: Duration,
    producer: OnceCell<Producing>,
}

impl Letters {
    /// Connects when first used. A read of one piece takes at most `limit`.
    pub fn new(kafka: config::Kafka, limit: Duration) -> Self {
        Self { kafka, limit, producer: OnceCell::new() }
    }

    /// The topic that events are published to: the only one that letters are sent back to.
    pub fn topic(&self) -> &str {
        &self.kafka.topic
    }

    /// A reader of the letters that are there now.
    pub async fn open(&self) -> Result<Reader, LettersError> {
        let (kafka, deadline) = (self.kafka.clone(), Instant::now() + self.limit);
        tokio::task::spawn_blocking(move || Reader::open(&kafka, deadline)).await?
    }

    /// One letter; `None` when there is none, or none any more.
    pub async fn letter(&self, id: LetterId) -> Result<Option<Letter>, LettersError> {
        let record = self.record(self.kafka.dlq_topic.clone(), id.partition, id.offset).await?;
        Ok(record.map(|(record, at)| Letter { head: head(&record, at), record }))
    }

    /// What a letter was before it was one: its own content, or what still stands where it came from. `None` when that is gone.
    pub async fn content(&self, letter: Letter) -> Result<Option<Record>, LettersError> {
        if !letter.head.omitted {
            return Ok(Some(letter.record));
        }
        let Some(Origin { topic, partition, offset }) = letter.head.origin else { return Ok(None) };
        Ok(self.record(topic, partition, offset).await?.map(|(record, _)| record))
    }

    async fn record(&self, topic: String, partition: i32, offset: i64) -> Result<Option<(Record, Timestamp)>, LettersError> {
        let (kafka, deadline) = (self.kafka.clone(), Instant::now() + self.limit);
        tokio::task::spawn_blocking(move || {
            let consumer = kafka::reader(&kafka)?;
            let mut found = None;
            let bounds = match consumer.fetch_watermarks(&topic, partition, left(deadline)?) {
                Ok(bounds) => bounds,
                Err(KafkaError::MetadataFetch(code)) if is_nowhere(code) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if offset >= bounds.0 && offset < bounds.1 {
                each(&consumer, (&topic, partition), offset..offset + 1, deadline, |record, at| found = Some((record, at)))?;
            }
            Ok(found)
        })
        .await?
    }

    /// Sends records again to `kafka.topic`, each into the partition where it stood, in this order; returns when Kafka has acknowledged
    /// or refused each. Those that come again to the dead-letter topic are new letters, with more attempts.
    pub async fn send(&self, records: &[(Head, Record)]) -> Vec<Result<(), LettersError>> {
        let producing = async || Producing::new("letters", &self.kafka, kafka::dead_letter_producer);
        let producer = match self.producer.get_or_try_init(producing).await {
            Ok(producer) => producer,
            Err(error) => {
                let text = error.to_string();
                return records.iter().map(|_| Err(KafkaError::AdminOpCreation(text.clone()).into())).collect();
            }
        };
        let mut results: Vec<Result<(), LettersError>> = Vec::with_capacity(records.len());
        for (head, record) in records {
            // Kafka is away: the rest is not sent past what failed.
            if let Some(Err(LettersError::Kafka(error))) = results.last().filter(|last| is_failure(last)) {
                results.push(Err(error.clone().into()));
                continue;
            }
            let at = head.key.id.offset;
            let delivered = producer.deliver(at, |producer| self.start(producer, head, record, true)).await;
            let delivered = match delivered {
                // As large as Kafka takes already: as it came, then.
                Err(error) if verdict::of(&error) == Verdict::ForGood => {
                    producer.deliver(at, |producer| self.start(producer, head, record, false)).await
                }
                delivered => delivered,
            };
            results.push(delivered.map_err(LettersError::from));
        }
        results
    }

    fn start(
        &self, producer: &FutureProducer, head: &Head, record: &Record, marked: bool,
    ) -> Result<rdkafka::producer::DeliveryFuture, KafkaError> {
        let mut again = FutureRecord::<[u8], [u8]>::to(&self.kafka.topic);
        again.key = record.key.as_deref();
        again.payload = record.value.as_deref();
        again.partition = head.origin.as_ref().map(|origin| origin.partition);
        let again = again.headers(kafka::redriven_headers(record, head.key.id, head.attempts, marked));
        producer.send_result(again).map_err(|(error, _)| error)
    }
}

/// Reads letters from the newest on, partition by partition.
pub struct Reader {
    consumer: Arc<BaseConsumer>,
    topic: String,
    /// Each partition with where it begins and where it ends.
    bounds: Vec<(i32, i64, i64)>,
}

impl Reader {
    fn open(kafka: &config::Kafka, deadline: Instant) -> Result<Self, LettersError> {
        let (consumer, topic) = (kafka::reader(kafka)?, kafka.dlq_topic.clone());
        let metadata = consumer.fetch_metadata(Some(&topic), left(deadline)?)?;
        let mut partitions: Vec<i32> =
            metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
        partitions.sort_unstable();
        let mut bounds = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let (low, high) = consumer.fetch_watermarks(&topic, partition, left(deadline)?)?;
            bounds.push((partition, low, high));
        }
        Ok(Self { consumer: Arc::new(consumer), topic, bounds })
    }

    /// Where the newest letters are.
    pub fn newest(&self) -> Option<Position> {
        self.bounds.first().map(|(partition, _, high)| Position { partition: *partition, before: *high })
    }

    /// The letters before a position, newest first, so many as are read at a time, and where to go on.
    pub async fn before(&self, position: Position, limit: Duration) -> Result<(Vec<Head>, Option<Position>), LettersError> {
        let Position { partition, before } = position;
        let Some((_, low, high)) = self.bounds.iter().find(|(known, ..)| *known == partition).copied() else {
            return Ok((Vec::new(), self.following(partition)));
        };
        let before = before.min(high);
        let from = low.max(before - WINDOW);
        let next = if from > low { Some(Position { partition, before: from }) } else { self.following(partition) };
        if from >= before {
            return Ok((Vec::new(), next));
        }
        let (consumer, topic, deadline) = (self.consumer.clone(), self.topic.clone(), Instant::now() + limit);
        let mut heads = tokio::task::spawn_blocking(move || {
            let mut heads = Vec::new();
            each(&consumer, (&topic, partition), from..before, deadline, |record, at| heads.push(head(&record, at)))?;
            Ok::<_, LettersError>(heads)
        })
        .await??;
        heads.reverse();
        Ok((heads, next))
    }

    /// The newest of the next partition.
    fn following(&self, partition: i32) -> Option<Position> {
        let next = self.bounds.iter().find(|(known, ..)| *known > partition);
        next.map(|(partition, _, high)| Position { partition: *partition, before: *high })
    }
}

/// Shows the records of a piece of a partition, in order. Offsets may have gaps.
fn each(
    consumer: &BaseConsumer, (topic, partition): (&str, i32), offsets: std::ops::Range<i64>, deadline: Instant,
    mut show: impl FnMut(Record, Timestamp),
) -> Result<(), LettersError> {
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Offset(offsets.start))?;
    consumer.assign(&assignment)?;
    loop {
        match consumer.poll(left(deadline)?) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            // Its messages tell of brokers that are away; what comes of it shows in time.
            Some(Err(KafkaError::MessageConsumption(code))) if is_passing(code) => {}
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))) => {
                return Ok(());
            }
            Some(Err(error)) => return Err(error.into()),
            // Of an assignment before this one.
            Some(Ok(message)) if message.offset() < offsets.start => {}
            Some(Ok(message)) => {
                if message.offset() >= offsets.end {
                    return Ok(());
                }
                let at = message.timestamp().to_millis().and_then(|at| Timestamp::from_millisecond(at).ok());
                show(Record::from(&message), at.unwrap_or(Timestamp::UNIX_EPOCH));
                if message.offset() + 1 == offsets.end {
                    return Ok(());
                }
            }
        }
    }
}

/// Whether a record was not taken for a reason that is not its own.
fn is_failure(sent: &Result<(), LettersError>) -> bool {
    sent.as_ref().is_err_and(|error| error.refusal().is_none())
}

/// What of a deadline is left.
fn left(deadline: Instant) -> Result<Duration, LettersError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(LettersError::Timeout) } else { Ok(left) }
}

fn is_nowhere(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownPartition | RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}

fn is_passing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::OperationTimedOut
    )
}

fn head(record: &Record, at: Timestamp) -> Head {
    let number = |name: &str| record.header(name).and_then(|text| text.parse::<i64>().ok());
    let origin = || {
        Some(Origin {
            topic: record.header(kafka::DLQ_TOPIC)?.to_owned(),
            partition: number(kafka::DLQ_PARTITION).and_then(|number| i32::try_from(number).ok())?,
            offset: number(kafka::DLQ_OFFSET)?,
        })
    };
    let text = |name: &str| record.header(name).map(str::to_owned);
    let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    Head {
        key: LetterKey { id: LetterId { partition: record.partition, offset: record.offset }, at: at.into() },
        reason: text(kafka::DLQ_REASON).unwrap_or_default(),
        attempts: number(kafka::DLQ_ATTEMPTS).and_then(|number| u32::try_from(number).ok()).unwrap_or(0),
        tenant: key.and_then(|key| key.parse().ok()),
        event_id: text("ce_id"),
        event_type: text("ce_type"),
        origin: origin(),
        omitted: record.header(kafka::DLQ_OMITTED).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&str, &str)]) -> Head {
        let headers = headers.iter().map(|(key, value)| ((*key).to_owned(), Some(value.as_bytes().to_vec()))).collect();
        let record = Record { partition: 0, offset: 7, key: Some(b"acme".to_vec()), headers, ..Record::default() };
        head(&record, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_letter_that_somebody_else_put_there_is_shown_with_what_can_be_read_of_it() {
        let none = with(&[(kafka::DLQ_ATTEMPTS, "-1"), (kafka::DLQ_TOPIC, "t"), (kafka::DLQ_PARTITION, "x")]);
        assert_eq!((none.origin.as_ref(), none.attempts, none.reason.as_str()), (None, 0, ""));
        assert_eq!(none.tenant, Some("acme".parse().unwrap()));
        let ours = [
            (kafka::DLQ_REASON, "refused"),
            (kafka::DLQ_ATTEMPTS, "5"),
            (kafka::DLQ_TOPIC, "t"),
            (kafka::DLQ_PARTITION, "2"),
            (kafka::DLQ_OFFSET, "42"),
        ];
        let all = with(&ours);
        assert_eq!(all.origin, Some(Origin { topic: "t".into(), partition: 2, offset: 42 }));
        assert_eq!((all.attempts, all.reason.as_str(), all.omitted), (5, "refused", false));
    }
}
