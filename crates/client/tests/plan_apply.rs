//! Plans against a scripted server: what is applied is what was seen.

#[path = "calls/server.rs"]
mod server;

use serde_json::{Value, json};
use server::{Server, answer, problem};
use traffic_manager_api_types::Code;
use traffic_manager_client::{Applied, Confirmations, Document};

/// Returns the plan of a number, with a change of the route to this URL.
fn plan(number: u8, url: &str) -> Value {
    json!({
        "id": format!("plan-{number}"), "hash": number.to_string().repeat(64), "tenant": "acme",
        "base": "0123456789abcdef.1", "active_routes": [20, 20], "created_by": "a", "reason": null,
        "created_at": "2026-11-21T08:03:37Z", "expires_at": "2026-11-22T08:03:37Z", "prune": false,
        "scope": {"env": null, "service": null}, "warnings": [],
        "summary": {"create": 1, "update": 0, "delete": 0, "unchanged": 0},
        "changes": [{"action": "create", "key": {"service": "s", "env": "e", "version": "v1"},
            "before": null, "after": {"url": url}}],
    })
}

fn stale(plan: &Value) -> String {
    problem(409, "plan_stale", &[], &format!(r#","plan":{plan}"#))
}

fn done() -> String {
    let body = json!({"tenant": "acme", "revision": 2,
        "summary": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}});
    answer(200, &["etag: \"0123456789abcdef.2\""], &body.to_string())
}

fn made(plan: &Value) -> String {
    answer(201, &[], &plan.to_string())
}

fn gone() -> String {
    answer(204, &[], "")
}

#[tokio::test]
async fn new_plan_with_the_same_changes_is_applied() {
    let (first, second) = (plan(1, "http://a"), plan(2, "http://a"));
    let server = Server::start(&[made(&first), stale(&second), gone(), done()]).await;
    let document = Document::Yaml("routes: []".to_owned());
    let client = server.client();
    let mut planned = client.plan("acme", &document, Some("why")).await.unwrap();
    let confirmed = Confirmations {
        shrink: true,
        in_use: false,
    };
    let applied = planned.apply(confirmed).await.unwrap();
    assert!(matches!(applied, Applied::Done(write) if write.value.revision == 2));
    let seen = server.seen();
    assert_eq!(seen[0].header("content-type"), Some("application/yaml"));
    assert_eq!(
        (seen[0].body.as_str(), seen[0].header("x-reason")),
        ("routes: []", Some("why"))
    );
    assert_eq!(seen[2].line, "DELETE /api/v1/tenants/acme/plans/plan-1");
    let body: Value = serde_json::from_str(&seen[3].body).unwrap();
    let hash = "2".repeat(64);
    assert_eq!(body, json!({"hash": hash, "confirm_shrink": hash}));
}

#[tokio::test]
async fn new_plan_with_other_changes_is_given_back() {
    let (first, second) = (plan(1, "http://a"), plan(2, "http://b"));
    let server = Server::start(&[made(&first), stale(&second), gone(), gone()]).await;
    let document = Document::Json(json!({"routes": []}));
    let mut planned = server.client().plan("acme", &document, None).await.unwrap();
    let applied = planned.apply(Confirmations::default()).await.unwrap();
    assert_eq!(applied, Applied::Stale);
    assert_eq!(planned.plan().id, "plan-2");
    planned.discard().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[1].body, json!({"hash": "1".repeat(64)}).to_string());
    assert_eq!(seen[3].line, "DELETE /api/v1/tenants/acme/plans/plan-2");
}

#[tokio::test]
async fn missing_confirmation_is_an_error_of_the_caller() {
    let refusal = problem(409, "shrink_not_confirmed", &[], "");
    let server = Server::start(&[made(&plan(1, "http://a")), refusal]).await;
    let client = server.client();
    let mut planned = client.plan_rollback("acme", "41", None).await.unwrap();
    let error = planned.apply(Confirmations::default()).await.unwrap_err();
    assert!(error.problem().unwrap().is(Code::ShrinkNotConfirmed));
    assert_eq!(server.seen()[0].body, r#"{"to":"41"}"#);
    assert_eq!(server.seen().len(), 2);
}
