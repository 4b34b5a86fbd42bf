//! The operations of `/health`, for the OpenAPI document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::http::{
    openapi::{Answer, Operation},
    shapes::dependency::{self, Dependency},
};

/// The health of a part.
// `health::CheckStatus` as it is written.
#[derive(JsonSchema)]
#[schemars(rename = "HealthStatus", rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum CheckStatus {
    /// The part works as it should.
    Healthy,
    /// The part is away or behind, and the service makes up for that.
    Degraded,
    /// The part is away, and its work is not done.
    Unhealthy,
}

/// The result of one check.
#[derive(JsonSchema)]
#[schemars(rename = "HealthCheck")]
#[expect(dead_code, reason = "read by the derive")]
struct Check {
    /// The health of the checked part.
    status: CheckStatus,
    /// The reason, if the part is not healthy.
    #[schemars(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The answer of a process that serves.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Liveness {
    status: CheckStatus,
    /// Whether the instance is ready, as in `/health/ready`.
    ready: bool,
    /// The version of the program.
    version: String,
}

/// Whether requests should be sent to this instance.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Readiness {
    /// The worst status of the checks, but never `unhealthy` while the instance is ready.
    status: CheckStatus,
    ready: bool,
    phase: ProcessPhase,
    /// The checks by their names.
    checks: BTreeMap<String, Check>,
}

/// The phase of the process.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum ProcessPhase {
    Starting,
    Running,
    Draining,
}

/// Breakers, bulkheads and retry budgets. Further members, such as `backlog`, `replicas` and
/// `cache`, depend on the role of the process.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "read by the derive")]
struct Resilience {
    draining: bool,
    dependencies: Vec<Dependency>,
    /// The pools: all resources that are bounded and shared.
    pools: Vec<ResourcePool>,
}

/// A bounded pool. Each tenant may take only a share of it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ResourcePool {
    name: String,
    /// The unit of the numbers, such as `calls`, `connections` or `bytes`.
    unit: String,
    /// The size of the pool, in `unit`.
    size: u64,
    /// The amount that is taken now, in `unit`.
    used: u64,
    /// The most that one tenant may take; `null` for memory that belongs to no tenant.
    tenant_share: Option<u64>,
    /// The most that callers without a tenant may take together.
    platform_share: Option<u64>,
    /// The number of tenants that use the pool now; the platform counts as one of them.
    payers: Option<u64>,
}

fn live(id: &'static str) -> Operation {
    Operation::new(id, "Check that the process serves").answers(Answer::json::<Liveness>(
        200,
        "The process serves.",
        liveness(),
    ))
}

pub fn process() -> Operation {
    live("getHealth")
}

pub fn live_process() -> Operation {
    live("getLiveness")
}

pub fn ready() -> Operation {
    Operation::new("getReadiness", "Check whether the instance is ready for requests")
        .about("A 503 has the same body as a 200, but a problem document if the request itself was refused.")
        .answers(Answer::json::<Readiness>(200, "The instance is ready.", readiness("healthy", true)))
        .answers(Answer::json::<Readiness>(503, "The instance is not ready.", readiness("unhealthy", false)).with(&["Retry-After"]))
}

pub fn resilience() -> Operation {
    Operation::new(
        "getResilience",
        "Get the state of breakers, bulkheads and retry budgets",
    )
    .answers(Answer::json::<Resilience>(
        200,
        "The present state.",
        resilience_example(),
    ))
}

fn liveness() -> Value {
    json!({ "status": "healthy", "ready": true, "version": env!("CARGO_PKG_VERSION") })
}

fn readiness(status: &str, ready: bool) -> Value {
    let checks = json!({ "postgres_primary": { "status": status }, "postgres_replicas": { "status": "degraded", "detail": "behind" } });
    json!({ "status": status, "ready": ready, "phase": "running", "checks": checks })
}

fn resilience_example() -> Value {
    json!({
        "draining": false, "backlog": { "events": 0, "oldest_seconds": 0.0 },
        "dependencies": [dependency::dependency()],
        "pools": [
            { "name": "postgres_primary", "unit": "connections", "size": 16, "used": 1, "tenant_share": 4, "platform_share": 8, "payers": 1 },
            { "name": "snapshots", "unit": "bytes", "size": 536870912, "used": 81920, "tenant_share": null, "platform_share": null, "payers": null },
        ],
    })
}
