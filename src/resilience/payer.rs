//! The party for which work is done, and whose share of each pool the work uses.

use std::{
    future::Future,
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

use crate::domain::ids::TenantName;

/// The party whose share of a pool a piece of work uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Payer {
    /// The callers of one tenant.
    Tenant(TenantName),
    /// All callers that belong to no tenant.
    Platform,
    /// The process itself: upkeep, the relay, health checks. It has no share, only the size of the
    /// pool. With `auth.mode = "none"` the one caller counts here too.
    Process,
}

tokio::task_local! {
    static CURRENT: Payer;
}

impl Payer {
    /// Returns the payer of the running task: the gate sets it for each request. Work without a
    /// request belongs to the process.
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or(Self::Process)
    }

    /// Runs `work` with this payer as the current one.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Returns the payer of a load of `tenant`, which callers share: the tenant, unless the process
    /// itself asks.
    pub fn of_load(tenant: &TenantName) -> Self {
        match Self::current() {
            Self::Process => Self::Process,
            Self::Tenant(_) | Self::Platform => Self::Tenant(tenant.clone()),
        }
    }

    /// Returns a mark that distinguishes payers without naming them; `None` for the process.
    pub(super) fn mark(&self) -> Option<u64> {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        (*self != Self::Process).then(|| HASHER.hash_one(self))
    }
}
