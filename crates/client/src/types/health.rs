//! Health, dependencies and kinds of problems.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Members;

/// The answer of a process that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Liveness {
    /// Whether the instance is ready, as in `/health/ready`.
    pub ready: bool,
    /// The health of a part.
    pub status: String,
    /// The version of the program.
    pub version: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Whether requests should be sent to this instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// The checks by their names.
    pub checks: BTreeMap<String, HealthCheck>,
    /// The phase of the process.
    pub phase: String,
    /// Whether the process is ready for requests.
    pub ready: bool,
    /// The worst status of the checks, but never `unhealthy` while the instance is ready.
    pub status: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The reason, if the part is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The health of the checked part.
    pub status: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Breakers, bulkheads and retry budgets. Further members, such as `backlog`, `replicas` and
/// `cache`, depend on the role of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resilience {
    /// The dependencies of the process.
    pub dependencies: Vec<Dependency>,
    /// Whether the process is about to end.
    pub draining: bool,
    /// The pools: all resources that are bounded and shared.
    pub pools: Vec<ResourcePool>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The present protection of calls to a dependency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// The state of a breaker: whether calls are let through.
    pub breaker: String,
    /// The last changes of the breaker's state, newest first; at most 16.
    pub breaker_moves: Vec<BreakerTransition>,
    /// How often the breaker has opened since the start.
    pub breaker_opened_total: u64,
    /// The number of calls that may run at a time.
    pub bulkhead: u64,
    /// The breaker state that an administrator forces now, if any.
    #[serde(default)]
    pub drill: Option<ForcedBreaker>,
    /// The number of failures in a row that open the breaker.
    pub failures: u64,
    /// The number of calls that run now.
    pub in_flight: u64,
    /// The name.
    pub name: String,
    /// The number of calls that may probe a half-open breaker at a time.
    pub probes: u64,
    /// The number of retries that may be spent now.
    pub retry_budget: u64,
    /// Milliseconds until a call is given up.
    pub timeout_ms: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A change of a breaker's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerTransition {
    /// A time in UTC with microseconds (RFC 3339).
    pub at: Timestamp,
    /// Whether an administrator forced the change.
    pub drill: bool,
    /// The state of a breaker: whether calls are let through.
    pub to: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A forced breaker state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForcedBreaker {
    /// The time until the state ends by itself, in seconds.
    pub seconds_left: u64,
    /// The state that a breaker is forced into.
    pub state: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A bounded pool. Each tenant may take only a share of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourcePool {
    /// The name.
    pub name: String,
    /// The number of tenants that use the pool now; the platform counts as one of them.
    #[serde(default)]
    pub payers: Option<u64>,
    /// The most that callers without a tenant may take together.
    #[serde(default)]
    pub platform_share: Option<u64>,
    /// The size of the pool, in `unit`.
    pub size: u64,
    /// The most that one tenant may take; `null` for memory that belongs to no tenant.
    #[serde(default)]
    pub tenant_share: Option<u64>,
    /// The unit of the numbers, such as `calls`, `connections` or `bytes`.
    pub unit: String,
    /// The amount that is taken now, in `unit`.
    pub used: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST /resilience/{dependency}/drill`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForceBreaker {
    /// How long the state is forced, in seconds, at most `resilience.max_forced_state_seconds`.
    /// After that the breaker starts anew.
    pub seconds: u64,
    /// The state that a breaker is forced into.
    pub state: String,
}

/// The meaning of a problem code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProblemKind {
    /// The stable code, as in problem documents.
    pub code: String,
    /// The HTTP status.
    pub status: u64,
    /// The title of the problem, for people.
    pub title: String,
    /// The advice for callers that get the problem.
    pub what_to_do: String,
    /// The situation in which the problem occurs.
    pub when: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}
