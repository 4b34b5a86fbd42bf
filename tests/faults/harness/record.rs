//! What each client saw: of every write what became of it, of every read what it showed, how long they took and how many failed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing is broken yet.
    Before = 0,
    /// Something is.
    During = 1,
    /// It was made whole.
    After = 2,
}

/// What a caller knows of one write in the end.
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
    /// Of two answers to one key, which says more.
    fn weight(&self) -> u8 {
        match self {
            Self::Failed => 0,
            Self::Unknown => 1,
            Self::Refused | Self::Unchanged => 2,
            Self::Committed { .. } => 3,
        }
    }
}

/// One write, by the id that its key, its requests and its event carry.
#[derive(Debug, Clone)]
pub struct Written {
    /// Whose.
    pub tenant: String,
    /// What became of it.
    pub fate: Fate,
}

/// What a read is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The tenant's snapshot.
    Whole,
    /// Its snapshot narrowed to one environment.
    Env(&'static str),
    /// Its snapshot narrowed to a service in an environment, `service/env`.
    Service(String),
    /// One route, `service/env/version`.
    Route(String),
}

impl Scope {
    /// Whether a route, `service/env/version`, is in it.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Env(env) => name.split('/').nth(1) == Some(*env),
            Self::Service(service) => name.rsplit_once('/').is_some_and(|(scope, _)| scope == service),
            Self::Route(route) => name == route,
        }
    }
}

/// One answer to a read: what it showed, and how new it had to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// Whose.
    pub tenant: String,
    /// Of what.
    pub scope: Scope,
    /// The newest revision that the client had named, or that it had from the same process.
    pub floor: u64,
    /// The revision of the answer; `None` when there was nothing.
    pub revision: Option<u64>,
    /// What it showed, as [`content`] puts it; `None` for 304.
    pub content: Option<u64>,
}

/// One number for what a snapshot or a route shows: lines of `service/env/version url`, in any order.
pub fn content<'a>(lines: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    let mut hasher = DefaultHasher::new();
    lines.hash(&mut hasher);
    hasher.finish()
}

/// Reads, or writes: how their requests went.
pub struct Requests {
    /// Microseconds from when each was due to its good answer, by phase.
    pub took: [Histogram<u64>; 3],
    /// Attempts that were answered, but not with a 5xx, by phase.
    pub good: [u64; 3],
    /// Attempts that were answered with a 5xx or 429, by phase.
    pub refused: [u64; 3],
    /// Attempts without an answer, by phase.
    pub lost: [u64; 3],
    /// The same since [`Recorder::window`] was called.
    pub window: Histogram<u64>,
    /// How long the slowest attempt took, of whatever end, by phase.
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

    /// The share of attempts that had a good answer, in a phase.
    pub fn availability(&self, phase: Phase) -> f64 {
        let at = phase as usize;
        let all = self.good[at] + self.refused[at] + self.lost[at];
        if all == 0 { 1.0 } else { self.good[at] as f64 / all as f64 }
    }

    /// A percentile in milliseconds, of a phase.
    pub fn percentile(&self, phase: Phase, percentile: f64) -> f64 {
        self.took[phase as usize].value_at_percentile(percentile) as f64 / 1000.0
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// An answer of the service's own, not a 5xx or 429.
    Good,
    /// 5xx or 429.
    Refused,
    /// None.
    Lost,
}

/// Everything that was seen.
pub struct Seen {
    pub writes: HashMap<String, Written>,
    pub sightings: HashSet<Sighting>,
    /// Of each tenant's revisions, the event that `changes` told of.
    pub told: HashMap<(String, u64), String>,
    pub epochs: HashMap<String, String>,
    /// What must never be, in words.
    pub faults: Vec<String>,
    /// How often which refusal was answered, status and code, and why how many had no answer.
    pub refusals: BTreeMap<String, u64>,
    /// Attempts of writes whose effect nobody knew at that moment.
    pub unknown_attempts: u64,
    pub write_requests: Requests,
    pub read_requests: Requests,
}

/// Shared by all clients of a run.
pub struct Recorder {
    phase: AtomicU8,
    seen: Mutex<Seen>,
}

impl Recorder {
    pub fn new() -> Self {
        let seen = Seen {
            writes: HashMap::new(),
            sightings: HashSet::new(),
            told: HashMap::new(),
            epochs: HashMap::new(),
            faults: Vec::new(),
            refusals: BTreeMap::new(),
            unknown_attempts: 0,
            write_requests: Requests::new(),
            read_requests: Requests::new(),
        };
        Self { phase: AtomicU8::new(Phase::Before as u8), seen: Mutex::new(seen) }
    }

