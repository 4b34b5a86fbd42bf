//! Reads dead letters, newest first or a single one, and redrives them: sends them to the topic
//! that they came from.
//!
//! No state is kept between two requests, and no consumer group is joined: a reader is assigned the
//! range of offsets that a request asks for. Calls to Kafka block, so they run outside the
//! runtime's threads; each has a time limit.

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
        dead_letter::{DeadLetterId, DeadLetterKey},
        ids::TenantName,
    },
    kafka::{self, Producing, Verdict, verdict},
};

pub use crate::kafka::Record;

/// The number of dead letters read at a time. Only the [`DeadLetterHead`] of each is kept.
const WINDOW: i64 = 200;

/// A dead letter without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterHead {
    /// The dead letter's position in its topic, and the time when it was dead-lettered.
    pub key: DeadLetterKey,
    /// The reason why the record was dead-lettered, in `snake_case`; empty if the header is
    /// missing.
    pub reason: String,
    /// The number of attempts to archive the record; 0 if the header is missing or invalid.
    pub attempts: u32,
    /// The tenant, if the record's key is a valid tenant name. The sender of the record wrote the
    /// key, so it need not be true.
    pub tenant: Option<TenantName>,
    /// The header `ce_id` as the sender wrote it, unchecked.
    pub event_id: Option<String>,
    /// The header `ce_type` as the sender wrote it, unchecked.
    pub event_type: Option<String>,
    /// The original position of the record; `None` when the headers do not contain it.
    pub origin: Option<DeadLetterOrigin>,
    /// Whether key, value and headers were left out, because they were too large for this topic.
    pub omitted: bool,
}

/// The position of a record before it was dead-lettered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterOrigin {
    /// The original topic.
    pub topic: String,
    /// The partition of the original topic.
    pub partition: i32,
    /// The offset in this partition.
    pub offset: i64,
}

/// A dead letter with its content.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The fields of the dead letter other than its content.
    pub head: DeadLetterHead,
    /// The record in the dead-letter topic; its partition and offset are those of the dead letter.
    pub record: Record,
}

/// A position from which a list continues: before this offset of this partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    partition: i32,
    before: i64,
}

impl Position {
    /// Returns the position right after a dead letter, in a list that is sorted newest first.
    pub fn after(id: DeadLetterId) -> Self {
        Self {
            partition: id.partition,
            before: id.offset,
        }
    }
}

/// The reason why dead letters could not be read or sent.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// Kafka is not available, or returned an error.
    #[error("Kafka is not available")]
    Kafka(#[from] KafkaError),
    /// Kafka did not answer before the deadline.
    #[error("Kafka did not answer in time")]
    Timeout,
    /// `kafka.bootstrap_servers` is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The reading thread panicked or was cancelled: a defect of this program.
    #[error("reading dead letters failed")]
    Defect(#[from] tokio::task::JoinError),
}

impl DeadLetterError {
    /// Returns the reason if Kafka would refuse the record each time it is sent.
    pub fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Kafka(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                Some("its record is larger than kafka.topic accepts")
            }
            Self::Kafka(KafkaError::MessageProduction(RDKafkaErrorCode::UnknownPartition)) => {
                Some("kafka.topic does not have its record's partition")
            }
            _ => None,
        }
    }
}

/// Reads and redrives the records of the dead-letter topic of the settings.
pub struct DeadLetterTopic {
    kafka: config::Kafka,
    limit: Duration,
    producer: OnceCell<Producing>,
}

impl DeadLetterTopic {
    /// Creates the client; connects on first use. A read of one range of offsets takes at most
    /// `limit`.
    pub fn new(kafka: config::Kafka, limit: Duration) -> Self {
        Self {
            kafka,
            limit,
            producer: OnceCell::new(),
        }
    }

    /// Returns the topic that events are published to: the only topic that dead letters are sent
    /// back to.
    pub fn topic(&self) -> &str {
        &self.kafka.topic
    }

    /// Opens a reader of the dead letters that are in the topic now.
    pub async fn open(&self) -> Result<Reader, DeadLetterError> {
        let (kafka, deadline) = (self.kafka.clone(), Instant::now() + self.limit);
        tokio::task::spawn_blocking(move || Reader::open(&kafka, deadline)).await?
    }

    /// Returns one dead letter; `None` if it does not exist or exists no longer.
    pub async fn dead_letter(
        &self,
        id: DeadLetterId,
    ) -> Result<Option<DeadLetter>, DeadLetterError> {
        let record = self
            .record(self.kafka.dlq_topic.clone(), id.partition, id.offset)
            .await?;
        Ok(record.map(|(record, at)| DeadLetter {
            head: head(&record, at),
            record,
        }))
    }

