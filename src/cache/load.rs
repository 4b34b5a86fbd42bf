//! Loads of a snapshot: from a fresh replica, else the primary, else the file; put in place only if
//! nothing newer is known by then.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use futures_util::future::FutureExt as _;

use super::{Cache, CacheError, LoadResult, tenants::Seen};
use crate::{
    domain::{
        ids::TenantName,
        snapshot::{TenantContent, TenantSnapshot},
    },
    resilience::{CallError, Payer},
    store::{self, Visible, Way, router::Source},
    telemetry::names,
};

/// Attempts of a load when changes keep overtaking it.
const LOAD_ATTEMPTS: usize = 5;

impl Cache {
    /// Loads a tenant. Only one load runs at a time per tenant, and all callers that ask meanwhile
    /// share its result. The load runs on its own task, so that it does not stop with the first
    /// caller or lie half done until the next caller asks.
    pub(super) async fn load(self: &Arc<Self>, tenant: &TenantName) -> LoadResult {
        self.load_by(Way::Queue, tenant).await
    }

    /// Loads a tenant like `load`, by the given way to the servers. A load of the tenant that is
    /// already running keeps its own way.
    pub(super) async fn load_by(self: &Arc<Self>, way: Way, tenant: &TenantName) -> LoadResult {
        let load = {
            let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            let start = || {
                let (cache, tenant, payer) = (self.clone(), tenant.clone(), Payer::of_load(tenant));
                let task = self.runtime.spawn(payer.scope(async move {
                    let running = RunningLoad {
                        cache: &cache,
                        tenant: &tenant,
                        is_listed: AtomicBool::new(true),
                    };
                    cache.load_once(way, &tenant, &running).await
                }));
                async move {
                    task.await
                        .unwrap_or_else(|error| Err(CacheError::Defect(error.to_string())))
                }
                .boxed()
                .shared()
            };
            loading.entry(tenant.clone()).or_insert_with(start).clone()
        };
        load.await
    }

    async fn load_once(
        &self,
        way: Way,
        tenant: &TenantName,
        running: &RunningLoad<'_>,
    ) -> LoadResult {
        for _ in 0..LOAD_ATTEMPTS {
            let before = self.tenants.seen(tenant);
            // A replica that does not know the tenant may only be behind.
            let accept = |loaded: &Option<TenantContent>| {
                loaded
                    .as_ref()
                    .is_some_and(|content| before.accepts(&content.tag))
            };
            // Owned: the compiler cannot prove that a future that borrows the name is `Send`.
            let wanted = tenant.clone();
            let read =
                async move |tx: &store::Transaction<'_>| store::routes::snapshot(tx, &wanted).await;
            let loaded = match self
                .router
                .read_by(way, &Visible::tenant(tenant), accept, read)
                .await
            {
                Ok(loaded) => loaded,
                Err(error) => {
                    let restored = self
                        .restore(tenant)
                        .await?
                        .filter(|restored| before.accepts(restored.tag()));
                    let settled = restored
                        .and_then(|restored| self.settle(tenant, &restored, &before, running));
                    return settled
                        .map(Some)
                        .ok_or_else(|| CacheError::Unavailable(Arc::new(error)));
                }
            };
            let source = if loaded.1 == Source::Primary {
                "primary"
            } else {
                "replica"
            };
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
        Err(CacheError::Unavailable(Arc::new(CallError::Failed(
            store::Error::unavailable("the tenant changes faster than it is loaded"),
        ))))
    }

    /// Builds a snapshot of the loaded content. A large one takes milliseconds, so a worker builds
    /// it and no request is held up.
    async fn built(
        &self,
        tenant: &TenantName,
        content: TenantContent,
    ) -> Result<Arc<TenantSnapshot>, CacheError> {
        let tenant = tenant.clone();
        let built = self
            .workers
            .run(move || TenantSnapshot::new(tenant, content))
            .await;
        let defect = |error: &dyn std::error::Error| CacheError::Defect(error.to_string());
        built
            .map_err(|error| defect(&error))?
            .map(Arc::new)
            .map_err(|error| defect(&error))
    }

    /// Puts a loaded snapshot in place, unless something newer is known by now; `None` asks for
    /// another load.
    fn settle(
        &self,
        tenant: &TenantName,
        loaded: &Arc<TenantSnapshot>,
        before: &Seen,
        running: &RunningLoad<'_>,
    ) -> Option<Arc<TenantSnapshot>> {
        let settled = self
            .tenants
            .settle(tenant, loaded, before, || running.end());
        if settled.is_some() {
            self.waiters.wake(tenant);
        }
        settled
    }

    /// Records that the primary does not know the tenant, unless the tenant was observed in the
    /// meantime (then returns false).
    pub(super) fn settle_absent(
        &self,
        tenant: &TenantName,
        before: &Seen,
        running: Option<&RunningLoad<'_>>,
    ) -> bool {
        let decided = || running.into_iter().for_each(RunningLoad::end);
        let is_settled =
            self.tenants
                .settle_absent(tenant, before, Instant::now(), self.negative_ttl, decided);
        if is_settled {
            self.end(tenant);
        }
        is_settled
    }

    /// Restores a tenant from its file, for when no server answers.
    async fn restore(
        &self,
        tenant: &TenantName,
    ) -> Result<Option<Arc<TenantSnapshot>>, CacheError> {
        let Some(files) = self.files.clone() else {
            return Ok(None);
        };
        let asked = tenant.clone();
        let read = tokio::task::spawn_blocking(move || files.read(&asked)).await;
        let Some((content, confirmed)) =
            read.map_err(|error| CacheError::Defect(error.to_string()))?
        else {
            return Ok(None);
        };
        let age =
            i64::try_from(confirmed.elapsed().unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
        let now = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.restored_ms
            .fetch_min(now.saturating_sub(age), Ordering::Relaxed);
        let snapshot = self.built(tenant, content).await?;
        tracing::warn!(tenant = tenant.as_str(), tag = %snapshot.tag(), "no PostgreSQL server answers: a tenant was loaded from its snapshot file");
        Ok(Some(snapshot))
    }
}

/// A load on the list of running loads. It leaves the list at the moment when its result is
/// decided, under `known`'s lock: a caller that asks later may have seen something newer already
/// and must not get this result.
pub(super) struct RunningLoad<'a> {
    cache: &'a Cache,
    tenant: &'a TenantName,
    is_listed: AtomicBool,
}

impl RunningLoad<'_> {
    fn end(&self) {
        // Only once: by the second call another load of the tenant may be on the list.
        if self.is_listed.swap(false, Ordering::SeqCst) {
            self.cache
                .loading
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(self.tenant);
        }
    }
}

impl Drop for RunningLoad<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
