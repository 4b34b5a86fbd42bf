//! The operations of `/audit`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{
    ActionIn, ActionOut, EventsIn, RecentIn, RecentOut, RouteIn, RouteOut, StatusIn, TimeRangeIn,
    TimeRangeOut, access_log::AccessIn, verify::VerifyIn,
};
use crate::http::{
    event_schema::Actor,
    openapi::{Answer, Operation, schemas},
    problem::Code,
    respond::PageOut,
    shapes::archive::{ArchivedEvent, archived, route_key},
};

/// Events that Kafka has not acknowledged.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct OutboxBacklog {
    /// The number of events; counting stops at a hundred thousand.
    #[schemars(range(min = 0))]
    events: i64,
    /// The age of the oldest event, in seconds.
    #[schemars(range(min = 0))]
    oldest_seconds: f64,
}

/// How far the archive is behind.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct AuditStatus {
    /// The number of events of the listed tenants that the archive does not have.
    events_behind: u64,
    /// The age of the oldest of these events, in seconds.
    #[schemars(range(min = 0))]
    seconds_behind: f64,
    /// The backlog of the caller's tenant; for callers of the whole platform, of all tenants.
    outbox: OutboxBacklog,
    tenants: Vec<TenantAuditStatus>,
    /// The cursor of the next page; `null` at the end.
    next_cursor: Option<String>,
}

/// How far the archive is behind for one tenant.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct TenantAuditStatus {
    tenant: schemas::TenantName,
    epoch: schemas::Epoch,
    revision: schemas::Revision,
    /// The newest archived revision.
    archived_revision: schemas::Revision,
    events_behind: u64,
    #[schemars(range(min = 0))]
    seconds_behind: f64,
}

/// The result of a verification.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ChainVerification {
    tenant: schemas::TenantName,
    epoch: schemas::Epoch,
    /// The first revision that was checked.
    from: u64,
    /// The last revision that was checked.
    to: u64,
    /// Whether `to` is the end that was asked for; if not, continue after `to`.
    complete: bool,
    /// Whether no event is bad and no revision is missing.
    verified: bool,
    /// The number of events that were checked.
    events: u64,
    /// The first event that failed the check. Events after it were not checked.
    first_bad: Option<FirstBadEvent>,
    /// The revisions that the archive does not have, at most the first hundred. The newest may
    /// still be on their way.
    #[schemars(length(max = 100))]
    missing: Vec<u64>,
    /// The number of revisions that the archive does not have.
    missing_count: u64,
    /// The point up to which retention removed events. The verification continues from there.
    checkpoint: Option<ChainCheckpoint>,
}

/// The point from which the archive has the chain.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ChainCheckpoint {
    /// The last revision that was removed.
    revision: schemas::Revision,
    /// The hash of the last event of that revision. The first remaining event must name this hash.
    hash: schemas::Sha256,
    /// When the checkpoint was made.
    made_at: schemas::Timestamp,
}

/// An event that failed the verification.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct FirstBadEvent {
    /// The revision of the event.
    revision: u64,
    reason: ChainFault,
}

/// `edited`: the content of the event does not match its hash. `misplaced`: the event stands in
/// another place than it says, or an archived member contradicts it. `broken_link`: the event does
/// not follow the event before it. `wrong_end`: the newest event is not the last event in
/// `PostgreSQL`.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum ChainFault {
    Edited,
    Misplaced,
    BrokenLink,
    WrongEnd,
}

/// An entry of the access log.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct AccessRecord {
    event_id: schemas::EventId,
    kind: schemas::AccessKind,
    /// `key_created`, `key_rotated`, `key_revoked`, `breaker_forced_open`, `breaker_forced_closed`,
    /// `breaker_released`, `dead_letter_redriven`, `dead_letter_discarded`, `replay_created`,
    /// `replay_cancelled`, `plan_deleted`, `policy_quarantined`, `policy_released`, `signed_in`,
    /// `signed_out`, or the endpoint.
    action: String,
    /// The HTTP status of the answer; `null` for the kinds `key_changed` and `operated`, which are
    /// recorded because they were done.
    status: Option<i64>,
    /// The reason why the request was refused. For `operated`: the change to a breaker, else the
    /// reason in the operator's words.
    reason: Option<String>,
    /// The tenant that the access was about. For a refused request this is only what the caller
    /// wrote, so the tenant may not exist.
    tenant: Option<schemas::TenantName>,
    /// The tenant whose auditors see the entry, in addition to auditors of the platform.
    visible_to: Option<schemas::TenantName>,
    /// The caller; `null` if the caller is not known.
    actor: Option<Actor>,
    /// The id of the key that was presented or changed.
    key: Option<String>,
    /// The id of the dead letter, the replay or the plan that was acted on.
    object: Option<String>,
    source_ip: Option<String>,
    correlation_id: String,
    occurred_at: schemas::Timestamp,
    /// The number of similar accesses that have no entry of their own.
    #[schemars(range(min = 0))]
    suppressed: i64,
}

