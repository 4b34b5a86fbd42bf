//! The operations of `/health`, for the OpenAPI document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::http::{
    drills::{DrillIn, DrillState},
    openapi::{Answer, Operation, schemas},
    problem::Code,
};

const DRILL: &str = "/api/v1/resilience/{dependency}/drill";

/// The health of a part.
// `health::CheckStatus` as it is written.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
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
#[expect(dead_code, reason = "read by the derive")]
struct Check {
    /// The health of the checked part.
    status: CheckStatus,
    /// The reason, if the part is not healthy.
    #[schemars(skip_serializing_if = "Option::is_none", with = "String")]
    detail: Option<()>,
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
    phase: Phase,
    /// The checks by their names.
    checks: BTreeMap<String, Check>,
}

/// The phase of the process.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum Phase {
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
    pools: Vec<Pool>,
}

/// A bounded pool. Each tenant may take only a share of it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Pool {
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

/// The present protection of calls to a dependency.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Dependency {
    name: String,
    breaker: Breaker,
    /// How often the breaker has opened since the start.
    breaker_opened_total: u64,
    /// The last changes of the breaker's state, newest first; at most 16.
    breaker_moves: Vec<BreakerMove>,
    /// The breaker state that an administrator forces now, if any.
    drill: Option<Drill>,
    /// The number of calls that run now.
    in_flight: u64,
    /// The number of calls that may run at a time.
    bulkhead: u64,
    /// Milliseconds until a call is given up.
    timeout_ms: u64,
    /// The number of retries that may be spent now.
    retry_budget: u32,
    /// The number of failures in a row that open the breaker.
    failures: u32,
    /// The number of calls that may probe a half-open breaker at a time.
    probes: u32,
}

/// A change of a breaker's state.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct BreakerMove {
    at: schemas::Time,
    to: Breaker,
    /// Whether an administrator forced the change.
    drill: bool,
}

/// A forced breaker state.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Drill {
    state: DrillState,
    seconds_left: u64,
}

/// The state of a breaker: whether calls are let through.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum Breaker {
    Closed,
    Open,
    HalfOpen,
}

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    let live =
        |path, id| {
            Operation::get(path, id, "Whether the process serves")
                .answers(Answer::json::<Liveness>(200, "It does.", liveness()))
        };
    vec![
        live("/health", "getHealth"),
        live("/health/live", "getLiveness"),
        Operation::get("/health/ready", "getReadiness", "Whether requests should be sent here")
            .answers(Answer::json::<Readiness>(200, "They should.", readiness("healthy", true)))
            .answers(Answer::json::<Readiness>(503, "They should not.", readiness("unhealthy", false)).with(&["Retry-After"])),
        Operation::get("/health/resilience", "getResilience", "Breakers, bulkheads, retry budgets and backlogs")
            .answers(Answer::json::<Resilience>(200, "As they are.", resilience())),
        Operation::post(DRILL, "forceBreaker", "Force a breaker open or closed")
            .about("Of the instance that answers, and for a bounded time: to see that the service does without a dependency, or to overrule a breaker that misjudges. It is told to the audit of access before it is done.")
            .headers(&["X-Reason"])
            .body::<DrillIn>(json!({ "state": "open", "seconds": 60 }))
            .answers(Answer::json::<Dependency>(200, "It is forced.", dependency()))
            .refuses(&[Code::DependencyNotFound, Code::CommitUnknown]),
        Operation::delete(DRILL, "releaseBreaker", "End a drill")
            .about("The breaker begins anew. That there was no drill is no error.")
            .headers(&["X-Reason"])
            .answers(Answer::empty(204, "It is as calls make it."))
            .refuses(&[Code::DependencyNotFound, Code::InvalidRequest]),
    ]
}

fn liveness() -> Value {
    json!({ "status": "healthy", "ready": true, "version": env!("CARGO_PKG_VERSION") })
}

fn readiness(status: &str, ready: bool) -> Value {
    let checks = json!({ "postgres_primary": { "status": status }, "postgres_replicas": { "status": "degraded", "detail": "behind" } });
    json!({ "status": status, "ready": ready, "phase": "running", "checks": checks })
}

fn resilience() -> Value {
    json!({
        "draining": false, "backlog": { "events": 0, "oldest_seconds": 0.0 },
        "dependencies": [dependency()],
        "pools": [
            { "name": "postgres_primary", "unit": "connections", "size": 16, "used": 1, "tenant_share": 4, "platform_share": 8, "payers": 1 },
            { "name": "snapshots", "unit": "bytes", "size": 536870912, "used": 81920, "tenant_share": null, "platform_share": null, "payers": null },
        ],
    })
}

fn dependency() -> Value {
    json!({
        "name": "postgres_primary", "breaker": "open", "breaker_opened_total": 1, "in_flight": 1, "bulkhead": 128,
        "breaker_moves": [{ "at": "2026-11-21T08:03:37.661997Z", "to": "open", "drill": true }],
        "drill": { "state": "open", "seconds_left": 60 }, "timeout_ms": 3750, "retry_budget": 10, "failures": 5, "probes": 1,
    })
}
