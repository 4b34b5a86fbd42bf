//! The consumer's lag: the number of records in Kafka that the archive does not have yet.

use std::{
    collections::HashMap,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use rdkafka::{Offset, consumer::Consumer as _, error::KafkaError};

use super::{ConsumerStatus, Stream};
use crate::{
    kafka,
    telemetry::{self, names},
};

/// Measures every two seconds how many records of the assigned partitions the archive does not have
/// yet. Without an assignment, measures all partitions. Ends with the consumer.
pub(super) async fn measure_lag(
    consumer: Weak<Stream>,
    topic: String,
    done: Arc<Mutex<HashMap<i32, i64>>>,
    status: Arc<ConsumerStatus>,
) {
    loop {
        let Some(measured) = consumer.upgrade() else {
            return;
        };
        let topic = topic.clone();
        let done = done.lock().clone();
        let lag = tokio::task::spawn_blocking(move || {
            let lag = lag(&measured, &topic, &done);
            kafka::release(measured);
            lag
        })
        .await;
        status
            .is_known
            .store(matches!(lag, Ok(Ok(_))), Ordering::Relaxed);
        if let Ok(Ok((lag, is_assigned))) = lag {
            status.lag.store(lag, Ordering::Relaxed);
            status.is_assigned.store(is_assigned, Ordering::Relaxed);
            // Kafka answers and no record waits: an earlier failure is over.
            if lag == 0 {
                status.failed(None);
            }
            metrics::gauge!(names::CONSUMER_LAG).set(lag as f64);
            telemetry::observed("consumer_lag");
        }
        metrics::gauge!(names::CONSUMER_LAG_SECONDS).set(status.lag_seconds());
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Returns the lag, and whether it counts only assigned partitions. Without an assignment it is the
/// lag of the whole group: perhaps no member has these partitions, and a topic that cannot be read
/// must be an error.
fn lag(
    consumer: &Stream,
    topic: &str,
    done: &HashMap<i32, i64>,
) -> Result<(i64, bool), KafkaError> {
    let limit = kafka::question_timeout();
    let assigned = consumer.assignment()?;
    let is_assigned = assigned.count() > 0;
    let partitions = if is_assigned {
        assigned
    } else {
        kafka::partitions(consumer, topic, Offset::Invalid, limit)?
    };
    let committed = consumer.committed_offsets(partitions, limit)?;
    let mut lag = 0;
    for partition in committed.elements() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.partition(), limit)?;
        let committed = match partition.offset() {
            Offset::Offset(offset) => offset,
            _ => low,
        };
        let here = done.get(&partition.partition()).copied().unwrap_or(0);
        lag += (high - committed.max(here)).max(0);
    }
    Ok((lag, is_assigned))
}
