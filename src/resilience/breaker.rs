//! The circuit breaker (Nygard, "Release It!", 2007): after some failures in a row a dependency is not called for a while, and then by few
//! at a time, to see.
//!
//! [`Machine`] decides, and knows nothing of clocks: every question comes with the time at which it is asked, so that it can be tested and
//! simulated. [`Breaker`] asks it the time of day, and tells the log, the metrics and `/health/resilience` of each move.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::Serialize;

use super::Payer;
use crate::{config::Policy, domain::time::UtcTime, telemetry::names};

/// Moves that are remembered for `/health/resilience`.
const REMEMBERED: usize = 16;

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// None does.
    Open,
    /// A few do, to see.
    HalfOpen,
}

/// What a drill forces a breaker to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Forced {
    /// No call goes through.
    Open,
    /// Every call does, whatever becomes of it.
    Closed,
}

/// What a breaker goes by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Failures in a row that open it.
    pub failures: u32,
    /// The first pause before probes; each that fails doubles it.
    pub open: Duration,
    /// The longest.
    pub max_open: Duration,
    /// Calls that may probe at a time.
    pub probes: u32,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The dependency answered.
    Success,
    /// It did not, or said that it cannot.
    Failure,
    /// It did not answer in time. Of one tenant alone that says as much of what it asks for as of the dependency: it counts for nothing
    /// until somebody else's call, or one of the process itself, fails too.
    TimedOut,
    /// Nobody waited for the answer.
    Abandoned,
}

/// The right to make one call; given back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    round: u64,
    /// Whether it is a probe of a half-open breaker.
    pub is_probe: bool,
    /// Tells the payer of the call from others; `None` for the process itself.
    payer: Option<u64>,
}

impl Admission {
    /// The same for a payer.
    pub(super) fn of(self, payer: &Payer) -> Self {
        Self { payer: payer.mark(), ..self }
    }
}

/// Failures in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    count: u32,
    /// The payer that alone has seen all of them, by its time-outs.
    suspect: Option<u64>,
    /// Whether it is proven that the dependency is at fault, and not what one payer asks for.
    is_proven: bool,
}

impl Row {
    /// Adds a failure, or a time-out of `of`.
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
    /// Moves so far. What a call that was begun before the last of them says is of another time, and counts for nothing.
    round: u64,
    /// Times in a row that it opened without having been closed.
    openings: u32,
    forced: Option<(Forced, Instant)>,
    /// Probes that have not ended, of whichever round: one that hangs is still a call to a dependency that may be down.
    probing: u32,
}

impl Machine {
    /// A closed breaker. `rng` makes its pauses uneven, so that many of them do not probe at one time.
    pub fn new(rules: Rules, rng: fastrand::Rng) -> Self {
        Self { rules, rng, state: State::Closed { failures: Row::default() }, round: 0, openings: 0, forced: None, probing: 0 }
    }

    /// Where it stands, as of the last time that it was told.
    pub fn state(&self) -> BreakerState {
        match (self.forced, self.state) {
            (Some((Forced::Open, _)), _) | (None, State::Open { .. }) => BreakerState::Open,
            (Some((Forced::Closed, _)), _) | (None, State::Closed { .. }) => BreakerState::Closed,
            (None, State::HalfOpen { .. }) => BreakerState::HalfOpen,
        }
    }

    /// What it is forced to be, and until when.
    pub fn forced(&self) -> Option<(Forced, Instant)> {
        self.forced
    }

    /// What time alone has done: a drill is over, or the pause of an open breaker is.
    pub fn tick(&mut self, now: Instant) {
        self.end_drill(now);
        if self.forced.is_none() && matches!(self.state, State::Open { until } if until <= now) {
            self.enter(State::HalfOpen { failures: Row::default() });
        }
    }

