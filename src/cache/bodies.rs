//! Caches response bodies: snapshots, plain and compressed, and compressed changes.
//!
//! Each body is made on the first request, once per revision, scope, format and coding, and dropped
//! after a minute without requests. The plain documents of proxies are with their renderers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use moka::future::Cache;
use traffic_manager_dataplane::{Body, Dialect, Settings, native, report::Report};

use super::renderings::Renderings;
use crate::{
    coding::{Coding, Effort},
    domain::{
        ids::TenantName,
        snapshot::{Scope, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::{PoolReport, Workers},
};

/// A format in which data planes read a scope of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Format {
    /// The service's own JSON.
    Native,
    /// The document of a dialect.
    Proxy(Dialect, Settings),
}

/// Identifies a body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BodyKey {
    tenant: TenantName,
    scope: Scope,
    format: Format,
    /// The revision that the client has after reading it.
    to: VersionTag,
    of: Of,
    coding: Coding,
}

impl BodyKey {
    /// Returns the key of a snapshot's body.
    fn of(snapshot: &TenantSnapshot, scope: &Scope, format: Format, coding: Coding) -> Self {
        Self {
            tenant: snapshot.tenant().clone(),
            scope: scope.clone(),
            format,
            to: snapshot.scope_tag(scope),
            of: Of::Snapshot,
            coding,
        }
    }
}

/// The kind of answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Of {
    /// A snapshot of the scope.
    Snapshot,
    /// The changes after a tag.
    Changes {
        /// The `after` of the request.
        after: VersionTag,
        /// Whether the answer reaches the tenant's newest revision.
        complete: bool,
    },
    /// The snapshot, sent instead of changes that are no longer kept.
    Reset {
        /// The `after` of the request.
        after: VersionTag,
    },
}

/// Snapshots with more routes than this are serialised by the workers, so that they hold up no
/// other request. Compression always runs there.
const LARGE: usize = 500;

/// Bodies that were not requested for this time are dropped. Most bodies of earlier revisions end
/// that way.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// The bodies of one instance.
pub struct Bodies {
    made: Cache<BodyKey, Bytes>,
    bytes: u64,
    workers: Arc<Workers>,
    /// The renderers of the documents of proxies.
    pub(super) renderings: Renderings,
}

impl Bodies {
    /// Creates a cache with room for `bytes` bytes. `workers` make the bodies.
    pub fn new(bytes: u64, workers: Arc<Workers>) -> Self {
        let weigh = |_: &BodyKey, body: &Bytes| u32::try_from(body.len() + 256).unwrap_or(u32::MAX);
        Self {
            made: Cache::builder()
                .max_capacity(bytes)
                .weigher(weigh)
                .time_to_idle(IDLE)
                .build(),
            bytes,
            renderings: Renderings::new(bytes, workers.clone()),
            workers,
        }
    }

    /// Returns the number of bytes held, with its limit.
    pub fn held_bytes(&self) -> PoolReport {
        PoolReport::bytes("snapshot_bodies", self.made.weighted_size(), self.bytes)
    }

    /// Drops idle bodies and renderers. moka expires entries only during other calls, so without
    /// traffic they would stay.
    pub async fn drop_idle(&self) {
        self.made.run_pending_tasks().await;
        self.renderings.drop_idle();
    }

    /// Returns the body of a snapshot's scope in a coding, if it is kept.
    pub fn held(&self, snapshot: &TenantSnapshot, scope: &Scope, coding: Coding) -> Option<Bytes> {
        let key = BodyKey::of(snapshot, scope, Format::Native, coding);
        self.made.get(&key).now_or_never().flatten()
    }

    /// Returns the body of a snapshot's scope in a coding. Concurrent requests share one encoding.
    pub async fn get(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        coding: Coding,
    ) -> Result<Bytes, Arc<std::io::Error>> {
        let is_quick = coding == Coding::Identity && snapshot.route_count() <= LARGE;
        let key = BodyKey::of(snapshot, scope, Format::Native, coding);
        let (snapshot, scope) = (snapshot.clone(), scope.clone());
        let body = move || Ok(native::snapshot(&snapshot, &scope).into());
        if is_quick {
            return self.made.try_get_with(key, async move { body() }).await;
        }
        self.get_or_encode(key, body).await
    }

    /// Returns the document of a dialect for a snapshot's scope in a coding. Concurrent requests
    /// share one rendering and one encoding.
    pub async fn document(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        dialect: Dialect,
        settings: Settings,
        coding: Coding,
    ) -> Result<Body, Arc<std::io::Error>> {
        let rendered = self
            .renderings
            .body(snapshot, scope, dialect, settings.clone());
        if coding == Coding::Identity {
            return rendered.await.map_err(Arc::new);
        }
        let format = Format::Proxy(dialect, settings);
        let key = BodyKey::of(snapshot, scope, format, coding);
        let workers = self.workers.clone();
        let make = async move {
            let body = rendered.await?;
            let encode = move || coding.encode_blocks(body.blocks(), Effort::Kept);
            let made = workers.run(encode).await;
            made.map_err(std::io::Error::other).flatten()
        };
        self.made.try_get_with(key, make).await.map(Body::from)
    }

    /// Returns what a dialect makes of each policy of a snapshot's scope.
    pub async fn report(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        dialect: Dialect,
        settings: Settings,
    ) -> std::io::Result<Report> {
        self.renderings
            .report(snapshot, scope, dialect, settings)
            .await
    }

    /// Returns `body` in a coding. Concurrent requests share one encoding: a change wakes every
    /// client that waits for it.
    pub async fn encoded(
        &self,
        tenant: &TenantName,
        scope: &Scope,
        to: &VersionTag,
        of: Of,
        body: Bytes,
        coding: Coding,
    ) -> Result<Bytes, Arc<std::io::Error>> {
        let key = BodyKey {
            tenant: tenant.clone(),
            scope: scope.clone(),
            format: Format::Native,
            to: to.clone(),
            of,
            coding,
        };
        self.get_or_encode(key, move || Ok(body)).await
    }

    /// Returns the body of a key. On the first request a worker makes the plain body and encodes
    /// it.
    async fn get_or_encode(
        &self,
        key: BodyKey,
        body: impl FnOnce() -> std::io::Result<Bytes> + Send + 'static,
    ) -> Result<Bytes, Arc<std::io::Error>> {
        let (workers, coding) = (self.workers.clone(), key.coding);
        let make = async move {
            let made = workers
                .run(move || coding.encode(body()?, Effort::Kept))
                .await;
            made.map_err(std::io::Error::other).flatten()
        };
        self.made.try_get_with(key, make).await
    }
}
