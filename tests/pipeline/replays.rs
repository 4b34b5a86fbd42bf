//! Replays: a lost archive is whole again, an intact one stays as it was, and new events are
//! neither delayed nor refused.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mongodb::bson::doc;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use traffic_manager::{
    app::Role,
    audit::document::ArchivedEvent,
    relay::{Relay, RelayStatus, Step},
    store::{
        outbox::Lease,
        replays::{self, Moved},
    },
};

use crate::{
    redrives::{operator_records, patient, text},
    support::{TestApp, World, eventually},
    topic::{Routes, records},
};

const LIMIT: Duration = Duration::from_secs(10);

async fn post(app: &TestApp, body: &Value) -> Value {
    app.post("/replays").json(body).expect(201).await.json
}

async fn get(app: &TestApp, replay: &Value) -> Value {
    app.get(&format!(
        "/replays/{}",
        replay["id"].as_str().expect("an id")
    ))
    .expect(200)
    .await
    .json
}

async fn done(app: &TestApp, replay: &Value) -> Value {
    eventually("the replay is already done", async || {
        Some(get(app, replay).await).filter(|replay| replay["state"] == "done")
    })
    .await
}

/// Returns the archived events without the time and the place of their arrival.
async fn archived(world: &World) -> Vec<ArchivedEvent> {
    let mut events = world.archived().await;
    for event in &mut events {
        event.processed_at.clear();
        (event.metadata.partition, event.metadata.offset) = (0, 0);
    }
    events.sort_by_key(|event| {
        (
            event.tenant.clone(),
            event.epoch.clone(),
            event.revision,
            event.item,
        )
    });
    events
}

/// A world with this many changes of each of the tenants `a` and `b`, and a relay that leads and
/// does nothing by itself.
async fn changed(count: usize) -> (World, Relay, Lease) {
    let world = patient(&[]).await;
    let routes = Routes::of(&world);
    for number in 0..count {
        for tenant in ["a", "b"] {
            routes.change(tenant, number).await;
        }
    }
    let relay =
        Relay::new(world.settings.clone(), Arc::default(), Arc::default()).expect("a relay");
    let lease = relay
        .elect(None)
        .await
        .expect("Postgres answers")
        .unwrap_or_else(|_| panic!("another leads"));
    (world, relay, lease)
}

async fn publish(relay: &Relay, lease: &Lease) {
    while relay.publish_batch(lease).await.expect("Kafka answers") != Step::Idle {}
}

