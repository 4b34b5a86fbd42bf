//! The cache of an instance: `cache::tenants`.
//!
//! The cache stands between the instance's own commits, events that others publish, the safety
//! read, loads from a replica that is behind, and evictions, each a step of its own. Readers carry
//! the tags that they get from one instance to another.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use traffic_manager_core::{
    cache::{
        revisions::Revisions,
        tenants::{Seen, Tenants},
    },
    event::Recorded,
    ids::TenantName,
    snapshot::{TenantContent, TenantSnapshot},
    tag::VersionTag,
};

use crate::{
    broker::PARTITIONS,
    world::{Event, Process, World},
    writer::Lane,
};

/// The most attempts at a load that changes keep overtaking.
const LOADS: u32 = 5;
/// The lifetime of the cached absence of a tenant.
const NEGATIVE: Duration = Duration::from_millis(5);
/// The microseconds between two safety reads.
const REFRESH: u64 = 40_000;

/// A call to the cache. The calls come in the same order as in the product.
#[derive(Debug)]
pub enum CacheCall {
    Observe(TenantName, VersionTag),
    Begin(TenantName, VersionTag),
    Advance(TenantName, Vec<Recorded>),
    Forget(TenantName),
    End(TenantName),
}

/// The state of a safety read: the cache's view of each tenant before it, then also the primary's
/// tag.
#[derive(Debug)]
pub enum Tags {
    Before(Vec<(TenantName, Seen)>),
    Read(Vec<(TenantName, Seen, Option<VersionTag>)>),
}

/// A reader's request under way.
#[derive(Debug, Clone)]
pub struct Asking {
    reader: usize,
    asked: u64,
    tenant: TenantName,
    /// The tag that the reader has.
    minimum: Option<VersionTag>,
    /// The newest place that the instance had answered or committed before the request.
    floor: u64,
    /// The instance's own query to the primary, with its result once there is one.
    primary: Option<(Seen, Option<Option<VersionTag>>)>,
}

/// The answer of an instance.
#[derive(Debug, Clone)]
pub enum Answer {
    Held(Arc<TenantSnapshot>),
    Absent,
    Unavailable,
}

/// A reader that polls, with the tags that it has seen.
#[derive(Debug, Default)]
pub struct Reader {
    asked: u64,
    seen: HashMap<TenantName, VersionTag>,
}

struct Load {
    tenant: TenantName,
    attempts: u32,
    stage: Stage,
    waiters: Vec<Asking>,
}

enum Stage {
    Beginning,
    Reading(Seen),
    Settling(Seen, Option<Arc<TenantContent>>),
    Ending,
    /// The answer is decided, and the waiters are about to get it.
    CallingCache(Answer),
}

/// The state of one API.
pub struct Instance {
    pub is_up: bool,
    pub lane: Lane,
    tenants: Tenants,
    loading: HashMap<TenantName, u64>,
    loads: BTreeMap<u64, Load>,
    made: u64,
    cursors: [usize; PARTITIONS],
    revisions: Revisions,
    /// The newest place that was answered or committed here, by tenant.
    floors: HashMap<TenantName, u64>,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            is_up: false,
            lane: Lane::default(),
            tenants: Tenants::new(1 << 30),
            loading: HashMap::new(),
            loads: BTreeMap::new(),
            made: 0,
            cursors: [0; PARTITIONS],
            revisions: Revisions::default(),
            floors: HashMap::new(),
        }
    }
}

impl Instance {
    /// Records that something as new as `place` was answered or committed here.
    pub fn raise_floor(&mut self, tenant: &TenantName, place: u64) {
        let floor = self.floors.entry(tenant.clone()).or_default();
        *floor = (*floor).max(place);
    }
}

impl World {
    /// Starts an API with an empty cache.
    pub fn start_api(&mut self, at: usize) {
        let me = Process::Api(at);
        self.instances[at] = Instance {
            is_up: true,
            ..Instance::default()
        };
        for partition in 0..PARTITIONS {
            self.instances[at].cursors[partition] = self.broker.logs[partition].len();
            self.own(me, Event::Follow(at, partition));
        }
        self.own(me, Event::Refresh(at, None));
        self.own(me, Event::Evict(at));
    }

