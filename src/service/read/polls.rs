//! Polling by proxies, answered from memory: a route's target, a tenant's snapshot, the changes
//! since a tag; with long-poll.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use traffic_manager_dataplane::{Body, Dialect, Settings, native, report::Report};

pub use crate::cache::signatures::Signed;
use crate::{
    auth::AuthorizedTenant,
    cache::{Cache, CacheError, bodies::Of, signatures::Signer},
    coding::Coding,
    config,
    domain::{
        command::Rejection,
        etag::Seen,
        ids::RouteName,
        snapshot::{Recent, Scope, SnapshotRoute, TenantSnapshot, signature::PublicKey},
        tag::{Revision, VersionTag},
    },
    service::{
        Error, Freshness,
        write::{patterns::PatternPool, writer::Writer},
    },
    store::{self, Visible, router::Router},
};

/// The answer to a conditional poll.
#[derive(Debug)]
pub enum Polled {
    /// The client has this version already.
    Same(VersionTag),
    /// The current state: its tag and its body.
    Now(VersionTag, Bytes),
}

/// The changes after a tag.
#[derive(Debug)]
pub enum Changes {
    /// The events after the tag, up to a revision.
    Since {
        /// The last revision that was looked at.
        to: VersionTag,
        /// True if `to` is the newest revision that this instance holds.
        complete: bool,
        /// The events of the scope, as they were published.
        events: Vec<(VersionTag, Bytes)>,
    },
    /// The changes are not known, because the tag belongs to another epoch or is too old. Contains
    /// the whole snapshot instead.
    Reset(Arc<TenantSnapshot>),
}

/// The polling use cases.
pub struct Polls {
    cache: Arc<Cache>,
    router: Arc<Router>,
    settings: config::Read,
    stop: CancellationToken,
    patterns: Arc<PatternPool>,
}

impl Polls {
    /// Answers from `cache`, and reads older changes through `router`. Waiters are released when
    /// `stop` is cancelled. Patterns are compiled in the pool of `writer`.
    pub fn new(
        cache: Arc<Cache>,
        router: Arc<Router>,
        settings: config::Read,
        stop: CancellationToken,
        writer: &Writer,
    ) -> Self {
        Self {
            cache,
            router,
            settings,
            stop,
            patterns: writer.patterns().clone(),
        }
    }

    /// The fast path of [`Polls::resolve`]: returns the answer if the route is in memory and
    /// active, and the client has seen nothing newer.
    pub fn resolve_held(
        &self,
        [tenant, service, env, version]: [&str; 4],
        seen: &Seen,
    ) -> Option<Polled> {
        let resolve = |snapshot: &Arc<TenantSnapshot>| {
            let route = snapshot
                .get(service, env, version)
                .filter(|route| route.is_active)?;
            let is_new_enough = seen.tags().iter().all(|seen| snapshot.tag().covers(seen));
            is_new_enough
                .then(|| polled(snapshot, route, seen).ok())
                .flatten()
        };
        self.cache.with_held(tenant, resolve).flatten()
    }

    /// The fast path of [`Polls::snapshot`] and [`Polls::body`]: returns the answer if the tenant is
    /// in memory, the client has seen nothing newer, and either has the scope's current state or
    /// asks for a body that is kept, with its signature if snapshots are signed.
    pub fn snapshot_held(
        &self,
        tenant: &str,
        scope: &Scope,
        seen: &Seen,
        coding: Coding,
    ) -> Option<(Polled, Option<Arc<Signed>>)> {
        let polled = |snapshot: &Arc<TenantSnapshot>| {
            let is_new_enough = seen.tags().iter().all(|seen| snapshot.tag().covers(seen));
            if !is_new_enough {
                return None;
            }
            let tag = snapshot.scope_tag(scope);
            if seen.has(&tag) {
                return Some((Polled::Same(tag), None));
            }
            let bodies = &self.cache.bodies;
            let body = bodies.held(snapshot, scope, coding)?;
            Some((Polled::Now(tag, body), self.signed(snapshot, scope)))
        };
        self.cache.with_held(tenant, polled).flatten()
    }

