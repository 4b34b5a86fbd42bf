//! The parts of the stack, which all tests of this suite share: who uses them, and who may stop
//! them.
//!
//! A test that stops a part holds all of them [`Alone`], and no other test of the suite runs
//! meanwhile. Every other test begins with [`World::new`], and shares the parts until its world is
//! gone. Only [`Alone`] has functions that stop a part, and a part that is out cannot outlive it.
//! When it ends, also by a panic, every part answers again before the next test begins.
//!
//! A test begins with one of the two and never asks for a second: it would wait for itself.
//! [`Hold`] fails such a test at once.

use std::{
    marker::PhantomData,
    ops::Deref,
    process::{Command, Stdio},
    sync::Arc,
    thread::ThreadId,
    time::{Duration, Instant},
};

use mongodb::{bson::doc, options::ClientOptions};
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::support::{
    database::{try_connect, variable},
    secure,
};

/// The parts, in the order in which they come back: the replica needs the primary.
const PARTS: [&str; 4] = ["postgres-primary", "postgres-replica", "kafka", "mongo"];

/// The time that a part may take to answer again after an outage, and for one question to it. A
/// server that starts on a busy machine needs the first, one that runs does not need the second.
const BACK_WITHIN: Duration = Duration::from_secs(120);
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

static LOCK: RwLock<()> = RwLock::const_new(());
/// The threads of the tests that hold the parts: each test has one, where its body runs.
static HOLDERS: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());
/// The part that did not come back, and why no test can run any more.
static LOST: Mutex<Option<String>> = Mutex::new(None);
static LOAD: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Lets one test at a time put load on the machine: the figures of these tests are about their own
/// load. It is for tests that share the parts, before they make their world.
pub async fn only_load() -> tokio::sync::MutexGuard<'static, ()> {
    Hold::refuse_second();
    LOAD.lock().await
}

/// A test's hold on the parts.
struct Hold {
    thread: ThreadId,
    _lock: Lock,
}

enum Lock {
    Shared {
        _guard: RwLockReadGuard<'static, ()>,
    },
    Alone {
        _guard: RwLockWriteGuard<'static, ()>,
    },
}

impl Hold {
    async fn shared() -> Arc<Self> {
        Self::refuse_second();
        let guard = LOCK.read().await;
        Self::new(Lock::Shared { _guard: guard })
    }

    async fn alone() -> Arc<Self> {
        Self::refuse_second();
        let guard = LOCK.write().await;
        Self::new(Lock::Alone { _guard: guard })
    }

    fn new(lock: Lock) -> Arc<Self> {
        let lost = LOST.lock().clone();
        assert!(lost.is_none(), "the stack is not whole: {lost:?}");
        let thread = std::thread::current().id();
        HOLDERS.lock().push(thread);
        Arc::new(Self {
            thread,
            _lock: lock,
        })
    }

    /// Fails a test that holds the parts already, and would wait for itself or for a test that
    /// waits for it.
    fn refuse_second() {
        let is_held = HOLDERS.lock().contains(&std::thread::current().id());
        assert!(
            !is_held,
            "this test holds the parts already: it begins with World::new() or parts::alone(), not \
             both, takes other worlds from Alone, and calls parts::only_load() before its world"
        );
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holders = HOLDERS.lock();
        if let Some(at) = holders.iter().position(|thread| *thread == self.thread) {
            holders.swap_remove(at);
        }
    }
}

/// A test's world. No test stops a part until it is gone.
pub struct World {
    world: test_support::World,
    hold: Arc<Hold>,
}

impl World {
    /// Waits until no test holds the parts alone, and makes a world.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with settings (`key=value`) that differ.
    pub async fn with(overrides: &[&str]) -> Self {
        Self::held(Hold::shared().await, overrides).await
    }

    async fn held(hold: Arc<Hold>, overrides: &[&str]) -> Self {
        let world = test_support::World::with(overrides).await;
        Self { world, hold }
    }

    /// Deletes what the test has made in the parts, as far as that succeeds.
    pub async fn end(self) {
        let Self { world, hold } = self;
        world.end().await;
        drop(hold);
    }
}

impl Deref for World {
    type Target = test_support::World;

    fn deref(&self) -> &Self::Target {
        &self.world
    }
}

/// A way to take a part away.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// SIGKILL: connections are lost and new ones refused.
    Kill,
    /// SIGSTOP: connections stay open and nothing answers.
    Pause,
}

/// All parts, for one test alone, which may stop them.
pub struct Alone(Arc<Hold>);

/// Waits until no other test uses the parts, and keeps all others away from them until the result
/// is dropped.
pub async fn alone() -> Alone {
    Alone(Hold::alone().await)
}

impl Alone {
    /// Makes a world for the test that holds the parts alone.
    pub async fn world(&self) -> World {
        World::held(self.0.clone(), &[]).await
    }

