//! The world of one seed: a clock that stands still between events, a queue of events, and all
//! clients and processes.
//!
//! There is one thread, one random stream and no clock but the world's own, so the same seed makes
//! the same history, step by step.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
    time::{Duration, Instant},
};

use traffic_manager_core::ids::TenantName;

use crate::{
    broker::{Broker, PARTITIONS},
    cache::{CacheCall, Instance, Reader},
    consumer::Member,
    database::Database,
    relay::{Leader, Sending},
    store::Collection,
    writer::{Arrived, Client, Heard},
};

/// The time in microseconds at which faults end at the latest. All work that is left then must come
/// to rest.
const FAULTS_UNTIL: u64 = 4_000_000;
/// The most steps: a world that has not come to rest by then never will.
const STEPS: u64 = 60_000;

/// A process that can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// An API: writer, cache, follower.
    Api(usize),
    /// A relay, by its index.
    Relay(usize),
    /// A member of the audit's group.
    Member(usize),
}

/// A process and its incarnation.
type Owner = (Process, u32);

/// An event of the queue.
#[derive(Debug)]
pub enum Event {
    /// A client sends its next request, or the last one again.
    Client(usize),
    /// A request arrives.
    Arrive(usize, Box<Arrived>),
    /// An answer arrives.
    Answer(usize, u32, Heard),
    /// A client has waited long enough.
    GiveUp(usize, u32),
    /// The writer's next step.
    Lane(usize),
    /// A transaction whose client is gone ends.
    Abort(u64),
    /// A commit or a published event reaches the cache, step by step.
    CallCache(usize, CacheCall),
    /// The follower reads on.
    Follow(usize, usize),
    /// The safety read.
    Refresh(usize, Option<crate::cache::Tags>),
    /// A snapshot is evicted.
    Evict(usize),
    /// A reader asks.
    Reader(usize),
    /// The primary has been asked for a tag.
    CatchUp(usize, crate::cache::Asking),
    /// A load's next step.
    Load(usize, u64),
    /// A load's result reaches a waiter.
    Loaded(usize, crate::cache::Asking, crate::cache::Answer),
    /// The replica replays.
    Replay,
    /// A relay's next step.
    Relay(usize),
    /// A record that was in flight when its producer gave up reaches the broker.
    Late(Sending),
    /// A member polls.
    Poll(usize),
    /// A member's batch goes on.
    Handle(usize),
    /// A member commits its stored offsets.
    Commit(usize),
    /// The group no longer waits for members that have not joined.
    Assign(u64),
    /// The group has not heard from a member for too long.
    Evicted(u64),
    /// A process starts again.
    Start(Process),
}

/// The state of the whole simulation.
pub struct World {
    /// Microseconds since the beginning.
    pub now: u64,
    steps: u64,
    queue: BTreeMap<(u64, u64), (Event, Option<Owner>)>,
    made: u64,
    lives: HashMap<&'static str, Vec<u32>>,
    /// The only source of randomness.
    pub rng: fastrand::Rng,
    /// False once everything is to come to rest.
    pub faults: bool,
    /// True with the producer's gapless guarantee. Without it records may fail in the middle.
    pub is_gapless: bool,
    pub database: Database,
    pub broker: Broker,
    pub archive: Collection,
    /// Dead letters, by the event's id.
    pub letters: BTreeMap<String, serde_json::Value>,
    pub clients: Vec<Client>,
    pub readers: Vec<Reader>,
    pub instances: Vec<Instance>,
    pub relays: Vec<Leader>,
    pub members: Vec<Member>,
    /// The situations met so far, and the digest of the steps.
    pub ran: Ran,
    fault: Option<String>,
}

/// True if each step is printed, to study a seed that fails.
static TRACES: LazyLock<bool> = LazyLock::new(|| std::env::var_os("TM_SIM_TRACE").is_some());

static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The result of a seed.
pub struct Ran {
    /// The number of times that each situation was met.
    pub met: BTreeMap<&'static str, u64>,
    /// A digest of every step, to compare two runs by.
    pub digest: u64,
}

impl Ran {
    /// Returns a result in which nothing has happened yet.
    pub fn new(seed: u64) -> Self {
        Self {
            met: BTreeMap::new(),
            digest: seed,
        }
    }

    /// Counts a situation that was met.
    pub fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// Adds a step and its time to the digest.
    pub fn step(&mut self, time: u64, what: u64) {
        self.digest = (self.digest ^ time).wrapping_mul(0x0100_0000_01b3) ^ (what << 7);
    }
}