    /// Returns the body of `resolve` for a route, and the route's tag, which changes only when the
    /// route changes.
    pub async fn resolve(
        &self,
        tenant: &AuthorizedTenant,
        name: &RouteName,
        freshness: &Freshness,
    ) -> Result<Polled, Error> {
        let snapshot = self
            .newest(tenant, freshness)
            .await?
            .ok_or(Rejection::RouteNotFound)?;
        let route = snapshot.get(
            name.service.as_str(),
            name.env.as_str(),
            name.version.as_str(),
        );
        let route = route.ok_or(Rejection::RouteNotFound)?;
        if !route.is_active {
            return Err(Error::RouteInactive);
        }
        polled(&snapshot, route, &freshness.seen)
    }

    /// Returns a tenant's snapshot. With `wait` (long-poll): if the client has seen the scope's
    /// current tag, waits until the scope changes, the time is over, or the service drains.
    pub async fn snapshot(
        &self,
        tenant: &AuthorizedTenant,
        scope: &Scope,
        freshness: &Freshness,
        wait: Option<Duration>,
    ) -> Result<Arc<TenantSnapshot>, Error> {
        // A client that has seen any state (`*`) names no tag that the scope could move from, so
        // its call does not wait.
        let moved = |held: &TenantSnapshot| !freshness.seen.tags().contains(&held.scope_tag(scope));
        let first = self.tenant(tenant, freshness).await?;
        let Some(wait) = wait.filter(|_| !moved(&first)) else {
            return Ok(first);
        };
        let mut waiter = self.cache.waiters.join(tenant.name(), first.waiters())?;
        let mut held = first;
        let until = tokio::time::sleep(self.jittered(wait));
        tokio::pin!(until);
        loop {
            // The waiter joins before it looks, so it misses no change. While Postgres is away, the
            // snapshot in memory stays valid.
            match self.tenant(tenant, freshness).await {
                Ok(now) if moved(&now) => return Ok(now),
                Ok(now) => held = now,
                Err(error @ Error::Rejected(_)) => return Err(error),
                Err(_) => {}
            }
            tokio::select! {
                () = waiter.moved() => {}
                () = &mut until => return Ok(held),
                () = self.stop.cancelled() => return Ok(held),
            }
        }
    }

    /// Returns the body of a snapshot in a coding.
    pub async fn body(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        coding: Coding,
    ) -> Result<Bytes, Error> {
        Box::pin(self.cache.bodies.get(snapshot, scope, coding))
            .await
            .map_err(Error::internal)
    }

    /// Returns the public keys of those that sign snapshots.
    pub fn public_keys(&self) -> &[PublicKey] {
        self.cache.signer.as_ref().map_or(&[], Signer::public_keys)
    }

    /// Returns the signed statement about a snapshot's scope. `None`: snapshots are not signed.
    pub fn signed(&self, snapshot: &TenantSnapshot, scope: &Scope) -> Option<Arc<Signed>> {
        self.cache.signer.as_ref()?.signed(snapshot, scope)
    }

    /// Returns the document of a dialect for a snapshot in a coding.
    pub async fn document(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        dialect: Dialect,
        settings: Settings,
        coding: Coding,
    ) -> Result<Body, Error> {
        let bodies = &self.cache.bodies;
        Box::pin(bodies.document(snapshot, scope, dialect, settings, coding))
            .await
            .map_err(Error::internal)
    }

    /// Returns what a dialect makes of each policy of a snapshot.
    pub async fn report(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        dialect: Dialect,
        settings: Settings,
    ) -> Result<Report, Error> {
        let bodies = &self.cache.bodies;
        Box::pin(bodies.report(snapshot, scope, dialect, settings))
            .await
            .map_err(Error::internal)
    }

    /// Returns the plain `body` of these changes after a tag in a coding.
    pub async fn encoded(
        &self,
        tenant: &AuthorizedTenant,
        scope: &Scope,
        after: &VersionTag,
        changes: &Changes,
        body: Bytes,
        coding: Coding,
    ) -> Result<Bytes, Error> {
        let after = after.clone();
        let (to, of) = match changes {
            Changes::Since { to, complete, .. } => (
                to,
                Of::Changes {
                    after,
                    complete: *complete,
                },
            ),
            Changes::Reset(held) => (held.tag(), Of::Reset { after }),
        };
        Box::pin(
            self.cache
                .bodies
                .encoded(tenant.name(), scope, to, of, body, coding),
        )
        .await
        .map_err(Error::internal)
    }

