//! The read path: one immutable snapshot per resident tenant, moved forward and never back.
//!
//! ```text
//!  own writes (after commit) ─┐
//!  other instances' (Kafka)  ─┼─► apply ─► known ─► resident snapshot ─► resolve, snapshot
//!  safety read (1 s)         ─┘              ▲
//!  a miss ─► load: fresh replica, else primary┘
//! ```
//!
//! `known` is the newest tag seen of each tenant. Three rules keep snapshots from going back,
//! however loads and changes race:
//!
//! 1. code that learns of a tag raises `known` first and changes the resident snapshot only after
//!    that;
//! 2. a load puts its snapshot in place under the key's lock, and only if `known` is not newer by
//!    then;
//! 3. a load removes itself from the list of running loads at the same moment, so that no later
//!    caller gets a result that was decided before the caller asked.
//!
//! So a load that read before a commit is either rejected by rule 2, or in place early enough for
//! the second half of rule 1 to advance it. (`invalidate` instead of an advance would leave the
//! stale load in place until it expires.)

pub mod bodies;
pub mod files;
pub mod follower;
pub mod live;
mod load;
pub mod offers;
mod renderings;
pub mod signatures;
pub mod waiters;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;

pub use crate::domain::cache::tenants;

use self::{
    bodies::Bodies,
    files::Files,
    live::Live,
    offers::Offers,
    signatures::Signer,
    tenants::{Seen, Tenants},
    waiters::Waiters,
};
use crate::{
    config,
    domain::{
        event::{Action, Recorded},
        ids::TenantName,
        snapshot::TenantSnapshot,
        tag::VersionTag,
    },
    resilience::{CallError, PoolReport, Workers},
    signing::SigningKey,
    store::{self, Visible, Way, router::Router},
    telemetry::names,
};

/// The reason why a tenant's snapshot cannot be returned. Cloned to every waiter of a failed load.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CacheError {
    /// Neither a replica nor the primary answered.
    #[error("the tenant could not be loaded: {0}")]
    Unavailable(Arc<CallError<store::Error>>),
    /// The newest snapshot available is older than the requested minimum.
    #[error("no snapshot as new as {minimum} is available")]
    Behind {
        /// The requested minimum.
        minimum: VersionTag,
        /// The tag of the newest snapshot available; `None` if there is no such tenant.
        current: Option<VersionTag>,
    },
    /// A snapshot could not be built: a defect.
    #[error("a snapshot could not be built: {0}")]
    Defect(String),
}

type LoadResult = Result<Option<Arc<TenantSnapshot>>, CacheError>;
type Load = Shared<BoxFuture<'static, LoadResult>>;

/// The routing cache of one instance.
pub struct Cache {
    router: Arc<Router>,
    /// The runtime that loads run on. A load must not run on the thread of its caller, which may
    /// end or be busy.
    runtime: tokio::runtime::Handle,
    tenants: Tenants,
    /// The workers that build snapshots and everything else that is large.
    pub workers: Arc<Workers>,
    /// The cached response bodies of snapshots and changes.
    pub bodies: Bodies,
    /// The configurations that Envoys get as a stream.
    pub offers: Offers,
    /// The signatures of snapshots, if there are keys.
    pub signer: Option<Signer>,
    /// The callers that wait for a tenant to change.
    pub waiters: Waiters,
    /// The live changes of all tenants, for those that watch them.
    pub live: Live,
    loading: Mutex<HashMap<TenantName, Load>>,
    hits: metrics::Counter,
    negative_ttl: Duration,
    min_revision_wait: Duration,
    refresh: Duration,
    started: Instant,
    /// Milliseconds from `started` to the primary's last confirmation of the resident tenants; 0
    /// before the first one.
    confirmed_ms: AtomicU64,
    files: Option<Arc<Files>>,
    /// Milliseconds from `started` to the last confirmation of the oldest snapshot that was
    /// restored from a file since the primary last confirmed. Mostly negative, because that
    /// confirmation is older than this process. `i64::MAX` if none was restored.
    restored_ms: AtomicI64,
    /// Tenants whose files are to be removed.
    gone: Mutex<Vec<TenantName>>,
    /// Tenants that were deleted, for [`Cache::take_ended`].
    ended: Mutex<Vec<(TenantName, Instant)>>,
}

