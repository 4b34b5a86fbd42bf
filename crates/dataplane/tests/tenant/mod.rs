//! A tenant that changes.

use traffic_manager_core::{
    chain::seal,
    event::{Action, Actor, Change, EventBody, Recorded},
    hash::EventHash,
    ids::{PolicyName, RouteName},
    policy::PolicySpec,
    route::{Labels, RouteSpec},
    snapshot::{Applied, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::{Epoch, Revision, VersionTag},
};

/// Returns a route that is active.
pub fn route(name: RouteName, url: &str) -> SnapshotRoute {
    SnapshotRoute {
        name,
        url: url.parse().unwrap(),
        is_active: true,
        labels: Labels::default(),
        revision: Revision(1),
    }
}

/// Returns a tenant at its first revision.
pub fn tenant(
    name: &str,
    routes: Vec<SnapshotRoute>,
    policies: Vec<(PolicyName, PolicySpec)>,
) -> TenantSnapshot {
    let policy = |(name, spec)| SnapshotPolicy {
        name,
        spec,
        revision: Revision(1),
    };
    let content = TenantContent {
        confirmed: None,
        tag: VersionTag {
            epoch: Epoch::from_random([7; 8]),
            revision: Revision(1),
        },
        routes,
        policies: policies.into_iter().map(policy).collect(),
        scopes: Vec::new(),
        waiters: None,
    };
    TenantSnapshot::new(name.parse().unwrap(), content).unwrap()
}

/// Returns the change that gives a route this URL.
pub fn route_change(name: RouteName, url: &str, is_active: bool) -> Change {
    let after = RouteSpec {
        url: url.parse().unwrap(),
        is_active,
        labels: Labels::default(),
        description: None,
    };
    Change::Route {
        name,
        before: None,
        after: Some(after),
    }
}

/// Returns the change that gives a policy this spec.
pub fn policy_change(name: PolicyName, after: Option<PolicySpec>) -> Change {
    Change::Policy {
        name,
        before: None,
        after,
    }
}

/// Returns the snapshot after one revision with these changes.
pub fn after(snapshot: &TenantSnapshot, changes: Vec<Change>) -> TenantSnapshot {
    let items = u32::try_from(changes.len()).unwrap();
    let events: Vec<_> = (0..items)
        .zip(changes)
        .map(|(item, change)| recorded(snapshot, item, items, change))
        .collect();
    match snapshot.apply(&events) {
        Ok(Applied::Next(next)) => next,
        other => panic!("the event does not follow: {other:?}"),
    }
}

fn recorded(snapshot: &TenantSnapshot, item: u32, items: u32, change: Change) -> Recorded {
    let body = EventBody {
        confirmed_removal: None,
        id: "01a1fcdf-562d-701c-82c5-2bdba91a6ac5".parse().unwrap(),
        tenant: snapshot.tenant().clone(),
        epoch: snapshot.tag().epoch.clone(),
        revision: snapshot.tag().revision.next(),
        item,
        items,
        action: Action::Updated,
        change,
        actor: Actor {
            kind: "anonymous".into(),
            id: "anonymous".into(),
            token: None,
        },
        reason: None,
        request_id: "01a1fcdf-562d-701c-82c5-2bdba91a6ac6".into(),
        trace_id: None,
        source_ip: Some("127.0.0.1".into()),
        occurred_at: "2026-11-21T05:48:00.123456Z".parse().unwrap(),
        prev_hash: EventHash::GENESIS,
    };
    let event = seal(body).unwrap();
    let json = serde_json::to_vec(&event).unwrap().into();
    Recorded { event, json }
}
