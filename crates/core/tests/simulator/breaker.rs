//! The breaker: `resilience::breaker::Machine` in front of a dependency that works, fails and
//! hangs, with callers that give up, and forced states.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use traffic_manager_core::resilience::breaker::{
    Admission, BreakerState, Forced, Machine, Outcome, Rules,
};

use crate::world::Ran;

/// The number of steps in one history. Nearly all of them are calls.
const CALLS: u32 = 400;

static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A call under way: when it ends, and how.
struct Call {
    ends: u64,
    admission: Admission,
    outcome: Outcome,
    /// The number of transitions before the call began.
    moves: u32,
}

struct Bench {
    now: u64,
    rng: fastrand::Rng,
    rules: Rules,
    timeout: u64,
    machine: Machine,
    calls: Vec<Call>,
    /// The number of transitions so far, and the state after the last one.
    moves: u32,
    stands: (BreakerState, bool),
    /// Failures in a row of calls that began after the last transition.
    failures: u32,
    /// The time when the breaker opened, in milliseconds.
    opened: Option<u64>,
    ran: Ran,
}

/// Runs a seed to its end.
pub fn run(seed: u64) -> Result<Ran, String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let open = rng.u64(10..200);
    let rules = Rules {
        failures: rng.u32(1..6),
        open: Duration::from_millis(open),
        max_open: Duration::from_millis(open * rng.u64(1..8)),
        probes: rng.u32(1..4),
    };
    let machine = Machine::new(rules.clone(), fastrand::Rng::with_seed(seed ^ 1));
    let timeout = rng.u64(20..600);
    let ran = Ran::new(seed);
    let stands = (BreakerState::Closed, false);
    let mut bench = Bench {
        now: 0,
        rng,
        rules,
        timeout,
        machine,
        calls: Vec::new(),
        moves: 0,
        stands,
        failures: 0,
        opened: None,
        ran,
    };
    let ended = bench.run();
    ended.map_err(|fault| format!("breaker, at {} ms, {:?}: {fault}", bench.now, bench.rules))?;
    Ok(bench.ran)
}

impl Bench {
    fn run(&mut self) -> Result<(), String> {
        let mut mode = 0;
        for _ in 0..CALLS {
            self.now += self.rng.u64(0..20);
            if self.rng.u8(0..25) == 0 {
                mode = self.rng.u8(0..4);
            }
            self.end_calls()?;
            match self.rng.u8(0..200) {
                0 => self.drill(Forced::Open)?,
                1 => self.drill(Forced::Closed)?,
                _ => self.call(mode)?,
            }
        }
        self.recover()
    }

    fn time(&self, at: u64) -> Instant {
        *BASE + Duration::from_millis(at)
    }

    fn call(&mut self, mode: u8) -> Result<(), String> {
        let before = self.machine.state();
        let admission = self.machine.admit(self.time(self.now));
        self.look();
        let Some(admission) = admission else {
            self.ran.meet("breaker: refused");
            return match before {
                BreakerState::Closed => Err("a closed breaker refused a call".to_owned()),
                BreakerState::Open | BreakerState::HalfOpen => Ok(()),
            };
        };
        // At least half of the pause passes in any case, whatever its random part.
        if let Some(opened) = self.opened.filter(|_| before == BreakerState::Open)
            && self.time(self.now)
                < self.time(opened) + self.rules.open.min(self.rules.max_open) / 2
        {
            return Err("a call was let through while it was open".to_owned());
        }
        if admission.is_probe {
            self.ran.meet("breaker: probe");
            let probing = self
                .calls
                .iter()
                .filter(|call| call.admission.is_probe)
                .count()
                + 1;
            if probing > self.rules.probes as usize {
                return Err(format!("{probing} probes at a time"));
            }
        }
        let soon = self.rng.u64(0..10);
        let (lasts, outcome) = match (mode, self.rng.u8(0..20)) {
            (_, 0) => (soon, Outcome::Abandoned),
            (1, _) | (3, 1..10) => (soon, Outcome::Failure),
            (2, _) => (self.timeout, Outcome::Failure),
            _ => (soon, Outcome::Success),
        };
        self.calls.push(Call {
            ends: self.now + lasts,
            admission,
            outcome,
            moves: self.moves,
        });
        Ok(())
    }

