//! Random commands with few tenants, routes, keys and values, so that they meet.

use std::collections::VecDeque;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use traffic_manager_core::{
    command::{Apply, Base, Command, CommandContext, Desired, IfMatch, Op, Precondition},
    event::Actor,
    ids::RouteName,
    route::{Labels, RoutePatch, RouteSpec},
    snapshot::Scope,
    tag::{Epoch, Revision, VersionTag},
    tenant::{Quotas, QuotasPatch},
    write::batch::Request,
};
use uuid::Uuid;

use crate::policies;

/// The id of the actor of every command.
pub const ACTOR: &str = "model";
/// The kind of that actor.
pub const KIND: &str = "test";

/// splitmix64: small, seeded, good enough.
pub struct Rng(u64);

impl Rng {
    /// Creates the stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = usize::try_from(self.next())
            .unwrap_or(0)
            .checked_rem(from.len())?;
        Some(from[at].clone())
    }
}

/// A stream of requests that follows from its seed.
pub struct Source {
    rng: Rng,
    count: u64,
    /// The last requests with a key, oldest first: at most [`TRIED_AGAIN`].
    keyed: VecDeque<Request>,
}

/// The most requests that are kept for a retry.
const TRIED_AGAIN: usize = 8;

impl Source {
    /// Creates the stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng(seed),
            count: 0,
            keyed: VecDeque::new(),
        }
    }

    /// Creates the stream of one of several senders, far from the streams of the others.
    pub fn of_sender(seed: u64, sender: u64) -> Self {
        let mut rng = Rng(seed ^ Rng(sender).next());
        Self::new(rng.next())
    }

    /// Returns the next request. Some requests are conditional on one of `tags`, and some repeat an
    /// earlier request with its key.
    pub fn request(&mut self, tags: &[VersionTag]) -> Request {
        self.count += 1;
        let new = Step(self.rng.next()).request(self.count, tags);
        if self.rng.below(20) == 0
            && let Some(earlier) = self.keyed.pop_front()
        {
            return Request {
                context: new.context,
                ..earlier
            };
        }
        if new.idempotency_key.is_some() {
            if self.keyed.len() == TRIED_AGAIN {
                self.keyed.pop_front();
            }
            self.keyed.push_back(new.clone());
        }
        new
    }
}

/// A request, as the number from which it is made.
#[derive(Debug, Clone, Copy)]
pub struct Step(pub u64);

impl Step {
    /// Makes the request. Its place in the history, `at`, sets its time.
    pub fn request(self, at: u64, tags: &[VersionTag]) -> Request {
        let mut rng = Rng(self.0);
        let op = op(&mut rng, tags);
        let precondition = precondition(&mut rng, tags);
        let tenant = format!("t{}", rng.below(3)).parse().unwrap();
        let command = Command {
            tenant,
            op,
            precondition,
            confirm_in_use: rng.below(2) == 0,
        };
        let idempotency_key = match rng.below(10) {
            // The key follows from the command, so the same command again finds the first answer.
            0..3 => Some(hex::encode(
                &Sha256::digest(serde_json::to_vec(&command).unwrap())[..4],
            )),
            // Other commands use the same keys, and find them taken.
            3 => Some(format!("shared-{}", rng.below(3))),
            _ => None,
        };
        let context = CommandContext {
            event_id: Uuid::from_u64_pair(rng.next(), rng.next() ^ at),
            new_epoch: Epoch::from_random(rng.next().to_be_bytes()),
            now: Timestamp::from_microsecond(
                1_795_000_000_000_000 + 100_000 * i64::try_from(at).unwrap(),
            )
            .unwrap()
            .into(),
            actor: Actor {
                kind: KIND.into(),
                id: ACTOR.into(),
                token: None,
            },
            may_create_tenant: rng.below(8) > 0,
            reason: (rng.below(2) == 0).then(|| "because \"ü\"\u{2028}".to_owned()),
            request_id: format!("r-{at}"),
            trace_id: None,
            source_ip: None,
            body_bytes: u32::try_from(rng.below(600)).unwrap(),
            resource_scope: Default::default(),
        };
        Request {
            command,
            context,
            idempotency_key,
            traceparent: None,
        }
    }
}

fn op(rng: &mut Rng, tags: &[VersionTag]) -> Op {
    let (route, policy) = (route(rng), policies::name(rng));
    match rng.below(40) {
        0..13 => Op::Upsert {
            route,
            spec: spec(rng),
        },
        13..15 => Op::Patch {
            route,
            patch: patch(rng),
        },
        15..18 => Op::SetActive {
            route,
            is_active: rng.below(2) == 0,
        },
        18..21 => Op::Delete { route },
        21..26 => Op::PutPolicy {
            policy,
            spec: policies::spec(rng),
        },
        26..28 => Op::PatchPolicy {
            policy,
            patch: Box::new(policies::patch(rng)),
        },
        28..29 => Op::DeletePolicy { policy },
        29..36 => Op::Apply(Box::new(apply(rng, tags))),
        36 => Op::CreateTenant {
            quotas: quotas(rng),
            allowed_hosts: policies::suffixes(rng),
        },
        37..39 => {
            let allowed_hosts = (rng.below(2) == 0).then(|| policies::suffixes(rng));
            Op::PatchTenant {
                quotas: quotas_patch(rng),
                allowed_hosts,
            }
        }
        _ => Op::DeleteTenant {
            with_everything: rng.below(2) == 0,
        },
    }
}

