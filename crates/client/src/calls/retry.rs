//! What is tried again, and when: decisions without I/O.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Effect, Error};
use crate::backoff::Backoff;

/// The share of all calls that may be tries after a first one.
const SHARE: f64 = 0.1;

/// The tries that can be saved up. A client begins with as many.
const SAVED: f64 = 10.0;

/// The most that is added to `Retry-After`, as a share of it. Clients that were refused together
/// come back apart.
const SPREAD: f64 = 0.2;

/// Returns whether a failed request may be sent again: a read, or a write whose idempotency key
/// keeps it from being done twice, after no answer, 429 or 503. `commit_unknown` and
/// `deadline_exceeded` are 503, too: the same key and body are what makes a second try safe.
pub fn may_repeat(effect: Effect, error: &Error) -> bool {
    let is_safe = effect != Effect::WriteOnce;
    is_safe
        && match error {
            Error::NoAnswer(_) => true,
            error => matches!(error.status(), Some(429 | 503)),
        }
}

/// Returns the time before the next try: what the service asked for and up to a fifth more, or a
/// random time whose limit doubles. `random` is from 0 to 1.
pub fn pause(asked: Option<Duration>, backoff: &mut Backoff, random: f64) -> Duration {
    let own = backoff.next(random);
    match asked {
        Some(asked) => asked.saturating_add(asked.min(LONGEST_SPREAD).mul_f64(SPREAD * random)),
        None => own,
    }
}

/// The longest time that is spread; keeps the arithmetic in its range.
const LONGEST_SPREAD: Duration = Duration::from_secs(3600);

/// The tries that are left. Each call adds a tenth of one, so a service that refuses everything is
/// asked about a tenth more often than by calls without retries.
#[derive(Debug)]
pub struct Budget(Mutex<f64>);

impl Budget {
    /// A full budget.
    pub fn new() -> Self {
        Self(Mutex::new(SAVED))
    }

    /// Adds the share of one call.
    pub fn earn(&self) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left + SHARE).min(SAVED);
    }

    /// Takes one try, if there is one.
    pub fn spend(&self) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_enough = *left >= 1.0;
        if is_enough {
            *left -= 1.0;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Problem, *};

    fn problem(status: u16, code: &str) -> Error {
        let json = format!(r#"{{"status":{status},"code":"{code}"}}"#);
        Error::Problem(Box::new(Problem::read(json.as_bytes()).unwrap()))
    }

    #[test]
    fn reads_and_keyed_writes_are_repeated_after_no_answer_429_and_503() {
        let passing = [
            Error::NoAnswer("reset".to_owned()),
            problem(429, "too_many_requests"),
            problem(503, "unavailable"),
            problem(503, "commit_unknown"),
            problem(503, "deadline_exceeded"),
            Error::Status {
                status: 503,
                beginning: "<html>".to_owned(),
            },
        ];
        for error in &passing {
            for effect in [Effect::Read, Effect::ReadTenant, Effect::Write] {
                assert!(may_repeat(effect, error), "{effect:?} {error}");
            }
            assert!(!may_repeat(Effect::WriteOnce, error), "{error}");
        }
        let lasting = [
            problem(500, "internal"),
            problem(409, "plan_stale"),
            problem(401, "unauthenticated"),
            Error::Status {
                status: 502,
                beginning: String::new(),
            },
            Error::Content("no JSON".to_owned()),
            Error::Token("no".into()),
            Error::Request("no".to_owned()),
        ];
        for error in &lasting {
            assert!(!may_repeat(Effect::Read, error), "{error}");
        }
    }

    #[test]
    fn service_says_the_pause_and_a_fifth_at_most_is_added() {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
        let asked = Some(Duration::from_secs(10));
        assert_eq!(pause(asked, &mut backoff, 0.0), Duration::from_secs(10));
        assert_eq!(pause(asked, &mut backoff, 1.0), Duration::from_secs(12));
        assert_eq!(pause(None, &mut backoff, 1.0), Duration::from_secs(1));
        let far = Some(Duration::from_secs(u64::MAX));
        assert!(pause(far, &mut backoff, 1.0) >= Duration::from_secs(u64::MAX));
    }

    #[test]
    fn budget_gives_one_try_for_ten_calls_once_it_is_used_up() {
        let budget = Budget::new();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        let mut tries = 0;
        for _ in 0..1000 {
            budget.earn();
            tries += u32::from(budget.spend());
        }
        assert!((95..=100).contains(&tries), "{tries}");
    }
}
