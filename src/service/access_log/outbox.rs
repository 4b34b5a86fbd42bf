//! The outbox of the access log: records are committed with the change, inserted into MongoDB, and
//! only then removed.
//!
//! If the process is killed in between, the row stays, and the next step inserts it again. This
//! changes nothing, because the document's id is the event's id. Two instances that do this at the
//! same time do the same work twice, without harm.

use std::sync::{Arc, Mutex, PoisonError};

use super::AccessLogWriter;
use crate::{
    service::Error,
    store::{self, Server, Visible, outbox::Backlog},
    telemetry::names,
};

/// Moves the records that wait in Postgres to MongoDB.
pub struct Outbox {
    writer: Arc<AccessLogWriter>,
    primary: Arc<Server>,
    backlog: Mutex<Option<Backlog>>,
}

impl Outbox {
    /// Moves records from `primary` to the archive of `writer`.
    pub fn new(writer: Arc<AccessLogWriter>, primary: Arc<Server>) -> Self {
        Self {
            writer,
            primary,
            backlog: Mutex::default(),
        }
    }

    /// Moves all records that wait now. Records that MongoDB does not accept stay, and the next
    /// step tries them again.
    pub async fn step(&self) {
        if let Err(error) = self.move_all().await {
            tracing::debug!(error = %error, "access log records of key changes cannot be archived yet");
        }
        let read = async |tx: &store::Transaction<'_>| store::access_log::backlog(tx).await;
        let sample = self.primary.read(&Visible::no_tenants(), read).await.ok();
        if let Some(sample) = &sample {
            metrics::gauge!(names::ACCESS_LOG_OUTBOX).set(sample.events as f64);
        }
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = sample;
    }

    async fn move_all(&self) -> Result<(), Error> {
        let limit = i64::try_from(self.writer.batch).unwrap_or(i64::MAX);
        let mut seen = 0;
        loop {
            let read =
                async |tx: &store::Transaction<'_>| store::access_log::after(tx, seen, limit).await;
            let rows = self.primary.read(&Visible::no_tenants(), read).await?;
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            seen = *last;
            let (ids, accesses): (Vec<i64>, Vec<_>) = rows.into_iter().unzip();
            // A refused record stays in the outbox, because it must not be lost. It does not block
            // the records behind it.
            let Ok(unfit) = self.writer.store(&accesses).await else {
                return Ok(());
            };
            let ids: Vec<i64> = ids
                .into_iter()
                .enumerate()
                .filter(|(at, _)| !unfit.contains(at))
                .map(|(_, id)| id)
                .collect();
            let remove =
                async |tx: &store::Transaction<'_>| store::access_log::remove(tx, &ids).await;
            self.primary.write(&Visible::no_tenants(), remove).await?;
        }
    }

    /// Returns the backlog after the last step; `None` if Postgres could not be read.
    pub fn backlog(&self) -> Option<Backlog> {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
