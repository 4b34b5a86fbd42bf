//! Waiting until a share of a tenant's nodes runs a revision.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::{Nodes, Share};
use crate::{
    auth::TenantScope,
    domain::{ids::TenantName, ledger::Millis, tag::VersionTag},
    service::Freshness,
};

/// The share of the nodes that a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// In percent.
    pub percent: f64,
    /// How long.
    pub time: Duration,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The share runs the revision.
    Converged,
    /// So many nodes refuse the revision that the share cannot be reached.
    Failed,
    /// The time is over.
    Timeout,
    /// The time is over, and this instance does not know all nodes.
    Partial,
    /// The change concerns no node that is there. This is no success.
    NoNodes,
    /// The time is over, and the instance is so new that nodes may not have come yet.
    Warming,
}

/// The end of a wait.
#[derive(Debug)]
pub struct Waited {
    /// How it ended.
    pub outcome: Outcome,
    /// The numbers at the end.
    pub share: Share,
}

/// The least time between two counts of one wait, and the longest: nodes are lost by time alone.
const SOONEST: Duration = Duration::from_millis(10);
const LATEST: Duration = Duration::from_millis(500);
/// A wait counts for at most this part of its time, however many nodes there are.
const PART: u32 = 20;

impl Nodes {
    /// Waits until a share of the nodes that were there at `since` runs `at`, until so many refuse it that this cannot
    /// be, or until the time or `read.max_wait_ms` is over. `None` if the tenant's state cannot be read.
    ///
    /// A wait takes a place among the tenant's waiters, at the expense of the running task's payer; without one the
    /// caller is told at once how it stands.
    pub async fn wait(
        self: &Arc<Self>,
        tenant: &TenantName,
        at: &VersionTag,
        asked: Asked,
        since: Millis,
    ) -> Option<Waited> {
        let longest = self.polls.settings().max_wait;
        let until = Instant::now() + asked.time.min(longest);
        // The caller has just written to it.
        let scope = TenantScope::Tenant(tenant.clone());
        let tenant = scope.authorize(tenant.clone()).ok()?;
        let freshness = Freshness {
            minimum: Some(at.clone()),
            ..Freshness::default()
        };
        let first = self.polls.tenant(&tenant, &freshness).await.ok()?;
        let waiters = &self.polls.cache().waiters;
        let place = waiters.join(tenant.name(), first.waiters());
        let mut moved = self.ledger.moved(tenant.name());
        loop {
            moved.mark_unchanged();
            let snapshot = self.polls.tenant(&tenant, &freshness).await.ok()?;
            let (nodes, at) = (self.clone(), at.clone());
            // A count of many nodes takes milliseconds, which no other request has to wait for.
            let counted = self.workers.run(move || {
                let began = Instant::now();
                let share = nodes.count(&snapshot, at, Some(since));
                (share, began.elapsed())
            });
            let (share, took) = counted.await.ok()?;
            let left = until.saturating_duration_since(Instant::now());
            let is_over = left.is_zero() || place.is_err() || self.polls.stop().is_cancelled();
            if let Some(outcome) = outcome(&share, asked.percent, is_over) {
                return Some(Waited { outcome, share });
            }
            let pause = (took * PART).clamp(SOONEST, LATEST).min(left);
            let next = async {
                sleep(pause).await;
                // Whether something moved or the time is over, the nodes are counted again.
                let _ = timeout(LATEST.min(left), moved.changed()).await;
            };
            self.polls.stop().run_until_cancelled(next).await;
        }
    }
}

/// Returns how a wait ends, if it does.
fn outcome(share: &Share, percent: f64, is_over: bool) -> Option<Outcome> {
    let knows_all = !share.link.partial && !share.link.warming;
    let counted = &share.counted;
    match () {
        () if knows_all && counted.reaches(percent) => Some(Outcome::Converged),
        () if knows_all && counted.cannot_reach(percent) => Some(Outcome::Failed),
        () if knows_all && counted.live == 0 => Some(Outcome::NoNodes),
        () if !is_over => None,
        () if share.link.partial => Some(Outcome::Partial),
        () if share.link.warming => Some(Outcome::Warming),
        () => Some(Outcome::Timeout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::ledger::Convergence, ledger::LinkReport};

    fn share(live: u64, converged: u64, refused: u64, partial: bool, warming: bool) -> Share {
        Share {
            at: "0123456789abcdef.1".parse().unwrap(),
            counted: Convergence {
                live,
                converged,
                refused,
                ..Convergence::default()
            },
            anonymous: 0,
            link: LinkReport { partial, warming },
            now: 0,
        }
    }

    #[test]
    fn wait_ends_with_what_is_known() {
        let of = |live, converged, refused, is_over| {
            outcome(
                &share(live, converged, refused, false, false),
                95.0,
                is_over,
            )
        };
        assert_eq!(of(20, 19, 0, false), Some(Outcome::Converged));
        assert_eq!(of(20, 18, 0, false), None);
        assert_eq!(of(20, 18, 0, true), Some(Outcome::Timeout));
        assert_eq!(of(20, 18, 2, false), Some(Outcome::Failed));
        assert_eq!(of(0, 0, 0, false), Some(Outcome::NoNodes));
    }

    #[test]
    fn nothing_is_claimed_while_nodes_may_be_missing() {
        for (partial, warming, end) in [
            (true, false, Outcome::Partial),
            (false, true, Outcome::Warming),
            (true, true, Outcome::Partial),
        ] {
            for (live, converged, refused) in [(20, 20, 0), (20, 0, 20), (0, 0, 0)] {
                let share = share(live, converged, refused, partial, warming);
                assert_eq!(outcome(&share, 95.0, false), None);
                assert_eq!(outcome(&share, 95.0, true), Some(end));
            }
        }
    }
}
