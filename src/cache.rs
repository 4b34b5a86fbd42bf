//! The read path: one immutable snapshot per resident tenant, moved forward and never back.
//!
//! ```text
//!  own writes (after commit) ─┐
//!  other instances' (Kafka)  ─┼─► apply ─► known ─► resident snapshot ─► resolve, snapshot
//!  safety read (1 s)         ─┘              ▲
//!  a miss ─► load: fresh replica, else primary┘
//! ```
//!
//! `known` is the newest tag seen of each tenant. Three rules make "never backwards" hold however loads and changes race:
//!
//! 1. whoever learns of a tag raises `known` first, and only then touches the resident snapshot;
//! 2. a load puts its snapshot in place under the key's lock, and only if `known` is not newer by then;
//! 3. a load takes itself off the list of running ones in that same moment, so that nobody is given what had been decided before
//!    they asked.
//!
//! So a load that read before a commit is either refused by rule 2, or in place early enough for rule 1's second half to move it on.
//! (`invalidate` instead of moving on would leave the stale load in place until its time is up.)

pub mod bodies;
pub mod follower;
mod resident;
pub mod waiters;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt as _, Shared};

use self::{
    bodies::Bodies,
    resident::{Becomes, Resident},
    waiters::Waiters,
};
use crate::{
    config::{self, ms},
    domain::{
        event::Recorded,
        ids::TenantName,
        snapshot::{Applied, TenantContent, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::CallError,
    store::{self, router::Router, router::Source},
    telemetry::names,
};

/// Why a tenant's snapshot cannot be had. Cloned to every waiter of a failed load.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CacheError {
    /// Neither a replica nor the primary answered.
    #[error("the tenant could not be loaded: {0}")]
    Unavailable(Arc<CallError<store::Error>>),
    /// What can be had is older than the minimum that was asked for.
    #[error("nothing as new as {minimum} could be had")]
    Behind {
        /// What was asked for.
        minimum: VersionTag,
        /// What could be had.
        current: Option<VersionTag>,
    },
    /// A snapshot could not be built: a defect.
    #[error("a snapshot could not be built: {0}")]
    Defect(String),
}

type LoadResult = Result<Option<Arc<TenantSnapshot>>, CacheError>;
type Load = Shared<BoxFuture<'static, LoadResult>>;

/// Loads tried when changes keep overtaking them.
const LOAD_ATTEMPTS: usize = 5;

/// How long no replica is believed that still has a tenant that is gone. Longer than any lag that passes for fresh.
const DISTRUST: Duration = Duration::from_secs(3600);

/// What this instance had seen of a tenant when it began to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    known: Option<VersionTag>,
    absent: Option<Instant>,
}

impl Seen {
    /// Whether a replica's answer of that tag is at least as new as what was seen.
    pub fn accepts(&self, tag: &VersionTag) -> bool {
        match &self.known {
            Some(known) => tag.covers(known),
            None => self.absent.is_none(),
        }
    }
}

/// The routing cache of one instance.
pub struct Cache {
    router: Arc<Router>,
    /// Where loads run: not on the thread of whoever asks, which may end or be busy.
    runtime: tokio::runtime::Handle,
    resident: Resident,
    /// The bytes of snapshots.
    pub bodies: Bodies,
    /// Who waits for tenants to move.
    pub waiters: Waiters,
    /// Tenants that are gone or that the primary did not know, and until when that is believed without asking again. A tenant in
    /// here is not in `known`, and a replica that still has it is only behind. Written only under `known`'s lock.
    absent: moka::sync::Cache<TenantName, Instant>,
    known: Mutex<HashMap<TenantName, VersionTag>>,
    loading: Mutex<HashMap<TenantName, Load>>,
    hits: metrics::Counter,
    negative_ttl: Duration,
    min_revision_wait: Duration,
    refresh: Duration,
    started: Instant,
    /// Milliseconds after `started` when the primary last confirmed the resident tenants.
    confirmed_ms: AtomicU64,
}

impl Cache {
    /// An empty cache that loads through `router`, on the runtime that this is called in.
    pub fn new(router: Arc<Router>, settings: &config::Read) -> Arc<Self> {
        Arc::new(Self {
            router,
            runtime: tokio::runtime::Handle::current(),
            resident: Resident::new(settings.cache_bytes),
            bodies: Bodies::new(settings.body_bytes),
            waiters: Waiters::new(settings.max_waiters, settings.max_waiters_per_tenant),
            absent: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(DISTRUST).build(),
            known: Mutex::default(),
            loading: Mutex::default(),
            hits: metrics::counter!(names::CACHE_READS, "result" => "hit"),
            negative_ttl: ms(settings.negative_ttl_ms),
            min_revision_wait: ms(settings.min_revision_wait_ms),
            refresh: ms(settings.refresh_ms),
            started: Instant::now(),
            confirmed_ms: AtomicU64::new(0),
        })
    }

