//! What proxies poll, from memory.

use std::{sync::Arc, time::Duration};

use super::Error;
use crate::{
    cache::{Cache, CacheError},
    domain::{
        command::Rejection,
        ids::{RouteKey, TenantName},
        snapshot::{self, TenantSnapshot},
        tag::VersionTag,
    },
};

/// How new an answer must be.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// `TM-Min-Revision`: at least this, or no answer.
    pub minimum: Option<VersionTag>,
    /// The newest tag of `If-None-Match`: the client has seen it, so nothing older of the same history; of another history, whatever is
    /// there now.
    pub seen: Option<VersionTag>,
}

/// The polling use cases.
pub struct Polls {
    cache: Arc<Cache>,
}

impl Polls {
    /// Answers from `cache`.
    pub fn new(cache: Arc<Cache>) -> Self {
        Self { cache }
    }

    /// Where a route points: the body of `resolve`, and the tag of the route, which moves only when the route moves.
    pub async fn resolve(&self, key: &RouteKey, freshness: &Freshness) -> Result<(Vec<u8>, VersionTag), Error> {
        let snapshot = self.held(&key.tenant, freshness).await?.ok_or(Rejection::RouteNotFound)?;
        let name = &key.name;
        let route = snapshot.get(name.service.as_str(), name.env.as_str(), name.version.as_str());
        let route = route.ok_or(Rejection::RouteNotFound)?;
        if !route.is_active {
            return Err(Error::RouteInactive);
        }
        let tag = VersionTag { epoch: snapshot.tag().epoch.clone(), revision: route.revision };
        let body = snapshot::resolve_body(&key.tenant, route).map_err(Error::internal)?;
        Ok((body, tag))
    }

    /// A tenant's snapshot.
    pub async fn snapshot(&self, tenant: &TenantName, freshness: &Freshness) -> Result<Arc<TenantSnapshot>, Error> {
        Ok(self.held(tenant, freshness).await?.ok_or(Rejection::TenantNotFound)?)
    }

    /// How old answers are, while the primary cannot be reached.
    pub fn stale_for(&self) -> Option<Duration> {
        self.cache.stale_for()
    }

    async fn held(&self, tenant: &TenantName, freshness: &Freshness) -> Result<Option<Arc<TenantSnapshot>>, Error> {
        let Freshness { minimum, seen } = freshness;
        let snapshot = self.cache.get(tenant, minimum.as_ref()).await?;
        let Some(seen) = seen else { return Ok(snapshot) };
        if snapshot.as_ref().is_some_and(|held| held.tag().covers(seen)) {
            return Ok(snapshot);
        }
        // Older than what the client has, of another epoch, or unknown here: only the primary can tell which.
        match self.cache.get(tenant, Some(seen)).await {
            Err(CacheError::Behind { current: Some(current), .. }) if current.epoch != seen.epoch => {
                Ok(self.cache.get(tenant, minimum.as_ref()).await?)
            }
            Err(CacheError::Behind { current: None, .. }) => Ok(None),
            other => Ok(other?),
        }
    }
}
