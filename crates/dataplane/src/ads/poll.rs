//! Polls (REST xDS): the JSON of Envoys that poll, as the messages of a stream.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    action::Type,
    frame,
    message::{
        self, BuildVersion, DiscoveryRequest, DiscoveryResponse, SemanticVersion, Status, Struct,
    },
};
use crate::envoy;

/// What a poll says. Everything else in it is left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Poll {
    /// The version that the node has; empty: none.
    pub version_info: String,
    /// The node.
    pub node: Node,
    /// The names that it wants; empty: all.
    pub resource_names: Vec<String>,
}

/// The node that polls.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Node {
    /// The node's name.
    pub id: String,
    cluster: String,
    metadata: BTreeMap<String, Value>,
    user_agent_build_version: Program,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Program {
    version: Version,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Version {
    major_number: u32,
    minor_number: u32,
    patch: u32,
}

impl Poll {
    /// Reads a poll.
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Returns the message of a stream that says the same about resources of this type. It answers the
    /// response with this nonce, if there is one; with `refused` it refuses it.
    pub fn request(&self, resources: Type, nonce: String, refused: Option<&str>) -> Vec<u8> {
        let request = DiscoveryRequest {
            version_info: self.version_info.clone(),
            node: Some(self.node.clone().into()),
            resource_names: self.resource_names.clone(),
            type_url: resources.url().to_owned(),
            response_nonce: nonce,
            error_detail: refused.map(|why| Status {
                code: 13,
                message: why.to_owned(),
            }),
        };
        request.encode_to_vec()
    }
}

impl From<Node> for message::Node {
    fn from(node: Node) -> Self {
        let Version {
            major_number,
            minor_number,
            patch,
        } = node.user_agent_build_version.version;
        let version = SemanticVersion {
            major_number,
            minor_number,
            patch,
        };
        let texts = node.metadata.into_iter().filter_map(|(name, value)| {
            let string_value = Some(value.as_str()?.to_owned());
            Some((name, message::Value { string_value }))
        });
        Self {
            id: node.id,
            cluster: node.cluster,
            metadata: Some(Struct {
                fields: texts.collect(),
            }),
            user_agent_build_version: Some(BuildVersion {
                version: Some(version),
            }),
        }
    }
}

/// A response as a poll gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// The type of its resources.
    pub resources: Type,
    /// The version that the next poll says if the node has taken it.
    pub version: String,
    /// Names the response in the answer to it.
    pub nonce: String,
    /// A `DiscoveryResponse` in JSON.
    pub body: Bytes,
}

#[derive(Serialize)]
struct Response<'a> {
    version_info: &'a str,
    type_url: &'a str,
    resources: Vec<Box<RawValue>>,
}

impl Polled {
    /// Reads a frame that a state machine of the state of the world sends; `None` for a frame of another
    /// origin.
    pub fn read(bytes: &Bytes) -> Option<Self> {
        let response = DiscoveryResponse::decode(frame::message(bytes)).ok()?;
        let json = |body: &Bytes| RawValue::from_string(envoy::json(body).ok()?).ok();
        let body = Response {
            version_info: &response.version_info,
            type_url: &response.type_url,
            resources: response.resources.iter().map(json).collect::<Option<_>>()?,
        };
        Some(Self {
            resources: Type::from_url(&response.type_url)?,
            body: serde_json::to_vec(&body).ok()?.into(),
            version: response.version_info,
            nonce: response.nonce,
        })
    }
}
