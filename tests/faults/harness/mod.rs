//! The common parts of the fault tests: one load, one recorder of the clients' observations, one
//! checker of the final state.
//!
//! `TM_FAULTS_FULL=1` sets the full size, `TM_FAULTS_SEED` makes the same choices again (the
//! machine's timing stays its own), and `TM_FAULTS_REPORT` names a file that takes a line of
//! figures for each run.

pub mod balancer;
pub mod check;
pub mod expected;
pub mod history;
pub mod load;
mod reads;
pub mod record;
pub mod report;
pub mod wire;

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use mongodb::{Collection, bson::Document};
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::expected::{Answered, Expected};
use self::{
    history::History,
    load::Load,
    record::{Phase, Recorder, Seen},
    report::Measured,
};
use crate::{
    processes::{Process, eventually},
    support::World,
};

/// An address that requests are sent to.
pub struct Target {
    /// The base URL of the API.
    pub base: String,
    /// Counts the restarts of the process at this address; `None` where several processes answer.
    pub process: Option<Arc<AtomicUsize>>,
}

impl Target {
    pub fn of(process: &Process) -> Self {
        Self {
            base: format!("{}/api/v1", process.base()),
            process: Some(process.kills.clone()),
        }
    }
}

/// The size of a run.
#[derive(Debug, Clone)]
pub struct Size {
    pub seed: u64,
    pub full: bool,
    pub tenants: usize,
    pub routes: usize,
    pub writes_per_second: u64,
    pub reads_per_second: u64,
}

/// The p99 of one second, in milliseconds, below which a run may begin.
const SETTLED_MS: f64 = 250.0;

/// The time without progress after which the drain is given up. It is longer than any pause after
/// which a part of the pipeline tries again by itself: a frozen leader's session ends after 31 s by
/// default.
const STANDSTILL: Duration = Duration::from_secs(45);

/// The most messages that a failure prints: further messages say the same.
const MAX_MESSAGES: usize = 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

impl Size {
    /// Returns the size that the environment sets: small or full.
    pub fn new() -> Self {
        let full = number("TM_FAULTS_FULL") == Some(1);
        Self {
            seed: number("TM_FAULTS_SEED").unwrap_or_else(|| rand::random::<u32>().into()),
            full,
            tenants: 10,
            routes: 20,
            writes_per_second: number("TM_FAULTS_WRITES_PER_SECOND").unwrap_or(if full {
                100
            } else {
                50
            }),
            reads_per_second: number("TM_FAULTS_READS_PER_SECOND").unwrap_or(if full {
                500
            } else {
                100
            }),
        }
    }

    /// Returns `small` seconds in a small run and `full` seconds in a full one.
    pub fn seconds(&self, small: u64, full: u64) -> Duration {
        Duration::from_secs(if self.full { full } else { small })
    }
}

/// The backlogs, measured now and then.
#[derive(Default)]
struct Backlog {
    measured: Mutex<Measured>,
    /// The time of the fault's end, and the number of events at that time. They have drained when
    /// the archive has as many.
    over: Mutex<Option<(Instant, i64)>>,
}

impl Backlog {
    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock()
    }

    fn over(&self) -> MutexGuard<'_, Option<(Instant, i64)>> {
        self.over.lock()
    }

    /// Records that the archive has so many events. If it has as many as there were at the end of
    /// the fault, the drain ends now at the latest.
    fn has(&self, archived: i64) {
        if let Some((over, events)) = *self.over()
            && archived >= events
        {
            self.measured()
                .drain_seconds
                .get_or_insert(over.elapsed().as_secs_f64());
        }
    }
}

/// A run of the load.
pub struct Run {
    pub name: &'static str,
    pub size: Size,
    pub recorder: Arc<Recorder>,
    pub world: Arc<World>,
    load: Load,
    backlog: Arc<Backlog>,
    stop: CancellationToken,
    sampler: JoinHandle<()>,
}

impl Run {
    pub async fn start(name: &'static str, size: Size, world: World, targets: Vec<Target>) -> Self {
        println!("faults {name}: TM_FAULTS_SEED={}", size.seed);
        let (world, recorder, targets) = (
            Arc::new(world),
            Arc::new(Recorder::new()),
            Arc::new(targets),
        );
        let (backlog, stop) = (Arc::new(Backlog::default()), CancellationToken::new());
        let sampling = sample(world.clone(), backlog.clone());
        let sampler = tokio::spawn({
            let stop = stop.clone();
            async move {
                stop.run_until_cancelled(sampling).await;
            }
        });
        let load = Load::start(&size, &targets, &recorder);
        let run = Self {
            name,
            size,
            recorder,
            world,
            load,
            backlog,
            stop,
            sampler,
        };
        let good = async || run.recorder.seen().write_requests.good[0] > 30;
        eventually(Duration::from_secs(60), "the load runs", good).await;
        // The first requests meet cold caches and missing connections. A machine that stays slow is
        // measured as it is.
        for _ in 0..15 {
            run.recorder.window();
            tokio::time::sleep(Duration::from_secs(1)).await;
            if run
                .recorder
                .window()
                .is_some_and(|(write, read)| write.max(read) < SETTLED_MS)
            {
                break;
            }
        }
        run.recorder.begins();
        run
    }

