use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    chain,
    event::{Action, Actor, EventBody},
    hash::EventHash,
    route::{RouteSpec, RouteUrl},
    tag::Epoch,
    tenant::{Quotas, TenantSpec},
};

mod confirmed;

fn name(service: &str, env: &str, version: &str) -> RouteName {
    RouteName {
        service: service.parse().unwrap(),
        env: env.parse().unwrap(),
        version: version.parse().unwrap(),
    }
}

fn route(version: &str, is_active: bool, revision: u64) -> SnapshotRoute {
    let url = RouteUrl::stored("http://a/\"quoted".to_owned());
    SnapshotRoute {
        name: name("s", "e", version),
        url,
        is_active,
        labels: Labels::default(),
        revision: Revision(revision),
    }
}

fn tag(revision: u64) -> VersionTag {
    VersionTag {
        epoch: Epoch::from_random([7; 8]),
        revision: Revision(revision),
    }
}

fn snapshot(revision: u64, routes: Vec<SnapshotRoute>) -> TenantSnapshot {
    TenantSnapshot::new(
        "t".parse().unwrap(),
        TenantContent {
            confirmed: None,
            tag: tag(revision),
            routes,
            policies: Vec::new(),
            scopes: Vec::new(),
            waiters: None,
        },
    )
    .unwrap()
}

