//! Nodes, their convergence, and the caller.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Members;

/// A node within one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The name of the node.
    pub node: String,
    /// The service that the node follows; `None`: all.
    pub service: Option<String>,
    /// The environment that the node follows; `None`: all.
    pub env: Option<String>,
    /// `converged`, `lagging`, `refused` or `lost`.
    pub state: String,
    /// How the node takes its configuration; `None`: as JSON, or it did not say.
    pub dialect: Option<String>,
    /// The version tag that the node runs; `None`: none, or it did not say.
    pub applied: Option<String>,
    /// Since when the node has run `applied`.
    pub since: Option<Timestamp>,
    /// The version tag that the node was sent last.
    pub served: Option<String>,
    /// The number of revisions that the node is behind.
    pub lag_revisions: u64,
    /// Why the node does not run the newest revision.
    pub error: Option<NodeError>,
    /// When the node was last there.
    pub seen: Timestamp,
    /// The longest usual time between two requests of the node, in seconds.
    pub interval_seconds: f64,
    /// The instance of the service that the node was last at.
    pub instance: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Why a node does not run the newest revision, in its own words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeError {
    /// The refused version tag, if the node said it.
    pub tag: Option<String>,
    /// The kind of error: `refused`, `unreachable`, `held_back` or the node's own.
    pub code: String,
    /// The words of the node.
    pub text: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A node with each scope that it follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeScopes {
    /// The name of the node.
    pub node: String,
    /// What is known of the node in each scope.
    pub scopes: Vec<Node>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Which part of a tenant's nodes runs a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// How the wait of a write ended: `converged`, `failed`, `timeout`, `partial`, `no_nodes` or
    /// `warming`. Only `converged` is a success. `None` in answers to reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The version tag that is asked for.
    pub revision: String,
    /// The number of nodes that are there.
    pub live: u64,
    /// The number of live nodes that run the revision.
    pub converged: u64,
    /// The number of live nodes that say that they cannot run the revision.
    pub refused: u64,
    /// The number of nodes that are no longer there.
    pub lost: u64,
    /// The number of polls without a node's name in the last whole minute.
    pub anonymous: u64,
    /// The first live nodes, by name, that do not run the revision; at most 20.
    pub laggards: Vec<Laggard>,
    /// The laggard that has run the same revision for longest.
    pub oldest: Option<Laggard>,
    /// Whether there may be nodes that the instance does not know of.
    pub partial: bool,
    /// Whether the instance is so new that nodes may not have come yet.
    pub warming: bool,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

impl Convergence {
    /// Returns the part of the live nodes that runs the revision, from 0 to 1; `None` without
    /// nodes, which is no success.
    pub fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no tenant has 2^53 nodes")]
        let share = self.converged as f64 / self.live as f64;
        (self.live > 0).then_some(share)
    }
}

/// A node that is there and does not run a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Laggard {
    /// The name of the node.
    pub node: String,
    /// The version tag that the node runs.
    pub applied: Option<String>,
    /// For how many seconds the node has run `applied`.
    pub seconds: f64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST /tenants/{tenant}/nodes`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeReports {
    /// The reports, at most 1000.
    pub reports: Vec<NodeReport>,
}

/// What a node has said to a relay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeReport {
    /// The name of the node.
    pub node: String,
    /// How many milliseconds ago the node was last there.
    pub seen_ms_ago: u64,
    /// How many milliseconds ago the node said `applied` and `error`; as `seen_ms_ago` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_ms_ago: Option<u64>,
    /// The version tag that the node runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// The version tag that the node was sent last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// How the node takes its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// The service that the node follows; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The environment that the node follows; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Why the node does not run the newest revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<NodeErrorReport>,
}

/// Why a node does not run the newest revision, as a relay reports it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeErrorReport {
    /// The kind of error, 1 to 63 bytes.
    pub code: String,
    /// The words of the node; 1024 bytes of them are kept.
    pub text: String,
    /// The refused version tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Who the caller is, and what it may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// The caller as events name it.
    pub actor: CallerActor,
    /// The roles of the caller.
    pub roles: Vec<String>,
    /// The tenant that the caller is limited to; `None`: all.
    pub tenant: Option<String>,
    /// The services that the caller is limited to; `None`: all.
    pub services: Option<Vec<String>>,
    /// The environments that the caller is limited to; `None`: all.
    pub envs: Option<Vec<String>>,
    /// When the credential ends; `None`: it does not by itself.
    pub expires_at: Option<Timestamp>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The caller as events name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallerActor {
    /// `key`, `jwt` or another kind of credential.
    pub kind: String,
    /// The id.
    pub id: String,
}
