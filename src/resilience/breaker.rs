//! The circuit breaker: failsafe's state machine, with a bound on half-open probes that it does not have itself.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use failsafe::{
    Config, Instrument, StateMachine,
    failure_policy::{self, ConsecutiveFailures},
};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{config, telemetry::names};

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

#[derive(Debug)]
struct Observed {
    name: &'static str,
    state: AtomicU8,
    opened: AtomicU64,
}

#[derive(Debug, Clone)]
struct Observer(Arc<Observed>);

impl Observer {
    fn moved(&self, code: u8, state: &'static str) {
        let before = self.0.state.swap(code, Ordering::SeqCst);
        metrics::gauge!(names::BREAKER_STATE, "dependency" => self.0.name).set(f64::from(code));
        if before != code {
            tracing::warn!(dependency.name = self.0.name, breaker.state = state, "circuit breaker changed its state");
        }
    }
}

impl Instrument for Observer {
    fn on_call_rejected(&self) {
        metrics::counter!(names::BREAKER_REJECTED, "dependency" => self.0.name).increment(1);
    }

    fn on_open(&self) {
        self.0.opened.fetch_add(1, Ordering::Relaxed);
        self.moved(1, "open");
    }

    fn on_half_open(&self) {
        self.moved(2, "half_open");
    }

    fn on_closed(&self) {
        self.moved(0, "closed");
    }
}

/// Growing jittered pauses. failsafe's own know whole seconds only; it clones a fresh series after each recovery, which backon's
/// iterator cannot be, so a clone starts the series again.
struct Pauses {
    builder: ExponentialBuilder,
    series: ExponentialBackoff,
}

impl Pauses {
    fn new(policy: &config::Breaker) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(config::ms(policy.open_ms))
            .with_max_delay(config::ms(policy.max_open_ms))
            .with_jitter()
            .without_max_times();
        Self { builder, series: builder.build() }
    }
}

impl Clone for Pauses {
    fn clone(&self) -> Self {
        Self { builder: self.builder, series: self.builder.build() }
    }
}

impl Iterator for Pauses {
    type Item = Duration;
    fn next(&mut self) -> Option<Duration> {
        self.series.next()
    }
}

/// A breaker that opens after some failures in a row, pauses with growing jittered waits, and probes with a few calls at a time.
pub struct Breaker {
    machine: StateMachine<ConsecutiveFailures<Pauses>, Observer>,
    observed: Arc<Observed>,
    probes: Semaphore,
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.observed.name).field("state", &self.state()).finish()
    }
}

impl Breaker {
    /// A closed breaker.
    pub fn new(name: &'static str, policy: &config::Breaker) -> Self {
        let observed = Arc::new(Observed { name, state: AtomicU8::new(0), opened: AtomicU64::new(0) });
        let pause = Pauses::new(policy);
        let machine = Config::new()
            .failure_policy(failure_policy::consecutive_failures(policy.failures, pause))
            .instrument(Observer(observed.clone()))
            .build();
        Self { machine, observed, probes: Semaphore::new(policy.probes) }
    }

    /// May a call be made? `Some` with a probe's place when the breaker is half-open, `None` when not.
    pub fn permit(&self) -> Option<Option<SemaphorePermit<'_>>> {
        if !self.machine.is_call_permitted() {
            return None;
        }
        // The machine moves before its observer hears of it, so whatever is not closed counts as half-open here.
        match self.state() {
            BreakerState::Closed => Some(None),
            BreakerState::HalfOpen | BreakerState::Open => self.probes.try_acquire().ok().map(Some),
        }
    }

    /// A call was answered.
    pub fn success(&self) {
        self.machine.on_success();
    }

    /// A call failed.
    pub fn failure(&self) {
        self.machine.on_error();
    }

    /// Where it stands. An open breaker whose pause is over is still open until the next call asks.
    pub fn state(&self) -> BreakerState {
        match self.observed.state.load(Ordering::SeqCst) {
            0 => BreakerState::Closed,
            1 => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }

    /// How often it has opened.
    pub fn opened_total(&self) -> u64 {
        self.observed.opened.load(Ordering::Relaxed)
    }
}
