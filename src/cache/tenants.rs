//! What an instance holds and knows of each tenant, and the rules that never move it back (see the module above). No I/O, no runtime, no
//! clock: what takes time, loads above all, happens between its steps.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::resident::{Becomes, Resident};
use crate::{
    domain::{
        event::Recorded,
        ids::TenantName,
        snapshot::{Applied, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::PoolReport,
    telemetry::names,
};

/// How long no replica is believed that still has a tenant that is gone. Longer than any lag that passes for fresh.
const DISTRUST: Duration = Duration::from_secs(3600);

/// What is known of a tenant that is gone, that the primary did not know, or of which more than one life was heard of: a replica that has
/// it may only be behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Absent {
    /// When it was last heard of.
    since: Instant,
    /// Until when it is believed without asking that there is none.
    until: Instant,
}

/// What this instance had seen of a tenant when it began to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    known: Option<VersionTag>,
    absent: Option<Absent>,
}

impl Seen {
    /// Whether a replica's answer of that tag is at least as new as what was seen.
    pub fn accepts(&self, tag: &VersionTag) -> bool {
        match &self.known {
            Some(known) => tag.covers(known),
            None => self.absent.is_none(),
        }
    }

    /// Whether the primary's answer of that tag is older than what was seen before it was asked: history was put back, and nothing tells.
    pub fn is_undone_by(&self, tag: &VersionTag) -> bool {
        self.known.as_ref().is_some_and(|known| known != tag && known.covers(tag))
    }
}

/// The tenants of one instance.
pub struct Tenants {
    resident: Resident,
    /// Who is in here is not in `known`. Written only under `known`'s lock.
    absent: moka::sync::Cache<TenantName, Absent>,
    known: Mutex<HashMap<TenantName, VersionTag>>,
    bytes: u64,
}

impl Tenants {
    /// None, with room for snapshots of `bytes` in all.
    pub fn new(bytes: u64) -> Self {
        Self {
            resident: Resident::new(bytes),
            absent: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(DISTRUST).build(),
            known: Mutex::default(),
            bytes,
        }
    }

    /// How many bytes the snapshots weigh.
    pub fn held_bytes(&self) -> PoolReport {
        PoolReport::bytes("snapshots", self.resident.weight(), self.bytes)
    }

    /// The tenant's snapshot, if it is resident.
    pub fn get(&self, tenant: &str) -> Option<Arc<TenantSnapshot>> {
        self.resident.get(tenant)
    }

    /// What `read` makes of it. Not even the count of its users is touched.
    pub fn with<T>(&self, tenant: &str, read: impl FnOnce(&Arc<TenantSnapshot>) -> T) -> Option<T> {
        self.resident.with(tenant, read)
    }

    /// Weighs the tenant's snapshot again: something that it holds has grown.
    pub fn weigh_again(&self, tenant: &TenantName) {
        self.resident.weigh_again(tenant);
    }

    /// Who is resident.
    pub fn resident(&self) -> Vec<TenantName> {
        self.resident.tenants()
    }

    /// How many are.
    pub fn len(&self) -> usize {
        self.resident.len()
    }

    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a new tick, and lets the cache do its housekeeping.
    pub fn tick(&self) {
        self.resident.tick();
    }

    /// Whether it is believed without asking that there is no such tenant.
    pub fn is_absent(&self, tenant: &TenantName, now: Instant) -> bool {
        self.absent.get(tenant).is_some_and(|absent| now < absent.until)
    }

    /// What this instance has seen of the tenant by now. To be taken before a read, and to hold its answer against.
    pub fn seen(&self, tenant: &TenantName) -> Seen {
        let known = self.lock_known();
        Seen { known: known.get(tenant).cloned(), absent: self.absent.get(tenant) }
    }

