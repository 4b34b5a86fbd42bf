//! How long changes take to reach the nodes, and how many nodes are in which state, for metrics.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::Nodes;
use crate::{
    domain::{
        ids::TenantName,
        ledger::{Millis, Needs, NodeState},
        tag::VersionTag,
    },
    ledger::known_dialect,
    telemetry::names,
};

/// The shares whose times are measured, in percent.
const SHARES: [(f64, &str); 3] = [(50.0, "50"), (95.0, "95"), (100.0, "100")];
/// A change that has not reached all nodes by then is measured no longer.
const LONGEST: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct Measures {
    running: Mutex<HashMap<TenantName, Measure>>,
    /// The gauges that were set, so that those without nodes are set to 0.
    shown: Mutex<HashSet<(&'static str, NodeState)>>,
}

/// The way of one change to the nodes of its tenant.
struct Measure {
    at: VersionTag,
    began: Instant,
    since: Millis,
    /// The number of [`SHARES`] that were reached.
    reached: usize,
    /// When it is looked at again.
    next: Instant,
}

/// Counting the nodes of a tenant takes at most this part of the time.
const PART: u32 = 50;

impl Nodes {
    /// Measures how far the newest change of each tenant has come. A tenant whose last change is not everywhere
    /// is looked at; all others cost one comparison.
    pub fn measure(&self) {
        let tenants = self.ledger.all();
        let mut running = self.measures.running.lock();
        if running.len() > tenants.len() {
            let known: HashSet<_> = tenants.iter().map(|(tenant, _)| tenant).collect();
            running.retain(|tenant, _| known.contains(tenant));
        }
        for (tenant, nodes) in tenants {
            let Some(snapshot) = self.polls.cache().held(tenant.as_str()) else {
                continue;
            };
            let fresh = || Measure {
                at: snapshot.tag().clone(),
                began: Instant::now(),
                since: self.now(),
                // What was there before this instance saw the first change is not measured.
                reached: SHARES.len(),
                next: Instant::now(),
            };
            let measure = running.entry(tenant).or_insert_with(fresh);
            if measure.at != *snapshot.tag() {
                *measure = Measure {
                    reached: 0,
                    ..fresh()
                };
            }
            let is_over = measure.reached == SHARES.len() || measure.began.elapsed() > LONGEST;
            if is_over || Instant::now() < measure.next {
                continue;
            }
            let began = Instant::now();
            let mut needs = Needs::newest(&snapshot);
            let counted = nodes
                .table()
                .convergence(&mut needs, self.now(), Some(measure.since));
            measure.next = Instant::now() + began.elapsed() * PART;
            let left = &SHARES[measure.reached..];
            for (percent, name) in left {
                if !counted.reaches(*percent) {
                    break;
                }
                metrics::histogram!(names::CONVERGENCE_SECONDS, "share" => *name)
                    .record(measure.began.elapsed().as_secs_f64());
                measure.reached += 1;
            }
        }
    }

    /// Counts the nodes of all tenants by dialect and state.
    pub fn show(&self) {
        let mut counts: HashMap<(&'static str, NodeState), u64> = HashMap::new();
        let mut worst = 0;
        for (tenant, nodes) in self.ledger.all() {
            let Some(snapshot) = self.polls.cache().held(tenant.as_str()) else {
                continue;
            };
            let mut needs = Needs::newest(&snapshot);
            let tally = nodes.table().tally(&mut needs, self.now());
            for ((dialect, state), count) in tally.nodes {
                *counts
                    .entry((known_dialect(dialect.as_ref()), state))
                    .or_default() += count;
            }
            worst = worst.max(tally.worst_lag);
        }
        let mut shown = self.measures.shown.lock();
        shown.extend(counts.keys().copied());
        for (dialect, state) in shown.iter() {
            let count = counts.get(&(*dialect, *state)).copied().unwrap_or(0);
            metrics::gauge!(names::NODES, "dialect" => *dialect, "state" => state.as_str())
                .set(count as f64);
        }
        metrics::gauge!(names::NODE_LAG).set(worst as f64);
        let partial = f64::from(u8::from(self.ledger.link().partial));
        metrics::gauge!(names::LEDGER_PARTIAL).set(partial);
    }
}
