//! Exports of the archive: everything that matches, page by page, oldest first.
//!
//! A page is read when its taker has taken the one before, so an export holds one page however large it is and however slow its reader.
//! Events come by `occurred_at` and then by id. What is archived meanwhile with an earlier time than what was just read does not come.

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
    audit::archive::{ArchiveError, EventPosition, timeline::Piece},
    auth::Reach,
    config::{self, ms},
    domain::{filter::EventFilter, time::UtcTime},
    resilience::{CallError, Payer, Place, Shares},
    telemetry::names,
};

/// Events read at a time.
const PAGE: usize = 500;

/// How often a call that took too long is tried again, each time with a much smaller piece of time.
const NARROWINGS: usize = 2;

/// How long to wait for a place of the archive before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Why an export ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    /// The service drains.
    #[error("the service is ending")]
    Drain,
    /// It took longer than `audit.export_lifetime_ms`.
    #[error("the export took too long")]
    Lifetime,
    /// The archive could not be read.
    #[error("the archive could not be read")]
    Failed(#[from] Error),
}

/// Starts exports, so many at a time.
pub struct Exports {
    audit: Arc<AuditReads>,
    places: Arc<Shares>,
    lifetime: Duration,
    stop: CancellationToken,
}

impl Exports {
    /// Exports of what `audit` reads; they end when `stop` is cancelled.
    pub fn new(audit: Arc<AuditReads>, settings: &config::Audit, stop: CancellationToken) -> Self {
        let places = Shares::new("exports", "exports", settings.max_concurrent_exports, audit.archive().share());
        Self { audit, places, lifetime: ms(settings.export_lifetime_ms), stop }
    }

    /// The places of exports.
    pub fn places(&self) -> &Arc<Shares> {
        &self.places
    }

    /// Begins an export: the archive has answered once when this returns.
    pub async fn open(&self, reach: &Reach, filter: EventFilter) -> Result<Export, Error> {
        let filter = audit::within(reach, filter)?;
        let place = self.places.try_take(&Payer::current(), 1).map_err(|_| Error::TooManyExports)?;
        let filter = self.audit.sealed_filter(&filter).await?;
        let from = match filter.from {
            Some(from) => from,
            // Where there is nothing, any time will do.
            None => self.audit.oldest(filter.tenant.as_ref()).await?.unwrap_or_else(|| Timestamp::UNIX_EPOCH.into()),
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

/// One export under way. It gives its place back when dropped.
pub struct Export {
    audit: Arc<AuditReads>,
    filter: EventFilter,
    windows: Windows,
    /// What was read to see whether the archive answers.
    first: Vec<ArchivedEvent>,
    ends: Instant,
    stop: CancellationToken,
    events: usize,
    result: &'static str,
    /// Whoever asked for it pays for every page.
    payer: Payer,
    _place: Place,
}

impl Export {
    /// Whoever asked for it.
    pub fn payer(&self) -> &Payer {
        &self.payer
    }

    /// The next events, at least one; `None` after the last. After an error the export is over, and what was read is not all.
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
            let Some(piece) = self.windows.next() else { return Ok(None) };
            if Instant::now() >= self.ends {
                return Err(Cut::Lifetime);
            }
            let stop = self.stop.clone();
            let patience = self.audit.archive().timeout();
            page = stop.run_until_cancelled(self.read(piece, patience)).await.ok_or(Cut::Drain)??;
        }
        self.audit.open(&mut page).await?;
        Ok(Some(page))
    }

    /// Reads a piece, or a smaller one that begins where it does. While other reads take all places of the archive, or its breaker
    /// pauses, it waits for so long: an export that has got so far is not cut off for that.
    async fn read(&mut self, mut piece: Piece, patience: Duration) -> Result<Vec<ArchivedEvent>, Error> {
        let (limit, until) = (self.audit.archive().timeout(), Instant::now() + patience);
        let mut narrowings = 0;
        loop {
            let started = Instant::now();
            match self.audit.piece(&self.filter, &piece, PAGE).await {
                Ok(page) => {
                    let last = page.last().map(EventPosition::of);
                    self.windows.took(page.len(), PAGE, last, started.elapsed() < limit / 16);
                    return Ok(page);
                }
                Err(CallError::Timeout(..) | CallError::Failed(ArchiveError::Timeout(_) | ArchiveError::TooSlow(_)))
                    if narrowings < NARROWINGS =>
                {
                    narrowings += 1;
                    self.windows.narrow();
                    piece = self.windows.next().unwrap_or(piece);
                }
                Err(CallError::Full(_) | CallError::Open(_)) if started < until => tokio::time::sleep(PAUSE).await,
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
    /// When the oldest event was decided.
    async fn oldest(&self, tenant: Option<&crate::domain::ids::TenantName>) -> Result<Option<UtcTime>, Error> {
        let tenant = tenant.map(|tenant| tenant.as_str());
        let oldest = self.archive().call(|archive| archive.oldest(tenant)).await?;
        // One that is no time any more was tampered with; it must not keep the others from being exported.
        Ok(oldest.and_then(|at| at.parse().ok()))
    }

    async fn piece(
        &self, filter: &EventFilter, piece: &Piece, limit: usize,
    ) -> Result<Vec<ArchivedEvent>, CallError<ArchiveError>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.archive().call(|archive| archive.piece(filter, piece, limit)).await
    }
}
