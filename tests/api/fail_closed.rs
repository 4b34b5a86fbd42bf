//! `audit.fail_closed`, and a history that refuses events: no change without its audit event, and
//! reads go on.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, eventually};

/// Starts a service with `audit.fail_closed`. Without a relay nothing is published, so the backlog
/// is all written events.
async fn closing(overrides: &[&str]) -> TestApp {
    let app = TestApp::with(&[&["audit.fail_closed=true"], overrides].concat()).await;
    eventually("the outbox was counted", async || {
        (app.ops("/health/resilience").expect(200).await.json["backlog"]["events"] == 0)
            .then_some(())
    })
    .await;
    app
}

fn route(tenant: &str, version: usize) -> Value {
    json!({ "tenant": tenant, "service": "web", "env": "prod", "version": format!("v{version}"), "url": "http://a.example/" })
}

async fn write(app: &TestApp, version: usize) -> Answer {
    app.post("/routes")
        .json(&route("acme", version))
        .send()
        .await
}

/// Writes until a write is refused. Returns the number of accepted writes, and the refusal.
async fn until_refused(app: &TestApp) -> (usize, Answer) {
    for version in 0..2000 {
        let answer = write(app, version).await;
        if answer.status != 201 {
            return (version, answer);
        }
    }
    panic!("2000 writes were accepted");
}

async fn reads_go_on(app: &TestApp) {
    app.get("/routes/resolve?tenant=acme&service=web&env=prod&version=v0")
        .expect(200)
        .await;
    app.get("/routes/acme/web/prod/v0").expect(200).await;
    app.get("/tenants/acme/snapshot").expect(200).await;
    app.get("/routes?tenant=acme").expect(200).await;
}

async fn works_again(app: &TestApp) {
    eventually("writes work again", async || {
        (write(app, 9000).await.status.is_success()).then_some(())
    })
    .await;
    app.get("/routes/acme/web/prod/v9000").expect(200).await;
}

