//! The messages of the discovery service, with the fields that are read or written here.
//!
//! Numbers are those of `envoy/service/discovery/v3/discovery.proto`, `envoy/config/core/v3/base.proto`,
//! `google/protobuf/struct.proto`, `google/protobuf/any.proto` and `google/rpc/status.proto`. Fields
//! that are not here are skipped when a message is read.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

/// A request for the state of the world.
#[derive(Clone, PartialEq, Message)]
pub struct DiscoveryRequest {
    /// The version of the last response that the node accepted.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// The node. Only the first request of a stream needs to have it.
    #[prost(message, optional, tag = "2")]
    pub node: Option<Node>,
    /// All names that the node wants. None: all there are, for clusters.
    #[prost(string, repeated, tag = "3")]
    pub resource_names: Vec<String>,
    /// The type of the resources.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// The response that this answers, if it is an answer.
    #[prost(string, tag = "5")]
    pub response_nonce: String,
    /// Why the response was rejected.
    #[prost(message, optional, tag = "6")]
    pub error_detail: Option<Status>,
}

/// A response with the state of the world.
#[derive(Clone, PartialEq, Message)]
pub struct DiscoveryResponse {
    /// The version of the set of resources.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// The resources, each an encoded `google.protobuf.Any`.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub resources: Vec<Bytes>,
    /// The type of the resources.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// Names this response in the node's answer.
    #[prost(string, tag = "5")]
    pub nonce: String,
}

/// A request for differences.
#[derive(Clone, PartialEq, Message)]
pub struct DeltaDiscoveryRequest {
    /// The node. Only the first request of a stream needs to have it.
    #[prost(message, optional, tag = "1")]
    pub node: Option<Node>,
    /// The type of the resources.
    #[prost(string, tag = "2")]
    pub type_url: String,
    /// Names that the node wants from now on.
    #[prost(string, repeated, tag = "3")]
    pub resource_names_subscribe: Vec<String>,
    /// Names that the node does not want any longer.
    #[prost(string, repeated, tag = "4")]
    pub resource_names_unsubscribe: Vec<String>,
    /// What the node has, in the first request of the type: name to version.
    #[prost(btree_map = "string, string", tag = "5")]
    pub initial_resource_versions: BTreeMap<String, String>,
    /// The response that this answers, if it is an answer.
    #[prost(string, tag = "6")]
    pub response_nonce: String,
    /// Why the response was rejected.
    #[prost(message, optional, tag = "7")]
    pub error_detail: Option<Status>,
}

/// A response with differences.
#[derive(Clone, PartialEq, Message)]
pub struct DeltaDiscoveryResponse {
    /// The version of the whole, for people.
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    /// New and changed resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<DeltaResource>,
    /// The type of the resources.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// Names this response in the node's answer.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Names of resources that are gone.
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
}

/// A new or changed resource (`Resource` in the protocol).
#[derive(Clone, PartialEq, Message)]
pub struct DeltaResource {
    /// The version of this resource.
    #[prost(string, tag = "1")]
    pub version: String,
    /// An encoded `google.protobuf.Any`.
    #[prost(bytes = "bytes", tag = "2")]
    pub resource: Bytes,
    /// The name.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// The node that asks.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// The node's name, from its bootstrap.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The node's group, from its bootstrap.
    #[prost(string, tag = "2")]
    pub cluster: String,
    /// What the bootstrap says beyond.
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<Struct>,
    /// The program's version.
    #[prost(message, optional, tag = "8")]
    pub user_agent_build_version: Option<BuildVersion>,
}

/// An object of `google.protobuf`.
#[derive(Clone, PartialEq, Message)]
pub struct Struct {
    /// The members.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// A value of `google.protobuf`, of which only texts are read.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// The text, if the value is one.
    #[prost(string, optional, tag = "3")]
    pub string_value: Option<String>,
}

/// The version of a program.
#[derive(Clone, PartialEq, Message)]
pub struct BuildVersion {
    /// The numbers.
    #[prost(message, optional, tag = "1")]
    pub version: Option<SemanticVersion>,
}

/// Three numbers.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct SemanticVersion {
    /// Changes with what is not compatible.
    #[prost(uint32, tag = "1")]
    pub major_number: u32,
    /// Changes with what is new.
    #[prost(uint32, tag = "2")]
    pub minor_number: u32,
    /// Changes with corrections.
    #[prost(uint32, tag = "3")]
    pub patch: u32,
}

/// Why something failed (`google.rpc.Status`).
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// The gRPC status.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// The text for people.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// A message and its type (`google.protobuf.Any`).
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    /// The type.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The encoded message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}
