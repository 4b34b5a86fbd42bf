//! A pool of places with a share for each payer, so that one tenant cannot take all of it.
//!
//! A place is taken from the payer's share first and from the pool second: a payer that has used
//! its share up waits, or is refused, in its own line and holds up nobody. Every bulkhead, queue
//! and pool of this crate uses [`Shares`]; `tests/architecture.rs` fails on a semaphore elsewhere.
//! A payer is forgotten with its last place, so there are at most as many payers as places and
//! waiting calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Payer;
use crate::config::Share;

/// A pool of places with a share for each payer.
#[derive(Debug)]
pub struct Shares {
    name: &'static str,
    unit: &'static str,
    size: usize,
    of_tenant: usize,
    of_platform: usize,
    places: Arc<Semaphore>,
    payers: Mutex<HashMap<Payer, Arc<Semaphore>>>,
}

/// No place is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name}: all {limit} places are taken")]
pub struct NoPlace {
    /// The pool's name.
    pub name: &'static str,
    /// The number of places in the payer's share, or in the pool.
    pub limit: usize,
    /// Whether the payer's share is used up, rather than the pool.
    pub of_share: bool,
}

/// The numbers of one pool for `/health/resilience` and the metrics.
#[derive(Debug, Clone, Serialize)]
pub struct PoolReport {
    /// The pool's name.
    pub name: &'static str,
    /// The unit of the numbers: `calls`, `connections`, `commands`, `bytes`, …
    pub unit: &'static str,
    /// The size of the pool.
    pub size: u64,
    /// The amount taken now.
    pub used: u64,
    /// The most that one tenant may take; `null` for a pool that is not divided between payers.
    pub tenant_share: Option<u64>,
    /// The most that callers of no tenant may take together; `null` likewise.
    pub platform_share: Option<u64>,
    /// The number of payers that use or wait for the pool now; `null` likewise.
    pub payers: Option<usize>,
}

impl PoolReport {
    /// Creates the report on memory in bytes that is not divided between payers.
    pub fn bytes(name: &'static str, used: u64, size: u64) -> Self {
        Self {
            name,
            unit: "bytes",
            size,
            used,
            tenant_share: None,
            platform_share: None,
            payers: None,
        }
    }
}

impl Shares {
    /// Creates a pool of `size` places that is divided by `share`.
    pub fn new(name: &'static str, unit: &'static str, size: usize, share: Share) -> Arc<Self> {
        Self::divided(
            name,
            unit,
            size,
            [share.of_tenant(size), share.of_platform(size)],
        )
    }

    /// Creates a pool with the shares of one tenant and of the platform as numbers of places.
    pub fn divided(
        name: &'static str,
        unit: &'static str,
        size: usize,
        [of_tenant, of_platform]: [usize; 2],
    ) -> Arc<Self> {
        let (places, payers) = (Arc::new(Semaphore::new(size)), Mutex::default());
        Arc::new(Self {
            name,
            unit,
            size,
            of_tenant: of_tenant.min(size),
            of_platform: of_platform.min(size),
            places,
            payers,
        })
    }

