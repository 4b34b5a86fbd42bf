//! The cluster of a version.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use super::{
    hash,
    messages::{
        Any, DataSource, Duration, Metadata, StringPattern, Struct, Value,
        cluster::{
            Address, CertificateValidationContext, CircuitBreakers, Cluster, ClusterLoadAssignment,
            CommonTlsContext, DiscoveryType, DnsLookupFamily, Endpoint, LbEndpoint,
            LocalityLbEndpoints, SanType, SocketAddress, SubjectAltNameMatcher, Thresholds,
            TransportSocket, UpstreamTlsContext,
        },
    },
};
use crate::{
    Settings,
    model::{PolicyModel, Upstream},
    reach::reached_or_mirrored,
    report::Findings,
};

/// The time limit of a connection attempt, in milliseconds.
const CONNECT_TIMEOUT_MS: u32 = 2_000;
/// How many hex digits of a cluster's hash its name has.
const DIGITS: usize = 12;

/// Returns the upstreams of a policy for which clusters are needed: those of its actions, those
/// that it names (so that a weight of 0 can be raised by new routes alone), and all if a header
/// may name any.
pub(super) fn used(policy: &PolicyModel) -> BTreeSet<usize> {
    let mut used = reached_or_mirrored(policy);
    for (at, upstream) in policy.upstreams.iter().enumerate() {
        if policy.spec.names(&upstream.version) {
            used.insert(at);
        }
    }
    used
}

/// Notes what a cluster cannot express.
pub(super) fn check(upstream: &Upstream, findings: &mut Findings) {
    if upstream.query.is_some() {
        findings.refuse(format!(
            "The URL of the version {} has a query, which Envoy cannot add to requests.",
            upstream.version
        ));
    }
}

/// Returns the cluster of a version.
pub(super) fn cluster(policy: &PolicyModel, upstream: &Upstream, settings: &Settings) -> Cluster {
    let discovery = if upstream.is_address {
        DiscoveryType::Static
    } else {
        DiscoveryType::StrictDns
    };
    let family = if upstream.is_address {
        DnsLookupFamily::Auto
    } else {
        DnsLookupFamily::V4Preferred
    };
    let base = Value {
        string_value: Some(upstream.base.clone()),
    };
    let of_tm = Struct {
        fields: BTreeMap::from([("base".to_owned(), base)]),
    };
    let mut cluster = Cluster {
        name: String::new(),
        discovery_type: Some(discovery.into()),
        connect_timeout: Some(Duration::from_millis(CONNECT_TIMEOUT_MS)),
        circuit_breakers: Some(no_limits()),
        dns_lookup_family: family.into(),
        transport_socket: upstream.is_tls.then(|| tls(upstream, settings)),
        metadata: Some(Metadata {
            filter_metadata: BTreeMap::from([("tm".to_owned(), of_tm)]),
        }),
        load_assignment: Some(endpoint(upstream)),
    };
    // The hash is of the cluster without its name, which is in it twice.
    let hash = hash(&cluster.encode_to_vec());
    let name = format!(
        "{}/{}@{}",
        policy.id(),
        upstream.version,
        hash.get(..DIGITS).unwrap_or(&hash)
    );
    if let Some(assignment) = &mut cluster.load_assignment {
        assignment.cluster_name.clone_from(&name);
    }
    cluster.name = name;
    cluster
}

/// A policy limits nothing, and Envoy's own limits (1024 requests, 3 retries at a time) are answered
/// with 503.
fn no_limits() -> CircuitBreakers {
    CircuitBreakers {
        thresholds: vec![Thresholds {
            max_connections: Some(u32::MAX),
            max_pending_requests: Some(u32::MAX),
            max_requests: Some(u32::MAX),
            max_retries: Some(u32::MAX),
        }],
    }
}

fn endpoint(upstream: &Upstream) -> ClusterLoadAssignment {
    let address = SocketAddress {
        address: upstream.host.clone(),
        port_value: Some(u32::from(upstream.port)),
    };
    let endpoint = Endpoint {
        address: Some(Address {
            socket_address: Some(address),
        }),
        hostname: upstream.authority.clone(),
    };
    ClusterLoadAssignment {
        cluster_name: String::new(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: vec![LbEndpoint {
                endpoint: Some(endpoint),
            }],
        }],
    }
}

/// TLS with the server's certificate verified: by the authorities of the settings, and for the name
/// or address in the URL. Envoy verifies nothing unless it is told both.
fn tls(upstream: &Upstream, settings: &Settings) -> TransportSocket {
    // RFC 6066 §3 allows no addresses, and no dot at the end of a name.
    let name = upstream.host.trim_end_matches('.');
    let (kind, sni) = if upstream.is_address {
        (SanType::IpAddress, "")
    } else {
        (SanType::Dns, name)
    };
    let validation = CertificateValidationContext {
        trusted_ca: Some(DataSource {
            filename: Some(settings.ca_file.clone()),
            inline_string: None,
        }),
        match_typed_subject_alt_names: vec![SubjectAltNameMatcher {
            san_type: kind.into(),
            matcher: Some(StringPattern::Exact(name.to_owned()).into()),
        }],
    };
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            validation_context: Some(validation),
        }),
        sni: sni.to_owned(),
    };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        typed_config: Some(Any::of(&context)),
    }
}
