//! Producers that are replaced when they are dead or stalled.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, Producer as _},
};

use super::{Progress, Verdict, verdict};
use crate::{
    config::{self, ConfigError},
    telemetry::names,
};

/// The time beyond `kafka.delivery_timeout_ms` for which an answer of the client library is
/// awaited: after that none comes.
pub const GRACE: Duration = Duration::from_secs(5);

/// A producer of one kind, replaced by a new one when it fails.
///
/// Each sender reports the result ([`Producing::delivered`], [`Producing::failed`]). A record
/// without a known result when its producer is replaced was not acknowledged: its sender still has
/// it.
pub struct Producing {
    kind: &'static str,
    settings: config::Kafka,
    make: fn(&config::Kafka) -> Result<FutureProducer, ConfigError>,
    held: Mutex<HeldProducer>,
}

struct HeldProducer {
    producer: FutureProducer,
    progress: Progress<i64>,
}

impl Producing {
    /// Creates the producer with `make`; `kind` names it in logs and metrics.
    pub fn new(
        kind: &'static str,
        settings: &config::Kafka,
        make: fn(&config::Kafka) -> Result<FutureProducer, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let held = HeldProducer {
            producer: make(settings)?,
            progress: Progress::new(),
        };
        Ok(Self {
            kind,
            settings: settings.clone(),
            make,
            held: Mutex::new(held),
        })
    }

    /// Returns the producer to send with. Keep it only for records that are sent at once.
    pub fn current(&self) -> FutureProducer {
        self.held().producer.clone()
    }

    /// Records that something is about to be sent. `at` names the first record: as long as `at`
    /// stays the same, there is no progress.
    pub fn sends(&self, at: i64) {
        self.held().progress.waits(at, Instant::now());
    }

    /// Records that Kafka has acknowledged the records sent.
    pub fn delivered(&self) {
        self.held().progress.moves();
    }

    /// Records that Kafka has not acknowledged the records sent. Replaces a producer that is dead,
    /// or that has made no progress for `kafka.stalled_after_ms`.
    pub fn failed(&self, error: &KafkaError) {
        let mut held = self.held();
        let fatal = held.producer.client().fatal_error();
        let is_stalled = held
            .progress
            .is_stalled(Instant::now(), self.settings.stalled_after);
        let reason = match (&fatal, verdict::of(error)) {
            (Some(_), _) | (None, Verdict::ProducerDead) => "dead",
            _ if is_stalled => "stalled",
            _ => return,
        };
        tracing::warn!(producer = self.kind, reason, error = %error, ?fatal, "a Kafka producer failed and is replaced");
        metrics::counter!(names::PRODUCERS_REPLACED, "producer" => self.kind, "reason" => reason)
            .increment(1);
        match (self.make)(&self.settings) {
            Ok(producer) => {
                // Dropping purges its queue, and blocks until its thread has ended.
                let dead = std::mem::replace(&mut held.producer, producer);
                held.progress.moves();
                tokio::task::spawn_blocking(move || drop(dead));
            }
            Err(error) => tracing::error!(error = %error, "a Kafka producer cannot be created"),
        }
    }

    /// Sends one record and awaits the result, for no longer than the client library may take.
    /// `start` hands the record over; `at` names it.
    pub async fn deliver(
        &self,
        at: i64,
        start: impl FnOnce(&FutureProducer) -> Result<DeliveryFuture, KafkaError>,
    ) -> Result<(), KafkaError> {
        self.sends(at);
        let delivered = match start(&self.current()) {
            Ok(delivery) => tokio::time::timeout(self.patience(), acknowledged(delivery))
                .await
                .unwrap_or(Err(SILENT)),
            Err(error) => Err(error),
        };
        match &delivered {
            Ok(()) => self.delivered(),
            Err(error) => self.failed(error),
        }
        delivered
    }

    /// Returns how long the result of a record is awaited.
    pub fn patience(&self) -> Duration {
        self.settings.delivery_timeout + GRACE
    }

    /// Sends the records still in the queue, for at most `limit`: dropping the producer would purge
    /// its queue.
    pub async fn flush(&self, limit: Duration) {
        let producer = self.current();
        let flushed = tokio::task::spawn_blocking(move || producer.flush(limit)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!(
                "the Kafka producer's queue could not be flushed; its records are still in their source and will be sent again"
            );
        }
    }

    fn held(&self) -> parking_lot::MutexGuard<'_, HeldProducer> {
        self.held.lock()
    }
}

/// The error of a delivery for which the client library gives no result: this producer is dead.
pub const SILENT: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight);

/// Awaits the result of a delivery.
pub async fn acknowledged(delivery: DeliveryFuture) -> Result<(), KafkaError> {
    match delivery.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error),
        // The producer of this delivery was dropped.
        Err(_) => Err(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue)),
    }
}
