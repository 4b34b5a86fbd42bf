//! Starts the event pipeline: the relay and the audit consumer. Either is restarted when it panics.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{Committing, Parts, supervise::supervised};
use crate::{
    audit::{
        archive::Archive,
        consumer::{Consumer, ConsumerStatus},
    },
    config::{ConfigError, Settings},
    health::{Check, CheckStatus, Health},
    kafka::Room,
    relay::{Relay, RelayStatus},
    resilience::Dependency,
    store::Server,
};

/// Starts the relay and adds its check and section to `health`. Fails if the settings do not allow
/// a relay.
pub(super) fn start_relay(
    settings: &Settings,
    primary: Arc<Server>,
    committed: &Committing,
    status: Arc<RelayStatus>,
    health: &mut Health,
    parts: &mut Parts,
) -> Result<(), ConfigError> {
    let make = {
        let (settings, wake, status) = (settings.clone(), committed.relay.clone(), status.clone());
        move || {
            Relay::new(settings.clone(), wake.clone(), status.clone())
                .map(|relay| relay.with_primary(&primary))
        }
    };
    // Wrong settings fail here, at the start, and not in the task.
    let policy = make()?.policy().clone();
    health.dependency(policy.clone());
    let (stop, panicked) = (parts.stop_pipeline.clone(), status.clone());
    let running = supervised(
        "relay",
        stop.clone(),
        move || panicked.panicked(),
        move || {
            let (relay, policy, stop) = (make(), policy.clone(), stop.clone());
            async move {
                match relay.map(|relay| relay.with_policy(policy)) {
                    Ok(relay) => relay.run(stop).await,
                    Err(error) => tracing::error!(error = %error, "the relay cannot run"),
                }
            }
        },
    );
    parts.pipeline.push(("relay", tokio::spawn(running)));
    let checked = status.clone();
    health.check("relay", move || match checked.report().last_error {
        None => Check::of(true, CheckStatus::Healthy, ""),
        Some(error) => Check::of(false, CheckStatus::Degraded, &error),
    });
    health.section("relay", move || json!(status.report()));
    Ok(())
}

/// Checks once a minute whether the topics accept the largest record.
pub(super) fn watch_topics(settings: &Settings, health: &mut Health, parts: &mut Parts) {
    let (room, kafka) = (Arc::new(Room::default()), Arc::new(settings.kafka.clone()));
    let looked = (room.clone(), kafka);
    parts.watch(Duration::from_secs(60), &looked, async |(room, kafka)| {
        room.look(&kafka).await
    });
    health.check("kafka_topics", move || match room.short() {
        None => Check::of(true, CheckStatus::Healthy, ""),
        Some(short) => Check::of(false, CheckStatus::Degraded, &short),
    });
}

/// Starts the audit consumer and adds its check and section to `health`. Fails if the settings do
/// not allow a consumer.
pub(super) async fn start_audit(
    settings: &Settings,
    health: &mut Health,
    parts: &mut Parts,
) -> Result<(), ConfigError> {
    let resilience = &settings.resilience;
    let policy = Dependency::new(
        "mongodb_archive",
        resilience.policy(&resilience.mongodb_archive),
    );
    let archive = Archive::new(&settings.mongo, policy.timeout()).await?;
    health.dependency(policy.clone());
    let status = Arc::new(ConsumerStatus::default());
    let make = {
        let (settings, status) = (settings.clone(), status.clone());
        move || {
            Consumer::new(
                settings.clone(),
                archive.clone(),
                policy.clone(),
                status.clone(),
            )
        }
    };
    make()?;
    let (stop, panicked) = (parts.stop_pipeline.clone(), status.clone());
    let running = supervised(
        "audit",
        stop.clone(),
        move || panicked.panicked(),
        move || {
            let (consumer, stop) = (make(), stop.clone());
            async move {
                let ended = async { consumer?.run(stop).await };
                if let Err(error) = Box::pin(ended).await {
                    tracing::error!(error = %error, "the audit consumer cannot run");
                }
            }
        },
    );
    parts.pipeline.push(("audit", tokio::spawn(running)));
    let checked = status.clone();
    health.check("audit", move || match checked.report().last_error {
        None => Check::of(true, CheckStatus::Healthy, ""),
        Some(error) => Check::of(false, CheckStatus::Degraded, &error),
    });
    health.section("audit", move || json!(status.report()));
    Ok(())
}