/// Runs a seed to its end.
pub fn run(seed: u64) -> Result<Ran, String> {
    let mut world = World::new(seed);
    let ended = world
        .run_to_rest()
        .and_then(|()| crate::checks::at_rest(&world));
    let at = |fault| format!("after {} steps, at {} us: {fault}", world.steps, world.now);
    ended.map_err(at)?;
    Ok(world.ran)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let is_gapless = rng.u8(0..10) > 0;
        let mut world = Self {
            now: 0,
            steps: 0,
            queue: BTreeMap::new(),
            made: 0,
            lives: HashMap::from([
                ("api", vec![0; 2]),
                ("relay", vec![0; 2]),
                ("member", vec![0; 2]),
            ]),
            rng,
            faults: true,
            is_gapless,
            database: Database::default(),
            broker: Broker::default(),
            archive: Collection::default(),
            letters: BTreeMap::new(),
            clients: (0..3).map(|_| Client::default()).collect(),
            readers: (0..2).map(|_| Reader::default()).collect(),
            instances: (0..2).map(|_| Instance::default()).collect(),
            relays: (0..2).map(|_| Leader::default()).collect(),
            members: (0..2).map(|_| Member::default()).collect(),
            ran: Ran::new(seed),
            fault: None,
        };
        (0..3).for_each(|client| world.soon(Event::Client(client)));
        (0..2).for_each(|reader| world.soon(Event::Reader(reader)));
        for at in 0..2 {
            [Process::Api(at), Process::Relay(at), Process::Member(at)]
                .into_iter()
                .for_each(|process| world.start(process));
        }
        world.soon(Event::Replay);
        world
    }

    fn run_to_rest(&mut self) -> Result<(), String> {
        while let Some(((time, _), (event, owner))) = self.queue.pop_first() {
            self.now = time;
            self.steps += 1;
            if self.faults && (time > FAULTS_UNTIL || self.clients.iter().all(Client::is_done)) {
                self.faults = false;
            }
            if owner.is_some_and(|(process, life)| self.life(process) != life) {
                continue;
            }
            self.ran.step(time, event.number());
            if *TRACES {
                println!("{time:>9} {event:?}");
            }
            let process = owner.map(|(process, _)| process);
            // The process is killed before the step, or after it.
            let dies = process.filter(|_| self.chance(500));
            let before = dies.is_some() && self.rng.bool();
            if !before {
                self.happen(event);
            }
            if let Some(process) = dies {
                self.kill(process);
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if self.steps.is_multiple_of(16) && self.is_at_rest() {
                return Ok(());
            }
            if self.steps > STEPS {
                return Err("the world does not come to rest".to_owned());
            }
        }
        Err("nothing happens any more".to_owned())
    }

    fn is_at_rest(&self) -> bool {
        let is_archived = |partition: usize| {
            self.broker.committed[partition] == self.broker.logs[partition].len() as i64
        };
        !self.faults
            && self.clients.iter().all(Client::is_done)
            && self.database.outbox.is_empty()
            && !self.database.is_busy()
            && (0..PARTITIONS).all(is_archived)
            && !self
                .queue
                .values()
                .any(|(event, _)| matches!(event, Event::Late(_) | Event::Arrive(..)))
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Client(client) => self.client(client),
            Event::Arrive(instance, arrived) => self.arrive(instance, arrived),
            Event::Answer(client, attempt, heard) => self.answered(client, attempt, heard),
            Event::GiveUp(client, attempt) => self.give_up(client, attempt),
            Event::Lane(instance) => self.lane(instance),
            Event::Abort(tx) => self.database.roll_back(tx),
            Event::CallCache(instance, call) => self.call_cache(instance, call),
            Event::Follow(instance, partition) => self.follow(instance, partition),
            Event::Refresh(instance, tags) => self.refresh(instance, tags),
            Event::Evict(instance) => self.evict(instance),
            Event::Reader(reader) => self.reader(reader),
            Event::CatchUp(instance, asking) => self.catch_up(instance, asking),
            Event::Load(instance, load) => self.load(instance, load),
            Event::Loaded(instance, asking, answer) => self.loaded(instance, asking, answer),
            Event::Replay => self.replay(),
            Event::Relay(relay) => self.relay(relay),
            Event::Late(sending) => self.late(sending),
            Event::Poll(member) => self.poll(member),
            Event::Handle(member) => self.handle(member),
            Event::Commit(member) => self.commit_offsets(member),
            Event::Assign(assignment) => self.assign(assignment),
            Event::Evicted(id) => self.evicted(id),
            Event::Start(process) => self.start(process),
        }
    }

    fn replay(&mut self) {
        self.database.replay();
        // Now and then the replay stands still for a while.
        let pause = if self.chance(20) { 300_000 } else { 0 };
        let wait = pause + self.delay();
        self.at(wait, Event::Replay, None);
    }

    fn start(&mut self, process: Process) {
        match process {
            Process::Api(at) => self.start_api(at),
            Process::Relay(at) => self.own(process, Event::Relay(at)),
            Process::Member(at) => self.start_member(at),
        }
    }

    fn kill(&mut self, process: Process) {
        *self.life_mut(process) += 1;
        match process {
            Process::Api(at) => {
                self.meet("api killed");
                self.kill_api(at);
            }
            Process::Relay(at) => {
                self.meet("relay killed");
                self.kill_relay(at);
            }
            Process::Member(at) => {
                self.meet("consumer killed");
                self.kill_member(at);
            }
        }
        let wait = self.delay() * 5;
        self.at(wait, Event::Start(process), None);
    }

    fn life(&self, process: Process) -> u32 {
        let (kind, at) = process.place();
        self.lives[kind][at]
    }

    fn life_mut(&mut self, process: Process) -> &mut u32 {
        let (kind, at) = process.place();
        &mut self.lives.get_mut(kind).expect("every kind is there")[at]
    }

    fn at(&mut self, wait: u64, event: Event, owner: Option<Owner>) {
        self.made += 1;
        self.queue
            .insert((self.now + wait, self.made), (event, owner));
    }

    /// Queues an event that belongs to no process, after a random delay.
    pub fn soon(&mut self, event: Event) {
        let wait = self.delay();
        self.at(wait, event, None);
    }

    /// Queues an event that belongs to no process, after `wait` microseconds.
    pub fn after(&mut self, wait: u64, event: Event) {
        self.at(wait, event, None);
    }

    /// Queues a process's next step after a random delay. The step is dropped if the process is
    /// killed first.
    pub fn own(&mut self, process: Process, event: Event) {
        let wait = self.delay();
        self.own_after(process, wait, event);
    }

    /// Queues a process's next step after `wait` microseconds. The step is dropped if the process
    /// is killed first.
    pub fn own_after(&mut self, process: Process, wait: u64, event: Event) {
        let life = self.life(process);
        self.at(wait, event, Some((process, life)));
    }

    /// Returns a random delay in microseconds: mostly short, sometimes long.
    pub fn delay(&mut self) -> u64 {
        match self.rng.u8(0..100) {
            0..75 => self.rng.u64(100..2_000),
            75..96 => self.rng.u64(2_000..20_000),
            _ if self.faults => self.rng.u64(20_000..400_000),
            _ => 20_000,
        }
    }

    /// Returns true once in `n` times, while there are faults.
    pub fn chance(&mut self, n: u32) -> bool {
        self.faults && self.rng.u32(0..n) == 0
    }

    /// Counts a situation that was met.
    pub fn meet(&mut self, what: &'static str) {
        self.ran.meet(what);
    }

    /// Records a condition that does not hold. The first one is kept.
    pub fn broken(&mut self, what: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(what);
    }

    /// Records a fault unless `holds` is true.
    pub fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken(what);
        }
    }

    /// Returns the current time as the product's type. No two steps have the same time.
    pub fn instant(&self) -> Instant {
        *BASE + Duration::from_nanos(self.now * 1000 + self.steps % 1000)
    }

    /// Returns a random tenant.
    pub fn tenant(&mut self) -> TenantName {
        let names = ["t0", "t1", "t2"];
        names[self.rng.usize(0..names.len())]
            .parse()
            .expect("a name")
    }
}

