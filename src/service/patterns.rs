//! The pools for compiling patterns, on threads apart from those that serve requests. Patterns are
//! compiled nowhere else.
//!
//! A few policies are compiled at a time, at most one of each tenant in each pool. Waiting tenants
//! take turns, so many patterns of one tenant do not delay those of another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Semaphore;

use super::Error;
use crate::{
    config,
    domain::{
        command::Rejection,
        ids::{PolicyName, TenantName},
        policy::{
            self, Rule,
            pattern::{self, MAX_PATTERNS_OF_TENANT},
        },
        snapshot::TenantSnapshot,
    },
};

/// Writes of one tenant that may wait for their patterns to be checked. More are refused.
const MAX_WAITING: usize = 32;
/// A check ends after this many errors.
const MAX_ERRORS: usize = 32;

/// Rules that are written, with the JSON pointer of their policy.
pub type Written = (String, Vec<Rule>);

/// The pools that compile patterns: one for writes and one for reads, so that neither waits for the
/// other.
pub struct PatternPool {
    writes: Pool,
    reads: Pool,
}

impl PatternPool {
    /// Creates both pools with `limits.pattern_threads` places each.
    pub fn new(limits: &config::Limits) -> Self {
        let pool = |most| Pool {
            places: Arc::new(Semaphore::new(limits.pattern_threads)),
            shares: Arc::default(),
            most,
        };
        Self {
            writes: pool(MAX_WAITING),
            reads: pool(usize::MAX),
        }
    }

    /// Checks rules that a tenant writes. The errors name the members of the rules.
    pub async fn check(&self, tenant: &TenantName, written: Vec<Written>) -> Result<(), Error> {
        // The patterns that the tenant already has are counted later, under its lock. More than the
        // limit in one write is refused in any case, so it is not worth the work.
        let count: u64 = written
            .iter()
            .map(|(_, rules)| u64::from(pattern::count(rules)))
            .sum();
        if count > u64::from(MAX_PATTERNS_OF_TENANT) {
            return Err(Rejection::QuotaExceeded {
                quota: "patterns",
                limit: MAX_PATTERNS_OF_TENANT,
            }
            .into());
        }
        let mut errors = Vec::new();
        // Takes a place for each policy, not one for all of them, so that other tenants get their
        // turn in between.
        for (at, rules) in written {
            let wrong = self
                .writes
                .run(tenant, move || policy::check_new_rules(&rules))
                .await?;
            errors.extend(
                wrong
                    .into_iter()
                    .map(|(pointer, invalid)| (format!("{at}{pointer}"), invalid)),
            );
            if errors.len() >= MAX_ERRORS {
                break;
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Rejection::Invalid { errors }.into())
        }
    }

    /// Compiles the patterns of a policy that a snapshot holds, unless that was done before. The
    /// snapshot uses more memory afterwards.
    pub async fn compile(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        name: &PolicyName,
    ) -> Result<(), Error> {
        let (held, of) = (snapshot.clone(), name.clone());
        let compile = move || {
            let patterns = held.compile_patterns(of.service.as_str(), of.env.as_str());
            patterns
                .map(|patterns| patterns.unusable().to_vec())
                .unwrap_or_default()
        };
        let unusable = self.reads.run(snapshot.tenant(), compile).await?;
        for pattern in unusable {
            let (tenant, service, env) = (
                snapshot.tenant().as_str(),
                name.service.as_str(),
                name.env.as_str(),
            );
            tracing::warn!(
                tm.tenant = tenant,
                tm.service = service,
                tm.env = env,
                pattern,
                "a stored pattern is larger than the limit and matches nothing: write the policy again"
            );
        }
        Ok(())
    }
}

/// A limited number of places on threads for long work.
struct Pool {
    places: Arc<Semaphore>,
    shares: Arc<Mutex<HashMap<TenantName, Share>>>,
    /// Limits the pieces of work of one tenant that wait or run.
    most: usize,
}

/// The state of one tenant in a pool.
struct Share {
    turn: Arc<Semaphore>,
    waiting: usize,
}

/// Counts one piece of a tenant's work, waiting or running, until it is dropped.
struct Joined {
    shares: Arc<Mutex<HashMap<TenantName, Share>>>,
    tenant: TenantName,
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut shares = lock(&self.shares);
        let Some(share) = shares.get_mut(&self.tenant) else {
            return;
        };
        share.waiting -= 1;
        if share.waiting == 0 {
            shares.remove(&self.tenant);
        }
    }
}

fn lock(shares: &Mutex<HashMap<TenantName, Share>>) -> MutexGuard<'_, HashMap<TenantName, Share>> {
    shares.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn join(&self, tenant: &TenantName) -> Result<(Joined, Arc<Semaphore>), Error> {
        let mut shares = lock(&self.shares);
        let share = shares.entry(tenant.clone()).or_insert_with(|| Share {
            turn: Arc::new(Semaphore::new(1)),
            waiting: 0,
        });
        if share.waiting >= self.most {
            return Err(Error::Overloaded("writes with patterns of this tenant"));
        }
        share.waiting += 1;
        Ok((
            Joined {
                shares: self.shares.clone(),
                tenant: tenant.clone(),
            },
            share.turn.clone(),
        ))
    }

    /// Runs `work` when it is the tenant's turn and a place is free. A caller that gives up while
    /// it waits leaves at once. Work that has begun keeps its place until it is done.
    async fn run<T: Send + 'static>(
        &self,
        tenant: &TenantName,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (joined, turn) = self.join(tenant)?;
        let turn = turn.acquire_owned().await.map_err(Error::internal)?;
        let place = self
            .places
            .clone()
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        let work = move || {
            let made = work();
            drop((place, turn, joined));
            made
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(most: usize) -> Arc<Pool> {
        Arc::new(Pool {
            places: Arc::new(Semaphore::new(2)),
            shares: Arc::default(),
            most,
        })
    }

    fn tenant(name: &str) -> TenantName {
        name.parse().unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tenant_that_waits_for_its_share_leaves_places_to_others() {
        let pool = pool(3);
        let (begun, has_begun) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let busy = pool.clone();
        let first = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                ends.recv().unwrap();
            };
            busy.run(&tenant("a"), work).await
        });
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap())
            .await
            .unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.run(&tenant("a"), || ()).await })
            })
            .collect();
        while lock(&pool.shares)[&tenant("a")].waiting < 3 {
            tokio::task::yield_now().await;
        }
        assert!(
            matches!(
                pool.run(&tenant("a"), || ()).await,
                Err(Error::Overloaded(_))
            ),
            "its share is used up"
        );
        assert_eq!(pool.run(&tenant("b"), || 7).await.unwrap(), 7);
        end.send(()).unwrap();
        first.await.unwrap().unwrap();
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        assert_eq!(
            (pool.places.available_permits(), lock(&pool.shares).len()),
            (2, 0)
        );
    }

    #[tokio::test]
    async fn panicked_or_cancelled_work_frees_its_place() {
        let pool = pool(1);
        let panicked = pool.run(&tenant("a"), || panic!("on purpose")).await;
        assert!(matches!(panicked, Err(Error::Internal(_))));
        let turn = pool.places.clone().acquire_many_owned(2).await.unwrap();
        let a = tenant("a");
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, pool.run(&a, || ())).await;
        assert!(given_up.is_err());
        drop(turn);
        pool.run(&tenant("a"), || ()).await.unwrap();
        assert_eq!(
            (pool.places.available_permits(), lock(&pool.shares).len()),
            (2, 0)
        );
    }
}
