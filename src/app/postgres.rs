//! Watches the Postgres servers and the outbox.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::parts::Parts;
use crate::{
    config,
    health::{Check, CheckStatus, Health},
    service::write::unpublished::Unpublished,
    store::{Server, router::Router},
    telemetry::names,
    workers::set_aside::SetAsideCount,
};

/// Watches the Postgres servers, and adds their checks and sections to `health`.
pub(super) fn watch(
    postgres: &config::Postgres,
    router: &Arc<Router>,
    health: &mut Health,
    parts: &mut Parts,
) {
    parts.watch("postgres", postgres.replica_check, router, async |router| {
        router.check().await;
        router.servers().for_each(|server| {
            server.close_old();
            server.report_pool();
        });
        for replica in router.report() {
            let fresh = f64::from(u8::from(replica.is_fresh));
            metrics::gauge!(names::REPLICA_FRESH, "server" => replica.name).set(fresh);
            if let Some(lag) = replica.lag_bytes {
                metrics::gauge!(names::REPLICA_LAG_BYTES, "server" => replica.name).set(lag as f64);
            }
        }
    });
    let reported = router.clone();
    health.section("replicas", move || json!(reported.report()));
    for server in router.servers() {
        health.dependency(server.policy().clone());
        health.shares(server.turns());
    }
    let checked = router.clone();
    health.check("postgres_primary", move || {
        Check::of(
            checked.primary_answers(),
            CheckStatus::Unhealthy,
            "does not answer",
        )
    });
    if !postgres.replica_urls.is_empty() {
        let checked = router.clone();
        health.check("postgres_replicas", move || {
            let fresh = checked.report().iter().all(|replica| replica.is_fresh);
            Check::of(
                fresh,
                CheckStatus::Degraded,
                "a replica is behind or does not answer; the primary reads for it",
            )
        });
    }
}

/// Watches the events that wait for the relay, and those that it has set aside.
pub(super) fn watch_outbox(
    primary: &Arc<Server>,
    unpublished: &Arc<Unpublished>,
    health: &mut Health,
    parts: &mut Parts,
) {
    let sampled = (unpublished.clone(), primary.clone());
    parts.watch(
        "backlog",
        Duration::from_secs(1),
        &sampled,
        async |(unpublished, primary)| unpublished.sample(&primary).await,
    );
    let counted = (Arc::new(SetAsideCount::default()), primary.clone());
    parts.watch(
        "set_aside_count",
        Duration::from_secs(1),
        &counted,
        async |(count, primary)| count.sample(&primary).await,
    );
    health.check("set_aside", move || match counted.0.alarm() {
        None => Check::of(true, CheckStatus::Healthy, ""),
        Some(alarm) => Check::of(false, CheckStatus::Degraded, &alarm),
    });
    let backlog = unpublished.clone();
    health.section("backlog", move || json!(backlog.newest()));
    if unpublished.fails_closed() {
        let checked = unpublished.clone();
        health.check("audit_backlog", move || match checked.admits() {
            Ok(()) => Check::of(true, CheckStatus::Healthy, ""),
            Err(closed) => Check::of(
                false,
                CheckStatus::Degraded,
                &format!("writes are refused: {closed}"),
            ),
        });
    }
}
