//! Starts the tasks that write the access log.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::Parts;
use crate::{
    audit::archive::Archive,
    config::{Settings, ms},
    health::Health,
    resilience::Dependency,
    service::access_log::{AccessLog, AccessLogWriter, outbox::Outbox},
    store::Server,
};

/// Starts the access log. The task of its queue ends with the pipeline, after the API; the task of
/// its outbox ends with the watchers.
pub(super) fn start(
    settings: &Settings,
    archive: &Archive,
    primary: &Arc<Server>,
    health: &mut Health,
    parts: &mut Parts,
) -> Arc<AccessLog> {
    let (access_log, queue) = AccessLog::new(&settings.access_log);
    let policy = Dependency::new(
        "mongodb_access",
        settings
            .resilience
            .policy(&settings.resilience.mongodb_access),
    );
    health.dependency(policy.clone());
    let writer = Arc::new(AccessLogWriter::new(
        archive.within(policy.timeout()),
        policy,
        access_log.clone(),
        &settings.access_log,
    ));
    let running = writer.clone().run(queue, parts.stop_pipeline.clone());
    parts.pipeline.push(("trail", tokio::spawn(running)));
    let outbox = Arc::new(Outbox::new(writer, primary.clone()));
    parts.watch(ms(settings.access_log.poll_ms), &outbox, async |outbox| {
        outbox.step().await
    });
    parts.watch(Duration::from_secs(60), &access_log, async |access_log| {
        access_log.retire()
    });
    let reported = access_log.clone();
    health.section(
        "trail",
        move || json!({ "records": reported.report(), "key_changes": outbox.backlog() }),
    );
    access_log
}
