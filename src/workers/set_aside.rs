//! The archiving of events that Kafka has refused for good: from Postgres, without Kafka.
//!
//! So a tenant's chain in the archive has no gap while Kafka refuses one of its events. If Kafka
//! accepts the event later, the consumer finds it already archived: the document's id is the
//! event's id, and its hash is the same. Two instances that run this at the same time only do the
//! same work twice.

use std::{collections::HashSet, sync::Arc};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::{
    audit::{archive::stored::Fate, document},
    service::{Error, history::audit::AuditReads},
    store::{
        self, Server, Visible,
        set_aside::{SetAsideCounts, Unarchived},
    },
    telemetry::{self, names},
};

/// Events that are archived at a time: large ones, as a rule.
const PAGE: i64 = 10;

/// Attempts of one step at one event that the archive refuses.
const ATTEMPTS: u32 = 2;

/// Archives the events that are set aside.
pub struct SetAside {
    primary: Arc<Server>,
    audit: Arc<AuditReads>,
    /// Events that the archive refuses: logged once, and tried again after a restart.
    unfit: Mutex<HashSet<Uuid>>,
}

impl SetAside {
    /// Reads events from `primary`, and writes them to the archive of `audit`.
    pub fn new(primary: Arc<Server>, audit: Arc<AuditReads>) -> Self {
        Self {
            primary,
            audit,
            unfit: Mutex::default(),
        }
    }

    /// Archives all events that are set aside now. Events that fail stay, and the next step tries
    /// them again.
    pub async fn step(&self) {
        if let Err(error) = self.archive_all().await {
            tracing::debug!(error = %error, "set-aside events cannot be archived yet");
        }
    }

    async fn archive_all(&self) -> Result<(), Error> {
        let mut place = i64::MIN;
        loop {
            let read = async |tx: &store::Transaction<'_>| {
                store::set_aside::unarchived(tx, place, PAGE).await
            };
            // The tenants of the events are known only when the events are found.
            let events = self.primary.read(&Visible::all_tenants(), read).await?;
            let Some(last) = events.last() else {
                return Ok(());
            };
            place = last.place;
            let mut archived = Vec::with_capacity(events.len());
            for event in &events {
                if self.unfit().contains(&event.event_id) {
                    continue;
                }
                if self.archive_one(event).await? {
                    archived.push(event.event_id);
                } else {
                    self.unfit().insert(event.event_id);
                }
            }
            if !archived.is_empty() {
                let note = async |tx: &store::Transaction<'_>| {
                    store::set_aside::archived(tx, &archived).await
                };
                self.primary.write(&Visible::no_tenants(), note).await?;
            }
        }
    }

    fn unfit(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.unfit.lock()
    }

    /// Archives one event, and returns true if the archive has it. An event that the archive
    /// refuses, or that cannot be read, does not block the events behind it.
    async fn archive_one(&self, event: &Unarchived) -> Result<bool, Error> {
        let Unarchived {
            event_id,
            tenant,
            ce_type,
            payload,
            ..
        } = event;
        let archivable = match document::read_unpublished(
            tenant,
            ce_type,
            payload,
            Timestamp::now().into(),
        ) {
            Ok(archivable) => [archivable],
            Err(error) => {
                tracing::error!(event.id = %event_id, error = %error, "a set-aside event cannot be archived");
                return Ok(false);
            }
        };
        for attempt in 1..=ATTEMPTS {
            let stored = self
                .audit
                .archive()
                .call(|archive| archive.insert(&archivable))
                .await?;
            match stored.first().map(|stored| stored.fate(attempt, ATTEMPTS)) {
                Some(Fate::Inserted | Fate::Duplicate) => {
                    tracing::info!(event.id = %event_id, "a set-aside event was archived without Kafka");
                    return Ok(true);
                }
                Some(Fate::Again) => {}
                Some(Fate::DeadLetter(reason)) => {
                    tracing::error!(event.id = %event_id, reason, "the archive refuses a set-aside event");
                    return Ok(false);
                }
                None => return Ok(false),
            }
        }
        Ok(false)
    }
}

/// The newest count of the events that are set aside.
#[derive(Debug, Default)]
pub struct SetAsideCount(Mutex<Option<SetAsideCounts>>);

impl SetAsideCount {
    /// Counts these events, and sets the metric.
    pub async fn sample(&self, primary: &Server) {
        match primary
            .read_background(&Visible::no_tenants(), store::set_aside::standing)
            .await
        {
            Ok(standing) => {
                metrics::gauge!(names::SET_ASIDE).set(standing.events as f64);
                telemetry::observed("set_aside");
                *self.0.lock() = Some(standing);
            }
            Err(error) => {
                tracing::debug!(error = %error, "set-aside events could not be counted")
            }
        }
    }

    /// Returns the text of the alarm; `None` while no event is set aside.
    pub fn alarm(&self) -> Option<String> {
        let SetAsideCounts { events, unarchived } = (*self.0.lock())?;
        if events == 0 {
            return None;
        }
        Some(format!(
            "Kafka has permanently refused {events} events; {unarchived} of them are not archived yet"
        ))
    }
}
