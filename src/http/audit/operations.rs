//! The operations of `/audit`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{
    ActionIn, ActionOut, EventsIn, RecentIn, RecentOut, RouteIn, RouteOut, StatusIn, TimeRangeIn, TimeRangeOut, VerifyIn,
    access::AccessIn,
};
use crate::http::{
    event_schema::{self, Event},
    exports,
    openapi::{Answer, Operation, schemas},
    problem::Code,
    respond::PageOut,
};

/// What names a route among all tenants.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct RouteKey {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
}

/// What an event is about: a route; a traffic policy, which has no version; or the tenant itself.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct About {
    tenant: schemas::TenantName,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::ServiceName")]
    service: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::EnvName")]
    env: Option<()>,
    #[schemars(skip_serializing_if = "Option::is_none", with = "schemas::VersionName")]
    version: Option<()>,
}

/// Whether traffic may go there.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum RouteState {
    Active,
    Inactive,
}

/// Where in Kafka an event was read.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Origin {
    topic: String,
    partition: i64,
    offset: i64,
}

/// An event as the archive holds it: whole, beside what is filtered by.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct ArchivedEvent {
    /// The event's id.
    event_id: schemas::EventId,
    /// The `CloudEvents` type.
    #[schemars(regex(pattern = r"^trafficmanager\.[a-z]+\.[a-z_]+\.v1$"))]
    event_type: String,
    action: schemas::AnyAction,
    tenant: schemas::TenantName,
    epoch: schemas::Epoch,
    revision: schemas::Revision,
    /// Counts from 0 within the revision.
    item: u32,
    route: About,
    /// The URL after, of a route.
    url: Option<schemas::RouteUrl>,
    /// The URL before.
    previous_url: Option<schemas::RouteUrl>,
    /// After.
    state: Option<RouteState>,
    /// Before.
    previous_state: Option<RouteState>,
    /// `actor.id` of the event, opened if it is sealed; `erased` when that person was.
    changed_by: String,
    /// Why; opened like `changed_by`.
    reason: Option<String>,
    /// From where; opened like `changed_by`.
    source_ip: Option<String>,
    /// `request_id` of the event.
    correlation_id: String,
    /// The request's trace.
    trace_id: Option<String>,
    occurred_at: schemas::Time,
    /// When it was archived.
    processed_at: schemas::Time,
    prev_hash: schemas::Hash,
    hash: schemas::Hash,
    metadata: Origin,
    event: Event,
}

/// What Kafka has not acknowledged.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Backlog {
    /// How many events; counting stops at a hundred thousand.
    #[schemars(range(min = 0))]
    events: i64,
    /// Age of the oldest.
    #[schemars(range(min = 0))]
    oldest_seconds: f64,
}

/// How far the archive is behind.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct AuditStatus {
    /// Events of the listed tenants that the archive does not have.
    events_behind: u64,
    /// Age of the oldest of them.
    #[schemars(range(min = 0))]
    seconds_behind: f64,
    /// Of the caller's tenant; for who is of the whole platform, of all tenants.
    outbox: Backlog,
    tenants: Vec<TenantAuditStatus>,
    /// Where to go on; `null` at the end.
    next_cursor: Option<String>,
}

/// How far the archive is behind for one tenant.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct TenantAuditStatus {
    tenant: schemas::TenantName,
    epoch: schemas::Epoch,
    revision: schemas::Revision,
    /// The newest archived one.
    archived_revision: schemas::Revision,
    events_behind: u64,
    #[schemars(range(min = 0))]
    seconds_behind: f64,
}

/// What a verification found.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Verification {
    tenant: schemas::TenantName,
    epoch: schemas::Epoch,
    /// The first revision that was looked at.
    from: u64,
    /// The last.
    to: u64,
    /// Whether `to` is as far as was asked for; else go on after it.
    complete: bool,
    /// Nothing is bad and nothing is missing.
    verified: bool,
    /// Events that were looked at.
    events: u64,
    /// The first event that is not as it should be. What comes after it was not looked at.
    first_bad: Option<FirstBad>,
    /// Revisions that the archive does not have, the first hundred of them. The newest may be on their way.
    #[schemars(length(max = 100))]
    missing: Vec<u64>,
    /// How many it does not have.
    missing_count: u64,
    /// Up to where events were removed by the rules of retention: the walk goes on from there.
    checkpoint: Option<Checkpoint>,
}

/// Where a chain of the archive begins.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Checkpoint {
    /// The last revision that was removed.
    revision: schemas::Revision,
    /// The hash of its last event: what the first event that remains must name.
    hash: schemas::Hash,
    /// When it was made.
    made_at: schemas::Time,
}

/// An event that is not as it should be.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct FirstBad {
    /// Where.
    revision: u64,
    reason: Fault,
}

/// `edited`: the content does not hash to what it says. `misplaced`: it stands in another place than it says, or a member beside it
/// contradicts it. `broken_link`: it does not follow the event before it. `wrong_end`: the newest is not the one that `PostgreSQL` ends with.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum Fault {
    Edited,
    Misplaced,
    BrokenLink,
    WrongEnd,
}

/// One access.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Access {
    event_id: schemas::EventId,
    kind: schemas::AccessKind,
    /// `key_created`, `key_rotated`, `key_revoked`, `dead_letter_redriven`, `dead_letter_discarded`, `replay_created`, `replay_cancelled`,
    /// `plan_deleted`, or the endpoint.
    action: String,
    /// What was answered; `null` for what is told because it was done: changes of keys, and what was operated.
    status: Option<i64>,
    /// Why it was refused; of what was operated, why in the operator's words.
    reason: Option<String>,
    /// The tenant that it was about. Of a refused request this is what its sender wrote: there need not be such a tenant.
    tenant: Option<schemas::TenantName>,
    /// The tenant whose auditors see it, beside those of the platform.
    visible_to: Option<schemas::TenantName>,
    /// Who, if that is known.
    actor: Option<Accessor>,
    /// The id of the key that was presented or changed.
    key: Option<String>,
    /// What else was acted on: the id of a dead letter or of a replay.
    object: Option<String>,
    source_ip: Option<String>,
    correlation_id: String,
    occurred_at: schemas::Time,
    /// How many others like it are not listed.
    #[schemars(range(min = 0))]
    suppressed: i64,
}

