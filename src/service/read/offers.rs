//! What an Envoy is to have: followed for one stream.

use std::sync::Arc;

use futures_util::future::select_all;
use traffic_manager_dataplane::{Settings, envoy::Offer};

use crate::{
    auth::AuthorizedTenant,
    cache::waiters::Waiter,
    domain::snapshot::Scope,
    resilience::Payer,
    service::{Error, Freshness, Seen, read::polls::Polls},
};

/// The most tenants of one stream.
pub const MAX_TENANTS: usize = 64;

/// The configuration of one Envoy: a scope of one tenant or of several.
pub struct OfferFeed {
    polls: Arc<Polls>,
    tenants: Vec<AuthorizedTenant>,
    scope: Scope,
    settings: Settings,
    waiters: Vec<Waiter>,
    payer: Payer,
}

impl OfferFeed {
    /// Follows a scope of these tenants, each named once. Takes a waiter's place for each of them,
    /// at the expense of `payer`.
    pub async fn open(
        polls: Arc<Polls>,
        mut tenants: Vec<AuthorizedTenant>,
        scope: Scope,
        settings: Settings,
        payer: Payer,
    ) -> Result<Self, Error> {
        tenants.sort_by(|a, b| a.name().cmp(b.name()));
        let join = async {
            let mut waiters = Vec::with_capacity(tenants.len());
            for tenant in &tenants {
                let held = polls.tenant(tenant, &ANY).await?;
                let waiter = polls.cache().waiters.join(tenant.name(), held.waiters())?;
                waiters.push(waiter);
            }
            Ok::<_, Error>(waiters)
        };
        let waiters = payer.clone().scope(join).await?;
        Ok(Self {
            polls,
            tenants,
            scope,
            settings,
            waiters,
            payer,
        })
    }

    /// Returns the present offer.
    pub async fn offer(&self) -> Result<Arc<Offer>, Error> {
        let make = async {
            let mut snapshots = Vec::with_capacity(self.tenants.len());
            for tenant in &self.tenants {
                snapshots.push(self.polls.tenant(tenant, &ANY).await?);
            }
            self.polls
                .cache()
                .offers
                .get(snapshots, &self.scope, &self.settings)
                .await
                .map_err(Error::internal)
        };
        self.payer.clone().scope(make).await
    }

    /// Returns once a tenant may have moved since the last call, or since opening.
    pub async fn moved(&mut self) {
        let waits = self
            .waiters
            .iter_mut()
            .map(|waiter| Box::pin(waiter.moved()));
        select_all(waits).await;
    }
}

/// Any state that is known.
const ANY: Freshness = Freshness {
    minimum: None,
    seen: Seen::Tags(Vec::new()),
};
