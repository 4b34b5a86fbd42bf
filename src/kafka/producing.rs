//! Producers that are made anew when they have died or stand still.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, Producer as _},
};

use super::{Progress, Verdict, verdict};
use crate::{
    config::{self, ConfigError, ms},
    telemetry::names,
};

/// How much longer than `kafka.delivery_timeout_ms` an answer of the client library is waited for: after that none comes.
pub const GRACE: Duration = Duration::from_secs(5);

/// A producer of one kind, and another when it is given up.
///
/// Whoever sends tells what came of it ([`Producing::delivered`], [`Producing::failed`]). A record whose fate is not known when a producer
/// is given up was not acknowledged: its sender still has it.
pub struct Producing {
    kind: &'static str,
    settings: config::Kafka,
    make: fn(&config::Kafka) -> Result<FutureProducer, ConfigError>,
    held: Mutex<Held>,
}

struct Held {
    producer: FutureProducer,
    progress: Progress<i64>,
}

impl Producing {
    /// A producer that `make` makes; `kind` names it in logs and metrics.
    pub fn new(
        kind: &'static str, settings: &config::Kafka, make: fn(&config::Kafka) -> Result<FutureProducer, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let held = Held { producer: make(settings)?, progress: Progress::new() };
        Ok(Self { kind, settings: settings.clone(), make, held: Mutex::new(held) })
    }

    /// The producer to send with. It is not kept beyond what is sent at once.
    pub fn current(&self) -> FutureProducer {
        self.held().producer.clone()
    }

    /// Something is about to be sent, and `at` names the first of it: as long as that stays the same, nothing has moved.
    pub fn sends(&self, at: i64) {
        self.held().progress.waits(at, Instant::now());
    }

    /// Kafka has acknowledged what was sent.
    pub fn delivered(&self) {
        self.held().progress.moves();
    }

    /// Kafka has not acknowledged what was sent. A producer that is dead, or has stood still for `kafka.stalled_after_ms`, is replaced.
    pub fn failed(&self, error: &KafkaError) {
        let mut held = self.held();
        let fatal = held.producer.client().fatal_error();
        let is_stalled = held.progress.is_stalled(Instant::now(), ms(self.settings.stalled_after_ms));
        let reason = match (&fatal, verdict::of(error)) {
            (Some(_), _) | (None, Verdict::ProducerDead) => "dead",
            _ if is_stalled => "stalled",
            _ => return,
        };
        tracing::warn!(producer = self.kind, reason, error = %error, ?fatal, "a producer is given up; making a new one");
        metrics::counter!(names::PRODUCERS_REPLACED, "producer" => self.kind, "reason" => reason).increment(1);
        match (self.make)(&self.settings) {
            Ok(producer) => {
                // Dropping purges its queue, and blocks until its thread has ended.
                let dead = std::mem::replace(&mut held.producer, producer);
                held.progress.moves();
                tokio::task::spawn_blocking(move || drop(dead));
            }
            Err(error) => tracing::error!(error = %error, "a producer cannot be made"),
        }
    }

    /// Sends one record and awaits it, for no longer than the client library may take. `start` hands it over; `at` names it.
    pub async fn deliver(
        &self, at: i64, start: impl FnOnce(&FutureProducer) -> Result<DeliveryFuture, KafkaError>,
    ) -> Result<(), KafkaError> {
        self.sends(at);
        let delivered = match start(&self.current()) {
            Ok(delivery) => tokio::time::timeout(self.patience(), acknowledged(delivery)).await.unwrap_or(Err(SILENT)),
            Err(error) => Err(error),
        };
        match &delivered {
            Ok(()) => self.delivered(),
            Err(error) => self.failed(error),
        }
        delivered
    }

    /// How long the fate of a record is waited for.
    pub fn patience(&self) -> Duration {
        ms(self.settings.delivery_timeout_ms) + GRACE
    }

    /// Sends what is still held, for at most `limit`: dropping the producer would purge its queue.
    pub async fn flush(self, limit: Duration) {
        let producer = self.held.into_inner().unwrap_or_else(PoisonError::into_inner).producer;
        let flushed = tokio::task::spawn_blocking(move || producer.flush(limit)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the producer's queue could not be flushed; what it held is still where it came from");
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of a delivery that the client library says nothing of: this producer is dead.
pub const SILENT: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight);

/// What became of a delivery.
pub async fn acknowledged(delivery: DeliveryFuture) -> Result<(), KafkaError> {
    match delivery.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error),
        // Its producer is gone.
        Err(_) => Err(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue)),
    }
}
