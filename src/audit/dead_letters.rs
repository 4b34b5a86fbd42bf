//! Records that can never be archived: kept in the dead-letter topic, so that the partition goes on and nothing is lost.

pub mod letters;

use std::time::Duration;

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};

use crate::{
    config::{self, ConfigError},
    kafka::{self, Record},
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
    producer: FutureProducer,
    topic: String,
}

impl DeadLetters {
    /// The topic of the settings; connects when first used.
    pub fn new(settings: &config::Kafka) -> Result<Self, ConfigError> {
        Ok(Self { producer: kafka::dead_letter_producer(settings)?, topic: settings.dlq_topic.clone() })
    }

    /// Returns when Kafka has acknowledged all of them. After an error some may be there; sending them again is harmless.
    pub async fn send(&self, letters: &[Letter<'_>]) -> Result<(), KafkaError> {
        for letter in letters {
            let delivered = match self.start(letter, true) {
                Ok(delivery) => acknowledged(delivery).await,
                Err(error) => Err(error),
            };
            match delivered {
                Ok(()) => {}
                // With the headers of a dead letter it is larger than it came: without its content, which its origin still has.
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                    acknowledged(self.start(letter, false)?).await?;
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

    fn start(&self, letter: &Letter<'_>, whole: bool) -> Result<DeliveryFuture, KafkaError> {
        let Letter { record, reason, attempts } = letter;
        let mut dead = FutureRecord::<[u8], [u8]>::to(&self.topic);
        if whole {
            dead.key = record.key.as_deref();
            dead.payload = record.value.as_deref();
        }
        let dead = dead.headers(kafka::dead_letter_headers(record, reason, *attempts, whole));
        self.producer.send_result(dead).map_err(|(error, _)| error)
    }

    /// Sends what is still held, for at most `limit`.
    pub async fn flush(self, limit: Duration) {
        kafka::flush(self.producer, limit).await;
    }
}

async fn acknowledged(delivery: DeliveryFuture) -> Result<(), KafkaError> {
    match delivery.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error),
        Err(_) => Err(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue)),
    }
}
