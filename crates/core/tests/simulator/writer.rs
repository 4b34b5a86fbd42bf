//! The writer: `write::batch` between clients that try again and a database that commits, does
//! not commit, or does not say.

use std::collections::VecDeque;

use jiff::Timestamp;
use traffic_manager_core::{
    command::{
        Apply, Command, CommandContext, Desired, IfMatch, Op, Outcome, Precondition, Rejection,
    },
    event::Actor,
    ids::RouteName,
    route::{Labels, RoutePatch, RouteSpec},
    tag::Epoch,
    tenant::Quotas,
    write::{
        batch::{self, Committed, Reply, Request},
        rows::{IdempotencyKey, Locked},
    },
};
use uuid::Uuid;

use crate::{
    cache::CacheCall,
    database::Refused,
    world::{Event, Process, World},
};

/// The number of changes that each client makes.
const CHANGES: u32 = 6;
/// The most requests in a group.
const GROUP: usize = 3;
/// The microseconds that a client waits for an answer.
const PATIENCE: u64 = 200_000;
const ACTOR: &str = "simulator";

/// An answer that a client gets.
#[derive(Debug, Clone)]
pub enum Heard {
    /// The request is done, or refused.
    Answer(Result<Reply, Rejection>),
    /// The outcome of the request is unknown.
    Unknown,
}

/// A request at an API.
#[derive(Debug, Clone)]
pub struct Arrived {
    client: usize,
    attempt: u32,
    request: Request,
}

/// A client that makes changes one after the other, and never gives up.
#[derive(Debug, Default)]
pub struct Client {
    made: u32,
    attempts: u32,
    /// The request that waits for an answer, and how often it was sent.
    waits: Option<(Request, u32)>,
    /// The answers by key: the outcome, or the rejection of a request that was sent only once.
    pub answers: Vec<(IdempotencyKey, Result<Outcome, Rejection>)>,
}

impl Client {
    /// Returns true if the client has made all its changes and waits for no answer.
    pub fn is_done(&self) -> bool {
        self.made == CHANGES && self.waits.is_none()
    }
}

/// The lane of one writer.
#[derive(Debug, Default)]
pub struct Lane {
    waiting: VecDeque<Arrived>,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Locking(Vec<Arrived>),
    Deciding(Vec<Arrived>, u64, Box<Locked>),
    /// Another transaction is creating the same tenant: the group is rolled back and tried again.
    Writing(Vec<Arrived>, u64),
    Committing(Vec<Arrived>, u64, Box<Committed>),
    /// The calls to the cache, then the answers to the clients.
    CallingCache(Vec<Arrived>, Box<Committed>, VecDeque<CacheCall>),
}

impl Lane {
    fn tx(&self) -> Option<u64> {
        match &self.stage {
            Stage::Deciding(_, tx, _) | Stage::Writing(_, tx) | Stage::Committing(_, tx, _) => {
                Some(*tx)
            }
            Stage::Idle | Stage::Locking(_) | Stage::CallingCache(..) => None,
        }
    }
}

impl World {
    /// Sends a client's next request, or its last one again.
    pub fn client(&mut self, at: usize) {
        if self.clients[at].waits.is_none() {
            if self.clients[at].made == CHANGES {
                return;
            }
            let request = self.request(at);
            let client = &mut self.clients[at];
            client.made += 1;
            client.waits = Some((request, 0));
        }
        self.clients[at].attempts += 1;
        let attempt = self.clients[at].attempts;
        let now = self.now;
        let (skew, to) = (
            self.rng.u64(0..2_000_000),
            self.rng.usize(0..self.instances.len()),
        );
        let (id, epoch) = (self.rng.u128(..), self.rng.u64(..));
        let Some((request, sent)) = &mut self.clients[at].waits else {
            return;
        };
        *sent += 1;
        // Each attempt is a request of its own, decided at another instance with another clock.
        request.context.event_id = Uuid::from_u128(id);
        request.context.new_epoch = Epoch::from_random(epoch.to_be_bytes());
        let time = 1_795_000_000_000_000 + now + skew;
        request.context.now = Timestamp::from_microsecond(time as i64)
            .expect("a time")
            .into();
        let arrived = Arrived {
            client: at,
            attempt,
            request: request.clone(),
        };
        if self.chance(30) {
            self.meet("request lost");
        } else {
            self.soon(Event::Arrive(to, Box::new(arrived.clone())));
        }
        if self.chance(40) {
            self.meet("request doubled");
            let other = self.rng.usize(0..self.instances.len());
            if let Some((_, sent)) = &mut self.clients[at].waits {
                *sent += 1;
            }
            self.soon(Event::Arrive(other, Box::new(arrived)));
        }
        self.after(PATIENCE, Event::GiveUp(at, attempt));
    }

