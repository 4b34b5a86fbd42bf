//! The prototype's paths: its clients send these bodies and read these members.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

fn members(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

const ROUTE: [&str; 13] = [
    "created_at",
    "created_by",
    "description",
    "env",
    "is_active",
    "labels",
    "revision",
    "service",
    "tenant",
    "updated_at",
    "updated_by",
    "url",
    "version",
];

#[tokio::test(flavor = "multi_thread")]
async fn prototype_clients_keep_working_unchanged() {
    let app = TestApp::start().await;
    let key = json!({ "tenant": "team-a", "service": "payments", "env": "prod", "version": "v2" });
    let mut body = key.clone();
    body["url"] = json!("http://payments-v2.internal:8080");
    let created = app.post("/routes").json(&body).expect(201).await;
    assert_eq!(members(&created.json), ROUTE);
    assert_eq!(created.json["is_active"], true);

    let resolve = "/routes/resolve?tenant=team-a&service=payments&env=prod&version=v2";
    let mut want = body.clone();
    want["revision"] = json!(1);
    assert_eq!(app.get(resolve).expect(200).await.json, want);
    app.get("/routes/resolve?tenant=team-a&service=payments&env=prod&version=v3")
        .problem(404, "route_not_found")
        .await;

    let off = app.post("/routes/deactivate").json(&key).expect(200).await;
    assert_eq!(
        (members(&off.json), off.json["is_active"].as_bool()),
        (ROUTE.to_vec(), Some(false))
    );
    app.get(resolve).problem(404, "route_inactive").await;
    let on = app.post("/routes/activate").json(&key).expect(200).await;
    assert_eq!(
        (members(&on.json), on.json["is_active"].as_bool()),
        (ROUTE.to_vec(), Some(true))
    );
    want["revision"] = json!(3);
    assert_eq!(app.get(resolve).expect(200).await.json, want);

    body["url"] = json!("http://payments-v2b.internal:8080");
    let changed = app.post("/routes").json(&body).expect(200).await;
    assert_eq!(members(&changed.json), ROUTE);
    let missing =
        json!({ "tenant": "team-a", "service": "payments", "env": "prod", "version": "v9" });
    for form in ["activate", "deactivate"] {
        app.post(&format!("/routes/{form}"))
            .json(&missing)
            .problem(404, "route_not_found")
            .await;
    }
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/health/resilience",
    ] {
        assert!(
            app.call(Method::GET, path)
                .expect(200)
                .await
                .json
                .is_object(),
            "{path}"
        );
    }
}
