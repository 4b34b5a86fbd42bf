//! Filters of lists. All conditions that are set must match.

use super::{
    access::Kind,
    ids::{EnvName, ServiceName, TenantName, VersionName},
    time::UtcTime,
};

/// Filters a list of routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteFilter {
    /// Only routes of this tenant.
    pub tenant: Option<TenantName>,
    /// Only routes of this service.
    pub service: Option<ServiceName>,
    /// Only routes of this environment.
    pub env: Option<EnvName>,
    /// Only routes of this version.
    pub version: Option<VersionName>,
    /// Only active (`true`) or only inactive (`false`) routes.
    pub is_active: Option<bool>,
    /// Only routes with this label, key and value.
    pub label: Option<(String, String)>,
    /// Only routes that have this text in their names or their URL, in upper or lower case.
    pub search: Option<String>,
}

/// Filters a list of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events of this tenant.
    pub tenant: Option<TenantName>,
    /// Only events of this service.
    pub service: Option<ServiceName>,
    /// Only events of this environment.
    pub env: Option<EnvName>,
    /// Only events of this version.
    pub version: Option<VersionName>,
    /// Only events with this action.
    pub action: Option<super::event::Action>,
    /// Only events of one of these actors; empty means any actor.
    pub actors: Vec<String>,
    /// Only events at or after this time.
    pub from: Option<UtcTime>,
    /// Only events before this time.
    pub to: Option<UtcTime>,
}

/// Filters the access log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessFilter {
    /// Only accesses that this tenant's auditors may see.
    pub visible_to: Option<TenantName>,
    /// Only accesses about this tenant, or visible to its auditors.
    pub tenant: Option<TenantName>,
    /// Only accesses of this kind.
    pub kind: Option<Kind>,
    /// Only accesses of this actor.
    pub actor: Option<String>,
    /// Only accesses at or after this time.
    pub from: Option<UtcTime>,
    /// Only accesses before this time.
    pub to: Option<UtcTime>,
}
