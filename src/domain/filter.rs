//! What lists may be narrowed by. All that is set must match.

use super::{
    ids::{EnvName, ServiceName, TenantName, VersionName},
    time::UtcTime,
};

/// Narrows a list of routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteFilter {
    /// Only this tenant's.
    pub tenant: Option<TenantName>,
    /// Only this service's.
    pub service: Option<ServiceName>,
    /// Only this environment's.
    pub env: Option<EnvName>,
    /// Only this version.
    pub version: Option<VersionName>,
    /// Only active or only inactive ones.
    pub is_active: Option<bool>,
    /// Only those with this label.
    pub label: Option<(String, String)>,
}

/// Narrows a list of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only this tenant's.
    pub tenant: Option<TenantName>,
    /// Only this service's.
    pub service: Option<ServiceName>,
    /// Only this environment's.
    pub env: Option<EnvName>,
    /// Only this version.
    pub version: Option<VersionName>,
    /// Only what happened so.
    pub action: Option<super::event::Action>,
    /// Only what this actor did.
    pub actor: Option<String>,
    /// Not before.
    pub from: Option<UtcTime>,
    /// Before, not at.
    pub to: Option<UtcTime>,
}