/// Moves all replays on as far as they may and publishes, until no replay moves.
async fn replay_all(relay: &Relay, lease: &Lease) {
    while replays::step(lease, 1.0, 1000, 1000, LIMIT)
        .await
        .expect("Postgres answers")
        != Moved::Nothing
    {
        publish(relay, lease).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_archive_is_rebuilt_and_verifies() {
    let world = patient(&["relay.poll_ms=100"]).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let route = |number: usize| json!({ "url": format!("http://a-{number}") });
    for tenant in ["acme", "globex"] {
        for number in 0..5 {
            app.put(&format!("/routes/{tenant}/web/prod/v{number}"))
                .json(&route(number))
                .expect(201)
                .await;
        }
    }
    // A revision with several items, and a tenant with two histories.
    let change = |version: &str| json!({ "action": "put", "route": { "service": "web", "env": "test", "version": version, "url": "http://b" } });
    app.post("/tenants/acme/batch")
        .json(&json!({ "changes": [change("v1"), change("v2"), change("v3")] }))
        .expect(200)
        .await;
    app.delete("/tenants/globex?confirm=globex")
        .expect(204)
        .await;
    app.put("/routes/globex/web/prod/v1")
        .json(&route(9))
        .expect(201)
        .await;
    let events = world
        .db
        .count("select count(*) from route_events")
        .await
        .unsigned_abs();
    eventually("all is archived", async || {
        (world.archived_count().await == events).then_some(())
    })
    .await;
    let before = archived(&world).await;
    let seen = app.get("/tenants/globex/snapshot").expect(200).await;

    world
        .collection()
        .await
        .delete_many(doc! {})
        .await
        .expect("the administrator of MongoDB may");
    let lost = app.get("/audit/verify?tenant=acme").expect(200).await.json;
    assert_ne!(lost["verified"], true, "{lost}");
    let replay = post(
        &app,
        &json!({ "reason": "the archive was lost", "events_per_second": 1000 }),
    )
    .await;
    assert_eq!(
        (&replay["state"], &replay["events_total"]),
        (&json!("running"), &json!(events))
    );
    let replay = done(&app, &replay).await;
    assert_eq!(
        (&replay["events_queued"], &replay["ended_by"]),
        (&json!(events), &Value::Null)
    );
    eventually("all is archived again", async || {
        (world.archived_count().await == events).then_some(())
    })
    .await;
    assert_eq!(archived(&world).await, before, "event for event");
    for tenant in ["acme", "globex"] {
        let verified = app
            .get(&format!("/audit/verify?tenant={tenant}"))
            .expect(200)
            .await
            .json;
        assert_eq!(
            (&verified["verified"], &verified["complete"]),
            (&json!(true), &json!(true)),
            "{verified}"
        );
    }

    // A second replay goes into an archive that has everything.
    let placed = world.archived().await;
    let again = post(
        &app,
        &json!({ "reason": "a drill", "events_per_second": 1000 }),
    )
    .await;
    done(&app, &again).await;
    let duplicates = async || {
        let health = app.ops("/health/resilience").expect(200).await.json;
        let audit = &health["audit"];
        (audit["archived_total"].as_u64() >= Some(3 * events) && audit["lag"] == 0).then_some(())
    };
    eventually("all events were consumed again", duplicates).await;
    assert_eq!(
        sorted(world.archived().await),
        sorted(placed),
        "the archive is unchanged"
    );
    let now = app.get("/tenants/globex/snapshot").expect(200).await;
    assert_eq!(
        (now.header("etag"), &now.bytes),
        (seen.header("etag"), &seen.bytes),
        "the snapshot is unchanged for proxies"
    );
    app.drain().await;
    world.end().await;
}

fn sorted(mut events: Vec<ArchivedEvent>) -> Vec<ArchivedEvent> {
    events.sort_by(|a, b| a.event_id.cmp(&b.event_id));
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_range_is_byte_identical_ordered_and_marked() {
    let (world, relay, lease) = changed(5).await;
    publish(&relay, &lease).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let first = records(&world.settings.kafka.topic, 10).await;
    let wanted = json!({ "tenant": "a", "from": 2, "to": 4, "reason": "a consumer lost some" });
    let replay = post(&app, &wanted).await;
    assert_eq!(
        (&replay["events_total"], &replay["events_per_second"]),
        (&json!(3), &json!(200))
    );
    assert_eq!(
        replay["epoch"].as_str().map(str::len),
        Some(16),
        "revisions are of one history"
    );
    replay_all(&relay, &lease).await;
    let ended = done(&app, &replay).await;
    assert_eq!(ended["at"]["revision"], 4);
    let all = records(&world.settings.kafka.topic, 13).await;
    let again: Vec<_> = all
        .iter()
        .filter(|record| record.header("tm_replay").is_some())
        .collect();
    assert_eq!(
        again
            .iter()
            .map(|record| record.header("tm_revision").unwrap())
            .collect::<Vec<_>>(),
        ["2", "3", "4"]
    );
    for record in again {
        let id = record.header("ce_id");
        let original = first
            .iter()
            .find(|first| first.header("ce_id") == id)
            .expect("the event was published before");
        assert_eq!(
            (&record.key, &record.value, record.partition),
            (&original.key, &original.value, original.partition)
        );
        assert_eq!(record.header("tm_replay"), replay["id"].as_str());
    }
    let logged = operator_records(&world, 1).await;
    assert_eq!(
        (text(&logged[0], "action"), text(&logged[0], "object")),
        (Some("replay_created"), replay["id"].as_str())
    );
    assert_eq!(
        (text(&logged[0], "reason"), text(&logged[0], "visible_to")),
        (Some("a consumer lost some"), Some("a"))
    );
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_keeps_its_rate_and_continues_under_the_next_leader() {
    let (mut world, relay, lease) = changed(20).await;
    publish(&relay, &lease).await;
    drop((relay, lease));
    world.settings.relay.poll_ms = 50;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let replay = post(
        &app,
        &json!({ "reason": "a drill", "events_per_second": 20 }),
    )
    .await;
    let started = Instant::now();
    let queued = async || {
        get(&app, &replay).await["events_queued"]
            .as_i64()
            .expect("a number")
    };
    // Two leaders, one after the other. The first ends in the middle.
    for last in [10, 40] {
        let relay = Relay::new(
            world.settings.clone(),
            Arc::default(),
            Arc::new(RelayStatus::default()),
        )
        .expect("a relay");
        let stop = CancellationToken::new();
        let running = tokio::spawn(relay.run(stop.clone()));
        eventually("the replay continues", async || {
            (queued().await >= last).then_some(())
        })
        .await;
        stop.cancel();
        running.await.expect("no panic");
    }
    let seconds = started.elapsed().as_secs_f64();
    // Each leader begins with its first piece at once.
    assert!(
        seconds >= (40.0 - 3.0 * 2.0) / 20.0,
        "40 events in {seconds} s"
    );
    let relay =
        Relay::new(world.settings.clone(), Arc::default(), Arc::default()).expect("a relay");
    let lease = eventually("it leads", async || {
        relay.elect(None).await.expect("Postgres answers").ok()
    })
    .await;
    replay_all(&relay, &lease).await;
    assert_eq!(done(&app, &replay).await["events_queued"], 40);
    let all = records(&world.settings.kafka.topic, 80).await;
    let again: Vec<_> = all
        .iter()
        .filter(|record| record.header("tm_replay").is_some())
        .collect();
    for tenant in ["a", "b"] {
        let revisions: Vec<u64> = again
            .iter()
            .filter(|record| record.key.as_deref() == Some(tenant.as_bytes()))
            .map(|record| record.header("tm_revision").unwrap().parse().unwrap())
            .collect();
        assert_eq!(
            revisions,
            (1..=20).collect::<Vec<_>>(),
            "{tenant}: each once, in order, over the change of leaders"
        );
    }
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_pauses_for_a_deposed_leader_and_for_a_backlog() {
    let (world, relay, lease) = changed(3).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let replay = post(&app, &json!({ "tenant": "a", "reason": "a drill" })).await;
    let step = async |max_backlog: i64| {
        replays::step(&lease, 1.0, 1000, max_backlog, LIMIT)
            .await
            .expect("Postgres answers")
    };
    assert_eq!(
        step(6).await,
        Moved::Nothing,
        "six events are not published yet"
    );
    assert_eq!(
        step(7).await,
        Moved::Queued(0, 200),
        "the replay starts at its tenant's events"
    );
    publish(&relay, &lease).await;
    world
        .db
        .execute("update relay_lease set epoch = epoch + 1", &[])
        .await;
    assert_eq!(step(6).await, Moved::Nothing);
    assert_eq!(world.db.count("select count(*) from outbox").await, 0);
    assert_eq!(get(&app, &replay).await["events_queued"], 0);
    world
        .db
        .execute("update relay_lease set epoch = epoch - 1", &[])
        .await;
    assert_eq!(step(6).await, Moved::Queued(3, 200));
    assert_eq!(
        world
            .db
            .count("select count(*) from outbox where replay is not null")
            .await,
        3
    );
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_events_never_close_writes() {
    let world = patient(&[
        "audit.fail_closed=true",
        "audit.max_unpublished_events=1",
        "audit.max_unpublished_seconds=1",
    ])
    .await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let put = async |number: usize| {
        app.put(&format!("/routes/acme/web/prod/v{number}"))
            .json(&json!({ "url": "http://a" }))
            .send()
            .await
            .status
            .as_u16()
    };
    eventually("the backlog is known", async || {
        (put(1).await == 201).then_some(())
    })
    .await;
    world.db.execute("delete from outbox", &[]).await;
    // The queue of a replay, longer and older than the limits for new events allow.
    let sql = "insert into outbox (event_id, replay, created_at) \
               select id, gen_random_uuid(), now() - interval '1 hour' from route_events, generate_series(1, 50)";
    world.db.execute(sql, &[]).await;
    // By then every sample of the backlog has seen the replay's queue.
    let backlog = async || app.ops("/health/resilience").expect(200).await.json["backlog"].clone();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(
        backlog().await,
        json!({ "events": 0, "oldest_seconds": 0.0 })
    );
    assert_eq!(put(2).await, 201);
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_restores_expired_events_only_on_request() {
    let (world, relay, lease) = changed(5).await;
    publish(&relay, &lease).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let sql = "insert into audit_checkpoints (tenant, epoch, revision, hash, events, occurred_at) \
               select name, epoch, 3, chain_head, 3, now() from tenants where name = 'a'";
    world.db.execute(sql, &[]).await;
    for (include_removed, count) in [(false, 2 + 5), (true, 5 + 5)] {
        let replay = post(
            &app,
            &json!({ "include_removed": include_removed, "reason": "a drill" }),
        )
        .await;
        replay_all(&relay, &lease).await;
        assert_eq!(
            done(&app, &replay).await["events_queued"],
            count,
            "{include_removed}"
        );
    }
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_are_created_once_listed_and_cancelled() {
    let world = patient(&["replay.max_running=2"]).await;
    Routes::of(&world).change("a", 0).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    for wrong in [
        json!({}),
        json!({ "reason": " " }),
        json!({ "reason": "r", "from": 1 }),
        json!({ "reason": "r", "epoch": "0123456789abcdef" }),
        json!({ "reason": "r", "tenant": "a", "from": 0 }),
        json!({ "reason": "r", "tenant": "a", "from": 2, "to": 1 }),
        json!({ "reason": "r", "events_per_second": 0 }),
        json!({ "reason": "r", "events_per_second": 5001 }),
    ] {
        app.post("/replays")
            .json(&wrong)
            .problem(422, "invalid_request")
            .await;
    }
    for nobody in [
        json!({ "reason": "r", "tenant": "b" }),
        json!({ "reason": "r", "tenant": "a", "epoch": "0123456789abcdef" }),
    ] {
        app.post("/replays")
            .json(&nobody)
            .problem(404, "tenant_not_found")
            .await;
    }
    let body = json!({ "reason": "r", "tenant": "a" });
    let first = app
        .post("/replays")
        .header("idempotency-key", "k")
        .json(&body)
        .expect(201)
        .await;
    let again = app
        .post("/replays")
        .header("idempotency-key", "k")
        .json(&body)
        .expect(201)
        .await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.json),
        ("true", &first.json)
    );
    assert_eq!(
        first.header("location"),
        format!("/api/v1/replays/{}", first.json["id"].as_str().unwrap())
    );
    let other = json!({ "reason": "another", "tenant": "a" });
    app.post("/replays")
        .header("idempotency-key", "k")
        .json(&other)
        .problem(422, "idempotency_key_reused")
        .await;
    let second = post(&app, &other).await;
    app.post("/replays")
        .json(&body)
        .problem(409, "quota_exceeded")
        .await;

    let page = app.get("/replays?limit=1").expect(200).await.json;
    assert_eq!(page["items"], json!([second]), "the newest first");
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = app
        .get(&format!("/replays?limit=1&cursor={cursor}"))
        .expect(200)
        .await
        .json;
    assert_eq!(rest, json!({ "items": [first.json], "next_cursor": null }));

    let path = format!("/replays/{}", second["id"].as_str().unwrap());
    let cancelled = app
        .delete(&path)
        .header("x-reason", "not needed")
        .expect(200)
        .await
        .json;
    assert_eq!(
        (&cancelled["state"], &cancelled["ended_by"]),
        (&json!("cancelled"), &json!("anonymous"))
    );
    assert_eq!(
        app.delete(&path).expect(200).await.json,
        cancelled,
        "the replay stays cancelled"
    );
    let relay =
        Relay::new(world.settings.clone(), Arc::default(), Arc::default()).expect("a relay");
    let lease = relay
        .elect(None)
        .await
        .expect("Postgres answers")
        .unwrap_or_else(|_| panic!("another leads"));
    publish(&relay, &lease).await;
    replay_all(&relay, &lease).await;
    assert_eq!(done(&app, &first.json).await["events_queued"], 1);
    assert_eq!(
        get(&app, &second).await["events_queued"],
        0,
        "no event of the cancelled replay"
    );
    let path = format!("/replays/{}", first.json["id"].as_str().unwrap());
    app.delete(&path).problem(409, "replay_ended").await;
    let nowhere = "/replays/01a1fd21-de3d-7778-bc54-13f4251a9a0f";
    app.get(nowhere).problem(404, "replay_not_found").await;
    app.delete(nowhere).problem(404, "replay_not_found").await;
    app.get("/replays/x").problem(422, "invalid_request").await;
    let logged = operator_records(&world, 3).await;
    let actions: Vec<_> = logged
        .iter()
        .map(|record| {
            (
                text(record, "action").unwrap(),
                text(record, "reason").unwrap(),
            )
        })
        .collect();
    assert_eq!(
        actions,
        [
            ("replay_created", "r"),
            ("replay_created", "another"),
            ("replay_cancelled", "not needed")
        ]
    );
    app.drain().await;
    world.end().await;
}
