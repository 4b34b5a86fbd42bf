//! What lists may be narrowed by. All that is set must match.

use super::{
    access::Kind,
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
    /// Only what one of these actors did; empty: anyone.
    pub actors: Vec<String>,
    /// Not before.
    pub from: Option<UtcTime>,
    /// Before, not at.
    pub to: Option<UtcTime>,
}

/// Narrows a list of accesses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessFilter {
    /// Only what this tenant's auditors are told of.
    pub visible_to: Option<TenantName>,
    /// Only what is about this tenant, or told to its auditors.
    pub tenant: Option<TenantName>,
    /// Only of this sort.
    pub kind: Option<Kind>,
    /// Only what this actor did or tried.
    pub actor: Option<String>,
    /// Not before.
    pub from: Option<UtcTime>,
    /// Before, not at.
    pub to: Option<UtcTime>,
}