    /// Kills an API, with everything that it held.
    pub fn kill_api(&mut self, at: usize) {
        self.kill_lane(at);
        self.instances[at] = Instance::default();
    }

    /// Makes a call to the cache.
    pub fn call_cache(&mut self, at: usize, call: CacheCall) {
        let now = self.instant();
        let tenants = &self.instances[at].tenants;
        match call {
            CacheCall::Observe(tenant, tag) => tenants.observe(&tenant, &tag, now),
            CacheCall::Begin(tenant, tag) => tenants.begin(&tenant, &tag),
            CacheCall::Advance(tenant, events) => {
                tenants.advance(&tenant, &events.iter().collect::<Vec<_>>());
            }
            CacheCall::Forget(tenant) => tenants.forget(&tenant, now),
            CacheCall::End(tenant) => tenants.end(&tenant),
        }
    }

    /// Lets the follower read on, or lose the records that were published while it was away.
    pub fn follow(&mut self, at: usize, partition: usize) {
        let me = Process::Api(at);
        let mut wait = self.delay();
        if self.chance(60) {
            self.meet("follower lost its place");
            self.instances[at].cursors[partition] = self.broker.logs[partition].len();
        }
        let instance = &mut self.instances[at];
        if let Some(entry) = self.broker.logs[partition].get(instance.cursors[partition]) {
            instance.cursors[partition] += 1;
            if let Some(whole) = instance.revisions.add(entry.recorded.clone())
                && let Some(last) = whole.last()
            {
                let (tenant, tag) = (last.event.body.tenant.clone(), last.event.tag());
                self.call_cache(at, CacheCall::Observe(tenant.clone(), tag));
                self.own_after(
                    me,
                    wait,
                    Event::CallCache(at, CacheCall::Advance(tenant, whole)),
                );
                wait += self.delay();
            }
        } else {
            wait += 8_000;
        }
        self.own_after(me, wait, Event::Follow(at, partition));
    }

    /// Does a step of the safety read.
    pub fn refresh(&mut self, at: usize, tags: Option<Tags>) {
        let me = Process::Api(at);
        match tags {
            None => {
                let tenants = &self.instances[at].tenants;
                let mut resident = tenants.resident();
                resident.sort();
                let before = resident
                    .into_iter()
                    .map(|tenant| (tenant.clone(), tenants.seen(&tenant)))
                    .collect();
                self.own(me, Event::Refresh(at, Some(Tags::Before(before))));
            }
            Some(Tags::Before(before)) => {
                let read = before.into_iter().map(|(tenant, seen)| {
                    let tag = self.database.tag(&tenant);
                    (tenant, seen, tag)
                });
                let read = read.collect();
                self.own(me, Event::Refresh(at, Some(Tags::Read(read))));
            }
            Some(Tags::Read(read)) => {
                for (tenant, seen, tag) in read {
                    self.refreshed(at, tenant, &seen, tag);
                }
                self.own_after(me, REFRESH, Event::Refresh(at, None));
            }
        }
    }

    fn refreshed(&mut self, at: usize, tenant: TenantName, before: &Seen, tag: Option<VersionTag>) {
        let now = self.instant();
        let tenants = &self.instances[at].tenants;
        match tag {
            None => {
                if tenants.settle_absent(&tenant, before, now, NEGATIVE, || {}) {
                    self.own(
                        Process::Api(at),
                        Event::CallCache(at, CacheCall::End(tenant)),
                    );
                }
            }
            Some(newest)
                if tenants
                    .get(tenant.as_str())
                    .is_some_and(|held| held.tag().covers(&newest)) => {}
            Some(newest) => {
                tenants.observe_read(&tenant, &newest, before);
                self.join_load(at, &tenant, None);
            }
        }
    }

    /// Evicts a snapshot.
    pub fn evict(&mut self, at: usize) {
        let tenant = self.tenant();
        self.call_cache(at, CacheCall::End(tenant));
        let wait = self.delay() * 10;
        self.own_after(Process::Api(at), wait, Event::Evict(at));
    }