    fn limit(&self, payer: &Payer) -> usize {
        match payer {
            Payer::Tenant(_) => self.of_tenant,
            Payer::Platform => self.of_platform,
            Payer::Process => self.size,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Payer, Arc<Semaphore>>> {
        self.payers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(self: &Arc<Self>, payer: &Payer) -> Line {
        let places = (*payer != Payer::Process).then(|| {
            let make = || Arc::new(Semaphore::new(self.limit(payer)));
            self.lock()
                .entry(payer.clone())
                .or_insert_with(make)
                .clone()
        });
        Line {
            shares: self.clone(),
            payer: payer.clone(),
            places,
        }
    }

    /// Takes this number of places at once, or refuses.
    pub fn try_take(self: &Arc<Self>, payer: &Payer, places: u32) -> Result<PoolPlace, NoPlace> {
        let line = self.line(payer);
        let full = |of_share| {
            let limit = if of_share {
                self.limit(payer)
            } else {
                self.size
            };
            NoPlace {
                name: self.name,
                limit,
                of_share,
            }
        };
        let own = line
            .places
            .clone()
            .map(|own| own.try_acquire_many_owned(places).map_err(|_| full(true)))
            .transpose()?;
        let common = self
            .places
            .clone()
            .try_acquire_many_owned(places)
            .map_err(|_| full(false))?;
        Ok(PoolPlace {
            own,
            common: Some(common),
            waited: Duration::ZERO,
            line,
        })
    }

    /// Waits for one place. Returns `None` if the pool is closed, which never happens here.
    pub async fn take(self: &Arc<Self>, payer: &Payer) -> Option<PoolPlace> {
        let line = self.line(payer);
        let own = match line.places.clone() {
            Some(own) => Some(own.acquire_owned().await.ok()?),
            None => None,
        };
        // Not counted: the wait in the payer's own line says nothing about the pool.
        let asked = Instant::now();
        let common = Some(self.places.clone().acquire_owned().await.ok()?);
        Some(PoolPlace {
            own,
            common,
            waited: asked.elapsed(),
            line,
        })
    }

    /// Returns the pool's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the number of places taken.
    pub fn used(&self) -> usize {
        self.size - self.places.available_permits()
    }

    /// Returns the numbers now.
    pub fn report(&self) -> PoolReport {
        let number = |places: usize| u64::try_from(places).unwrap_or(u64::MAX);
        PoolReport {
            name: self.name,
            unit: self.unit,
            size: number(self.size),
            used: number(self.used()),
            tenant_share: Some(number(self.of_tenant)),
            platform_share: Some(number(self.of_platform)),
            payers: Some(self.lock().len()),
        }
    }
}

/// A payer's share. The pool forgets it when the payer neither holds nor waits for a place.
#[derive(Debug)]
struct Line {
    shares: Arc<Shares>,
    payer: Payer,
    places: Option<Arc<Semaphore>>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.places.take().is_some() {
            let mut payers = self.shares.lock();
            if payers
                .get(&self.payer)
                .is_some_and(|places| Arc::strong_count(places) == 1)
            {
                payers.remove(&self.payer);
            }
        }
    }
}

/// Places taken from a pool; dropping them gives them back.
#[derive(Debug)]
pub struct PoolPlace {
    own: Option<OwnedSemaphorePermit>,
    common: Option<OwnedSemaphorePermit>,
    waited: Duration,
    line: Line,
}

impl PoolPlace {
    /// Returns the wait for the pool itself, without the wait for the payer's share.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns the number of places.
    pub fn count(&self) -> usize {
        self.common
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Takes this number of further places, or refuses.
    pub fn grow(&mut self, more: u32) -> Result<(), NoPlace> {
        let mut added = self.line.shares.try_take(&self.line.payer, more)?;
        for (held, new) in [
            (&mut self.own, added.own.take()),
            (&mut self.common, added.common.take()),
        ] {
            match (held.as_mut(), new) {
                (Some(held), Some(new)) => held.merge(new),
                (None, new) => *held = new,
                (Some(_), None) => {}
            }
        }
        Ok(())
    }
}

impl Drop for PoolPlace {
    fn drop(&mut self) {
        // The places are dropped before the line, because the line then checks whether the payer
        // has any left.
        drop((self.own.take(), self.common.take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Payer {
        Payer::Tenant(name.parse().unwrap())
    }

    fn quarter() -> Share {
        Share {
            tenant_percent: 25,
            platform_percent: 50,
        }
    }

    #[test]
    fn payer_gets_its_share_and_no_more_at_any_pool_size() {
        for size in [1, 2, 3, 4, 16, 128] {
            let pool = Shares::new("test", "calls", size, quarter());
            let [a, b] = ["a", "b"].map(tenant);
            for payer in [&a, &Payer::Platform] {
                let held: Vec<_> = std::iter::from_fn(|| pool.try_take(payer, 1).ok()).collect();
                assert_eq!(held.len(), pool.limit(payer));
                assert!(pool.try_take(payer, 1).unwrap_err().of_share);
                if size > 1 {
                    assert!(
                        held.len() <= size.div_ceil(2) && pool.try_take(&b, 1).is_ok(),
                        "{size}"
                    );
                }
                drop(held);
            }
            assert_eq!(
                pool.try_take(&Payer::Process, u32::try_from(size).unwrap())
                    .unwrap()
                    .count(),
                size
            );
        }
    }

    #[tokio::test]
    async fn payers_are_forgotten_with_their_last_place_or_wait() {
        let pool = Shares::new("test", "calls", 4, quarter());
        let held: Vec<_> = (0..4)
            .map(|n| pool.try_take(&tenant(&format!("t{n}")), 1).unwrap())
            .collect();
        let a = tenant("a");
        assert_eq!(
            pool.try_take(&a, 1).unwrap_err(),
            NoPlace {
                name: "test",
                limit: 4,
                of_share: false
            }
        );
        assert_eq!(pool.report().payers, Some(4));
        let waiting = pool.take(&a);
        assert!(
            tokio::time::timeout(Duration::from_millis(1), waiting)
                .await
                .is_err()
        );
        assert_eq!(
            (pool.report().payers, pool.used()),
            (Some(4), 4),
            "a cancelled waiter is forgotten"
        );
        drop(held);
        assert_eq!((pool.report().payers, pool.used()), (Some(0), 0));
    }

    #[tokio::test]
    async fn payer_waiting_in_its_own_queue_blocks_no_other() {
        let pool = Shares::new("test", "calls", 4, quarter());
        let [a, b] = ["a", "b"].map(tenant);
        let first = pool.take(&a).await.unwrap();
        let mut lined_up: Vec<_> = (0..50).map(|_| Box::pin(pool.take(&a))).collect();
        for waiting in &mut lined_up {
            assert!(futures_util::poll!(waiting).is_pending());
        }
        assert!(futures_util::poll!(Box::pin(pool.take(&b))).is_ready());
        drop(first);
        let next = lined_up.remove(0).await.unwrap();
        assert_eq!(pool.used(), 1);
        drop((next, lined_up));
        assert_eq!((pool.report().payers, pool.used()), (Some(0), 0));
    }

    #[test]
    fn growing_place_stays_within_the_share() {
        let pool = Shares::new("test", "KiB", 16, quarter());
        let mut place = pool.try_take(&tenant("a"), 1).unwrap();
        place.grow(3).unwrap();
        assert_eq!((place.count(), pool.used()), (4, 4));
        assert!(place.grow(1).unwrap_err().of_share);
        drop(place);
        assert_eq!((pool.report().payers, pool.used()), (Some(0), 0));
    }
}
