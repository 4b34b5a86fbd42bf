//! The policy for calls to a dependency: bulkhead, circuit breaker, timeout and retry budget.
//!
//! A call needs a place in the bulkhead of its dependency and then passes the breaker. It has a
//! timeout, and retries come from a budget. Each payer ([`Payer`]: a tenant, the platform) has a
//! share of each bulkhead ([`Shares`]).
//!
//! The timeout is inside the breaker, so a dependency that hangs counts as failing. A proper answer
//! of the dependency (a refusal, a duplicate, nothing found) counts as a success here: the caller
//! decides which errors count as failures.

pub mod breaker;
mod budget;
mod payer;
mod shares;
mod workers;

use std::{future::Future, sync::Arc, time::Duration};

pub use crate::domain::resilience::CoDel;
use backon::BackoffBuilder as _;
pub use breaker::{Admission, Breaker, BreakerState, Forced, Machine, Outcome, Rules, Transition};
pub use budget::RetryBudget;
pub use payer::Payer;
use serde::Serialize;
pub use shares::{NoPlace, PoolPlace, PoolReport, Shares};
pub use workers::{NotDone, Workers};

use crate::{
    config::{CallPolicy, Share},
    telemetry::names,
};

/// Returns the waits between attempts on a dependency that fails, for tasks that retry until they
/// succeed: 100 ms doubling to 2 s, jittered, without end.
pub fn pauses() -> impl Iterator<Item = Duration> {
    let [first, longest] = [100, 2000].map(Duration::from_millis);
    backon::ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
        .build()
}

/// The reason why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    /// The circuit breaker is open: the dependency was not called.
    #[error("{0} is not called: its circuit breaker is open")]
    Open(&'static str),
    /// Too many calls are running: the dependency was not called.
    #[error("{0} is not called: its bulkhead is full")]
    Full(&'static str),
    /// The dependency was called and did not answer in time. Whether the call had an effect is
    /// unknown.
    #[error("{0} did not answer in {1:?}")]
    Timeout(&'static str, Duration),
    /// The dependency was called and answered with an error.
    #[error(transparent)]
    Failed(E),
}

/// A dependency and the policy for calls to it.
#[derive(Debug)]
pub struct Dependency {
    name: &'static str,
    policy: CallPolicy,
    bulkhead: Arc<Shares>,
    breaker: Breaker,
    budget: RetryBudget,
}

/// The report on one dependency in `/health/resilience`.
#[derive(Debug, Clone, Serialize)]
pub struct DependencyReport {
    /// The dependency's name.
    pub name: &'static str,
    /// The breaker's state: `closed`, `open` or `half_open`.
    pub breaker: BreakerState,
    /// How often the breaker has opened since the start.
    pub breaker_opened_total: u64,
    /// The breaker's last state changes, newest first.
    pub breaker_moves: Vec<Transition>,
    /// The forced breaker state, if an administrator has set one.
    pub drill: Option<ForcedState>,
    /// The number of calls running now.
    pub in_flight: usize,
    /// The number of calls that may run at the same time.
    pub bulkhead: usize,
    /// The timeout of a call, in milliseconds.
    pub timeout_ms: u64,
    /// The number of retries that may be spent now.
    pub retry_budget: u32,
    /// The number of failures in a row that opens the breaker.
    pub failures: u32,
    /// The number of calls that may probe a half-open breaker at the same time.
    pub probes: u32,
}

/// A forced breaker state and its remaining time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ForcedState {
    /// The forced state.
    pub state: Forced,
    /// The remaining time in seconds.
    pub seconds_left: u64,
}

/// The right to make one call; report the outcome with [`Permit::success`] or [`Permit::failure`].
/// A permit that is dropped without either (the caller was cancelled) gives its place back and does
/// not count.
#[derive(Debug)]
pub struct Permit<'a> {
    dependency: &'a Dependency,
    admission: Admission,
    outcome: Outcome,
    _place: Option<PoolPlace>,
}

impl Permit<'_> {
    /// Records that the dependency answered.
    pub fn success(mut self) {
        self.outcome = Outcome::Success;
        self.dependency.budget.deposit();
    }

    /// Records that the dependency failed, or reported that it cannot serve.
    pub fn failure(mut self) {
        self.outcome = Outcome::Failure;
    }

    /// Records the outcome of the call.
    pub fn end(self, outcome: Outcome) {
        match outcome {
            Outcome::Success => self.success(),
            Outcome::Failure => self.failure(),
            Outcome::TimedOut => self.timed_out(),
            Outcome::Abandoned => {}
        }
    }

    /// Records that the dependency did not answer in time: it may be down, or the request was too
    /// heavy.
    pub fn timed_out(mut self) {
        self.outcome = Outcome::TimedOut;
    }

    /// Returns whether the call is a probe that checks if a failed dependency works again. A probe
    /// should risk as little as possible.
    pub fn is_probe(&self) -> bool {
        self.admission.is_probe
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.dependency.breaker.ended(self.admission, self.outcome);
    }
}