    /// Lets the load run.
    pub async fn lasts(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Marks the beginning of the fault.
    pub fn breaks(&self) {
        self.recorder.set_phase(Phase::During);
    }

    /// Marks the end of the fault, where the time to drain begins.
    pub async fn heals(&self) {
        self.recorder.set_phase(Phase::After);
        let events = self
            .world
            .db
            .count("select count(*) from route_events")
            .await;
        *self.backlog.over() = Some((Instant::now(), events));
    }

    /// Ends the load, waits until everything has drained, checks the result, prints the figures
    /// with the test's own in `more`, and compares them with `expected`.
    pub async fn finish(self, expected: Expected, more: Value) {
        let Self {
            name,
            size,
            recorder,
            world,
            load,
            backlog,
            stop,
            sampler,
        } = self;
        load.end().await;
        drain(&world, &backlog).await;
        stop.cancel();
        sampler.await.expect("the sampler");
        let history = History::read(&world).await;
        conclude(
            name,
            &size,
            &recorder.seen(),
            &history,
            &backlog.measured(),
            &expected,
            &more,
        );
        if let Ok(world) = Arc::try_unwrap(world) {
            world.end().await;
        }
    }
}

/// Checks and prints the result, and fails if a check or an expectation does not hold.
fn conclude(
    name: &str,
    size: &Size,
    seen: &Seen,
    history: &History,
    measured: &Measured,
    expected: &Expected,
    more: &Value,
) {
    let mut found = check::check(seen, history, expected.dead_letters);
    report::print(name, size, seen, &found, measured, more);
    let count = found.messages.len();
    found.messages.truncate(MAX_MESSAGES);
    assert!(
        found.wrong() == 0,
        "TM_FAULTS_SEED={}: {found:?}, the first {} of {count} messages",
        size.seed,
        found.messages.len()
    );
    let refused = seen
        .writes
        .values()
        .any(|write| write.fate == record::Fate::Refused);
    assert!(
        history.count() > 100 && refused && found.answers_checked > 100,
        "too little happened to tell"
    );
    let unmet = expected.unmet(seen, measured);
    assert!(unmet.is_empty(), "TM_FAULTS_SEED={}: {unmet:?}", size.seed);
}

/// Returns the archive's estimate of its number of events, the cheapest count that it has.
async fn estimate(archive: &Collection<Document>) -> Option<i64> {
    archive
        .estimated_document_count()
        .await
        .ok()
        .and_then(|count| i64::try_from(count).ok())
}

/// Returns the pause after a count that took `looked`. Counting must take a small part of the time:
/// a server that counts by reading does nothing else meanwhile, and the test would measure its own
/// measuring.
fn pause_after(looked: Duration) -> Duration {
    Duration::from_millis(250).max(looked * 10)
}

/// Waits until the queue is empty and the archive has as many events as the history, or until
/// nothing has moved for `STANDSTILL`. The checker reports events that are still missing then as
/// lost.
async fn drain(world: &World, backlog: &Backlog) {
    let archive = world.collection().await;
    let (mut before, mut moved) = ((0, None), Instant::now());
    while moved.elapsed() < STANDSTILL {
        let outbox = world.db.count("select count(*) from outbox").await;
        let events = world.db.count("select count(*) from route_events").await;
        let looks = Instant::now();
        let archived = estimate(&archive).await;
        if outbox == 0
            && archived >= Some(events)
            && world.archived_count().await >= u64::try_from(events).expect("a count")
        {
            backlog.has(events);
            return;
        }
        if before != (outbox, archived) {
            (before, moved) = ((outbox, archived), Instant::now());
        }
        tokio::time::sleep(pause_after(looks.elapsed())).await;
    }
}

/// Measures the backlogs now and then, and records when the events from before the end of the fault
/// have drained. While a part is away a count has no result, and the next count follows.
async fn sample(world: Arc<World>, backlog: Arc<Backlog>) {
    let archive = world.collection().await;
    let mut pause = pause_after(Duration::ZERO);
    let limit = Duration::from_secs(2);
    loop {
        tokio::time::sleep(pause).await;
        let counts = async {
            let outbox = world.db.try_count("select count(*) from outbox").await?;
            Some((
                outbox,
                world
                    .db
                    .try_count("select count(*) from route_events")
                    .await?,
            ))
        };
        let Ok(Some((outbox, events))) = tokio::time::timeout(limit, counts).await else {
            continue;
        };
        let looks = Instant::now();
        let archived = tokio::time::timeout(limit, estimate(&archive))
            .await
            .ok()
            .flatten();
        pause = pause_after(looks.elapsed());
        let mut measured = backlog.measured();
        measured.peak_outbox = measured.peak_outbox.max(outbox);
        let Some(archived) = archived else { continue };
        measured.peak_unarchived = measured.peak_unarchived.max(events - archived);
        drop(measured);
        backlog.has(archived);
    }
}
