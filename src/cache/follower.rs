//! Moves the cache forward by what other instances publish: every partition of the topic, from now on, in no group.
//!
//! Events carry the state, so the next revision is applied without asking Postgres; after a gap the tenant is loaded anew when it is
//! next asked for. Losing this (Kafka away) only means that the safety read moves the cache instead.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rdkafka::consumer::StreamConsumer;
use tokio_util::sync::CancellationToken;

use super::Cache;
use crate::{
    config,
    domain::{
        event::{Recorded, versions},
        ids::TenantName,
    },
    kafka::{self, Record},
};

/// Follows until `stop`.
pub async fn follow(cache: Arc<Cache>, settings: config::Kafka, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let kafka = settings.clone();
        let connected = tokio::task::spawn_blocking(move || kafka::tail_consumer(&kafka, kafka::question_timeout())).await;
        match connected {
            Ok(Ok(consumer)) => {
                stop.run_until_cancelled(apply_all(&cache, &consumer)).await;
                // Closing blocks for a moment.
                let _ = tokio::task::spawn_blocking(move || drop(consumer)).await;
            }
            Ok(Err(error)) => tracing::debug!(error = %error, "events of other instances cannot be followed yet"),
            Err(error) => tracing::warn!(error = %error, "following events failed"),
        }
        stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1))).await;
    }
}

async fn apply_all(cache: &Cache, consumer: &StreamConsumer) {
    let mut revisions = Revisions::default();
    loop {
        match consumer.recv().await {
            Ok(message) => {
                let record = Record::from(&message);
                // What tells of the past tells nothing new.
                if !record.is_repeated() {
                    apply(cache, &mut revisions, &record);
                }
            }
            Err(error) => {
                tracing::debug!(error = %error, "events of other instances cannot be read at the moment");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn apply(cache: &Cache, revisions: &mut Revisions, record: &Record) {
    let found = record.header("ce_type").zip(record.value.as_deref());
    let Some(recorded) = found.and_then(|(ce_type, value)| recorded(ce_type, value)) else {
        // The audit consumer dead-letters it; here the safety read stands in.
        return tracing::debug!(kafka.offset = record.offset, "an event that cannot be read was passed over");
    };
    if let Some(whole) = revisions.add(recorded)
        && let Some(first) = whole.first()
    {
        cache.apply(&first.event.body.tenant, &whole.iter().collect::<Vec<_>>());
    }
}

/// Tenants whose revisions are being put together at a time; more are let go, and loaded anew when their last items come.
const TOGETHER: usize = 64;

/// The items of revisions that have several, until they are all there: the cache takes a revision whole.
#[derive(Debug, Default)]
pub struct Revisions(HashMap<TenantName, Vec<Recorded>>);

impl Revisions {
    /// Adds an event, and gives its revision when that is complete. What has a gap is given too: the cache sees the gap.
    pub fn add(&mut self, recorded: Recorded) -> Option<Vec<Recorded>> {
        let body = &recorded.event.body;
        if body.items == 1 {
            return Some(vec![recorded]);
        }
        if !self.0.contains_key(&body.tenant) && self.0.len() >= TOGETHER {
            self.0.clear();
        }
        let (tenant, tag, is_last) = (body.tenant.clone(), recorded.event.tag(), body.is_last_item());
        let is_first = body.item == 0;
        let items = self.0.entry(tenant.clone()).or_default();
        // A relay that was stopped midway begins again.
        if is_first || items.first().is_some_and(|first| first.event.tag() != tag) {
            items.clear();
        }
        items.push(recorded);
        if is_last { self.0.remove(&tenant) } else { None }
    }
}

/// The event of a record of that type and value, if it is one.
pub fn recorded(ce_type: &str, payload: &[u8]) -> Option<Recorded> {
    Some(Recorded { event: versions::read(ce_type, payload).ok()?, json: payload.to_vec().into() })
}
