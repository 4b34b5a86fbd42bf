//! What an Envoy is to have: followed for one node.

use std::{sync::Arc, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, select_all},
};
use tokio::time::timeout;
use traffic_manager_dataplane::{
    Settings,
    ads::search::{Composition, Doubts, Past},
    envoy::{Forms, Offer},
    model::Model,
};

use crate::{
    auth::AuthorizedTenant,
    cache::waiters::Waiter,
    domain::{etag::Seen, snapshot::Scope},
    resilience::Payer,
    service::{Error, Freshness, quarantine::Quarantine, read::polls::Polls},
};

/// The most tenants of one node.
pub const MAX_TENANTS: usize = 64;

/// How long a search waits for what is known of other nodes.
const PATIENCE: Duration = Duration::from_secs(1);

/// What feeds are made of.
#[derive(Clone)]
pub struct Sources {
    /// The snapshots.
    pub polls: Arc<Polls>,
    /// What nodes have refused, and what they had.
    pub quarantine: Arc<Quarantine>,
    /// What all configurations say.
    pub settings: Settings,
}

/// The configuration of one Envoy: a scope of one tenant or of several.
pub struct OfferFeed {
    sources: Sources,
    tenants: Vec<AuthorizedTenant>,
    /// The newest state of each tenant that the node has seen: as it said, then as it was read for it.
    seen: Vec<Seen>,
    scope: Scope,
    waiters: Vec<Waiter>,
    payer: Payer,
}

impl OfferFeed {
    /// Follows a scope of these tenants, each named once. Takes a waiter's place for each of them,
    /// at the expense of `payer`.
    pub async fn open(
        sources: Sources,
        mut tenants: Vec<AuthorizedTenant>,
        scope: Scope,
        payer: Payer,
    ) -> Result<Self, Error> {
        tenants.sort_by(|a, b| a.name().cmp(b.name()));
        let polls = &sources.polls;
        let join = async {
            let mut waiters = Vec::with_capacity(tenants.len());
            for tenant in &tenants {
                let held = polls.tenant(tenant, &Freshness::default()).await?;
                let waiter = polls.cache().waiters.join(tenant.name(), held.waiters())?;
                waiters.push(waiter);
            }
            Ok::<_, Error>(waiters)
        };
        let waiters = payer.clone().scope(join).await?;
        Ok(Self {
            sources,
            seen: vec![Seen::default(); tenants.len()],
            tenants,
            scope,
            waiters,
            payer,
        })
    }

    /// Takes the version of what the node has: no form will be older.
    pub fn has_seen(&mut self, version: &str) {
        let names: Vec<_> = self.tenants.iter().map(AuthorizedTenant::name).collect();
        let tags = Model::tags_of(version, &names).into_iter();
        for (seen, tag) in self.seen.iter_mut().zip(tags) {
            let Some(tag) = tag else { continue };
            if !seen.tags().iter().any(|older| older.covers(&tag)) {
                *seen = Seen::Tags(vec![tag]);
            }
        }
    }

    /// Returns the present forms of all policies. Fails if that is older than what the node has.
    pub fn forms(&mut self) -> BoxFuture<'_, Result<Arc<Forms>, Error>> {
        let Sources {
            polls, settings, ..
        } = &self.sources;
        let (tenants, seen) = (&self.tenants, &mut self.seen);
        let make = async {
            let mut snapshots = Vec::with_capacity(tenants.len());
            for (tenant, seen) in tenants.iter().zip(seen) {
                let freshness = Freshness {
                    minimum: None,
                    seen: seen.clone(),
                };
                let snapshot = polls.tenant(tenant, &freshness).await?;
                // The primary need not be asked again about a tag of another epoch.
                *seen = Seen::Tags(vec![snapshot.tag().clone()]);
                snapshots.push(snapshot);
            }
            let offers = &polls.cache().offers;
            let forms = offers.forms(snapshots, &self.scope, settings).await;
            forms.map_err(Error::internal)
        };
        self.payer.clone().scope(make).boxed()
    }

    /// Returns which of the present forms some node has refused. What cannot be read in time is left out:
    /// then the search takes longer.
    pub fn doubts<'a>(&'a self, forms: &'a Forms) -> BoxFuture<'a, Doubts> {
        let quarantine = &self.sources.quarantine;
        let read = async {
            let doubts = timeout(PATIENCE, quarantine.doubts(&self.tenants, forms)).await;
            match doubts {
                Ok(Ok(doubts)) => doubts,
                Ok(Err(error)) => {
                    tracing::warn!(error = %error, "what nodes have refused could not be read");
                    Doubts::new()
                }
                Err(_) => Doubts::new(),
            }
        };
        self.payer.clone().scope(read).boxed()
    }

    /// Returns the offer of a composition of forms.
    pub async fn offer(&self, composition: Composition) -> Result<Arc<Offer>, Error> {
        let offers = &self.sources.polls.cache().offers;
        let make = offers.offer(composition, &self.scope);
        self.payer
            .clone()
            .scope(make)
            .await
            .map_err(Error::internal)
    }

    /// Returns what a node had, by the version that it says, as far as the history knows it.
    pub fn past<'a>(&'a self, said: &'a str) -> BoxFuture<'a, Arc<Past>> {
        let quarantine = &self.sources.quarantine;
        let past = quarantine.past(&self.tenants, &self.scope, said);
        self.payer.clone().scope(past).boxed()
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
