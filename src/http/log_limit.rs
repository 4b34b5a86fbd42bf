//! The limit of log lines about requests.

use std::{num::NonZeroU32, sync::LazyLock};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Limits the log lines about requests to 20 a second: under overload, logging every refusal would
/// cost more than the refusal itself.
static LOGGED: LazyLock<DefaultDirectRateLimiter> =
    LazyLock::new(|| RateLimiter::direct(Quota::per_second(NonZeroU32::MIN.saturating_add(19))));

/// Returns whether one more line may be logged about a request.
pub fn may_log() -> bool {
    LOGGED.check().is_ok()
}
