//! What the audit and the access log answer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Event, Members, Raw, RouteKey};

/// The position in Kafka from which an event was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KafkaPosition {
    /// The offset in the partition.
    pub offset: i64,
    /// The number of the partition.
    pub partition: i64,
    /// The name of the topic.
    pub topic: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The actor that made a change or an access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// The name of the actor; the same envelope in all of a person's events of a tenant when
    /// personal data is sealed.
    pub id: String,
    /// The kind of the actor, such as `key` for an API key.
    pub kind: String,
    /// The number of the token that was used, if the key has had more than one; see `tokens` of a
    /// key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The object of an event: a route; a traffic policy, which has no version; or the tenant itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventSubject {
    /// The name of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The name of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The name of the tenant.
    pub tenant: String,
    /// The name of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The newest events of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventsByRoute {
    /// The number of events in the answer.
    pub count: u64,
    /// The events, newest first.
    pub events: Vec<Raw<ArchivedEvent>>,
    /// The name of a route, unique among all tenants.
    pub route: RouteKey,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The newest events of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventsByAction {
    /// The action of an event: on a route, on a traffic policy (`policy_…`), or on the tenant
    /// (`tenant_…`).
    pub action: String,
    /// The number of events in the answer.
    pub count: u64,
    /// The events, newest first.
    pub events: Vec<Raw<ArchivedEvent>>,
    /// The number of hours that were looked at.
    pub hours: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The newest events of some days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentEvents {
    /// The number of events in the answer.
    pub count: u64,
    /// The number of days that were looked at.
    pub days: u64,
    /// The events, newest first.
    pub events: Vec<Raw<ArchivedEvent>>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The newest events of a range of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventsInTimeRange {
    /// The number of events in the answer.
    pub count: u64,
    /// A time in UTC with microseconds (RFC 3339).
    pub end_time: Timestamp,
    /// The events, newest first.
    pub events: Vec<Raw<ArchivedEvent>>,
    /// A time in UTC with microseconds (RFC 3339).
    pub start_time: Timestamp,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// An entry of the access log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// `key_created`, `key_rotated`, `key_revoked`, `breaker_forced_open`, `breaker_forced_closed`,
    /// `breaker_released`, `dead_letter_redriven`, `dead_letter_discarded`, `replay_created`,
    /// `replay_cancelled`, `plan_deleted`, `policy_quarantined`, `policy_released`, or the
    /// endpoint.
    pub action: String,
    /// The caller; `null` if the caller is not known.
    #[serde(default)]
    pub actor: Option<Actor>,
    /// The correlation id of the request.
    pub correlation_id: String,
    /// The id of an event (UUID of version 7). The ids of events give no order.
    pub event_id: String,
    /// The id of the key that was presented or changed.
    #[serde(default)]
    pub key: Option<String>,
    /// The kind of an access. `denied`: the request was refused with 401, 403, or 404 for another
    /// customer's tenant. `key_changed`: a key was created, rotated or revoked. `operated`: an
    /// administrator changed how the service runs (a forced breaker state, a decision on a dead
    /// letter, a replay), or a caller deleted a plan. `read`: sensitive data was read, such as
    /// audit events, an export or the list of keys.
    pub kind: String,
    /// The id of the dead letter, the replay or the plan that was acted on.
    #[serde(default)]
    pub object: Option<String>,
    /// A time in UTC with microseconds (RFC 3339).
    pub occurred_at: Timestamp,
    /// The reason why the request was refused. For `operated`: the change to a breaker, else the
    /// reason in the operator's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The address that the request came from.
    #[serde(default)]
    pub source_ip: Option<String>,
    /// The HTTP status of the answer; `null` for the kinds `key_changed` and `operated`, which are
    /// recorded because they were done.
    #[serde(default)]
    pub status: Option<i64>,
    /// The number of similar accesses that have no entry of their own.
    pub suppressed: u64,
    /// The tenant that the access was about. For a refused request this is only what the caller
    /// wrote, so the tenant may not exist.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The tenant whose auditors see the entry, in addition to auditors of the platform.
    #[serde(default)]
    pub visible_to: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// How far the archive is behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditStatus {
    /// The number of events of the listed tenants that the archive does not have.
    pub events_behind: u64,
    /// The cursor of the next page; `null` at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// The backlog of the caller's tenant; for callers of the whole platform, of all tenants.
    pub outbox: OutboxBacklog,
    /// The age of the oldest of these events, in seconds.
    pub seconds_behind: f64,
    /// The tenants of this page.
    pub tenants: Vec<TenantAuditStatus>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// How far the archive is behind for one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantAuditStatus {
    /// The newest archived revision.
    pub archived_revision: u64,
    /// The tenant's epoch. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// The number of events that the archive does not have yet.
    pub events_behind: u64,
    /// The tenant's revision; 0 is a tenant without any change.
    pub revision: u64,
    /// The age of the oldest event that the archive does not have yet, in seconds.
    pub seconds_behind: f64,
    /// The name of the tenant.
    pub tenant: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Events that Kafka has not acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxBacklog {
    /// The number of events; counting stops at a hundred thousand.
    pub events: u64,
    /// The age of the oldest event, in seconds.
    pub oldest_seconds: f64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainVerification {
    /// The point up to which retention removed events. The verification continues from there.
    #[serde(default)]
    pub checkpoint: Option<ChainCheckpoint>,
    /// Whether `to` is the end that was asked for; if not, continue after `to`.
    pub complete: bool,
    /// The tenant's epoch. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// The number of events that were checked.
    pub events: u64,
    /// The first event that failed the check. Events after it were not checked.
    #[serde(default)]
    pub first_bad: Option<FirstBadEvent>,
    /// The first revision that was checked.
    pub from: u64,
    /// The revisions that the archive does not have, at most the first hundred. The newest may
    /// still be on their way.
    pub missing: Vec<u64>,
    /// The number of revisions that the archive does not have.
    pub missing_count: u64,
    /// The name of the tenant.
    pub tenant: String,
    /// The last revision that was checked.
    pub to: u64,
    /// Whether no event is bad and no revision is missing.
    pub verified: bool,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The point from which the archive has the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainCheckpoint {
    /// The hash of the last event of that revision. The first remaining event must name this hash.
    pub hash: String,
    /// When the checkpoint was made.
    pub made_at: Timestamp,
    /// The last revision that was removed.
    pub revision: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// An event that failed the verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstBadEvent {
    /// `edited`: the content of the event does not match its hash. `misplaced`: the event stands in
    /// another place than it says, or an archived member contradicts it. `broken_link`: the event
    /// does not follow the event before it. `wrong_end`: the newest event is not the last event in
    /// `PostgreSQL`.
    pub reason: String,
    /// The revision of the event.
    pub revision: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// An event in the archive: the whole event in `event`, and members by which lists are filtered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchivedEvent {
    /// The action of an event: on a route, on a traffic policy (`policy_…`), or on the tenant
    /// (`tenant_…`).
    pub action: String,
    /// `actor.id` of the event, decrypted if it is sealed; `erased` if that person was erased.
    pub changed_by: String,
    /// The member `request_id` of the event.
    pub correlation_id: String,
    /// The tenant's epoch. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// One committed change of a route, of a traffic policy, or of the tenant.
    pub event: Raw<Event>,
    /// The id of the event.
    pub event_id: String,
    /// The `CloudEvents` type of the event.
    pub event_type: String,
    /// A SHA-256 hash in lower-case hexadecimal digits.
    pub hash: String,
    /// The number of the event within its revision, from 0.
    pub item: u64,
    /// The position in Kafka from which an event was read.
    pub metadata: KafkaPosition,
    /// A time in UTC with microseconds (RFC 3339).
    pub occurred_at: Timestamp,
    /// A SHA-256 hash in lower-case hexadecimal digits.
    pub prev_hash: String,
    /// The state of the route before the event.
    #[serde(default)]
    pub previous_state: Option<String>,
    /// The URL of the route before the event.
    #[serde(default)]
    pub previous_url: Option<String>,
    /// When the event was archived.
    pub processed_at: Timestamp,
    /// The reason for the change; decrypted like `changed_by`.
    #[serde(default)]
    pub reason: Option<String>,
    /// The tenant's revision; 0 is a tenant without any change.
    pub revision: u64,
    /// The object of an event: a route; a traffic policy, which has no version; or the tenant
    /// itself.
    pub route: EventSubject,
    /// The IP address of the caller; decrypted like `changed_by`.
    #[serde(default)]
    pub source_ip: Option<String>,
    /// The state of the route after the event.
    #[serde(default)]
    pub state: Option<String>,
    /// The name of the tenant.
    pub tenant: String,
    /// The id of the request's trace.
    #[serde(default)]
    pub trace_id: Option<String>,
    /// The URL of the route after the event.
    #[serde(default)]
    pub url: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}
