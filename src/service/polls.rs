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
    /// The tags of `If-None-Match`: the client has seen them, so nothing older of their histories; of another history, whatever is there
    /// now.
    pub seen: Vec<VersionTag>,
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
        let mut held = self.cache.get(tenant, minimum.as_ref()).await?;
        let mut asked: Vec<&VersionTag> = Vec::new();
        loop {
            let epoch = held.as_ref().map(|held| &held.tag().epoch);
            let of_epoch = seen.iter().filter(|tag| Some(&tag.epoch) == epoch).max_by_key(|tag| tag.revision);
            // Of a history that the client has not seen, or unknown here: only the primary can tell which is the newer.
            let Some(wanted) = of_epoch.or(seen.first()) else { return Ok(held) };
            if held.as_ref().is_some_and(|held| held.tag().covers(wanted)) {
                return Ok(held);
            }
            if asked.contains(&wanted) {
                return Ok(held);
            }
            asked.push(wanted);
            held = match self.cache.get(tenant, Some(wanted)).await {
                Err(CacheError::Behind { current: Some(current), .. }) if current.epoch != wanted.epoch => {
                    self.cache.get(tenant, minimum.as_ref()).await?
                }
                Err(CacheError::Behind { current: None, .. }) => return Ok(None),
                other => other?,
            };
        }
    }
}
