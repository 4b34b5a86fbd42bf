//! The snapshots in memory.
//!
//! moka decides which snapshots stay, by weight and use. Hits do not go through moka, because it
//! records each one in channels that all threads share. They are answered from a map beside it,
//! without writing to anything that another thread reads, and report a tenant's use to moka at most
//! once a tick. A snapshot that moka evicts leaves the map too.
//!
//! Both maps free removed entries late, in batches of about thirty per thread, and a snapshot has
//! megabytes. So neither map keeps a snapshot alive: an entry is emptied when it is removed, and
//! moka holds only its number and weight.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;
use moka::{notification::RemovalCause, ops::compute::Op, sync::Cache};
use papaya::HashMap;

use crate::{ids::TenantName, snapshot::TenantSnapshot};

/// The outcome of a change of a tenant's snapshot.
pub enum Update {
    /// The snapshot stays as it is.
    Keep,
    /// This snapshot replaces it.
    Replace(Arc<TenantSnapshot>),
    /// The snapshot is removed.
    Remove,
}

/// The resident snapshots of one instance.
pub struct Resident {
    kept: Cache<TenantName, Weighed>,
    hot: Arc<HashMap<TenantName, Hot>>,
    tick: AtomicU32,
    entries: AtomicU64,
}

/// An entry's number and weight, for moka.
#[derive(Clone, Copy)]
struct Weighed {
    number: u64,
    weight: u32,
}

struct Hot {
    /// Unique: evicting an entry must not remove a later one of the same tenant, even if that holds
    /// the same snapshot.
    number: u64,
    /// `None` once the entry has left the map.
    snapshot: ArcSwapOption<TenantSnapshot>,
    /// The tick in which a use of the snapshot was last reported to moka.
    noted_tick: AtomicU32,
}

