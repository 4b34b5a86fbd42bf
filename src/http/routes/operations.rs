//! The operations of `/routes`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{ConfirmIn, GetIn, HistoryIn, KeyIn, ListIn, PatchIn, RouteIn, RouteOut, SpecIn};
use crate::http::{
    event_schema::{self, Event},
    openapi::{Answer, Operation, schemas},
    past,
    problem::Code,
    respond::PageOut,
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
}

const LIST: &str = "/api/v1/routes";
const ROUTE: &str = "/api/v1/routes/{tenant}/{service}/{env}/{version}";

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    let gone = [Code::TenantNotFound, Code::RouteNotFound];
    let written = |status, what| {
        Answer::json::<RouteOut>(status, what, route())
            .with(&["ETag", "Location"])
            .perhaps(&ONCE)
    };
    let upserts = |operation: Operation| {
        let operation = operation
            .writes()
            .answers(written(201, "The route is created."));
        let operation = operation
            .answers(written(
                200,
                "The route is replaced, or was the same already.",
            ))
            .query::<ConfirmIn>();
        operation.refuses(&[Code::QuotaExceeded, Code::VersionInUse])
    };
    let changes = |operation: Operation| {
        let operation = operation
            .writes()
            .answers(written(
                200,
                "The route is changed, or was the same already.",
            ))
            .refuses(&gone);
        operation.refuses(&[Code::QuotaExceeded])
    };
    let takes_away = |operation: Operation| {
        operation
            .query::<ConfirmIn>()
            .refuses(&[Code::VersionInUse])
    };
    let page = |example| json!({ "items": [example], "next_cursor": null });
    vec![
        Operation::get(LIST, "listRoutes", "List routes")
            .about("In the order of their names. With `tenant`, the answer has a tag. With `at`, the routes of an earlier state; `at` needs `tenant`.")
            .query::<ListIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<RouteOut>>(200, "A page of routes.", page(route())).perhaps(&["ETag"]))
            .compressed()
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
        upserts(Operation::post(LIST, "upsertRoute", "Create or replace a route").body::<RouteIn>(names(spec())))
            .about("The route is active unless `is_active` is `false`. The first route of a tenant creates the tenant. Members that are left out get their defaults."),
        Operation::get(ROUTE, "getRoute", "Get a route")
            .about("With `at`, the route at an earlier point in time.")
            .query::<GetIn>()
            .reads_no_older()
            .answers(Answer::json::<RouteOut>(200, "The route.", route()).with(&["ETag"]))
            .answers(Answer::empty(304, "The caller has this answer already.").with(&["ETag"]))
            .refuses(&gone),
        upserts(Operation::put(ROUTE, "putRoute", "Create or replace the route of a path").body::<SpecIn>(spec()))
            .about("The route is active unless `is_active` is `false`. The first route of a tenant creates the tenant. Members that are left out get their defaults."),
        takes_away(changes(Operation::patch(ROUTE, "patchRoute", "Change parts of a route")))
            .body::<PatchIn>(json!({ "labels": { "team": null } }))
            .about("The body is a merge patch (RFC 7396): absent members stay, `null` removes a member."),
        takes_away(Operation::delete(ROUTE, "deleteRoute", "Delete a route"))
            .about("With `confirm_in_use`, policies that name the version stop to use it in the same revision. Each of them must have another version to send traffic to.")
            .writes()
            .answers(Answer::empty(204, "The route is deleted.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
            .refuses(&gone)
            .refuses(&[Code::QuotaExceeded]),
        changes(Operation::post("/api/v1/routes/{tenant}/{service}/{env}/{version}/activate", "activateRoute", "Activate a route")),
        takes_away(changes(Operation::post(
            "/api/v1/routes/{tenant}/{service}/{env}/{version}/deactivate",
            "deactivateRoute",
            "Deactivate a route",
        ))),
        changes(
            Operation::post("/api/v1/routes/activate", "activateRouteByBody", "Activate the route that the body names")
                .body::<KeyIn>(names(json!({}))),
        ),
        takes_away(changes(
            Operation::post("/api/v1/routes/deactivate", "deactivateRouteByBody", "Deactivate the route that the body names")
                .body::<KeyIn>(names(json!({}))),
        )),
        Operation::get("/api/v1/routes/{tenant}/{service}/{env}/{version}/history", "getRouteHistory", "List a route's events")
            .about("In the tenant's present epoch, newest first. Deleted routes keep their history.")
            .query::<HistoryIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<Event>>(200, "A page of events.", page(event_schema::example())).with(&["ETag"]))
            .compressed()
            .refuses(&gone)
            .refuses(&[Code::InvalidCursor]),
        past::blame_operation(),
    ]
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
