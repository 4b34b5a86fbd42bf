//! The bodies of the native dialect, byte for byte.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use traffic_manager_core::{
    chain,
    ids::{RouteName, TenantName},
    policy::PolicySpec,
    route::{Labels, RouteUrl},
    snapshot::{Scope, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::{Epoch, Revision, VersionTag},
};
use traffic_manager_dataplane::native;

fn route(version: &str, is_active: bool, revision: u64) -> SnapshotRoute {
    SnapshotRoute {
        name: RouteName {
            service: "s".parse().unwrap(),
            env: "e".parse().unwrap(),
            version: version.parse().unwrap(),
        },
        url: RouteUrl::stored("http://a/\"quoted".to_owned()),
        is_active,
        labels: Labels::default(),
        revision: Revision(revision),
    }
}

fn snapshot(
    revision: u64,
    routes: Vec<SnapshotRoute>,
    policies: Vec<SnapshotPolicy>,
) -> TenantSnapshot {
    let tag = VersionTag {
        epoch: Epoch::from_random([7; 8]),
        revision: Revision(revision),
    };
    let content = TenantContent {
        confirmed: None,
        tag,
        routes,
        policies,
        scopes: Vec::new(),
        waiters: None,
    };
    TenantSnapshot::new("t".parse().unwrap(), content).unwrap()
}

/// Computes the digest of one service as the documentation describes it.
fn digest(objects: &[Value]) -> String {
    let service = objects.iter().fold(Sha256::new(), |sum, object| {
        sum.chain_update(Sha256::digest(chain::canonical(object).unwrap()))
    });
    let services = if objects.is_empty() {
        Vec::new()
    } else {
        service.finalize().to_vec()
    };
    hex::encode(Sha256::digest(services))
}

#[test]
fn body_is_canonical_and_sorted_with_active_routes_only() {
    let routes = [("v2", true, 3), ("v3", false, 2), ("v1", true, 1)];
    let routes = routes.map(|(version, is_active, revision)| route(version, is_active, revision));
    let snapshot = snapshot(3, routes.into(), vec![]);
    let bytes = native::snapshot(&snapshot, &Scope::default());
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(chain::canonical(&body).unwrap(), bytes);
    let routes = body["routes"].as_array().unwrap();
    let versions: Vec<_> = routes
        .iter()
        .map(|route| route["version"].as_str().unwrap())
        .collect();
    assert_eq!(versions, ["v1", "v2"]);
    assert_eq!(body["digest"], digest(routes));
    let inactive = snapshot.get("s", "e", "v3");
    assert!(inactive.is_some_and(|route| !route.is_active));
    assert!(snapshot.get("s", "e", "v4").is_none());
    assert!(snapshot.get("x", "e", "v1").is_none());
}

#[test]
fn empty_tenant_has_a_snapshot_body() {
    let bytes = native::snapshot(&snapshot(3, vec![], vec![]), &Scope::default());
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(body["routes"], json!([]));
    assert_eq!(body["revision"], 3);
    assert_eq!(body["digest"], digest(&[]));
}

#[test]
fn body_with_a_policy_has_exactly_these_bytes() {
    let spec: PolicySpec = serde_json::from_value(json!({
        "hosts": ["shop.example.com"], "path_prefix": "/", "split": [{"version": "v1", "weight": 1}],
        "rules": [], "sticky_by": null, "failover": [],
    }))
    .unwrap();
    let policy = SnapshotPolicy {
        name: serde_json::from_value(json!({"service": "s", "env": "e"})).unwrap(),
        spec,
        revision: Revision(2),
    };
    let snapshot = snapshot(2, vec![route("v1", true, 1)], vec![policy]);
    let bytes = native::snapshot(&snapshot, &Scope::default());
    let text = String::from_utf8(bytes).unwrap();
    let want = concat!(
        r#"{"digest":"de0890bea8153302ad20e19791574d8fb656a4e65d6d18dbad7e4f4261701a81","#,
        r#""epoch":"0707070707070707","policies":[{"env":"e","failover":[],"#,
        r#""hosts":["shop.example.com"],"path_prefix":"/","revision":2,"rules":[],"service":"s","#,
        r#""split":[{"version":"v1","weight":1}],"sticky_by":null}],"revision":2,"#,
        r#""routes":[{"env":"e","labels":{},"revision":1,"service":"s","#,
        r#""url":"http://a/\"quoted","version":"v1"}],"tenant":"t"}"#
    );
    assert_eq!(text, want);
}

#[test]
fn resolve_body_equals_the_serde_json() {
    let tenant: TenantName = "t".parse().unwrap();
    let body = native::resolve(&tenant, &route("v1", true, 9)).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let want = json!({"tenant": "t", "service": "s", "env": "e", "version": "v1", "url": "http://a/\"quoted", "revision": 9});
    assert_eq!(body, want);
}