impl Dependency {
    /// Creates a dependency with its policy.
    pub fn new(name: &'static str, policy: CallPolicy) -> Arc<Self> {
        Arc::new(Self {
            name,
            bulkhead: Shares::new(name, "calls", policy.concurrent, policy.share),
            breaker: Breaker::new(name, &policy),
            budget: RetryBudget::new(policy.retry_percent, policy.retry_burst),
            policy,
        })
    }

    /// Requests the right to make one call for the payer of the running task, without waiting.
    pub fn enter<E>(&self) -> Result<Permit<'_>, CallError<E>> {
        let payer = Payer::current();
        let place = self.bulkhead.try_take(&payer, 1).map_err(|_| {
            metrics::counter!(names::BULKHEAD_REJECTED, "dependency" => self.name).increment(1);
            CallError::Full(self.name)
        })?;
        self.admit(&payer, Some(place))
    }

    /// Requests the right to make one call without a place in the bulkhead, for callers that limit
    /// their own calls and that no other caller may block: only the breaker can refuse.
    pub fn enter_background<E>(&self, payer: &Payer) -> Result<Permit<'_>, CallError<E>> {
        self.admit(payer, None)
    }

    fn admit<E>(
        &self,
        payer: &Payer,
        place: Option<PoolPlace>,
    ) -> Result<Permit<'_>, CallError<E>> {
        let admission = self
            .breaker
            .admit()
            .ok_or(CallError::Open(self.name))?
            .of(payer.mark());
        Ok(Permit {
            dependency: self,
            admission,
            outcome: Outcome::Abandoned,
            _place: place,
        })
    }

    /// Runs one call. `is_failure` distinguishes the dependency's failures from its proper answers.
    pub async fn call<T, E>(
        &self,
        is_failure: impl Fn(&E) -> bool,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        let judge = |error: &E| {
            if is_failure(error) {
                Outcome::Failure
            } else {
                Outcome::Success
            }
        };
        self.call_with(self.enter()?, judge, operation).await
    }

    /// Runs one call with a permit that was taken before. `judge` returns the outcome that an error
    /// means for the dependency: [`Outcome::Abandoned`] if the dependency was not asked at all.
    pub async fn call_with<T, E>(
        &self,
        permit: Permit<'_>,
        judge: impl Fn(&E) -> Outcome,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        match tokio::time::timeout(self.policy.timeout, operation).await {
            Err(_) => {
                permit.timed_out();
                Err(CallError::Timeout(self.name, self.policy.timeout))
            }
            Ok(Err(error)) => {
                permit.end(judge(&error));
                Err(CallError::Failed(error))
            }
            Ok(Ok(value)) => {
                permit.success();
                Ok(value)
            }
        }
    }

    /// Runs an idempotent call, and repeats it once after a failure if the retry budget allows it.
    /// `judge` as in [`Dependency::call_with`].
    pub async fn call_idempotent<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        judge: impl Fn(&E) -> Outcome,
        operation: impl Fn() -> F,
    ) -> Result<T, CallError<E>> {
        match self.call_with(self.enter()?, &judge, operation()).await {
            Err(CallError::Failed(error))
                if matches!(judge(&error), Outcome::Failure | Outcome::TimedOut)
                    && self.budget.try_spend() =>
            {
                self.call_with(self.enter()?, &judge, operation()).await
            }
            other => other,
        }
    }

    /// Returns how the dependency's pools are divided between payers.
    pub fn share(&self) -> Share {
        self.policy.share
    }

    /// Returns the bulkhead: the places for calls.
    pub fn bulkhead(&self) -> &Arc<Shares> {
        &self.bulkhead
    }

    /// Returns the dependency's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the timeout of one call.
    pub fn timeout(&self) -> Duration {
        self.policy.timeout
    }

    /// Returns the breaker's state now, and updates its metric.
    pub fn state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Forces the breaker open or closed, for the time `lasting`.
    pub fn force_state(&self, state: Forced, lasting: Duration) {
        self.breaker.force(state, lasting);
    }

    /// Returns the longest time for which the breaker may be forced.
    pub fn longest_forced_state(&self) -> Duration {
        self.policy.max_forced_state
    }

    /// Returns the `CoDel` target: the longest usual wait in a queue for this dependency.
    pub fn target_wait(&self) -> Duration {
        self.policy.target_wait
    }

    /// Returns the `CoDel` interval: a queue is overloaded when every item has waited longer than
    /// the target for this time.
    pub fn standing(&self) -> Duration {
        self.policy.standing
    }

    /// Ends a forced breaker state.
    pub fn end_forced_state(&self) {
        self.breaker.release();
    }

    /// Returns the numbers now.
    pub fn report(&self) -> DependencyReport {
        let CallPolicy {
            concurrent,
            timeout,
            failures,
            probes,
            ..
        } = self.policy;
        DependencyReport {
            name: self.name,
            breaker: self.breaker.state(),
            breaker_opened_total: self.breaker.opened_total(),
            breaker_moves: self.breaker.moves(),
            drill: self
                .breaker
                .forced_state()
                .map(|(state, left)| ForcedState {
                    state,
                    seconds_left: left.as_secs(),
                }),
            in_flight: self.bulkhead.used(),
            bulkhead: concurrent,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            retry_budget: self.budget.available(),
            failures,
            probes,
        }
    }
}

#[cfg(test)]
mod tests;