    /// Notes that `tag` of the tenant exists, at `now`: so says a commit or an event, which may be late. Of two lives, or of a life and an
    /// absence, only the primary can say which is the newer: until it has, no replica is believed.
    pub fn observe(&self, tenant: &TenantName, tag: &VersionTag, now: Instant) {
        let mut known = self.lock_known();
        match known.get(tenant) {
            Some(newest) if newest.epoch == tag.epoch => self.raise(&mut known, tenant, tag),
            None if !self.absent.contains_key(tenant) => self.raise(&mut known, tenant, tag),
            _ => {
                known.remove(tenant);
                self.absent.insert(tenant.clone(), Absent { since: now, until: now });
            }
        }
    }

    /// Notes a tag that was read; one of another epoch replaces what was known. What was learnt of another life of the tenant while the read ran is newer than the read.
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

    fn raise(&self, known: &mut HashMap<TenantName, VersionTag>, tenant: &TenantName, tag: &VersionTag) {
        if !known.get(tenant).is_some_and(|newest| newest.covers(tag)) {
            known.insert(tenant.clone(), tag.clone());
            self.absent.invalidate(tenant);
        }
    }

    /// A life of the tenant has begun, which was observed before: nothing of an earlier one is to be served.
    pub fn begin(&self, tenant: &TenantName, tag: &VersionTag) {
        self.resident.change(tenant, |held| match held {
            Some(held) if held.tag().epoch != tag.epoch => Becomes::Gone,
            _ => Becomes::Same,
        });
    }

    /// Moves the tenant forward by events of its, whose last was observed before.
    pub fn advance(&self, tenant: &TenantName, events: &[&Recorded]) {
        self.resident.change(tenant, |held| match held.map(|held| held.apply(events.iter().copied())) {
            None => Becomes::Same,
            Some(Ok(Applied::Known)) => applied("known", Becomes::Same),
            Some(Ok(Applied::Next(next))) => applied("next", Becomes::Next(Arc::new(next))),
            Some(Ok(Applied::Ended)) => applied("ended", Becomes::Gone),
            Some(Ok(Applied::Gap) | Err(_)) => applied("gap", Becomes::Gone),
        });
    }

    /// The tenant is gone since `now`: nothing is known of it, and [`Tenants::end`] is to follow.
    pub fn forget(&self, tenant: &TenantName, now: Instant) {
        let mut known = self.lock_known();
        known.remove(tenant);
        // Nothing is answered from this: the next read asks the primary, which may know the tenant's next life already.
        self.absent.insert(tenant.clone(), Absent { since: now, until: now });
    }

    /// Nothing of the tenant is resident any more.
    pub fn end(&self, tenant: &TenantName) {
        self.resident.change(tenant, |_| Becomes::Gone);
    }

    /// Puts a loaded snapshot in place, unless something newer is known by now; `None` asks for another load. `decided` is called in the
    /// moment when it is decided that the load stands.
    pub fn settle(
        &self, tenant: &TenantName, loaded: &Arc<TenantSnapshot>, before: &Seen, decided: impl FnOnce(),
    ) -> Option<Arc<TenantSnapshot>> {
        let mut settled = None;
        self.resident.change(tenant, |held| {
            let held = held.filter(|held| held.tag().covers(loaded.tag()));
            let is_held = held.is_some();
            let newer = held.unwrap_or_else(|| loaded.clone());
            let mut known = self.lock_known();
            let is_newest = match known.get(tenant) {
                Some(newest) if newer.tag().epoch == newest.epoch => newer.tag().covers(newest),
                // Of another epoch than what was known before the load and still is: only the primary can have said so.
                Some(newest) => Some(newest) == before.known.as_ref(),
                // Nothing is known; so it was when the load began, or the tenant has gone since.
                None => before.known.is_none() && self.absent.get(tenant) == before.absent,
            };
            if !is_newest {
                return Becomes::Same;
            }
            decided();
            known.insert(tenant.clone(), newer.tag().clone());
            self.absent.invalidate(tenant);
            settled = Some(newer.clone());
            if is_held { Becomes::Same } else { Becomes::Next(newer) }
        });
        settled
    }

