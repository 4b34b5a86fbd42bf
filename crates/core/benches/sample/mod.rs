//! A tenant with many routes, and a change of one of them.

use traffic_manager_core::{
    chain::seal,
    event::{Action, Actor, Change, EventBody, Recorded},
    hash::EventHash,
    ids::RouteName,
    route::RouteSpec,
    snapshot::{Applied, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::{Epoch, Revision, VersionTag},
};

/// Parses a text that is valid by construction.
fn valid<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a valid text")
}

/// Returns the names of service, environment and version of a route.
pub fn names(number: usize) -> [String; 3] {
    [
        format!("service-{}", number / 100),
        format!("env-{}", number / 10 % 10),
        format!("v{}", number % 10),
    ]
}

fn route_name(number: usize) -> RouteName {
    let [service, env, version] = names(number);
    RouteName {
        service: valid(&service),
        env: valid(&env),
        version: valid(&version),
    }
}

/// Returns the snapshot of a tenant with `routes` routes: each service has ten environments with
/// ten versions each.
pub fn snapshot(routes: usize) -> TenantSnapshot {
    let route = |number| SnapshotRoute {
        name: route_name(number),
        url: valid(&format!("https://host-{number}.example.com/")),
        is_active: true,
        labels: Default::default(),
        revision: Revision(1),
    };
    let routes: Vec<_> = (0..routes).map(route).collect();
    let mut scopes: Vec<_> = routes
        .iter()
        .map(|route| {
            (
                route.name.service.clone(),
                route.name.env.clone(),
                Revision(1),
            )
        })
        .collect();
    scopes.dedup();
    let tag = VersionTag {
        epoch: Epoch::from_random([7; 8]),
        revision: Revision(1),
    };
    TenantSnapshot::new(
        valid("t000000"),
        TenantContent {
            confirmed: None,
            tag,
            routes,
            policies: Vec::new(),
            scopes,
            waiters: None,
        },
    )
    .expect("a snapshot")
}

/// Returns an event body for one route that follows the revision of [`snapshot`].
pub fn change(number: usize) -> EventBody {
    let url = valid("https://changed.example.com/");
    EventBody {
        confirmed_removal: None,
        id: valid("01a1fcdf-562d-701c-82c5-2bdba91a6ac5"),
        tenant: valid("t000000"),
        epoch: Epoch::from_random([7; 8]),
        revision: Revision(2),
        item: 0,
        items: 1,
        action: Action::Updated,
        change: Change::Route {
            name: route_name(number),
            before: None,
            after: Some(RouteSpec {
                url,
                is_active: true,
                labels: Default::default(),
                description: None,
            }),
        },
        actor: Actor {
            kind: "anonymous".into(),
            id: "anonymous".into(),
            token: None,
        },
        reason: None,
        request_id: "01a1fcdf-562d-701c-82c5-2bdba91a6ac6".into(),
        trace_id: None,
        source_ip: Some("127.0.0.1".into()),
        occurred_at: valid("2026-11-21T05:48:00.123456Z"),
        prev_hash: EventHash::GENESIS,
    }
}

/// Returns the snapshot after an event.
pub fn after(snapshot: &TenantSnapshot, event: &Recorded) -> TenantSnapshot {
    match snapshot.apply(std::iter::once(event)) {
        Ok(Applied::Next(next)) => next,
        other => panic!("the event does not follow: {other:?}"),
    }
}

/// Returns the event of a body, as it is published.
pub fn recorded(body: EventBody) -> Recorded {
    let event = seal(body).expect("an event");
    let json = serde_json::to_vec(&event).expect("an event").into();
    Recorded { event, json }
}
