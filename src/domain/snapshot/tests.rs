use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{
    chain,
    event::{Action, Actor, EventBody},
    hash::EventHash,
    route::RouteSpec,
    tag::Epoch,
};

fn name(service: &str, env: &str, version: &str) -> RouteName {
    RouteName { service: service.parse().unwrap(), env: env.parse().unwrap(), version: version.parse().unwrap() }
}

fn route(version: &str, is_active: bool, revision: u64) -> SnapshotRoute {
    let url = "http://a/\"quoted".parse().unwrap();
    SnapshotRoute { name: name("s", "e", version), url, is_active, labels: Labels::default(), revision: Revision(revision) }
}

fn tag(revision: u64) -> VersionTag {
    VersionTag { epoch: Epoch::from_random([7; 8]), revision: Revision(revision) }
}

fn snapshot(revision: u64, routes: Vec<SnapshotRoute>) -> TenantSnapshot {
    TenantSnapshot::new("t".parse().unwrap(), TenantContent { tag: tag(revision), routes, scopes: Vec::new() }).unwrap()
}

/// The digest as a reader of the documentation would compute it.
fn digest(routes: &[Value]) -> String {
    let mut services: BTreeMap<&str, Sha256> = BTreeMap::new();
    for route in routes {
        let sum = services.entry(route["service"].as_str().unwrap()).or_default();
        sum.update(Sha256::digest(chain::canonical(route).unwrap()));
    }
    let mut sum = Sha256::new();
    services.into_values().for_each(|service| sum.update(service.finalize()));
    hex::encode(sum.finalize())
}