    /// Returns the changes of a scope after a tag: `limit` events, or a few more because a revision
    /// is never split. With `wait` (long-poll): if there are none, waits as [`Polls::snapshot`]
    /// does.
    pub async fn changes(
        &self,
        tenant: &AuthorizedTenant,
        scope: &Scope,
        after: &VersionTag,
        freshness: &Freshness,
        limit: usize,
        wait: Option<Duration>,
    ) -> Result<Changes, Error> {
        let freshness = Freshness {
            minimum: freshness.minimum.clone(),
            seen: Seen::Tags(vec![after.clone()]),
        };
        let look = async || {
            self.since(&self.tenant(tenant, &freshness).await?, scope, after, limit)
                .await
        };
        let is_nothing = |changes: &Changes| matches!(changes, Changes::Since { events, complete: true, .. } if events.is_empty());
        let first = look().await?;
        let Some(wait) = wait.filter(|_| is_nothing(&first)) else {
            return Ok(first);
        };
        let own = self
            .cache
            .held(tenant.name().as_str())
            .and_then(|held| held.waiters());
        let mut waiter = self.cache.waiters.join(tenant.name(), own)?;
        let mut nothing = first;
        let until = tokio::time::sleep(self.jittered(wait));
        tokio::pin!(until);
        loop {
            match look().await {
                Ok(changes) if !is_nothing(&changes) => return Ok(changes),
                Ok(changes) => nothing = changes,
                Err(error @ Error::Rejected(_)) => return Err(error),
                Err(_) => {}
            }
            tokio::select! {
                () = waiter.moved() => {}
                () = &mut until => return Ok(nothing),
                () = self.stop.cancelled() => return Ok(nothing),
            }
        }
    }

    /// Returns the changes of a scope of `held` after a tag: from memory, or from Postgres if the
    /// memory does not reach back far enough.
    pub(crate) async fn since(
        &self,
        held: &Arc<TenantSnapshot>,
        scope: &Scope,
        after: &VersionTag,
        limit: usize,
    ) -> Result<Changes, Error> {
        if held.tag().epoch != after.epoch {
            return Ok(Changes::Reset(held.clone()));
        }
        // Nothing of the scope has changed since, however long ago that was.
        if held.tag().covers(after) && after.covers(&held.scope_tag(scope)) {
            return Ok(Changes::Since {
                to: held.tag().clone(),
                complete: true,
                events: Vec::new(),
            });
        }
        if let Some(recent) = held.changes_after(after.revision) {
            return Ok(since(
                held,
                scope,
                after,
                whole_revisions(recent.map(|recent| &**recent), limit),
            ));
        }
        let (tenant, one) = (held.tenant(), i64::try_from(limit).unwrap_or(i64::MAX));
        let read =
            async |tx: &store::Transaction<'_>| store::events::after(tx, tenant, after, one).await;
        let follows = |events: &Vec<Recent>| {
            events
                .first()
                .is_some_and(|first| first.revision == after.revision.next())
        };
        // A replica that is behind has only the first of these events: fewer than `limit`, and
        // perhaps fewer than the client already knows of.
        let newest = held.tag().revision;
        let is_all = |events: &Vec<Recent>| {
            events.len() >= limit || events.last().is_some_and(|last| last.revision >= newest)
        };
        let accept = |events: &Vec<Recent>| follows(events) && is_all(events);
        // Boxed because it is large and rare: it must not enlarge every waiting future.
        let (events, _) =
            Box::pin(self.router.read(&Visible::tenant(tenant), accept, read)).await?;
        if !follows(&events) {
            return Ok(Changes::Reset(held.clone()));
        }
        Ok(since(held, scope, after, events.iter()))
    }

    /// Returns the age of the answers while the primary cannot be reached.
    pub fn stale_for(&self) -> Option<Duration> {
        self.cache.stale_for()
    }

    /// Returns the cache that answers polls.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns the pool that compiles patterns.
    pub(crate) fn patterns(&self) -> &PatternPool {
        &self.patterns
    }

    /// Returns the settings of the read path.
    pub(crate) fn settings(&self) -> &config::Read {
        &self.settings
    }

