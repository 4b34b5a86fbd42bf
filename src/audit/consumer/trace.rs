//! The spans of archived events.

use crate::{kafka::Record, telemetry};

/// Creates a span for a sampled event, a child of the span of its publishing, with the attributes of
/// OpenTelemetry's conventions for messaging.
pub(super) fn span(record: &Record) -> Option<tracing::Span> {
    let traceparent = record
        .header("traceparent")
        .filter(|trace| telemetry::is_sampled(Some(trace.as_bytes())))?;
    let span = tracing::info_span!(
        "audit.archive",
        otel.kind = "consumer",
        messaging.system = "kafka",
        messaging.operation.type = "process",
        messaging.operation.name = "archive",
        messaging.destination.name = record.topic,
        messaging.destination.partition.id = %record.partition,
        messaging.message.id = record.header("ce_id"),
        messaging.kafka.offset = record.offset,
        event.id = record.header("ce_id")
    );
    telemetry::follow(&span, traceparent, None);
    Some(span)
}