    fn end_calls(&mut self) -> Result<(), String> {
        self.calls.sort_by_key(|call| call.ends);
        while self.calls.first().is_some_and(|call| call.ends <= self.now) {
            let call = self.calls.remove(0);
            self.end(&call)?;
        }
        Ok(())
    }

    fn end(&mut self, call: &Call) -> Result<(), String> {
        let (before, forced) = (self.machine.state(), self.machine.forced());
        self.machine
            .ended(call.admission, call.outcome, self.time(call.ends));
        let (is_current, failures) = (call.moves == self.moves, self.failures + 1);
        self.look();
        let after = self.machine.state();
        self.ran.step(call.ends, after as u64);
        if forced.is_some() {
            return if after == before {
                Ok(())
            } else {
                Err("a call ended a forced state".to_owned())
            };
        }
        match (before, after) {
            (BreakerState::Closed, BreakerState::Closed) if is_current => self.count(call),
            (BreakerState::Closed, BreakerState::Closed) => Ok(()),
            (BreakerState::Closed, BreakerState::Open) => {
                self.ran.meet("breaker: opened");
                self.opened = Some(call.ends);
                let is_due = call.outcome == Outcome::Failure && failures == self.rules.failures;
                if is_due {
                    Ok(())
                } else {
                    Err(format!("it opened after {failures} failures in a row"))
                }
            }
            (BreakerState::HalfOpen, BreakerState::Closed) => {
                self.ran.meet("breaker: closed");
                self.opened = None;
                let is_probed = call.admission.is_probe && call.outcome == Outcome::Success;
                if is_probed {
                    Ok(())
                } else {
                    Err("it closed without a probe that succeeded".to_owned())
                }
            }
            (BreakerState::HalfOpen, BreakerState::Open) => {
                self.ran.meet("breaker: opened again");
                self.opened = Some(call.ends);
                Ok(())
            }
            (BreakerState::Open, BreakerState::Open)
            | (BreakerState::HalfOpen, BreakerState::HalfOpen) => Ok(()),
            (before, after) => Err(format!("it went from {before:?} to {after:?}")),
        }
    }

    /// Counts a transition if the state has changed.
    fn look(&mut self) {
        let stands = (self.machine.state(), self.machine.forced().is_some());
        if stands != self.stands {
            (self.stands, self.failures) = (stands, 0);
            self.moves += 1;
        }
    }

    /// Counts the failures in a row, which must not reach the limit unless the breaker opens.
    fn count(&mut self, call: &Call) -> Result<(), String> {
        match call.outcome {
            Outcome::Success => self.failures = 0,
            Outcome::Failure | Outcome::TimedOut => self.failures += 1,
            Outcome::Abandoned => {}
        }
        if self.failures >= self.rules.failures {
            Err(format!("{} failures did not open it", self.failures))
        } else {
            Ok(())
        }
    }

    fn drill(&mut self, forced: Forced) -> Result<(), String> {
        self.ran.meet("breaker: forced");
        let until = self.now + self.rng.u64(1..100);
        self.machine.force(forced, self.time(until));
        self.look();
        self.moves += 1;
        let admitted = self.machine.admit(self.time(self.now));
        if admitted.is_some() != (forced == Forced::Closed) {
            return Err(format!(
                "the breaker was forced {forced:?} and admitted {admitted:?}"
            ));
        }
        // Earlier failures no longer count once the forced state ends.
        (self.failures, self.opened) = (0, None);
        Ok(())
    }

    /// Checks that the breaker closes in the end once the dependency works again.
    fn recover(&mut self) -> Result<(), String> {
        self.now += self.timeout + 1_000;
        self.end_calls()?;
        for _ in 0..20 {
            self.now += self.rules.max_open.as_millis() as u64 + 1;
            self.call(0)?;
            self.now += 10;
            self.end_calls()?;
        }
        match self.machine.state() {
            BreakerState::Closed => Ok(()),
            state => Err(format!(
                "the breaker is {state:?} although the dependency has worked for long"
            )),
        }
    }
}