    /// Takes a part away, on a blocking thread, so that the load goes on meanwhile.
    pub async fn strike(&self, fault: Fault, part: &'static str) -> Outage<'_> {
        let (command, end) = match fault {
            Fault::Kill => ("kill", "start"),
            Fault::Pause => ("pause", "resume"),
        };
        // Made first, so that a part that was half taken away comes back, too.
        let outage = Outage {
            part,
            end,
            alone: PhantomData,
        };
        assert!(
            local_stack_aside(command, part).await,
            "{command} {part}: it does not work"
        );
        outage
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // A thread of its own: the test's runtime may be ending.
        let back = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(bring_back())
        });
        let back = back.join().unwrap_or(Err("the look at the parts".into()));
        if let Err(part) = back {
            let test = std::thread::current().name().map(str::to_owned);
            let lost = format!("{part} did not come back after {test:?}");
            *LOST.lock() = Some(lost.clone());
            assert!(std::thread::panicking(), "{lost}");
        }
    }
}

/// A part that is out, for as long as the test holds the parts alone at most. Dropping the value
/// brings the part back, so that a failing test does not leave it out.
pub struct Outage<'alone> {
    part: &'static str,
    end: &'static str,
    alone: PhantomData<&'alone Alone>,
}

impl Outage<'_> {
    /// Brings the part back on a blocking thread, so that the load goes on meanwhile.
    pub async fn end(self) {
        if local_stack_aside(self.end, self.part).await {
            std::mem::forget(self);
        }
    }
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        let ended = local_stack(self.end, self.part);
        assert!(
            ended || std::thread::panicking(),
            "{} could not be brought back",
            self.part
        );
    }
}

fn local_stack(command: &str, part: &str) -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/local-stack.sh");
    Command::new(script)
        .args([command, part])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

async fn local_stack_aside(command: &'static str, part: &'static str) -> bool {
    tokio::task::spawn_blocking(move || local_stack(command, part))
        .await
        .expect("no panic")
}

/// Brings back every part that does not answer, and waits until all of them do. The error is the
/// part that does not.
async fn bring_back() -> Result<(), String> {
    for part in PARTS {
        let began = Instant::now();
        while !answers(part).await {
            if began.elapsed() > BACK_WITHIN {
                return Err(part.into());
            }
            // Whichever it needs: each leaves a part as it is that does not need it.
            local_stack("resume", part);
            local_stack("start", part);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// Returns whether a part does its work.
async fn answers(part: &str) -> bool {
    let asked = async {
        match part {
            "postgres-primary" => holds("PG_PRIMARY_URL", "select true").await,
            "postgres-replica" => replica_follows().await,
            "kafka" => kafka_answers(),
            _ => mongo_answers().await.is_ok(),
        }
    };
    tokio::time::timeout(ANSWERS_WITHIN, asked)
        .await
        .unwrap_or(false)
}

/// Returns the truth of `sql` on a server, and false without an answer.
async fn holds(url: &str, sql: &str) -> bool {
    let Ok(server) = try_connect(&variable(url)).await else {
        return false;
    };
    let row = server.query_one(sql, &[]).await;
    row.and_then(|row| row.try_get(0)).unwrap_or(false)
}

/// Returns whether the replica receives and replays. Resumes a replay that a test has paused.
async fn replica_follows() -> bool {
    let sql = "select not pg_is_wal_replay_paused() \
               and exists (select from pg_stat_wal_receiver where status = 'streaming')";
    if holds("PG_REPLICA_URL", sql).await {
        return true;
    }
    if let Ok(replica) = try_connect(&variable("PG_REPLICA_URL")).await {
        let _ = replica.execute("select pg_wal_replay_resume()", &[]).await;
    }
    false
}

/// Returns whether a broker is there that takes part: one whose session ended while it hung is not
/// listed until it has registered again.
fn kafka_answers() -> bool {
    let consumer: Result<BaseConsumer, _> = secure::kafka().create();
    consumer
        .and_then(|consumer| consumer.fetch_metadata(None, ANSWERS_WITHIN))
        .is_ok_and(|metadata| !metadata.brokers().is_empty())
}

async fn mongo_answers() -> mongodb::error::Result<()> {
    let mut options = ClientOptions::parse(variable("MONGO_ADMIN_URL")).await?;
    options.server_selection_timeout = Some(ANSWERS_WITHIN);
    let client = mongodb::Client::with_options(options)?;
    let admin = client.database("admin");
    admin.run_command(doc! { "ping": 1 }).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_kept_from_other_tests_while_one_holds_them_alone() {
    {
        let alone = alone().await;
        assert!(LOCK.try_read().is_err(), "another test shares the parts");
        let world = alone.world().await;
        drop(alone);
        assert!(LOCK.try_read().is_err(), "the test's world is still there");
        world.end().await;
    }
    let world = World::new().await;
    assert!(LOCK.try_write().is_err(), "another test stops a part");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "this test holds the parts already")]
async fn test_that_shares_the_parts_fails_when_it_asks_for_them_alone() {
    let _shared = Hold::shared().await;
    alone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "this test holds the parts already")]
async fn test_that_holds_the_parts_alone_fails_when_it_asks_to_share_them() {
    let _alone = alone().await;
    World::new().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_answer_again_after_a_test_that_panics_in_an_outage() {
    let failing = std::thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let alone = alone().await;
            // Not even the drop of an outage brings these back.
            std::mem::forget(alone.strike(Fault::Kill, "mongo").await);
            std::mem::forget(alone.strike(Fault::Pause, "kafka").await);
            assert!(!answers("mongo").await && !answers("kafka").await);
            panic!("a test that fails");
        });
    });
    assert!(failing.join().is_err());
    World::new().await.end().await;
}
