//! One subscriber's way along a tenant's changes: what comes next after where it is.
//!
//! It is asked for the next piece when there is room for it, and holds nothing meanwhile: a reader that is slow costs no memory, and one
//! that fell too far behind is cut off, to come back where it was.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};

use super::{
    Error, Freshness, Seen,
    polls::{Changes, Polls},
};
use crate::{
    auth::{AuthorizedTenant, Reach},
    cache::{
        live::Told,
        waiters::{Full, Waiter},
    },
    coding::Coding,
    config::ms,
    domain::{
        snapshot::Scope,
        tag::{Revision, VersionTag},
    },
    resilience::{Payer, Place},
};

/// Revisions that are read at a time for one who comes back.
const PAGE: usize = 200;

/// One that was up to date and then fell further behind than this is cut off.
const MAX_BEHIND: u64 = 1000;

/// What a subscriber gets next.
#[derive(Debug)]
pub enum Piece {
    /// All of the scope, at this tag of the tenant.
    Snapshot(VersionTag, Bytes),
    /// Events, each with its tag.
    Changes(Vec<(VersionTag, Bytes)>),
    /// Nothing happened for a while.
    Idle,
}

/// What there is to tell.
enum Look {
    Piece(Piece),
    Nothing,
    /// More than is held for whoever was up to date once.
    TooFarBehind,
}

/// One subscriber.
pub struct Feed {
    polls: Arc<Polls>,
    tenant: AuthorizedTenant,
    scope: Scope,
    at: Option<VersionTag>,
    /// Whether it has been up to date.
    is_live: bool,
    waiter: Waiter,
    /// Whoever subscribed pays for all that is read for it.
    payer: Payer,
    ends: Instant,
}

impl Feed {
    /// Subscribes to a scope of a tenant, after the tag of the last piece that the subscriber has, if it has any.
    pub async fn open(
        polls: Arc<Polls>, tenant: AuthorizedTenant, scope: Scope, after: Option<VersionTag>,
    ) -> Result<Self, Error> {
        let held = polls.tenant(&tenant, &Freshness { minimum: None, seen: Seen::Tags(after.iter().cloned().collect()) }).await?;
        let waiter = polls.cache().waiters.join(tenant.name(), held.waiters())?;
        let ends = Instant::now() + lifetime(&polls);
        Ok(Self { polls, tenant, scope, at: after, is_live: false, waiter, payer: Payer::current(), ends })
    }

    /// The next piece; `None` when the subscription ends: the service drains, its time is over, the tenant is gone, or the subscriber is
    /// too far behind. It may come back after the last tag that it got.
    pub async fn next(&mut self) -> Option<Piece> {
        self.payer.clone().scope(self.advance()).await
    }

    async fn advance(&mut self) -> Option<Piece> {
        let idle = tokio::time::sleep(ms(self.polls.settings().stream_comment_ms));
        tokio::pin!(idle);
        let stop = self.polls.stop().clone();
        // However much there is to tell.
        if stop.is_cancelled() || Instant::now() >= self.ends {
            return None;
        }
        loop {
            match self.look().await {
                Ok(Look::Piece(piece)) => return Some(piece),
                Ok(Look::Nothing) => {}
                Ok(Look::TooFarBehind) => {
                    metrics::counter!(crate::telemetry::names::STREAMS_CUT).increment(1);
                    return None;
                }
                // While Postgres is away, or has too much to do, there is nothing to tell, and nothing is lost by waiting.
                Err(Error::Unavailable { .. } | Error::Overloaded(_) | Error::BehindMinimum { .. }) => {
                    tokio::time::sleep(Duration::from_millis(100)).await
                }
                Err(_) => return None,
            }
            tokio::select! {
                () = self.waiter.moved() => {}
                () = &mut idle => return Some(Piece::Idle),
                () = tokio::time::sleep_until(self.ends) => return None,
                () = stop.cancelled() => return None,
            }
        }
    }

