//! What proxies read: snapshots, changes, reports and keys of signatures.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Event, Members, Raw, SnapshotPolicy};

/// A tenant's active routes, or those of an environment, a service, or both, sorted by service,
/// environment and version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Two snapshots with the same digest hold the same routes and policies.
    pub digest: String,
    /// The tenant's epoch. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// Sorted by service and environment.
    pub policies: Vec<SnapshotPolicy>,
    /// The newest revision that touched the scope.
    pub revision: u64,
    /// The active routes, sorted by service, environment and version.
    pub routes: Vec<SnapshotRoute>,
    /// The name of the tenant.
    pub tenant: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// An active route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotRoute {
    /// The name of the environment.
    pub env: String,
    /// Free-form labels. A value has at most 255 bytes.
    pub labels: BTreeMap<String, String>,
    /// The tenant's revision; 0 is a tenant without any change.
    pub revision: u64,
    /// The name of the service.
    pub service: String,
    /// An absolute http or https URL of at most 2048 bytes.
    pub url: String,
    /// The name of the version.
    pub version: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The events after a version tag. With `reset` these events are not available, and `snapshot` is
/// the present state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeFeed {
    /// The changes, in their order.
    pub changes: Vec<Raw<Event>>,
    /// Whether there are no more events for now.
    pub complete: bool,
    /// A version tag, `<epoch>.<revision>`.
    pub from: String,
    /// Present if the tag is of another epoch or too old: start again with `snapshot`.
    #[serde(default)]
    pub reset: bool,
    /// A tenant's active routes, or those of an environment, a service, or both, sorted by service,
    /// environment and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// The version tag after which to continue.
    pub to: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// What a dialect made of a tenant's policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyReport {
    /// The dialect.
    pub dialect: String,
    /// The policies, sorted by service and environment.
    pub policies: Vec<ReportedPolicy>,
    /// The version tag of the scope.
    pub revision: String,
    /// The name of the tenant.
    pub tenant: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// What a dialect made of one policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportedPolicy {
    /// The name of the environment.
    pub env: String,
    /// The differences, or the reasons of the refusal.
    pub notes: Vec<String>,
    /// Present if the state is `quarantined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<PolicyQuarantine>,
    /// The revision of the policy's last change.
    pub revision: u64,
    /// The name of the service.
    pub service: String,
    /// `native`: the proxy does what the policy says. `degraded`: with the differences that the
    /// notes name. `refused`: the proxy does not get the policy. `quarantined`: a proxy refuses it,
    /// and has an older form.
    pub state: String,
    /// The name of the tenant.
    pub tenant: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A proxy's refusal of a policy. Proxies that take the policy have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyQuarantine {
    /// Who changed the policy last; null while that cannot be read.
    #[serde(default)]
    pub author: Option<String>,
    /// The name of the node.
    pub node: String,
    /// The proxy and its version.
    pub program: String,
    /// The proxy's own words.
    pub reason: String,
    /// The tenant's revision whose form of the policy the proxies have instead; null: they have
    /// none, and answer its requests with 503.
    #[serde(default)]
    pub serves: Option<u64>,
    /// When the first proxy refused it.
    pub since: Timestamp,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The keys of this installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SigningKeys {
    /// Each of them signs every snapshot. Empty: snapshots are not signed.
    pub keys: Vec<PublicKey>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublicKey {
    /// `Ed25519` (RFC 8032).
    pub algorithm: String,
    /// The name of the key in `TM-Signature`: the first 8 bytes of its SHA-256, in hex.
    pub id: String,
    /// The key's 32 bytes in hex.
    pub public_key: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}
