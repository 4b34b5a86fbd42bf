//! Writes the access log to MongoDB: the records of the queue, and those of the outbox.

pub mod outbox;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    audit::{access_log::ArchivedAccess, archive::Archive},
    config,
    domain::access::AccessEvent,
    resilience::Dependency,
    service::{access::access_log::AccessLog, history::audit::Guarded},
    telemetry::names,
};

/// Writes to the archive, for the task of the queue and that of the outbox.
pub struct AccessLogWriter {
    archive: Guarded,
    access_log: Arc<AccessLog>,
    batch: usize,
    pause: Duration,
    summary: Duration,
}

impl AccessLogWriter {
    /// Writes to `archive` under `policy`, and takes two places of the policy.
    pub fn new(
        archive: Archive,
        policy: Arc<Dependency>,
        access_log: Arc<AccessLog>,
        settings: &config::AccessLog,
    ) -> Self {
        let (pause, summary) = (settings.poll, settings.summary);
        Self {
            archive: Guarded::new(archive, policy),
            access_log,
            batch: settings.batch,
            pause,
            summary,
        }
    }

    /// Writes the queued records until `stop`, and then the rest, if MongoDB accepts it at once.
    pub async fn run(
        self: Arc<Self>,
        mut queue: mpsc::Receiver<AccessEvent>,
        stop: CancellationToken,
    ) {
        let mut summary = tokio::time::interval(self.summary);
        summary.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = summary.tick() => self.access_log.summarise(),
                _ = queue.recv_many(&mut batch, self.batch) => {}
            }
            while !batch.is_empty() {
                match stop.run_until_cancelled(self.store(&batch)).await {
                    Some(Ok(_)) => batch.clear(),
                    Some(Err(())) => drop(
                        stop.run_until_cancelled(tokio::time::sleep(self.pause))
                            .await,
                    ),
                    None => break,
                }
            }
        }
        self.access_log.summarise();
        queue.close();
        loop {
            while batch.len() < self.batch
                && let Ok(access) = queue.try_recv()
            {
                batch.push(access);
            }
            if batch.is_empty() || self.store(&batch).await.is_err() {
                break;
            }
            batch.clear();
        }
        let lost = batch.len() + queue.len();
        if lost > 0 {
            tracing::warn!(
                records = lost,
                "the process stopped before the access log was written: records are lost"
            );
        }
    }

    /// Stores accesses. Records that MongoDB refuses for good are logged, and their indexes are
    /// returned. An attempt that failed may be made again.
    async fn store(&self, accesses: &[AccessEvent]) -> Result<Vec<usize>, ()> {
        let documents: Vec<_> = accesses.iter().map(ArchivedAccess::from).collect();
        match self
            .archive
            .call(|archive| archive.insert_accesses(&documents))
            .await
        {
            Ok(unfit) => {
                self.access_log.went(None);
                for unfit in &unfit {
                    tracing::error!(
                        access.id = documents[unfit.at].event_id,
                        error = unfit.message,
                        "MongoDB refused a record of the access log"
                    );
                }
                metrics::counter!(names::ACCESS_LOG_RECORDS, "result" => "refused")
                    .increment(unfit.len() as u64);
                metrics::counter!(names::ACCESS_LOG_RECORDS, "result" => "archived")
                    .increment((documents.len() - unfit.len()) as u64);
                metrics::gauge!(names::ACCESS_LOG_QUEUE)
                    .set(self.access_log.report().waiting as f64);
                Ok(unfit.into_iter().map(|unfit| unfit.at).collect())
            }
            Err(error) => {
                self.access_log.went(Some(error.to_string()));
                metrics::gauge!(names::ACCESS_LOG_QUEUE)
                    .set((accesses.len() + self.access_log.report().waiting) as f64);
                Err(())
            }
        }
    }
}
