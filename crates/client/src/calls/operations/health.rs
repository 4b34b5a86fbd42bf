//! Health, and what operators force.

use crate::{
    calls::{Read, Write, operation::operations},
    types::{Dependency, ForceBreaker, Liveness, Readiness, Resilience},
};

operations! {
    /// Returns whether the process serves, and its version.
    Read get_health: GET "/health" () -> Read<Liveness>;
    /// Returns whether the process serves.
    Read get_liveness: GET "/health/live" () -> Read<Liveness>;
    /// Returns whether the process is ready for requests. If it is not, the status is 503.
    Read get_readiness: GET "/health/ready" () -> Read<Readiness>;
    /// Returns the states of breakers, limits and pools.
    Read get_resilience: GET "/health/resilience" () -> Read<Resilience>;
    /// Forces a breaker open or closed, for some time.
    WriteOnce force_breaker: POST "/api/v1/resilience/{dependency}/drill" (dependency: &str => path, how: &ForceBreaker => json) -> Write<Dependency>;
    /// Ends the forced state of a breaker.
    WriteOnce release_breaker: DELETE "/api/v1/resilience/{dependency}/drill" (dependency: &str => path) -> Write<()>;
}
