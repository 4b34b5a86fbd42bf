//! Tenants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Members;

/// A tenant with its quotas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// The names under which the tenant may have hosts; each name includes all names under it. If
    /// empty, the tenant may have any free host except a public suffix or a wildcard under one.
    pub allowed_hosts: Vec<String>,
    /// When the tenant was created.
    pub created_at: Timestamp,
    /// The id of the actor that created the tenant.
    pub created_by: String,
    /// The tenant's epoch. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// The name of the tenant.
    pub name: String,
    /// The number of the tenant's traffic policies.
    pub policies: u64,
    /// The limits of one tenant; `null` is the default, which is in the settings under `limits`.
    pub quotas: Quotas,
    /// The tenant's revision; 0 is a tenant without any change.
    pub revision: u64,
    /// The number of the tenant's routes, active or not.
    pub routes: u64,
    /// When the tenant's own record (not its routes) last changed.
    pub updated_at: Timestamp,
    /// The id of the actor that made this change.
    pub updated_by: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The limits of one tenant; `null` is the default, which is in the settings under `limits`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quotas {
    /// The largest body of a write, in bytes. Never more than `http.max_body_bytes` and
    /// `http.max_bulk_bytes`; `null` is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// The most traffic policies; `null` is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<u64>,
    /// The most routes, active or not; `null` is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<u64>,
    /// The most long-polls and event streams that wait at one instance; `null` is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiters: Option<u64>,
    /// The most changes of the tenant in a second, over all instances. As many may come at once;
    /// `null` is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_per_second: Option<u64>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST /tenants`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTenant {
    /// The domain names at or under which the tenant may have hosts. If there are none, the tenant
    /// may have any free host that is not a public suffix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_hosts: Option<Vec<String>>,
    /// The name of the tenant.
    pub name: String,
    /// The limits of one tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
}
