//! Versions that policies send traffic to.

use super::*;

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
