//! The state that an instance keeps of each tenant, and the rules that never move it back (see the
//! module above).
//!
//! It does no I/O and has no runtime and no clock. Slow steps, above all loads, happen between its
//! calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::resident::{Resident, Update};
use crate::{
    event::Recorded,
    ids::TenantName,
    snapshot::{Applied, TenantSnapshot},
    tag::VersionTag,
};

/// How long a replica is distrusted that still returns a deleted tenant. Longer than any lag that
/// counts as fresh.
const DISTRUST: Duration = Duration::from_secs(3600);

/// Marks a tenant as deleted, unknown to the primary, or observed in more than one incarnation. A
/// replica that still returns it may be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Absent {
    /// When the last news of the tenant arrived.
    since: Instant,
    /// Until when the tenant counts as absent without asking the primary.
    until: Instant,
}

/// The state of a tenant that this instance had seen when it began to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    known: Option<VersionTag>,
    absent: Option<Absent>,
}

impl Seen {
    /// Returns whether a replica's answer with that tag is at least as new as the state seen.
    pub fn accepts(&self, tag: &VersionTag) -> bool {
        match &self.known {
            Some(known) => tag.covers(known),
            None => self.absent.is_none(),
        }
    }

    /// Returns whether the primary's answer with that tag is older than the state seen before the
    /// primary was asked: a backup was restored, and nothing announced it.
    pub fn is_undone_by(&self, tag: &VersionTag) -> bool {
        self.known
            .as_ref()
            .is_some_and(|known| known != tag && known.covers(tag))
    }
}

/// The tenants of one instance.
pub struct Tenants {
    resident: Resident,
    /// Tenants in this map are not in `known`. Written only under `known`'s lock.
    absent: moka::sync::Cache<TenantName, Absent>,
    known: Mutex<HashMap<TenantName, VersionTag>>,
    bytes: u64,
}

impl Tenants {
    /// Creates an empty state, with room for snapshots of `bytes` in all.
    pub fn new(bytes: u64) -> Self {
        Self {
            resident: Resident::new(bytes),
            absent: moka::sync::Cache::builder()
                .max_capacity(100_000)
                .time_to_live(DISTRUST)
                .build(),
            known: Mutex::default(),
            bytes,
        }
    }

    /// Returns the weight of the snapshots, in bytes.
    pub fn weight(&self) -> u64 {
        self.resident.weight()
    }

    /// Returns the limit of the weight, in bytes.
    pub fn capacity(&self) -> u64 {
        self.bytes
    }

    /// Returns the tenant's snapshot, if it is resident.
    pub fn get(&self, tenant: &str) -> Option<Arc<TenantSnapshot>> {
        self.resident.get(tenant)
    }

    /// Returns the result of `read` on the tenant's snapshot. Does not even touch the snapshot's
    /// reference count.
    pub fn with<T>(&self, tenant: &str, read: impl FnOnce(&Arc<TenantSnapshot>) -> T) -> Option<T> {
        self.resident.with(tenant, read)
    }

    /// Weighs the tenant's snapshot again, after something that it holds has grown.
    pub fn weigh_again(&self, tenant: &TenantName) {
        self.resident.weigh_again(tenant);
    }

    /// Returns the resident tenants.
    pub fn resident(&self) -> Vec<TenantName> {
        self.resident.tenants()
    }

    /// Returns the number of resident tenants.
    pub fn len(&self) -> usize {
        self.resident.len()
    }

    /// Returns true when no tenant is resident.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a new tick, and lets the cache do its housekeeping.
    pub fn tick(&self) {
        self.resident.tick();
    }

    /// Returns whether the tenant counts as absent without asking the primary.
    pub fn is_absent(&self, tenant: &TenantName, now: Instant) -> bool {
        self.absent
            .get(tenant)
            .is_some_and(|absent| now < absent.until)
    }

    /// Returns the state that this instance has seen of the tenant so far. Take it before a read,
    /// and compare the answer with it.
    pub fn seen(&self, tenant: &TenantName) -> Seen {
        let known = self.lock_known();
        Seen {
            known: known.get(tenant).cloned(),
            absent: self.absent.get(tenant),
        }
    }

