//! The stream of a tenant's changes to one subscriber.
//!
//! The HTTP layer asks for the next piece when there is room for it, and nothing is buffered
//! meanwhile. So a slow reader costs no memory. A reader that falls too far behind is cut off, and
//! may come back where it was.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};

use crate::{
    auth::{AuthorizedTenant, TenantScope},
    cache::{
        live::LiveChange,
        waiters::{Full, Waiter},
    },
    coding::Coding,
    domain::{
        etag::Seen,
        snapshot::Scope,
        tag::{Revision, VersionTag},
    },
    resilience::{Payer, PoolPlace},
    service::{
        Error, Freshness,
        read::polls::{Changes, Polls, Signed},
    },
};

/// Events that are read at a time for a subscriber that catches up.
const PAGE: usize = 200;

/// A subscriber that was up to date and then falls more revisions behind than this is cut off.
const MAX_BEHIND: u64 = 1000;

/// The next item of a subscription.
#[derive(Debug)]
pub enum StreamItem {
    /// The whole scope, at this tag of the tenant, and its signature.
    Snapshot(VersionTag, Bytes, Option<Arc<Signed>>),
    /// Events, each with its tag, and the signature of the scope after them. Only the newest state can be
    /// signed. There are no events if the subscriber has them already.
    Changes(Vec<(VersionTag, Bytes)>, Option<Arc<Signed>>),
    /// Nothing happened for a while.
    Idle,
}

impl StreamItem {
    /// Returns the tag that a subscriber has once it has read the item.
    pub fn tag(&self) -> Option<&VersionTag> {
        match self {
            Self::Snapshot(tag, ..) => Some(tag),
            Self::Changes(changes, _) => changes.last().map(|(tag, _)| tag),
            Self::Idle => None,
        }
    }
}

/// The result of a look for changes.
enum Look {
    Item(StreamItem),
    Nothing,
    /// The subscriber was up to date once, and is now too far behind.
    TooFarBehind,
}

/// The subscription of one client.
pub struct Subscription {
    polls: Arc<Polls>,
    tenant: AuthorizedTenant,
    scope: Scope,
    at: Option<VersionTag>,
    /// True once the subscriber has been up to date.
    is_live: bool,
    /// True once the subscriber was sent something.
    has_begun: bool,
    waiter: Waiter,
    /// The payer of all reads of the subscription: the payer of the request that opened it.
    payer: Payer,
    ends: Instant,
}

impl Subscription {
    /// Subscribes to a scope of a tenant, after the tag of the last piece that the subscriber has,
    /// if it has any.
    pub async fn open(
        polls: Arc<Polls>,
        tenant: AuthorizedTenant,
        scope: Scope,
        after: Option<VersionTag>,
    ) -> Result<Self, Error> {
        let held = polls
            .tenant(
                &tenant,
                &Freshness {
                    minimum: None,
                    seen: Seen::Tags(after.iter().cloned().collect()),
                },
            )
            .await?;
        let waiter = polls.cache().waiters.join(tenant.name(), held.waiters())?;
        let ends = Instant::now() + lifetime(&polls);
        Ok(Self {
            polls,
            tenant,
            scope,
            at: after,
            is_live: false,
            has_begun: false,
            waiter,
            payer: Payer::current(),
            ends,
        })
    }

    /// Returns the next piece; `None` when the subscription ends: the service drains, its time is
    /// over, the tenant is gone, or the subscriber is too far behind. The subscriber may come back
    /// after the last tag that it received.
    pub async fn next(&mut self) -> Option<StreamItem> {
        self.payer.clone().scope(self.advance()).await
    }

    async fn advance(&mut self) -> Option<StreamItem> {
        let idle = tokio::time::sleep(self.polls.settings().stream_comment);
        tokio::pin!(idle);
        let stop = self.polls.stop().clone();
        // Checked first, so that the stream ends however many changes are pending.
        if stop.is_cancelled() || Instant::now() >= self.ends {
            return None;
        }
        loop {
            match self.look().await {
                Ok(Look::Item(piece)) => {
                    self.has_begun = true;
                    return Some(piece);
                }
                Ok(Look::Nothing) => {}
                Ok(Look::TooFarBehind) => {
                    metrics::counter!(crate::telemetry::names::STREAMS_CUT).increment(1);
                    return None;
                }
                // While Postgres is away or overloaded, there are no changes to send, and nothing
                // is lost by waiting.
                Err(
                    Error::Unavailable { .. } | Error::Overloaded(_) | Error::BehindMinimum { .. },
                ) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(_) => return None,
            }
            tokio::select! {
                () = self.waiter.moved() => {}
                () = &mut idle => return Some(StreamItem::Idle),
                () = tokio::time::sleep_until(self.ends) => return None,
                () = stop.cancelled() => return None,
            }
        }
    }