    /// Sends a reader's request to an instance, mostly with the reader's tag.
    pub fn reader(&mut self, reader: usize) {
        let wait = self.delay() * 4;
        self.after(wait, Event::Reader(reader));
        let (at, tenant) = (self.rng.usize(0..self.instances.len()), self.tenant());
        if !self.instances[at].is_up {
            return;
        }
        let has_tag = self.rng.u8(0..4) > 0;
        let me = &mut self.readers[reader];
        me.asked += 1;
        let (asked, minimum) = (me.asked, me.seen.get(&tenant).filter(|_| has_tag).cloned());
        let floor = self.instances[at].floors.get(&tenant).copied().unwrap_or(0);
        self.ask(
            at,
            Asking {
                reader,
                asked,
                tenant,
                minimum,
                floor,
                primary: None,
            },
        );
    }

    fn ask(&mut self, at: usize, mut asking: Asking) {
        let now = self.instant();
        let tenants = &self.instances[at].tenants;
        let held = tenants.get(asking.tenant.as_str());
        match (&asking.minimum, held) {
            (None, Some(held)) => self.answer(&asking, at, Answer::Held(held)),
            (Some(minimum), Some(held)) if held.tag().covers(minimum) => {
                self.answer(&asking, at, Answer::Held(held))
            }
            (None, None) if tenants.is_absent(&asking.tenant, now) => {
                self.answer(&asking, at, Answer::Absent)
            }
            (None, None) => self.join_load(at, &asking.tenant.clone(), Some(asking)),
            (Some(_), _) => {
                asking.primary = Some((tenants.seen(&asking.tenant), None));
                self.own(Process::Api(at), Event::CatchUp(at, asking));
            }
        }
    }

    /// Asks the primary for the tenant's tag, and then acts on the result.
    pub fn catch_up(&mut self, at: usize, mut asking: Asking) {
        let now = self.instant();
        let tenants = &self.instances[at].tenants;
        let Some((before, read)) = asking.primary.take() else {
            // The tenant is gone, so its snapshot is dropped now.
            tenants.end(&asking.tenant);
            return self.answer(&asking, at, Answer::Absent);
        };
        match read {
            None => {
                let tag = self.database.tag(&asking.tenant);
                asking.primary = Some((before, Some(tag)));
                self.own(Process::Api(at), Event::CatchUp(at, asking));
            }
            Some(None) if tenants.settle_absent(&asking.tenant, &before, now, NEGATIVE, || {}) => {
                self.own(Process::Api(at), Event::CatchUp(at, asking));
            }
            Some(None) => self.join_load(at, &asking.tenant.clone(), Some(asking)),
            Some(Some(newest)) => {
                tenants.observe_read(&asking.tenant, &newest, &before);
                match tenants.get(asking.tenant.as_str()) {
                    Some(held) if held.tag().covers(&newest) => {
                        self.loaded(at, asking, Answer::Held(held))
                    }
                    _ => self.join_load(at, &asking.tenant.clone(), Some(asking)),
                }
            }
        }
    }

    /// Starts a load of a tenant, or joins the load that is under way.
    fn join_load(&mut self, at: usize, tenant: &TenantName, asking: Option<Asking>) {
        let instance = &mut self.instances[at];
        if let Some(load) = instance
            .loading
            .get(tenant)
            .and_then(|id| instance.loads.get_mut(id))
        {
            load.waiters.extend(asking);
            return self.meet("load shared");
        }
        instance.made += 1;
        let id = instance.made;
        let waiters = asking.into_iter().collect();
        instance.loads.insert(
            id,
            Load {
                tenant: tenant.clone(),
                attempts: 0,
                stage: Stage::Beginning,
                waiters,
            },
        );
        instance.loading.insert(tenant.clone(), id);
        self.own(Process::Api(at), Event::Load(at, id));
    }