    /// Records at `now` that `tag` of the tenant exists. A commit or an event shows that, perhaps
    /// late. Only the primary can say which of two incarnations is newer, or which of an
    /// incarnation and an absence. Until it has, no replica is believed.
    pub fn observe(&self, tenant: &TenantName, tag: &VersionTag, now: Instant) {
        let mut known = self.lock_known();
        match known.get(tenant) {
            Some(newest) if newest.epoch == tag.epoch => self.raise(&mut known, tenant, tag),
            None if !self.absent.contains_key(tenant) => self.raise(&mut known, tenant, tag),
            _ => {
                known.remove(tenant);
                self.absent.insert(
                    tenant.clone(),
                    Absent {
                        since: now,
                        until: now,
                    },
                );
            }
        }
    }

    /// Records a tag that was read; a tag of another epoch replaces the known one. Another
    /// incarnation of the tenant that was observed while the read ran is newer than the read.
    pub fn observe_read(&self, tenant: &TenantName, tag: &VersionTag, before: &Seen) {
        let mut known = self.lock_known();
        let undoes = match known.get(tenant) {
            Some(newest) => newest.epoch != tag.epoch && Some(newest) != before.known.as_ref(),
            None => self.absent.get(tenant) != before.absent,
        };
        if !undoes {
            self.raise(&mut known, tenant, tag);
        }
    }

    fn raise(
        &self,
        known: &mut HashMap<TenantName, VersionTag>,
        tenant: &TenantName,
        tag: &VersionTag,
    ) {
        if !known.get(tenant).is_some_and(|newest| newest.covers(tag)) {
            known.insert(tenant.clone(), tag.clone());
            self.absent.invalidate(tenant);
        }
    }

    /// Begins an incarnation of the tenant, which was observed before: snapshots of an earlier one
    /// are no longer served.
    pub fn begin(&self, tenant: &TenantName, tag: &VersionTag) {
        self.resident.change(tenant, |held| match held {
            Some(held) if held.tag().epoch != tag.epoch => Update::Remove,
            _ => Update::Keep,
        });
    }

