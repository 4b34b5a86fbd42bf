//! Records that can never be archived: kept in the dead-letter topic, so that the partition goes on and nothing is lost.

pub mod letters;

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

/// A record and why it is here.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// What could not be archived.
    pub record: &'a Record,
    /// Stable, `snake_case`.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// The dead-letter topic.
pub struct DeadLetters {
    producer: Producing,
    topic: String,
}

impl DeadLetters {
    /// The topic of the settings; connects when first used.
    pub fn new(settings: &config::Kafka) -> Result<Self, ConfigError> {
        let producer = Producing::new("dead_letters", settings, kafka::dead_letter_producer)?;
        Ok(Self { producer, topic: settings.dlq_topic.clone() })
    }

    /// Returns when Kafka has acknowledged all of them. After an error some may be there; sending them again is harmless.
    pub async fn send(&self, letters: &[Letter<'_>]) -> Result<(), KafkaError> {
        for letter in letters {
            let at = letter.record.offset;
            match self.producer.deliver(at, |producer| self.start(producer, letter, true)).await {
                Ok(()) => {}
                // With the headers of a dead letter it may be larger than the topic takes: without its content, which its origin still has.
                Err(error) if verdict::of(&error) == Verdict::ForGood => {
                    self.producer.deliver(at, |producer| self.start(producer, letter, false)).await?;
                }
                Err(error) => return Err(error),
            }
            let Letter { record, reason, attempts } = letter;
            tracing::error!(
                reason,
                attempts,
                kafka.topic = record.topic,
                kafka.partition = record.partition,
                kafka.offset = record.offset,
                "a record is dead-lettered"
            );
            metrics::counter!(names::DEAD_LETTERS, "reason" => reason.clone()).increment(1);
        }
        Ok(())
    }

    fn start(&self, producer: &FutureProducer, letter: &Letter<'_>, whole: bool) -> Result<DeliveryFuture, KafkaError> {
        let Letter { record, reason, attempts } = letter;
        let mut dead = FutureRecord::<[u8], [u8]>::to(&self.topic);
        if whole {
            dead.key = record.key.as_deref();
            dead.payload = record.value.as_deref();
        }
        let dead = dead.headers(kafka::dead_letter_headers(record, reason, *attempts, whole));
        producer.send_result(dead).map_err(|(error, _)| error)
    }

    /// Sends what is still held, for at most `limit`.
    pub async fn flush(self, limit: Duration) {
        self.producer.flush(limit).await;
    }
}