    fn request(&mut self, at: usize) -> Request {
        let tenant = self.tenant();
        let op = self.op();
        let precondition = match self.rng.u8(0..12) {
            0 => Precondition {
                if_match: Some(IfMatch::Any),
                must_not_exist: false,
            },
            1 => Precondition {
                if_match: None,
                must_not_exist: true,
            },
            2 => {
                let tags = self.database.tag(&tenant).into_iter().collect();
                Precondition {
                    if_match: Some(IfMatch::Tags(tags)),
                    must_not_exist: false,
                }
            }
            _ => Precondition::default(),
        };
        let key = format!("c{at}-{}", self.clients[at].made);
        let context = CommandContext {
            event_id: Uuid::nil(),
            new_epoch: Epoch::from_random([0; 8]),
            now: Timestamp::UNIX_EPOCH.into(),
            actor: Actor {
                kind: "simulator".into(),
                id: ACTOR.into(),
                token: None,
            },
            may_create_tenant: true,
            reason: None,
            request_id: key.clone(),
            trace_id: None,
            source_ip: None,
            body_bytes: 0,
            resource_scope: Default::default(),
        };
        let command = Command {
            tenant,
            op,
            precondition,
            confirm_in_use: false,
        };
        Request {
            command,
            context,
            idempotency_key: Some(key),
            traceparent: None,
        }
    }

    fn op(&mut self) -> Op {
        match self.rng.u8(0..20) {
            0..9 => Op::Upsert {
                route: self.route(),
                spec: self.spec(),
            },
            9..11 => Op::SetActive {
                route: self.route(),
                is_active: self.rng.bool(),
            },
            11 => {
                let patch = RoutePatch {
                    url: Some(self.spec().url),
                    ..RoutePatch::default()
                };
                Op::Patch {
                    route: self.route(),
                    patch,
                }
            }
            12..14 => Op::Delete {
                route: self.route(),
            },
            14..17 => {
                let routes: std::collections::BTreeSet<_> = (0..3).map(|_| self.route()).collect();
                let changes = routes
                    .into_iter()
                    .map(|name| Desired::Route {
                        name,
                        spec: Some(self.spec()),
                    })
                    .collect();
                Op::Apply(Box::new(Apply {
                    changes,
                    base: None,
                    hash: String::new(),
                    confirmed: None,
                }))
            }
            17 => Op::CreateTenant {
                quotas: Quotas::default(),
                allowed_hosts: Vec::new(),
            },
            _ => Op::DeleteTenant {
                with_everything: true,
            },
        }
    }

    fn route(&mut self) -> RouteName {
        let version = ["v1", "v2", "v3"][self.rng.usize(0..3)];
        let name = |text: &str| text.to_owned();
        RouteName {
            service: name("s").try_into().expect("a name"),
            env: name("e").try_into().expect("a name"),
            version: name(version).try_into().expect("a name"),
        }
    }

    fn spec(&mut self) -> RouteSpec {
        let url = format!("http://h{}", self.rng.u8(..))
            .parse()
            .expect("a URL");
        RouteSpec {
            url,
            is_active: self.rng.u8(0..4) > 0,
            labels: Labels::default(),
            description: None,
        }
    }

    /// Delivers a request to an API, which may be down.
    pub fn arrive(&mut self, at: usize, arrived: Box<Arrived>) {
        if !self.instances[at].is_up {
            return;
        }
        self.instances[at].lane.waiting.push_back(*arrived);
        if matches!(self.instances[at].lane.stage, Stage::Idle) {
            self.next_group(at);
        }
    }

    fn next_group(&mut self, at: usize) {
        let lane = &mut self.instances[at].lane;
        let group: Vec<_> = lane
            .waiting
            .drain(..lane.waiting.len().min(GROUP))
            .collect();
        if group.len() > 1 {
            self.meet("group of several");
        }
        if group.is_empty() {
            self.instances[at].lane.stage = Stage::Idle;
        } else {
            self.instances[at].lane.stage = Stage::Locking(group);
            self.own(Process::Api(at), Event::Lane(at));
        }
    }

    /// Does the writer's next step.
    pub fn lane(&mut self, at: usize) {
        let stage = match std::mem::take(&mut self.instances[at].lane.stage) {
            Stage::Idle => return,
            Stage::Locking(group) => self.lock(group),
            Stage::Deciding(group, tx, locked) => self.decide(group, tx, *locked),
            Stage::Writing(group, tx) => self.again(group, tx),
            Stage::Committing(group, tx, committed) => match self.commit(group, tx, committed) {
                Some(stage) => stage,
                None => return self.next_group(at),
            },
            Stage::CallingCache(group, committed, mut script) => match script.pop_front() {
                Some(call) => {
                    self.call_cache(at, call);
                    Stage::CallingCache(group, committed, script)
                }
                None => {
                    self.reply(at, group, *committed);
                    return self.next_group(at);
                }
            },
        };
        self.instances[at].lane.stage = stage;
        self.own(Process::Api(at), Event::Lane(at));
    }