    /// Notes that the primary does not know the tenant, which is believed for `ttl` from `now`, unless somebody heard of the tenant in the
    /// meantime. [`Tenants::end`] is to follow. `decided` as in [`Tenants::settle`].
    pub fn settle_absent(&self, tenant: &TenantName, before: &Seen, now: Instant, ttl: Duration, decided: impl FnOnce()) -> bool {
        let mut known = self.lock_known();
        // Who asked the primary at the same time and heard the same is no news.
        let since = self.absent.get(tenant).map(|absent| absent.since);
        if known.get(tenant) != before.known.as_ref() || since != before.absent.map(|absent| absent.since) {
            return false;
        }
        decided();
        known.remove(tenant);
        self.absent.insert(tenant.clone(), Absent { since: since.unwrap_or(now), until: now + ttl });
        true
    }

    fn lock_known(&self) -> MutexGuard<'_, HashMap<TenantName, VersionTag>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn applied(result: &'static str, becomes: Becomes) -> Becomes {
    metrics::counter!(names::CACHE_APPLIED, "result" => result).increment(1);
    becomes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tag::{Epoch, Revision};

    fn tag(life: u8, revision: u64) -> VersionTag {
        VersionTag { epoch: Epoch::from_random([life; 8]), revision: Revision(revision) }
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn no_replica_is_believed_of_which_life_is_the_newer() {
        let (tenants, tenant, start) = (Tenants::new(1 << 20), "t".parse().unwrap(), Instant::now());
        tenants.observe(&tenant, &tag(1, 2), start);
        assert!(tenants.seen(&tenant).accepts(&tag(1, 2)) && !tenants.seen(&tenant).accepts(&tag(1, 1)));
        assert_eq!(
            [tag(1, 1), tag(1, 2), tag(1, 3), tag(2, 1)].map(|tag| tenants.seen(&tenant).is_undone_by(&tag)),
            [true, false, false, false]
        );
        // Gone, and then an event of its life comes late.
        tenants.forget(&tenant, after(start, 1));
        tenants.observe(&tenant, &tag(1, 2), after(start, 2));
        assert!(!tenants.seen(&tenant).accepts(&tag(1, 2)));
        // The primary knows its next life, and then an event of the first comes late.
        tenants.observe_read(&tenant, &tag(2, 1), &tenants.seen(&tenant));
        assert!(tenants.seen(&tenant).accepts(&tag(2, 1)));
        tenants.observe(&tenant, &tag(1, 2), after(start, 3));
        assert!(!tenants.seen(&tenant).accepts(&tag(1, 2)) && !tenants.seen(&tenant).accepts(&tag(2, 1)));
        tenants.observe_read(&tenant, &tag(2, 1), &tenants.seen(&tenant));
        assert!(tenants.seen(&tenant).accepts(&tag(2, 1)));
    }

    #[test]
    fn that_there_is_no_tenant_holds_unless_something_was_heard_of_it_since_the_question() {
        let (tenants, tenant, start) = (Tenants::new(1 << 20), "t".parse().unwrap(), Instant::now());
        let ttl = Duration::from_secs(1);
        let before = tenants.seen(&tenant);
        assert!(tenants.settle_absent(&tenant, &before, start, ttl, || {}));
        assert!(tenants.is_absent(&tenant, after(start, 999)) && !tenants.is_absent(&tenant, after(start, 1000)));
        // Two ask at the same time and hear the same.
        let before = tenants.seen(&tenant);
        assert!(tenants.settle_absent(&tenant, &before, after(start, 10), ttl, || {}));
        assert!(tenants.settle_absent(&tenant, &before, after(start, 20), ttl, || {}));
        // It is made while one asks: what was heard is old.
        tenants.observe(&tenant, &tag(1, 1), after(start, 30));
        assert!(!tenants.is_absent(&tenant, after(start, 30)));
        assert!(!tenants.settle_absent(&tenant, &before, after(start, 40), ttl, || {}));
    }
}
