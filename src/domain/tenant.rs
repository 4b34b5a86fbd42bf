//! What a tenant is: the owner of routes, of one revision counter and of one hash chain.

use serde::{Deserialize, Serialize};

use super::{
    ids::TenantName,
    tag::{Epoch, Revision, VersionTag},
    time::UtcTime,
};

/// The largest routes quota that a tenant can be given.
pub const MAX_ROUTES_QUOTA: u32 = 10_000_000;

/// The limits of one tenant; `None` means the service's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// The most routes, active or not.
    #[serde(default)]
    pub routes: Option<u32>,
}

/// A tenant as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Which history its revisions belong to.
    pub epoch: Epoch,
    /// Its newest committed revision.
    pub revision: Revision,
    /// Its own limits.
    pub quotas: Quotas,
    /// How many routes it has, active or not.
    pub routes: u32,
    /// When it was created.
    pub created_at: UtcTime,
    /// By whom.
    pub created_by: String,
    /// When its own record (not its routes) last changed.
    pub updated_at: UtcTime,
    /// By whom.
    pub updated_by: String,
}

impl Tenant {
    /// The tag of its newest revision.
    pub fn tag(&self) -> VersionTag {
        VersionTag { epoch: self.epoch.clone(), revision: self.revision }
    }
}
