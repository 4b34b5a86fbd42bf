//! Advances the cache by the events of other instances: reads every partition of the topic, from
//! now on, without a consumer group.
//!
//! Events carry the state, so the next revision is applied without asking Postgres. After a gap,
//! the tenant is loaded anew on the next request for it. When this feed is lost (Kafka away), the
//! safety read advances the cache instead.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Cache;
pub use crate::domain::cache::revisions::{Revisions, recorded};
use crate::{
    config,
    kafka::{Record, Tail, TailFrom},
    telemetry::names,
};

/// Follows the events until `stop` is cancelled.
pub async fn follow(cache: Arc<Cache>, settings: config::Kafka, stop: CancellationToken) {
    let tail = Tail {
        name: "cache",
        topic: settings.topic.clone(),
        from: TailFrom::End,
        settings,
    };
    let mut revisions = Revisions::default();
    let read = |record: &Record, _: u64| {
        // Replays and redriven dead letters repeat the past and bring nothing new.
        if !record.is_repeated() {
            apply(&cache, &mut revisions, record);
        }
    };
    tail.follow(stop, read).await;
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
        let decided = first.event.body.occurred_at.timestamp();
        let delay = Timestamp::now().duration_since(decided).as_secs_f64();
        // Another machine's clock may be ahead.
        metrics::histogram!(names::CACHE_DELAY_SECONDS).record(delay.max(0.0));
        cache.apply(&first.event.body.tenant, &whole.iter().collect::<Vec<_>>());
    }
}
