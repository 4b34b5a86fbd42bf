//! The circuit breaker's state machine: which calls are allowed, and how their outcomes change its
//! state.
//!
//! It has no clock: each method takes the current time, so that it can be tested and simulated.

use std::time::{Duration, Instant};

use serde::Serialize;

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls are allowed.
    Closed,
    /// No call is allowed.
    Open,
    /// A few calls are allowed as probes.
    HalfOpen,
}

/// A forced breaker state: an administrator sets it for a limited time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Forced {
    /// No call is allowed.
    Open,
    /// Every call is allowed, whatever its outcome.
    Closed,
}

/// The thresholds and pauses of a breaker.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The number of failures in a row that opens the breaker.
    pub failures: u32,
    /// The first pause before probes; each failed probe doubles the pause.
    pub open: Duration,
    /// The longest pause.
    pub max_open: Duration,
    /// The number of calls that may probe at the same time.
    pub probes: u32,
}

/// The outcome of a call, as far as it concerns the dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The dependency answered.
    Success,
    /// The dependency failed, or reported that it cannot serve.
    Failure,
    /// The dependency did not answer in time. Time-outs of one payer alone may come from its own
    /// heavy requests. They open the breaker only if another payer's call or a call of the process
    /// times out too, or any call fails.
    TimedOut,
    /// The caller did not wait for the answer.
    Abandoned,
}

/// The right to make one call; returned with the outcome of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    round: u64,
    /// Whether the call is a probe of a half-open breaker.
    pub is_probe: bool,
    /// An anonymous mark that distinguishes the payer of the call from others; `None` for the
    /// process itself.
    payer: Option<u64>,
}

impl Admission {
    /// Returns the admission with the mark of a payer; `None` for the process itself.
    pub fn of(self, payer: Option<u64>) -> Self {
        Self { payer, ..self }
    }
}

/// A series of failures without a success between them.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    count: u32,
    /// The payer of the first time-out. Unless `is_proven`, all failures are time-outs of this
    /// payer.
    suspect: Option<u64>,
    /// Whether the dependency is proven to be at fault, rather than the requests of one payer.
    is_proven: bool,
}

impl Row {
    /// Adds a failure; `of` is the payer if the failure is its time-out.
    fn add(&mut self, of: Option<u64>) {
        self.count = self.count.saturating_add(1);
        match (of, self.suspect) {
            (None, _) => self.is_proven = true,
            (Some(_), None) => self.suspect = of,
            (Some(one), Some(other)) => self.is_proven |= one != other,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: Row },
    Open { until: Instant },
    HalfOpen { failures: Row },
}

/// The state machine of one breaker.
#[derive(Debug)]
pub struct Machine {
    rules: Rules,
    rng: fastrand::Rng,
    state: State,
    /// The number of state changes so far. The outcome of a call that was admitted before the last
    /// change is ignored.
    round: u64,
    /// The number of times in a row that the breaker opened without being closed in between.
    openings: u32,
    forced: Option<(Forced, Instant)>,
    /// The number of probes that have not ended, of any round. A hanging probe is still a call to a
    /// dependency that may be down.
    probing: u32,
}

impl Machine {
    /// Creates a closed breaker. `rng` varies its pauses, so that many breakers do not probe at one
    /// time.
    pub fn new(rules: Rules, rng: fastrand::Rng) -> Self {
        Self {
            rules,
            rng,
            state: State::Closed {
                failures: Row::default(),
            },
            round: 0,
            openings: 0,
            forced: None,
            probing: 0,
        }
    }

    /// Returns the state without regard to the time since the last call: [`Machine::tick`] applies
    /// the changes that time causes.
    pub fn state(&self) -> BreakerState {
        match (self.forced, self.state) {
            (Some((Forced::Open, _)), _) | (None, State::Open { .. }) => BreakerState::Open,
            (Some((Forced::Closed, _)), _) | (None, State::Closed { .. }) => BreakerState::Closed,
            (None, State::HalfOpen { .. }) => BreakerState::HalfOpen,
        }
    }

    /// Returns the forced state and its end, if there is one.
    pub fn forced(&self) -> Option<(Forced, Instant)> {
        self.forced
    }

    /// Applies the changes that time alone causes: ends a forced state that has expired, and makes
    /// an open breaker half-open after its pause.
    pub fn tick(&mut self, now: Instant) {
        self.end_forced_state(now);
        if self.forced.is_none() && matches!(self.state, State::Open { until } if until <= now) {
            self.enter(State::HalfOpen {
                failures: Row::default(),
            });
        }
    }

