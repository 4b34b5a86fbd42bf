//! Which share of a tenant's nodes runs a revision.

use std::collections::HashMap;

use super::{Millis, NodeKey, NodeState, NodeTable};
use crate::{
    snapshot::{Scope, TenantSnapshot},
    tag::{Revision, VersionTag},
};

/// What nodes have to run so that they have a revision: the newest change of their scope up to it.
pub struct Needs<'a> {
    snapshot: &'a TenantSnapshot,
    at: Revision,
    by_scope: HashMap<Scope, VersionTag>,
}

impl<'a> Needs<'a> {
    /// What is needed for `at`, which the snapshot has.
    pub fn new(snapshot: &'a TenantSnapshot, at: Revision) -> Self {
        Self {
            snapshot,
            at,
            by_scope: HashMap::new(),
        }
    }

    /// What is needed for the newest revision.
    pub fn newest(snapshot: &'a TenantSnapshot) -> Self {
        Self::new(snapshot, snapshot.tag().revision)
    }

    /// Returns the tag that a node of this scope has to run, or a newer one.
    pub fn of(&mut self, scope: &Scope) -> &VersionTag {
        if !self.by_scope.contains_key(scope) {
            let tag = VersionTag {
                epoch: self.snapshot.tag().epoch.clone(),
                revision: self.revision(scope),
            };
            self.by_scope.insert(scope.clone(), tag);
        }
        &self.by_scope[scope]
    }

    /// The newest revision up to `at` that touched the scope. If the snapshot does not reach back so far, `at`
    /// itself: a node is rather told to lag than to have what it has not.
    fn revision(&self, scope: &Scope) -> Revision {
        let newest = self.snapshot.scope_tag(scope).revision;
        if newest <= self.at {
            return newest;
        }
        let touched = self.snapshot.touched(scope, self.at);
        touched.unwrap_or(self.at)
    }
}

/// A node that is there and does not run what it has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laggard {
    /// The node.
    pub key: NodeKey,
    /// The tag that it runs.
    pub applied: Option<VersionTag>,
    /// Since when.
    pub since: Millis,
}

/// Which share of a tenant's nodes runs a revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Convergence {
    /// The nodes that are there.
    pub live: u64,
    /// Those of them that run the revision.
    pub converged: u64,
    /// Those of them that say that they cannot run it.
    pub refused: u64,
    /// The nodes that are no longer there.
    pub lost: u64,
    /// The nodes that are there and have never said what they run. They are not among `live`.
    pub unknown: u64,
    /// The first nodes, by name, that are there and do not run it.
    pub laggards: Vec<Laggard>,
    /// The one that has run the same for longest.
    pub oldest: Option<Laggard>,
}

/// The number of nodes that are named.
const NAMED: usize = 20;

impl Convergence {
    /// The part of the nodes that are there that runs the revision; `None` without nodes.
    pub fn share(&self) -> Option<f64> {
        (self.live > 0).then(|| self.converged as f64 / self.live as f64)
    }

    /// Whether at least this percentage runs the revision. Exact: 95 % of 20 nodes are 19.
    pub fn reaches(&self, percent: f64) -> bool {
        self.live > 0 && self.converged >= needed(self.live, percent)
    }

    /// Whether so many nodes refuse the revision that the percentage cannot be reached.
    pub fn cannot_reach(&self, percent: f64) -> bool {
        self.live > 0 && self.live - self.refused < needed(self.live, percent)
    }
}

/// The number of nodes that are at least this percentage of `live`.
fn needed(live: u64, percent: f64) -> u64 {
    // A product that is a whole number may be a little more in binary.
    (live as f64 * percent / 100.0 - 1e-9).ceil() as u64
}

impl NodeTable {
    /// Returns which share of the nodes has what it needs. With `since`, only nodes are asked for that the revision
    /// concerns, and that were there at that time; those that came later count only once they have it, and those
    /// that left since are among the lost ones.
    pub fn convergence(
        &self,
        needs: &mut Needs<'_>,
        now: Millis,
        since: Option<Millis>,
    ) -> Convergence {
        let (mut counted, times) = (Convergence::default(), self.times());
        for (key, entry) in self.iter() {
            let at = needs.at;
            let needed = needs.of(&key.scope);
            if since.is_some() && needed.revision != at {
                continue;
            }
            let state = entry.state(needed, since, now, times);
            let is_asked = since.is_none_or(|since| entry.was_live(since, now, times));
            match state {
                NodeState::Lost if is_asked => counted.lost += 1,
                NodeState::Lost => {}
                NodeState::Unknown => counted.unknown += 1,
                NodeState::Converged => {
                    counted.live += 1;
                    counted.converged += 1;
                }
                NodeState::Lagging | NodeState::Refused if is_asked => {
                    counted.live += 1;
                    counted.refused += u64::from(state == NodeState::Refused);
                    counted.name(Laggard {
                        key: key.clone(),
                        applied: entry.statement.applied().cloned(),
                        since: entry.statement.running.what.since,
                    });
                }
                NodeState::Lagging | NodeState::Refused => {}
            }
        }
        counted
    }
}

impl Convergence {
    /// Names only nodes of the scopes that somebody may see. The numbers stay.
    pub fn hide(&mut self, is_visible: impl Fn(&Scope) -> bool) {
        self.laggards
            .retain(|laggard| is_visible(&laggard.key.scope));
        self.oldest
            .take_if(|laggard| !is_visible(&laggard.key.scope));
    }

    fn name(&mut self, laggard: Laggard) {
        if self
            .oldest
            .as_ref()
            .is_none_or(|oldest| (laggard.since, &laggard.key) < (oldest.since, &oldest.key))
        {
            self.oldest = Some(laggard.clone());
        }
        let at = self
            .laggards
            .partition_point(|other| other.key < laggard.key);
        if at < NAMED {
            self.laggards.insert(at, laggard);
            self.laggards.truncate(NAMED);
        }
    }
}
