//! The access log: refused requests, reads of sensitive data, and changes of keys.
//!
//! No request waits for the queue of the access log, or fails with it. Refusals and reads go into
//! this bounded queue in memory, and from there to MongoDB in batches. While MongoDB is away, the
//! queue keeps its records, and accesses that find no room in it are counted. A flood is sampled
//! before the queue (`sampling`). Every access becomes a record of its own, or one of the
//! `suppressed` of another record, unless the process is killed before. Changes of keys and of how
//! the service runs take another way, on which nothing is lost ([`outbox`]).

pub mod list;
pub mod outbox;
mod sampling;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::sampling::Sampler;
use crate::{
    audit::{access_log::ArchivedAccess, archive::Archive},
    config::{self, ms},
    domain::access::{AccessEvent, Kind},
    resilience::Dependency,
    service::audit::Guarded,
    telemetry::names,
};

/// The access log: records accesses, and samples floods.
pub struct AccessLog {
    refusals: Sampler,
    /// Separate, so that a flood of refusals cannot hide a read.
    reads: Sampler,
    queue: mpsc::Sender<AccessEvent>,
    last_error: Mutex<Option<String>>,
}

/// The state of the access log in `/health/resilience`.
#[derive(Debug, Serialize)]
pub struct AccessLogReport {
    /// The number of records in memory that MongoDB does not have.
    pub waiting: usize,
    /// Accesses that are counted, but in no record yet.
    pub suppressed: u64,
    /// The error of the last attempt to write; `None` if that attempt succeeded.
    pub last_error: Option<String>,
}

impl AccessLog {
    /// Creates the access log with the settings of `[trail]`. Also returns the receiving end of its
    /// queue, for [`AccessLogWriter::run`].
    pub fn new(settings: &config::AccessLog) -> (Arc<Self>, mpsc::Receiver<AccessEvent>) {
        let (queue, taken) = mpsc::channel(settings.queue);
        let access_log = Self {
            refusals: Sampler::new(settings),
            reads: Sampler::new(settings),
            queue,
            last_error: Mutex::default(),
        };
        (Arc::new(access_log), taken)
    }

    /// Records an access. `network` is the source network of a caller without a known identity.
    /// Never waits.
    pub fn record(&self, access: AccessEvent, network: Option<IpAddr>) {
        let sampler = self.sampler(access.kind);
        match sampler.sample(access, network) {
            Some(kept) => self.keep(kept),
            None => {
                metrics::counter!(names::ACCESS_LOG_RECORDS, "result" => "suppressed").increment(1)
            }
        }
    }

    fn sampler(&self, kind: Kind) -> &Sampler {
        match kind {
            Kind::Read => &self.reads,
            Kind::Denied | Kind::KeyChanged | Kind::Operated => &self.refusals,
        }
    }

    fn keep(&self, access: AccessEvent) {
        if let Err(
            mpsc::error::TrySendError::Full(access) | mpsc::error::TrySendError::Closed(access),
        ) = self.queue.try_send(access)
        {
            metrics::counter!(names::ACCESS_LOG_RECORDS, "result" => "overflowed").increment(1);
            self.sampler(access.kind).suppress(None, access);
        }
    }

    /// Queues records for the suppressed accesses that are in no record yet.
    fn summarise(&self) {
        let waiting: Vec<_> = [&self.refusals, &self.reads]
            .into_iter()
            .flat_map(Sampler::take)
            .collect();
        waiting.into_iter().for_each(|access| self.keep(access));
    }

    /// Forgets sources that had no access for long.
    pub fn retire(&self) {
        self.refusals.retire();
        self.reads.retire();
    }

    /// Returns the current state of the access log.
    pub fn report(&self) -> AccessLogReport {
        AccessLogReport {
            waiting: self.queue.max_capacity() - self.queue.capacity(),
            suppressed: self.refusals.pending() + self.reads.pending(),
            last_error: self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// Notes the result of an attempt to write, and logs when writing begins to fail or works
    /// again.
    fn went(&self, error: Option<String>) {
        let mut last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match (&*last, &error) {
            (None, Some(error)) => {
                tracing::warn!(
                    error,
                    "the access log cannot be written; its records wait in memory"
                )
            }
            (Some(_), None) => tracing::info!("the access log can be written again"),
            _ => {}
        }
        if error.is_some() {
            metrics::counter!(names::ACCESS_LOG_FAILURES).increment(1);
        }
        *last = error;
    }
}

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
        let (pause, summary) = (ms(settings.poll_ms), ms(settings.summary_ms));
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