impl Cache {
    /// Creates an empty cache. It loads through `router`, on the current runtime, and from `files`
    /// when no server answers. It signs snapshots with each of `keys`.
    pub fn new(
        router: Arc<Router>,
        settings: &config::Read,
        files: Option<Files>,
        keys: Vec<SigningKey>,
    ) -> Arc<Self> {
        let share = router.primary().policy().share();
        let workers = Arc::new(Workers::new(share));
        Arc::new(Self {
            router,
            runtime: tokio::runtime::Handle::current(),
            tenants: Tenants::new(settings.cache_bytes),
            bodies: Bodies::new(settings.body_bytes, workers.clone()),
            offers: Offers::new(settings.body_bytes, workers.clone()),
            signer: Signer::new(keys),
            workers,
            waiters: Waiters::new(settings.max_waiters, settings.max_waiters_per_tenant, share),
            live: Live::default(),
            loading: Mutex::default(),
            hits: metrics::counter!(names::CACHE_READS, "result" => "hit"),
            negative_ttl: settings.negative_ttl,
            min_revision_wait: settings.min_revision_wait,
            refresh: settings.refresh,
            started: Instant::now(),
            confirmed_ms: AtomicU64::new(0),
            files: files.map(Arc::new),
            restored_ms: AtomicI64::new(i64::MAX),
            gone: Mutex::default(),
            ended: Mutex::default(),
        })
    }

    /// Returns the tenant's snapshot, at least as new as `minimum` and as everything that this
    /// instance has seen of the tenant. `None`: the primary says that there is no such tenant.
    pub async fn get(
        self: &Arc<Self>,
        tenant: &TenantName,
        minimum: Option<&VersionTag>,
    ) -> LoadResult {
        let held = self.held(tenant.as_str());
        if held
            .as_ref()
            .is_some_and(|held| minimum.is_none_or(|minimum| held.tag().covers(minimum)))
        {
            return Ok(held);
        }
        // Large and rare, so boxed: not a part of every future that waits.
        match minimum {
            None => Box::pin(self.current(tenant)).await,
            Some(minimum) => Box::pin(self.at_least(tenant, minimum)).await,
        }
    }