    /// Advances the tenant by its own events. The last of them was observed before. Returns the
    /// result as a metric label; `None` if the tenant is not resident.
    pub fn advance(&self, tenant: &TenantName, events: &[&Recorded]) -> Option<&'static str> {
        let mut result = None;
        self.resident.change(tenant, |held| {
            let Some(held) = held else {
                return Update::Keep;
            };
            let (label, becomes) = match held.apply(events.iter().copied()) {
                Ok(Applied::Known) => ("known", Update::Keep),
                Ok(Applied::Next(next)) => ("next", Update::Replace(Arc::new(next))),
                Ok(Applied::Ended) => ("ended", Update::Remove),
                Ok(Applied::Gap) | Err(_) => ("gap", Update::Remove),
            };
            result = Some(label);
            becomes
        });
        result
    }

    /// Records that the tenant is gone since `now`, and forgets the known tag. The caller must call
    /// [`Tenants::end`] next.
    pub fn forget(&self, tenant: &TenantName, now: Instant) {
        let mut known = self.lock_known();
        known.remove(tenant);
        // No answer comes from this entry: the next read asks the primary, which may already know
        // the tenant's next incarnation.
        self.absent.insert(
            tenant.clone(),
            Absent {
                since: now,
                until: now,
            },
        );
    }

    /// Removes the tenant's snapshot from memory.
    pub fn end(&self, tenant: &TenantName) {
        self.resident.change(tenant, |_| Update::Remove);
    }

    /// Puts a loaded snapshot in place, unless something newer is known by now; `None` asks for
    /// another load. Calls `decided` at the moment when the load is accepted.
    pub fn settle(
        &self,
        tenant: &TenantName,
        loaded: &Arc<TenantSnapshot>,
        before: &Seen,
        decided: impl FnOnce(),
    ) -> Option<Arc<TenantSnapshot>> {
        let mut settled = None;
        self.resident.change(tenant, |held| {
            let held = held.filter(|held| held.tag().covers(loaded.tag()));
            let is_held = held.is_some();
            let newer = held.unwrap_or_else(|| loaded.clone());
            let mut known = self.lock_known();
            let is_newest = match known.get(tenant) {
                Some(newest) if newer.tag().epoch == newest.epoch => newer.tag().covers(newest),
                // The load has another epoch than `known`, which is the same as before the load:
                // only the primary can have returned it.
                Some(newest) => Some(newest) == before.known.as_ref(),
                // Nothing is known. Either that was so when the load began, or the tenant was
                // deleted since.
                None => before.known.is_none() && self.absent.get(tenant) == before.absent,
            };
            if !is_newest {
                return Update::Keep;
            }
            decided();
            known.insert(tenant.clone(), newer.tag().clone());
            self.absent.invalidate(tenant);
            settled = Some(newer.clone());
            if is_held {
                Update::Keep
            } else {
                Update::Replace(newer)
            }
        });
        settled
    }

    /// Records that the primary does not know the tenant, unless the tenant was observed in the
    /// meantime. The absence is believed for `ttl` from `now`. When this returns true, the caller
    /// must call [`Tenants::end`] next. Calls `decided` as [`Tenants::settle`] does.
    pub fn settle_absent(
        &self,
        tenant: &TenantName,
        before: &Seen,
        now: Instant,
        ttl: Duration,
        decided: impl FnOnce(),
    ) -> bool {
        let mut known = self.lock_known();
        // A concurrent read of the primary with the same answer is no news.
        let since = self.absent.get(tenant).map(|absent| absent.since);
        if known.get(tenant) != before.known.as_ref()
            || since != before.absent.map(|absent| absent.since)
        {
            return false;
        }
        decided();
        known.remove(tenant);
        self.absent.insert(
            tenant.clone(),
            Absent {
                since: since.unwrap_or(now),
                until: now + ttl,
            },
        );
        true
    }

    fn lock_known(&self) -> MutexGuard<'_, HashMap<TenantName, VersionTag>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Epoch, Revision};

    fn tag(life: u8, revision: u64) -> VersionTag {
        VersionTag {
            epoch: Epoch::from_random([life; 8]),
            revision: Revision(revision),
        }
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn replica_cannot_decide_which_incarnation_is_newer() {
        let (tenants, tenant, start) =
            (Tenants::new(1 << 20), "t".parse().unwrap(), Instant::now());
        tenants.observe(&tenant, &tag(1, 2), start);
        assert!(
            tenants.seen(&tenant).accepts(&tag(1, 2)) && !tenants.seen(&tenant).accepts(&tag(1, 1))
        );
        assert_eq!(
            [tag(1, 1), tag(1, 2), tag(1, 3), tag(2, 1)]
                .map(|tag| tenants.seen(&tenant).is_undone_by(&tag)),
            [true, false, false, false]
        );
        // The tenant is deleted, and then an event of its first incarnation arrives late.
        tenants.forget(&tenant, after(start, 1));
        tenants.observe(&tenant, &tag(1, 2), after(start, 2));
        assert!(!tenants.seen(&tenant).accepts(&tag(1, 2)));
        // The primary knows the next incarnation, and then an event of the first one arrives late.
        tenants.observe_read(&tenant, &tag(2, 1), &tenants.seen(&tenant));
        assert!(tenants.seen(&tenant).accepts(&tag(2, 1)));
        tenants.observe(&tenant, &tag(1, 2), after(start, 3));
        assert!(
            !tenants.seen(&tenant).accepts(&tag(1, 2))
                && !tenants.seen(&tenant).accepts(&tag(2, 1))
        );
        tenants.observe_read(&tenant, &tag(2, 1), &tenants.seen(&tenant));
        assert!(tenants.seen(&tenant).accepts(&tag(2, 1)));
    }

    #[test]
    fn absence_is_not_kept_if_the_tenant_changed_during_the_read() {
        let (tenants, tenant, start) =
            (Tenants::new(1 << 20), "t".parse().unwrap(), Instant::now());
        let ttl = Duration::from_secs(1);
        let before = tenants.seen(&tenant);
        assert!(tenants.settle_absent(&tenant, &before, start, ttl, || {}));
        assert!(
            tenants.is_absent(&tenant, after(start, 999))
                && !tenants.is_absent(&tenant, after(start, 1000))
        );
        // Two callers ask at the same time and get the same answer.
        let before = tenants.seen(&tenant);
        assert!(tenants.settle_absent(&tenant, &before, after(start, 10), ttl, || {}));
        assert!(tenants.settle_absent(&tenant, &before, after(start, 20), ttl, || {}));
        // The tenant is created while a caller asks: the answer is outdated.
        tenants.observe(&tenant, &tag(1, 1), after(start, 30));
        assert!(!tenants.is_absent(&tenant, after(start, 30)));
        assert!(!tenants.settle_absent(&tenant, &before, after(start, 40), ttl, || {}));
    }
}
