//! Callers that wait for a tenant to change: one wake-up per tenant for all of them.
//!
//! A wake-up says only that something may have changed. A waiter joins first and reads second, so
//! that it misses nothing in between.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::{
    config,
    domain::ids::TenantName,
    resilience::{Payer, PoolPlace, Shares},
    telemetry::names,
};

/// A sender for each tenant that has waiters.
#[derive(Default)]
struct Tenants(Mutex<HashMap<TenantName, watch::Sender<()>>>);

impl Tenants {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantName, watch::Sender<()>>> {
        self.0.lock()
    }
}

/// The waiters of one instance.
pub struct Waiters {
    tenants: Arc<Tenants>,
    places: Arc<Shares>,
    per_tenant: usize,
}

/// Every place is taken. Holds the limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many long-polls and streams are waiting, limit {0}")]
pub struct Full(pub usize);

impl Waiters {
    /// Creates room for `most` waiters. At most `per_tenant` of them may wait for one tenant, or
    /// belong to one tenant's callers; `share` limits those of the platform's callers.
    pub fn new(most: usize, per_tenant: usize, share: config::Share) -> Self {
        let places = Shares::divided(
            "waiters",
            "waiters",
            most,
            [per_tenant, share.of_platform(most)],
        );
        Self {
            tenants: Arc::default(),
            places,
            per_tenant,
        }
    }

    /// Returns the places for waiters, with each payer's share.
    pub fn places(&self) -> &Arc<Shares> {
        &self.places
    }

    /// Takes a waiter's place at the expense of the running task's payer.
    pub fn place(&self) -> Result<PoolPlace, Full> {
        self.places
            .try_take(&Payer::current(), 1)
            .map_err(|full| Full(full.limit))
    }

    /// Takes a place among the waiters for the tenant, which may have a limit of its `own` below
    /// the common one. A reader of `/stream` that is limited to one tenant takes a place of that
    /// tenant.
    pub fn join(&self, tenant: &TenantName, own: Option<u32>) -> Result<Waiter, Full> {
        let place = self.place()?;
        let limit = own.map_or(self.per_tenant, |own| self.per_tenant.min(own as usize));
        let moved = {
            let mut tenants = self.tenants.lock();
            let sender = tenants
                .entry(tenant.clone())
                .or_insert_with(|| watch::Sender::new(()));
            if sender.receiver_count() >= limit {
                return Err(Full(limit));
            }
            sender.subscribe()
        };
        metrics::gauge!(names::WAITERS).increment(1.0);
        Ok(Waiter {
            tenants: self.tenants.clone(),
            tenant: tenant.clone(),
            moved: Some(moved),
            _place: place,
        })
    }

    /// Wakes all waiters for the tenant.
    pub fn wake(&self, tenant: &TenantName) {
        if let Some(sender) = self.tenants.lock().get(tenant) {
            sender.send_replace(());
        }
    }

    /// Returns the tenants that have waiters.
    pub fn tenants(&self) -> Vec<TenantName> {
        self.tenants.lock().keys().cloned().collect()
    }
}

/// A place among the waiters, given back when dropped.
pub struct Waiter {
    tenants: Arc<Tenants>,
    tenant: TenantName,
    moved: Option<watch::Receiver<()>>,
    _place: PoolPlace,
}

impl Waiter {
    /// Returns once the tenant may have moved since the last call, or since joining.
    pub async fn moved(&mut self) {
        match &mut self.moved {
            // The sender is dropped only when no receiver is left.
            Some(moved) => drop(moved.changed().await),
            None => std::future::pending().await,
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.moved = None;
        let mut tenants = self.tenants.lock();
        if tenants
            .get(&self.tenant)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            tenants.remove(&self.tenant);
        }
        drop(tenants);
        metrics::gauge!(names::WAITERS).decrement(1.0);
    }
}
