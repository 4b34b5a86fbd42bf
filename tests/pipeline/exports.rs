//! Exports of the archive: all of it once and in order, at the pace of the reader, and never a
//! clean end before the last event.

use std::{collections::BTreeSet, time::Duration};

use mongodb::bson::Document;
use reqwest::{Method, Response};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use traffic_manager::{app::Role, config::AuthMode};

use crate::{
    gate::Gate,
    support::{TestApp, World, callers::first_key, eventually, secure},
};

/// A world whose archive holds one event with this many labels, and copies of it that `change`
/// makes distinct.
async fn world_with(
    copies: usize,
    labels: usize,
    settings: &[(&str, u64)],
    change: impl Fn(usize, &mut Document),
) -> (World, TestApp) {
    let mut world = World::new().await;
    // A long time-out: the archive is not at fault when the machine is busy with other tests.
    world.settings.resilience.mongodb_queries.timeout = Duration::from_millis(60_000);
    for (key, value) in settings {
        match *key {
            "audit.max_concurrent_exports" => {
                world.settings.audit.max_concurrent_exports = usize::try_from(*value).unwrap()
            }
            "resilience.mongodb_queries.concurrent" => {
                world.settings.resilience.mongodb_queries.concurrent =
                    usize::try_from(*value).unwrap()
            }
            "audit.export_lifetime_ms" => {
                world.settings.audit.export_lifetime = Duration::from_millis(*value)
            }
            "http.request_timeout_ms" => {
                world.settings.http.request_timeout = Duration::from_millis(*value)
            }
            "http.write_stall_ms" => {
                world.settings.http.write_stall = Duration::from_millis(*value)
            }
            "drain.requests_ms" => world.settings.drain.requests = Duration::from_millis(*value),
            other => panic!("{other}"),
        }
    }
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let labels: serde_json::Map<_, _> = (0..labels)
        .map(|n| (format!("label-{n}"), json!("x".repeat(255))))
        .collect();
    let body = json!({ "url": "http://host/", "labels": labels });
    app.put("/routes/acme/web/prod/v1")
        .json(&body)
        .header("x-reason", "=first")
        .expect(201)
        .await;
    eventually("it is archived", async || {
        (world.archived_count().await == 1).then_some(())
    })
    .await;
    world.copy(copies, change).await;
    (world, app)
}