    /// May a call be made?
    pub fn admit(&mut self, now: Instant) -> Option<Admission> {
        self.tick(now);
        if let Some((forced, _)) = self.forced {
            return (forced == Forced::Closed).then_some(Admission { round: self.round, is_probe: false, payer: None });
        }
        match self.state {
            State::Closed { .. } => Some(Admission { round: self.round, is_probe: false, payer: None }),
            State::HalfOpen { .. } if self.probing < self.rules.probes => {
                self.probing += 1;
                Some(Admission { round: self.round, is_probe: true, payer: None })
            }
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// A call that was admitted has ended.
    pub fn ended(&mut self, admission: Admission, outcome: Outcome, now: Instant) {
        self.probing = self.probing.saturating_sub(u32::from(admission.is_probe));
        if admission.round != self.round || self.forced.is_some() {
            return;
        }
        let of = if outcome == Outcome::TimedOut { admission.payer } else { None };
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
                self.enter(State::Closed { failures: Row::default() });
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

    /// Forces it to be so until then.
    pub fn force(&mut self, forced: Forced, until: Instant) {
        self.enter(self.state);
        self.forced = Some((forced, until));
    }

    /// Ends a drill, and begins anew: what was known before is old.
    pub fn release(&mut self) {
        if self.forced.take().is_some() {
            self.openings = 0;
            self.enter(State::Closed { failures: Row::default() });
        }
    }

    fn end_drill(&mut self, now: Instant) {
        if self.forced.is_some_and(|(_, until)| until <= now) {
            self.release();
        }
    }

    fn open(&mut self, now: Instant) {
        let doubled = self.rules.open.saturating_mul(1 << self.openings.min(20)).min(self.rules.max_open);
        // "Equal jitter": at least half of it.
        let pause = doubled.mul_f64(0.5 + self.rng.f64() / 2.0);
        self.openings += 1;
        self.enter(State::Open { until: now + pause });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.round += 1;
    }
}

/// A move of a breaker.
#[derive(Debug, Clone, Serialize)]
pub struct Move {
    /// When.
    pub at: UtcTime,
    /// To where.
    pub to: BreakerState,
    /// Whether a drill did it.
    pub drill: bool,
}

#[derive(Debug)]
struct Watched {
    machine: Machine,
    told: (BreakerState, bool),
    moves: VecDeque<Move>,
    opened: u64,
}

/// The breaker of one dependency.
#[derive(Debug)]
pub struct Breaker {
    name: &'static str,
    watched: Mutex<Watched>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(name: &'static str, policy: &Policy) -> Self {
        let Policy { failures, open, max_open, probes, .. } = *policy;
        let machine = Machine::new(Rules { failures, open, max_open, probes }, fastrand::Rng::new());
        metrics::gauge!(names::BREAKER_STATE, "dependency" => name).set(0.0);
        let told = (BreakerState::Closed, false);
        Self { name, watched: Mutex::new(Watched { machine, told, moves: VecDeque::new(), opened: 0 }) }
    }

    /// May a call be made?
    pub fn admit(&self) -> Option<Admission> {
        let admission = self.change(|machine| machine.admit(Instant::now()));
        if admission.is_none() {
            metrics::counter!(names::BREAKER_REJECTED, "dependency" => self.name).increment(1);
        }
        admission
    }

    /// A call that was admitted has ended.
    pub fn ended(&self, admission: Admission, outcome: Outcome) {
        self.change(|machine| machine.ended(admission, outcome, Instant::now()));
    }

    /// Forces it to be so for a while.
    pub fn force(&self, forced: Forced, lasting: Duration) {
        self.change(|machine| machine.force(forced, Instant::now() + lasting));
    }

    /// Ends a drill.
    pub fn release(&self) {
        self.change(Machine::release);
    }

    /// Where it stands. Its metric follows, also when no call has asked for long.
    pub fn state(&self) -> BreakerState {
        self.change(|machine| {
            machine.tick(Instant::now());
            machine.state()
        })
    }

    /// What it is forced to be, and for how much longer.
    pub fn drill(&self) -> Option<(Forced, Duration)> {
        let (forced, until) = self.lock().machine.forced()?;
        Some((forced, until.saturating_duration_since(Instant::now())))
    }

    /// Its last moves, the newest first.
    pub fn moves(&self) -> Vec<Move> {
        self.lock().moves.iter().rev().cloned().collect()
    }

    /// How often it has opened.
    pub fn opened_total(&self) -> u64 {
        self.lock().opened
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let mut watched = self.lock();
        let value = change(&mut watched.machine);
        let now = (watched.machine.state(), watched.machine.forced().is_some());
        if now != watched.told {
            watched.told = now;
            self.tell(&mut watched, now);
        }
        value
    }

    fn tell(&self, watched: &mut Watched, (to, drill): (BreakerState, bool)) {
        if watched.moves.len() == REMEMBERED {
            watched.moves.pop_front();
        }
        watched.moves.push_back(Move { at: Timestamp::now().into(), to, drill });
        let (code, state) = match to {
            BreakerState::Closed => (0.0, "closed"),
            BreakerState::Open => (1.0, "open"),
            BreakerState::HalfOpen => (2.0, "half_open"),
        };
        watched.opened += u64::from(to == BreakerState::Open);
        metrics::gauge!(names::BREAKER_STATE, "dependency" => self.name).set(code);
        metrics::counter!(names::BREAKER_MOVES, "dependency" => self.name, "to" => state).increment(1);
        tracing::warn!(
            dependency.name = self.name,
            breaker.state = state,
            breaker.drill = drill,
            "circuit breaker changed its state"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn machine(probes: u32) -> (Machine, Instant) {
        let rules = Rules { failures: 3, open: 100 * MS, max_open: 400 * MS, probes };
        (Machine::new(rules, fastrand::Rng::with_seed(7)), Instant::now())
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
    fn failures_in_a_row_open_it_and_no_call_goes_through() {
        let (mut machine, now) = machine(1);
        for outcome in [Outcome::Failure, Outcome::Failure, Outcome::Success, Outcome::Failure, Outcome::Failure] {
            call(&mut machine, outcome, now);
            assert_eq!(machine.state(), BreakerState::Closed);
        }
        call(&mut machine, Outcome::Failure, now);
        assert_eq!(machine.state(), BreakerState::Open);
        assert_eq!(machine.admit(now + 49 * MS), None, "half of the pause at least");
        assert!(machine.admit(now + 100 * MS).is_some(), "and all of it at most");
    }

    #[test]
    fn a_probe_that_hangs_keeps_its_place_when_another_has_opened_it_again() {
        let (mut machine, now) = opened(2);
        let later = now + 100 * MS;
        let [hangs, fails] = [(); 2].map(|()| machine.admit(later).expect("a probe"));
        machine.ended(fails, Outcome::Failure, later);
        let later = later + 200 * MS;
        assert!(machine.admit(later).is_some_and(|admission| admission.is_probe));
        assert_eq!(machine.admit(later), None);
        machine.ended(hangs, Outcome::Failure, later);
        assert!(machine.admit(later).is_some());
    }

    #[test]
    fn few_probe_at_a_time_and_a_success_closes_it() {
        let (mut machine, now) = opened(2);
        let later = now + 100 * MS;
        let probes: Vec<_> = (0..5).filter_map(|_| machine.admit(later)).collect();
        assert_eq!(probes.len(), 2);
        assert!(probes.iter().all(|probe| probe.is_probe));
        machine.ended(probes[0], Outcome::Abandoned, later);
        let next = machine.admit(later).expect("the place of the one that was given up");
        assert_eq!(machine.admit(later), None);
        machine.ended(next, Outcome::Success, later);
        assert_eq!(machine.state(), BreakerState::Closed);
        // What the other probe says now is of before.
        machine.ended(probes[1], Outcome::Failure, later);
        (0..2).for_each(|_| call(&mut machine, Outcome::Failure, later));
        assert_eq!(machine.state(), BreakerState::Closed);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let (mut machine, mut now) = opened(1);
        for longest in [100, 200, 400, 400, 400] {
            let probe = machine.admit(now + longest * MS).expect("the pause is over");
            assert!(machine.admit(now + longest * MS).is_none());
            now += longest * MS;
            machine.ended(probe, Outcome::Failure, now);
            assert_eq!(machine.admit(now + (longest / 2).min(199) * MS), None, "after {longest} ms it grows");
        }
        let probe = machine.admit(now + 400 * MS).unwrap();
        machine.ended(probe, Outcome::Success, now);
        (0..3).for_each(|_| call(&mut machine, Outcome::Failure, now));
        assert!(machine.admit(now + 100 * MS).is_some());
    }

    #[test]
    fn calls_of_before_it_opened_change_nothing() {
        let (mut machine, now) = machine(1);
        let old: Vec<_> = (0..10).map(|_| machine.admit(now).unwrap()).collect();
        old[..3].iter().for_each(|call| machine.ended(*call, Outcome::Failure, now));
        machine.ended(old[3], Outcome::Success, now);
        assert_eq!(machine.state(), BreakerState::Open, "a late success");
        let probe = machine.admit(now + 100 * MS).unwrap();
        machine.ended(old[4], Outcome::Failure, now);
        machine.ended(probe, Outcome::Success, now);
        old[5..].iter().for_each(|call| machine.ended(*call, Outcome::Failure, now));
        assert_eq!(machine.state(), BreakerState::Closed, "late failures");
    }

    #[test]
    fn a_pause_and_a_drill_end_without_a_call() {
        let (mut machine, now) = opened(1);
        machine.tick(now + 49 * MS);
        assert_eq!(machine.state(), BreakerState::Open);
        machine.tick(now + 100 * MS);
        assert_eq!(machine.state(), BreakerState::HalfOpen);
        assert!(machine.admit(now + 100 * MS).is_some_and(|admission| admission.is_probe));
        machine.force(Forced::Open, now + 200 * MS);
        machine.tick(now + 200 * MS);
        assert_eq!((machine.forced(), machine.state()), (None, BreakerState::Closed));
    }

    #[test]
    fn a_drill_forces_it_for_a_while_and_then_it_begins_anew() {
        let (mut machine, now) = opened(1);
        machine.force(Forced::Closed, now + 1000 * MS);
        (0..10).for_each(|_| call(&mut machine, Outcome::Failure, now));
        assert_eq!(machine.state(), BreakerState::Closed, "whatever becomes of calls");
        machine.force(Forced::Open, now + 2000 * MS);
        assert_eq!((machine.admit(now + 1999 * MS), machine.state()), (None, BreakerState::Open));
        call(&mut machine, Outcome::Success, now + 2000 * MS);
        assert_eq!((machine.forced(), machine.state()), (None, BreakerState::Closed));
        machine.force(Forced::Open, now + 9000 * MS);
        machine.release();
        call(&mut machine, Outcome::Success, now + 2000 * MS);
    }
}
