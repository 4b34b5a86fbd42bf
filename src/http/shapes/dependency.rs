//! The protection of calls to a dependency, for the OpenAPI document.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::openapi::schemas;

/// The state that a breaker is forced into.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ForcedBreakerState")]
pub enum DrillState {
    /// No call goes through, as if the dependency were down.
    Open,
    /// Every call goes through, whatever its result.
    Closed,
}

/// The present protection of calls to a dependency.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Dependency {
    name: String,
    breaker: BreakerState,
    /// How often the breaker has opened since the start.
    breaker_opened_total: u64,
    /// The last changes of the breaker's state, newest first; at most 16.
    breaker_moves: Vec<BreakerTransition>,
    /// The breaker state that an administrator forces now, if any.
    drill: Option<ForcedBreaker>,
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
struct BreakerTransition {
    at: schemas::Timestamp,
    to: BreakerState,
    /// Whether an administrator forced the change.
    drill: bool,
}

/// A forced breaker state.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ForcedBreaker {
    state: DrillState,
    seconds_left: u64,
}

/// The state of a breaker: whether calls are let through.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

/// Returns an example of a dependency.
pub fn dependency() -> Value {
    json!({
        "name": "postgres_primary", "breaker": "open", "breaker_opened_total": 1, "in_flight": 1, "bulkhead": 128,
        "breaker_moves": [{ "at": "2026-11-21T08:03:37.661997Z", "to": "open", "drill": true }],
        "drill": { "state": "open", "seconds_left": 60 }, "timeout_ms": 3750, "retry_budget": 10, "failures": 5, "probes": 1,
    })
}
