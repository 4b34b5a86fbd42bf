//! The circuit breaker (Nygard, "Release It!", 2007): stops calls to a dependency that fails.
//!
//! After some failures in a row the dependency is not called for a while. Then a few calls at a
//! time probe whether it works again.
//!
//! [`Machine`] decides and has no clock. [`Breaker`] passes the time to it, and reports each change
//! of state to the log, the metrics and `/health/resilience`.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::Serialize;

pub use crate::domain::resilience::breaker::{
    Admission, BreakerState, Forced, Machine, Outcome, Rules,
};
use crate::{config::CallPolicy, domain::time::UtcTime, telemetry::names};

/// The number of state changes that are kept for `/health/resilience`.
const REMEMBERED: usize = 16;

/// A change of a breaker's state.
#[derive(Debug, Clone, Serialize)]
pub struct Transition {
    /// The time of the change.
    pub at: UtcTime,
    /// The new state.
    pub to: BreakerState,
    /// Whether the new state is forced.
    pub drill: bool,
}

#[derive(Debug)]
struct Watched {
    machine: Machine,
    published: (BreakerState, bool),
    moves: VecDeque<Transition>,
    opened: u64,
}

/// The breaker of one dependency.
#[derive(Debug)]
pub struct Breaker {
    name: &'static str,
    watched: Mutex<Watched>,
}

impl Breaker {
    /// Creates a closed breaker; `name` is its dependency in logs and metrics.
    pub fn new(name: &'static str, policy: &CallPolicy) -> Self {
        let CallPolicy {
            failures,
            open,
            max_open,
            probes,
            ..
        } = *policy;
        let machine = Machine::new(
            Rules {
                failures,
                open,
                max_open,
                probes,
            },
            fastrand::Rng::new(),
        );
        metrics::gauge!(names::BREAKER_STATE, "dependency" => name).set(0.0);
        let published = (BreakerState::Closed, false);
        Self {
            name,
            watched: Mutex::new(Watched {
                machine,
                published,
                moves: VecDeque::new(),
                opened: 0,
            }),
        }
    }

    /// Returns the admission for one call, or `None` if the call is not allowed.
    pub fn admit(&self) -> Option<Admission> {
        let admission = self.change(|machine| machine.admit(Instant::now()));
        if admission.is_none() {
            metrics::counter!(names::BREAKER_REJECTED, "dependency" => self.name).increment(1);
        }
        admission
    }

    /// Records the outcome of an admitted call.
    pub fn ended(&self, admission: Admission, outcome: Outcome) {
        self.change(|machine| machine.ended(admission, outcome, Instant::now()));
    }

    /// Forces the state for the time `lasting`.
    pub fn force(&self, forced: Forced, lasting: Duration) {
        self.change(|machine| machine.force(forced, Instant::now() + lasting));
    }

    /// Ends a forced state.
    pub fn release(&self) {
        self.change(Machine::release);
    }

    /// Returns the current state, and updates its metric even if no call has been made for long.
    pub fn state(&self) -> BreakerState {
        self.change(|machine| {
            machine.tick(Instant::now());
            machine.state()
        })
    }

    /// Returns the forced state and its remaining time, if there is one.
    pub fn forced_state(&self) -> Option<(Forced, Duration)> {
        let (forced, until) = self.lock().machine.forced()?;
        Some((forced, until.saturating_duration_since(Instant::now())))
    }

    /// Returns the last state changes, newest first.
    pub fn moves(&self) -> Vec<Transition> {
        self.lock().moves.iter().rev().cloned().collect()
    }

    /// Returns how often the breaker has opened since the start.
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
        if now != watched.published {
            watched.published = now;
            self.publish(&mut watched, now);
        }
        value
    }

    fn publish(&self, watched: &mut Watched, (to, drill): (BreakerState, bool)) {
        if watched.moves.len() == REMEMBERED {
            watched.moves.pop_front();
        }
        watched.moves.push_back(Transition {
            at: Timestamp::now().into(),
            to,
            drill,
        });
        let (code, state) = match to {
            BreakerState::Closed => (0.0, "closed"),
            BreakerState::Open => (1.0, "open"),
            BreakerState::HalfOpen => (2.0, "half_open"),
        };
        watched.opened += u64::from(to == BreakerState::Open);
        metrics::gauge!(names::BREAKER_STATE, "dependency" => self.name).set(code);
        metrics::counter!(names::BREAKER_TRANSITIONS, "dependency" => self.name, "to" => state)
            .increment(1);
        tracing::warn!(
            dependency.name = self.name,
            breaker.state = state,
            breaker.drill = drill,
            "circuit breaker changed its state"
        );
    }
}
