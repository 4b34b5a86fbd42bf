//! The ledger of nodes: which node runs which revision of a tenant.
//!
//! ```text
//!  poll, acknowledgement, refusal, report ─► Sighting ─┐
//!                                                      ├─► NodeTable (one tenant) ─► pages of nodes, Convergence
//!  Record of another instance ─────────────────────────┘         │
//!                                                                └─► due: Record ─► the other instances
//! ```
//!
//! Each instance of the service sees some of a node's requests. What it sees is two things that age in their own
//! ways: when the node was last there, of which the newest counts, and what the node said to run, of which the
//! newest statement counts. So the tables of all instances become equal, in whatever order they learn. A stream
//! at one instance does not outdate what the node says at another one.
//!
//! Times are milliseconds of one clock, which all instances have in common.

mod convergence;
mod entry;
mod table;
#[cfg(test)]
mod tests;
pub mod wire;
pub mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::{
    convergence::{Convergence, Laggard, Needs},
    entry::{Entry, NodeState, Running, Said, Statement},
    table::{Full, NodeTable, Tally},
};
use super::{
    ids::{DialectName, NodeName, RefusalCode},
    snapshot::Scope,
    tag::VersionTag,
    text,
};

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// A node within one scope of its tenant. A node that follows two scopes is in the ledger twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeKey {
    /// The node's name.
    pub node: NodeName,
    /// What it follows.
    #[serde(flatten)]
    pub scope: Scope,
}

/// Why a node does not run a revision, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeError {
    /// The refused tag, if the node said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<VersionTag>,
    /// The kind of refusal, such as `refused` or `unreachable`.
    pub code: RefusalCode,
    /// The node's words.
    pub text: String,
}

impl NodeError {
    /// The longest text that is kept, in bytes.
    pub const MAX_TEXT: usize = 1024;

    /// The error with this code. A long text is cut, and hidden characters in it are replaced.
    pub fn new(tag: Option<VersionTag>, code: RefusalCode, text: &str) -> Self {
        let text = text::shown(text, Self::MAX_TEXT);
        Self { tag, code, text }
    }
}

/// What a request says about the tag that a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Nothing: what was known stays.
    Unsaid,
    /// The node runs nothing yet.
    Nothing,
    /// The node runs this tag.
    Tag(VersionTag),
}

impl Applied {
    /// What a request's condition says about the tag that the node runs, if the request also reports an error: whoever
    /// refuses a tag may have it, and does not run it.
    pub fn unless_refused(self, error: Option<&NodeError>) -> Self {
        let refused = error.map(|error| error.tag.as_ref());
        match (refused, self) {
            (Some(None), _) => Self::Unsaid,
            (Some(Some(refused)), Self::Tag(tag)) if *refused == tag => Self::Unsaid,
            (_, said) => said,
        }
    }
}

/// One request of a node, as one instance saw it.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// When.
    pub at: Millis,
    /// How the node takes its configuration, if it said so.
    pub dialect: Option<DialectName>,
    /// The tag that the node runs.
    pub applied: Applied,
    /// The tag of the answer.
    pub served: Option<VersionTag>,
    /// Why the node does not run the newest.
    pub error: Option<Box<NodeError>>,
}

impl Sighting {
    /// A request that says nothing about the node but that it is there.
    pub fn silent(at: Millis, served: Option<VersionTag>) -> Self {
        Self {
            at,
            dialect: None,
            applied: Applied::Unsaid,
            served,
            error: None,
        }
    }
}

/// What an instance tells the others about one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The node.
    pub key: NodeKey,
    /// The instance that saw it last.
    pub instance: Arc<str>,
    /// When it was there.
    pub seen: Millis,
    /// The longest usual time between two of its requests.
    pub interval: u32,
    /// What it said.
    pub statement: Statement,
}

/// The times of the ledger, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// A node that is silent for so long, and for three of its intervals, is lost.
    pub silent_after: Millis,
    /// A node that is lost for so long is forgotten.
    pub forget_after: Millis,
}

impl Times {
    /// The least time between two records about one node, in milliseconds.
    pub const PAUSE: Millis = 200;

    /// The longest interval that is believed: a node that comes more seldom is lost in between.
    const LONGEST_INTERVAL: u64 = 200_000;

    /// How long a node with this interval may be silent before it is lost.
    pub fn window(&self, interval: u32) -> Millis {
        self.silent_after
            .max(3 * u64::from(interval).min(Self::LONGEST_INTERVAL))
    }

    /// How old what the other instances know of a node's last request may become.
    pub fn refresh(&self) -> Millis {
        self.silent_after / 2
    }
}