    /// What is there to tell now.
    async fn look(&mut self) -> Result<Look, Error> {
        let seen = Seen::Tags(self.at.iter().cloned().collect());
        let held = self.polls.tenant(&self.tenant, &Freshness { minimum: None, seen }).await?;
        let Some(at) = &self.at else {
            return self.reset(&held).await.map(Look::Piece);
        };
        if self.is_live && held.tag().epoch == at.epoch && held.tag().revision > Revision(at.revision.0 + MAX_BEHIND) {
            return Ok(Look::TooFarBehind);
        }
        match self.polls.since(&held, &self.scope, at, PAGE).await? {
            Changes::Reset(held) => self.reset(&held).await.map(Look::Piece),
            Changes::Since { to, complete, events } => {
                self.at = Some(to);
                self.is_live |= complete;
                match (events.is_empty(), complete) {
                    (false, _) => Ok(Look::Piece(Piece::Changes(events))),
                    // Nothing of the scope so far: there is more to look at.
                    (true, false) => Ok(Look::Piece(Piece::Idle)),
                    (true, true) => Ok(Look::Nothing),
                }
            }
        }
    }

    async fn reset(&mut self, held: &Arc<crate::domain::snapshot::TenantSnapshot>) -> Result<Piece, Error> {
        let body = self.polls.body(held, &self.scope, Coding::Identity).await?;
        self.at = Some(held.tag().clone());
        Ok(Piece::Snapshot(held.tag().clone(), body))
    }
}

/// How long a stream lives: up to a tenth less than it may, so that those who came together do not come back together.
fn lifetime(polls: &Polls) -> Duration {
    ms(polls.settings().stream_lifetime_ms).mul_f64(1.0 - 0.1 * fastrand::f64())
}

/// One who looks on: every change of the tenants that it reaches, from now on.
pub struct Onlooker {
    polls: Arc<Polls>,
    changes: broadcast::Receiver<Told>,
    ends: Instant,
    _place: Seat,
}

/// Where an onlooker waits: among those who wait for its tenant, or among the platform's callers.
enum Seat {
    Tenant(#[expect(dead_code, reason = "held, not read")] Waiter),
    Platform(#[expect(dead_code, reason = "held, not read")] Place),
}

impl Onlooker {
    /// Begins to look on, with the places of the caller's tenant, if it has one.
    pub async fn open(polls: Arc<Polls>, reach: &Reach) -> Result<Self, Error> {
        let place = match reach.narrowed(None)? {
            Some(tenant) => Seat::Tenant(Self::seat(&polls, &tenant).await?),
            None => Seat::Platform(polls.cache().waiters.place()?),
        };
        let (changes, ends) = (polls.cache().live.listen(), Instant::now() + lifetime(&polls));
        Ok(Self { polls, changes, ends, _place: place })
    }

    /// A tenant that is not there yet, or cannot be read now, has the common limit.
    async fn seat(polls: &Polls, tenant: &AuthorizedTenant) -> Result<Waiter, Full> {
        let held = polls.tenant(tenant, &Freshness::default()).await;
        polls.cache().waiters.join(tenant.name(), held.ok().and_then(|held| held.waiters()))
    }

    /// The next change, or `Some(None)` when nothing happened for a while. `None` when it ends: the service drains, its time is over, or it
    /// took too little for too long.
    pub async fn next(&mut self, reach: &Reach) -> Option<Option<Told>> {
        let stop = self.polls.stop().clone();
        let quiet = tokio::time::sleep(ms(self.polls.settings().stream_comment_ms));
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            () = tokio::time::sleep_until(self.ends) => None,
            change = reached(&mut self.changes, reach) => match change {
                Ok(told) => Some(Some(told)),
                Err(RecvError::Lagged(_)) => {
                    metrics::counter!(crate::telemetry::names::STREAMS_CUT).increment(1);
                    None
                }
                Err(RecvError::Closed) => None,
            },
            () = quiet => Some(None),
        }
    }
}

/// The next change of a tenant that `reach` holds for.
async fn reached(changes: &mut broadcast::Receiver<Told>, reach: &Reach) -> Result<Told, RecvError> {
    loop {
        let told = changes.recv().await?;
        if reach.holds_for(&told.tenant) {
            return Ok(told);
        }
    }
}
