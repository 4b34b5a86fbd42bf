//! What the agent answers in the place of the service.

use reqwest::{Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use traffic_manager_core::snapshot::{Scope, TenantContent, TenantSnapshot, body};

use crate::common::{Agent, stage::Stage, tag};

/// A tenant whose policy has a rule for a header, and one with a pattern.
fn tenant() -> TenantSnapshot {
    let route = |version: &str, is_active: bool, revision: u64| {
        json!({
            "service": "shop", "env": "prod", "version": version, "url": format!("http://{version}.example/"),
            "is_active": is_active, "labels": {}, "revision": revision,
        })
    };
    let rule = |name: &str, header: &str, matching: Value, version: &str| json!({"name": name, "match": {"headers": {header: matching}}, "version": version});
    let content = json!({
        "tag": tag(9),
        "routes": [route("v1", true, 3), route("v2", true, 4), route("v3", false, 5)],
        "policies": [{
            "service": "shop", "env": "prod", "failover": [], "hosts": ["shop.example"], "path_prefix": "/",
            "split": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}], "sticky_by": null, "revision": 7,
            "rules": [
                rule("beta", "x-beta", json!({"exact": "yes"}), "v2"),
                rule("old", "x-agent", json!({"regex": "^old/[0-9]+$"}), "v1"),
            ],
        }],
        "scopes": [],
    });
    let content: TenantContent = serde_json::from_value(content).unwrap();
    TenantSnapshot::new("acme".parse().unwrap(), content).unwrap()
}

async fn running() -> (Stage, Agent) {
    let stage = Stage::new(tenant()).await;
    let agent = stage.agent();
    agent
        .shows("the state is live", |status| {
            status["tenants"]["acme"]["held"]["state"] == "live"
                && status["tenants"]["acme"]["held"]["tag"] == tag(9)
        })
        .await;
    (stage, agent)
}

async fn ask(agent: &Agent, path: &str, seen: Option<&str>) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(format!("http://{}{path}", agent.listen));
    if let Some(seen) = seen {
        request = request.header("if-none-match", format!("\"{seen}\""));
    }
    request.send().await.unwrap()
}

async fn resolve(agent: &Agent, query: &str) -> (StatusCode, HeaderMap, Value) {
    let path = format!("/api/v1/routes/resolve?tenant=acme&service=shop&env=prod&{query}");
    let answer = ask(agent, &path, None).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let json = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    (status, headers, json)
}

#[tokio::test(flavor = "multi_thread")]
async fn route_of_a_version_is_answered_with_its_own_tag() {
    let (_stage, agent) = running().await;
    let (status, headers, json) = resolve(&agent, "version=v1").await;
    assert_eq!(status, 200);
    let wanted = json!({
        "tenant": "acme", "service": "shop", "env": "prod", "version": "v1", "url": "http://v1.example/", "revision": 3,
    });
    assert_eq!(json, wanted);
    assert_eq!(headers["etag"], format!("\"{}\"", tag(3)).as_str());
    assert_eq!(headers["cache-control"], "no-cache");
    assert!(!headers.contains_key("tm-stale"), "{headers:?}");
    let path = "/api/v1/routes/resolve?tenant=acme&service=shop&env=prod&version=v1";
    assert_eq!(ask(&agent, path, Some(&tag(3))).await.status(), 304);
    assert_eq!(ask(&agent, path, Some(&tag(2))).await.status(), 200);
    let newer = ask(&agent, path, Some(&tag(10))).await;
    assert_eq!(newer.status(), 503, "the caller would go backwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_chooses_by_rule_and_by_key() {
    let (_stage, agent) = running().await;
    let (_, headers, json) = resolve(&agent, "header.X-Beta=yes&explain=true").await;
    assert_eq!(json["version"], "v2");
    assert_eq!(json["explanation"]["reason"], "rule");
    assert_eq!(json["explanation"]["rule"], "beta");
    assert_eq!(json["explanation"]["policy_revision"], 7);
    assert_eq!(headers["etag"], format!("\"{}\"", tag(9)).as_str());
    let (_, _, json) = resolve(&agent, "header.x-agent=old/7&explain=true").await;
    assert_eq!(
        (&json["version"], &json["explanation"]["rule"]),
        (&json!("v1"), &json!("old"))
    );
    let (_, _, first) = resolve(&agent, "key=alice").await;
    for _ in 0..10 {
        assert_eq!(resolve(&agent, "key=alice").await.2, first);
    }
    let (_, headers, _) = resolve(&agent, "").await;
    assert_eq!(headers["cache-control"], "no-store", "a random choice");
    assert!(!headers.contains_key("etag"), "{headers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_the_problems_of_the_service() {
    let (_stage, agent) = running().await;
    let cases = [
        ("version=v9", 404, "route_not_found"),
        ("version=v3", 404, "route_not_found"),
        ("version=v1&key=a", 422, "invalid_request"),
        ("version=v1&colour=red", 422, "invalid_request"),
        ("version=v1&version=v1", 422, "invalid_request"),
        ("explain=yes", 422, "invalid_request"),
        ("env=dev", 422, "invalid_request"),
        ("header.a%20b=1", 422, "invalid_request"),
        (&format!("key={}", "a".repeat(4097)), 422, "invalid_request"),
        (
            &format!("version=v1&min_revision={}", tag(10)),
            503,
            "revision_not_reached",
        ),
    ];
    for (query, status, code) in cases {
        let (got, headers, json) = resolve(&agent, query).await;
        assert_eq!(
            (got.as_u16(), &json["code"]),
            (status, &json!(code)),
            "{query}: {json}"
        );
        assert_eq!(json["type"], format!("/problems/{code}"));
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers.contains_key("retry-after"), status == 503);
    }
    let other = "/api/v1/routes/resolve?tenant=other&service=shop&env=prod&version=v1";
    let other = ask(&agent, other, None).await;
    assert_eq!(other.status(), 404);
    let other: Value = serde_json::from_slice(&other.bytes().await.unwrap()).unwrap();
    assert_eq!(other["code"], "tenant_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_is_the_bytes_of_the_service_also_without_it() {
    let (mut stage, agent) = running().await;
    let path = "/api/v1/tenants/acme/snapshot";
    let answer = ask(&agent, path, None).await;
    assert_eq!(answer.headers()["etag"], format!("\"{}\"", tag(9)).as_str());
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(bytes, body::write(&tenant(), &Scope::default()));
    assert_eq!(ask(&agent, path, Some(&tag(9))).await.status(), 304);
    for part in ["?env=prod", "?wait=5s", "?at=9"] {
        let refused = ask(&agent, &format!("{path}{part}"), None).await;
        assert_eq!(refused.status(), 422, "{part}");
    }
    let other = ask(&agent, "/api/v1/tenants/other/snapshot", None).await;
    assert_eq!(other.status(), 404);

    // The service goes: the same answers, with their age.
    stage.plane = None;
    let is_stale = |status: &Value| status["tenants"]["acme"]["held"]["state"] == "stale";
    agent.shows("the state is stale", is_stale).await;
    let stale = ask(&agent, path, None).await;
    let age = stale.headers()["tm-stale"].to_str().unwrap();
    assert!(age.parse::<u64>().is_ok(), "{age}");
    assert_eq!(stale.bytes().await.unwrap(), bytes);
    let (status, headers, _) = resolve(&agent, "version=v1").await;
    assert!(
        status == 200 && headers.contains_key("tm-stale"),
        "{headers:?}"
    );
}
