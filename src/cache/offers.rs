//! The configurations that Envoys get as a stream: made once for all streams that need the same, and
//! from one change to the next only as far as something changed.

use std::sync::Arc;

use moka::future::Cache;
use tokio::sync::Mutex;
use traffic_manager_dataplane::{
    Settings,
    ads::search::Composition,
    envoy::{Former, Forms, Offer},
    model::Compiler,
};

use super::bodies::IDLE;
use crate::{
    domain::{
        ids::TenantName,
        snapshot::{Scope, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::{PoolReport, Workers},
};

/// Identifies what an Envoy follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Followed {
    tenants: Vec<TenantName>,
    scope: Scope,
}

/// Identifies the forms of a state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FormsKey {
    sources: Vec<(TenantName, VersionTag)>,
    scope: Scope,
}

/// Identifies an offer: the scope, and the version of the composition, which has the tags of all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OfferKey {
    scope: Scope,
    version: String,
}

/// What the last state of something followed was made of.
struct Kept {
    compiler: Compiler,
    former: Former,
}

/// The offers of one instance.
pub struct Offers {
    kept: Cache<Followed, Arc<Mutex<Kept>>>,
    forms: Cache<FormsKey, Arc<Forms>>,
    made: Cache<OfferKey, Arc<Offer>>,
    bytes: u64,
    workers: Arc<Workers>,
}

impl Offers {
    /// Creates a cache with room for `bytes` bytes. `workers` make the offers.
    pub fn new(bytes: u64, workers: Arc<Workers>) -> Self {
        let weigh_forms = |_: &FormsKey, forms: &Arc<Forms>| weight(forms.bytes());
        let weigh_offer = |_: &OfferKey, offer: &Arc<Offer>| {
            // Its clusters are those of the forms.
            let routes = offer.routes.values().map(|routes| routes.body.len());
            weight(routes.sum::<usize>() + 256 * offer.clusters.len())
        };
        Self {
            kept: Cache::builder()
                .max_capacity(KEPT)
                .time_to_idle(IDLE)
                .build(),
            forms: Cache::builder()
                .max_capacity(bytes / 2)
                .weigher(weigh_forms)
                .time_to_idle(IDLE)
                .build(),
            made: Cache::builder()
                .max_capacity(bytes / 2)
                .weigher(weigh_offer)
                .time_to_idle(IDLE)
                .build(),
            bytes,
            workers,
        }
    }

    /// Returns the number of bytes held, with its limit.
    pub fn held_bytes(&self) -> PoolReport {
        let held = self.forms.weighted_size() + self.made.weighted_size();
        PoolReport::bytes("envoy_offers", held, self.bytes)
    }

    /// Drops idle offers.
    pub async fn drop_idle(&self) {
        self.kept.run_pending_tasks().await;
        self.forms.run_pending_tasks().await;
        self.made.run_pending_tasks().await;
    }

    /// Returns the forms of all policies in a scope of these tenants. Concurrent calls share one
    /// rendering.
    pub async fn forms(
        &self,
        snapshots: Vec<Arc<TenantSnapshot>>,
        scope: &Scope,
        settings: &Settings,
    ) -> Result<Arc<Forms>, Arc<std::io::Error>> {
        let tenants = snapshots.iter().map(|one| one.tenant().clone());
        let followed = Followed {
            tenants: tenants.collect(),
            scope: scope.clone(),
        };
        let sources = snapshots
            .iter()
            .map(|one| (one.tenant().clone(), one.scope_tag(scope)));
        let key = FormsKey {
            sources: sources.collect(),
            scope: scope.clone(),
        };
        let make = async {
            let new = async {
                Arc::new(Mutex::new(Kept {
                    compiler: Compiler::new(scope.clone()),
                    former: Former::new(settings.clone()),
                }))
            };
            let kept = self.kept.get_with(followed, new).await;
            let mut kept = kept.lock_owned().await;
            let form = move || {
                let Kept { compiler, former } = &mut *kept;
                let model = compiler.compile(snapshots.iter().map(|one| &**one));
                Arc::new(former.forms(&model))
            };
            self.workers.run(form).await.map_err(std::io::Error::other)
        };
        self.forms.try_get_with(key, make).await
    }

    /// Returns the offer of a composition of forms in this scope. Concurrent calls share one.
    pub async fn offer(
        &self,
        composition: Composition,
        scope: &Scope,
    ) -> Result<Arc<Offer>, Arc<std::io::Error>> {
        let version = composition.version();
        let key = OfferKey {
            scope: scope.clone(),
            version,
        };
        let make = async {
            let compose = move || Arc::new(composition.offer());
            self.workers
                .run(compose)
                .await
                .map_err(std::io::Error::other)
        };
        self.made.try_get_with(key, make).await
    }
}

/// How many different sets of tenants and scopes are kept for their next state.
const KEPT: u64 = 1_000;

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