    /// Does a load's next step.
    pub fn load(&mut self, at: usize, id: u64) {
        let now = self.instant();
        let prefers_replica = self.rng.u8(0..4) > 0;
        let Instance {
            tenants,
            loading,
            loads,
            ..
        } = &mut self.instances[at];
        let Some(mut load) = loads.remove(&id) else {
            return;
        };
        let tenant = load.tenant.clone();
        let decided = || {
            loading.remove(&tenant);
        };
        let next = match load.stage {
            Stage::Beginning => Some(Stage::Reading(tenants.seen(&tenant))),
            Stage::Reading(before) => {
                // A replica that does not know the tenant may only be behind.
                let replica = self
                    .database
                    .content(&tenant, true)
                    .filter(|_| prefers_replica);
                let accepted = replica.filter(|content| before.accepts(&content.tag));
                let content = accepted.or_else(|| self.database.content(&tenant, false));
                Some(Stage::Settling(before, content))
            }
            Stage::Settling(before, None) => tenants
                .settle_absent(&tenant, &before, now, NEGATIVE, decided)
                .then_some(Stage::Ending),
            Stage::Settling(before, Some(content)) => {
                let loaded = TenantSnapshot::new(tenant.clone(), (*content).clone())
                    .expect("what is stored is a snapshot");
                let settled = tenants.settle(&tenant, &Arc::new(loaded), &before, decided);
                settled.map(|settled| Stage::CallingCache(Answer::Held(settled)))
            }
            Stage::Ending => {
                tenants.end(&tenant);
                Some(Stage::CallingCache(Answer::Absent))
            }
            Stage::CallingCache(answer) => {
                // Waiters that have joined by now get the answer too, if the load is still listed.
                loading.retain(|_, listed| *listed != id);
                for asking in load.waiters {
                    self.own(Process::Api(at), Event::Loaded(at, asking, answer.clone()));
                }
                return;
            }
        };
        load.attempts += u32::from(next.is_none());
        load.stage = match next {
            Some(next) => next,
            None if load.attempts == LOADS => Stage::CallingCache(Answer::Unavailable),
            None => Stage::Beginning,
        };
        if matches!(load.stage, Stage::Beginning) {
            self.ran.meet("load overtaken");
        }
        self.instances[at].loads.insert(id, load);
        self.own(Process::Api(at), Event::Load(at, id));
    }

    /// Delivers a load's result to a waiter.
    pub fn loaded(&mut self, at: usize, mut asking: Asking, answer: Answer) {
        let is_behind = match (&answer, &asking.minimum) {
            (Answer::Held(held), Some(minimum)) if !held.tag().covers(minimum) => {
                Some(held.tag().epoch != minimum.epoch)
            }
            _ => None,
        };
        match is_behind {
            None => self.answer(&asking, at, answer),
            // The tenant has another epoch by now, so any revision of that will do.
            Some(true) => {
                asking.minimum = None;
                asking.primary = None;
                self.ask(at, asking);
            }
            Some(false) => self.meet("minimum not reached"),
        }
    }

    fn answer(&mut self, asking: &Asking, at: usize, answer: Answer) {
        let Asking {
            reader,
            asked,
            tenant,
            minimum,
            floor,
            ..
        } = asking;
        let Some(past) = self.database.past.get(tenant) else {
            return self.must(
                matches!(answer, Answer::Absent | Answer::Unavailable),
                || format!("{tenant} was invented"),
            );
        };
        let least = minimum
            .as_ref()
            .and_then(|minimum| past.places.get(minimum))
            .copied()
            .unwrap_or(0)
            .max(*floor);
        let is_current = self.readers[*reader].asked == *asked;
        match answer {
            Answer::Unavailable => self.meet("unavailable"),
            Answer::Absent => {
                let is_true = past.absent_until.is_none_or(|until| until > least);
                self.must(is_true, || {
                    format!("{tenant} was said not to exist, and has existed since the last answer")
                });
                if is_current {
                    self.readers[*reader].seen.remove(tenant);
                }
            }
            Answer::Held(snapshot) => {
                let tag = snapshot.tag();
                let place = past.places.get(tag).copied();
                let is_whole = past
                    .states
                    .iter()
                    .filter_map(|(_, content)| content.as_ref())
                    .find(|content| content.tag == *tag);
                let agrees =
                    is_whole.is_none_or(|content| content.routes == snapshot.content().routes);
                let text = || {
                    format!(
                        "instance {at} answered {tenant} {tag} at place {place:?}, after something at {least}"
                    )
                };
                if place.is_none() || place < Some(least) {
                    return self.broken(text);
                }
                self.must(agrees, || {
                    format!("instance {at} answered {tenant} {tag} with other routes than that has")
                });
                self.instances[at].raise_floor(tenant, place.unwrap_or(0));
                if is_current {
                    self.readers[*reader]
                        .seen
                        .insert(tenant.clone(), tag.clone());
                }
            }
        }
    }
}
