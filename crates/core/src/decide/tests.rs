mod continued;
mod ended;
mod hosts;
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
fn policy_naming_a_missing_version_is_refused() {
    let mut world = World::with(&["v1"]);
    let value = json!({
        "split": [{ "version": "v2", "weight": 1 }], "failover": ["v1", "v3"],
        "rules": [{ "name": "r", "match": { "headers": { "x-a": { "present": true } } }, "version": "v4" }],
    });
    let versions = [
        ("/split/0/version", "v2"),
        ("/rules/0/version", "v4"),
        ("/failover/1", "v3"),
    ];
    let versions = versions
        .map(|(at, version)| (at.to_owned(), version.parse().unwrap()))
        .to_vec();
    assert_eq!(
        world.refuses(put("prod", value)),
        Rejection::VersionsNotFound {
            policy: place("prod"),
            versions
        }
    );
    // A revision may create the policy and the version together, in any order.
    let policy = Desired::Policy {
        name: place("prod"),
        spec: Some(policy_spec(
            json!({ "split": [{ "version": "v2", "weight": 1 }] }),
        )),
    };
    world.does(Op::Apply(Box::new(many(vec![
        policy,
        desired("v2", Some(spec(true))),
    ]))));
    assert_eq!(world.revision(), 2);
}

#[test]
fn version_in_use_needs_an_alternative_and_confirmation() {
    let split = json!([{ "version": "v1", "weight": 1 }, { "version": "v2", "weight": 0 }]);
    let off = || Op::SetActive {
        route: route("v1"),
        is_active: false,
    };
    let delete = |version: &str| Op::Delete {
        route: route(version),
    };

    let mut stuck = World::with(&["v1", "v2"]);
    stuck.does(put("prod", json!({ "split": split })));
    assert_eq!(stuck.tries(off(), true), Err(in_use("v1", false)));
    assert_eq!(stuck.tries(delete("v1"), true), Err(in_use("v1", false)));
    stuck.does(Op::SetActive {
        route: route("v2"),
        is_active: false,
    });
    // A version with weight 0 is only named: no traffic goes there.
    assert_eq!(stuck.refuses(delete("v2")), in_use("v2", true));
    assert_eq!(stuck.tries(delete("v2"), true).unwrap().len(), 2);

    let mut spare = World::with(&["v1", "v2", "v3"]);
    spare.does(put(
        "prod",
        json!({ "split": [{ "version": "v1", "weight": 1 }], "failover": ["v3"] }),
    ));
    assert_eq!(spare.refuses(off()), in_use("v1", true));
    assert_eq!(spare.refuses(upsert("v1", false)), in_use("v1", true));
    assert_eq!(
        spare.tries(off(), true).unwrap().len(),
        1,
        "a version that is off is still named"
    );
    spare.does(upsert("v1", true));
    assert_eq!(spare.refuses(delete("v1")), in_use("v1", true));
    let events = spare.tries(delete("v1"), true).unwrap();
    let actions: Vec<_> = events
        .iter()
        .map(|event| event.body.action.as_str())
        .collect();
    assert_eq!(
        actions,
        ["policy_set", "deleted"],
        "the policy gives up the deleted version"
    );
    assert!(
        !spare.state.policies[&place("prod")]
            .spec
            .names(&"v1".parse().unwrap())
    );
    spare.does(delete("v2"));
}

/// Checks that `may_confirm` is true exactly when the confirmed command succeeds.
#[test]
fn may_confirm_is_true_exactly_when_confirming_succeeds() {
    let rule = json!([{ "name": "r", "match": { "headers": { "x-a": { "present": true } } }, "version": "v1" }]);
    let share = |version: &str, weight: u16| json!({ "version": version, "weight": weight });
    for (policy, active) in [
        (
            json!({ "split": [share("v1", 1), share("v2", 0)], "failover": ["v3"] }),
            "v3",
        ),
        (json!({ "split": [share("v1", 0), share("v2", 1)] }), "v3"),
        (json!({ "split": [share("v1", 1), share("v2", 1)] }), "v3"),
        (json!({ "rules": rule, "failover": ["v2"] }), "v2"),
        (json!({ "rules": rule, "failover": ["v2"] }), "v3"),
        (json!({ "failover": ["v1"] }), "v2"),
        (json!({ "failover": ["v1", "v2"] }), "v3"),
    ] {
        let mut world = World::with(&["v1", "v2", "v3"]);
        for version in ["v2", "v3"] {
            world.does(Op::SetActive {
                route: route(version),
                is_active: version == active,
            });
        }
        world.does(put("prod", policy.clone()));
        let delete = || Op::Delete { route: route("v1") };
        let Rejection::VersionInUse { may_confirm, .. } = world.refuses(delete()) else {
            panic!("{policy}")
        };
        assert_eq!(
            world.tries(delete(), true).is_ok(),
            may_confirm,
            "{policy}, {active} is active"
        );
    }
    // A command of many changes changes only the objects that it names.
    let mut world = World::with(&["v1", "v2"]);
    world.does(put(
        "prod",
        json!({ "split": [share("v1", 1)], "failover": ["v2"] }),
    ));
    let delete = Op::Apply(Box::new(many(vec![desired("v1", None)])));
    assert_eq!(world.tries(delete, true), Err(in_use("v1", false)));
}

