//! What a stream is given and what it answers.

use bytes::Bytes;

use super::node::NodeInfo;
use crate::envoy::{CLUSTER_TYPE, ROUTE_TYPE};

/// The two ways of the discovery service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Responses hold what changed.
    Delta,
    /// Responses hold all resources of the type ("state of the world").
    World,
}

impl Kind {
    /// Returns the path of the HTTP request that opens a stream of this kind.
    pub fn path(self) -> &'static str {
        match self {
            Self::Delta => {
                "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
            }
            Self::World => {
                "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
            }
        }
    }
}

/// A type of resources that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// Clusters (CDS).
    Clusters,
    /// Route configurations (RDS).
    Routes,
}

impl Type {
    /// Returns the type's name in the protocol.
    pub fn url(self) -> &'static str {
        match self {
            Self::Clusters => CLUSTER_TYPE,
            Self::Routes => ROUTE_TYPE,
        }
    }

    /// Returns the type with this name.
    pub fn from_url(url: &str) -> Option<Self> {
        [Self::Clusters, Self::Routes]
            .into_iter()
            .find(|t| t.url() == url)
    }
}

/// What a stream may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds to wait for the ACK of a response before going on without it; and for a type that the node
    /// has not asked for on this stream, before it counts as one that comes from elsewhere.
    pub warm_ms: u64,
    /// Bytes of one request. The first is about 80 KB, and more by the names of all clusters (delta).
    pub request_bytes: usize,
    /// Names that a node may subscribe to, over both types.
    pub names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            warm_ms: 15_000,
            request_bytes: 4 << 20,
            names: 10_000,
        }
    }
}

/// What the caller has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes: one whole frame.
    Send(Bytes),
    /// Note this about the node.
    Report(Report),
    /// End the stream with this status. The stream does nothing more.
    End(Code, String),
}

/// A status of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The request cannot be understood.
    InvalidArgument = 3,
    /// A limit is exceeded.
    ResourceExhausted = 8,
    /// What is asked for does not exist here.
    Unimplemented = 12,
}

/// What is known of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The node introduced itself. Comes once, before all others.
    Node(NodeInfo),
    /// The node is below [`super::node::FLOOR`], or does not say its version. It is told nothing.
    TooOld(NodeInfo),
    /// The node has the offer.
    Ack {
        /// The offer's version.
        version: String,
        /// Whether the routes are among it: the node takes them from this stream.
        routes: bool,
    },
    /// The node uses the offer's routes. Its clusters may not all be warm.
    Taken {
        /// The offer's version.
        version: String,
    },
    /// The node rejected a response. Nothing more of this offer is sent.
    Nack {
        /// The offer's version.
        version: String,
        /// What was rejected. Of clusters, the node has taken those that are good.
        resources: Type,
        /// The node's words, shortened.
        reason: String,
    },
    /// The node has not answered in time. The stream goes on. For clusters: at least one
    /// of these is not warm.
    Late {
        /// The offer's version.
        version: String,
        /// What was sent.
        resources: Type,
        /// The names of what was sent.
        names: Vec<String>,
    },
    /// The node asks for a route configuration that the offer does not have. It gets none, so that
    /// a running node keeps its own, and a new one does not become ready.
    Missing {
        /// The name.
        name: String,
    },
    /// The node asks for resources of a type that is not served. It gets no answer: an
    /// empty one would take from it what it has.
    Foreign {
        /// The type.
        type_url: String,
    },
}
