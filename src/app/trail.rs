//! Starts what writes the audit of access.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::Parts;
use crate::{
    audit::archive::Archive,
    config::{Settings, ms},
    http::Health,
    resilience::Dependency,
    service::trail::{Trail, Writer, outbox::Outbox},
    store::Server,
};

/// The queue's task ends with the pipeline, after the API; the outbox's with what only watches.
pub(super) fn start(
    settings: &Settings, archive: Archive, primary: &Arc<Server>, health: &mut Health, parts: &mut Parts,
) -> Arc<Trail> {
    let (trail, queue) = Trail::new(&settings.trail);
    // One call of the queue's task, and one of the outbox's.
    let policy = Dependency::new("mongodb_access", 2, ms(settings.mongo.insert_timeout_ms), &settings.breaker);
    health.dependency(policy.clone());
    let writer = Arc::new(Writer::new(archive, policy, trail.clone(), &settings.trail));
    let running = writer.clone().run(queue, parts.stop_pipeline.clone());
    parts.pipeline.push(("trail", tokio::spawn(running)));
    let outbox = Arc::new(Outbox::new(writer, primary.clone()));
    let moved = outbox.clone();
    parts.watch(ms(settings.trail.poll_ms), move || {
        let outbox = moved.clone();
        async move { outbox.step().await }
    });
    let retired = trail.clone();
    parts.watch(Duration::from_secs(60), move || {
        let trail = retired.clone();
        async move { trail.retire() }
    });
    let reported = trail.clone();
    health.section("trail", move || json!({ "records": reported.report(), "key_changes": outbox.backlog() }));
    trail
}