    async fn at_least(self: &Arc<Self>, tenant: &TenantName, minimum: &VersionTag) -> LoadResult {
        let covers = |held: &Option<Arc<TenantSnapshot>>| {
            held.as_ref().is_some_and(|held| held.tag().covers(minimum))
        };
        let deadline = Instant::now() + self.min_revision_wait;
        loop {
            // Only the primary can say whether there is something newer. Its answer is final: a tag
            // is given out after its commit.
            match self.catch_up(tenant).await {
                Ok(current) if covers(&current) => return Ok(current),
                Ok(current) => {
                    let current = current.map(|snapshot| snapshot.tag().clone());
                    return Err(CacheError::Behind {
                        minimum: minimum.clone(),
                        current,
                    });
                }
                // The snapshot on disk may be new enough.
                Err(error) if Instant::now() >= deadline => {
                    return self.load(tenant).await.ok().filter(&covers).ok_or(error);
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Returns the tenant as the primary has it now.
    async fn catch_up(self: &Arc<Self>, tenant: &TenantName) -> LoadResult {
        let read =
            async |tx: &store::Transaction<'_>| store::tenants::tags(tx, &[tenant.as_str()]).await;
        let before = self.tenants.seen(tenant);
        let tags = self
            .router
            .primary()
            .read(&Visible::tenant(tenant), read)
            .await
            .map_err(|error| CacheError::Unavailable(Arc::new(error)))?;
        let Some((_, newest)) = tags.first() else {
            return if self.settle_absent(tenant, &before, None) {
                Ok(None)
            } else {
                self.load(tenant).await
            };
        };
        self.tenants.observe_read(tenant, newest, &before);
        match self.tenants.get(tenant.as_str()) {
            Some(held) if held.tag().covers(newest) => Ok(Some(held)),
            _ => self.load(tenant).await,
        }
    }

    /// Returns the state that this instance has seen of the tenant so far. Take it before a read,
    /// and compare the answer with it.
    pub fn seen(&self, tenant: &TenantName) -> Seen {
        self.tenants.seen(tenant)
    }

    /// Records a tag that was read. Another incarnation of the tenant that was observed while the
    /// read ran is newer than the read.
    pub fn observe_read(&self, tenant: &TenantName, tag: &VersionTag, before: &Seen) {
        self.tenants.observe_read(tenant, tag, before);
    }

    /// Returns the time since the primary last confirmed the cached snapshots, once that is longer
    /// than two refreshes and a second. Clients get it as the age. Until the primary has confirmed
    /// the snapshots restored from files, the oldest of those counts.
    pub fn stale_for(&self) -> Option<Duration> {
        let confirmed =
            i64::try_from(self.confirmed_ms.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let restored = self.restored_ms.load(Ordering::Relaxed);
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let age = elapsed.saturating_sub(confirmed.min(restored));
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        (restored < i64::MAX || age > self.refresh * 2 + Duration::from_secs(1)).then_some(age)
    }

    /// Returns whether there is any snapshot, in memory or on disk, to answer from without a
    /// server.
    pub fn has_anything(&self) -> bool {
        !self.is_empty() || self.files.as_ref().is_some_and(|files| files.has_any())
    }

    /// Writes the snapshots that changed since the last call to the files, if the primary has just
    /// confirmed them.
    pub async fn save(&self) {
        let Some(files) = self
            .files
            .clone()
            .filter(|_| self.confirmed_ms.load(Ordering::Relaxed) > 0)
        else {
            return;
        };
        let gone = std::mem::take(&mut *self.gone.lock());
        let gone: Vec<_> = gone
            .into_iter()
            .filter(|tenant| self.tenants.get(tenant.as_str()).is_none())
            .collect();
        let is_confirmed = self.stale_for().is_none();
        let held = if is_confirmed {
            self.tenants.resident()
        } else {
            Vec::new()
        };
        let held: Vec<_> = held
            .iter()
            .filter_map(|tenant| self.tenants.get(tenant.as_str()))
            .collect();
        let saved = tokio::task::spawn_blocking(move || {
            gone.iter().for_each(|tenant| files.remove(tenant));
            files.save(&held);
        });
        if let Err(error) = saved.await {
            tracing::error!(error = %error, "saving snapshots failed");
        }
    }

    /// Marks the files of tenants that are not resident and that the primary no longer knows.
    /// [`Cache::save`] removes them.
    pub async fn prune(&self) {
        let Some(files) = self.files.clone() else {
            return;
        };
        let tenants: Vec<_> = files
            .tenants()
            .into_iter()
            .filter(|tenant| self.tenants.get(tenant.as_str()).is_none())
            .collect();
        for chunk in tenants.chunks(1000) {
            let names: Vec<&str> = chunk.iter().map(TenantName::as_str).collect();
            let read = async |tx: &store::Transaction<'_>| store::tenants::tags(tx, &names).await;
            let Ok(known) = self
                .router
                .primary()
                .read(&Visible::tenants(chunk), read)
                .await
            else {
                return;
            };
            let gone = chunk
                .iter()
                .filter(|tenant| known.iter().all(|(name, _)| name != *tenant))
                .cloned();
            self.gone.lock().extend(gone);
        }
    }

    /// Returns the bytes of snapshots, response bodies and live changes, with their limits.
    pub fn held_bytes(&self) -> [PoolReport; 5] {
        [
            PoolReport::bytes("snapshots", self.tenants.weight(), self.tenants.capacity()),
            self.bodies.held_bytes(),
            self.bodies.renderings.held_bytes(),
            self.offers.held_bytes(),
            self.live.held_bytes(),
        ]
    }

    /// Returns the number of resident tenants.
    pub fn len(&self) -> usize {
        self.tenants.len()
    }

    /// Returns true when no tenant is resident.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the tenant's snapshot if it is resident: at once, the same answer as [`Cache::get`]
    /// without a minimum.
    pub fn held(&self, tenant: &str) -> Option<Arc<TenantSnapshot>> {
        let held = self.tenants.get(tenant)?;
        self.hits.increment(1);
        Some(held)
    }

    /// Returns the result of `read` on the resident snapshot. Does not even count a hit.
    pub fn with_held<T>(
        &self,
        tenant: &str,
        read: impl FnOnce(&Arc<TenantSnapshot>) -> T,
    ) -> Option<T> {
        self.tenants.with(tenant, read)
    }

    /// Weighs a tenant's snapshot again, after something that it holds has grown.
    pub fn weigh_again(&self, tenant: &TenantName) {
        self.tenants.weigh_again(tenant);
    }

    /// Begins a new incarnation of the tenant: snapshots of an earlier one are no longer served.
    pub fn begin(&self, tenant: &TenantName, tag: &VersionTag) {
        self.tenants.observe(tenant, tag, Instant::now());
        self.tenants.begin(tenant, tag);
        self.waiters.wake(tenant);
    }

    /// Advances a tenant by its own committed events, in their order.
    pub fn apply(&self, tenant: &TenantName, events: &[&Recorded]) {
        let Some(last) = events.last() else { return };
        if last.event.body.action == Action::TenantDeleted {
            self.ended.lock().push((tenant.clone(), Instant::now()));
        }
        self.tenants
            .observe(tenant, &last.event.tag(), Instant::now());
        self.live.publish(tenant, events);
        if let Some(result) = self.tenants.advance(tenant, events) {
            metrics::counter!(names::CACHE_EVENTS, "result" => result).increment(1);
        }
        self.waiters.wake(tenant);
    }

    /// Returns the tenants that this instance has learnt since the last call to be deleted, and when.
    pub fn take_ended(&self) -> Vec<(TenantName, Instant)> {
        std::mem::take(&mut self.ended.lock())
    }

    /// Forgets a deleted tenant: its cached snapshot must not be served.
    pub fn forget(&self, tenant: &TenantName) {
        self.tenants.forget(tenant, Instant::now());
        self.end(tenant);
    }

    /// Compares every tenant that is resident or has waiters with the primary, and loads those that
    /// are behind. The cached snapshots are confirmed when this has succeeded for all of them.
    pub async fn refresh(self: &Arc<Self>) {
        self.tenants.tick();
        let mut tenants = self.tenants.resident();
        metrics::gauge!(names::CACHE_TENANTS).set(tenants.len() as f64);
        // Tenants with waiters are refreshed, resident or not.
        tenants.extend(
            self.waiters
                .tenants()
                .into_iter()
                .filter(|tenant| self.tenants.get(tenant.as_str()).is_none()),
        );
        let (started, restored) = (
            self.started.elapsed(),
            self.restored_ms.load(Ordering::Relaxed),
        );
        let mut is_whole = true;
        for chunk in tenants.chunks(1000) {
            match self.refresh_tags(chunk).await {
                Ok(is_loaded) => is_whole &= is_loaded,
                Err(error) => {
                    tracing::debug!(error = %error, "resident tenants could not be compared with the primary");
                    return;
                }
            }
        }
        if !is_whole {
            return;
        }
        if tenants.is_empty()
            && self
                .router
                .primary()
                .read_background(&Visible::no_tenants(), ping)
                .await
                .is_err()
        {
            return;
        }
        self.confirmed_ms.store(
            u64::try_from(started.as_millis())
                .unwrap_or(u64::MAX)
                .max(1),
            Ordering::Relaxed,
        );
        // Not cleared if an older snapshot was restored in the meantime.
        let _ = self.restored_ms.compare_exchange(
            restored,
            i64::MAX,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// Loads every tenant that is behind, even if the load of another one fails. Returns false when
    /// a load failed.
    async fn refresh_tags(
        self: &Arc<Self>,
        tenants: &[TenantName],
    ) -> Result<bool, CallError<store::Error>> {
        let mut is_loaded = true;
        let names: Vec<&str> = tenants.iter().map(TenantName::as_str).collect();
        let before: Vec<Seen> = tenants
            .iter()
            .map(|tenant| self.tenants.seen(tenant))
            .collect();
        let read = async |tx: &store::Transaction<'_>| store::tenants::tags(tx, &names).await;
        let tags: HashMap<TenantName, VersionTag> = self
            .router
            .primary()
            .read_background(&Visible::tenants(tenants), read)
            .await?
            .into_iter()
            .collect();
        let undone = |(tenant, before): &(&TenantName, &Seen)| {
            tags.get(*tenant)
                .is_some_and(|tag| before.is_undone_by(tag))
        };
        let undone = tenants.iter().zip(&before).filter(undone).count();
        if undone > 0 {
            tracing::error!(
                tenants = undone,
                "the primary has older revisions than before: after a restore from a backup, run `traffic-manager mark-restored`"
            );
        }
        for (tenant, before) in tenants.iter().zip(&before) {
            let held = self.tenants.get(tenant.as_str());
            match tags.get(tenant) {
                None => drop(self.settle_absent(tenant, before, None)),
                Some(newest) if held.is_some_and(|held| held.tag().covers(newest)) => {}
                Some(newest) => {
                    self.tenants.observe_read(tenant, newest, before);
                    // A maintenance connection does not wait behind requests.
                    if let Err(error) = self.load_by(Way::Background, tenant).await {
                        tracing::debug!(error = %error, "a resident tenant is behind the primary and could not be loaded");
                        is_loaded = false;
                    }
                }
            }
        }
        Ok(is_loaded)
    }

    async fn current(self: &Arc<Self>, tenant: &TenantName) -> LoadResult {
        if self.tenants.is_absent(tenant, Instant::now()) {
            metrics::counter!(names::CACHE_READS, "result" => "negative").increment(1);
            return Ok(None);
        }
        metrics::counter!(names::CACHE_READS, "result" => "miss").increment(1);
        self.load(tenant).await
    }

    /// Stops serving the tenant, and marks its files for removal, so that it is not served after
    /// the next start either.
    fn end(&self, tenant: &TenantName) {
        self.ended.lock().push((tenant.clone(), Instant::now()));
        self.tenants.end(tenant);
        self.waiters.wake(tenant);
        if self.files.as_ref().is_some_and(|files| files.has(tenant)) {
            self.gone.lock().push(tenant.clone());
        }
    }
}

async fn ping(tx: &store::Transaction<'_>) -> Result<(), store::Error> {
    tx.execute("select 1", &[]).await?;
    Ok(())
}