impl Resident {
    /// Creates a map with room for snapshots of `bytes` in all, by their weight.
    pub fn new(bytes: u64) -> Self {
        let hot: Arc<HashMap<TenantName, Hot>> = Arc::default();
        let evicting = hot.clone();
        let kept = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, weighed: &Weighed| weighed.weight)
            // A newer entry may have replaced the evicted one, perhaps with the same snapshot. The
            // newer entry stays.
            .eviction_listener(move |tenant, evicted, cause| {
                if cause == RemovalCause::Replaced {
                    return;
                }
                let hot = evicting.pin();
                if let Ok(Some((_, removed))) =
                    hot.remove_if(&*tenant, |_, hot| hot.number == evicted.number)
                {
                    removed.snapshot.store(None);
                }
            })
            .build();
        Self {
            kept,
            hot,
            tick: AtomicU32::new(0),
            entries: AtomicU64::new(0),
        }
    }

    /// Returns the weight of all snapshots, in bytes.
    pub fn weight(&self) -> u64 {
        self.kept.weighted_size()
    }

    /// Returns the tenant's snapshot, if it is resident.
    pub fn get(&self, tenant: &str) -> Option<Arc<TenantSnapshot>> {
        self.with(tenant, Arc::clone)
    }

    /// Returns the result of `read` on the tenant's snapshot, if it is resident. Does not even
    /// touch the snapshot's reference count.
    pub fn with<T>(&self, tenant: &str, read: impl FnOnce(&Arc<TenantSnapshot>) -> T) -> Option<T> {
        let hot = self.hot.pin();
        loop {
            let held = hot.get(tenant)?;
            // Entries are emptied only after they have left the map, so the next lookup finds a
            // newer one or none.
            let snapshot = held.snapshot.load();
            let Some(snapshot) = &*snapshot else { continue };
            let tick = self.tick.load(Ordering::Relaxed);
            if held.noted_tick.load(Ordering::Relaxed) != tick {
                held.noted_tick.store(tick, Ordering::Relaxed);
                self.kept.get(tenant);
            }
            return Some(read(snapshot));
        }
    }

    /// Changes the tenant's snapshot under the tenant's lock, which is moka's.
    pub fn change(
        &self,
        tenant: &TenantName,
        change: impl FnOnce(Option<Arc<TenantSnapshot>>) -> Update,
    ) {
        self.kept.entry(tenant.clone()).and_compute_with(|_| {
            // Reads the map that answers hits, not moka: a snapshot that moka has just evicted
            // stays in the map until the listener has run.
            let hot = self.hot.pin();
            let held = hot.get(tenant).and_then(|hot| hot.snapshot.load_full());
            match change(held) {
                Update::Keep => Op::Nop,
                Update::Replace(snapshot) => {
                    let noted_tick = AtomicU32::new(self.tick.load(Ordering::Relaxed));
                    let number = self.entries.fetch_add(1, Ordering::Relaxed);
                    let weighed = Weighed {
                        number,
                        weight: u32::try_from(snapshot.weight()).unwrap_or(u32::MAX),
                    };
                    let entry = Hot {
                        number,
                        snapshot: Some(snapshot).into(),
                        noted_tick,
                    };
                    if let Some(replaced) = hot.insert(tenant.clone(), entry) {
                        replaced.snapshot.store(None);
                    }
                    Op::Put(weighed)
                }
                Update::Remove => {
                    if let Some(removed) = hot.remove(tenant) {
                        removed.snapshot.store(None);
                    }
                    Op::Remove
                }
            }
        });
    }

    /// Weighs the tenant's snapshot again, after something that it holds has grown.
    pub fn weigh_again(&self, tenant: &TenantName) {
        self.change(tenant, |held| held.map_or(Update::Keep, Update::Replace));
    }

    /// Returns the resident tenants.
    pub fn tenants(&self) -> Vec<TenantName> {
        self.hot.pin().keys().cloned().collect()
    }

    /// Returns the number of resident tenants.
    pub fn len(&self) -> usize {
        self.hot.len()
    }

    /// Begins a new tick, and lets moka do its housekeeping.
    pub fn tick(&self) {
        self.tick.fetch_add(1, Ordering::Relaxed);
        self.kept.run_pending_tasks();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::snapshot::TenantContent;

    fn snapshot(tenant: &TenantName) -> Arc<TenantSnapshot> {
        let content =
            json!({ "tag": "0000000000000001.1", "routes": [], "scopes": [], "policies": [] });
        Arc::new(
            TenantSnapshot::new(tenant.clone(), serde_json::from_value(content).unwrap()).unwrap(),
        )
    }

    /// The maps themselves free removed entries only in batches.
    #[test]
    fn snapshots_are_freed_when_replaced_removed_or_evicted() {
        let tenant: TenantName = "acme".parse().unwrap();
        let put = |resident: &Resident| {
            let snapshot = snapshot(&tenant);
            resident.change(&tenant, |_| Update::Replace(snapshot.clone()));
            Arc::downgrade(&snapshot)
        };
        let resident = Resident::new(1 << 20);
        let replaced = put(&resident);
        let removed = put(&resident);
        assert!(
            replaced.upgrade().is_none(),
            "the replaced snapshot is freed"
        );
        assert!(Arc::ptr_eq(
            &resident.get("acme").unwrap(),
            &removed.upgrade().unwrap()
        ));
        resident.change(&tenant, |_| Update::Remove);
        assert!(
            removed.upgrade().is_none() && resident.get("acme").is_none(),
            "the removed snapshot is freed"
        );
        let small = Resident::new(1);
        let evicted = put(&small);
        small.tick();
        assert!(
            evicted.upgrade().is_none() && small.get("acme").is_none(),
            "the evicted snapshot is freed"
        );
    }

    #[test]
    fn compiled_patterns_count_in_the_cache_weight() {
        let (tenant, resident): (TenantName, _) = ("acme".parse().unwrap(), Resident::new(1 << 20));
        let rule = json!({"name": "r", "version": "v", "match": {"headers": {"x": {"regex": "[a-z]{1,60}"}}}});
        let content: TenantContent = serde_json::from_value(json!({
            "tag": "0000000000000001.1", "routes": [], "scopes": [],
            "policies": [{"service": "web", "env": "prod", "revision": 1, "rules": [rule]}],
        }))
        .unwrap();
        let snapshot = Arc::new(TenantSnapshot::new(tenant.clone(), content).unwrap());
        resident.change(&tenant, |_| Update::Replace(snapshot.clone()));
        resident.tick();
        let before = resident.kept.weighted_size();
        assert_eq!(
            (before, snapshot.patterns("web", "prod").is_none()),
            (snapshot.weight() as u64, true)
        );
        let size = snapshot.compile_patterns("web", "prod").unwrap().size() as u64;
        resident.weigh_again(&tenant);
        resident.tick();
        assert!(
            size > 500 && resident.kept.weighted_size() == before + size,
            "{size}"
        );
        assert!(
            Arc::ptr_eq(&resident.get("acme").unwrap(), &snapshot),
            "the snapshot is still cached"
        );
        // A snapshot that no longer fits is evicted.
        let small = Resident::new(before + size - 1);
        small.change(&tenant, |_| Update::Replace(snapshot));
        small.tick();
        assert_eq!((small.len(), small.kept.weighted_size()), (0, 0));
    }
}