/// Returns what a scope has, as JSON.
fn json_of(snapshot: &TenantSnapshot, scope: &Scope) -> Vec<u8> {
    let listing = snapshot.listing(scope);
    assert_eq!(snapshot.digest(scope), listing.digest);
    let list = |of: fn(&Part<'_>) -> Vec<u8>| {
        let bytes = listing.parts.iter().flat_map(of).collect::<Vec<_>>();
        let text = String::from_utf8(bytes).unwrap();
        format!("[{}]", text.trim_end_matches(','))
    };
    let policies = list(|part| part.policies.clone());
    let routes = list(|part| part.routes.to_vec());
    let digest = hex::encode(listing.digest);
    format!(r#"{{"digest":"{digest}","policies":{policies},"routes":{routes}}}"#).into()
}

/// Computes the digest as the documentation describes it.
fn digest(routes: &[Value], policies: &[Value]) -> String {
    let mut services: BTreeMap<&str, Sha256> = BTreeMap::new();
    for object in routes.iter().chain(policies) {
        let sum = services
            .entry(object["service"].as_str().unwrap())
            .or_default();
        sum.update(Sha256::digest(chain::canonical(object).unwrap()));
    }
    let mut sum = Sha256::new();
    services
        .into_values()
        .for_each(|service| sum.update(service.finalize()));
    hex::encode(sum.finalize())
}

fn recorded(revision: u64, (item, items): (u32, u32), change: Change) -> Recorded {
    let body = EventBody {
        confirmed_removal: None,
        id: Uuid::nil(),
        tenant: "t".parse().unwrap(),
        epoch: tag(0).epoch,
        revision: Revision(revision),
        item,
        items,
        action: Action::Updated,
        change,
        actor: Actor {
            kind: "test".into(),
            id: "test".into(),
            token: None,
        },
        reason: None,
        request_id: String::new(),
        trace_id: None,
        source_ip: None,
        occurred_at: jiff::Timestamp::UNIX_EPOCH.into(),
        prev_hash: EventHash::GENESIS,
    };
    let event = chain::seal(body).unwrap();
    let json = chain::canonical(&event).unwrap().into();
    Recorded { event, json }
}

/// Returns all events of a revision, one for each change.
fn revision(revision: u64, changes: Vec<Change>) -> Vec<Recorded> {
    let items = u32::try_from(changes.len()).unwrap();
    changes
        .into_iter()
        .zip(0..)
        .map(|(change, item)| recorded(revision, (item, items), change))
        .collect()
}

fn set(version: &str, is_active: bool) -> Change {
    let spec = RouteSpec {
        url: "http://a".parse().unwrap(),
        is_active,
        labels: Labels::default(),
        description: None,
    };
    Change::Route {
        name: name("s", "e", version),
        before: None,
        after: Some(spec),
    }
}

fn policy_spec(n: u64) -> PolicySpec {
    let value = json!({ "split": [{ "version": "v1", "weight": 1 + n % 9 }], "hosts": [format!("h{n}.example")], "failover": ["v2"] });
    serde_json::from_value(value).unwrap()
}

fn set_policy(service: &str, env: &str, after: Option<PolicySpec>) -> Change {
    let name = PolicyName {
        service: service.parse().unwrap(),
        env: env.parse().unwrap(),
    };
    Change::Policy {
        name,
        before: None,
        after,
    }
}

fn set_waiters(waiters: Option<u32>) -> Change {
    Change::Tenant {
        before: None,
        after: Some(TenantSpec {
            allowed_hosts: Vec::new(),
            quotas: Quotas {
                waiters,
                ..Quotas::default()
            },
        }),
    }
}

fn next(held: &TenantSnapshot, events: &[Recorded]) -> TenantSnapshot {
    match held.apply(events).unwrap() {
        Applied::Next(next) => next,
        other => panic!("{other:?}"),
    }
}

#[test]
fn revision_of_many_items_applies_whole_or_not_at_all() {
    let held = snapshot(5, vec![route("v1", true, 5)]);
    let whole = revision(
        6,
        vec![
            set("v2", true),
            set_policy("s", "e", Some(policy_spec(1))),
            set("v3", true),
        ],
    );
    let body = json_of(&held, &Scope::default());
    for wrong in [
        &whole[..1],
        &whole[..2],
        &whole[1..],
        &[whole[0].clone(), whole[2].clone()],
        &[whole[1].clone(), whole[0].clone(), whole[2].clone()],
    ] {
        assert!(matches!(held.apply(wrong).unwrap(), Applied::Gap));
    }
    // An incomplete revision after a complete one is a gap too, and nothing of either is applied.
    let mut broken = whole.clone();
    broken.extend_from_slice(&revision(7, vec![set("v4", true), set("v5", true)])[..1]);
    assert!(matches!(held.apply(&broken).unwrap(), Applied::Gap));
    assert_eq!(json_of(&held, &Scope::default()), body);

    let after = next(&held, &whole);
    assert_eq!((after.tag(), after.route_count()), (&tag(6), 3));
    assert!(matches!(after.apply(&whole).unwrap(), Applied::Known));
    // Events that are known already may come again before new ones.
    let mut again = whole;
    again.extend(revision(7, vec![set("v4", true), set("v5", false)]));
    assert_eq!(next(&after, &again).route_count(), 5);
    assert!(matches!(
        after.apply(&revision(8, vec![set("v4", true)])).unwrap(),
        Applied::Gap
    ));
}

#[test]
fn tenant_deletion_ends_its_snapshot() {
    let held = snapshot(5, vec![route("v1", true, 5)]);
    let gone = Change::Route {
        name: name("s", "e", "v1"),
        before: None,
        after: None,
    };
    let end = revision(
        6,
        vec![
            gone,
            Change::Tenant {
                before: None,
                after: None,
            },
        ],
    );
    assert!(matches!(held.apply(&end).unwrap(), Applied::Ended));
    assert!(matches!(held.apply(&end[..1]).unwrap(), Applied::Gap));
}

#[test]
fn revision_larger_than_the_memory_is_not_kept_in_part() {
    let mut held = next(&snapshot(5, vec![]), &revision(6, vec![set("v1", true)]));
    let many = (0..=RECENT).map(|n| set(&format!("x{n}"), true)).collect();
    held = next(&held, &revision(7, many));
    assert_eq!(held.route_count(), RECENT + 2);
    for after in [5, 6] {
        assert!(held.changes_after(Revision(after)).is_none(), "{after}");
    }
    assert_eq!(held.changes_after(Revision(7)).unwrap().count(), 0);
    // Only whole revisions are forgotten: after the next revision, the one that filled the memory
    // is gone with all of its items.
    let full = (0..RECENT).map(|n| set(&format!("y{n}"), true)).collect();
    held = next(&held, &revision(8, full));
    assert_eq!(held.changes_after(Revision(7)).unwrap().count(), RECENT);
    held = next(&held, &revision(9, vec![set("v1", false)]));
    assert!(held.changes_after(Revision(7)).is_none());
    assert_eq!(held.changes_after(Revision(8)).unwrap().count(), 1);
}

#[test]
fn tenant_change_moves_the_whole_tag_and_no_scope_tag() {
    let held = next(
        &snapshot(5, vec![route("v1", true, 4)]),
        &revision(6, vec![set_waiters(Some(3))]),
    );
    let part = Scope {
        service: Some("s".parse().unwrap()),
        env: None,
    };
    assert_eq!(
        (
            held.waiters(),
            held.scope_tag(&Scope::default()),
            held.scope_tag(&part)
        ),
        (Some(3), tag(6), tag(4))
    );
    let recent: Vec<_> = held.changes_after(Revision(5)).unwrap().collect();
    assert!(recent[0].is_in(&Scope::default()) && !recent[0].is_in(&part));
    assert_eq!(
        next(&held, &revision(7, vec![set_waiters(None)])).waiters(),
        None
    );
}

#[test]
fn body_has_sorted_policies_and_the_digest_covers_them() {
    let changes = vec![
        set_policy("s", "f", Some(policy_spec(2))),
        set("v1", true),
        set_policy("r", "e", Some(policy_spec(3))),
    ];
    let held = next(&snapshot(5, vec![]), &revision(6, changes));
    let bytes = json_of(&held, &Scope::default());
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(chain::canonical(&body).unwrap(), bytes);
    let (routes, policies) = (
        body["routes"].as_array().unwrap(),
        body["policies"].as_array().unwrap(),
    );
    let places: Vec<_> = policies
        .iter()
        .map(|p| (p["service"].as_str().unwrap(), p["env"].as_str().unwrap()))
        .collect();
    assert_eq!(places, [("r", "e"), ("s", "f")]);
    assert_eq!(body["digest"], digest(routes, policies));
    let mut want = serde_json::to_value(policy_spec(2)).unwrap();
    for (member, value) in [
        ("service", json!("s")),
        ("env", json!("f")),
        ("revision", json!(6)),
    ] {
        want[member] = value;
    }
    assert_eq!(policies[1], want);
    let narrowed = Scope {
        service: None,
        env: Some("f".parse().unwrap()),
    };
    let body: Value = serde_json::from_slice(&json_of(&held, &narrowed)).unwrap();
    assert_eq!(
        (
            body["routes"].as_array().unwrap().len(),
            body["policies"].as_array().unwrap().len()
        ),
        (0, 1)
    );
    assert_eq!(
        body["digest"],
        digest(&[], body["policies"].as_array().unwrap())
    );
    assert_eq!(held.policy("s", "f").unwrap().spec, policy_spec(2));
    assert!(held.policy("s", "e").is_none() && held.policy("x", "f").is_none());
}

#[test]
fn recent_changes_have_no_gap_and_a_bounded_number() {
    let mut held = snapshot(5, vec![]);
    assert_eq!(held.changes_after(Revision(5)).unwrap().count(), 0);
    assert!(held.changes_after(Revision(4)).is_none());
    for number in 6..6 + 2 * RECENT as u64 {
        held = next(&held, &revision(number, vec![set("v1", number % 2 == 0)]));
    }
    let newest = held.tag().revision.0;
    let remembered: Vec<_> = held
        .changes_after(Revision(newest - RECENT as u64))
        .unwrap()
        .map(|r| r.revision.0)
        .collect();
    assert_eq!(
        remembered,
        (newest - RECENT as u64 + 1..=newest).collect::<Vec<_>>()
    );
    assert!(
        held.changes_after(Revision(newest - RECENT as u64 - 1))
            .is_none()
    );
    assert_eq!(held.changes_after(Revision(newest - 1)).unwrap().count(), 1);
}

#[test]
fn environment_body_has_only_its_own_routes() {
    let routes = ["d", "e", "f"].map(|env| SnapshotRoute {
        name: name("s", env, "v"),
        ..route("v", true, 3)
    });
    let held = snapshot(3, routes.to_vec());
    for env in ["d", "e", "f", "g"] {
        let scope = Scope {
            service: None,
            env: Some(env.parse().unwrap()),
        };
        let body: Value = serde_json::from_slice(&json_of(&held, &scope)).unwrap();
        let envs: Vec<_> = body["routes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["env"].as_str().unwrap())
            .collect();
        assert_eq!(envs, if env == "g" { vec![] } else { vec![env] });
    }
}

#[test]
fn service_weight_grows_with_its_content() {
    let weight = |routes: Vec<SnapshotRoute>, changes: Vec<Change>| {
        let held = snapshot(5, routes);
        let held = if changes.is_empty() {
            held
        } else {
            next(&held, &revision(6, changes))
        };
        held.services[0].weight()
    };
    let long = SnapshotRoute {
        url: format!("http://a/{}", "x".repeat(1000)).parse().unwrap(),
        ..route("v1", true, 3)
    };
    let one = weight(vec![route("v1", true, 3)], vec![]);
    assert!((size_of::<SnapshotRoute>()..2000).contains(&one), "{one}");
    assert!(
        weight(vec![long], vec![]) > one + 1900,
        "its URL is held twice"
    );
    assert!(
        weight(vec![route("v1", true, 3), route("v2", true, 3)], vec![])
            > one + size_of::<SnapshotRoute>()
    );
    assert!(
        weight(
            vec![route("v1", true, 3)],
            vec![set_policy("s", "e", Some(policy_spec(2)))]
        ) > one + 300
    );
}

#[test]
fn snapshot_weight_is_the_sum_of_its_parts() {
    let (empty, mut held) = (snapshot(5, vec![]), snapshot(5, vec![route("v1", true, 4)]));
    assert_eq!(empty.weight(), size_of::<TenantSnapshot>());
    let service = held.services[0].weight();
    assert!(service > 0);
    assert_eq!(held.weight(), empty.weight() + service);
    let events = revision(6, vec![set_waiters(Some(3))]);
    held = next(&held, &events);
    assert_eq!(
        held.weight(),
        empty.weight() + service + events[0].json.len() + size_of::<Recent>()
    );
}

/// A change: service, environment, version, and the new state of the route, or (without a version)
/// of the policy. `None` deletes it.
type Step = (u8, u8, Option<u8>, Option<bool>);

fn change((service, env, version, after): &Step, number: u64) -> Change {
    let (service, env) = (format!("s{service}"), format!("e{env}"));
    let Some(version) = version else {
        return set_policy(&service, &env, after.map(|_| policy_spec(number)));
    };
    let after = after.map(|is_active| {
        let url = format!("http://h/{number}").parse().unwrap();
        RouteSpec {
            url,
            is_active,
            labels: Labels::default(),
            description: None,
        }
    });
    Change::Route {
        name: name(&service, &env, &format!("v{version}")),
        before: None,
        after,
    }
}

/// Applies a recorded event to plain lists, as the reference for [`TenantSnapshot`].
fn follow(content: &mut TenantContent, recorded: &Recorded) {
    let body = &recorded.event.body;
    let revision = body.revision;
    match body.change.clone() {
        Change::Route { name, after, .. } => {
            content.routes.retain(|route| route.name != name);
            content.routes.extend(after.map(
                |RouteSpec {
                     url,
                     is_active,
                     labels,
                     ..
                 }| SnapshotRoute {
                    name,
                    url,
                    is_active,
                    labels,
                    revision,
                },
            ));
        }
        Change::Policy { name, after, .. } => {
            content.policies.retain(|policy| policy.name != name);
            content.policies.extend(after.map(|spec| SnapshotPolicy {
                name,
                spec,
                revision,
            }));
        }
        Change::Tenant { after, .. } => content.waiters = after.unwrap().quotas.waiters,
    }
    if let Some((service, env)) = body.change.place() {
        content.scopes.retain(|(s, e, _)| (s, e) != (service, env));
        content
            .scopes
            .push((service.clone(), env.clone(), revision));
    }
    content.tag = recorded.event.tag();
}

fn scopes() -> Vec<Scope> {
    let named = |prefix: &str, n: Option<u8>| n.map(|n| format!("{prefix}{n}"));
    let both = [None, Some(0), Some(1), Some(2), Some(9)]
        .into_iter()
        .flat_map(|s| [None, Some(0), Some(1), Some(9)].map(|e| (s, e)));
    both.map(|(s, e)| Scope {
        service: named("s", s).map(|name| name.parse().unwrap()),
        env: named("e", e).map(|name| name.parse().unwrap()),
    })
    .collect()
}

#[test]
fn stream_of_a_part_may_skip_revisions_and_items() {
    let held = snapshot(3, vec![route("v1", true, 1)]);
    let part = Scope {
        service: None,
        env: Some("e".parse().unwrap()),
    };
    let route = |version: &str| Change::Route {
        name: name("s", "e", version),
        before: None,
        after: Some(RouteSpec {
            url: RouteUrl::stored("http://b/".to_owned()),
            is_active: true,
            labels: Labels::default(),
            description: None,
        }),
    };
    let far = vec![recorded(7, (1, 3), route("v2"))];
    let Applied::Next(next) = held.follow(&far, &part).unwrap() else {
        panic!("not applied");
    };
    assert_eq!((next.tag(), next.route_count()), (&tag(7), 2));
    assert!(matches!(
        held.follow(&far, &Scope::default()),
        Ok(Applied::Gap)
    ));
    assert!(matches!(next.follow(&far, &part), Ok(Applied::Known)));
    assert!(matches!(next.follow(&[], &part), Ok(Applied::Known)));
    let two = [
        recorded(8, (0, 1), route("v3")),
        recorded(9, (0, 1), route("v4")),
    ];
    assert!(matches!(next.follow(&two, &part), Ok(Applied::Gap)));
    let mut other = recorded(8, (0, 1), route("v3"));
    other.event.body.epoch = Epoch::from_random([8; 8]);
    assert!(matches!(next.follow(&[other], &part), Ok(Applied::Gap)));
}

proptest! {
    /// The same content at the same revision gives the same bytes, tags and lookups, whether it was
    /// loaded or built from events. The tag of a scope changes exactly when a change touches the
    /// scope.
    #[test]
    fn snapshot_built_from_events_equals_the_loaded_one(
        steps in proptest::collection::vec(
            (0..3_u8, 0..2_u8, proptest::option::weighted(0.7, 0..3_u8), proptest::option::of(proptest::bool::ANY)), 1..40),
        sizes in proptest::collection::vec(1..4_usize, 40),
        groups in 1..4_usize,
        waiters in proptest::option::of(0..3_u32),
    ) {
        let mut moved = snapshot(0, vec![]);
        let mut content = moved.content();
        // Revisions of several sizes. The first one changes the tenant.
        let mut revisions = vec![revision(1, vec![set_waiters(waiters)])];
        let mut rest = steps.as_slice();
        for (size, number) in sizes.into_iter().zip(2..) {
            let (these, others) = rest.split_at(size.min(rest.len()));
            rest = others;
            let mut changes: Vec<_> = Vec::new();
            for (step, at) in these.iter().zip(0..) {
                // An object changes at most once in a revision.
                if !these[..at].iter().any(|earlier| (earlier.0, earlier.1, earlier.2) == (step.0, step.1, step.2)) {
                    changes.push(change(step, number));
                }
            }
            if !changes.is_empty() {
                revisions.push(revision(number, changes));
            }
        }
        for group in revisions.chunks(groups) {
            let events: Vec<Recorded> = group.iter().flatten().cloned().collect();
            let before: Vec<_> = scopes().iter().map(|scope| (moved.scope_tag(scope), json_of(&moved, scope))).collect();
            let next = next(&moved, &events);
            events.iter().for_each(|recorded| follow(&mut content, recorded));
            let loaded = TenantSnapshot::new("t".parse().unwrap(), content.clone()).unwrap();
            for (scope, (tag, body)) in scopes().iter().zip(before) {
                prop_assert_eq!(json_of(&next, scope), json_of(&loaded, scope));
                prop_assert_eq!(next.scope_tag(scope), loaded.scope_tag(scope));
                let mut places = events.iter().map(|recorded| recorded.event.body.change.place());
                let touched = scope.is_whole() || places.any(|place| place.is_some_and(|(service, env)| scope.has(service, env)));
                prop_assert_eq!(next.scope_tag(scope) != tag, touched);
                if !touched {
                    prop_assert_eq!(json_of(&next, scope), body);
                }
            }
            for route in &content.routes {
                let RouteName { service, env, version } = &route.name;
                prop_assert_eq!(next.get(service.as_str(), env.as_str(), version.as_str()), Some(route));
            }
            for policy in &content.policies {
                prop_assert_eq!(next.policy(policy.name.service.as_str(), policy.name.env.as_str()), Some(policy));
            }
            prop_assert_eq!((next.route_count(), next.waiters()), (content.routes.len(), waiters));
            // `content()` returns the content from which the snapshot was built, in any order.
            let mut given = next.content();
            given.scopes.sort();
            given.routes.sort_by(|a, b| a.name.cmp(&b.name));
            given.policies.sort_by(|a, b| a.name.cmp(&b.name));
            content.scopes.sort();
            content.routes.sort_by(|a, b| a.name.cmp(&b.name));
            content.policies.sort_by(|a, b| a.name.cmp(&b.name));
            prop_assert_eq!(&given, &content);
            moved = next;
        }
    }
}
