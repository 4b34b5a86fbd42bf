//! The operations of `/routes`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{ConfirmIn, KeyIn, ListIn, PatchIn, RouteIn, RouteOut, SpecIn};
use crate::http::{
    event_schema::{self, Event},
    openapi::{Answer, Operation, schemas},
    past,
    problem::Code,
    query::{GetIn, HistoryIn},
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
    description: Option<schemas::Description>,
    /// The tenant's revision of the route's last change.
    revision: schemas::Revision,
    /// When the route was created.
    created_at: schemas::Time,
    /// The id of the actor that created the route.
    created_by: String,
    /// When the route last changed.
    updated_at: schemas::Time,
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
        let operation = operation.writes().answers(written(201, "Created."));
        let operation = operation
            .answers(written(200, "Replaced, or unchanged."))
            .query::<ConfirmIn>();
        operation.refuses(&[Code::QuotaExceeded, Code::VersionInUse])
    };
    let changes = |operation: Operation| {
        let operation = operation
            .writes()
            .answers(written(200, "Changed, or unchanged."))
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
            .about(
                "In the order of their names. With `tenant` the answer has a tag. With `at`, for which `tenant` is required, the tenant's \
                 routes as they were then.",
            )
            .query::<ListIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<RouteOut>>(200, "A page.", page(route())).perhaps(&["ETag"]))
            .compressed()
            .refuses(&[Code::InvalidCursor, Code::TenantNotFound]),
        upserts(Operation::post(LIST, "upsertRoute", "Create or replace a route").body::<RouteIn>(names(spec())))
            .about("Active unless `is_active` says otherwise. A first route makes its tenant. What is left out goes back to its default."),
        Operation::get(ROUTE, "getRoute", "Read a route")
            .about("With `at`, as it was then.")
            .query::<GetIn>()
            .reads_no_older()
            .answers(Answer::json::<RouteOut>(200, "The route.", route()).with(&["ETag"]))
            .answers(Answer::empty(304, "The caller has it.").with(&["ETag"]))
            .refuses(&gone),
        upserts(Operation::put(ROUTE, "putRoute", "Create or replace a route, by its path").body::<SpecIn>(spec()))
            .about("Active unless `is_active` says otherwise. A first route makes its tenant. What is left out goes back to its default."),
        takes_away(changes(Operation::patch(ROUTE, "patchRoute", "Change parts of a route")))
            .body::<PatchIn>(json!({ "labels": { "team": null } }))
            .about("A merge patch (RFC 7396): what is absent stays, `null` removes."),
        takes_away(Operation::delete(ROUTE, "deleteRoute", "Delete a route"))
            .about("A policy that names its version gives it up in the same revision when that is confirmed, and if it still sends traffic somewhere.")
            .writes()
            .answers(Answer::empty(204, "It is gone.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
            .refuses(&gone)
            .refuses(&[Code::QuotaExceeded]),
        changes(Operation::post("/api/v1/routes/{tenant}/{service}/{env}/{version}/activate", "activateRoute", "Let traffic go there")),
        takes_away(changes(Operation::post(
            "/api/v1/routes/{tenant}/{service}/{env}/{version}/deactivate",
            "deactivateRoute",
            "Let no traffic go there",
        ))),
        changes(
            Operation::post("/api/v1/routes/activate", "activateRouteByBody", "Let traffic go to the route that the body names")
                .body::<KeyIn>(names(json!({}))),
        ),
        takes_away(changes(
            Operation::post("/api/v1/routes/deactivate", "deactivateRouteByBody", "Let no traffic go to the route that the body names")
                .body::<KeyIn>(names(json!({}))),
        )),
        Operation::get("/api/v1/routes/{tenant}/{service}/{env}/{version}/history", "getRouteHistory", "Read a route's events")
            .about("In the tenant's present epoch, newest first, also after the route was deleted.")
            .query::<HistoryIn>()
            .reads_no_older()
            .answers(Answer::json::<PageOut<Event>>(200, "A page.", page(event_schema::example())).with(&["ETag"]))
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
