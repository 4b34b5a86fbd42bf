//! The operations of `/health`, for the OpenAPI document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{Check, CheckStatus};
use crate::http::openapi::{Answer, Operation};

/// The process serves.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Liveness {
    status: CheckStatus,
    /// As `/health/ready` tells it.
    ready: bool,
    /// Of the program.
    version: String,
}

/// Whether requests should be sent here.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Readiness {
    /// The worst of the checks; never `unhealthy` while there is a way to answer.
    status: CheckStatus,
    ready: bool,
    phase: Phase,
    /// By name.
    checks: BTreeMap<String, Check>,
}

/// Where the process is in its life.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum Phase {
    Starting,
    Running,
    Draining,
}

/// Breakers, bulkheads and retry budgets; further members, such as `backlog`, `replicas` and `cache`, by the role of the process.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "read by the derive")]
struct Resilience {
    draining: bool,
    dependencies: Vec<Dependency>,
}

/// How calls of a dependency are protected now.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Dependency {
    name: String,
    breaker: Breaker,
    /// How often the breaker has opened since the start.
    breaker_opened_total: u64,
    /// Calls running now.
    in_flight: u64,
    /// Calls that may run at a time.
    bulkhead: u64,
    /// Milliseconds until a call is given up.
    timeout_ms: u64,
    /// Retries that may be spent now.
    retry_budget: u32,
}

/// Whether calls are let through.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum Breaker {
    Closed,
    Open,
    HalfOpen,
}

/// What is told of each.
pub fn operations() -> Vec<Operation> {
    let live = |path, id| {
        Operation::get(path, id, "Whether the process serves").answers(Answer::json::<Liveness>(200, "It does.", liveness()))
    };
    vec![
        live("/health", "getHealth"),
        live("/health/live", "getLiveness"),
        Operation::get("/health/ready", "getReadiness", "Whether requests should be sent here")
            .answers(Answer::json::<Readiness>(200, "They should.", readiness("healthy", true)))
            .answers(Answer::json::<Readiness>(503, "They should not.", readiness("unhealthy", false)).with(&["Retry-After"])),
        Operation::get("/health/resilience", "getResilience", "Breakers, bulkheads, retry budgets and backlogs")
            .answers(Answer::json::<Resilience>(200, "As they are.", resilience())),
    ]
}

fn liveness() -> Value {
    json!({ "status": "healthy", "ready": true, "version": env!("CARGO_PKG_VERSION") })
}

fn readiness(status: &str, ready: bool) -> Value {
    let checks =
        json!({ "postgres_primary": { "status": status }, "postgres_replicas": { "status": "degraded", "detail": "behind" } });
    json!({ "status": status, "ready": ready, "phase": "running", "checks": checks })
}

fn resilience() -> Value {
    json!({
        "draining": false, "backlog": { "events": 0, "oldest_seconds": 0.0 },
        "dependencies": [{
            "name": "postgres_primary", "breaker": "closed", "breaker_opened_total": 0, "in_flight": 1, "bulkhead": 16,
            "timeout_ms": 1000, "retry_budget": 10,
        }],
    })
}
