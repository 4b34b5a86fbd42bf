//! Advances the cache by the events of other instances: reads every partition of the topic, from
//! now on, without a consumer group.
//!
//! Events carry the state, so the next revision is applied without asking Postgres. After a gap,
//! the tenant is loaded anew on the next request for it. When this feed is lost (Kafka away), the
//! safety read advances the cache instead.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError,
};
use tokio_util::sync::CancellationToken;

use super::Cache;
pub use crate::domain::cache::revisions::{Revisions, recorded};
use crate::{
    config,
    kafka::{self, Progress, Record},
    telemetry::names,
};

/// Follows the events until `stop` is cancelled.
pub async fn follow(cache: Arc<Cache>, settings: config::Kafka, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let kafka = settings.clone();
        let connected = tokio::task::spawn_blocking(move || {
            kafka::tail_consumer(&kafka, kafka::question_timeout())
        })
        .await;
        match connected {
            Ok(Ok((consumer, begins))) => {
                let (consumer, places) = (Arc::new(consumer), Places(Mutex::new(begins)));
                let following = async {
                    tokio::select! {
                        () = apply_all(&cache, &consumer, &places) => {}
                        reason = stalls(&consumer, &settings, &places) => {
                            tracing::warn!(reason, "the cache follower is restarted");
                            metrics::counter!(names::FOLLOWERS_RESTARTED, "reason" => reason).increment(1);
                        }
                    }
                };
                stop.run_until_cancelled(following).await;
                kafka::release(consumer);
            }
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "the cache follower cannot start yet")
            }
            Err(error) => tracing::warn!(error = %error, "the cache follower failed"),
        }
        stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1)))
            .await;
    }
}

async fn apply_all(cache: &Cache, consumer: &StreamConsumer, places: &Places) {
    let mut revisions = Revisions::default();
    loop {
        match consumer.recv().await {
            Ok(message) => {
                let record = kafka::record(&message);
                places.reached(record.partition, record.offset + 1);
                // Replays and redriven dead letters repeat the past and bring nothing new.
                if !record.is_repeated() {
                    apply(cache, &mut revisions, &record);
                }
            }
            Err(error) => {
                tracing::debug!(error = %error, "the cache follower cannot read events at the moment");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// The next offset to read, by partition.
struct Places(Mutex<BTreeMap<i32, i64>>);

impl Places {
    fn reached(&self, partition: i32, next: i64) {
        self.0.lock().insert(partition, next);
    }

    fn now(&self) -> BTreeMap<i32, i64> {
        self.0.lock().clone()
    }
}

/// Returns `stuck` when nothing was read for `kafka.stalled_after_ms` although there are unread
/// records, or `unknown` when Kafka did not say where the partitions end.
async fn stalls(
    consumer: &Arc<StreamConsumer>,
    settings: &config::Kafka,
    places: &Places,
) -> &'static str {
    let limit = settings.stalled_after;
    let mut progress = Progress::new();
    loop {
        tokio::time::sleep(limit / 4).await;
        let (asked, topic) = (consumer.clone(), settings.topic.clone());
        let ends = tokio::task::spawn_blocking(move || {
            let ends = ends(&asked, &topic);
            kafka::release(asked);
            ends
        })
        .await;
        let (now, is_known) = (places.now(), matches!(ends, Ok(Ok(_))));
        match ends {
            Ok(Ok(ends)) if !is_behind(&now, &ends) => progress.moves(),
            _ => progress.waits(now, Instant::now()),
        }
        if progress.is_stalled(Instant::now(), limit) {
            return if is_known { "stuck" } else { "unknown" };
        }
    }
}

fn ends(consumer: &StreamConsumer, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
    kafka::ends_of(
        consumer,
        topic,
        &consumer.assignment()?,
        kafka::question_timeout(),
    )
}

/// Returns whether any partition has unread records.
fn is_behind(next: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>) -> bool {
    ends.iter()
        .any(|(partition, end)| next.get(partition).is_none_or(|next| next < end))
}

fn apply(cache: &Cache, revisions: &mut Revisions, record: &Record) {
    let found = record.header("ce_type").zip(record.value.as_deref());
    let Some(recorded) = found.and_then(|(ce_type, value)| recorded(ce_type, value)) else {
        // The audit consumer dead-letters this event. The cache relies on the safety read instead.
        return tracing::debug!(
            kafka.offset = record.offset,
            "the cache follower skipped an event that it cannot read"
        );
    };
    if let Some(whole) = revisions.add(recorded)
        && let Some(first) = whole.first()
    {
        cache.apply(&first.event.body.tenant, &whole.iter().collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follower_at_the_end_of_every_partition_is_not_behind() {
        let at = |offsets: &[(i32, i64)]| offsets.iter().copied().collect::<BTreeMap<_, _>>();
        let ends = at(&[(0, 5), (1, 0)]);
        assert!(
            !is_behind(&at(&[(0, 5), (1, 0)]), &ends) && !is_behind(&at(&[(0, 6), (1, 0)]), &ends)
        );
        assert!(is_behind(&at(&[(0, 4), (1, 0)]), &ends));
        assert!(
            is_behind(&at(&[(0, 5)]), &ends),
            "a partition without a known offset"
        );
    }
}
