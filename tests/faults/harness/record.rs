//! The observations of the clients: the outcome of every write, the content of every read, how long
//! they took and how many failed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use parking_lot::{Mutex, MutexGuard};

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Before the fault.
    Before = 0,
    /// While something is broken.
    During = 1,
    /// After the end of the fault.
    After = 2,
}

/// The outcome of a write, as far as its caller knows it in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Answered 2xx with a new revision.
    Committed { revision: u64 },
    /// Answered 2xx, and nothing had to be changed.
    Unchanged,
    /// Answered with a 4xx: it was refused for good.
    Refused,
    /// Given up, and every answer said that nothing was done.
    Failed,
    /// Given up, and some attempt may have been done.
    Unknown,
}

impl Fate {
    /// Ranks the outcomes: of two answers to one key, the outcome with the higher weight counts.
    fn weight(&self) -> u8 {
        match self {
            Self::Failed => 0,
            Self::Unknown => 1,
            Self::Refused | Self::Unchanged => 2,
            Self::Committed { .. } => 3,
        }
    }
}

/// A write. Its key in [`Seen::writes`] is the id that its idempotency key, its requests and its
/// event carry.
#[derive(Debug, Clone)]
pub struct Written {
    /// The tenant of the write.
    pub tenant: String,
    /// The outcome of the write.
    pub fate: Fate,
}

/// The scope of a read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The tenant's snapshot.
    Whole,
    /// The snapshot, limited to one environment.
    Env(&'static str),
    /// The snapshot, limited to a service in an environment, `service/env`.
    Service(String),
    /// A single route, `service/env/version`.
    Route(String),
}

impl Scope {
    /// Returns true if a route, `service/env/version`, is in the scope.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Env(env) => name.split('/').nth(1) == Some(*env),
            Self::Service(service) => name
                .rsplit_once('/')
                .is_some_and(|(scope, _)| scope == service),
            Self::Route(route) => name == route,
        }
    }
}

/// An answer to a read: its content, and how new it had to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// The tenant that was read.
    pub tenant: String,
    /// The scope that was read.
    pub scope: Scope,
    /// The newest revision that the client named, or had from the same process. The answer must not
    /// be older.
    pub floor: u64,
    /// The revision of the answer; `None` for 404.
    pub revision: Option<u64>,
    /// The content of the answer as a number, see [`content`]; `None` for 304 and 404.
    pub content: Option<u64>,
}

/// Returns one number for the content of a snapshot or a route: lines of `service/env/version url`,
/// in any order.
pub fn content<'a>(lines: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    let mut hasher = DefaultHasher::new();
    lines.hash(&mut hasher);
    hasher.finish()
}

/// The statistics of all reads, or of all writes.
pub struct Requests {
    /// Microseconds from the time when each request was due to its good answer, by phase.
    pub took: [Histogram<u64>; 3],
    /// Attempts that were answered, but not with a 5xx or 429, by phase.
    pub good: [u64; 3],
    /// Attempts that were answered with a 5xx or 429, by phase.
    pub refused: [u64; 3],
    /// Attempts without an answer, or with a 408, by phase.
    pub lost: [u64; 3],
    /// Microseconds to the good answers since the last call of [`Recorder::window`].
    pub window: Histogram<u64>,
    /// The time of the slowest attempt, however it ended, by phase.
    pub slowest: [Duration; 3],
    /// The longest time between two good answers.
    pub longest_gap: Duration,
    last_good: Instant,
}

impl Requests {
    fn new() -> Self {
        let empty = || Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds");
        Self {
            took: [empty(), empty(), empty()],
            good: [0; 3],
            refused: [0; 3],
            lost: [0; 3],
            window: empty(),
            slowest: [Duration::ZERO; 3],
            longest_gap: Duration::ZERO,
            last_good: Instant::now(),
        }
    }

    /// Returns the share of a phase's attempts that had a good answer.
    pub fn availability(&self, phase: Phase) -> f64 {
        let at = phase as usize;
        let all = self.good[at] + self.refused[at] + self.lost[at];
        if all == 0 {
            1.0
        } else {
            self.good[at] as f64 / all as f64
        }
    }

    /// Returns a percentile of a phase, in milliseconds.
    pub fn percentile(&self, phase: Phase, percentile: f64) -> f64 {
        self.took[phase as usize].value_at_percentile(percentile) as f64 / 1000.0
    }
}

/// The end of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// An answer other than a 5xx, 429 or 408.
    Good,
    /// A 5xx or 429.
    Refused,
    /// No answer, or a 408.
    Lost,
}

/// All observations of the clients.
pub struct Seen {
    pub writes: HashMap<String, Written>,
    pub sightings: HashSet<Sighting>,
    /// The id of the event that `changes` returned, by tenant and revision.
    pub changes: HashMap<(String, u64), String>,
    pub epochs: HashMap<String, String>,
    /// Observations that must never occur, in words.
    pub faults: Vec<String>,
    /// The number of refusals by status and code, and of requests without an answer by cause.
    pub refusals: BTreeMap<String, u64>,
    /// The number of write attempts whose effect the client did not know.
    pub unknown_attempts: u64,
    pub write_requests: Requests,
    pub read_requests: Requests,
}

/// The recorder that all clients of a run share.
pub struct Recorder {
    phase: AtomicU8,
    seen: Mutex<Seen>,
}

