//! Over HTTP to the archive and back through the audit queries.

use std::time::Instant;

use serde_json::{Value, json};
use traffic_manager::app::Role;

use crate::support::{TestApp, World, eventually, secure};

async fn world_with_history() -> (World, TestApp) {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let route = |version: &str, url: &str| json!({ "tenant": "acme", "service": "web", "env": "prod", "version": version, "url": url });
    app.post("/routes")
        .json(&route("v1", "http://a.example/"))
        .expect(201)
        .await;
    app.post("/routes")
        .json(&route("v1", "http://b.example/"))
        .header("x-reason", "moved")
        .expect(200)
        .await;
    app.post("/routes/acme/web/prod/v1/deactivate")
        .expect(200)
        .await;
    app.post("/routes")
        .json(&route("v2", "http://c.example/"))
        .expect(201)
        .await;
    app.delete("/routes/acme/web/prod/v2").expect(204).await;
    eventually("everything is archived", async || {
        (world.archived_count().await == 5).then_some(())
    })
    .await;
    (world, app)
}

fn actions(events: &Value) -> Vec<&str> {
    events
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["action"].as_str().expect("an action"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prototype_audit_paths_keep_their_members() {
    let (world, app) = world_with_history().await;
    let of_route = app
        .get("/audit/route?tenant=acme&service=web&env=prod&version=v1")
        .expect(200)
        .await
        .json;
    assert_eq!(
        of_route["route"],
        json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1" })
    );
    assert_eq!(of_route["count"], 3);
    assert_eq!(
        actions(&of_route["events"]),
        ["deactivated", "updated", "created"],
        "newest first"
    );
    let updated = &of_route["events"][1];
    for (member, value) in [
        ("action", json!("updated")),
        ("route", of_route["route"].clone()),
        ("url", json!("http://b.example/")),
        ("previous_url", json!("http://a.example/")),
        ("previous_state", json!("active")),
        ("state", json!("active")),
        ("changed_by", json!(secure::who())),
        ("reason", json!("moved")),
        ("revision", json!(2)),
    ] {
        assert_eq!(updated[member], value, "{member}");
    }
    assert_eq!(updated["event_id"], updated["event"]["id"]);
    for member in ["occurred_at", "processed_at"] {
        assert!(
            updated[member]
                .as_str()
                .is_some_and(|time| time.ends_with('Z')),
            "{member}"
        );
    }

    let recent = app
        .get("/audit/recent?days=1&tenant=acme&limit=2")
        .expect(200)
        .await
        .json;
    assert_eq!((&recent["days"], &recent["count"]), (&json!(1), &json!(2)));
    assert_eq!(actions(&recent["events"]), ["deleted", "created"]);
    assert_eq!(
        app.get("/audit/recent?tenant=other").expect(200).await.json["count"],
        0
    );

    let created = app
        .get("/audit/action?action=created&hours=2")
        .expect(200)
        .await
        .json;
    assert_eq!(
        (&created["action"], &created["hours"], &created["count"]),
        (&json!("created"), &json!(2), &json!(2))
    );

    let day = "/audit/time-range?start_time=2020-01-01T00:00:00&end_time=2100-01-01T00:00:00Z";
    let range = app.get(day).expect(200).await.json;
    assert_eq!(
        range["start_time"], "2020-01-01T00:00:00.000000Z",
        "a time without a zone is UTC"
    );
    assert_eq!(range["count"], 5);
    let past = "/audit/time-range?start_time=2020-01-01T00:00:00Z&end_time=2020-01-02T00:00:00Z";
    assert_eq!(app.get(past).expect(200).await.json["count"], 0);
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_events_have_pages_and_status_reports_missing_ones() {
    let (world, app) = world_with_history().await;
    let mut seen = Vec::new();
    let mut path = "/audit/events?tenant=acme&limit=2".to_owned();
    loop {
        let page = app.get(&path).expect(200).await.json;
        seen.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|event| event["revision"].as_i64().expect("a number")),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/audit/events?tenant=acme&limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let deleted = app
        .get(&format!(
            "/audit/events?action=deleted&actor={}&version=v2",
            secure::who()
        ))
        .expect(200)
        .await
        .json;
    assert_eq!(actions(&deleted["items"]), ["deleted"]);

    // The archive may have an event a moment before the relay has deleted it from its queue.
    let status = eventually("nothing is behind", async || {
        let status = app.get("/audit/status").expect(200).await.json;
        (status["events_behind"] == 0 && status["outbox"]["events"] == 0).then_some(status)
    })
    .await;
    let tenant = &status["tenants"][0];
    assert_eq!(
        (
            &tenant["tenant"],
            &tenant["revision"],
            &tenant["archived_revision"]
        ),
        (&json!("acme"), &json!(5), &json!(5))
    );
    app.drain().await;

    // Without a relay, committed events stay behind.
    let alone = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    alone
        .post("/routes/acme/web/prod/v1/activate")
        .expect(200)
        .await;
    let status = alone
        .get("/audit/status?tenant=acme")
        .expect(200)
        .await
        .json;
    assert_eq!(
        (&status["events_behind"], &status["outbox"]["events"]),
        (&json!(1), &json!(1))
    );
    assert!(
        status["seconds_behind"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0)
    );
    alone.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_audit_query_names_its_parameter_and_runs_no_operator() {
    let (world, app) = world_with_history().await;
    for (query, pointer) in [
        ("route?tenant=acme&service=web&env=prod", "?version"),
        (
            "route?tenant=acme&service=web&env=prod&version=v1&limit=1001",
            "?limit",
        ),
        (
            "route?tenant=acme&service=web&env=prod&version=v1&limit=0",
            "?limit",
        ),
        ("recent?days=0", "?days"),
        ("recent?days=366", "?days"),
        ("recent?days=many", "?days"),
        ("recent?tenant=%7B%22%24ne%22%3Anull%7D", "?tenant"),
        ("action", "?action"),
        ("action?action=exploded", "?action"),
        ("action?action=created&hours=0", "?hours"),
        ("time-range?start_time=2026-01-01T00:00:00Z", "?end_time"),
        (
            "time-range?start_time=yesterday&end_time=2026-01-01T00:00:00Z",
            "?start_time",
        ),
        (
            "time-range?start_time=2026-01-02T00:00:00Z&end_time=2026-01-01T00:00:00Z",
            "?end_time",
        ),
        ("events?limit=201", "?limit"),
        ("events?from=%24where", "?from"),
        ("events?actor=%00", "?actor"),
        ("events?colour=red", "?colour"),
        ("status?tenant=Acme", "?tenant"),
        ("verify?tenant=acme&from=0", "?from"),
        // Found by tests/fuzz: larger than a revision can be.
        ("verify?tenant=acme&from=9223372036854775808", "?from"),
        ("verify?tenant=acme&to=9223372036854775808", "?to"),
    ] {
        let problem = app.get(&format!("/audit/{query}")).expect(422).await.json;
        assert_eq!(problem["code"], "invalid_request", "{query}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}");
    }
    assert_eq!(
        app.get("/audit/events?cursor=bm9uc2Vuc2U")
            .expect(400)
            .await
            .json["code"],
        "invalid_cursor"
    );
    let nobody = app
        .get("/audit/events?actor=%7B%22%24ne%22%3Anull%7D")
        .expect(200)
        .await
        .json;
    assert_eq!(nobody["items"], json!([]), "an operator in a value is text");
    app.drain().await;
    world.end().await;
}

/// The only limit in time here is the test's patience: the printed figure is for the reader.
#[tokio::test(flavor = "multi_thread")]
async fn single_write_reaches_the_archive() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let (mut answers, mut archivings) = (Vec::new(), Vec::new());
    for number in 1..=20 {
        let route = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": format!("v{number}"), "url": "http://a/" });
        let started = Instant::now();
        app.post("/routes").json(&route).expect(201).await;
        answers.push(started.elapsed());
        eventually("it is archived", async || {
            (world.archived_count().await == number).then_some(())
        })
        .await;
        archivings.push(started.elapsed());
    }
    answers.sort_unstable();
    archivings.sort_unstable();
    println!(
        "median of a write alone: answered in {:?}, archived in {:?}; slowest {:?}",
        answers[10], archivings[10], archivings[19]
    );
    app.drain().await;
    world.end().await;
}
