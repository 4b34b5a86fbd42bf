mod batches;
mod continued;
mod ended;
mod hosts;
mod in_use;
mod outcomes;
mod sizes;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    command::{Apply, Base, Desired, Precondition},
    event::Actor,
    policy::{PolicyPatch, PolicySpec},
    resource_scope::ResourceScope,
    route::{RoutePatch, RouteSpec},
    tag::Epoch,
    tenant::QuotasPatch,
};

fn route(version: &str) -> RouteName {
    place("prod").route(&version.parse().unwrap())
}

fn place(env: &str) -> PolicyName {
    PolicyName {
        service: "s".parse().unwrap(),
        env: env.parse().unwrap(),
    }
}

fn spec(is_active: bool) -> RouteSpec {
    RouteSpec {
        url: "http://a".parse().unwrap(),
        is_active,
        labels: Default::default(),
        description: None,
    }
}

fn policy_spec(value: serde_json::Value) -> PolicySpec {
    serde_json::from_value::<PolicySpec>(value)
        .unwrap()
        .checked()
        .unwrap()
}

fn upsert(version: &str, is_active: bool) -> Op {
    Op::Upsert {
        route: route(version),
        spec: spec(is_active),
    }
}

fn put(env: &str, value: serde_json::Value) -> Op {
    Op::PutPolicy {
        policy: place(env),
        spec: policy_spec(value),
    }
}

fn desired(version: &str, spec: Option<RouteSpec>) -> Desired {
    Desired::Route {
        name: route(version),
        spec,
    }
}

fn many(changes: Vec<Desired>) -> Apply {
    Apply {
        changes,
        base: None,
        hash: "h".into(),
        confirmed: None,
    }
}

/// The state of one tenant, with a clock and the properties of the caller.
struct World {
    tenant: TenantName,
    state: TenantState,
    now: Timestamp,
    body_bytes: u32,
    resource_scope: ResourceScope,
    count: u64,
    may_create_tenant: bool,
    /// The decision on the last command that was not refused.
    decision: Option<Decision>,
    outcome: Option<Outcome>,
}

impl World {
    fn new() -> Self {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let state = TenantState::absent(Quotas::default());
        let tenant = "t".parse().unwrap();
        Self {
            tenant,
            state,
            now,
            body_bytes: 0,
            resource_scope: ResourceScope::default(),
            count: 0,
            may_create_tenant: true,
            decision: None,
            outcome: None,
        }
    }

    /// Creates a world with active routes of these versions.
    fn with(versions: &[&str]) -> Self {
        let mut world = Self::new();
        versions
            .iter()
            .for_each(|version| drop(world.does(upsert(version, true))));
        world
    }

    fn limited(quotas: Quotas) -> Self {
        let mut world = Self::new();
        world.does(Op::CreateTenant {
            quotas,
            allowed_hosts: Vec::new(),
        });
        world
    }

    fn tries(&mut self, op: Op, confirm_in_use: bool) -> Result<Vec<Event>, Rejection> {
        self.count += 1;
        let precondition = Precondition::default();
        let command = Command {
            tenant: self.tenant.clone(),
            op,
            precondition,
            confirm_in_use,
        };
        let context = CommandContext {
            event_id: Uuid::from_u64_pair(self.count, 0),
            new_epoch: Epoch::from_random(self.count.to_be_bytes()),
            now: self.now.into(),
            actor: Actor {
                kind: "test".into(),
                id: "test".into(),
                token: None,
            },
            may_create_tenant: self.may_create_tenant,
            reason: None,
            request_id: String::new(),
            trace_id: None,
            source_ip: None,
            body_bytes: self.body_bytes,
            resource_scope: self.resource_scope.clone(),
        };
        let before = self.state.clone();
        match decide(&self.state, &command, &context).unwrap() {
            Err(rejection) => {
                assert_eq!(self.state, before, "a refused command changes nothing");
                Err(rejection)
            }
            Ok(decision) => {
                evolve(&mut self.state, &decision);
                self.outcome = outcome(&self.state, &command, &decision, before.tenant.as_ref());
                self.decision = Some(decision.clone());
                Ok(if let Decision::Revision { events, .. } = decision {
                    events
                } else {
                    Vec::new()
                })
            }
        }
    }

