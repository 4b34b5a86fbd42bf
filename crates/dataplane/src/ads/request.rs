//! Requests of both kinds, in one shape.

use std::collections::BTreeMap;

use prost::Message as _;

use super::{
    action::Kind,
    message::{DeltaDiscoveryRequest, DiscoveryRequest, Node},
};

/// A request of either kind.
pub(super) struct Request {
    pub node: Option<Node>,
    pub type_url: String,
    /// The response that this answers; empty: none.
    pub nonce: String,
    /// Why that response was rejected.
    pub error: Option<String>,
    pub names: Names,
}

/// What a request says about the resources that the node wants and has.
pub(super) enum Names {
    Delta {
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
        has: BTreeMap<String, String>,
    },
    World {
        names: Vec<String>,
        has: String,
    },
}

impl Request {
    pub fn read(kind: Kind, message: &[u8]) -> Result<Self, prost::DecodeError> {
        Ok(match kind {
            Kind::Delta => {
                let r = DeltaDiscoveryRequest::decode(message)?;
                Self {
                    node: r.node,
                    type_url: r.type_url,
                    nonce: r.response_nonce,
                    error: r.error_detail.map(|e| e.message),
                    names: Names::Delta {
                        subscribe: r.resource_names_subscribe,
                        unsubscribe: r.resource_names_unsubscribe,
                        has: r.initial_resource_versions,
                    },
                }
            }
            Kind::World => {
                let r = DiscoveryRequest::decode(message)?;
                Self {
                    node: r.node,
                    type_url: r.type_url,
                    nonce: r.response_nonce,
                    error: r.error_detail.map(|e| e.message),
                    names: Names::World {
                        names: r.resource_names,
                        has: r.version_info,
                    },
                }
            }
        })
    }
}
