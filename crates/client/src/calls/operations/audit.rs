//! The audit: events in the archive, chains, and the access log.

use crate::{
    calls::{Body, Read, operation::operations},
    types::{
        AccessFilter, AccessRecord, ArchivedEvent, AuditFilter, AuditQuery, AuditStatus,
        ChainVerification, EventsByAction, EventsByRoute, EventsInTimeRange, ListFilter, Page, Raw,
        RecentEvents, VerifyQuery,
    },
};

operations! {
    /// Lists the entries of the access log, newest first.
    Read list_access_records: GET "/api/v1/audit/access" (filter: &AccessFilter => query) -> Read<Page<AccessRecord>>;
    /// Returns the newest events of an action.
    Read list_audit_events_by_action: GET "/api/v1/audit/action" (query: &AuditQuery => query) -> Read<EventsByAction>;
    /// Lists events, newest first.
    Read list_audit_events: GET "/api/v1/audit/events" (filter: &AuditFilter => query) -> Read<Page<Raw<ArchivedEvent>>>;
    /// Exports events, oldest first: an archived event on each line, or CSV with
    /// `parameter("format", "csv")`.
    Read export_audit_events: GET "/api/v1/audit/export" (filter: &AuditFilter => query) -> Body;
    /// Returns the newest events of some days.
    Read list_recent_audit_events: GET "/api/v1/audit/recent" (query: &AuditQuery => query) -> Read<RecentEvents>;
    /// Returns the newest events of a route.
    Read list_audit_events_by_route: GET "/api/v1/audit/route" (query: &AuditQuery => query) -> Read<EventsByRoute>;
    /// Returns how far the archive is behind.
    Read get_audit_status: GET "/api/v1/audit/status" (filter: &ListFilter => query) -> Read<AuditStatus>;
    /// Returns the newest events of a range of time.
    Read list_audit_events_in_time_range: GET "/api/v1/audit/time-range" (query: &AuditQuery => query) -> Read<EventsInTimeRange>;
    /// Has the service recompute a tenant's hash chain. [`Client::verify`](crate::Client::verify)
    /// does so without trust in the service.
    Read verify_audit_chain: GET "/api/v1/audit/verify" (query: &VerifyQuery => query) -> Read<ChainVerification>;
}