    /// Returns the original record of a dead letter: its own content, or, if that was left out, the
    /// record at its original position. `None` when that record is gone.
    pub async fn content(
        &self,
        dead_letter: DeadLetter,
    ) -> Result<Option<Record>, DeadLetterError> {
        if !dead_letter.head.omitted {
            return Ok(Some(dead_letter.record));
        }
        let Some(DeadLetterOrigin {
            topic,
            partition,
            offset,
        }) = dead_letter.head.origin
        else {
            return Ok(None);
        };
        Ok(self
            .record(topic, partition, offset)
            .await?
            .map(|(record, _)| record))
    }

    async fn record(
        &self,
        topic: String,
        partition: i32,
        offset: i64,
    ) -> Result<Option<(Record, Timestamp)>, DeadLetterError> {
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
                each(
                    &consumer,
                    (&topic, partition),
                    offset..offset + 1,
                    deadline,
                    |record, at| found = Some((record, at)),
                )?;
            }
            Ok(found)
        })
        .await?
    }

    /// Sends records again to `kafka.topic`, in this order, each to its original partition. Returns
    /// when Kafka has acknowledged or refused each of them. Records that fail again become new dead
    /// letters, with more attempts.
    pub async fn send(
        &self,
        records: &[(DeadLetterHead, Record)],
    ) -> Vec<Result<(), DeadLetterError>> {
        let producing =
            async || Producing::new("letters", &self.kafka, kafka::dead_letter_producer);
        let producer = match self.producer.get_or_try_init(producing).await {
            Ok(producer) => producer,
            Err(error) => {
                let text = error.to_string();
                return records
                    .iter()
                    .map(|_| Err(KafkaError::AdminOpCreation(text.clone()).into()))
                    .collect();
            }
        };
        let mut results: Vec<Result<(), DeadLetterError>> = Vec::with_capacity(records.len());
        for (head, record) in records {
            // Kafka is not available: the records after the failed one must not overtake it.
            if let Some(Err(DeadLetterError::Kafka(error))) =
                results.last().filter(|last| is_failure(last))
            {
                results.push(Err(error.clone().into()));
                continue;
            }
            let at = head.key.id.offset;
            let delivered = producer
                .deliver(at, |producer| self.start(producer, head, record, true))
                .await;
            let delivered = match delivered {
                // The record is as large as Kafka accepts already, so it is sent without our
                // headers.
                Err(error) if verdict::of(&error) == Verdict::ForGood => {
                    producer
                        .deliver(at, |producer| self.start(producer, head, record, false))
                        .await
                }
                delivered => delivered,
            };
            results.push(delivered.map_err(DeadLetterError::from));
        }
        results
    }

    fn start(
        &self,
        producer: &FutureProducer,
        head: &DeadLetterHead,
        record: &Record,
        marked: bool,
    ) -> Result<rdkafka::producer::DeliveryFuture, KafkaError> {
        let mut again = FutureRecord::<[u8], [u8]>::to(&self.kafka.topic);
        again.key = record.key.as_deref();
        again.payload = record.value.as_deref();
        again.partition = head.origin.as_ref().map(|origin| origin.partition);
        let again = again.headers(kafka::redriven_headers(
            record,
            head.key.id,
            head.attempts,
            marked,
        ));
        producer.send_result(again).map_err(|(error, _)| error)
    }
}

/// Reads dead letters, newest first, partition by partition.
pub struct Reader {
    consumer: Arc<BaseConsumer>,
    topic: String,
    /// Each partition with its first offset and its end offset.
    bounds: Vec<(i32, i64, i64)>,
}

