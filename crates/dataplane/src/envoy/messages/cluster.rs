//! Clusters: where an upstream is, and how connections to it are made.

use prost::{Enumeration, Message};
use serde::Serialize;

use super::{
    Any, DataSource, Duration, Metadata, StringMatcher, Typed,
    json::{is_default, named, named_or_none},
};

/// `cluster.v3.Cluster`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct Cluster {
    /// The name, by which routes refer to it.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// How the addresses are found; one of a `oneof`, so it is sent also if it is 0.
    #[prost(enumeration = "DiscoveryType", optional, tag = "2")]
    #[serde(rename = "type", serialize_with = "named_or_none::<DiscoveryType, _>")]
    pub discovery_type: Option<i32>,
    /// The time limit of a connection attempt.
    #[prost(message, optional, tag = "4")]
    pub connect_timeout: Option<Duration>,
    /// Limits of simultaneous connections and requests.
    #[prost(message, optional, tag = "10")]
    pub circuit_breakers: Option<CircuitBreakers>,
    /// Which addresses of a name are used.
    #[prost(enumeration = "DnsLookupFamily", tag = "17")]
    #[serde(
        skip_serializing_if = "is_default",
        serialize_with = "named::<DnsLookupFamily, _>"
    )]
    pub dns_lookup_family: i32,
    /// How bytes are sent; TCP without TLS if absent.
    #[prost(message, optional, tag = "24")]
    #[serde(skip_serializing_if = "is_default")]
    pub transport_socket: Option<TransportSocket>,
    /// What routes read of the cluster.
    #[prost(message, optional, tag = "25")]
    pub metadata: Option<Metadata>,
    /// The addresses.
    #[prost(message, optional, tag = "33")]
    pub load_assignment: Option<ClusterLoadAssignment>,
}

impl Typed for Cluster {
    const TYPE: &'static str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
}

/// `cluster.v3.Cluster.DiscoveryType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum DiscoveryType {
    /// The address is in the cluster.
    Static = 0,
    /// The name in the cluster is resolved again and again.
    StrictDns = 1,
}

/// `cluster.v3.Cluster.DnsLookupFamily`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum DnsLookupFamily {
    /// IPv6 addresses, or IPv4 addresses if there are none.
    Auto = 0,
    /// IPv4 addresses, or IPv6 addresses if there are none.
    V4Preferred = 3,
}

/// `cluster.v3.CircuitBreakers`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct CircuitBreakers {
    /// The limits.
    #[prost(message, repeated, tag = "1")]
    pub thresholds: Vec<Thresholds>,
}

/// `cluster.v3.CircuitBreakers.Thresholds`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct Thresholds {
    /// The most connections; Envoy's default is 1024.
    #[prost(message, optional, tag = "2")]
    pub max_connections: Option<u32>,
    /// The most requests that wait for a connection; Envoy's default is 1024.
    #[prost(message, optional, tag = "3")]
    pub max_pending_requests: Option<u32>,
    /// The most requests; Envoy's default is 1024.
    #[prost(message, optional, tag = "4")]
    pub max_requests: Option<u32>,
    /// The most retries at a time; Envoy's default is 3.
    #[prost(message, optional, tag = "5")]
    pub max_retries: Option<u32>,
}

/// `endpoint.v3.ClusterLoadAssignment`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct ClusterLoadAssignment {
    /// The cluster's name.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_name: String,
    /// The addresses by place.
    #[prost(message, repeated, tag = "2")]
    pub endpoints: Vec<LocalityLbEndpoints>,
}

/// `endpoint.v3.LocalityLbEndpoints`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct LocalityLbEndpoints {
    /// The addresses.
    #[prost(message, repeated, tag = "2")]
    pub lb_endpoints: Vec<LbEndpoint>,
}

/// `endpoint.v3.LbEndpoint`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct LbEndpoint {
    /// The address.
    #[prost(message, optional, tag = "1")]
    pub endpoint: Option<Endpoint>,
}

/// `endpoint.v3.Endpoint`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct Endpoint {
    /// The address.
    #[prost(message, optional, tag = "1")]
    pub address: Option<Address>,
    /// The `Host` header for routes with `auto_host_rewrite`.
    #[prost(string, tag = "3")]
    pub hostname: String,
}

/// `core.v3.Address`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct Address {
    /// The address and port.
    #[prost(message, optional, tag = "1")]
    pub socket_address: Option<SocketAddress>,
}

/// `core.v3.SocketAddress`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct SocketAddress {
    /// The IP address or DNS name.
    #[prost(string, tag = "2")]
    pub address: String,
    /// The port.
    #[prost(uint32, optional, tag = "3")]
    pub port_value: Option<u32>,
}

/// `core.v3.TransportSocket`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct TransportSocket {
    /// The extension's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The extension's configuration.
    #[prost(message, optional, tag = "3")]
    pub typed_config: Option<Any>,
}

/// `tls.v3.UpstreamTlsContext`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct UpstreamTlsContext {
    /// The certificates.
    #[prost(message, optional, tag = "1")]
    pub common_tls_context: Option<CommonTlsContext>,
    /// The name that is told to the server (SNI); none if empty.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub sni: String,
}

impl Typed for UpstreamTlsContext {
    const TYPE: &'static str =
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
}

/// `tls.v3.CommonTlsContext`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct CommonTlsContext {
    /// How the server's certificate is verified. Without it nothing is.
    #[prost(message, optional, tag = "3")]
    pub validation_context: Option<CertificateValidationContext>,
}

/// `tls.v3.CertificateValidationContext`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct CertificateValidationContext {
    /// The authorities.
    #[prost(message, optional, tag = "1")]
    pub trusted_ca: Option<DataSource>,
    /// The names of which the certificate must have one.
    #[prost(message, repeated, tag = "15")]
    pub match_typed_subject_alt_names: Vec<SubjectAltNameMatcher>,
}

/// `tls.v3.SubjectAltNameMatcher`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct SubjectAltNameMatcher {
    /// The kind of name.
    #[prost(enumeration = "SanType", tag = "1")]
    #[serde(serialize_with = "named::<SanType, _>")]
    pub san_type: i32,
    /// The name.
    #[prost(message, optional, tag = "2")]
    pub matcher: Option<StringMatcher>,
}

/// `tls.v3.SubjectAltNameMatcher.SanType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum SanType {
    /// No kind.
    SanTypeUnspecified = 0,
    /// A DNS name.
    Dns = 2,
    /// An IP address.
    IpAddress = 4,
}
