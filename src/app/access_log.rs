//! Starts the tasks that write the access log.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::parts::Parts;
use crate::{
    audit::archive::Archive,
    config::Settings,
    health::Health,
    resilience::Dependency,
    service::access::access_log::AccessLog,
    store::Server,
    workers::access_log::{AccessLogWriter, outbox::Outbox},
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
    let running = writer.clone().run(queue, parts.pipeline.stopped());
    parts.pipeline.spawn("access_log", running);
    let outbox = Arc::new(Outbox::new(writer, primary.clone()));
    parts.watch(
        "access_log_outbox",
        settings.access_log.poll,
        &outbox,
        async |outbox| outbox.step().await,
    );
    parts.watch(
        "access_log_sources",
        Duration::from_secs(60),
        &access_log,
        async |access_log| access_log.retire(),
    );
    let reported = access_log.clone();
    health.section(
        "trail",
        move || json!({ "records": reported.report(), "key_changes": outbox.backlog() }),
    );
    access_log
}
