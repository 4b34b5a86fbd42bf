//! `/health` and `/metrics`.

mod operations;

use actix_web::{HttpResponse, web};
use serde_json::json;

pub use self::operations::operations;
use crate::health::Health;

/// `GET /health`, `GET /health/live`: 200 while the process serves.
pub async fn process(health: web::Data<Health>) -> HttpResponse {
    let (ready, _) = health.readiness();
    HttpResponse::Ok()
        .json(json!({ "status": "healthy", "ready": ready, "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /health/ready`
pub async fn ready(health: web::Data<Health>) -> HttpResponse {
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
pub async fn resilience(health: web::Data<Health>) -> HttpResponse {
    HttpResponse::Ok().json(health.resilience())
}

/// `GET /metrics`, in Prometheus' text format.
pub async fn metrics(health: web::Data<Health>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(health.metrics())
}
