//! Health and metrics.

use serde_json::json;

use crate::support::{TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn both_listeners_answer_liveness() {
    let app = TestApp::start().await;
    let live = json!({ "status": "healthy", "ready": true, "version": env!("CARGO_PKG_VERSION") });
    for path in ["/health", "/health/live"] {
        assert_eq!(
            app.call(reqwest::Method::GET, path).expect(200).await.json,
            live
        );
        assert_eq!(app.ops(path).expect(200).await.json, live);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_lists_every_dependency() {
    let app = TestApp::start().await;
    let healthy = eventually("the primary and its replica are healthy", async || {
        let ready = app.ops("/health/ready").expect(200).await.json;
        (ready["status"] == "healthy").then_some(ready)
    })
    .await;
    let want = json!({
        "status": "healthy", "ready": true, "phase": "running",
        "checks": {
            "postgres_primary": { "status": "healthy" }, "postgres_replicas": { "status": "healthy" }, "set_aside": { "status": "healthy" },
        },
    });
    assert_eq!(healthy, want);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_replica_degrades_but_stays_ready() {
    // Nothing listens on port 1.
    let app = TestApp::with(&["postgres.replica_urls=postgres://nobody@127.0.0.1:1/nothing"]).await;
    app.post("/routes")
        .json(&json!({ "tenant": "t", "service": "s", "env": "e", "version": "v1", "url": "http://a" }))
        .expect(201)
        .await;
    app.get("/routes/t/s/e/v1").expect(200).await;
    let ready = eventually("the primary was checked", async || {
        let ready = app.ops("/health/ready").expect(200).await.json;
        (ready["checks"]["postgres_primary"]["status"] == "healthy").then_some(ready)
    })
    .await;
    assert_eq!(ready["status"], "degraded");
    assert_eq!(ready["checks"]["postgres_replicas"]["status"], "degraded");
    assert!(
        ready["checks"]["postgres_replicas"]["detail"]
            .as_str()
            .unwrap()
            .contains("primary")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn resilience_report_has_breakers_backlog_replicas_and_cache() {
    let app = TestApp::start().await;
    for version in ["v1", "v2"] {
        let route = json!({ "tenant": "t", "service": "s", "env": "e", "version": version, "url": "http://a" });
        app.post("/routes").json(&route).expect(201).await;
    }
    app.get("/tenants/t/snapshot").expect(200).await;
    let report = eventually("the two events are seen in the backlog", async || {
        let report = app.ops("/health/resilience").expect(200).await.json;
        (report["backlog"]["events"] == 2
            && report["replicas"][0]["is_fresh"] == true
            && report["cache"]["tenants"] == 1)
            .then_some(report)
    })
    .await;
    assert_eq!(report["draining"], false);
    assert!(report["backlog"]["oldest_seconds"].as_f64().unwrap() > 0.0);
    let names: Vec<_> = report["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "postgres_primary",
            "postgres_replica_1",
            "mongodb_queries",
            "mongodb_access",
            "kafka_dead_letters"
        ]
    );
    assert_eq!(report["replicas"][0]["name"], "postgres_replica_1");
    assert!(report["replicas"][0]["lag_bytes"].is_u64());
    assert_eq!(report["cache"]["stale_seconds"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_on_the_operations_listener_only() {
    let app = TestApp::start().await;
    app.get("/tenants/nobody/snapshot").expect(404).await;
    app.call(reqwest::Method::GET, "/metrics")
        .problem(404, "not_found")
        .await;
    let answer = app.ops("/metrics").expect(200).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = String::from_utf8(answer.bytes).unwrap();
    let counted = r#"tm_http_requests_total{method="GET",endpoint="/api/v1/tenants/{tenant}/snapshot",status="4xx"}"#;
    assert!(text.contains(counted), "{text}");
    assert!(
        text.contains(
            "# HELP tm_http_requests_total Requests answered, by endpoint and status class."
        ),
        "{text}"
    );
    app.ops("/api/v1/tenants").expect(404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_methods_share_one_metric_label() {
    let app = TestApp::start().await;
    app.call(
        reqwest::Method::from_bytes(b"BREW").unwrap(),
        "/api/v1/tenants",
    )
    .problem(405, "method_not_allowed")
    .await;
    let text = String::from_utf8(app.ops("/metrics").expect(200).await.bytes).unwrap();
    assert!(
        text.contains(
            r#"tm_http_requests_total{method="other",endpoint="/api/v1/tenants",status="4xx"}"#
        ),
        "{text}"
    );
    assert!(!text.contains("BREW"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_past_its_deadline_is_answered_and_counted() {
    let app = TestApp::with(&[
        "http.request_timeout_ms=400",
        "write.timeout_ms=300",
        "resilience.postgres_primary.timeout_ms=5000",
    ])
    .await;
    let held = app.db.lock("tenants").await;
    app.get("/tenants").problem(503, "deadline_exceeded").await;
    held.release().await;
    let text = String::from_utf8(app.ops("/metrics").expect(200).await.bytes).unwrap();
    assert!(
        text.contains(
            r#"tm_http_requests_total{method="GET",endpoint="/api/v1/tenants",status="5xx"}"#
        ),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn drained_service_accepts_no_connection() {
    let app = TestApp::start().await;
    let (api, ops) = (app.api.clone(), app.ops.clone());
    let _database = app.db.clone();
    app.drain().await;
    for base in [api, ops] {
        let error = crate::support::secure::get(&format!("{base}/health"))
            .await
            .unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }
}