    /// Returns the admission for one call, or `None` if the call is not allowed.
    pub fn admit(&mut self, now: Instant) -> Option<Admission> {
        self.tick(now);
        if let Some((forced, _)) = self.forced {
            return (forced == Forced::Closed).then_some(Admission {
                round: self.round,
                is_probe: false,
                payer: None,
            });
        }
        match self.state {
            State::Closed { .. } => Some(Admission {
                round: self.round,
                is_probe: false,
                payer: None,
            }),
            State::HalfOpen { .. } if self.probing < self.rules.probes => {
                self.probing += 1;
                Some(Admission {
                    round: self.round,
                    is_probe: true,
                    payer: None,
                })
            }
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// Records the outcome of an admitted call.
    pub fn ended(&mut self, admission: Admission, outcome: Outcome, now: Instant) {
        self.probing = self.probing.saturating_sub(u32::from(admission.is_probe));
        if admission.round != self.round || self.forced.is_some() {
            return;
        }
        let of = if outcome == Outcome::TimedOut {
            admission.payer
        } else {
            None
        };
        match (&mut self.state, outcome) {
            (State::Closed { failures }, Outcome::Success) => *failures = Row::default(),
            (State::Closed { failures }, Outcome::Failure | Outcome::TimedOut) => {
                failures.add(of);
                if failures.is_proven && failures.count >= self.rules.failures {
                    self.open(now);
                }
            }
            (State::HalfOpen { .. }, Outcome::Success) => {
                self.openings = 0;
                self.enter(State::Closed {
                    failures: Row::default(),
                });
            }
            (State::HalfOpen { failures }, Outcome::Failure | Outcome::TimedOut) => {
                failures.add(of);
                if failures.is_proven {
                    self.open(now);
                }
            }
            (State::Closed { .. } | State::Open { .. } | State::HalfOpen { .. }, _) => {}
        }
    }

    /// Forces the state until the given time.
    pub fn force(&mut self, forced: Forced, until: Instant) {
        self.enter(self.state);
        self.forced = Some((forced, until));
    }

    /// Ends a forced state. The breaker starts closed, because what was known before is out of
    /// date.
    pub fn release(&mut self) {
        if self.forced.take().is_some() {
            self.openings = 0;
            self.enter(State::Closed {
                failures: Row::default(),
            });
        }
    }

    fn end_forced_state(&mut self, now: Instant) {
        if self.forced.is_some_and(|(_, until)| until <= now) {
            self.release();
        }
    }

    fn open(&mut self, now: Instant) {
        let doubled = self
            .rules
            .open
            .saturating_mul(1 << self.openings.min(20))
            .min(self.rules.max_open);
        // "Equal jitter": at least half of the pause.
        let pause = doubled.mul_f64(0.5 + self.rng.f64() / 2.0);
        self.openings += 1;
        self.enter(State::Open { until: now + pause });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn machine(probes: u32) -> (Machine, Instant) {
        let rules = Rules {
            failures: 3,
            open: 100 * MS,
            max_open: 400 * MS,
            probes,
        };
        (
            Machine::new(rules, fastrand::Rng::with_seed(7)),
            Instant::now(),
        )
    }

    fn call(machine: &mut Machine, outcome: Outcome, now: Instant) {
        let admission = machine.admit(now).expect("calls go through");
        machine.ended(admission, outcome, now);
    }

    fn opened(probes: u32) -> (Machine, Instant) {
        let (mut machine, now) = machine(probes);
        (0..3).for_each(|_| call(&mut machine, Outcome::Failure, now));
        assert_eq!(machine.state(), BreakerState::Open);
        (machine, now)
    }

    #[test]
    fn consecutive_failures_open_the_breaker() {
        let (mut machine, now) = machine(1);
        for outcome in [
            Outcome::Failure,
            Outcome::Failure,
            Outcome::Success,
            Outcome::Failure,
            Outcome::Failure,
        ] {
            call(&mut machine, outcome, now);
            assert_eq!(machine.state(), BreakerState::Closed);
        }
        call(&mut machine, Outcome::Failure, now);
        assert_eq!(machine.state(), BreakerState::Open);
        assert_eq!(
            machine.admit(now + 49 * MS),
            None,
            "half of the pause at least"
        );
        assert!(
            machine.admit(now + 100 * MS).is_some(),
            "and all of it at most"
        );
    }

    #[test]
    fn hanging_probe_keeps_its_place_after_the_breaker_reopens() {
        let (mut machine, now) = opened(2);
        let later = now + 100 * MS;
        let [hangs, fails] = [(); 2].map(|()| machine.admit(later).expect("a probe"));
        machine.ended(fails, Outcome::Failure, later);
        let later = later + 200 * MS;
        assert!(
            machine
                .admit(later)
                .is_some_and(|admission| admission.is_probe)
        );
        assert_eq!(machine.admit(later), None);
        machine.ended(hangs, Outcome::Failure, later);
        assert!(machine.admit(later).is_some());
    }

    #[test]
    fn half_open_limits_probes_and_a_success_closes() {
        let (mut machine, now) = opened(2);
        let later = now + 100 * MS;
        let probes: Vec<_> = (0..5).filter_map(|_| machine.admit(later)).collect();
        assert_eq!(probes.len(), 2);
        assert!(probes.iter().all(|probe| probe.is_probe));
        machine.ended(probes[0], Outcome::Abandoned, later);
        let next = machine
            .admit(later)
            .expect("the place of the abandoned probe");
        assert_eq!(machine.admit(later), None);
        machine.ended(next, Outcome::Success, later);
        assert_eq!(machine.state(), BreakerState::Closed);
        // The outcome of the other probe belongs to an earlier round.
        machine.ended(probes[1], Outcome::Failure, later);
        (0..2).for_each(|_| call(&mut machine, Outcome::Failure, later));
        assert_eq!(machine.state(), BreakerState::Closed);
    }

    #[test]
    fn pauses_double_to_the_maximum_and_reset_after_a_success() {
        let (mut machine, mut now) = opened(1);
        for longest in [100, 200, 400, 400, 400] {
            let probe = machine
                .admit(now + longest * MS)
                .expect("the pause is over");
            assert!(machine.admit(now + longest * MS).is_none());
            now += longest * MS;
            machine.ended(probe, Outcome::Failure, now);
            assert_eq!(
                machine.admit(now + (longest / 2).min(199) * MS),
                None,
                "the pause grows after {longest} ms"
            );
        }
        let probe = machine.admit(now + 400 * MS).unwrap();
        machine.ended(probe, Outcome::Success, now);
        (0..3).for_each(|_| call(&mut machine, Outcome::Failure, now));
        assert!(machine.admit(now + 100 * MS).is_some());
    }

    #[test]
    fn calls_begun_before_opening_change_nothing() {
        let (mut machine, now) = machine(1);
        let old: Vec<_> = (0..10).map(|_| machine.admit(now).unwrap()).collect();
        old[..3]
            .iter()
            .for_each(|call| machine.ended(*call, Outcome::Failure, now));
        machine.ended(old[3], Outcome::Success, now);
        assert_eq!(machine.state(), BreakerState::Open, "a late success");
        let probe = machine.admit(now + 100 * MS).unwrap();
        machine.ended(old[4], Outcome::Failure, now);
        machine.ended(probe, Outcome::Success, now);
        old[5..]
            .iter()
            .for_each(|call| machine.ended(*call, Outcome::Failure, now));
        assert_eq!(machine.state(), BreakerState::Closed, "late failures");
    }

    #[test]
    fn pause_and_forced_state_end_without_a_call() {
        let (mut machine, now) = opened(1);
        machine.tick(now + 49 * MS);
        assert_eq!(machine.state(), BreakerState::Open);
        machine.tick(now + 100 * MS);
        assert_eq!(machine.state(), BreakerState::HalfOpen);
        assert!(
            machine
                .admit(now + 100 * MS)
                .is_some_and(|admission| admission.is_probe)
        );
        machine.force(Forced::Open, now + 200 * MS);
        machine.tick(now + 200 * MS);
        assert_eq!(
            (machine.forced(), machine.state()),
            (None, BreakerState::Closed)
        );
    }

    #[test]
    fn forced_state_lasts_its_time_and_then_resets() {
        let (mut machine, now) = opened(1);
        machine.force(Forced::Closed, now + 1000 * MS);
        (0..10).for_each(|_| call(&mut machine, Outcome::Failure, now));
        assert_eq!(
            machine.state(),
            BreakerState::Closed,
            "calls do not end a forced state"
        );
        machine.force(Forced::Open, now + 2000 * MS);
        assert_eq!(
            (machine.admit(now + 1999 * MS), machine.state()),
            (None, BreakerState::Open)
        );
        call(&mut machine, Outcome::Success, now + 2000 * MS);
        assert_eq!(
            (machine.forced(), machine.state()),
            (None, BreakerState::Closed)
        );
        machine.force(Forced::Open, now + 9000 * MS);
        machine.release();
        call(&mut machine, Outcome::Success, now + 2000 * MS);
    }
}
