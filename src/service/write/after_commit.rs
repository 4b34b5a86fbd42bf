//! The effects of a commit in this process: the cache moves forward, and the relays wake up.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{cache::Cache, service::batch::Committed};

/// The wake-ups of the relays. They are hints: a relay also polls.
#[derive(Debug, Clone, Default)]
pub struct RelayWakes {
    /// Wakes the relay of this process.
    pub own: Arc<Notify>,
    /// Wakes the task that notifies the relays of other processes.
    pub others: Arc<Notify>,
}

/// Moves the cache to the committed state, and wakes the relays if there are events to publish. It
/// runs before the replies are sent, so a caller that has its reply never reads an older state
/// here.
///
/// The order matters: a tenant that the group has created begins before its events are applied, and
/// one that the group has deleted is forgotten after them.
pub fn after_commit(cache: &Cache, wakes: &RelayWakes, committed: &Committed) {
    for (tenant, tag) in &committed.new_tenants {
        cache.begin(tenant, tag);
    }
    for (tenant, events) in committed.by_tenant() {
        cache.apply(tenant, &events);
    }
    for tenant in &committed.deleted_tenants {
        cache.forget(tenant);
    }
    if !committed.events.is_empty() {
        wakes.own.notify_one();
        wakes.others.notify_one();
    }
}
