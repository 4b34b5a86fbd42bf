//! `/health` and `/metrics`.

mod operations;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{
    endpoint::Endpoint,
    permission::{Anyone, Overseer},
};
use crate::{health::Health, telemetry::names};

/// The endpoints of health.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/health", process, operations::process),
        Endpoint::get("/health/live", process, operations::live_process),
        Endpoint::get("/health/ready", ready, operations::ready),
        Endpoint::get(RESILIENCE, resilience, operations::resilience),
    ]
}

/// The path of the state of breakers and pools, which the operations listener has too.
pub const RESILIENCE: &str = "/health/resilience";

/// `GET /health`, `GET /health/live`: 200 while the process serves.
pub async fn process(_: Anyone, health: web::Data<Health>) -> HttpResponse {
    let (ready, _) = health.readiness();
    HttpResponse::Ok()
        .json(json!({ "status": "healthy", "ready": ready, "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /health/ready`
pub async fn ready(_: Anyone, health: web::Data<Health>) -> HttpResponse {
    let (ready, body) = health.readiness();
    if ready {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "1"))
            .json(body)
    }
}

/// `GET /health/resilience`
pub async fn resilience(_: Overseer, health: web::Data<Health>) -> HttpResponse {
    HttpResponse::Ok().json(health.resilience())
}

/// `GET /health/resilience` on the operations listener, which has a token of its own.
pub async fn resilience_on_ops(_: Anyone, health: web::Data<Health>) -> HttpResponse {
    HttpResponse::Ok().json(health.resilience())
}

/// `GET /metrics`, in Prometheus' text format.
pub async fn metrics(_: Anyone, health: web::Data<Health>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(names::with_old_names(health.metrics()))
}