impl Process {
    fn place(self) -> (&'static str, usize) {
        match self {
            Self::Api(at) => ("api", at),
            Self::Relay(at) => ("relay", at),
            Self::Member(at) => ("member", at),
        }
    }
}

impl Event {
    /// Returns one number for the event's sort and its owner's index.
    fn number(&self) -> u64 {
        let (sort, at) = match self {
            Self::Client(at) => (0, *at),
            Self::Arrive(at, _) => (1, *at),
            Self::Answer(at, ..) => (2, *at),
            Self::GiveUp(at, _) => (3, *at),
            Self::Lane(at) => (4, *at),
            Self::Abort(_) => (5, 0),
            Self::CallCache(at, _) => (6, *at),
            Self::Follow(at, _) => (7, *at),
            Self::Refresh(at, _) => (8, *at),
            Self::Evict(at) => (9, *at),
            Self::Reader(at) => (10, *at),
            Self::CatchUp(at, _) => (11, *at),
            Self::Load(at, _) => (12, *at),
            Self::Loaded(at, ..) => (13, *at),
            Self::Replay => (14, 0),
            Self::Relay(at) => (15, *at),
            Self::Late(_) => (16, 0),
            Self::Poll(at) => (17, *at),
            Self::Handle(at) => (18, *at),
            Self::Commit(at) => (19, *at),
            Self::Assign(_) => (20, 0),
            Self::Evicted(_) => (21, 0),
            Self::Start(_) => (22, 0),
        };
        sort * 8 + at as u64
    }
}