    /// Looks for changes that the subscriber does not have yet.
    async fn look(&mut self) -> Result<Look, Error> {
        let seen = Seen::Tags(self.at.iter().cloned().collect());
        let held = self
            .polls
            .tenant(
                &self.tenant,
                &Freshness {
                    minimum: None,
                    seen,
                },
            )
            .await?;
        let Some(at) = &self.at else {
            return self.reset(&held).await.map(Look::Item);
        };
        if self.is_live
            && held.tag().epoch == at.epoch
            && held.tag().revision > Revision(at.revision.0 + MAX_BEHIND)
        {
            return Ok(Look::TooFarBehind);
        }
        match self.polls.since(&held, &self.scope, at, PAGE).await? {
            Changes::Reset(held) => self.reset(&held).await.map(Look::Item),
            Changes::Since {
                to,
                complete,
                events,
            } => {
                self.at = Some(to);
                self.is_live |= complete;
                match (events.is_empty(), complete) {
                    (false, _) => {
                        let signed = self.polls.signed(&held, &self.scope);
                        let last = events.last().map(|(tag, _)| tag);
                        let signed = signed.filter(|signed| Some(&signed.tag) == last);
                        Ok(Look::Item(StreamItem::Changes(events, signed)))
                    }
                    // No event of the scope so far, but there are more events to read.
                    (true, false) => Ok(Look::Item(StreamItem::Idle)),
                    // A subscriber that comes back may have been cut off before the signature.
                    (true, true) if !self.has_begun => {
                        let signed = self.polls.signed(&held, &self.scope);
                        let item = signed.map(|signed| StreamItem::Changes(events, Some(signed)));
                        Ok(item.map_or(Look::Nothing, Look::Item))
                    }
                    (true, true) => Ok(Look::Nothing),
                }
            }
        }
    }

    async fn reset(
        &mut self,
        held: &Arc<crate::domain::snapshot::TenantSnapshot>,
    ) -> Result<StreamItem, Error> {
        let body = self.polls.body(held, &self.scope, Coding::Identity).await?;
        let signed = self.polls.signed(held, &self.scope);
        self.at = Some(held.tag().clone());
        Ok(StreamItem::Snapshot(held.tag().clone(), body, signed))
    }
}

/// Returns the lifetime of a stream: `read.stream_lifetime_ms`, shortened by up to a tenth, so that
/// clients that came together do not come back together.
fn lifetime(polls: &Polls) -> Duration {
    polls
        .settings()
        .stream_lifetime
        .mul_f64(1.0 - 0.1 * fastrand::f64())
}

/// The firehose of one client: every change of the tenants within its tenant scope, from now on.
pub struct Firehose {
    polls: Arc<Polls>,
    changes: broadcast::Receiver<LiveChange>,
    ends: Instant,
    _place: Seat,
}

/// The place that a firehose takes: among the waiters of its tenant, or among those of the
/// platform's callers.
enum Seat {
    Tenant(#[expect(dead_code, reason = "held, not read")] Waiter),
    Platform(#[expect(dead_code, reason = "held, not read")] PoolPlace),
}

impl Firehose {
    /// Opens a firehose. It takes a place of the caller's tenant, if the caller is limited to one.
    pub async fn open(polls: Arc<Polls>, tenant_scope: &TenantScope) -> Result<Self, Error> {
        let place = match tenant_scope.narrowed(None)? {
            Some(tenant) => Seat::Tenant(Self::seat(&polls, &tenant).await?),
            None => Seat::Platform(polls.cache().waiters.place()?),
        };
        let (changes, ends) = (
            polls.cache().live.listen(),
            Instant::now() + lifetime(&polls),
        );
        Ok(Self {
            polls,
            changes,
            ends,
            _place: place,
        })
    }

    /// Takes a place of the tenant. If the tenant does not exist or cannot be read now, the common
    /// limit applies.
    async fn seat(polls: &Polls, tenant: &AuthorizedTenant) -> Result<Waiter, Full> {
        let held = polls.tenant(tenant, &Freshness::default()).await;
        polls
            .cache()
            .waiters
            .join(tenant.name(), held.ok().and_then(|held| held.waiters()))
    }

    /// Returns the next change, or `Some(None)` if nothing happened for a while. Returns `None` at
    /// the end: the service drains, the lifetime is over, or the client has read too slowly.
    pub async fn next(&mut self, tenant_scope: &TenantScope) -> Option<Option<LiveChange>> {
        let stop = self.polls.stop().clone();
        let quiet = tokio::time::sleep(self.polls.settings().stream_comment);
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            () = tokio::time::sleep_until(self.ends) => None,
            change = reached(&mut self.changes, tenant_scope) => match change {
                Ok(change) => Some(Some(change)),
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

/// Returns the next change of a tenant within the tenant scope.
async fn reached(
    changes: &mut broadcast::Receiver<LiveChange>,
    tenant_scope: &TenantScope,
) -> Result<LiveChange, RecvError> {
    loop {
        let change = changes.recv().await?;
        if tenant_scope.holds_for(&change.tenant) {
            return Ok(change);
        }
    }
}
