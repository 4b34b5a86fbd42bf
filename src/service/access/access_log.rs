//! The access log: refused requests, reads of sensitive data, and changes of keys.
//!
//! No request waits for the queue of the access log, or fails with it. Refusals and reads go into
//! this bounded queue in memory, and from there to MongoDB in batches. While MongoDB is away, the
//! queue keeps its records, and accesses that find no room in it are counted. A flood is sampled
//! before the queue (`sampling`). Every access becomes a record of its own, or one of the
//! `suppressed` of another record, unless the process is killed before. Changes of keys and of how
//! the service runs take another way, on which nothing is lost (`workers::access_log`).

pub mod list;
mod sampling;

use std::{net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::mpsc;

use self::sampling::Sampler;
use crate::{
    config,
    domain::access::{AccessEvent, Kind},
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
    /// Creates the access log with the settings of `[access_log]`. Also returns the receiving end
    /// of its queue, for the task that writes the records.
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
    pub(crate) fn summarise(&self) {
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
            last_error: self.last_error.lock().clone(),
        }
    }

    /// Notes the result of an attempt to write, and logs when writing begins to fail or works
    /// again.
    pub(crate) fn went(&self, error: Option<String>) {
        let mut last = self.last_error.lock();
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
