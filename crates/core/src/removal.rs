//! Removals of most routes that were confirmed where they were written.
//!
//! The write's events say so, and so does the tenant's row. Nodes are told by a signed statement of
//! its own kind, see [`crate::snapshot::confirmation`].

use serde::{Deserialize, Serialize};

use crate::{
    ids::{EnvName, ServiceName},
    snapshot::Scope,
    tag::VersionTag,
};

/// What a confirmed write removed. Members are declared in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The environment that the write was limited to, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvName>,
    /// The active routes that were left in the scope.
    pub left_routes: u32,
    /// The policies that were deleted.
    pub removed_policies: u32,
    /// The active routes that were deleted or deactivated.
    pub removed_routes: u32,
    /// The service that the write was limited to, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
}

impl Removal {
    /// The part of the tenant that the write was limited to.
    pub fn scope(&self) -> Scope {
        Scope {
            service: self.service.clone(),
            env: self.env.clone(),
        }
    }
}

/// A confirmed removal and the revision that made it. The tag has the epoch too: a row that an older
/// version of the service has moved to a new epoch keeps what belongs to the epoch before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedRemoval {
    /// The tag of the write.
    pub tag: VersionTag,
    /// What it removed.
    pub removal: Removal,
}