    fn does(&mut self, op: Op) -> Vec<Event> {
        self.tries(op, false).unwrap()
    }

    fn refuses(&mut self, op: Op) -> Rejection {
        self.tries(op, false).unwrap_err()
    }

    fn revision(&self) -> u64 {
        self.state.tenant.as_ref().unwrap().revision.0
    }

    fn passes(&mut self, milliseconds: i64) {
        self.now = self
            .now
            .checked_add(jiff::SignedDuration::from_millis(milliseconds))
            .unwrap();
    }
}

fn in_use(version: &str, may_confirm: bool) -> Rejection {
    let route = place("prod").route(&version.parse().unwrap());
    Rejection::VersionInUse {
        route,
        policies: vec![place("prod")],
        may_confirm,
    }
}

#[test]
fn revision_numbers_its_items_and_chains_them() {
    let mut world = World::with(&["v1"]);
    let head = world.state.chain_head;
    let changes = vec![
        desired("v2", Some(spec(true))),
        desired("v1", Some(spec(true))),
        desired("v3", Some(spec(false))),
    ];
    let events = world.does(Op::Apply(Box::new(many(changes))));
    let places: Vec<_> = events
        .iter()
        .map(|e| (e.body.revision.0, e.body.item, e.body.items))
        .collect();
    assert_eq!(
        places,
        [(2, 0, 2), (2, 1, 2)],
        "an unchanged object is no item"
    );
    assert_eq!(
        (events[0].body.prev_hash, events[1].body.prev_hash),
        (head, events[0].hash)
    );
    assert_eq!(world.state.chain_head, events[1].hash);
    assert_ne!(events[0].body.id, events[1].body.id);
}

#[test]
fn patch_changes_named_members_and_keeps_the_rest() {
    let mut world = World::with(&["v1", "v2"]);
    let patch = RoutePatch {
        url: Some("http://b".parse().unwrap()),
        ..RoutePatch::default()
    };
    world.does(Op::Patch {
        route: route("v1"),
        patch,
    });
    assert_eq!(
        world.state.routes[&route("v1")].spec,
        RouteSpec {
            url: "http://b".parse().unwrap(),
            ..spec(true)
        }
    );
    world.does(put(
        "prod",
        json!({ "split": [{ "version": "v1", "weight": 1 }], "failover": ["v1"] }),
    ));
    let patch = PolicyPatch {
        failover: Some(Some(vec!["v2".parse().unwrap()])),
        ..PolicyPatch::default()
    };
    world.does(Op::PatchPolicy {
        policy: place("prod"),
        patch: Box::new(patch),
    });
    let patched =
        policy_spec(json!({ "split": [{ "version": "v1", "weight": 1 }], "failover": ["v2"] }));
    assert_eq!(world.state.policies[&place("prod")].spec, patched);
}

#[test]
fn resource_scope_refuses_changes_outside_it() {
    let mut world = World::with(&["v1"]);
    world.resource_scope = ResourceScope {
        services: Vec::new(),
        envs: vec!["dev".parse().unwrap()],
    };
    let outside = Rejection::OutsideGrant {
        service: "s".parse().unwrap(),
        env: "prod".parse().unwrap(),
    };
    assert_eq!(world.refuses(upsert("v1", false)), outside);
    let dev = place("dev").route(&"v1".parse().unwrap());
    world.does(Op::Upsert {
        route: dev.clone(),
        spec: spec(true),
    });
    let both = vec![
        Desired::Route {
            name: dev,
            spec: Some(spec(false)),
        },
        desired("v1", Some(spec(false))),
    ];
    assert_eq!(world.refuses(Op::Apply(Box::new(many(both)))), outside);
}

