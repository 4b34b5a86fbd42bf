//! The configurations that Envoys get as a stream: made once for all streams that need the same.

use std::sync::Arc;

use moka::future::Cache;
use traffic_manager_dataplane::{Settings, envoy, envoy::Offer, model::Model};

use super::bodies::IDLE;
use crate::{
    domain::{
        ids::TenantName,
        snapshot::{Scope, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::{PoolReport, Workers},
};

/// Identifies an offer: what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OfferKey {
    sources: Vec<(TenantName, VersionTag)>,
    scope: Scope,
}

/// The offers of one instance.
pub struct Offers {
    made: Cache<OfferKey, Arc<Offer>>,
    bytes: u64,
    workers: Arc<Workers>,
}

impl Offers {
    /// Creates a cache with room for `bytes` bytes. `workers` make the offers.
    pub fn new(bytes: u64, workers: Arc<Workers>) -> Self {
        let weigh = |_: &OfferKey, offer: &Arc<Offer>| {
            let resources = offer.clusters.values().chain(offer.routes.values());
            let bytes: usize = resources.map(|resource| resource.body.len() + 256).sum();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            made: Cache::builder()
                .max_capacity(bytes)
                .weigher(weigh)
                .time_to_idle(IDLE)
                .build(),
            bytes,
            workers,
        }
    }

    /// Returns the number of bytes held, with its limit.
    pub fn held_bytes(&self) -> PoolReport {
        PoolReport::bytes("envoy_offers", self.made.weighted_size(), self.bytes)
    }

    /// Drops idle offers.
    pub async fn drop_idle(&self) {
        self.made.run_pending_tasks().await;
    }

    /// Returns the offer for a scope of these tenants. Concurrent calls share one rendering.
    pub async fn get(
        &self,
        snapshots: Vec<Arc<TenantSnapshot>>,
        scope: &Scope,
        settings: &Settings,
    ) -> Result<Arc<Offer>, Arc<std::io::Error>> {
        let sources = snapshots
            .iter()
            .map(|snapshot| (snapshot.tenant().clone(), snapshot.scope_tag(scope)))
            .collect();
        let key = OfferKey {
            sources,
            scope: scope.clone(),
        };
        let (workers, scope, settings) = (self.workers.clone(), scope.clone(), settings.clone());
        let make = async move {
            let render = move || {
                let model = Model::compile(snapshots.iter().map(|one| &**one), &scope);
                Arc::new(envoy::render(&model, &settings).document)
            };
            workers.run(render).await.map_err(std::io::Error::other)
        };
        self.made.try_get_with(key, make).await
    }
}
