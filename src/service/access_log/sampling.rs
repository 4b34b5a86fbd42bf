//! Sampling: a flood of accesses can neither fill the archive nor hide other accesses.
//!
//! Each source has a rate limit, and all sources together have another. A source is a caller or its
//! network, with the reason or the endpoint. So a caller that sends a thousand bad tokens cannot
//! hide that it also used a revoked key. Accesses that are not kept are counted, and the source's
//! next record carries the number. If no record follows, the newest access that was not kept
//! becomes a record in the end.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
};

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::{config, domain::access::AccessEvent};

/// Sources whose suppressed accesses are counted separately. Further sources are counted together.
const MAX_SOURCES: usize = 10_000;

/// The number of suppressed accesses of a source, and the newest of them.
struct Counted {
    accesses: u64,
    newest: AccessEvent,
}

/// Decides which accesses are kept.
pub(super) struct Sampler {
    sources: DefaultKeyedRateLimiter<u64>,
    all: DefaultDirectRateLimiter,
    hasher: RandomState,
    /// Suppressed accesses by source; `None` stands for all sources that are not counted
    /// separately.
    suppressed: Mutex<HashMap<Option<u64>, Counted>>,
}

fn quota(per_second: u32, burst: u32) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}

impl Sampler {
    pub(super) fn new(settings: &config::AccessLog) -> Self {
        Self {
            sources: RateLimiter::keyed(quota(
                settings.records_per_second_per_source,
                settings.burst_per_source,
            )),
            all: RateLimiter::direct(quota(settings.records_per_second, settings.burst)),
            hasher: RandomState::new(),
            suppressed: Mutex::default(),
        }
    }

    /// Returns an access that is to be kept, with the number of its source's suppressed accesses
    /// before it. Counts any other access and returns `None`.
    pub(super) fn sample(
        &self,
        access: AccessEvent,
        network: Option<IpAddr>,
    ) -> Option<AccessEvent> {
        let source = self.source(&access, network);
        if self.sources.check_key(&source).is_err() || self.all.check().is_err() {
            self.suppress(Some(source), access);
            return None;
        }
        let before = self
            .counted()
            .remove(&Some(source))
            .map_or(0, |counted| counted.accesses);
        Some(AccessEvent {
            suppressed: access.suppressed + before,
            ..access
        })
    }

    fn source(&self, access: &AccessEvent, network: Option<IpAddr>) -> u64 {
        let AccessEvent {
            kind,
            action,
            reason,
            tenant,
            actor,
            ..
        } = access;
        let who = actor.as_ref().map(|actor| (&actor.kind, &actor.id));
        let network = network.filter(|_| who.is_none());
        // A refusal is identified by its reason, whatever its endpoint was: there are few reasons,
        // and very many paths.
        let what = reason
            .as_ref()
            .map_or((Some(action), tenant.as_ref()), |_| (None, None));
        self.hasher.hash_one((kind, who, network, reason, what))
    }

    /// Counts an access instead of keeping it.
    pub(super) fn suppress(&self, source: Option<u64>, mut access: AccessEvent) {
        let mut suppressed = self.counted();
        let source =
            source.filter(|_| suppressed.len() < MAX_SOURCES || suppressed.contains_key(&source));
        let accesses = 1 + std::mem::take(&mut access.suppressed);
        match suppressed.get_mut(&source) {
            Some(counted) => {
                counted.accesses += accesses;
                counted.newest = access;
            }
            None => drop(suppressed.insert(
                source,
                Counted {
                    accesses,
                    newest: access,
                },
            )),
        }
    }

    /// Returns the counted accesses as records: the newest access of each source, with the number
    /// of the others.
    pub(super) fn take(&self) -> Vec<AccessEvent> {
        let suppressed = std::mem::take(&mut *self.counted());
        let record = |Counted { accesses, newest }| AccessEvent {
            suppressed: accesses - 1,
            ..newest
        };
        suppressed.into_values().map(record).collect()
    }

    /// Returns the number of accesses that are counted, but in no record yet.
    pub(super) fn pending(&self) -> u64 {
        self.counted()
            .values()
            .map(|counted| counted.accesses)
            .sum()
    }

    pub(super) fn retire(&self) {
        self.sources.retain_recent();
        self.sources.shrink_to_fit();
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<Option<u64>, Counted>> {
        self.suppressed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::access::Kind;

    fn sampler(per_source: u32, all: u32) -> Sampler {
        let mut settings = config::Settings::without_environment(&[])
            .unwrap()
            .access_log;
        (
            settings.records_per_second_per_source,
            settings.burst_per_source,
        ) = (1, per_source);
        (settings.records_per_second, settings.burst) = (1, all);
        Sampler::new(&settings)
    }

    fn refused(reason: &str) -> AccessEvent {
        AccessEvent {
            id: Uuid::now_v7(),
            kind: Kind::Denied,
            action: "GET /api/v1/routes".into(),
            status: Some(401),
            reason: Some(reason.into()),
            tenant: None,
            visible_to: None,
            actor: None,
            key: None,
            object: None,
            source_ip: None,
            request_id: String::new(),
            occurred_at: jiff::Timestamp::now().into(),
            suppressed: 0,
        }
    }

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::from(number.to_be_bytes()))
    }

    /// Returns the number of accesses that the records stand for.
    fn count_accesses(records: &[AccessEvent]) -> u64 {
        records.iter().map(|record| 1 + record.suppressed).sum()
    }

    #[test]
    fn sampled_flood_is_counted_completely() {
        let sampler = sampler(5, 1000);
        let mut kept: Vec<_> = (0..1000)
            .filter_map(|_| sampler.sample(refused("wrong_secret"), address(1)))
            .collect();
        assert!((5..10).contains(&kept.len()), "{}", kept.len());
        assert_eq!(count_accesses(&kept) + sampler.pending(), 1000);
        kept.extend(sampler.take());
        assert_eq!((count_accesses(&kept), sampler.pending()), (1000, 0));
    }

    #[test]
    fn flood_hides_no_other_source_and_no_other_reason() {
        let sampler = sampler(5, 1000);
        (0..100).for_each(|_| drop(sampler.sample(refused("malformed_key"), address(1))));
        assert!(
            sampler
                .sample(refused("malformed_key"), address(2))
                .is_some()
        );
        assert!(sampler.sample(refused("revoked_key"), address(1)).is_some());
    }

    #[test]
    fn flood_from_many_sources_is_bounded_and_counted() {
        let sampler = sampler(5, 50);
        let count = 2 * u32::try_from(MAX_SOURCES).unwrap();
        let mut kept: Vec<_> = (0..count)
            .filter_map(|n| sampler.sample(refused("no_credentials"), address(n)))
            .collect();
        assert!((50..60).contains(&kept.len()), "{}", kept.len());
        assert!(sampler.counted().len() <= MAX_SOURCES + 1);
        kept.extend(sampler.take());
        assert_eq!(count_accesses(&kept), u64::from(count));
    }

    #[test]
    fn quiet_sources_are_forgotten() {
        let sampler = sampler(5, 1000);
        let quiet = Quota::with_period(std::time::Duration::from_nanos(1)).unwrap();
        let sampler = Sampler {
            sources: RateLimiter::keyed(quiet),
            ..sampler
        };
        (0..100).for_each(|n| drop(sampler.sample(refused("no_credentials"), address(n))));
        assert!((0..1_000_000).any(|_| {
            sampler.retire();
            sampler.sources.is_empty()
        }));
    }
}