    /// What was seen until now.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets how the requests went that came until now.
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

    /// Something that must never be.
    pub fn fault(&self, message: String) {
        self.seen().faults.push(message);
    }

    /// How an attempt at a read went, and for a good one how long after it was due.
    pub fn read(&self, phase: Phase, attempt: Attempt, took: Duration) {
        let mut seen = self.seen();
        let requests = &mut seen.read_requests;
        count(requests, phase, attempt, took);
        if attempt == Attempt::Good {
            record(requests, phase, took);
        }
    }

    /// How an attempt at a write went.
    pub fn attempted(&self, phase: Phase, attempt: Attempt, unknown: bool, took: Duration) {
        let mut seen = self.seen();
        seen.unknown_attempts += u64::from(unknown);
        count(&mut seen.write_requests, phase, attempt, took);
    }

    /// The slowest hundredth of writes and of reads since the last call, in milliseconds; `None` unless some of both were answered.
    pub fn window(&self) -> Option<(f64, f64)> {
        let mut seen = self.seen();
        let take = |requests: &mut Requests| {
            let slow = (!requests.window.is_empty()).then(|| requests.window.value_at_quantile(0.99) as f64 / 1000.0);
            requests.window.reset();
            slow
        };
        let (writes, reads) = (take(&mut seen.write_requests), take(&mut seen.read_requests));
        writes.zip(reads)
    }

    /// A 5xx or 429 was answered.
    pub fn refused(&self, status: u16, code: &str) {
        *self.seen().refusals.entry(format!("{status} {code}")).or_default() += 1;
    }

    /// There was no answer.
    pub fn lost(&self, error: &reqwest::Error) {
        let chain = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let causes: Vec<String> = chain.map(ToString::to_string).collect();
        *self.seen().refusals.entry(format!("no answer: {}", causes.join(": "))).or_default() += 1;
    }

    /// What became of a write, how long after it was due. Both answers to a key that was sent twice have to say the same.
    pub fn settled(&self, phase: Phase, id: &str, tenant: &str, fate: Fate, took: Duration) {
        let mut seen = self.seen();
        if fate.weight() >= 2 {
            record(&mut seen.write_requests, phase, took);
        }
        if let Some(before) = seen.writes.get_mut(id) {
            let both_answered = before.fate.weight() >= 2 && fate.weight() >= 2;
            let contradiction =
                (both_answered && before.fate != fate).then(|| format!("{id}: {:?}, and then {fate:?}", before.fate));
            if fate.weight() > before.fate.weight() {
                before.fate = fate;
            }
            seen.faults.extend(contradiction);
        } else {
            seen.writes.insert(id.to_owned(), Written { tenant: tenant.to_owned(), fate });
        }
    }

    /// A tenant has one history in a run.
    pub fn epoch(&self, tenant: &str, epoch: &str) {
        let mut seen = self.seen();
        let known = seen.epochs.entry(tenant.to_owned()).or_insert_with(|| epoch.to_owned());
        let contradiction = (known != epoch).then(|| format!("{tenant}: epoch {epoch} after {known}"));
        seen.faults.extend(contradiction);
    }

    /// `changes` told of an event.
    pub fn told(&self, tenant: &str, revision: u64, id: &str) {
        let mut seen = self.seen();
        let known = seen.told.entry((tenant.to_owned(), revision)).or_insert_with(|| id.to_owned());
        let contradiction = (known != id).then(|| format!("{tenant} {revision} was {known}, and then {id}"));
        seen.faults.extend(contradiction);
    }

    pub fn sighted(&self, sighting: Sighting) {
        self.seen().sightings.insert(sighting);
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX).clamp(1, 600_000_000)
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
