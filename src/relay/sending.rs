//! Sends the rows of a step, and evaluates Kafka's answer for each of them.

use std::pin::pin;

use futures_util::FutureExt as _;
use rdkafka::{
    error::KafkaError,
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};

use super::{Relay, delivered::Delivered};
use crate::{
    kafka::{self, EventHeaders, Verdict, verdict},
    resilience::Permit,
    store::{outbox::OutboxRow, set_aside::RefusedEvent},
    telemetry::{self, names},
};

/// The result of sending the rows of a step.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The ids of the rows that may be deleted from the outbox.
    pub acknowledged: Vec<i64>,
    /// Rows that Kafka refuses for good, each for a reason of its own.
    pub refused: Vec<RefusedEvent>,
    /// The ids of suspects: rows that Kafka has refused for good as part of a batch, and suspects
    /// without a result yet.
    pub suspects: Vec<i64>,
    /// The first failure of another kind.
    pub failure: Option<KafkaError>,
}

impl Sent {
    /// Records that Kafka refuses a row for good.
    fn refuse(&mut self, row: &OutboxRow, error: &KafkaError) {
        let code = error
            .rdkafka_error_code()
            .map_or_else(|| "unknown".to_owned(), |code| format!("{code:?}"));
        tracing::error!(event.id = %row.event_id, tenant = %row.tenant, revision = row.tag.revision.0, bytes = row.payload.len(),
            kafka.error = code, "Kafka permanently refuses an event: it is set aside");
        metrics::counter!(names::RELAY_SET_ASIDE, "code" => code.clone()).increment(1);
        self.refused.push(RefusedEvent { id: row.id, code });
    }
}

impl Relay {
    /// Sends rows in order and awaits them all.
    pub(super) async fn send(&self, rows: &[OutboxRow], permit: Permit<'_>) -> Sent {
        let mut done = Sent::default();
        let producer = self.producer.current();
        let mut sent: Vec<(&OutboxRow, DeliveryFuture)> = Vec::with_capacity(rows.len());
        for row in rows {
            match self.start(&producer, row) {
                Ok(delivery) => sent.push((row, delivery)),
                // The client library refuses the row: it was not sent, and no other row is
                // affected.
                Err(error) if verdict::of(&error) == Verdict::ForGood => done.refuse(row, &error),
                // The client's queue is full or the producer is dead: this row and those after it
                // wait for the next step.
                Err(error) => {
                    done.failure = Some(error);
                    break;
                }
            }
        }
        let is_alone = sent.len() == 1;
        let mut delivered = Delivered::default();
        let mut first_refusal = None;
        let mut permit = Some(permit);
        let mut late = pin!(tokio::time::sleep(self.policy.timeout()));
        let mut silent = pin!(tokio::time::sleep(self.producer.patience()));
        let mut is_silent = false;
        for (row, delivery) in sent {
            let mut answer = pin!(kafka::acknowledged(delivery));
            let result = loop {
                if is_silent {
                    break answer.as_mut().now_or_never().unwrap_or(Err(kafka::SILENT));
                }
                tokio::select! {
                    biased;
                    result = &mut answer => break result,
                    // Kafka counts as failing from here on. The answers for the rows that are sent
                    // already are still awaited: Kafka may accept them.
                    () = &mut late, if permit.is_some() => permit.take().into_iter().for_each(Permit::failure),
                    () = &mut silent => is_silent = true,
                }
            };
            match result {
                Ok(()) => delivered.record(row, true),
                Err(error) if verdict::of(&error) == Verdict::ForGood => {
                    if is_alone {
                        done.refuse(row, &error);
                    } else {
                        delivered.record(row, false);
                        done.suspects.push(row.id);
                    }
                    first_refusal.get_or_insert(error);
                }
                Err(error) => {
                    delivered.record(row, false);
                    done.failure.get_or_insert(error);
                }
            }
        }
        done.acknowledged = delivered.deletable();
        if let Some(error) = first_refusal.as_ref().or(done.failure.as_ref()) {
            self.producer.failed(error);
        }
        // A refusal ends the producer, and with it the delivery of its other rows: this is no
        // failure of Kafka's.
        if first_refusal.is_some()
            && done
                .failure
                .as_ref()
                .is_some_and(|error| verdict::of(error) == Verdict::ProducerDead)
        {
            done.failure = None;
        }
        match (permit, &done.failure) {
            (Some(permit), None) => permit.success(),
            (Some(permit), Some(_)) => permit.failure(),
            (None, _) => {}
        }
        done
    }

    /// Sends a row alone, with the producer that survives a refusal.
    pub(super) async fn send_alone(&self, row: &OutboxRow, permit: Permit<'_>) -> Sent {
        let mut done = Sent::default();
        match self
            .careful
            .deliver(row.id, |producer| self.start(producer, row))
            .await
        {
            Ok(()) => done.acknowledged.push(row.id),
            Err(error) if verdict::of(&error) == Verdict::ForGood => done.refuse(row, &error),
            Err(error) => {
                // The row is still a suspect.
                done.suspects.push(row.id);
                done.failure = Some(error);
            }
        }
        if done.failure.is_none() {
            permit.success()
        } else {
            permit.failure()
        }
        done
    }

    pub(super) fn start(
        &self,
        producer: &FutureProducer,
        row: &OutboxRow,
    ) -> Result<DeliveryFuture, KafkaError> {
        let headers = EventHeaders::of(
            row,
            &self.settings.kafka.source,
            traceparent(row, &self.settings.kafka.topic),
        );
        let record = FutureRecord::to(&self.settings.kafka.topic)
            .key(row.tenant.as_str())
            .payload(row.payload.as_bytes())
            .headers(kafka::event_headers(&headers));
        producer.send_result(record).map_err(|(error, _)| error)
    }
}

/// Returns the trace context for the record: of a span of ours if the request is sampled, else the
/// request's own. The span has the attributes of OpenTelemetry's conventions for messaging.
fn traceparent(row: &OutboxRow, topic: &str) -> Option<String> {
    let parent = row.traceparent.as_deref()?;
    if !telemetry::is_sampled(Some(parent.as_bytes())) {
        return Some(parent.to_owned());
    }
    let span = tracing::info_span!(
        "outbox.publish", otel.kind = "producer", messaging.system = "kafka", messaging.operation.type = "send",
        messaging.operation.name = "publish", messaging.destination.name = topic, messaging.message.id = %row.event_id,
        event.id = %row.event_id, tenant = %row.tenant, revision = row.tag.revision.0
    );
    telemetry::follow(&span, parent, None);
    telemetry::traceparent_of(&span).or_else(|| Some(parent.to_owned()))
}
