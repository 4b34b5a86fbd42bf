//! Forced breaker states: limited in time, shown in the report, recorded in the access log.

use serde_json::{Value, json};

use crate::support::{Call, TestApp, eventually};

const DRILL: &str = "/resilience/postgres_primary/drill";

/// Starts a service whose access log events wait in `PostgreSQL`, where the test can read them.
async fn app() -> TestApp {
    TestApp::with(&["access_log.poll_ms=60000"]).await
}

fn write(app: &TestApp) -> Call {
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
}

async fn primary(app: &TestApp) -> Value {
    let report = app.ops("/health/resilience").expect(200).await.json;
    let all = report["dependencies"].as_array().unwrap();
    all.iter()
        .find(|one| one["name"] == "postgres_primary")
        .unwrap()
        .clone()
}

async fn logged_actions(app: &TestApp) -> Vec<(String, String)> {
    let sql = "select event->>'action', event->>'reason' from access_outbox where event->>'kind' = 'operated' order by id";
    app.db
        .rows(sql, &[])
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

#[tokio::test]
async fn breaker_forced_open_refuses_calls_until_it_is_released() {
    let app = app().await;
    write(&app).expect(201).await;
    app.get("/tenants/acme/snapshot").expect(200).await;
    let begun = app
        .post(DRILL)
        .json(&json!({ "state": "open", "seconds": 60 }))
        .expect(200)
        .await
        .json;
    assert_eq!(
        (&begun["breaker"], &begun["drill"]["state"]),
        (&json!("open"), &json!("open"))
    );
    write(&app).problem(503, "unavailable").await;
    app.get("/tenants/acme/snapshot").expect(200).await;
    let seen = primary(&app).await;
    assert_eq!(
        (&seen["breaker"], &seen["breaker_moves"][0]["drill"]),
        (&json!("open"), &json!(true))
    );
    assert!(
        (1..=60).contains(&seen["drill"]["seconds_left"].as_u64().unwrap()),
        "{seen}"
    );
    // A second forced state cannot be recorded in the access log now, so it is refused.
    app.post(DRILL)
        .json(&json!({ "state": "closed", "seconds": 60 }))
        .problem(503, "unavailable")
        .await;
    assert_eq!(primary(&app).await["breaker"], "open");
    app.delete(DRILL).expect(204).await;
    write(&app).expect(200).await;
    assert_eq!(primary(&app).await["drill"], json!(null));
    let expected = [
        ("breaker_forced_open", "postgres_primary for 60 s"),
        ("breaker_released", "postgres_primary"),
    ];
    assert_eq!(
        logged_actions(&app).await,
        expected.map(|(action, what)| (action.to_owned(), what.to_owned()))
    );
}

#[tokio::test]
async fn forced_state_ends_by_itself() {
    let app = app().await;
    app.post(DRILL)
        .json(&json!({ "state": "open", "seconds": 4 }))
        .expect(200)
        .await;
    write(&app).problem(503, "unavailable").await;
    eventually("calls go through again", async || {
        (write(&app).send().await.status == 201).then_some(())
    })
    .await;
    assert_eq!(primary(&app).await["breaker"], "closed");
}

#[tokio::test]
async fn forced_state_needs_a_known_dependency_and_a_bounded_time() {
    let app = TestApp::with(&[
        "access_log.poll_ms=60000",
        "resilience.max_forced_state_seconds=10",
    ])
    .await;
    for seconds in [0, 11] {
        let refused = app
            .post(DRILL)
            .json(&json!({ "state": "open", "seconds": seconds }))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(refused.json["errors"][0]["pointer"], "/seconds");
    }
    app.post(DRILL)
        .json(&json!({ "state": "ajar", "seconds": 1 }))
        .problem(422, "invalid_request")
        .await;
    for call in [
        app.post("/resilience/nothing/drill")
            .json(&json!({ "state": "open", "seconds": 1 })),
        app.delete("/resilience/nothing/drill"),
    ] {
        call.problem(404, "dependency_not_found").await;
    }
    assert_eq!(logged_actions(&app).await, []);
    assert_eq!(primary(&app).await["breaker"], "closed");
}
