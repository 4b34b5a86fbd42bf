//! The party that a piece of work is done for, and to whose share of each pool it counts.

use std::{
    future::Future,
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

use crate::domain::ids::TenantName;

/// The party that pays for a piece of work with a place of its share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Payer {
    /// The callers of one tenant.
    Tenant(TenantName),
    /// All callers that belong to no tenant.
    Platform,
    /// The process itself: upkeep, the relay, health checks. Has no share, only the size of the pool. With `auth.mode = "none"` the one
    /// caller counts here too.
    Process,
}

tokio::task_local! {
    static CURRENT: Payer;
}

impl Payer {
    /// Returns the payer of the running task: the gate sets it for each request. Work that nobody asked for is the process's own.
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or(Self::Process)
    }

    /// Runs `work` at this payer's expense.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Returns the payer of a load of `tenant`, which callers share: the tenant, unless the process itself asks.
    pub fn of_load(tenant: &TenantName) -> Self {
        match Self::current() {
            Self::Process => Self::Process,
            Self::Tenant(_) | Self::Platform => Self::Tenant(tenant.clone()),
        }
    }

    /// Tells payers apart without naming them; `None` for the process.
    pub(super) fn mark(&self) -> Option<u64> {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        (*self != Self::Process).then(|| HASHER.hash_one(self))
    }
}