fn route(rng: &mut Rng) -> RouteName {
    policies::name(rng).route(&policies::version(rng))
}

/// Makes several changes at once. A third of these operations are based on a state.
fn apply(rng: &mut Rng, tags: &[VersionTag]) -> Apply {
    let changes = match rng.below(4) {
        // A single deactivation, perhaps of the last active route.
        0 => vec![Desired::State {
            name: route(rng),
            is_active: false,
        }],
        _ => (0..=rng.below(3)).map(|_| desired(rng)).collect(),
    };
    let scope = Scope {
        service: None,
        env: (rng.below(2) == 0).then(|| policies::name(rng).env),
    };
    let tag = (rng.below(3) == 0).then(|| rng.pick(tags)).flatten();
    let base = tag.map(|tag| Base {
        tag,
        scope,
        active: u32::try_from(rng.below(3)).unwrap(),
    });
    let confirmed = rng
        .pick(&[None, None, Some("hash"), Some("another")])
        .flatten();
    Apply {
        changes,
        base,
        hash: "hash".into(),
        confirmed: confirmed.map(str::to_owned),
    }
}

fn desired(rng: &mut Rng) -> Desired {
    match rng.below(10) {
        0..3 => Desired::Route {
            name: route(rng),
            spec: Some(spec(rng)),
        },
        3..5 => Desired::Route {
            name: route(rng),
            spec: None,
        },
        5..7 => Desired::State {
            name: route(rng),
            is_active: rng.below(3) == 0,
        },
        7..9 => Desired::Policy {
            name: policies::name(rng),
            spec: Some(policies::spec(rng)),
        },
        _ => Desired::Policy {
            name: policies::name(rng),
            spec: None,
        },
    }
}

fn quota(rng: &mut Rng, end: u64) -> Option<u32> {
    (rng.below(4) == 0).then(|| u32::try_from(rng.below(end)).unwrap())
}

fn quotas(rng: &mut Rng) -> Quotas {
    Quotas {
        body_bytes: quota(rng, 2).map(|size| 500 + size),
        policies: quota(rng, 3),
        routes: quota(rng, 5),
        waiters: quota(rng, 3),
        writes_per_second: quota(rng, 4),
    }
}

/// Makes a patch that mostly returns quotas to the default, so that no tenant is held up for long.
fn quotas_patch(rng: &mut Rng) -> QuotasPatch {
    let new = quotas(rng);
    let mut one_of = |new: Option<u32>| (rng.below(2) == 0).then_some(new);
    QuotasPatch {
        body_bytes: one_of(new.body_bytes),
        policies: one_of(new.policies),
        routes: one_of(new.routes),
        waiters: one_of(new.waiters),
        writes_per_second: one_of(new.writes_per_second),
    }
}

fn spec(rng: &mut Rng) -> RouteSpec {
    let label = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let labels = rng
        .pick(&[vec![], vec![("a", "1")], vec![("a", "2"), ("b", "ü\"")]])
        .unwrap();
    RouteSpec {
        url: format!("http://h{}", rng.below(2)).parse().unwrap(),
        is_active: rng.below(3) > 0,
        labels: Labels::try_from(
            labels
                .into_iter()
                .map(label)
                .collect::<std::collections::BTreeMap<_, _>>(),
        )
        .unwrap(),
        description: (rng.below(3) == 0).then(|| "d".to_owned().try_into().unwrap()),
    }
}

fn patch(rng: &mut Rng) -> RoutePatch {
    let labels = match rng.below(4) {
        0 => None,
        1 => Some(None),
        _ => {
            let value = (rng.below(2) == 0).then(|| rng.below(2).to_string());
            Some(Some(
                [(["a", "b"][usize::from(rng.below(2) == 0)].to_owned(), value)].into(),
            ))
        }
    };
    RoutePatch {
        url: (rng.below(3) == 0).then(|| spec(rng).url),
        is_active: (rng.below(4) == 0).then(|| rng.below(2) == 0),
        labels,
        description: (rng.below(4) == 0).then(|| spec(rng).description),
    }
}

fn precondition(rng: &mut Rng, tags: &[VersionTag]) -> Precondition {
    let bogus = VersionTag {
        epoch: Epoch::from_random([7; 8]),
        revision: Revision(1),
    };
    match rng.below(30) {
        0..22 => Precondition::default(),
        22 => Precondition {
            if_match: Some(IfMatch::Any),
            must_not_exist: false,
        },
        23..27 => {
            let tags = (0..3).filter_map(|_| rng.pick(tags)).collect();
            Precondition {
                if_match: Some(IfMatch::Tags(tags)),
                must_not_exist: false,
            }
        }
        27 => Precondition {
            if_match: Some(IfMatch::Tags(vec![bogus])),
            must_not_exist: false,
        },
        28 => Precondition {
            if_match: rng.pick(&[None, Some(IfMatch::Any)]).flatten(),
            must_not_exist: true,
        },
        _ => Precondition {
            if_match: None,
            must_not_exist: true,
        },
    }
}
