//! Exports of the archive: all matching events, page by page, oldest first.
//!
//! A page is read only after the reader has taken the page before. So an export holds one page in
//! memory, however large the export and however slow the reader. Events are ordered by
//! `occurred_at` and then by id. An event that is archived during the export, with an earlier time
//! than the last event read, is left out.

mod windows;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::windows::Windows;
use super::{
    Error,
    audit::{self, AuditReads},
};
pub use crate::audit::document::ArchivedEvent;
use crate::{
    audit::archive::{ArchiveError, EventPosition, timeline::TimeSlice},
    auth::TenantScope,
    config::{self, ms},
    domain::{filter::EventFilter, time::UtcTime},
    resilience::{CallError, Payer, PoolPlace, Shares},
    telemetry::names,
};

/// Events read at a time.
const PAGE: usize = 500;

/// Retries of a call that took too long, each with a much shorter time window.
const NARROWINGS: usize = 2;

/// The pause before another attempt, if the archive's bulkhead is full or its breaker is open.
const PAUSE: Duration = Duration::from_millis(50);

/// The reason why an export ends early.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    /// The service drains.
    #[error("the service is shutting down")]
    Drain,
    /// The export took longer than `audit.export_lifetime_ms`.
    #[error("the export took too long")]
    Lifetime,
    /// The archive could not be read.
    #[error("the archive could not be read")]
    Failed(#[from] Error),
}

/// Starts exports, and limits how many run at a time.
pub struct Exports {
    audit: Arc<AuditReads>,
    places: Arc<Shares>,
    lifetime: Duration,
    stop: CancellationToken,
}

impl Exports {
    /// Exports the events that `audit` reads. Running exports end when `stop` is cancelled.
    pub fn new(audit: Arc<AuditReads>, settings: &config::Audit, stop: CancellationToken) -> Self {
        let places = Shares::new(
            "exports",
            "exports",
            settings.max_concurrent_exports,
            audit.archive().share(),
        );
        Self {
            audit,
            places,
            lifetime: ms(settings.export_lifetime_ms),
            stop,
        }
    }

    /// Returns the places of exports.
    pub fn places(&self) -> &Arc<Shares> {
        &self.places
    }

    /// Begins an export. The archive has answered once when this returns.
    pub async fn open(
        &self,
        tenant_scope: &TenantScope,
        filter: EventFilter,
    ) -> Result<Export, Error> {
        let filter = audit::within(tenant_scope, filter)?;
        let place = self
            .places
            .try_take(&Payer::current(), 1)
            .map_err(|_| Error::TooManyExports)?;
        let filter = self.audit.sealed_filter(&filter).await?;
        let from = match filter.from {
            Some(from) => from,
            // Without any event, any start time will do.
            None => self
                .audit
                .oldest(filter.tenant.as_ref())
                .await?
                .unwrap_or_else(|| Timestamp::UNIX_EPOCH.into()),
        };
        let mut export = Export {
            audit: self.audit.clone(),
            windows: Windows::new(from, filter.to, Timestamp::now()),
            filter,
            first: Vec::new(),
            ends: Instant::now() + self.lifetime,
            stop: self.stop.clone(),
            events: 0,
            result: "left",
            payer: Payer::current(),
            _place: place,
        };
        if let Some(piece) = export.windows.next() {
            export.first = export.read(piece, Duration::ZERO).await?;
        }
        Ok(export)
    }
}

/// A running export. It releases its place when dropped.
pub struct Export {
    audit: Arc<AuditReads>,
    filter: EventFilter,
    windows: Windows,
    /// The first page, read to see whether the archive answers.
    first: Vec<ArchivedEvent>,
    ends: Instant,
    stop: CancellationToken,
    events: usize,
    result: &'static str,
    /// The payer of every page: the payer of the request that opened the export.
    payer: Payer,
    _place: PoolPlace,
}

impl Export {
    /// Returns the payer of the request that opened the export.
    pub fn payer(&self) -> &Payer {
        &self.payer
    }

    /// Returns the next events, at least one; `None` after the last. An error ends the export, and
    /// the events until then are incomplete.
    pub async fn next(&mut self) -> Result<Option<Vec<ArchivedEvent>>, Cut> {
        let next = Box::pin(self.payer.clone().scope(self.advance())).await;
        match &next {
            Ok(Some(page)) => self.events += page.len(),
            Ok(None) => self.result = "complete",
            Err(cut) => {
                self.result = "cut";
                tracing::warn!(error = ?cut, export.events = self.events, "an export was cut off");
            }
        }
        next
    }

    async fn advance(&mut self) -> Result<Option<Vec<ArchivedEvent>>, Cut> {
        let mut page = std::mem::take(&mut self.first);
        while page.is_empty() {
            let Some(piece) = self.windows.next() else {
                return Ok(None);
            };
            if Instant::now() >= self.ends {
                return Err(Cut::Lifetime);
            }
            let stop = self.stop.clone();
            let patience = self.audit.archive().timeout();
            page = stop
                .run_until_cancelled(self.read(piece, patience))
                .await
                .ok_or(Cut::Drain)??;
        }
        self.audit.open(&mut page).await?;
        Ok(Some(page))
    }

    /// Reads a time window, or a shorter one with the same beginning. While the archive's bulkhead
    /// is full or its breaker is open, retries for up to `patience`, so that a running export is
    /// not cut off for that.
    async fn read(
        &mut self,
        mut piece: TimeSlice,
        patience: Duration,
    ) -> Result<Vec<ArchivedEvent>, Error> {
        let (limit, until) = (self.audit.archive().timeout(), Instant::now() + patience);
        let mut narrowings = 0;
        loop {
            let started = Instant::now();
            match self.audit.piece(&self.filter, &piece, PAGE).await {
                Ok(page) => {
                    let last = page.last().map(EventPosition::of);
                    self.windows
                        .took(page.len(), PAGE, last, started.elapsed() < limit / 16);
                    return Ok(page);
                }
                Err(
                    CallError::Timeout(..)
                    | CallError::Failed(ArchiveError::Timeout(_) | ArchiveError::TooSlow(_)),
                ) if narrowings < NARROWINGS => {
                    narrowings += 1;
                    self.windows.narrow();
                    piece = self.windows.next().unwrap_or(piece);
                }
                Err(CallError::Full(_) | CallError::Open(_)) if started < until => {
                    tokio::time::sleep(PAUSE).await
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        metrics::counter!(names::EXPORTS, "result" => self.result).increment(1);
    }
}

impl AuditReads {
    /// Returns the time of the oldest event's decision.
    async fn oldest(
        &self,
        tenant: Option<&crate::domain::ids::TenantName>,
    ) -> Result<Option<UtcTime>, Error> {
        let tenant = tenant.map(|tenant| tenant.as_str());
        let oldest = self
            .archive()
            .call(|archive| archive.oldest(tenant))
            .await?;
        // A value that is not a valid time was tampered with. It must not prevent the export of the
        // other events.
        Ok(oldest.and_then(|at| at.parse().ok()))
    }

    async fn piece(
        &self,
        filter: &EventFilter,
        piece: &TimeSlice,
        limit: usize,
    ) -> Result<Vec<ArchivedEvent>, CallError<ArchiveError>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.archive()
            .call(|archive| archive.piece(filter, piece, limit))
            .await
    }
}