    /// The tenant's snapshot, at least as new as `minimum` and as everything that this instance has seen of the tenant.
    /// `None`: the primary says that there is no such tenant.
    pub async fn get(self: &Arc<Self>, tenant: &TenantName, minimum: Option<&VersionTag>) -> LoadResult {
        let held = self.held(tenant.as_str());
        if held.as_ref().is_some_and(|held| minimum.is_none_or(|minimum| held.tag().covers(minimum))) {
            return Ok(held);
        }
        // Large and rare: not a part of every future that waits.
        match minimum {
            None => Box::pin(self.current(tenant)).await,
            Some(minimum) => Box::pin(self.at_least(tenant, minimum)).await,
        }
    }

    async fn at_least(self: &Arc<Self>, tenant: &TenantName, minimum: &VersionTag) -> LoadResult {
        let covers = |held: &Option<Arc<TenantSnapshot>>| held.as_ref().is_some_and(|held| held.tag().covers(minimum));
        let deadline = Instant::now() + self.min_revision_wait;
        loop {
            // Only the primary can say whether there is something newer. What it says stands: a tag is given out after its commit.
            match self.catch_up(tenant).await {
                Ok(current) if covers(&current) => return Ok(current),
                Ok(current) => {
                    let current = current.map(|snapshot| snapshot.tag().clone());
                    return Err(CacheError::Behind { minimum: minimum.clone(), current });
                }
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// The tenant as the primary has it now.
    async fn catch_up(self: &Arc<Self>, tenant: &TenantName) -> LoadResult {
        let read = async |client: Arc<store::Connection>| store::tenants::tags(&client, &[tenant.as_str()]).await;
        let before = self.seen(tenant);
        let tags = self.router.primary().read(read).await.map_err(|error| CacheError::Unavailable(Arc::new(error)))?;
        let Some((_, newest)) = tags.first() else {
            return if self.settle_absent(tenant, &before, None) { Ok(None) } else { self.load(tenant).await };
        };
        self.observe_read(tenant, newest, &before);
        match self.resident.get(tenant.as_str()) {
            Some(held) if held.tag().covers(newest) => Ok(Some(held)),
            _ => self.load(tenant).await,
        }
    }

    /// What this instance has seen of the tenant by now. To be taken before a read, and to hold its answer against.
    pub fn seen(&self, tenant: &TenantName) -> Seen {
        let known = self.lock_known();
        Seen { known: known.get(tenant).cloned(), absent: self.absent.get(tenant) }
    }

    /// How long ago the primary last confirmed what is held, once that is longer than two refreshes and a second: the age to tell
    /// clients.
    pub fn stale_for(&self) -> Option<Duration> {
        let confirmed = Duration::from_millis(self.confirmed_ms.load(Ordering::Relaxed));
        let age = self.started.elapsed().saturating_sub(confirmed);
        (age > self.refresh * 2 + Duration::from_secs(1)).then_some(age)
    }

    /// Resident tenants.
    pub fn len(&self) -> usize {
        self.resident.len()
    }

    /// True when no tenant is resident.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tenant's snapshot if it is resident: what [`Cache::get`] without a minimum would answer, at once.
    pub fn held(&self, tenant: &str) -> Option<Arc<TenantSnapshot>> {
        let held = self.resident.get(tenant)?;
        self.hits.increment(1);
        Some(held)
    }

    /// A life of the tenant has begun: nothing of an earlier one is to be served.
    pub fn begin(&self, tenant: &TenantName, tag: &VersionTag) {
        self.observe(tenant, tag);
        self.resident.change(tenant, |held| match held {
            Some(held) if held.tag().epoch != tag.epoch => Becomes::Gone,
            _ => Becomes::Same,
        });
        self.waiters.wake(tenant);
    }

    /// Moves a tenant forward by events of its that were committed, in their order.
    pub fn apply(&self, tenant: &TenantName, events: &[&Recorded]) {
        let Some(last) = events.last() else { return };
        self.observe(tenant, &last.event.tag());
        self.resident.change(tenant, |held| match held.map(|held| held.apply(events.iter().copied())) {
            None => Becomes::Same,
            Some(Ok(Applied::Known)) => applied("known", Becomes::Same),
            Some(Ok(Applied::Next(next))) => applied("next", Becomes::Next(Arc::new(next))),
            Some(Ok(Applied::Gap) | Err(_)) => applied("gap", Becomes::Gone),
        });
        self.waiters.wake(tenant);
    }

    /// The tenant is gone: what is held of it must not be served.
    pub fn forget(&self, tenant: &TenantName) {
        {
            let mut known = self.lock_known();
            known.remove(tenant);
            // Nothing is answered from this: the next read asks the primary, which may know the tenant's next life already.
            self.absent.insert(tenant.clone(), Instant::now());
        }
        self.resident.change(tenant, |_| Becomes::Gone);
        self.waiters.wake(tenant);
    }

    /// Notes that `tag` of the tenant exists. A tag of another epoch replaces what was known.
    pub fn observe(&self, tenant: &TenantName, tag: &VersionTag) {
        self.raise(&mut self.lock_known(), tenant, tag);
    }

    /// The same for a tag that was read. What was learnt of another life of the tenant while the read ran is newer than the read.
    pub fn observe_read(&self, tenant: &TenantName, tag: &VersionTag, before: &Seen) {
        let mut known = self.lock_known();
        let undoes = match known.get(tenant) {
            Some(newest) => newest.epoch != tag.epoch && Some(newest) != before.known.as_ref(),
            None => self.absent.get(tenant) != before.absent,
        };
        if !undoes {
            self.raise(&mut known, tenant, tag);
        }
    }

    fn raise(&self, known: &mut HashMap<TenantName, VersionTag>, tenant: &TenantName, tag: &VersionTag) {
        if !known.get(tenant).is_some_and(|newest| newest.covers(tag)) {
            known.insert(tenant.clone(), tag.clone());
            self.absent.invalidate(tenant);
        }
    }

    /// Compares every tenant that is resident or waited for with the primary, and brings those that are behind up to date.
    pub async fn refresh(self: &Arc<Self>) {
        self.resident.tick();
        let mut tenants = self.resident.tenants();
        metrics::gauge!(names::CACHE_TENANTS).set(tenants.len() as f64);
        // Whoever is waited for is looked after, resident or not.
        tenants.extend(self.waiters.tenants().into_iter().filter(|tenant| self.resident.get(tenant.as_str()).is_none()));
        let started = self.started.elapsed();
        for chunk in tenants.chunks(1000) {
            if let Err(error) = self.refresh_tags(chunk).await {
                tracing::debug!(error = %error, "resident tenants could not be compared with the primary");
                return;
            }
        }
        if tenants.is_empty() && self.router.primary().read(async |client| ping(&client).await).await.is_err() {
            return;
        }
        self.confirmed_ms.store(u64::try_from(started.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    async fn refresh_tags(self: &Arc<Self>, tenants: &[TenantName]) -> Result<(), CallError<store::Error>> {
        let names: Vec<&str> = tenants.iter().map(TenantName::as_str).collect();
        let before: Vec<Seen> = tenants.iter().map(|tenant| self.seen(tenant)).collect();
        let read = async |client: Arc<store::Connection>| store::tenants::tags(&client, &names).await;
        let tags: HashMap<TenantName, VersionTag> = self.router.primary().read(read).await?.into_iter().collect();
        for (tenant, before) in tenants.iter().zip(&before) {
            let held = self.resident.get(tenant.as_str());
            match tags.get(tenant) {
                None => drop(self.settle_absent(tenant, before, None)),
                Some(newest) if held.is_some_and(|held| held.tag().covers(newest)) => {}
                Some(newest) => {
                    self.observe_read(tenant, newest, before);
                    let _ = self.load(tenant).await;
                }
            }
        }
        Ok(())
    }

    async fn current(self: &Arc<Self>, tenant: &TenantName) -> LoadResult {
        if self.absent.get(tenant).is_some_and(|until| Instant::now() < until) {
            metrics::counter!(names::CACHE_READS, "result" => "negative").increment(1);
            return Ok(None);
        }
        metrics::counter!(names::CACHE_READS, "result" => "miss").increment(1);
        self.load(tenant).await
    }

    /// One load at a time per tenant; everyone who asks meanwhile shares its result. It runs on its own task, so that it neither
    /// stops with the one who asked first nor lies half done until somebody asks again.
    async fn load(self: &Arc<Self>, tenant: &TenantName) -> LoadResult {
        let load = {
            let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            let start = || {
                let (cache, tenant) = (self.clone(), tenant.clone());
                let task = self.runtime.spawn(async move {
                    let running = Running { cache: &cache, tenant: &tenant, is_listed: AtomicBool::new(true) };
                    cache.load_once(&tenant, &running).await
                });
                async move { task.await.unwrap_or_else(|error| Err(CacheError::Defect(error.to_string()))) }.boxed().shared()
            };
            loading.entry(tenant.clone()).or_insert_with(start).clone()
        };
        load.await
    }

    async fn load_once(&self, tenant: &TenantName, running: &Running<'_>) -> LoadResult {
        for _ in 0..LOAD_ATTEMPTS {
            let before = self.seen(tenant);
            // A replica that does not know the tenant may only be behind.
            let accept = |loaded: &Option<TenantContent>| loaded.as_ref().is_some_and(|content| before.accepts(&content.tag));
            let read = async |client: Arc<store::Connection>| store::routes::snapshot(&client, tenant).await;
            let loaded = self.router.read(accept, read).await.map_err(|error| CacheError::Unavailable(Arc::new(error)))?;
            let source = if loaded.1 == Source::Primary { "primary" } else { "replica" };
            metrics::counter!(names::CACHE_LOADS, "source" => source).increment(1);
            let Some(content) = loaded.0 else {
                if self.settle_absent(tenant, &before, Some(running)) {
                    return Ok(None);
                }
                continue;
            };
            let snapshot = self.built(tenant, content).await?;
            if let Some(settled) = self.settle(tenant, &snapshot, &before, running) {
                return Ok(Some(settled));
            }
        }
        Err(CacheError::Unavailable(Arc::new(CallError::Failed(store::Error::unavailable("changes keep overtaking the load")))))
    }

    /// A snapshot of what was loaded. A large one takes milliseconds, so it is built where it holds up no request.
    async fn built(&self, tenant: &TenantName, content: TenantContent) -> Result<Arc<TenantSnapshot>, CacheError> {
        let tenant = tenant.clone();
        let built = tokio::task::spawn_blocking(move || TenantSnapshot::new(tenant, content)).await;
        let defect = |error: &dyn std::error::Error| CacheError::Defect(error.to_string());
        built.map_err(|error| defect(&error))?.map(Arc::new).map_err(|error| defect(&error))
    }

    /// Puts a loaded snapshot in place, unless something newer is known by now; `None` asks for another load.
    fn settle(
        &self, tenant: &TenantName, loaded: &Arc<TenantSnapshot>, before: &Seen, running: &Running<'_>,
    ) -> Option<Arc<TenantSnapshot>> {
        let mut settled = None;
        self.resident.change(tenant, |held| {
            let held = held.filter(|held| held.tag().covers(loaded.tag()));
            let is_held = held.is_some();
            let newer = held.unwrap_or_else(|| loaded.clone());
            let mut known = self.lock_known();
            let is_newest = match known.get(tenant) {
                Some(newest) if newer.tag().epoch == newest.epoch => newer.tag().covers(newest),
                // Of another epoch than what was known before the load and still is: only the primary can have said so.
                Some(newest) => Some(newest) == before.known.as_ref(),
                // Nothing is known; so it was when the load began, or the tenant has gone since.
                None => before.known.is_none() && self.absent.get(tenant) == before.absent,
            };
            if !is_newest {
                return Becomes::Same;
            }
            running.end();
            known.insert(tenant.clone(), newer.tag().clone());
            self.absent.invalidate(tenant);
            settled = Some(newer.clone());
            if is_held { Becomes::Same } else { Becomes::Next(newer) }
        });
        if settled.is_some() {
            self.waiters.wake(tenant);
        }
        settled
    }

    /// Notes that the primary does not know the tenant, unless somebody learnt of it in the meantime.
    fn settle_absent(&self, tenant: &TenantName, before: &Seen, running: Option<&Running<'_>>) -> bool {
        {
            let mut known = self.lock_known();
            if known.get(tenant) != before.known.as_ref() {
                return false;
            }
            if let Some(running) = running {
                running.end();
            }
            known.remove(tenant);
            self.absent.insert(tenant.clone(), Instant::now() + self.negative_ttl);
        }
        self.resident.change(tenant, |_| Becomes::Gone);
        self.waiters.wake(tenant);
        true
    }

    fn lock_known(&self) -> MutexGuard<'_, HashMap<TenantName, VersionTag>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A load on the list of running ones. It is taken off in the moment when its result is decided, under `known`'s lock: whoever asks
/// after that may have seen something newer already, and must not be given it.
struct Running<'a> {
    cache: &'a Cache,
    tenant: &'a TenantName,
    is_listed: AtomicBool,
}

impl Running<'_> {
    fn end(&self) {
        // Once: another load of the tenant may be on the list by the second time.
        if self.is_listed.swap(false, Ordering::SeqCst) {
            self.cache.loading.lock().unwrap_or_else(PoisonError::into_inner).remove(self.tenant);
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

fn applied(result: &'static str, becomes: Becomes) -> Becomes {
    metrics::counter!(names::CACHE_APPLIED, "result" => result).increment(1);
    becomes
}

async fn ping(client: &store::Connection) -> Result<(), store::Error> {
    client.execute("select 1", &[]).await?;
    Ok(())
}