#[test]
fn removing_most_active_routes_needs_confirmation() {
    let versions: Vec<String> = (0..24).map(|n| format!("v{n}")).collect();
    let world = |count: usize| {
        World::with(
            &versions[..count]
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )
    };
    let remove = |count: usize| {
        many(
            versions[..count]
                .iter()
                .map(|version| desired(version, None))
                .collect(),
        )
    };
    for (active, removed, is_much) in [
        (24, 12, false),
        (24, 13, true),
        (20, 10, false),
        (20, 11, true),
        (11, 10, false),
        (2, 1, false),
        (1, 1, true),
        (3, 3, true),
    ] {
        let mut world = world(active);
        let refused = world
            .tries(Op::Apply(Box::new(remove(removed))), false)
            .err();
        let (a, r) = (
            u32::try_from(active).unwrap(),
            u32::try_from(removed).unwrap(),
        );
        let want = is_much.then(|| Rejection::ShrinkNotConfirmed {
            active: a,
            removed: r,
            hash: "h".into(),
        });
        assert_eq!(refused, want, "{removed} of {active}");
        if is_much {
            let wrong = Apply {
                confirmed: Some("another".into()),
                ..remove(removed)
            };
            assert!(world.tries(Op::Apply(Box::new(wrong)), false).is_err());
            world.does(Op::Apply(Box::new(Apply {
                confirmed: Some("h".into()),
                ..remove(removed)
            })));
        }
    }
    // Without active routes, nothing needs a confirmation.
    let mut none = World::new();
    none.does(upsert("v0", false));
    none.does(Op::Apply(Box::new(many(vec![desired(
        "v1",
        Some(spec(false)),
    )]))));
    // For traffic, a deactivated route counts as removed.
    let mut world = world(1);
    let off = many(vec![Desired::State {
        name: route("v0"),
        is_active: false,
    }]);
    assert!(matches!(
        world.refuses(Op::Apply(Box::new(off))),
        Rejection::ShrinkNotConfirmed { .. }
    ));
}

#[test]
fn batch_applies_all_or_none_and_names_invalid_changes() {
    let mut world = World::with(&["v1"]);
    let changes = vec![
        desired("v2", Some(spec(true))),
        desired("v9", None),
        Desired::State {
            name: route("v8"),
            is_active: true,
        },
        desired("v2", None),
        Desired::Policy {
            name: place("prod"),
            spec: None,
        },
    ];
    let Rejection::Invalid { errors } = world.refuses(Op::Apply(Box::new(many(changes)))) else {
        panic!()
    };
    let named: Vec<_> = errors
        .iter()
        .map(|(at, invalid)| (at.as_str(), invalid.code))
        .collect();
    let want = [
        ("/changes/1", "route_not_found"),
        ("/changes/2", "route_not_found"),
        ("/changes/3", "duplicate"),
        ("/changes/4", "policy_not_found"),
    ];
    assert_eq!(named, want);
    let too_many = (0..=MAX_CHANGES)
        .map(|n| desired(&format!("x{n}"), Some(spec(true))))
        .collect();
    assert_eq!(
        world.refuses(Op::Apply(Box::new(many(too_many)))),
        Rejection::TooManyChanges
    );
    assert_eq!(
        (
            world.revision(),
            world.state.tenant.as_ref().unwrap().routes
        ),
        (1, 1)
    );
}

#[test]
fn plan_applies_only_to_the_state_it_was_made_from() {
    let mut world = World::with(&["v1"]);
    let tag = world.state.tenant.as_ref().unwrap().tag();
    let prod = Scope {
        service: None,
        env: Some("prod".parse().unwrap()),
    };
    let apply = |tag: &VersionTag, scope: &Scope, version: &str| {
        let base = Some(Base {
            tag: tag.clone(),
            scope: scope.clone(),
            active: 1,
        });
        Op::Apply(Box::new(Apply {
            base,
            ..many(vec![desired(version, Some(spec(true)))])
        }))
    };
    world.does(Op::Upsert {
        route: place("dev").route(&"v1".parse().unwrap()),
        spec: spec(true),
    });
    assert_eq!(
        world.refuses(apply(&tag, &Scope::default(), "v2")),
        Rejection::PlanStale,
        "the tenant has changed"
    );
    world.does(apply(&tag, &prod, "v2"));
    assert_eq!(
        world.refuses(apply(&tag, &prod, "v3")),
        Rejection::PlanStale,
        "the scope has changed too"
    );
    let other = VersionTag {
        epoch: Epoch::from_random([9; 8]),
        revision: Revision(1000),
    };
    assert_eq!(
        world.refuses(apply(&other, &prod, "v3")),
        Rejection::PlanStale,
        "a tag of another timeline"
    );
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
