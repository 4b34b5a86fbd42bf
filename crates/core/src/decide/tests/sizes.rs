//! Tests of the size limit of events.

use super::*;
use crate::{
    chain,
    command::{ObjectName, Sought, TooLarge},
    decide::sizes::{ENVELOPE_BYTES, object_bytes},
};

const LIMIT: usize = 500;

fn limited() -> World {
    let mut world = World::with(&["v1"]);
    world.state.event_bytes = ENVELOPE_BYTES + 2 * LIMIT;
    world
}

/// Returns a route that takes so many bytes as JSON.
fn route_of(bytes: usize) -> RouteSpec {
    let with = |text: String| RouteSpec {
        description: Some(text.try_into().unwrap()),
        ..spec(true)
    };
    let empty = serde_json::to_vec(&with("d".into())).unwrap().len() - 1;
    with("d".repeat(bytes - empty))
}

/// Returns a policy that takes so many bytes as JSON.
fn policy_of(bytes: usize) -> PolicySpec {
    let with = |prefix: &str| policy_spec(json!({ "failover": ["v1"], "path_prefix": prefix }));
    let empty = serde_json::to_vec(&with("/")).unwrap().len() - 1;
    with(&format!("/{}", "p".repeat(bytes - empty - 1)))
}

/// The object that a command writes, and a function that creates the command for an object of so
/// many bytes.
type Way<'a> = (Option<ObjectName>, &'a dyn Fn(usize) -> Op);

fn too_large(object: Option<ObjectName>, bytes: usize) -> Rejection {
    Rejection::TooLarge {
        objects: vec![TooLarge {
            pointer: String::new(),
            object,
            bytes,
        }],
        limit: LIMIT,
    }
}

#[test]
fn object_size_is_limited_in_every_command() {
    let (fits, over) = (LIMIT, LIMIT + 1);
    let patched = |bytes| RoutePatch {
        description: Some(route_of(bytes).description),
        ..RoutePatch::default()
    };
    let prefixed = |bytes| PolicyPatch {
        path_prefixes: Some(Some(policy_of(bytes).path_prefixes)),
        ..PolicyPatch::default()
    };
    let state = |world: &mut World| world.does(put("prod", json!({ "failover": ["v1"] })));
    let of_route = || Some(ObjectName::Route(route("v1")));
    let of_policy = || Some(ObjectName::Policy(place("prod")));
    let apply = |desired: Desired| Op::Apply(Box::new(many(vec![desired])));
    let ways: [Way<'_>; 6] = [
        (of_route(), &|bytes| Op::Upsert {
            route: route("v1"),
            spec: route_of(bytes),
        }),
        (of_route(), &|bytes| Op::Patch {
            route: route("v1"),
            patch: patched(bytes),
        }),
        (of_route(), &|bytes| {
            apply(desired("v1", Some(route_of(bytes))))
        }),
        (of_policy(), &|bytes| Op::PutPolicy {
            policy: place("prod"),
            spec: policy_of(bytes),
        }),
        (of_policy(), &|bytes| Op::PatchPolicy {
            policy: place("prod"),
            patch: Box::new(prefixed(bytes)),
        }),
        (of_policy(), &|bytes| {
            apply(Desired::Policy {
                name: place("prod"),
                spec: Some(policy_of(bytes)),
            })
        }),
    ];
    for (object, op) in ways {
        let mut world = limited();
        state(&mut world);
        assert_eq!(world.refuses(op(over)), too_large(object, over));
        let before = world.revision();
        world.does(op(fits));
        assert_eq!(world.revision(), before + 1);
    }
    let mut world = World::new();
    world.state.event_bytes = ENVELOPE_BYTES + 2 * 10;
    let Rejection::TooLarge { objects, .. } = world.refuses(Op::CreateTenant {
        quotas: Quotas::default(),
        allowed_hosts: Vec::new(),
    }) else {
        panic!()
    };
    assert_eq!(objects[0].object, None, "a tenant's own record");
}

#[test]
fn every_event_of_an_accepted_object_fits_the_limit() {
    let mut world = limited();
    let most = world.state.event_bytes;
    let mut seen = 0;
    for op in [
        Op::Upsert {
            route: route("v1"),
            spec: route_of(LIMIT),
        },
        Op::SetActive {
            route: route("v1"),
            is_active: false,
        },
        put("prod", serde_json::to_value(policy_of(LIMIT)).unwrap()),
        put("prod", serde_json::to_value(policy_of(LIMIT - 1)).unwrap()),
        Op::DeletePolicy {
            policy: place("prod"),
        },
        Op::DeleteTenant {
            with_everything: true,
        },
    ] {
        for event in world.does(op) {
            seen += 1;
            assert!(chain::payload(&event).unwrap().len() <= most);
        }
    }
    assert_eq!(seen, 7);
    assert_eq!(object_bytes(most), LIMIT);
}

#[test]
fn older_oversize_object_can_stay_shrink_and_be_deleted() {
    let large = |world: &mut World| {
        let bound = std::mem::replace(&mut world.state.event_bytes, usize::MAX);
        world.does(Op::Upsert {
            route: route("v1"),
            spec: route_of(1000),
        });
        world.state.event_bytes = bound;
    };
    for op in [
        Op::SetActive {
            route: route("v1"),
            is_active: false,
        },
        Op::Upsert {
            route: route("v1"),
            spec: route_of(900),
        },
        Op::Delete { route: route("v1") },
        Op::DeleteTenant {
            with_everything: true,
        },
    ] {
        let mut world = limited();
        large(&mut world);
        assert!(!world.does(op).is_empty());
    }
    let mut world = limited();
    large(&mut world);
    let grown = Op::Upsert {
        route: route("v1"),
        spec: route_of(1001),
    };
    assert_eq!(
        world.refuses(grown),
        too_large(Some(ObjectName::Route(route("v1"))), 1001)
    );
    world.state.is_of_other_timeline = true;
    assert!(
        !world.does(Op::StartEpoch).is_empty(),
        "all objects of a tenant continue on another timeline"
    );
}

#[test]
fn refusal_names_at_most_ten_objects_with_their_places() {
    let mut world = limited();
    let changes: Vec<_> = (0..30)
        .map(|n| desired(&format!("w{n}"), Some(route_of(LIMIT + 1))))
        .collect();
    let refused = world.refuses(Op::Apply(Box::new(many(changes))));
    let placed = refused.placed(|sought| match sought {
        Sought::Route(name) => Some(format!("/changes/{}", name.version)),
        _ => None,
    });
    let Rejection::TooLarge { objects, .. } = placed else {
        panic!()
    };
    let pointers: Vec<_> = objects
        .iter()
        .map(|object| object.pointer.clone())
        .collect();
    assert_eq!(
        pointers,
        (0..10)
            .map(|n| format!("/changes/w{n}"))
            .collect::<Vec<_>>()
    );
}
