//! Tests of `event`.

use super::*;

fn spec(url: &str, is_active: bool) -> RouteSpec {
    RouteSpec {
        url: url.parse().unwrap(),
        is_active,
        labels: Default::default(),
        description: None,
    }
}

fn policy_name() -> PolicyName {
    PolicyName {
        service: "s".parse().unwrap(),
        env: "e".parse().unwrap(),
    }
}

/// A policy that sends all traffic to one version.
fn policy(version: &str) -> PolicySpec {
    let value = serde_json::json!({ "split": [{ "version": version, "weight": 1 }] });
    serde_json::from_value::<PolicySpec>(value)
        .unwrap()
        .checked()
        .unwrap()
}

fn tenant(routes: Option<u32>) -> TenantSpec {
    let allowed_hosts = vec!["a.example".to_owned().try_into().unwrap()];
    TenantSpec {
        allowed_hosts,
        quotas: crate::tenant::Quotas {
            routes,
            ..Default::default()
        },
    }
}

#[test]
fn route_action_follows_from_before_and_after() {
    let (on, off, other) = (
        spec("http://a", true),
        spec("http://a", false),
        spec("http://b", false),
    );
    assert_eq!(Action::between(None, Some(&on)), Some(Action::Created));
    assert_eq!(Action::between(Some(&on), Some(&on)), None);
    assert_eq!(
        Action::between(Some(&on), Some(&off)),
        Some(Action::Deactivated)
    );
    assert_eq!(
        Action::between(Some(&off), Some(&on)),
        Some(Action::Activated)
    );
    assert_eq!(
        Action::between(Some(&on), Some(&other)),
        Some(Action::Updated)
    );
    assert_eq!(Action::between(Some(&on), None), Some(Action::Deleted));
    assert_eq!(Action::between(None, None), None);
}

#[test]
fn change_to_an_equal_value_has_no_action() {
    let change = |before, after| Change::Tenant { before, after }.action();
    assert_eq!(change(Some(tenant(Some(1))), Some(tenant(Some(1)))), None);
    assert_eq!(
        change(Some(tenant(Some(1))), Some(tenant(Some(2)))),
        Some(Action::TenantUpdated)
    );
    assert_eq!(
        (
            change(None, Some(tenant(None))),
            change(Some(tenant(None)), None)
        ),
        (Some(Action::TenantCreated), Some(Action::TenantDeleted))
    );
    let change = |before, after| {
        Change::Policy {
            name: policy_name(),
            before,
            after,
        }
        .action()
    };
    assert_eq!(change(Some(policy("v1")), Some(policy("v1"))), None);
    assert_eq!(
        change(Some(policy("v1")), Some(policy("v2"))),
        Some(Action::PolicySet)
    );
    assert_eq!(
        change(Some(policy("v1")), None),
        Some(Action::PolicyDeleted)
    );
}

fn body(change: Change, revision: u64) -> EventBody {
    EventBody {
        confirmed_removal: None,
        action: change.action().unwrap(),
        actor: Actor {
            kind: "k".into(),
            id: format!("actor {revision}"),
            token: None,
        },
        change,
        epoch: Epoch::from_random([1; 8]),
        id: Uuid::nil(),
        item: 0,
        items: 1,
        occurred_at: jiff::Timestamp::from_second(i64::try_from(revision).unwrap())
            .unwrap()
            .into(),
        prev_hash: EventHash::GENESIS,
        reason: None,
        request_id: String::new(),
        revision: Revision(revision),
        source_ip: None,
        tenant: "t".parse().unwrap(),
        trace_id: None,
    }
}

#[test]
fn last_item_of_a_revision_is_recognised() {
    let tenant = Some(TenantSpec {
        allowed_hosts: Vec::new(),
        quotas: Default::default(),
    });
    let body = body(
        Change::Tenant {
            before: None,
            after: tenant,
        },
        1,
    );
    let is_last = |item, items| {
        EventBody {
            item,
            items,
            ..body.clone()
        }
        .is_last_item()
    };
    assert!(is_last(0, 1) && is_last(1, 2) && !is_last(0, 2) && !is_last(1, 3));
}