/// Returns the time at this many seconds of a day long ago.
fn at(second: usize) -> String {
    format!(
        "2020-01-02T{:02}:{:02}:{:02}.000000Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

async fn lines(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/audit/export?{query}")).expect(200).await;
    let text = String::from_utf8(answer.bytes).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect()
}

/// Returns the answer to the same query, read page by page, newest first.
async fn pages(app: &TestApp, query: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app
            .get(&format!("/audit/events?{query}&limit=200{cursor}"))
            .of_tampered_data()
            .expect(200)
            .await
            .json;
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            return items;
        };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn export_equals_the_pages_oldest_first() {
    let (world, app) = world_with(2600, 0, &[], |n, document| {
        let (tenant, version) = (["acme", "globex"][n % 2], ["v1", "v2"][n / 2 % 2]);
        let route = document.get_document_mut("route").unwrap();
        route.insert("tenant", tenant);
        route.insert("version", version);
        document.insert("tenant", tenant);
        document.insert("action", ["created", "updated"][n / 4 % 2]);
        document.insert("changed_by", ["ada", "grace"][n / 8 % 2]);
        // Most copies have the same time, like the items of a large revision.
        document.insert("occurred_at", if n < 1300 { at(7) } else { at(n) });
        if n == 0 {
            document.insert("occurred_at", "tampered with");
        }
    })
    .await;
    for query in [
        "",
        "tenant=acme",
        "tenant=globex&version=v2&action=updated",
        "actor=ada",
        "action=created&service=web&env=prod",
        "from=2020-01-02T00:00:07Z&to=2020-01-02T00:40:00Z",
        "tenant=acme&from=2020-01-02T00:30:00.5Z",
        "tenant=nobody",
        "from=2031-01-01T00:00:00Z&to=2031-01-02T00:00:00Z",
    ] {
        let exported = lines(&app, query).await;
        let mut paged = pages(&app, query).await;
        paged.reverse();
        assert_eq!(exported.len(), paged.len(), "{query}");
        assert!(exported == paged, "{query}");
    }
    assert_eq!(lines(&app, "").await.len(), 2601);

    // A client resumes a broken export at the time of its last event. The events of that instant
    // come again.
    let whole: Vec<String> = lines(&app, "tenant=acme")
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    let last: Value = serde_json::from_str(&whole[800]).unwrap();
    let rest = lines(
        &app,
        &format!("tenant=acme&from={}", last["occurred_at"].as_str().unwrap()),
    )
    .await;
    let mut seen: BTreeSet<String> = whole[..=800].iter().cloned().collect();
    seen.extend(rest.iter().map(ToString::to_string));
    assert_eq!(seen, whole.into_iter().collect());
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn export_headers_and_csv_lines_match_the_events() {
    let (world, app) = world_with(700, 0, &[], |n, document| {
        drop(document.insert("occurred_at", at(n)))
    })
    .await;
    let csv = app
        .get("/audit/export?tenant=acme&format=csv")
        .expect(200)
        .await;
    assert_eq!(
        csv.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(csv.header("cache-control"), "no-store");
    let disposition = csv.header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"audit-acme-20")
            && disposition.ends_with("Z.csv\""),
        "{disposition}"
    );
    let mut reader = csv::Reader::from_reader(csv.bytes.as_slice());
    assert_eq!(
        reader
            .headers()
            .unwrap()
            .iter()
            .take(7)
            .collect::<Vec<_>>()
            .join(","),
        "occurred_at,tenant,service,env,version,action,changed_by"
    );
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 701);
    assert_eq!(
        records[3].iter().take(8).collect::<Vec<_>>(),
        [
            at(3).as_str(),
            "acme",
            "web",
            "prod",
            "v1",
            "created",
            secure::who(),
            "'=first"
        ]
    );
    let ndjson = app.get("/audit/export").expect(200).await;
    assert_eq!(ndjson.header("content-type"), "application/x-ndjson");
    assert!(ndjson.header("content-disposition").ends_with("Z.ndjson\""));
    let none = app
        .get("/audit/export?tenant=nobody&format=csv")
        .expect(200)
        .await;
    assert_eq!(
        String::from_utf8(none.bytes).unwrap().lines().count(),
        1,
        "the header comes without events, too"
    );

    for (query, pointer) in [
        ("format=xml", "?format"),
        ("tenant=Acme", "?tenant"),
        ("action=exploded", "?action"),
        ("actor=%00", "?actor"),
        ("from=yesterday", "?from"),
        ("limit=5", "?limit"),
        ("cursor=x", "?cursor"),
    ] {
        let problem = app
            .get(&format!("/audit/export?{query}"))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(problem.pointers(), [pointer], "{query}");
    }
    app.call(Method::HEAD, "/api/v1/audit/export")
        .expect(405)
        .await;
    app.drain().await;
    world.end().await;
}

/// The number of copies in the large archive: about 25 MB, more than all buffers between the
/// archive and the reader.
const LARGE: usize = 2500;

async fn large(settings: &[(&str, u64)]) -> (World, TestApp) {
    world_with(LARGE, 32, settings, |n, document| {
        drop(document.insert("occurred_at", at(n)))
    })
    .await
}

/// Begins an export: its headers have come, and none of its body was read.
async fn begun(app: &TestApp) -> Response {
    let response = secure::get(&format!("{}/api/v1/audit/export", app.api))
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    response
}

/// Returns the lines of the body, or as an error the lines before it broke off.
async fn rest(mut response: Response) -> Result<usize, usize> {
    let mut lines = 0;
    loop {
        match tokio::time::timeout(Duration::from_secs(30), response.chunk())
            .await
            .expect("the export continues or ends")
        {
            Ok(Some(chunk)) => lines += chunk.iter().filter(|byte| **byte == b'\n').count(),
            Ok(None) => return Ok(lines),
            Err(_) => return Err(lines),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn export_pages_are_read_on_demand_without_a_deadline() {
    let (world, app) = large(&[("http.request_timeout_ms", 5100)]).await;
    let response = begun(&app).await;
    // Waits longer than the deadline of a request.
    tokio::time::sleep(Duration::from_millis(5500)).await;
    // This event would be missing if the pages had been read ahead.
    world
        .copy(1, |_, document| {
            drop(document.insert("occurred_at", "2100-01-01T00:00:00.000000Z"))
        })
        .await;
    assert_eq!(rest(response).await, Ok(LARGE + 2));
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn export_holds_its_place_until_its_end_or_cut_off() {
    let (world, app) = large(&[
        ("audit.max_concurrent_exports", 1),
        ("http.write_stall_ms", 1000),
    ])
    .await;
    let export = async || app.get("/audit/export?tenant=nobody").send().await;
    let mut slow = secure::narrow(&app.api).await;
    let head = format!(
        "GET /api/v1/audit/export HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
        secure::authorization()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut head = [0; 64];
    slow.read_exact(&mut head).await.unwrap();
    assert!(head.starts_with(b"HTTP/1.1 200"));
    app.get("/audit/export")
        .problem(429, "too_many_exports")
        .await;
    app.get("/audit/events").expect(200).await;
    eventually("a reader that stalls is cut off", async || {
        (export().await.status == 200).then_some(())
    })
    .await;
    let mut end = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut end))
        .await
        .expect("the connection has ended");
    assert!(
        !end.ends_with(b"0\r\n\r\n"),
        "a part was accepted as the whole"
    );

    assert_eq!(rest(begun(&app).await).await, Ok(LARGE + 1));
    eventually("the place is free after the last event", async || {
        (export().await.status == 200).then_some(())
    })
    .await;
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn started_export_waits_for_its_turn() {
    let (world, app) = large(&[("resilience.mongodb_queries.concurrent", 1)]).await;
    // Each export begins when it can. From then on the exports compete for the one concurrent
    // query.
    let mut exports = Vec::new();
    for _ in 0..3 {
        let begin = async || {
            let response = secure::get(&format!("{}/api/v1/audit/export", app.api))
                .await
                .expect("an answer");
            (response.status() == 200).then_some(response)
        };
        exports.push(eventually("it begins", begin).await);
    }
    for lines in futures_util::future::join_all(exports.into_iter().map(rest)).await {
        assert_eq!(lines, Ok(LARGE + 1));
    }
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn export_is_cut_when_its_key_ends() {
    let (mut world, app) = large(&[]).await;
    app.drain().await;
    world.settings.auth.mode = AuthMode::Required;
    world.settings.auth.key_pepper = "a pepper of the tests, 32 bytes or more".into();
    let admin = first_key(&world.settings).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    for is_rotated in [false, true] {
        let body = json!({ "roles": ["auditor"] });
        let made = app
            .post("/keys")
            .bearer(&admin)
            .json(&body)
            .expect(201)
            .await
            .json;
        let export = secure::http()
            .build()
            .unwrap()
            .get(format!("{}/api/v1/audit/export", app.api));
        let response = export
            .bearer_auth(made["token"].as_str().unwrap())
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200);
        let key = format!("/keys/{}", made["id"].as_str().unwrap());
        if is_rotated {
            let rotate = app
                .post(&format!("{key}/rotate"))
                .bearer(&admin)
                .json(&json!({ "overlap_seconds": 0 }));
            rotate.expect(200).await;
        } else {
            app.delete(&key).bearer(&admin).expect(204).await;
        }
        let broken = rest(response)
            .await
            .expect_err("the key of the export has ended");
        assert!(broken < LARGE, "{broken}");
    }
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_export_never_ends_cleanly() {
    // The export's lifetime ends.
    let (mut world, app) = large(&[
        ("audit.export_lifetime_ms", 1000),
        ("drain.requests_ms", 30_000),
    ])
    .await;
    let response = begun(&app).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let broken = rest(response).await.expect_err("the time is over");
    assert!(broken < LARGE, "{broken}");
    app.drain().await;

    world.settings.audit.export_lifetime = Duration::from_millis(600_000);
    // The service drains.
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let response = begun(&app).await;
    let ((), end) = tokio::join!(app.drain(), rest(response));
    assert!(end.expect_err("the service drained") < LARGE);

    // MongoDB becomes unreachable.
    let mut settings = world.settings.clone();
    let gate = Gate::open(settings.mongo.url.expose_secret(), Duration::ZERO).await;
    settings.mongo.url = gate.url.clone().into();
    settings.mongo.server_selection_timeout = Duration::from_millis(300);
    let app = TestApp::run(world.db.clone(), settings, Role::Serve).await;
    assert_eq!(
        rest(begun(&app).await).await,
        Ok(LARGE + 1),
        "MongoDB is reachable"
    );
    let response = begun(&app).await;
    gate.shut.cancel();
    assert!(rest(response).await.expect_err("MongoDB is unreachable") < LARGE);
    app.get("/audit/export").problem(503, "unavailable").await;
    let metrics = String::from_utf8(app.ops("/metrics").expect(200).await.bytes).unwrap();
    for result in ["complete", "cut"] {
        assert!(
            metrics.contains(&format!("tm_audit_exports_total{{result=\"{result}\"}}")),
            "{result}"
        );
    }
    app.drain().await;
    world.end().await;
}
