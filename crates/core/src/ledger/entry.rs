//! One node of the ledger.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Applied, Millis, NodeError, Record, Sighting, Times};
use crate::{
    ids::DialectName,
    tag::{Revision, VersionTag},
};

/// Whether a node runs a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// The node runs it, or a newer one.
    Converged,
    /// The node is there and does not run it yet.
    Lagging,
    /// The node is there and says that it cannot run it.
    Refused,
    /// The node is there and has never said what it runs.
    Unknown,
    /// The node has been silent for too long.
    Lost,
}

impl NodeState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Converged,
        Self::Lagging,
        Self::Refused,
        Self::Unknown,
        Self::Lost,
    ];

    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Lagging => "lagging",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Lost => "lost",
        }
    }
}

/// Something that a node said, and when. Of two, the later one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said<T> {
    /// When it said so; 0: never.
    pub at: Millis,
    /// What it said.
    pub what: T,
}

/// The tag that a node runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Running {
    /// The tag; `None`: the node runs nothing yet, or has not said what.
    pub tag: Option<VersionTag>,
    /// Since when.
    pub since: Millis,
}

/// What a node said last about itself, each thing by its own time: a request that says one of them does not
/// outdate the other, which another instance may have heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// How it takes its configuration.
    pub dialect: Option<DialectName>,
    /// The tag that it was sent last.
    pub served: Option<VersionTag>,
    /// What it runs.
    pub running: Said<Running>,
    /// Why it does not run the newest.
    pub error: Said<Option<Box<NodeError>>>,
}

impl Statement {
    /// The tag that the node runs.
    pub fn applied(&self) -> Option<&VersionTag> {
        self.running.what.tag.as_ref()
    }
}

/// One node of the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The instance that saw it last.
    pub instance: Arc<str>,
    /// When it was last there. Open connections do not move this; see [`Entry::last`].
    pub seen: Millis,
    /// Since when it has been there without a break.
    pub came: Millis,
    /// The longest usual time between two of its requests, in milliseconds.
    pub interval: u32,
    /// What it said last.
    pub statement: Statement,
    /// The number of its connections that wait at this instance.
    pub(super) open: u32,
    /// What the other instances know of `seen`.
    pub(super) told: Millis,
    /// Whether the entry waits to be told to the other instances.
    pub(super) is_due: bool,
    /// When it was told last.
    pub(super) told_at: Millis,
}

impl Entry {
    pub(super) fn new(instance: Arc<str>, at: Millis) -> Self {
        Self {
            instance,
            seen: at,
            came: at,
            interval: 0,
            statement: Statement::default(),
            open: 0,
            told: 0,
            is_due: false,
            told_at: 0,
        }
    }

    /// When the node was last there.
    pub fn last(&self, now: Millis) -> Millis {
        if self.open > 0 {
            now.max(self.seen)
        } else {
            self.seen
        }
    }

    /// Whether the node is there.
    pub fn is_live(&self, now: Millis, times: &Times) -> bool {
        now <= self.last(now) + times.window(self.interval)
    }

    /// Whether the node was there at `then`, and has been since or left later.
    pub fn was_live(&self, then: Millis, now: Millis, times: &Times) -> bool {
        self.came <= then && then <= self.last(now) + times.window(self.interval)
    }

    /// The node's state when it has to run `needed`, which is known since `since`.
    pub fn state(
        &self,
        needed: &VersionTag,
        since: Option<Millis>,
        now: Millis,
        times: &Times,
    ) -> NodeState {
        let has = |tag: &VersionTag| tag.covers(needed);
        if !self.is_live(now, times) {
            NodeState::Lost
        } else if self.statement.applied().is_some_and(has) {
            NodeState::Converged
        } else if self.refuses(needed, since) {
            NodeState::Refused
        } else if self.statement.running.at == 0 && self.statement.error.what.is_none() {
            NodeState::Unknown
        } else {
            NodeState::Lagging
        }
    }

