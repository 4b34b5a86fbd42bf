//! Preconditions and idempotency keys.

use serde_json::{Value, json};

use crate::support::TestApp;

const ROUTE: &str = "/routes/acme/web/prod/v1";

async fn events(app: &TestApp) -> i64 {
    app.db.count("select count(*) from route_events").await
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_accepts_only_the_current_tag() {
    let app = TestApp::start().await;
    let first = app
        .put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    // The route's tag is the tag of its own last change, whatever its neighbours do.
    app.put("/routes/acme/web/prod/v2")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let second = app
        .patch(ROUTE)
        .header("if-match", first.header("etag"))
        .json(&json!({ "url": "http://b" }))
        .expect(200)
        .await;
    assert_eq!(second.revision(), 3);

    let bodies = [
        ("PUT", json!({ "url": "http://c" })),
        ("PATCH", json!({ "url": "http://c" })),
        ("DELETE", Value::Null),
    ];
    for (method, body) in bodies {
        let method: reqwest::Method = method.parse().unwrap();
        for stale in [
            first.header("etag").to_owned(),
            format!("\"{}.2\"", first.epoch()),
            "\"0123456789abcdef.3\"".into(),
            "\"x\"".into(),
        ] {
            let call = app
                .call(method.clone(), &format!("/api/v1{ROUTE}"))
                .header("if-match", &stale);
            let call = if body.is_null() {
                call
            } else {
                call.json(&body)
            };
            let refused = call.problem(412, "precondition_failed").await;
            assert_eq!(
                refused.tag(),
                second.tag(),
                "the refusal carries the current tag"
            );
        }
    }
    for form in ["activate", "deactivate"] {
        app.post(&format!("{ROUTE}/{form}"))
            .header("if-match", first.header("etag"))
            .problem(412, "precondition_failed")
            .await;
    }
    // A weak tag never matches a route (RFC 9110 §13.1.1), whatever its revision.
    let weak = format!("W/{}", second.header("etag"));
    app.delete(ROUTE)
        .header("if-match", format!("W/{}", first.header("etag")))
        .problem(412, "precondition_failed")
        .await;
    app.delete(ROUTE)
        .header("if-match", &weak)
        .problem(412, "precondition_failed")
        .await;
    assert_eq!(events(&app).await, 3);

    let list = format!("\"x\", {weak}, {}", second.header("etag"));
    let third = app
        .patch(ROUTE)
        .header("if-match", list)
        .json(&json!({ "url": "http://c" }))
        .expect(200)
        .await;
    app.patch(ROUTE)
        .header("if-match", "*")
        .json(&json!({ "url": "http://d" }))
        .expect(200)
        .await;
    app.delete(ROUTE)
        .header("if-match", third.header("etag"))
        .problem(412, "precondition_failed")
        .await;
    app.delete(ROUTE).header("if-match", "*").expect(204).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_on_a_missing_object_is_refused() {
    let app = TestApp::start().await;
    for tag in ["*", "\"0123456789abcdef.1\""] {
        let refused = app
            .put(ROUTE)
            .header("if-match", tag)
            .json(&json!({ "url": "http://a" }))
            .problem(412, "precondition_failed")
            .await;
        assert_eq!(refused.header("etag"), "");
        app.delete(ROUTE)
            .header("if-match", tag)
            .problem(404, "route_not_found")
            .await;
    }
    assert_eq!(
        app.db.count("select count(*) from tenants").await,
        0,
        "a refused write makes no tenant"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_if_match_is_refused() {
    let app = TestApp::start().await;
    let route = app
        .put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let tag = route.tag();
    for malformed in [
        "",
        "x",
        &tag,
        &format!("\"{tag}"),
        &format!("{tag}\""),
        "\"a\" \"b\"x,",
        "W/x",
        "\"a\",,x",
    ] {
        app.delete(ROUTE)
            .header("if-match", malformed)
            .problem(400, "malformed_request")
            .await;
    }
    app.delete(ROUTE)
        .header("if-match", b"\"\xff\"")
        .problem(400, "malformed_request")
        .await;
    assert_eq!(events(&app).await, 1);
}

/// Found by tests/fuzz: lists were split at every comma.
#[tokio::test(flavor = "multi_thread")]
async fn entity_tag_may_contain_a_comma() {
    let app = TestApp::start().await;
    let route = app
        .put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let tag = route.header("etag");
    for list in [
        "\"a,b\"",
        "W/\",\" , \"x\"",
        "W/\"0123456789abcdef.1\",\",\"",
        "\"\"",
    ] {
        app.delete(ROUTE)
            .header("if-match", list)
            .problem(412, "precondition_failed")
            .await;
    }
    let list = format!("\"a,b\" ,, {tag},");
    app.delete(ROUTE)
        .header("if-match", &list)
        .expect(204)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn if_none_match_star_only_creates() {
    let app = TestApp::start().await;
    let created = app
        .put(ROUTE)
        .header("if-none-match", "*")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let body = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": "http://a" });
    let refused = app
        .post("/routes")
        .header("if-none-match", "*")
        .json(&body)
        .problem(412, "precondition_failed")
        .await;
    assert_eq!(
        refused.tag(),
        created.tag(),
        "even when nothing would change"
    );
    let refused = app
        .put(ROUTE)
        .header("if-none-match", created.header("etag"))
        .json(&json!({ "url": "http://b" }));
    let refused = refused.problem(422, "invalid_request").await;
    assert_eq!(refused.pointers(), ["If-None-Match:"]);
    app.delete(ROUTE).expect(204).await;
    app.put(ROUTE)
        .header("if-none-match", "*")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    assert_eq!(events(&app).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_key_replays_the_first_answer_after_changes() {
    let app = TestApp::start().await;
    let create = || {
        app.put(ROUTE)
            .header("idempotency-key", "k-1")
            .json(&json!({ "url": "http://a", "labels": { "x": "y" } }))
    };
    let first = create().expect(201).await;
    assert_eq!(first.header("idempotency-replayed"), "");
    let replayed = create().expect(201).await;
    assert_eq!(replayed.header("idempotency-replayed"), "true");
    assert_eq!((replayed.tag(), &replayed.json), (first.tag(), &first.json));
    assert_eq!(replayed.header("location"), first.header("location"));

    app.patch(ROUTE)
        .json(&json!({ "url": "http://b" }))
        .expect(200)
        .await;
    let replayed = create().expect(201).await;
    assert_eq!((replayed.tag(), &replayed.json), (first.tag(), &first.json));
    app.delete(ROUTE).expect(204).await;
    let replayed = create().expect(201).await;
    assert_eq!((replayed.tag(), &replayed.json), (first.tag(), &first.json));
    app.get(ROUTE).problem(404, "route_not_found").await;
    assert_eq!(events(&app).await, 3);
    // White space and the order of members are no part of the request.
    let spaced = app.put(ROUTE).header("idempotency-key", "k-1");
    let spaced = spaced
        .body(
            "application/json",
            "{ \"labels\":{\"x\":\"y\"},\n \"url\" : \"http:\\u002f/a\" }",
        )
        .expect(201)
        .await;
    assert_eq!(spaced.json, first.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_key_is_bound_to_its_request() {
    let app = TestApp::start().await;
    let key = |call: crate::support::Call| call.header("idempotency-key", "k");
    let first = key(app.put(ROUTE))
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    key(app.put(ROUTE))
        .json(&json!({ "url": "http://b" }))
        .problem(422, "idempotency_key_reused")
        .await;
    key(app.put("/routes/acme/web/prod/v2"))
        .json(&json!({ "url": "http://a" }))
        .problem(422, "idempotency_key_reused")
        .await;
    key(app.patch(ROUTE))
        .json(&json!({ "url": "http://a" }))
        .problem(422, "idempotency_key_reused")
        .await;
    key(app.delete(ROUTE))
        .problem(422, "idempotency_key_reused")
        .await;
    let conditional = key(app.put(ROUTE))
        .header("if-match", first.header("etag"))
        .json(&json!({ "url": "http://a" }));
    conditional.problem(422, "idempotency_key_reused").await;
    // Another tenant's key of the same text is another key.
    key(app.put("/routes/other/web/prod/v1"))
        .json(&json!({ "url": "http://b" }))
        .expect(201)
        .await;
    assert_eq!(events(&app).await, 2);
    assert_eq!(
        app.db.count("select count(*) from idempotency_keys").await,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn null_and_absent_member_are_different_requests() {
    let app = TestApp::start().await;
    app.put(ROUTE)
        .json(&json!({ "url": "http://a", "description": "d", "labels": { "k": "v" } }))
        .expect(201)
        .await;
    app.patch("/tenants/acme")
        .json(&json!({ "quotas": { "routes": 5 } }))
        .expect(200)
        .await;
    for (path, absent, null) in [
        (ROUTE, json!({}), json!({ "description": null })),
        (ROUTE, json!({}), json!({ "labels": null })),
        (ROUTE, json!({ "labels": {} }), json!({ "labels": null })),
        (
            "/tenants/acme",
            json!({}),
            json!({ "quotas": { "routes": null } }),
        ),
    ] {
        let key = null.to_string() + &absent.to_string();
        app.patch(path)
            .header("idempotency-key", &key)
            .json(&absent)
            .expect(200)
            .await;
        app.patch(path)
            .header("idempotency-key", &key)
            .json(&null)
            .problem(422, "idempotency_key_reused")
            .await;
    }
    // The two events are of the route and of the quotas. Refused writes and writes without a change
    // left none.
    assert_eq!(events(&app).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_answers_and_deletes_are_replayed() {
    let app = TestApp::start().await;
    let body = json!({ "url": "http://a" });
    app.put(ROUTE).json(&body).expect(201).await;
    let same = || app.put(ROUTE).header("idempotency-key", "same").json(&body);
    let unchanged = same().expect(200).await;
    assert_eq!(unchanged.header("tm-unchanged"), "true");
    app.patch(ROUTE)
        .json(&json!({ "url": "http://b" }))
        .expect(200)
        .await;
    let replayed = same().expect(200).await;
    assert_eq!(
        (
            replayed.header("tm-unchanged"),
            replayed.header("idempotency-replayed")
        ),
        ("true", "true")
    );
    assert_eq!(
        (replayed.tag(), &replayed.json),
        (unchanged.tag(), &unchanged.json)
    );
    assert_eq!(app.get(ROUTE).expect(200).await.json["url"], "http://b");

    let delete = || app.delete(ROUTE).header("idempotency-key", "gone");
    let deleted = delete().expect(204).await;
    let replayed = delete().expect(204).await;
    assert_eq!(
        (replayed.tag(), replayed.header("idempotency-replayed")),
        (deleted.tag(), "true")
    );
    app.put(ROUTE).json(&body).expect(201).await;
    delete().expect(204).await;
    app.get(ROUTE).expect(200).await;
    assert_eq!(events(&app).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_request_does_not_use_up_its_idempotency_key() {
    let app = TestApp::start().await;
    app.delete(ROUTE)
        .header("idempotency-key", "k")
        .problem(404, "route_not_found")
        .await;
    app.put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    app.delete(ROUTE)
        .header("idempotency-key", "k")
        .expect(204)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_creation_accepts_an_idempotency_key() {
    let app = TestApp::start().await;
    let create = || {
        app.post("/tenants")
            .header("idempotency-key", "k")
            .json(&json!({ "name": "acme", "quotas": { "routes": 3 } }))
    };
    let first = create().expect(201).await;
    app.patch("/tenants/acme")
        .json(&json!({ "quotas": { "routes": 4 } }))
        .expect(200)
        .await;
    let replayed = create().expect(201).await;
    assert_eq!(
        (replayed.header("idempotency-replayed"), &replayed.json),
        ("true", &first.json)
    );
    let delete = || app.delete("/tenants/acme").header("idempotency-key", "d");
    delete().expect(204).await;
    assert_eq!(
        delete().expect(204).await.header("idempotency-replayed"),
        "true"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_idempotency_key_run_once() {
    let app = TestApp::start().await;
    let other = TestApp::on(app.db.clone(), &[]).await;
    for round in 0..10 {
        let body = json!({ "url": format!("http://host-{round}") });
        let calls = (0..8).map(|n| {
            let app = if n % 2 == 0 { &app } else { &other };
            app.put(&format!("/routes/t{}/web/prod/v1", round % 3))
                .header("idempotency-key", format!("k-{round}"))
                .json(&body)
                .send()
        });
        let answers = futures_util::future::join_all(calls).await;
        let statuses: Vec<_> = answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect();
        let created = if round < 3 { 201 } else { 200 };
        assert_eq!(statuses, [created; 8]);
        let fresh = answers
            .iter()
            .filter(|answer| answer.header("idempotency-replayed").is_empty())
            .count();
        assert_eq!(
            fresh, 1,
            "one request runs and the others replay its answer"
        );
        assert!(
            answers
                .iter()
                .all(|answer| answer.json == answers[0].json && answer.tag() == answers[0].tag())
        );
        assert_eq!(events(&app).await, round + 1);
    }
}
