//! Polls (REST xDS): the JSON of Envoys that poll, as the messages of a stream.

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    action::Type,
    frame,
    message::{
        self, BuildVersion, DiscoveryRequest, DiscoveryResponse, SemanticVersion, Status, Struct,
    },
};
use crate::envoy;

/// The longest text of a poll. The version of 64 tenants has 8 KB.
const TEXT_BYTES: usize = 16 * 1024;
/// The most names of a poll. An Envoy asks for one route configuration.
const NAMES: usize = 16;

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
    metadata: Metadata,
    user_agent_build_version: Program,
}

/// The members of the metadata that are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
struct Metadata {
    tenant: Text,
    env: Text,
    service: Text,
}

/// A member that is a text, or counts as missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Other(Missing),
}

/// Anything that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Missing;

impl<'de> Deserialize<'de> for Missing {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from).map(|_| Self)
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Other(Missing)
    }
}

impl Text {
    fn get(&self) -> Option<&String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }
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
    /// Reads a poll. The error is a sentence for the log of the node.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let poll: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if poll.node.id.is_empty() {
            return Err("node.id is missing".to_owned());
        }
        let node = &poll.node;
        let texts = [
            &node.metadata.tenant,
            &node.metadata.env,
            &node.metadata.service,
        ];
        let texts = texts.into_iter().filter_map(|text| text.get());
        let all = texts.chain([&node.id, &node.cluster, &poll.version_info]);
        let longest = all.chain(&poll.resource_names).map(String::len).max();
        if longest > Some(TEXT_BYTES) || poll.resource_names.len() > NAMES {
            return Err(format!(
                "a poll has at most {NAMES} names, and texts of at most {TEXT_BYTES} bytes"
            ));
        }
        Ok(poll)
    }

    /// Returns what the node says of the tenants and the scope that it wants.
    pub fn scope(&self) -> String {
        let Metadata {
            tenant,
            env,
            service,
        } = &self.node.metadata;
        let texts = [tenant, env, service].map(|text| text.get().map_or("", String::as_str));
        texts.join(" ")
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
        let Metadata {
            tenant,
            env,
            service,
        } = &node.metadata;
        let texts = [("tenant", tenant), ("env", env), ("service", service)];
        let texts = texts.into_iter().filter_map(|(name, text)| {
            let string_value = Some(text.get()?.clone());
            Some((name.to_owned(), message::Value { string_value }))
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
    /// origin. `kept` returns the body of a type and version, which has the same content wherever it is made.
    pub fn read(bytes: &Bytes, kept: impl Fn(Type, &str) -> Option<Bytes>) -> Option<Self> {
        let response = DiscoveryResponse::decode(frame::message(bytes)).ok()?;
        let resources = Type::from_url(&response.type_url)?;
        let body = match kept(resources, &response.version_info) {
            Some(body) => body,
            None => Self::body(&response)?,
        };
        Some(Self {
            resources,
            body,
            version: response.version_info,
            nonce: response.nonce,
        })
    }

    fn body(response: &DiscoveryResponse) -> Option<Bytes> {
        let json = |body: &Bytes| RawValue::from_string(envoy::json(body).ok()?).ok();
        let body = Response {
            version_info: &response.version_info,
            type_url: &response.type_url,
            resources: response.resources.iter().map(json).collect::<Option<_>>()?,
        };
        Some(serde_json::to_vec(&body).ok()?.into())
    }
}
