//! A simulation of writer, relay, consumer and cache, step by step, in a world that drops, delays,
//! doubles, reorders and kills.
//!
//! The simulation runs the product's own code as far as it does no I/O: this package. Everything
//! around this code is a model: of the promises of `PostgreSQL`, Kafka and `MongoDB`, and of the
//! order in which the product's loops call the code. So a fault of SQL, of a client library or of
//! such a loop does not show here; the server's `tests/pipeline` and `tests/faults` are for those,
//! with the real parts. Interleavings do show here: there are more of them in a minute than a
//! machine full of processes meets in a year. The clock is the simulation's own.
//!
//! A history follows from its seed, which stands in the message of a failure: `TM_SIM_SEED=<seed>`
//! repeats the history step by step. `TM_SIM_SEEDS` sets the number of seeds, `TM_SIM_SECONDS` the
//! time.

mod breaker;
mod broker;
mod cache;
mod checks;
mod consumer;
mod database;
mod relay;
mod store;
mod world;
mod writer;

use std::{
    collections::BTreeMap,
    panic,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use world::{Ran, run};

/// The least number of seeds in a run by time, however slow the machine is.
const LEAST: u64 = 100;

/// The situations that `LEAST` seeds must have met for the run to count.
const MET: [&str; 27] = [
    "acknowledgement lost",
    "answer lost",
    "answer replayed",
    "api killed",
    "archive cannot store",
    "breaker: closed",
    "breaker: forced",
    "breaker: opened",
    "breaker: opened again",
    "breaker: probe",
    "breaker: refused",
    "bulk unknown",
    "client tried again",
    "commit unknown",
    "consumer killed",
    "follower lost its place",
    "group of several",
    "killed in a transaction",
    "load overtaken",
    "load shared",
    "member silent",
    "record doubled",
    "record lost",
    "redelivered",
    "relay frozen",
    "relay killed",
    "revoked in the middle",
];

/// The situations that come in one seed of ten or fewer: twice as many seeds must have met them.
const RARE: [&str; 6] = [
    "answer to a delete lost",
    "dead letter",
    "leader deposed without knowing it",
    "leader found itself deposed",
    "race for a tenant lost",
    "record late",
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| {
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number"))
    })
}

fn guarded(seed: u64) -> Result<Ran, String> {
    panic::catch_unwind(|| both(seed)).unwrap_or_else(|_| Err("the code panicked".to_owned()))
}

/// Runs a seed in both worlds. The breaker stands before each of the others, and has a world of its
/// own.
fn both(seed: u64) -> Result<Ran, String> {
    let (mut ran, breaker) = (run(seed)?, breaker::run(seed)?);
    ran.met.extend(breaker.met);
    ran.step(breaker.digest, 0);
    Ok(ran)
}

/// Runs `seeds` seeds on every core, or seeds until `until` but at least [`LEAST`] of them. The
/// first fault ends the run.
fn run_many(
    first: u64,
    seeds: u64,
    until: Option<Instant>,
) -> (u64, BTreeMap<&'static str, u64>, Option<String>) {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let met: Mutex<BTreeMap<&'static str, u64>> = Mutex::default();
    let fault: Mutex<Option<String>> = Mutex::default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let is_late = at >= LEAST && until.is_some_and(|until| Instant::now() > until);
            let is_over = at >= seeds || is_late || fault.lock().unwrap().is_some();
            if is_over {
                return;
            }
            let seed = first.wrapping_add(at);
            match guarded(seed) {
                Ok(ran) => {
                    let mut met = met.lock().unwrap();
                    ran.met
                        .into_iter()
                        .for_each(|(what, times)| *met.entry(what).or_default() += times);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Err(text) => {
                    let repeat = format!(
                        "TM_SIM_SEED={seed} cargo test -p traffic-manager-core --test simulator"
                    );
                    fault.lock().unwrap().get_or_insert_with(|| {
                        format!("seed {seed} (number {at}): {text}\n{repeat}")
                    });
                }
            }
        }
    };
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    (
        done.into_inner(),
        met.into_inner().unwrap(),
        fault.into_inner().unwrap(),
    )
}

#[test]
fn simulation_loses_doubles_reorders_and_reverts_nothing() {
    let (first, seeds, seconds) = match (
        number("TM_SIM_SEED"),
        number("TM_SIM_SEEDS"),
        number("TM_SIM_SECONDS"),
    ) {
        (Some(seed), seeds, None) => (seed, seeds.unwrap_or(1), None),
        (seed, Some(seeds), seconds) => (seed.unwrap_or_else(new_seed), seeds, seconds),
        // Every run has new seeds. A failure prints its seed.
        (seed, None, seconds) => (
            seed.unwrap_or_else(new_seed),
            u64::MAX,
            Some(seconds.unwrap_or(8)),
        ),
    };
    let started = Instant::now();
    let until = seconds.map(|seconds| started + Duration::from_secs(seconds));
    let (done, met, fault) = run_many(first, seeds, until);
    if let Some(fault) = fault {
        panic!("{fault}");
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{done} seeds from {first} in {seconds:.1} s: {:.0} a minute; {met:?}",
        done as f64 * 60.0 / seconds
    );
    let required = [(LEAST, MET.as_slice()), (2 * LEAST, RARE.as_slice())];
    let required = required
        .into_iter()
        .filter(|(seeds, _)| done >= *seeds)
        .flat_map(|(_, all)| all);
    let unmet: Vec<_> = required.filter(|what| !met.contains_key(*what)).collect();
    assert!(unmet.is_empty(), "{done} seeds never met {unmet:?}");
}

#[test]
fn same_seed_repeats_every_step() {
    for seed in 0..5 {
        let [first, second] =
            [0, 1].map(|_| both(seed).unwrap_or_else(|fault| panic!("seed {seed}: {fault}")));
        assert_eq!(
            (first.digest, first.met),
            (second.digest, second.met),
            "seed {seed}"
        );
    }
}

fn new_seed() -> u64 {
    fastrand::u64(..) >> 16
}