    /// Returns the token that releases all waiters when the service drains.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Returns `wait`, at most `read.max_wait_ms`, shortened by up to a tenth, so that clients that
    /// came together do not return together.
    fn jittered(&self, wait: Duration) -> Duration {
        wait.min(self.settings.max_wait)
            .mul_f64(1.0 - 0.1 * fastrand::f64())
    }

    /// Returns an error if the tenant does not exist.
    pub async fn exists(&self, tenant: &AuthorizedTenant) -> Result<(), Error> {
        self.tenant(tenant, &Freshness::default()).await.map(drop)
    }

    /// Returns a tenant's snapshot, or an error if the tenant does not exist.
    pub(crate) async fn tenant(
        &self,
        tenant: &AuthorizedTenant,
        freshness: &Freshness,
    ) -> Result<Arc<TenantSnapshot>, Error> {
        Ok(self
            .newest(tenant, freshness)
            .await?
            .ok_or(Rejection::TenantNotFound)?)
    }

    async fn newest(
        &self,
        tenant: &AuthorizedTenant,
        freshness: &Freshness,
    ) -> Result<Option<Arc<TenantSnapshot>>, Error> {
        let (minimum, seen) = (&freshness.minimum, freshness.seen.tags());
        let tenant = tenant.name();
        let mut held = self.cache.get(tenant, minimum.as_ref()).await?;
        let mut asked: Vec<&VersionTag> = Vec::new();
        loop {
            let epoch = held.as_ref().map(|held| &held.tag().epoch);
            let of_epoch = seen
                .iter()
                .filter(|tag| Some(&tag.epoch) == epoch)
                .max_by_key(|tag| tag.revision);
            // If the client has seen no tag of the held epoch, or the tenant is unknown here, only
            // the primary knows which epoch is newer.
            let Some(wanted) = of_epoch.or(seen.first()) else {
                return Ok(held);
            };
            if held.as_ref().is_some_and(|held| held.tag().covers(wanted))
                || asked.contains(&wanted)
            {
                return Ok(held);
            }
            asked.push(wanted);
            held = match self.cache.get(tenant, Some(wanted)).await {
                Err(CacheError::Behind {
                    current: Some(current),
                    ..
                }) if current.epoch != wanted.epoch => {
                    self.cache.get(tenant, minimum.as_ref()).await?
                }
                Err(CacheError::Behind { current: None, .. }) => return Ok(None),
                other => other?,
            };
        }
    }
}

fn polled(snapshot: &TenantSnapshot, route: &SnapshotRoute, seen: &Seen) -> Result<Polled, Error> {
    let tag = VersionTag {
        epoch: snapshot.tag().epoch.clone(),
        revision: route.revision,
    };
    if seen.has(&tag) {
        return Ok(Polled::Same(tag));
    }
    let body = native::resolve(snapshot.tenant(), route).map_err(Error::internal)?;
    Ok(Polled::Now(tag, body.into()))
}

/// Returns at least `limit` events, if there are so many, without splitting a revision.
fn whole_revisions<'a>(
    events: impl Iterator<Item = &'a Recent>,
    limit: usize,
) -> impl Iterator<Item = &'a Recent> {
    let (mut taken, mut last) = (0, None);
    events.take_while(move |recent| {
        let goes_on = taken < limit || last == Some(recent.revision);
        taken += 1;
        last = Some(recent.revision);
        goes_on
    })
}

/// Returns the `events` (without a gap after `after`) up to the revision of `held`. Later events
/// are left out: they were committed after the other data of the answer.
fn since<'a>(
    held: &TenantSnapshot,
    scope: &Scope,
    after: &VersionTag,
    events: impl Iterator<Item = &'a Recent>,
) -> Changes {
    let tag = |revision: Revision| VersionTag {
        epoch: after.epoch.clone(),
        revision,
    };
    let mut to = after.revision;
    let mut in_scope = Vec::new();
    for recent in events.take_while(|recent| recent.revision <= held.tag().revision) {
        to = recent.revision;
        if recent.is_in(scope) {
            in_scope.push((tag(recent.revision), recent.json.clone()));
        }
    }
    Changes::Since {
        to: tag(to),
        complete: to >= held.tag().revision,
        events: in_scope,
    }
}