#[test]
fn created_fields_come_from_the_first_event_updated_from_last() {
    let name = RouteName {
        service: "s".parse().unwrap(),
        env: "e".parse().unwrap(),
        version: "v".parse().unwrap(),
    };
    let route = |before, after| Change::Route {
        name: name.clone(),
        before,
        after,
    };
    let (a, b) = (spec("http://a", true), spec("http://b", true));
    let (made, changed) = (
        body(route(None, Some(a.clone())), 1),
        body(route(Some(a.clone()), Some(b.clone())), 2),
    );
    let since = changed.route_since(&made).unwrap();
    assert_eq!(
        (&since.name, &since.spec, since.revision),
        (&name, &b, Revision(2))
    );
    assert_eq!(
        (since.created_at, since.created_by.as_str()),
        (made.occurred_at, "actor 1")
    );
    assert_eq!(
        (since.updated_at, since.updated_by.as_str()),
        (changed.occurred_at, "actor 2")
    );
    assert_eq!(body(route(Some(a), None), 3).route_since(&made), None);
    assert_eq!(changed.policy_since(&made), None);

    let change = |before, after| Change::Policy {
        name: policy_name(),
        before,
        after,
    };
    let (made, changed) = (
        body(change(None, Some(policy("v1"))), 1),
        body(change(Some(policy("v1")), Some(policy("v2"))), 2),
    );
    let since = changed.policy_since(&made).unwrap();
    assert_eq!(
        (&since.name, &since.spec, since.revision),
        (&policy_name(), &policy("v2"), Revision(2))
    );
    assert_eq!(
        (since.created_at, since.created_by.as_str()),
        (made.occurred_at, "actor 1")
    );
    assert_eq!(
        (since.updated_at, since.updated_by.as_str()),
        (changed.occurred_at, "actor 2")
    );
    assert_eq!(
        body(change(Some(policy("v1")), None), 3).policy_since(&made),
        None
    );
    assert_eq!(changed.route_since(&made), None);
}

#[test]
fn event_subject_reads_back_equal() {
    let (on, off) = (spec("http://a", true), spec("http://a", false));
    for change in [
        Change::Route {
            name: policy_name().route(&"v".parse().unwrap()),
            before: Some(on),
            after: Some(off),
        },
        Change::Policy {
            name: policy_name(),
            before: None,
            after: Some(policy("v")),
        },
        Change::Policy {
            name: policy_name(),
            before: Some(policy("v")),
            after: None,
        },
        Change::Tenant {
            before: Some(tenant(None)),
            after: Some(tenant(Some(3))),
        },
    ] {
        let body = body(change, 1);
        let json = serde_json::to_string(&body).unwrap();
        assert_eq!(
            serde_json::from_str::<EventBody>(&json).unwrap(),
            body,
            "{json}"
        );
    }
}

#[test]
fn event_types_match_the_contract() {
    assert_eq!(
        Action::Created.ce_type(1),
        "trafficmanager.route.created.v1"
    );
    assert_eq!(
        Action::PolicyDeleted.ce_type(1),
        "trafficmanager.route.policy_deleted.v1"
    );
}

#[test]
fn item_ids_increment_and_lead_back_to_the_first() {
    let id = Uuid::from_u128(0x0123_4567_89ab_7def_bfff_ffff_ffff_ffff);
    assert_eq!(id_of_item(id, 0), id);
    let next = Uuid::from_u128(0x0123_4567_89ab_7def_8000_0000_0000_0000);
    assert_eq!(id_of_item(id, 1), next, "version and variant stay");
    let small = Uuid::from_u128(0x0123_4567_89ab_7def_8000_0000_0000_0005);
    assert_eq!(id_of_item(small, 3).as_u128() - small.as_u128(), 3);
    for item in [0, 1, 9999] {
        assert_eq!(id_of_first(id_of_item(id, item), item), id);
    }
}

#[test]
fn action_names_in_json_match_the_contract() {
    for action in Action::ALL {
        assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
    }
}

#[test]
fn confirmed_removal_is_covered_by_the_hash_and_left_out_where_there_is_none() {
    let change = Change::Route {
        name: policy_name().route(&"v1".parse().unwrap()),
        before: Some(spec("http://a", true)),
        after: None,
    };
    let plain = crate::chain::seal(body(change.clone(), 3)).unwrap();
    let json = serde_json::to_value(&plain).unwrap();
    assert!(!json.as_object().unwrap().contains_key("confirmed_removal"));
    let removal = Removal {
        env: Some("e".parse().unwrap()),
        left_routes: 0,
        removed_policies: 0,
        removed_routes: 1,
        service: None,
    };
    let marked = crate::chain::seal(EventBody {
        confirmed_removal: Some(removal),
        ..body(change, 3)
    });
    let marked = marked.unwrap();
    assert_ne!(marked.hash, plain.hash);
    let bytes = crate::chain::canonical(&marked).unwrap();
    assert_eq!(serde_json::from_slice::<Event>(&bytes).unwrap(), marked);
    let mut json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert!(crate::chain::check(&json).is_ok());
    assert_eq!(
        json["confirmed_removal"],
        serde_json::json!({"env": "e", "left_routes": 0, "removed_policies": 0, "removed_routes": 1})
    );
    json["confirmed_removal"]["left_routes"] = 1.into();
    assert!(crate::chain::check(&json).is_err());
}
