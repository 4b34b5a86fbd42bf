//! The dead-letter topic: keeps records that can never be archived, so that the partition goes on
//! and no record is lost.

pub mod topic;

use std::time::Duration;

use rdkafka::{
    error::KafkaError,
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};

use crate::{
    config::{self, ConfigError},
    kafka::{self, Producing, Record, Verdict, verdict},
    telemetry::names,
};

/// A record and the reason why it is dead-lettered.
#[derive(Debug, Clone)]
pub struct NewDeadLetter<'a> {
    /// The record that could not be archived.
    pub record: &'a Record,
    /// The reason as a stable code in `snake_case`.
    pub reason: String,
    /// The number of attempts to archive the record.
    pub attempts: u32,
}

/// The producer for the dead-letter topic.
pub struct DeadLetterProducer {
    producer: Producing,
    topic: String,
}

impl DeadLetterProducer {
    /// Creates the producer for the topic of the settings; connects on first use.
    pub fn new(settings: &config::Kafka) -> Result<Self, ConfigError> {
        let producer = Producing::new("dead_letters", settings, kafka::dead_letter_producer)?;
        Ok(Self {
            producer,
            topic: settings.dlq_topic.clone(),
        })
    }

    /// Sends dead letters and returns when Kafka has acknowledged all of them. After an error some
    /// may have been sent; sending them again is harmless.
    pub async fn send(&self, dead_letters: &[NewDeadLetter<'_>]) -> Result<(), KafkaError> {
        for dead_letter in dead_letters {
            let at = dead_letter.record.offset;
            match self
                .producer
                .deliver(at, |producer| self.start(producer, dead_letter, true))
                .await
            {
                Ok(()) => {}
                // With the headers of a dead letter the record may be larger than the topic
                // accepts. It is then sent without its content, which the original topic still has.
                Err(error) if verdict::of(&error) == Verdict::ForGood => {
                    self.producer
                        .deliver(at, |producer| self.start(producer, dead_letter, false))
                        .await?;
                }
                Err(error) => return Err(error),
            }
            let NewDeadLetter {
                record,
                reason,
                attempts,
            } = dead_letter;
            tracing::error!(
                reason,
                attempts,
                kafka.topic = record.topic,
                kafka.partition = record.partition,
                kafka.offset = record.offset,
                "a record was dead-lettered"
            );
            metrics::counter!(names::DEAD_LETTERS, "reason" => reason.clone()).increment(1);
        }
        Ok(())
    }

    fn start(
        &self,
        producer: &FutureProducer,
        dead_letter: &NewDeadLetter<'_>,
        whole: bool,
    ) -> Result<DeliveryFuture, KafkaError> {
        let NewDeadLetter {
            record,
            reason,
            attempts,
        } = dead_letter;
        let mut dead = FutureRecord::<[u8], [u8]>::to(&self.topic);
        if whole {
            dead.key = record.key.as_deref();
            dead.payload = record.value.as_deref();
        }
        let dead = dead.headers(kafka::dead_letter_headers(record, reason, *attempts, whole));
        producer.send_result(dead).map_err(|(error, _)| error)
    }

    /// Sends the records that the producer still holds, for at most `limit`.
    pub async fn flush(self, limit: Duration) {
        self.producer.flush(limit).await;
    }
}