#[test]
fn quotas_limit_growth_only() {
    let mut world = World::with(&["v1", "v2", "v3"]);
    let quotas = QuotasPatch {
        routes: Some(Some(2)),
        policies: Some(Some(1)),
        body_bytes: Some(Some(10)),
        ..Default::default()
    };
    world.does(Op::PatchTenant {
        quotas,
        allowed_hosts: None,
    });
    assert_eq!(
        world.refuses(upsert("v4", true)),
        Rejection::QuotaExceeded {
            quota: "routes",
            limit: 2
        }
    );
    world.does(upsert("v3", false));
    // Above the limit, one route is deleted and one is created: their number does not grow.
    world.does(Op::Apply(Box::new(many(vec![
        desired("v3", None),
        desired("v4", Some(spec(true))),
    ]))));
    world.does(put(
        "prod",
        json!({ "split": [{ "version": "v1", "weight": 1 }] }),
    ));
    let second = || put("dev", json!({ "failover": ["v1"] }));
    assert_eq!(
        world.refuses(second()),
        Rejection::QuotaExceeded {
            quota: "policies",
            limit: 1
        }
    );
    world.body_bytes = 10;
    assert_eq!(world.does(upsert("v2", false)).len(), 1);
    world.body_bytes = 11;
    assert_eq!(
        world.refuses(upsert("v1", false)),
        Rejection::QuotaExceeded {
            quota: "body_bytes",
            limit: 10
        }
    );
    // A change of the quotas themselves is not checked against the quotas.
    world.does(Op::PatchTenant {
        quotas: QuotasPatch::DEFAULTS,
        allowed_hosts: None,
    });
    assert!(
        matches!(world.refuses(second()), Rejection::VersionsNotFound { .. }),
        "dev has no v1"
    );
}

#[test]
fn patterns_are_counted_over_all_policies_of_a_tenant() {
    let mut world = World::with(&["v1"]);
    let policy = |count: usize| {
        let headers: serde_json::Map<_, _> = (0..count)
            .map(|at| (format!("x-{at}"), json!({"regex": "a"})))
            .collect();
        put(
            "prod",
            json!({"failover": ["v1"], "rules": [{"name": "r", "match": {"headers": headers}, "version": "v1"}]}),
        )
    };
    world.does(policy(3));
    assert_eq!(world.state.patterns, 3);
    // The patterns of other policies.
    world.state.patterns = 1022;
    let refused = Rejection::QuotaExceeded {
        quota: "patterns",
        limit: 1024,
    };
    assert_eq!(world.refuses(policy(6)), refused);
    world.does(policy(5));
    assert_eq!(
        (world.state.patterns, world.refuses(policy(6))),
        (1024, refused)
    );
    world.does(policy(2));
    world.does(Op::DeletePolicy {
        policy: place("prod"),
    });
    assert_eq!(world.state.patterns, 1019);
}

#[test]
fn write_rate_is_steady_with_a_burst_of_one_second() {
    let mut world = World::limited(Quotas {
        writes_per_second: Some(4),
        ..Quotas::default()
    });
    let mut flip = false;
    let mut write = |world: &mut World| {
        flip = !flip;
        let done = world.tries(upsert("v1", flip), false);
        flip ^= done.is_err();
        done.map(drop)
    };
    let too_many = |retry_after_ms| {
        Err(Rejection::TooManyWrites {
            limit: 4,
            retry_after_ms,
        })
    };
    (0..4).for_each(|_| write(&mut world).unwrap());
    assert_eq!(write(&mut world), too_many(250));
    world.passes(249);
    assert_eq!(write(&mut world), too_many(1));
    world.passes(1);
    write(&mut world).unwrap();
    assert_eq!(
        write(&mut world),
        too_many(250),
        "a refused write does not count"
    );
    // Unused rate is saved for at most one second.
    world.passes(60_000);
    (0..4).for_each(|_| write(&mut world).unwrap());
    assert_eq!(write(&mut world), too_many(250));
    // With a clock that is behind, changes still count.
    world.passes(-500);
    assert_eq!(write(&mut world), too_many(750));
}