    /// Whether what the node refuses is `needed`, and not something older that it was to repair. An error without
    /// a tag is about what was there when the node said so.
    fn refuses(&self, needed: &VersionTag, since: Option<Millis>) -> bool {
        let Said { at, what } = &self.statement.error;
        let about = |error: &NodeError| match &error.tag {
            Some(tag) => tag.covers(needed),
            None => since.is_none_or(|since| *at >= since),
        };
        what.as_deref().is_some_and(about)
    }

    /// How many revisions the node is behind `needed`; all of them if it runs another epoch.
    pub fn lag(&self, needed: &VersionTag) -> u64 {
        let same = |tag: &&VersionTag| tag.epoch == needed.epoch;
        let applied = self.statement.applied().filter(same);
        let applied = applied.map_or(Revision::default(), |tag| tag.revision);
        needed.revision.0.saturating_sub(applied.0)
    }

    /// The node was there at `at`.
    pub(super) fn touch(&mut self, at: Millis, instance: &Arc<str>, times: &Times) {
        if at < self.seen {
            return;
        }
        let gap = at - self.last(at);
        self.seen = at;
        if gap > times.window(self.interval) {
            // How long it was away says nothing about how often it comes.
            self.came = at;
            self.instance = instance.clone();
            return;
        }
        // Another instance may have seen it later than it has told.
        let unsure = if self.instance == *instance {
            0
        } else {
            times.refresh()
        };
        let gap = u32::try_from(gap.saturating_sub(unsure)).unwrap_or(u32::MAX);
        // Longer at once, and shorter by and by: one request in between does not make a node lost.
        self.interval = gap.max(self.interval - self.interval / 4);
        self.instance = instance.clone();
    }

    /// Takes what a request says. Returns whether the others have to know.
    pub(super) fn hear(&mut self, sighting: Sighting) -> bool {
        let Sighting {
            at,
            dialect,
            applied,
            served,
            error,
        } = sighting;
        let said = &mut self.statement;
        let mut is_news = false;
        if served.is_some() {
            said.served = served;
        }
        if dialect.is_some() && said.dialect != dialect {
            said.dialect = dialect;
            is_news = true;
        }
        let tag = match applied {
            Applied::Unsaid => None,
            Applied::Nothing => Some(None),
            Applied::Tag(tag) => Some(Some(tag)),
        };
        // Whoever says what it runs, and of no error, has none.
        let has_said = tag.is_some() || error.is_some();
        if let Some(tag) = tag
            && at >= said.running.at
        {
            said.running.at = at;
            if said.running.what.tag != tag {
                said.running.what = Running { tag, since: at };
                is_news = true;
            }
        }
        if has_said && at >= said.error.at {
            said.error.at = at;
            if said.error.what != error {
                said.error.what = error;
                is_news = true;
            }
        }
        is_news
    }

    /// Takes what another instance tells. Returns whether the node says something else than before.
    pub(super) fn learn(&mut self, record: Record, times: &Times) -> bool {
        let (seen, told) = (record.seen, record.statement);
        self.told = self.told.max(seen);
        if seen >= self.seen {
            self.touch(seen, &record.instance, times);
            self.interval = record.interval;
            let said = &mut self.statement;
            said.dialect = told.dialect.or(said.dialect.take());
            said.served = told.served.or(said.served.take());
        }
        let runs_else = self.statement.running.learn(told.running, |running| {
            (running.tag.as_ref().map(|tag| tag.revision), running.since)
        });
        let errs_else = self.statement.error.learn(told.error, |error| {
            error
                .as_ref()
                .map(|error| (error.code.to_string(), error.text.clone()))
        });
        runs_else || errs_else
    }
}

impl<T: PartialEq> Said<T> {
    /// Takes what another instance heard. Of two things that were said at one instant the greater `rank` counts, so
    /// that all instances take the same. Returns whether it is something else than before.
    fn learn<R: Ord>(&mut self, other: Self, rank: impl Fn(&T) -> R) -> bool {
        let is_later = (other.at, rank(&other.what)) > (self.at, rank(&self.what));
        if !is_later {
            return false;
        }
        let is_else = self.what != other.what;
        *self = other;
        is_else
    }
}
