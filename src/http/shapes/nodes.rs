//! What is answered about nodes.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{
        ledger::{Laggard, Millis, NodeError, NodeState},
        tag::VersionTag,
        time::UtcTime,
    },
    http::openapi::schemas,
    service::nodes::{NodeStatus, Outcome, Share},
};

/// The state of a node.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NodeState")]
#[expect(dead_code, reason = "read by the derive")]
pub enum NodeStateIn {
    Converged,
    Lagging,
    Refused,
    Unknown,
    Lost,
}

/// A node within one scope.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Node")]
pub struct NodeOut<'a> {
    #[schemars(with = "schemas::NodeName")]
    node: &'a str,
    /// The service that the node follows; `null`: all.
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<&'a str>,
    /// The environment that the node follows; `null`: all.
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<&'a str>,
    #[schemars(with = "NodeStateIn")]
    state: NodeState,
    /// How the node takes its configuration; `null`: as JSON, or it did not say.
    dialect: Option<&'a str>,
    /// The version tag that the node runs; `null`: none, or it did not say.
    #[schemars(with = "Option<schemas::VersionTag>")]
    applied: Option<&'a VersionTag>,
    /// Since when it has run that.
    #[schemars(with = "Option<schemas::Timestamp>")]
    since: Option<UtcTime>,
    /// The version tag that the node was sent last.
    #[schemars(with = "Option<schemas::VersionTag>")]
    served: Option<&'a VersionTag>,
    /// How many revisions the node is behind.
    lag_revisions: u64,
    error: Option<NodeErrorOut<'a>>,
    /// When the node was last there.
    #[schemars(with = "schemas::Timestamp")]
    seen: UtcTime,
    /// The longest usual time between two requests of the node, in seconds.
    interval_seconds: f64,
    /// The instance of the service that the node was last at.
    instance: &'a str,
}

/// Why a node does not run the newest revision, in its own words.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NodeError")]
struct NodeErrorOut<'a> {
    /// The refused version tag, if the node said it.
    #[schemars(with = "Option<schemas::VersionTag>")]
    tag: Option<&'a VersionTag>,
    code: &'a str,
    text: &'a str,
}

/// A node, with each scope that it follows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NodeScopes")]
pub struct NodesOut<'a> {
    #[schemars(with = "schemas::NodeName")]
    pub node: &'a str,
    pub scopes: Vec<NodeOut<'a>>,
}

/// How a wait for nodes ended.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ConvergenceState")]
#[expect(dead_code, reason = "read by the derive")]
enum OutcomeOut {
    /// The share runs the revision.
    Converged,
    /// So many nodes refuse the revision that the share cannot be reached.
    Failed,
    /// The time is over.
    Timeout,
    /// The time is over, and the instance does not know all nodes.
    Partial,
    /// The tenant has no nodes. This is no success.
    NoNodes,
    /// The time is over, and the instance is so new that nodes may not have come yet.
    Warming,
}

/// Which part of a tenant's nodes runs a revision.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Convergence")]
pub struct ConvergenceOut<'a> {
    /// How the wait ended; only in answers to writes that waited.
    #[schemars(with = "OutcomeOut")]
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Outcome>,
    #[schemars(with = "schemas::VersionTag")]
    revision: &'a VersionTag,
    /// The nodes that are there.
    live: u64,
    /// Those of them that run the revision.
    converged: u64,
    /// Those of them that say that they cannot run it.
    refused: u64,
    /// The nodes that are no longer there.
    lost: u64,
    /// The nodes that are there and have never said what they run; not among `live`.
    unknown: u64,
    /// The number of polls without a node's name in the last whole minute, at the instance that answers.
    anonymous: u64,
    /// The first nodes by name that are there and do not run it; at most 20.
    laggards: Vec<LaggardOut<'a>>,
    /// The one of those that has run the same for longest.
    oldest: Option<LaggardOut<'a>>,
    /// Whether the instance does not know all nodes.
    partial: bool,
    /// Whether the instance is so new that nodes may not have come yet.
    warming: bool,
}

/// A node that is there and does not run a revision.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Laggard")]
struct LaggardOut<'a> {
    #[schemars(with = "schemas::NodeName")]
    node: &'a str,
    /// The version tag that it runs.
    #[schemars(with = "Option<schemas::VersionTag>")]
    applied: Option<&'a VersionTag>,
    /// For how many seconds it has run that.
    seconds: f64,
}

impl<'a> NodeOut<'a> {
    /// A node as it is answered.
    pub fn of(node: &'a NodeStatus) -> Self {
        let scope = &node.key.scope;
        Self {
            node: node.key.node.as_str(),
            service: scope.service.as_ref().map(|name| name.as_str()),
            env: scope.env.as_ref().map(|name| name.as_str()),
            state: node.state,
            dialect: node.dialect.as_ref().map(|name| name.as_str()),
            applied: node.applied.as_ref(),
            since: node.since.map(instant),
            served: node.served.as_ref(),
            lag_revisions: node.lag,
            error: node.error.as_deref().map(NodeErrorOut::of),
            seen: instant(node.seen),
            interval_seconds: f64::from(node.interval) / 1000.0,
            instance: &node.instance,
        }
    }
}

impl<'a> NodeErrorOut<'a> {
    fn of(error: &'a NodeError) -> Self {
        Self {
            tag: error.tag.as_ref(),
            code: error.code.as_str(),
            text: &error.text,
        }
    }
}

impl<'a> ConvergenceOut<'a> {
    /// The numbers as they are answered, and how a wait ended, if there was one.
    pub fn of(share: &'a Share, state: Option<Outcome>) -> Self {
        let counted = &share.counted;
        let laggard = |laggard: &'a Laggard| LaggardOut {
            node: laggard.key.node.as_str(),
            applied: laggard.applied.as_ref(),
            seconds: share.now.saturating_sub(laggard.since) as f64 / 1000.0,
        };
        Self {
            state,
            revision: &share.at,
            live: counted.live,
            converged: counted.converged,
            refused: counted.refused,
            lost: counted.lost,
            unknown: counted.unknown,
            anonymous: share.anonymous,
            laggards: counted.laggards.iter().map(laggard).collect(),
            oldest: counted.oldest.as_ref().map(laggard),
            partial: share.link.partial,
            warming: share.link.warming,
        }
    }
}

fn instant(at: Millis) -> UtcTime {
    let at = i64::try_from(at).ok();
    at.and_then(|at| Timestamp::from_millisecond(at).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .into()
}