    fn lock(&mut self, group: Vec<Arrived>) -> Stage {
        let requests = requests(&group);
        match self.database.begin(&batch::wanted(&requests)) {
            Some((tx, locked)) => Stage::Deciding(group, tx, Box::new(locked)),
            None => Stage::Locking(group),
        }
    }

    fn decide(&mut self, group: Vec<Arrived>, tx: u64, locked: Locked) -> Stage {
        let plan = batch::plan(&requests(&group), locked, Quotas::default())
            .expect("no event is too odd for JSON");
        let (rows, committed) = plan.split();
        match self.database.write(tx, rows) {
            Ok(()) => Stage::Committing(group, tx, Box::new(committed)),
            Err(Refused::Waits) => Stage::Writing(group, tx),
            Err(Refused::LostRace) => {
                self.meet("race for a tenant lost");
                self.again(group, tx)
            }
        }
    }

    fn again(&mut self, group: Vec<Arrived>, tx: u64) -> Stage {
        self.database.roll_back(tx);
        Stage::Locking(group)
    }

    /// Commits, and returns the next stage; `None` if the outcome of the commit is unknown.
    fn commit(&mut self, group: Vec<Arrived>, tx: u64, committed: Box<Committed>) -> Option<Stage> {
        if self.chance(25) {
            self.meet("commit unknown");
            if self.rng.bool() {
                self.database.commit(tx);
            } else {
                self.database.roll_back(tx);
            }
            for Arrived {
                client, attempt, ..
            } in group
            {
                self.soon(Event::Answer(client, attempt, Heard::Unknown));
            }
            return None;
        }
        self.database.commit(tx);
        let mut script = VecDeque::new();
        for (tenant, tag) in &committed.new_tenants {
            script.extend([
                CacheCall::Observe(tenant.clone(), tag.clone()),
                CacheCall::Begin(tenant.clone(), tag.clone()),
            ]);
        }
        for (tenant, events) in committed.by_tenant() {
            let events: Vec<_> = events.into_iter().cloned().collect();
            script.extend(
                events
                    .last()
                    .map(|last| CacheCall::Observe(tenant.clone(), last.event.tag())),
            );
            script.push_back(CacheCall::Advance(tenant.clone(), events));
        }
        for tenant in &committed.deleted_tenants {
            script.extend([
                CacheCall::Forget(tenant.clone()),
                CacheCall::End(tenant.clone()),
            ]);
        }
        Some(Stage::CallingCache(group, committed, script))
    }

    fn reply(&mut self, at: usize, group: Vec<Arrived>, committed: Committed) {
        for recorded in &committed.events {
            let place = self
                .database
                .past
                .get(&recorded.event.body.tenant)
                .and_then(|past| past.places.get(&recorded.event.tag()));
            let place = place.copied().unwrap_or(0);
            self.instances[at].raise_floor(&recorded.event.body.tenant, place);
        }
        for (
            Arrived {
                client, attempt, ..
            },
            reply,
        ) in group.into_iter().zip(committed.replies)
        {
            if self.chance(40) {
                self.meet("answer lost");
                continue;
            }
            self.soon(Event::Answer(client, attempt, Heard::Answer(reply)));
        }
    }

    /// Delivers an answer, perhaps to a request that the client has given up.
    pub fn answered(&mut self, at: usize, attempt: u32, heard: Heard) {
        let client = &mut self.clients[at];
        if client.attempts != attempt {
            return;
        }
        let Some((request, sent)) = client.waits.take() else {
            return;
        };
        let tenant = request.command.tenant.clone();
        let key = IdempotencyKey {
            tenant,
            actor: request.context.actor.identity(),
            key: request.context.request_id.clone(),
        };
        match heard {
            Heard::Unknown => client.waits = Some((request, sent)),
            Heard::Answer(Ok(reply)) => {
                if reply.replayed {
                    self.meet("answer replayed");
                }
                self.clients[at].answers.push((key, Ok(reply.outcome)));
            }
            // A request that was sent twice may still be done by the other attempt.
            Heard::Answer(Err(rejection)) if sent == 1 => {
                client.answers.push((key, Err(rejection)))
            }
            Heard::Answer(Err(_)) => {}
        }
        self.clients[at].attempts += 1;
        self.soon(Event::Client(at));
    }

    /// Sends a client's request again once the client has waited long enough.
    pub fn give_up(&mut self, at: usize, attempt: u32) {
        if self.clients[at].attempts == attempt && self.clients[at].waits.is_some() {
            self.meet("client tried again");
            self.client(at);
        }
    }

    /// Kills a lane. Its transaction ends when the server notices.
    pub fn kill_lane(&mut self, at: usize) {
        if let Some(tx) = std::mem::take(&mut self.instances[at].lane).tx() {
            self.meet("killed in a transaction");
            self.soon(Event::Abort(tx));
        }
    }
}

fn requests(group: &[Arrived]) -> Vec<Request> {
    group
        .iter()
        .map(|arrived| arrived.request.clone())
        .collect()
}