/// Who did it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Accessor {
    /// `key` for an API key.
    kind: String,
    id: String,
    /// Which token of its key was used, once the key has had more than one; see `tokens` of a key.
    #[schemars(range(min = 1), skip_serializing_if = "Option::is_none")]
    token: Option<u32>,
}

/// What is told of each.
pub fn operations() -> Vec<Operation> {
    let events = |head: Value| {
        let mut body = json!({ "count": 1, "events": [archived()] });
        body.as_object_mut().into_iter().zip(head.as_object().cloned()).for_each(|(body, head)| body.extend(head));
        body
    };
    vec![
        Operation::get("/api/v1/audit/route", "auditRoute", "What happened to a route")
            .about("The newest events first.")
            .query::<RouteIn>()
            .reads()
            .answers(Answer::json::<RouteOut>(200, "Its events.", events(json!({ "route": key() }))))
            .compressed(),
        Operation::get("/api/v1/audit/recent", "auditRecent", "What happened lately")
            .about("The newest events first.")
            .query::<RecentIn>()
            .reads()
            .answers(Answer::json::<RecentOut>(200, "Events.", events(json!({ "days": 7 }))))
            .compressed(),
        Operation::get("/api/v1/audit/action", "auditAction", "What happened in one way")
            .about("The newest events first.")
            .query::<ActionIn>()
            .reads()
            .answers(Answer::json::<ActionOut>(200, "Events.", events(json!({ "action": "created", "hours": 24 }))))
            .compressed(),
        Operation::get("/api/v1/audit/time-range", "auditTimeRange", "What happened between two times")
            .about("The newest events first. `end_time` must be after `start_time`.")
            .query::<TimeRangeIn>()
            .reads()
            .answers(Answer::json::<TimeRangeOut>(
                200,
                "Events.",
                events(json!({ "start_time": "2026-11-21T00:00:00.000000Z", "end_time": "2026-11-22T00:00:00.000000Z" })),
            ))
            .compressed(),
        Operation::get("/api/v1/audit/events", "listAuditEvents", "List archived events")
            .about("Pages, newest first, by the clocks of the instances.")
            .query::<EventsIn>()
            .reads()
            .answers(Answer::json::<PageOut<ArchivedEvent>>(200, "A page.", json!({ "items": [archived()], "next_cursor": null })))
            .compressed()
            .refuses(&[Code::InvalidCursor]),
        exports::operation(),
        Operation::get("/api/v1/audit/verify", "verifyAudit", "Recompute a tenant's hash chain from the archive")
            .about(
                "Between two revisions, if they are given; the end is held against PostgreSQL. After five seconds it stops with \
                 `complete: false`: go on with `from` after `to`.",
            )
            .query::<VerifyIn>()
            .reads()
            .answers(Answer::json::<Verification>(200, "What was found.", verification()))
            .refuses(&[Code::TenantNotFound]),
        Operation::get("/api/v1/audit/access", "listAccesses", "Who was refused, who changed keys, who read what is sensitive")
            .about(
                "Pages, newest first. Auditors of a tenant see what its own callers did, and what callers of the whole platform did \
                 with it; never another tenant's callers. Of a flood of refusals some are kept, with the number of the others.",
            )
            .query::<AccessIn>()
            .reads()
            .answers(Answer::json::<PageOut<Access>>(200, "A page.", json!({ "items": [access()], "next_cursor": null })))
            .compressed()
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
        Operation::get("/api/v1/audit/status", "getAuditStatus", "How far the archive is behind")
            .about("For one tenant, or a page of all. A hole before the newest archived revision does not show here; `verify` finds it.")
            .query::<StatusIn>()
            .reads()
            .answers(Answer::json::<AuditStatus>(200, "How far.", status()))
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
    ]
}

fn key() -> Value {
    json!({ "tenant": "acme", "service": "checkout", "env": "prod", "version": "v1" })
}

fn archived() -> Value {
    let event = event_schema::example();
    json!({
        "event_id": event["id"], "event_type": "trafficmanager.route.created.v1", "action": "created", "tenant": "acme",
        "epoch": event["epoch"], "revision": 1, "item": 0, "route": key(), "url": "https://checkout-1.example.com", "previous_url": null,
        "state": "active", "previous_state": null, "changed_by": "anonymous", "reason": "first release", "source_ip": "127.0.0.1",
        "correlation_id": event["request_id"], "trace_id": event["trace_id"], "occurred_at": event["occurred_at"],
        "processed_at": "2026-11-21T08:03:37.674751Z", "prev_hash": event["prev_hash"], "hash": event["hash"],
        "metadata": { "topic": "route-events", "partition": 1, "offset": 606 }, "event": event,
    })
}

fn access() -> Value {
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

fn status() -> Value {
    json!({
        "events_behind": 0, "seconds_behind": 0.0, "outbox": { "events": 0, "oldest_seconds": 0.0 }, "next_cursor": null,
        "tenants": [{
            "tenant": "acme", "epoch": "adc74a594a3e0e8f", "revision": 12, "archived_revision": 12, "events_behind": 0,
            "seconds_behind": 0.0,
        }],
    })
}