impl Reader {
    fn open(kafka: &config::Kafka, deadline: Instant) -> Result<Self, DeadLetterError> {
        let (consumer, topic) = (kafka::reader(kafka)?, kafka.dlq_topic.clone());
        let metadata = consumer.fetch_metadata(Some(&topic), left(deadline)?)?;
        let mut partitions: Vec<i32> = metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions())
            .map(|partition| partition.id())
            .collect();
        partitions.sort_unstable();
        let mut bounds = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let (low, high) = consumer.fetch_watermarks(&topic, partition, left(deadline)?)?;
            bounds.push((partition, low, high));
        }
        Ok(Self {
            consumer: Arc::new(consumer),
            topic,
            bounds,
        })
    }

    /// Returns the position of the newest dead letters, in the first partition; `None` if the topic
    /// has no partition.
    pub fn newest(&self) -> Option<Position> {
        self.bounds.first().map(|(partition, _, high)| Position {
            partition: *partition,
            before: *high,
        })
    }

    /// Returns the dead letters before a position, newest first, at most `WINDOW` of them, and the
    /// position to continue from.
    pub async fn before(
        &self,
        position: Position,
        limit: Duration,
    ) -> Result<(Vec<DeadLetterHead>, Option<Position>), DeadLetterError> {
        let Position { partition, before } = position;
        let Some((_, low, high)) = self
            .bounds
            .iter()
            .find(|(known, ..)| *known == partition)
            .copied()
        else {
            return Ok((Vec::new(), self.following(partition)));
        };
        let before = before.min(high);
        let from = low.max(before - WINDOW);
        let next = if from > low {
            Some(Position {
                partition,
                before: from,
            })
        } else {
            self.following(partition)
        };
        if from >= before {
            return Ok((Vec::new(), next));
        }
        let (consumer, topic, deadline) = (
            self.consumer.clone(),
            self.topic.clone(),
            Instant::now() + limit,
        );
        let mut heads = tokio::task::spawn_blocking(move || {
            let mut heads = Vec::new();
            each(
                &consumer,
                (&topic, partition),
                from..before,
                deadline,
                |record, at| heads.push(head(&record, at)),
            )?;
            Ok::<_, DeadLetterError>(heads)
        })
        .await??;
        heads.reverse();
        Ok((heads, next))
    }

    /// Returns the position of the newest dead letter of the next partition.
    fn following(&self, partition: i32) -> Option<Position> {
        let next = self.bounds.iter().find(|(known, ..)| *known > partition);
        next.map(|(partition, _, high)| Position {
            partition: *partition,
            before: *high,
        })
    }
}

/// Calls `show` for each record of a range of offsets of a partition, in order. Offsets may have
/// gaps.
fn each(
    consumer: &BaseConsumer,
    (topic, partition): (&str, i32),
    offsets: std::ops::Range<i64>,
    deadline: Instant,
    mut show: impl FnMut(Record, Timestamp),
) -> Result<(), DeadLetterError> {
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Offset(offsets.start))?;
    consumer.assign(&assignment)?;
    loop {
        match consumer.poll(left(deadline)?) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            // These errors say that a broker is not available; a lasting failure shows as a
            // timeout.
            Some(Err(KafkaError::MessageConsumption(code))) if is_passing(code) => {}
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ))) => {
                return Ok(());
            }
            Some(Err(error)) => return Err(error.into()),
            // The record belongs to an earlier assignment.
            Some(Ok(message)) if message.offset() < offsets.start => {}
            Some(Ok(message)) => {
                if message.offset() >= offsets.end {
                    return Ok(());
                }
                let at = message
                    .timestamp()
                    .to_millis()
                    .and_then(|at| Timestamp::from_millisecond(at).ok());
                show(kafka::record(&message), at.unwrap_or(Timestamp::UNIX_EPOCH));
                if message.offset() + 1 == offsets.end {
                    return Ok(());
                }
            }
        }
    }
}

/// Returns whether a record was not accepted for a reason that has nothing to do with the record.
fn is_failure(sent: &Result<(), DeadLetterError>) -> bool {
    sent.as_ref().is_err_and(|error| error.refusal().is_none())
}

/// Returns the time left until a deadline, or a timeout error when it has passed.
fn left(deadline: Instant) -> Result<Duration, DeadLetterError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(DeadLetterError::Timeout)
    } else {
        Ok(left)
    }
}

fn is_nowhere(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}

fn is_passing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
    )
}

fn head(record: &Record, at: Timestamp) -> DeadLetterHead {
    let number = |name: &str| {
        record
            .header(name)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let origin = || {
        Some(DeadLetterOrigin {
            topic: record.header(kafka::DLQ_TOPIC)?.to_owned(),
            partition: number(kafka::DLQ_PARTITION)
                .and_then(|number| i32::try_from(number).ok())?,
            offset: number(kafka::DLQ_OFFSET)?,
        })
    };
    let text = |name: &str| record.header(name).map(str::to_owned);
    let key = record
        .key
        .as_deref()
        .and_then(|key| std::str::from_utf8(key).ok());
    DeadLetterHead {
        key: DeadLetterKey {
            id: DeadLetterId {
                partition: record.partition,
                offset: record.offset,
            },
            at: at.into(),
        },
        reason: text(kafka::DLQ_REASON).unwrap_or_default(),
        attempts: number(kafka::DLQ_ATTEMPTS)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(0),
        tenant: key.and_then(|key| key.parse().ok()),
        event_id: text("ce_id"),
        event_type: text("ce_type"),
        origin: origin(),
        omitted: record.header(kafka::DLQ_OMITTED).is_some(),
    }
}

#[cfg(test)]
mod tests;
