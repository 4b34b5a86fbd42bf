//! Changes of keys on their way to the archive: committed with the change, inserted into MongoDB, and only then removed.
//!
//! Whoever is killed in between leaves the row, and the next step inserts it again, which changes nothing: the document's id is the
//! event's. Two instances that do so at a time do the same work twice, and no harm.

use std::sync::{Arc, Mutex, PoisonError};

use super::Writer;
use crate::{
    service::Error,
    store::{self, Server, Visible, outbox::Backlog},
    telemetry::names,
};

/// Moves what waits in Postgres.
pub struct Outbox {
    writer: Arc<Writer>,
    primary: Arc<Server>,
    backlog: Mutex<Option<Backlog>>,
}

impl Outbox {
    /// From `primary` to where `writer` writes.
    pub fn new(writer: Arc<Writer>, primary: Arc<Server>) -> Self {
        Self { writer, primary, backlog: Mutex::default() }
    }

    /// Moves all that waits now. What MongoDB does not take stays, and is tried again by the next step.
    pub async fn step(&self) {
        if let Err(error) = self.move_all().await {
            tracing::debug!(error = %error, "changes of keys wait for the archive");
        }
        let read = async |tx: &store::Transaction<'_>| store::access::backlog(tx).await;
        let sample = self.primary.read(&Visible::no_tenants(), read).await.ok();
        if let Some(sample) = &sample {
            metrics::gauge!(names::TRAIL_OUTBOX).set(sample.events as f64);
        }
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = sample;
    }

    async fn move_all(&self) -> Result<(), Error> {
        let limit = i64::try_from(self.writer.batch).unwrap_or(i64::MAX);
        let mut seen = 0;
        loop {
            let read = async |tx: &store::Transaction<'_>| store::access::after(tx, seen, limit).await;
            let rows = self.primary.read(&Visible::no_tenants(), read).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            seen = *last;
            let (ids, accesses): (Vec<i64>, Vec<_>) = rows.into_iter().unzip();
            // One that is refused stays where it is, since it must not be lost, and holds up none behind it.
            let Ok(unfit) = self.writer.store(&accesses).await else { return Ok(()) };
            let ids: Vec<i64> = ids.into_iter().enumerate().filter(|(at, _)| !unfit.contains(at)).map(|(_, id)| id).collect();
            let remove = async |tx: &store::Transaction<'_>| store::access::remove(tx, &ids).await;
            self.primary.write(&Visible::no_tenants(), remove).await?;
        }
    }

    /// What waited after the last step; `None` when Postgres could not be asked.
    pub fn backlog(&self) -> Option<Backlog> {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