#[test]
fn batch_counts_each_change_against_the_write_rate() {
    let mut world = World::limited(Quotas {
        writes_per_second: Some(4),
        ..Quotas::default()
    });
    let batch = |names: std::ops::Range<usize>| {
        Op::Apply(Box::new(many(
            names
                .map(|at| desired(&format!("v{at}"), Some(spec(true))))
                .collect(),
        )))
    };
    world.does(batch(0..4));
    assert_eq!(
        world.refuses(upsert("v1", false)),
        Rejection::TooManyWrites {
            limit: 4,
            retry_after_ms: 250
        }
    );
    // A batch of more than one second of the rate is accepted when nothing is owed. Its cost is
    // owed afterwards.
    world.passes(999);
    assert_eq!(
        world.refuses(batch(10..30)),
        Rejection::TooManyWrites {
            limit: 4,
            retry_after_ms: 1
        }
    );
    world.passes(1);
    world.does(batch(10..30));
    assert_eq!(
        world.refuses(upsert("v1", false)),
        Rejection::TooManyWrites {
            limit: 4,
            retry_after_ms: 4250
        }
    );
    world.passes(4250);
    world.does(upsert("v1", false));
    world.passes(60_000);
    assert_eq!(
        world.refuses(batch(100..141)),
        Rejection::QuotaExceeded {
            quota: "changes_at_once",
            limit: 40
        }
    );
    world.does(batch(100..140));
}

#[test]
fn instance_with_a_fast_clock_does_not_block_the_others() {
    let mut world = World::limited(Quotas {
        writes_per_second: Some(2),
        ..Quotas::default()
    });
    world.passes(300_000);
    world.does(upsert("ahead", true));
    world.passes(-300_000);
    world.does(upsert("behind", true));
    world.does(upsert("behind-too", true));
    assert!(
        matches!(
            world.refuses(upsert("one-more", true)),
            Rejection::TooManyWrites { .. }
        ),
        "the rate limit still applies"
    );
}

#[test]
fn no_ops_and_tenant_changes_are_exempt_from_the_write_rate() {
    let mut world = World::limited(Quotas {
        writes_per_second: Some(1),
        ..Quotas::default()
    });
    world.does(upsert("v1", true));
    world.does(upsert("v1", true));
    assert!(matches!(
        world.refuses(upsert("v2", true)),
        Rejection::TooManyWrites { .. }
    ));
    for limit in [0, 1, 0, 2] {
        let quotas = QuotasPatch {
            writes_per_second: Some(Some(limit)),
            ..Default::default()
        };
        world.does(Op::PatchTenant {
            quotas,
            allowed_hosts: None,
        });
        if limit == 0 {
            assert!(matches!(
                world.refuses(upsert("v2", true)),
                Rejection::TooManyWrites { limit: 0, .. }
            ));
        }
    }
    // Such changes do not use up the rate either: a blocked tenant can write again at once.
    world.passes(1000);
    world.does(upsert("v2", true));
}

#[test]
fn deleted_tenant_ends_in_one_revision_and_frees_its_name() {
    let mut world = World::with(&["v1", "v2"]);
    world.does(put(
        "prod",
        json!({ "failover": ["v1"], "hosts": ["a.example"] }),
    ));
    let refused = world.refuses(Op::DeleteTenant {
        with_everything: false,
    });
    assert_eq!(
        refused,
        Rejection::TenantNotEmpty {
            routes: 2,
            policies: 1
        }
    );
    let mut one = World::with(&["v1"]);
    let refused = one.refuses(Op::DeleteTenant {
        with_everything: false,
    });
    assert_eq!(
        refused,
        Rejection::TenantNotEmpty {
            routes: 1,
            policies: 0
        }
    );
    let events = world.does(Op::DeleteTenant {
        with_everything: true,
    });
    let actions: Vec<_> = events
        .iter()
        .map(|event| event.body.action.as_str())
        .collect();
    assert_eq!(
        actions,
        ["policy_deleted", "deleted", "deleted", "tenant_deleted"]
    );
    assert_eq!(world.state, TenantState::absent(Quotas::default()));
    let first = world.does(upsert("v1", true));
    assert_eq!(
        (first[0].body.revision.0, first[0].body.prev_hash),
        (1, EventHash::GENESIS)
    );
    assert_ne!(first[0].body.epoch, events[0].body.epoch);
}