/// Returns an example of a list of events with these members beside it.
fn events_with(head: Value) -> Value {
    let mut body = json!({ "count": 1, "events": [archived()] });
    body.as_object_mut()
        .into_iter()
        .zip(head.as_object().cloned())
        .for_each(|(body, head)| body.extend(head));
    body
}

pub fn route() -> Operation {
    Operation::new(
        "listAuditEventsByRoute",
        "List the newest events of a route",
    )
    .about("The newest event comes first.")
    .query::<RouteIn>()
    .reads()
    .answers(Answer::json::<RouteOut>(
        200,
        "The events of the route.",
        events_with(json!({ "route": route_key() })),
    ))
}

pub fn recent() -> Operation {
    Operation::new("listRecentAuditEvents", "List the events of the last days")
        .about("The newest event comes first.")
        .query::<RecentIn>()
        .reads()
        .answers(Answer::json::<RecentOut>(
            200,
            "The events.",
            events_with(json!({ "days": 7 })),
        ))
}

pub fn action() -> Operation {
    Operation::new(
        "listAuditEventsByAction",
        "List the newest events with an action",
    )
    .about("The newest event comes first.")
    .query::<ActionIn>()
    .reads()
    .answers(Answer::json::<ActionOut>(
        200,
        "The events.",
        events_with(json!({ "action": "created", "hours": 24 })),
    ))
}

pub fn time_range() -> Operation {
    Operation::new("listAuditEventsInTimeRange", "List the events of a time range")
        .about("The newest event comes first. `end_time` must be after `start_time`.")
        .query::<TimeRangeIn>()
        .reads()
        .answers(Answer::json::<TimeRangeOut>(
            200,
            "The events.",
            events_with(json!({ "start_time": "2026-11-21T00:00:00.000000Z", "end_time": "2026-11-22T00:00:00.000000Z" })),
        ))
}

pub fn events() -> Operation {
    Operation::new("listAuditEvents", "List archived events")
        .about("In pages, newest first, by the clocks of the instances.")
        .query::<EventsIn>()
        .reads()
        .answers(Answer::json::<PageOut<ArchivedEvent>>(
            200,
            "A page of events.",
            json!({ "items": [archived()], "next_cursor": null }),
        ))
        .refuses(&[Code::InvalidCursor])
}

pub fn verify() -> Operation {
    Operation::new("verifyAuditChain", "Verify a tenant's hash chain")
        .about(
            "Recomputes the hash chain from the archive, between `from` and `to` if they are given, and compares the end with PostgreSQL. \
             After five seconds the verification stops with `complete: false`: continue with a `from` after `to`.",
        )
        .query::<VerifyIn>()
        .reads()
        .answers(Answer::json::<ChainVerification>(200, "The result of the verification.", verification()))
        .refuses(&[Code::TenantNotFound])
}

pub fn access() -> Operation {
    Operation::new("listAccessRecords", "List the access log")
        .about(
            "In pages, newest first: refused requests, changes of keys, operations of administrators, and reads of sensitive data. Auditors \
             of a tenant see the accesses of the tenant's own callers, and those of platform callers to the tenant, but never those of other \
             tenants' callers. Of many similar refusals only some have a record; `suppressed` is the number of the others.",
        )
        .query::<AccessIn>()
        .reads()
        .answers(Answer::json::<PageOut<AccessRecord>>(200, "A page of access records.", json!({ "items": [access_example()], "next_cursor": null })))
        .refuses(&[Code::InvalidCursor, Code::TenantNotFound])
}

pub fn status() -> Operation {
    Operation::new("getAuditStatus", "Get the lag of the archive")
        .about("For one tenant, or for a page of all tenants. This does not show revisions that are missing before the newest archived revision; `verify` finds them.")
        .query::<StatusIn>()
        .reads()
        .answers(Answer::json::<AuditStatus>(200, "The lag of the archive.", status_example()))
        .refuses(&[Code::InvalidCursor, Code::TenantNotFound])
}

fn access_example() -> Value {
    json!({
        "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d", "kind": "denied", "action": "GET /api/v1/tenants/{tenant}", "status": 401,
        "reason": "revoked_key", "tenant": null, "visible_to": "acme", "actor": null, "key": "0Yb3kQ9zTn5W", "object": null, "source_ip": "192.0.2.7",
        "correlation_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f", "occurred_at": "2026-11-21T08:03:37.661997Z", "suppressed": 12,
    })
}

fn verification() -> Value {
    json!({
        "tenant": "acme", "epoch": "adc74a594a3e0e8f", "from": 1, "to": 12, "complete": true, "verified": true, "events": 12,
        "first_bad": null, "missing": [], "missing_count": 0, "checkpoint": null,
    })
}

fn status_example() -> Value {
    json!({
        "events_behind": 0, "seconds_behind": 0.0, "outbox": { "events": 0, "oldest_seconds": 0.0 }, "next_cursor": null,
        "tenants": [{
            "tenant": "acme", "epoch": "adc74a594a3e0e8f", "revision": 12, "archived_revision": 12, "events_behind": 0,
            "seconds_behind": 0.0,
        }],
    })
}
