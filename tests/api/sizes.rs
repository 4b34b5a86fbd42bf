//! The size limit of events: every write that would make a larger event is refused with its place,
//! whoever the caller is.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

/// Returns the largest policy that the limits of policies allow. Each byte of a value takes two
/// bytes in JSON.
fn largest() -> Value {
    let headers = |rule: usize| -> Value {
        (0..16)
            .map(|header| {
                (
                    format!("x-{rule}-{header}"),
                    json!({ "exact": "\"".repeat(512) }),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let rules: Vec<_> = (0..64)
        .map(|rule| json!({ "name": format!("r{rule}"), "match": { "headers": headers(rule) }, "version": "v1" }))
        .collect();
    json!({ "failover": ["v1"], "rules": rules })
}

fn named(policy: &Value) -> Value {
    let mut named = policy.clone();
    named.as_object_mut().unwrap().extend([
        ("service".to_owned(), json!("web")),
        ("env".to_owned(), json!("prod")),
    ]);
    named
}

fn refused(answer: &Answer, pointer: &str) {
    assert_eq!(
        (answer.status.as_u16(), &answer.json["code"]),
        (422, &json!("invalid_request")),
        "{}",
        answer.json
    );
    let error = &answer.json["errors"][0];
    assert_eq!(
        (&error["pointer"], &error["code"]),
        (&json!(pointer), &json!("too_large")),
        "{error}"
    );
    assert!(
        error["detail"].as_str().unwrap().contains("web/prod"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn change_with_a_too_large_event_is_refused_everywhere() {
    let app = TestApp::with(&["http.max_body_bytes=4194304"]).await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let policy = largest();
    refused(
        &app.put("/policies/acme/web/prod")
            .json(&policy)
            .send()
            .await,
        "",
    );
    let route = json!({ "action": "put", "route": { "service": "web", "env": "prod", "version": "v2", "url": "http://b" } });
    let change = json!({ "action": "put", "policy": named(&policy) });
    refused(
        &app.post("/tenants/acme/batch")
            .json(&json!({ "changes": [route, change] }))
            .send()
            .await,
        "/changes/1/policy",
    );
    let document = json!({ "routes": [], "policies": [named(&policy)] });
    refused(
        &app.post("/tenants/acme/plans").json(&document).send().await,
        "/policies/0",
    );
    app.put("/policies/acme/web/prod")
        .json(&json!({ "failover": ["v1"] }))
        .expect(201)
        .await;
    refused(
        &app.patch("/policies/acme/web/prod")
            .json(&json!({ "rules": policy["rules"] }))
            .send()
            .await,
        "",
    );
    let revision = app.get("/tenants/acme").expect(200).await.json["revision"].clone();
    assert_eq!(revision, 2, "refused changes wrote no row");
    assert_eq!(app.db.count("select count(*) from outbox").await, 2);
}
