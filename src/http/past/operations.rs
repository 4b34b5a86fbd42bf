//! The operations of time travel, for the OpenAPI document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::DiffIn;
use crate::http::{
    openapi::{Answer, Operation, schemas},
    plans::shapes::Difference,
    problem::Code,
    query::MinimumIn,
};

/// For each member of a route, the event that gave the member its value.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct BlameOfRoute {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    /// The events by the name of their member. A label has the name `labels/<key>`.
    members: BTreeMap<String, Blame>,
}

/// The event that gave a member its value.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Blame {
    /// The member's present value.
    value: Value,
    /// The revision of the event.
    revision: schemas::Revision,
    action: schemas::RouteAction,
    actor: BlamedActor,
    occurred_at: schemas::Time,
    /// The reason for the change, in the caller's words.
    reason: Option<String>,
    event_id: schemas::EventId,
}

/// The actor of an event.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct BlamedActor {
    id: String,
    kind: String,
    /// The number of the API key's token that was used. Present once the key has had more than one
    /// token; see `tokens` of a key.
    #[schemars(range(min = 1), skip_serializing_if = "Option::is_none")]
    token: Option<u32>,
}

/// Returns the operation `GET …/blame`.
pub fn blame() -> Operation {
    let blamed = json!({
        "tenant": "acme", "service": "checkout", "env": "prod", "version": "v1", "members": { "url": {
            "value": "https://checkout-1.example.com", "revision": 1, "action": "created",
            "actor": { "id": "anonymous", "kind": "anonymous" }, "occurred_at": "2026-11-21T08:03:37.661997Z",
            "reason": "first release", "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
        } },
    });
    Operation::get(
        "/api/v1/routes/{tenant}/{service}/{env}/{version}/blame",
        "blameRoute",
        "Who made each part of a route what it is",
    )
    .about("Looks at the route's last 10000 events; what none of them changed is put down to the oldest.")
    .query::<MinimumIn>()
    .reads_no_older()
    .answers(Answer::json::<BlameOfRoute>(200, "By member.", blamed).with(&["ETag"]))
    .refuses(&[Code::TenantNotFound, Code::RouteNotFound])
}

/// Returns the operation `GET …/diff`.
pub fn diff() -> Operation {
    let difference = json!({ "from": "adc74a594a3e0e8f.1", "to": "adc74a594a3e0e8f.7", "changes": [{
        "action": "delete", "key": { "service": "checkout", "env": "dev" }, "after": null,
        "before": crate::http::policies::shapes::example(),
    }] });
    Operation::get("/api/v1/tenants/{tenant}/diff", "diffTenant", "What changed between two points of a tenant's history")
        .about("Up to now without `to`. What was changed and changed back is no difference. At most 10000 changes: narrow it with `service` and `env`.")
        .query::<DiffIn>()
        .reads()
        .answers(Answer::json::<Difference>(200, "The difference.", difference).with(&["ETag"]))
            .compressed()
        .refuses(&[Code::TenantNotFound, Code::RevisionNotReached])
}
