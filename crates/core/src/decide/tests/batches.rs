//! Many changes in one revision: batches and plans.

use super::*;

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
            let events = world.does(Op::Apply(Box::new(Apply {
                confirmed: Some("h".into()),
                ..remove(removed)
            })));
            let removal = Removal {
                env: None,
                left_routes: a - r,
                removed_policies: 0,
                removed_routes: r,
                service: None,
            };
            let tag = events[0].tag();
            let tenant = world.state.tenant.as_ref().unwrap();
            let confirmed = ConfirmedRemoval {
                tag,
                removal: removal.clone(),
            };
            assert_eq!(tenant.confirmed.as_deref(), Some(&confirmed));
            let says_so = |event: &Event| event.body.confirmed_removal.as_ref() == Some(&removal);
            assert!(events.iter().all(says_so));
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
fn confirmed_removal_is_noted_with_its_scope_and_stays_until_the_epoch_ends() {
    let versions = ["v0", "v1", "v2", "v3"];
    let mut world = World::with(&versions);
    world.does(put(
        "prod",
        json!({ "split": [{ "version": "v1", "weight": 1 }] }),
    ));
    world.does(upsert("v4", false));
    let mut changes: Vec<_> = versions.map(|version| desired(version, None)).into();
    changes.push(Desired::Policy {
        name: place("prod"),
        spec: None,
    });
    let apply = |confirmed: Option<&str>| Apply {
        base: Some(Base {
            tag: world.state.tenant.as_ref().unwrap().tag(),
            scope: Scope {
                service: Some("s".parse().unwrap()),
                env: None,
            },
            active: 4,
        }),
        confirmed: confirmed.map(str::to_owned),
        ..many(changes.clone())
    };
    let (unconfirmed, confirmed) = (apply(None), apply(Some("h")));
    world.refuses(Op::Apply(Box::new(unconfirmed)));
    let events = world.does(Op::Apply(Box::new(confirmed)));
    let removal = Removal {
        env: None,
        left_routes: 0,
        removed_policies: 1,
        removed_routes: 4,
        service: Some("s".parse().unwrap()),
    };
    assert_eq!(events[0].body.confirmed_removal, Some(removal.clone()));
    // Smaller writes after it, confirmed or not, change nothing of it.
    let events = world.does(Op::Apply(Box::new(Apply {
        confirmed: Some("h".into()),
        ..many(vec![
            desired("v5", Some(spec(true))),
            desired("v6", Some(spec(true))),
        ])
    })));
    assert_eq!(events[0].body.confirmed_removal, None);
    world.does(Op::Delete { route: route("v5") });
    let noted = |world: &World| world.state.tenant.as_ref().unwrap().confirmed.clone();
    assert_eq!(noted(&world).unwrap().removal, removal);
    world.state.is_of_other_timeline = true;
    world.does(Op::StartEpoch);
    assert_eq!(noted(&world), None);
}
