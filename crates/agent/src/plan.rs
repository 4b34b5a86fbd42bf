//! When the proxy is changed: the newest state always gets there in the end, what comes during a
//! change is put together, and what failed is tried again. Pure: times are arguments.

use std::time::{Duration, Instant};

use crate::config::Times;

/// A number for each state of the tenant that came, in their order.
pub type Number = u64;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Give the newest state to the proxy.
    Apply,
    /// Ask the proxy whether it still runs what it was given.
    Check,
    /// Nothing until this time, or until a state comes.
    Wait(Instant),
}

/// What is known of the changes of the proxy.
#[derive(Debug)]
pub struct Plan {
    times: Times,
    newest: Option<Number>,
    applied: Option<Number>,
    /// The state that failed last, and when it may be tried again.
    failed: Option<(Number, Instant)>,
    failures: u32,
    /// No change begins before.
    rests_until: Instant,
    checks_at: Instant,
}

impl Plan {
    /// A plan before the first state.
    pub fn new(times: Times, now: Instant) -> Self {
        Self {
            times,
            newest: None,
            applied: None,
            failed: None,
            failures: 0,
            rests_until: now,
            checks_at: now + times.check,
        }
    }

    /// A state has come.
    pub fn came(&mut self, number: Number) {
        self.newest = Some(number);
    }

    /// What is to be done now.
    pub fn next(&self, now: Instant) -> Next {
        let Some(newest) = self.newest else {
            return Next::Wait(now + self.times.check);
        };
        if self.applied == Some(newest) {
            return match self.checks_at.max(self.rests_until) {
                at if at <= now => Next::Check,
                at => Next::Wait(at),
            };
        }
        // Another state may be the remedy of what failed.
        let retry = match self.failed {
            Some((failed, retry)) if failed == newest => retry,
            _ => now,
        };
        match retry.max(self.rests_until) {
            at if at <= now => Next::Apply,
            at => Next::Wait(at),
        }
    }

    /// The proxy runs the state.
    pub fn applied(&mut self, number: Number, now: Instant) {
        self.applied = Some(number);
        self.failed = None;
        self.failures = 0;
        self.rests_until = now + self.times.pause;
        self.checks_at = now + self.times.check;
    }

    /// The proxy did not take the state. `chance` is from 0 to 1.
    pub fn failed(&mut self, number: Number, chance: f64, now: Instant) {
        let time = self.backoff().mul_f64(1.0 - 0.5 * chance);
        self.failed = Some((number, now + time));
        self.failures = self.failures.saturating_add(1);
        self.rests_until = now + self.times.pause;
    }

    /// The proxy was asked. If it does not run what it was given, that is applied anew.
    pub fn checked(&mut self, is_current: bool, now: Instant) {
        self.checks_at = now + self.times.check;
        if !is_current {
            self.applied = None;
        }
    }

    /// The failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn backoff(&self) -> Duration {
        let doubled = 2u32.saturating_pow(self.failures.min(20));
        let time = self.times.retry.saturating_mul(doubled);
        time.min(self.times.last_retry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SECOND: Duration = Duration::from_secs(1);

    fn plan() -> (Plan, Instant) {
        let least = "[service]\nservers = [\"http://localhost\"]\ntenant = \"acme\"\n[proxy]\ndialect = \"caddy\"\n";
        let now = Instant::now();
        (Plan::new(Config::parse(least).unwrap().times, now), now)
    }

    #[test]
    fn first_state_is_applied_at_once() {
        let (mut plan, now) = plan();
        assert!(matches!(plan.next(now), Next::Wait(_)));
        plan.came(1);
        assert_eq!(plan.next(now), Next::Apply);
    }

    #[test]
    fn states_during_a_change_are_one_change_after_the_pause() {
        let (mut plan, now) = plan();
        plan.came(1);
        for number in 2..100 {
            plan.came(number);
        }
        plan.applied(1, now);
        assert_eq!(plan.next(now), Next::Wait(now + SECOND));
        assert_eq!(plan.next(now + SECOND), Next::Apply);
        plan.applied(99, now + SECOND);
        assert!(matches!(plan.next(now + 2 * SECOND), Next::Wait(_)));
    }

    #[test]
    fn failure_is_tried_again_later_each_time_and_a_new_state_soon() {
        let (mut plan, mut now) = plan();
        plan.came(1);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(plan.next(now), Next::Apply);
            plan.failed(1, 0.0, now);
            let at = now + seconds * SECOND;
            assert_eq!(plan.next(now), Next::Wait(at), "{seconds}");
            now = at;
        }
        plan.failed(1, 0.0, now);
        plan.came(2);
        assert_eq!(plan.next(now + SECOND), Next::Apply);
        plan.applied(2, now);
        assert_eq!(plan.failures(), 0);
    }

    #[test]
    fn proxy_that_runs_something_else_gets_the_state_anew() {
        let (mut plan, now) = plan();
        plan.came(1);
        plan.applied(1, now);
        let later = now + 10 * SECOND;
        assert_eq!(plan.next(later), Next::Check);
        plan.checked(true, later);
        assert!(matches!(plan.next(later), Next::Wait(_)));
        plan.checked(false, later);
        assert_eq!(plan.next(later), Next::Apply);
    }
}
