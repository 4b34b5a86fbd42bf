//! The operations of time travel, for the OpenAPI document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::DiffIn;
use crate::http::{
    event_schema::Actor,
    openapi::{Answer, Operation, schemas},
    problem::Code,
    query::MinimumIn,
    shapes::{plans::TenantDifference, policies},
};

/// For each member of a route, the event that gave the member its value.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct RouteBlame {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    /// The events by the name of their member. A label has the name `labels/<key>`.
    members: BTreeMap<String, MemberBlame>,
}

/// The event that gave a member its value.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct MemberBlame {
    /// The member's present value.
    value: schemas::JsonValue,
    /// The revision of the event.
    revision: schemas::Revision,
    action: schemas::RouteAction,
    actor: Actor,
    occurred_at: schemas::Timestamp,
    /// The reason for the change, in the caller's words.
    reason: Option<String>,
    event_id: schemas::EventId,
}

pub fn blame() -> Operation {
    let blamed = json!({
        "tenant": "acme", "service": "checkout", "env": "prod", "version": "v1", "members": { "url": {
            "value": "https://checkout-1.example.com", "revision": 1, "action": "created",
            "actor": { "id": "anonymous", "kind": "anonymous" }, "occurred_at": "2026-11-21T08:03:37.661997Z",
            "reason": "first release", "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
        } },
    });
    Operation::new("getRouteBlame", "Get the last change of each part of a route")
    .about("Reads the last 10000 events of the route. A part that none of them changed is attributed to the oldest of these events.")
    .query::<MinimumIn>()
    .reads_no_older()
    .answers(Answer::json::<RouteBlame>(200, "For each member of the route, the event that set its value.", blamed).with(&["ETag"]))
    .refuses(&[Code::TenantNotFound, Code::RouteNotFound])
}

pub fn diff() -> Operation {
    let difference = json!({ "from": "adc74a594a3e0e8f.1", "to": "adc74a594a3e0e8f.7", "changes": [{
        "action": "delete", "key": { "service": "checkout", "env": "dev" }, "after": null,
        "before": policies::example(),
    }] });
    Operation::new("diffTenant", "Compare two points of a tenant's history")
        .about("Without `to`, compares with the present state. A change that was reverted is no difference. A difference has at most 10000 changes: limit it with `service` and `env`.")
        .query::<DiffIn>()
        .reads()
        .answers(Answer::json::<TenantDifference>(200, "The difference.", difference).with(&["ETag"]))
        .refuses(&[Code::TenantNotFound, Code::RevisionNotReached])
}
