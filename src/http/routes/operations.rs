//! The operations of `/routes`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{
    ConfirmIn, RouteOut,
    bodies::{KeyIn, PatchIn, RouteIn, SpecIn},
    list::{ListIn, RoutesOut},
};
use crate::http::{
    event_schema::{self, Event},
    openapi::{Answer, Operation, schemas},
    problem::Code,
    query::{GetIn, HistoryIn},
    respond::{PageOut, page_of},
    shapes::nodes::ConvergenceOut,
};

/// A route, without the name of its tenant.
// `domain::route::Route` as it is written.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Route {
    service: schemas::ServiceName,
    env: schemas::EnvName,
    version: schemas::VersionName,
    url: schemas::RouteUrl,
    /// Whether traffic may go to the route now.
    is_active: bool,
    labels: schemas::Labels,
    description: Option<schemas::RouteDescription>,
    /// The tenant's revision of the route's last change.
    revision: schemas::Revision,
    /// When the route was created.
    created_at: schemas::Timestamp,
    /// The id of the actor that created the route.
    created_by: String,
    /// When the route last changed.
    updated_at: schemas::Timestamp,
    /// The id of the actor that made the last change.
    updated_by: String,
    /// Only in answers to writes with `wait`: the nodes that run the change.
    #[schemars(
        default,
        skip_serializing_if = "Option::is_none",
        with = "ConvergenceOut<'_>"
    )]
    convergence: Option<()>,
}

const GONE: [Code; 2] = [Code::TenantNotFound, Code::RouteNotFound];

fn written(status: u16, what: &'static str) -> Answer {
    Answer::json::<RouteOut>(status, what, route())
        .with(&["ETag", "Location"])
        .perhaps(&ONCE)
}

/// Completes an operation that creates or replaces a route.
fn upserts(operation: Operation) -> Operation {
    operation
        .writes()
        .answers(written(201, "The route is created."))
        .answers(written(
            200,
            "The route is replaced, or was the same already.",
        ))
        .query::<ConfirmIn>()
        .refuses(&[Code::QuotaExceeded, Code::VersionInUse])
}

/// Completes an operation that changes a route.
fn changes(operation: Operation) -> Operation {
    operation
        .writes()
        .answers(written(
            200,
            "The route is changed, or was the same already.",
        ))
        .refuses(&GONE)
        .refuses(&[Code::QuotaExceeded])
}

/// Completes an operation that may take a version out of service.
fn takes_away(operation: Operation) -> Operation {
    operation
        .query::<ConfirmIn>()
        .refuses(&[Code::VersionInUse])
}

pub fn list() -> Operation {
    Operation::new("listRoutes", "List routes")
        .about("In the order of their names. With `tenant`, the answer has a tag. With `at`, the routes of an earlier state; `at` needs `tenant`. With `count=true`, the number of all that match too.")
        .query::<ListIn>()
        .reads_no_older()
        .answers(Answer::json::<RoutesOut>(200, "A page of routes.", page_of(route())).perhaps(&["ETag"]))
        .refuses(&[Code::InvalidCursor, Code::TenantNotFound])
}

pub fn upsert() -> Operation {
    upserts(Operation::new("upsertRoute", "Create or replace a route").body::<RouteIn>(names(spec())))
        .about("The route is active unless `is_active` is `false`. The first route of a tenant creates the tenant. Members that are left out get their defaults.")
}

pub fn get() -> Operation {
    Operation::new("getRoute", "Get a route")
        .about("With `at`, the route at an earlier point in time.")
        .query::<GetIn>()
        .reads_no_older()
        .answers(Answer::json::<RouteOut>(200, "The route.", route()).with(&["ETag"]))
        .answers(Answer::empty(304, "The caller has this answer already.").with(&["ETag"]))
        .refuses(&GONE)
}

pub fn put() -> Operation {
    upserts(Operation::new("putRoute", "Create or replace the route of a path").body::<SpecIn>(spec()))
        .about("The route is active unless `is_active` is `false`. The first route of a tenant creates the tenant. Members that are left out get their defaults.")
}

pub fn patch() -> Operation {
    takes_away(changes(Operation::new(
        "patchRoute",
        "Change parts of a route",
    )))
    .body::<PatchIn>(json!({ "labels": { "team": null } }))
    .about("The body is a merge patch (RFC 7396): absent members stay, `null` removes a member.")
}

pub fn delete() -> Operation {
    takes_away(Operation::new("deleteRoute", "Delete a route"))
        .about("With `confirm_in_use`, policies that name the version stop to use it in the same revision. Each of them must have another version to send traffic to.")
        .writes()
        .answers(Answer::empty(204, "The route is deleted.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
        .refuses(&GONE)
        .refuses(&[Code::QuotaExceeded])
}

pub fn activate() -> Operation {
    changes(Operation::new("activateRoute", "Activate a route"))
}

pub fn deactivate() -> Operation {
    takes_away(changes(Operation::new(
        "deactivateRoute",
        "Deactivate a route",
    )))
}

pub fn activate_by_body() -> Operation {
    changes(
        Operation::new(
            "activateRouteByBody",
            "Activate the route that the body names",
        )
        .body::<KeyIn>(names(json!({}))),
    )
}

pub fn deactivate_by_body() -> Operation {
    takes_away(changes(
        Operation::new(
            "deactivateRouteByBody",
            "Deactivate the route that the body names",
        )
        .body::<KeyIn>(names(json!({}))),
    ))
}

pub fn history() -> Operation {
    Operation::new("getRouteHistory", "List a route's events")
        .about("In the tenant's present epoch, newest first. Deleted routes keep their history.")
        .query::<HistoryIn>()
        .reads_no_older()
        .answers(
            Answer::json::<PageOut<Event>>(
                200,
                "A page of events.",
                page_of(event_schema::example()),
            )
            .with(&["ETag"]),
        )
        .refuses(&GONE)
        .refuses(&[Code::InvalidCursor])
}

/// Headers of an answer to a write that repeats an earlier request or changes nothing.
const ONCE: [&str; 2] = ["TM-Unchanged", "Idempotency-Replayed"];

fn spec() -> Value {
    json!({ "url": "https://checkout-1.example.com", "labels": { "team": "payments" } })
}

fn names(mut rest: Value) -> Value {
    for (name, value) in [
        ("tenant", "acme"),
        ("service", "checkout"),
        ("env", "prod"),
        ("version", "v1"),
    ] {
        rest[name] = json!(value);
    }
    rest
}

fn route() -> Value {
    names(json!({
        "url": "https://checkout-1.example.com", "is_active": true, "labels": { "team": "payments" }, "description": null,
        "revision": 1, "created_at": "2026-11-21T08:03:37.661997Z", "created_by": "anonymous",
        "updated_at": "2026-11-21T08:03:37.661997Z", "updated_by": "anonymous",
    }))
}