#[test]
fn the_body_is_canonical_sorted_and_holds_only_active_routes() {
    let snapshot = snapshot(3, vec![route("v2", true, 3), route("v3", false, 2), route("v1", true, 1)]);
    let bytes = snapshot.body(&Scope::default());
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(chain::canonical(&body).unwrap(), bytes);
    let routes = body["routes"].as_array().unwrap();
    let versions: Vec<_> = routes.iter().map(|r| r["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["v1", "v2"]);
    assert_eq!(body["digest"], digest(routes));
    assert!(snapshot.get("s", "e", "v3").is_some_and(|route| !route.is_active));
    assert!(snapshot.get("s", "e", "v4").is_none() && snapshot.get("x", "e", "v1").is_none());
}

#[test]
fn an_empty_tenant_has_a_body_too() {
    let body: Value = serde_json::from_slice(&snapshot(3, vec![]).body(&Scope::default())).unwrap();
    assert_eq!(body["routes"], json!([]));
    assert_eq!(body["revision"], 3);
    assert_eq!(body["digest"], digest(&[]));
}

#[test]
fn resolve_is_the_json_that_serde_would_write() {
    let tenant: TenantName = "t".parse().unwrap();
    let body: Value = serde_json::from_slice(&resolve_body(&tenant, &route("v1", true, 9)).unwrap()).unwrap();
    let want = json!({"tenant": "t", "service": "s", "env": "e", "version": "v1", "url": "http://a/\"quoted", "revision": 9});
    assert_eq!(body, want);
}

fn recorded(revision: u64, name: RouteName, after: Option<RouteSpec>) -> Recorded {
    let body = EventBody {
        id: Uuid::nil(),
        tenant: "t".parse().unwrap(),
        epoch: tag(0).epoch,
        revision: Revision(revision),
        item: 0,
        items: 1,
        action: Action::Updated,
        route: name,
        before: None,
        after,
        actor: Actor { kind: "test".into(), id: "test".into() },
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

#[test]
fn changes_are_remembered_without_a_gap_and_not_for_ever() {
    let mut held = snapshot(5, vec![]);
    assert_eq!(held.changes_after(Revision(5)).unwrap().count(), 0);
    assert!(held.changes_after(Revision(4)).is_none());
    for revision in 6..6 + 2 * RECENT as u64 {
        let Applied::Next(next) = held.apply([&recorded(revision, name("s", "e", "v1"), None)]).unwrap() else { panic!() };
        held = next;
    }
    let newest = held.tag().revision.0;
    let remembered: Vec<_> = held.changes_after(Revision(newest - RECENT as u64)).unwrap().map(|r| r.revision.0).collect();
    assert_eq!(remembered, (newest - RECENT as u64 + 1..=newest).collect::<Vec<_>>());
    assert!(held.changes_after(Revision(newest - RECENT as u64 - 1)).is_none());
}

/// A change: service, environment, version, and what becomes of the route.
type Step = (u8, u8, u8, Option<bool>);

proptest! {
    /// However it came about, the same content at the same revision gives the same bytes, tags and lookups; and a tag of a scope moves
    /// exactly when the scope is touched.
    #[test]
    fn a_snapshot_moved_by_events_equals_one_that_was_loaded(
        steps in proptest::collection::vec((0..3_u8, 0..2_u8, 0..3_u8, proptest::option::of(proptest::bool::ANY)), 1..40),
        groups in 1..4_usize,
    ) {
        let named = |(s, e, v, _): &Step| name(&format!("s{s}"), &format!("e{e}"), &format!("v{v}"));
        let mut moved = snapshot(0, vec![]);
        let mut content = TenantContent { tag: tag(0), routes: vec![], scopes: vec![] };
        let all: Vec<Recorded> = steps.iter().zip(1..).map(|(step, revision)| {
            let after = step.3.map(|is_active| RouteSpec {
                url: format!("http://h/{revision}").parse().unwrap(), is_active, labels: Labels::default(), description: None,
            });
            recorded(revision, named(step), after)
        }).collect();
        let scopes: Vec<Scope> = [None, Some(0), Some(1), Some(2), Some(9)].into_iter()
            .flat_map(|s| [None, Some(0), Some(1), Some(9)].map(|e| Scope {
                service: s.map(|s| format!("s{s}").parse().unwrap()),
                env: e.map(|e| format!("e{e}").parse().unwrap()),
            })).collect();
        for events in all.chunks(groups) {
            let before: Vec<_> = scopes.iter().map(|scope| (moved.scope_tag(scope), moved.body(scope))).collect();
            let Applied::Next(next) = moved.apply(events).unwrap() else { panic!("a gap") };
            for recorded in events {
                let body = &recorded.event.body;
                content.routes.retain(|route| route.name != body.route);
                content.routes.extend(body.after.as_ref().map(|spec| SnapshotRoute {
                    name: body.route.clone(), url: spec.url.clone(), is_active: spec.is_active, labels: spec.labels.clone(),
                    revision: body.revision,
                }));
                content.scopes.retain(|(s, e, _)| (s, e) != (&body.route.service, &body.route.env));
                content.scopes.push((body.route.service.clone(), body.route.env.clone(), body.revision));
                content.tag = recorded.event.tag();
            }
            let loaded = TenantSnapshot::new("t".parse().unwrap(), content.clone()).unwrap();
            for (scope, (tag, body)) in scopes.iter().zip(before) {
                prop_assert_eq!(next.body(scope), loaded.body(scope));
                prop_assert_eq!(next.scope_tag(scope), loaded.scope_tag(scope));
                let touched = events.iter().any(|r| scope.has(&r.event.body.route.service, &r.event.body.route.env));
                prop_assert_eq!(next.scope_tag(scope) != tag, touched);
                if !touched && !scope.is_whole() {
                    prop_assert_eq!(next.body(scope), body);
                }
            }
            for route in &content.routes {
                let RouteName { service, env, version } = &route.name;
                prop_assert_eq!(next.get(service.as_str(), env.as_str(), version.as_str()), Some(route));
            }
            prop_assert_eq!(next.len(), content.routes.len());
            let again = TenantSnapshot::new("t".parse().unwrap(), next.content()).unwrap();
            prop_assert_eq!(again.body(&Scope::default()), next.body(&Scope::default()));
            moved = next;
        }
    }
}