fn assert_closed(answer: &Answer) {
    answer.assert_problem("a write");
    assert_eq!(
        (answer.status.as_u16(), &answer.json["code"]),
        (503, &json!("audit_backlog")),
        "{}",
        answer.json
    );
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_closed_stops_writes_at_the_limit_until_it_drains() {
    let app = closing(&["audit.max_unpublished_events=3"]).await;
    let (written, refused) = until_refused(&app).await;
    assert!(written > 3, "{written} writes were accepted");
    assert_closed(&refused);
    let before = app.db.fingerprint().await;
    let path = "/routes/acme/web/prod/v0";
    assert_closed(
        &app.put(path)
            .json(&json!({ "url": "http://new" }))
            .send()
            .await,
    );
    assert_closed(
        &app.patch(path)
            .json(&json!({ "url": "http://new" }))
            .send()
            .await,
    );
    assert_closed(&app.delete(path).send().await);
    assert_closed(&app.post(&format!("{path}/deactivate")).send().await);
    assert_closed(
        &app.post("/tenants")
            .json(&json!({ "name": "new" }))
            .send()
            .await,
    );
    assert_closed(&app.delete("/tenants/acme?confirm=acme").send().await);
    assert_eq!(
        app.db.fingerprint().await,
        before,
        "a refused write leaves nothing"
    );
    reads_go_on(&app).await;
    let ready = app.ops("/health/ready").expect(200).await.json;
    assert_eq!(
        (&ready["status"], &ready["ready"]),
        (&json!("degraded"), &json!(true))
    );
    let check = &ready["checks"]["audit_backlog"];
    assert!(
        check["status"] == "degraded"
            && check["detail"]
                .as_str()
                .unwrap()
                .contains("not published yet, limit 3"),
        "{check}"
    );
    let metrics = String::from_utf8(app.ops("/metrics").expect(200).await.bytes).unwrap();
    assert!(
        metrics.contains("tm_write_outcomes_total{result=\"unpublished\"}"),
        "{metrics}"
    );
    assert!(metrics.contains("\ntm_audit_writes_closed "), "{metrics}");
    // Empties the outbox, as a relay does.
    app.db.execute("delete from outbox", &[]).await;
    works_again(&app).await;
    assert_eq!(
        app.ops("/health/ready").expect(200).await.json["checks"]["audit_backlog"]["status"],
        "healthy"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_closed_stops_writes_when_the_oldest_event_is_too_old() {
    let app = closing(&["audit.max_unpublished_seconds=60"]).await;
    assert_eq!(write(&app, 0).await.status, 201);
    app.db
        .execute(
            "update outbox set created_at = now() - interval '2 minutes'",
            &[],
        )
        .await;
    let refused = eventually("a write is refused", async || {
        let answer = write(&app, 1).await;
        (answer.status != 201 && answer.status != 200).then_some(answer)
    })
    .await;
    assert_closed(&refused);
    reads_go_on(&app).await;
    app.db.execute("delete from outbox", &[]).await;
    works_again(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_closed_stops_writes_when_the_backlog_is_unknown() {
    let app = closing(&[]).await;
    assert_eq!(write(&app, 0).await.status, 201);
    app.db
        .execute("revoke select on outbox from traffic_manager_app", &[])
        .await;
    let refused = eventually("a write is refused", async || {
        let answer = write(&app, 1).await;
        (!answer.status.is_success()).then_some(answer)
    })
    .await;
    assert_closed(&refused);
    assert!(
        refused.json["detail"]
            .as_str()
            .unwrap()
            .contains("is unknown"),
        "{}",
        refused.json
    );
    reads_go_on(&app).await;
    app.db
        .execute("grant select on outbox to traffic_manager_app", &[])
        .await;
    works_again(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_fail_closed_writes_continue_with_any_backlog() {
    let app = TestApp::with(&[
        "audit.max_unpublished_events=1",
        "audit.max_unpublished_seconds=1",
    ])
    .await;
    for version in 0..5 {
        assert_eq!(write(&app, version).await.status, 201);
    }
    app.db
        .execute(
            "update outbox set created_at = now() - interval '1 day'",
            &[],
        )
        .await;
    eventually("the age is seen", async || {
        let backlog = app.ops("/health/resilience").expect(200).await.json["backlog"].clone();
        (backlog["oldest_seconds"].as_f64() > Some(80_000.0)).then_some(())
    })
    .await;
    assert_eq!(write(&app, 6).await.status, 201);
    assert!(
        app.ops("/health/ready").expect(200).await.json["checks"]
            .get("audit_backlog")
            .is_none()
    );
}

/// T9: whichever of the two tables refuses the event, the change is refused, and not as a defect.
#[tokio::test(flavor = "multi_thread")]
async fn change_is_undone_if_its_event_cannot_be_written() {
    let app = TestApp::start().await;
    assert_eq!(write(&app, 0).await.status, 201);
    let function = "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$";
    app.db.execute(function, &[]).await;
    for table in ["route_events", "outbox"] {
        let trigger = format!(
            "create trigger refuses before insert on {table} for each row execute function refuse()"
        );
        app.db.execute(&trigger, &[]).await;
        let before = app.db.fingerprint().await;
        let refused = app
            .post("/routes")
            .json(&route("acme", 1))
            .problem(503, "unavailable")
            .await;
        assert!(
            refused.json["detail"]
                .as_str()
                .unwrap()
                .contains("cannot be recorded"),
            "{table}: {}",
            refused.json
        );
        app.put("/routes/acme/web/prod/v0")
            .json(&json!({ "url": "http://new" }))
            .problem(503, "unavailable")
            .await;
        app.delete("/routes/acme/web/prod/v0")
            .problem(503, "unavailable")
            .await;
        app.post("/routes")
            .json(&route("new", 0))
            .problem(503, "unavailable")
            .await;
        assert_eq!(app.db.fingerprint().await, before, "{table}");
        reads_go_on(&app).await;
        assert_eq!(
            app.get("/routes/acme/web/prod/v0").expect(200).await.json["url"],
            "http://a.example/"
        );
        app.db
            .execute(&format!("drop trigger refuses on {table}"), &[])
            .await;
        app.db.execute("delete from outbox", &[]).await;
        assert_eq!(
            app.post("/routes")
                .json(&route("acme", 2))
                .send()
                .await
                .status,
            if table == "outbox" { 200 } else { 201 }
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_database_right_gives_503_and_not_500() {
    let app = TestApp::start().await;
    assert_eq!(write(&app, 0).await.status, 201);
    app.db
        .execute(
            "revoke insert on route_events from traffic_manager_app",
            &[],
        )
        .await;
    app.post("/routes")
        .json(&route("acme", 1))
        .problem(503, "unavailable")
        .await;
    reads_go_on(&app).await;
    app.db
        .execute("grant insert on route_events to traffic_manager_app", &[])
        .await;
    works_again(&app).await;
}

/// Uses one lane, so that the events meet in one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn refused_event_does_not_affect_its_group() {
    let app = TestApp::with(&["write.lanes=1"]).await;
    for tenant in ["acme", "bad"] {
        app.post("/routes")
            .json(&route(tenant, 0))
            .expect(201)
            .await;
    }
    let function = "create function refuse() returns trigger language plpgsql as $$ begin \
                    if new.tenant = 'bad' then raise exception 'no'; end if; return new; end $$";
    app.db.execute(function, &[]).await;
    app.db.execute("create trigger refuses before insert on route_events for each row execute function refuse()", &[]).await;
    let writes = (1..=20)
        .flat_map(|version| [("acme", version), ("bad", version)])
        .map(async |(tenant, version)| {
            let answer = app
                .post("/routes")
                .json(&route(tenant, version))
                .send()
                .await;
            (tenant, answer.status.as_u16())
        });
    for (tenant, status) in futures_util::future::join_all(writes).await {
        assert_eq!(status, if tenant == "bad" { 503 } else { 201 }, "{tenant}");
    }
}