impl Recorder {
    pub fn new() -> Self {
        let seen = Seen {
            writes: HashMap::new(),
            sightings: HashSet::new(),
            changes: HashMap::new(),
            epochs: HashMap::new(),
            faults: Vec::new(),
            refusals: BTreeMap::new(),
            unknown_attempts: 0,
            write_requests: Requests::new(),
            read_requests: Requests::new(),
        };
        Self {
            phase: AtomicU8::new(Phase::Before as u8),
            seen: Mutex::new(seen),
        }
    }

    /// Returns the observations until now.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    /// Discards the statistics of the requests until now.
    pub fn begins(&self) {
        let seen = &mut *self.seen();
        for requests in [&mut seen.write_requests, &mut seen.read_requests] {
            requests.took[0].reset();
            requests.window.reset();
            (requests.good[0], requests.refused[0], requests.lost[0]) = (0, 0, 0);
            requests.longest_gap = Duration::ZERO;
        }
    }

    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Before,
            1 => Phase::During,
            _ => Phase::After,
        }
    }

    /// Records an observation that must never occur.
    pub fn fault(&self, message: String) {
        self.seen().faults.push(message);
    }

    /// Records an attempt at a read. `took` counts from the time when the read was due.
    pub fn read(&self, phase: Phase, attempt: Attempt, took: Duration) {
        let mut seen = self.seen();
        let requests = &mut seen.read_requests;
        count(requests, phase, attempt, took);
        if attempt == Attempt::Good {
            record(requests, phase, took);
        }
    }

    /// Records an attempt at a write. `took` is the time of this attempt alone.
    pub fn attempted(&self, phase: Phase, attempt: Attempt, unknown: bool, took: Duration) {
        let mut seen = self.seen();
        seen.unknown_attempts += u64::from(unknown);
        count(&mut seen.write_requests, phase, attempt, took);
    }

    /// Returns the p99 of writes and of reads since the last call, in milliseconds; `None` unless
    /// some of both were answered.
    pub fn window(&self) -> Option<(f64, f64)> {
        let mut seen = self.seen();
        let take = |requests: &mut Requests| {
            let slow = (!requests.window.is_empty())
                .then(|| requests.window.value_at_quantile(0.99) as f64 / 1000.0);
            requests.window.reset();
            slow
        };
        let (writes, reads) = (
            take(&mut seen.write_requests),
            take(&mut seen.read_requests),
        );
        writes.zip(reads)
    }

    /// Records an answer of 5xx or 429.
    pub fn refused(&self, status: u16, code: &str) {
        *self
            .seen()
            .refusals
            .entry(format!("{status} {code}"))
            .or_default() += 1;
    }

    /// Records a request without an answer.
    pub fn lost(&self, error: &reqwest::Error) {
        let chain = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let causes: Vec<String> = chain.map(ToString::to_string).collect();
        *self
            .seen()
            .refusals
            .entry(format!("no answer: {}", causes.join(": ")))
            .or_default() += 1;
    }

    /// Records the outcome of a write. `took` counts from the time when the write was due. Both
    /// answers to a key that was sent twice must be the same.
    pub fn settled(&self, phase: Phase, id: &str, tenant: &str, fate: Fate, took: Duration) {
        let mut seen = self.seen();
        if fate.weight() >= 2 {
            record(&mut seen.write_requests, phase, took);
        }
        if let Some(before) = seen.writes.get_mut(id) {
            let both_answered = before.fate.weight() >= 2 && fate.weight() >= 2;
            let contradiction = (both_answered && before.fate != fate)
                .then(|| format!("{id}: {:?}, and then {fate:?}", before.fate));
            if fate.weight() > before.fate.weight() {
                before.fate = fate;
            }
            seen.faults.extend(contradiction);
        } else {
            seen.writes.insert(
                id.to_owned(),
                Written {
                    tenant: tenant.to_owned(),
                    fate,
                },
            );
        }
    }

    /// Records the epoch of an answer. A tenant has only one epoch in a run.
    pub fn epoch(&self, tenant: &str, epoch: &str) {
        let mut seen = self.seen();
        let known = seen
            .epochs
            .entry(tenant.to_owned())
            .or_insert_with(|| epoch.to_owned());
        let contradiction =
            (known != epoch).then(|| format!("{tenant}: epoch {epoch} after {known}"));
        seen.faults.extend(contradiction);
    }

    /// Records an event that `changes` returned.
    pub fn changed(&self, tenant: &str, revision: u64, id: &str) {
        let mut seen = self.seen();
        let known = seen
            .changes
            .entry((tenant.to_owned(), revision))
            .or_insert_with(|| id.to_owned());
        let contradiction =
            (known != id).then(|| format!("{tenant} {revision} was {known}, and then {id}"));
        seen.faults.extend(contradiction);
    }

    pub fn sighted(&self, sighting: Sighting) {
        self.seen().sightings.insert(sighting);
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros())
        .unwrap_or(u64::MAX)
        .clamp(1, 600_000_000)
}

fn record(requests: &mut Requests, phase: Phase, took: Duration) {
    for histogram in [&mut requests.took[phase as usize], &mut requests.window] {
        let _ = histogram.record(micros(took));
    }
}

fn count(requests: &mut Requests, phase: Phase, attempt: Attempt, took: Duration) {
    let at = phase as usize;
    requests.slowest[at] = requests.slowest[at].max(took);
    match attempt {
        Attempt::Refused => requests.refused[at] += 1,
        Attempt::Lost => requests.lost[at] += 1,
        Attempt::Good => {
            requests.good[at] += 1;
            requests.longest_gap = requests.longest_gap.max(requests.last_good.elapsed());
            requests.last_good = Instant::now();
        }
    }
}
