//! Moves the cache forward by what other instances publish: every partition of the topic, from now on, in no group.
//!
//! Events carry the state, so the next revision is applied without asking Postgres; after a gap the tenant is loaded anew when it is
//! next asked for. Losing this (Kafka away) only means that the safety read moves the cache instead.

use std::{sync::Arc, time::Duration};

use rdkafka::{Message as _, consumer::StreamConsumer};
use tokio_util::sync::CancellationToken;

use super::Cache;
use crate::{config, domain::event::Recorded, kafka};

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
    loop {
        match consumer.recv().await {
            Ok(message) => match message.payload().and_then(recorded) {
                Some(recorded) => cache.apply(&recorded.event.body.tenant, &[&recorded]),
                // The audit consumer dead-letters it; here the safety read stands in.
                None => tracing::debug!(kafka.offset = message.offset(), "an event that cannot be read was passed over"),
            },
            Err(error) => {
                tracing::debug!(error = %error, "events of other instances cannot be read at the moment");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn recorded(payload: &[u8]) -> Option<Recorded> {
    let event = serde_json::from_slice(payload).ok()?;
    Some(Recorded { event, json: payload.to_vec().into() })
}
