//! The node that asks.

use std::collections::BTreeMap;

use super::message::{Node, SemanticVersion};

/// The lowest version (major, minor) of Envoy that understands what is rendered. An older one ignores the field
/// `path_rewrite`, acknowledges the routes, and sends requests to wrong paths.
pub const FLOOR: (u32, u32) = (1, 37);

/// The members of the metadata that are kept.
const KEPT: [&str; 3] = ["tenant", "env", "service"];

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// The node's name, from its bootstrap.
    pub id: String,
    /// The node's group, from its bootstrap.
    pub cluster: String,
    /// The version: major, minor, patch.
    pub version: Option<(u32, u32, u32)>,
    /// The members `tenant`, `env` and `service` of the bootstrap's metadata.
    pub metadata: BTreeMap<String, String>,
}

impl NodeInfo {
    /// Returns the program's name and version.
    pub fn program(&self) -> String {
        match self.version {
            Some((major, minor, patch)) => format!("Envoy {major}.{minor}.{patch}"),
            None => "Envoy".to_owned(),
        }
    }

    /// Whether the node is known to understand what is rendered.
    pub fn is_supported(&self) -> bool {
        self.version
            .is_some_and(|(major, minor, _)| (major, minor) >= FLOOR)
    }
}

impl From<Node> for NodeInfo {
    fn from(node: Node) -> Self {
        let version = node.user_agent_build_version.and_then(|v| v.version);
        let texts = node.metadata.unwrap_or_default().fields.into_iter();
        Self {
            id: node.id,
            cluster: node.cluster,
            version: version.map(
                |SemanticVersion {
                     major_number,
                     minor_number,
                     patch,
                 }| (major_number, minor_number, patch),
            ),
            metadata: texts
                .filter(|(name, _)| KEPT.contains(&name.as_str()))
                .filter_map(|(name, value)| Some((name, value.string_value?)))
                .collect(),
        }
    }
}
