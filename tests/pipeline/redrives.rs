//! Dead letters over the API: listed, shown, redriven, discarded. Each decision is recorded, and
//! none is lost when a process dies midway.

use std::{sync::Arc, time::Duration};

use mongodb::bson::{Document, doc};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use traffic_manager::{
    app::Role,
    audit::{
        archive::Archive,
        consumer::{Consumer, ConsumerStatus},
    },
    kafka::Record,
    relay::{Relay, Step},
    resilience::Dependency,
};

use crate::{
    support::{TestApp, World, eventually},
    topic::{Routes, records, send},
    topic_settings::takes,
};

/// A world with long time-outs for its database, as a busy machine needs them, and access records
/// that reach the archive soon.
pub async fn patient(overrides: &[&str]) -> World {
    let patient = [
        "postgres.connect_timeout_ms=20000",
        "postgres.acquire_timeout_ms=10000",
        "resilience.postgres_primary.timeout_ms=10000",
    ];
    World::with(&[&patient[..], &["access_log.poll_ms=50"], overrides].concat()).await
}

/// A world with `count` events of tenant `a` in Kafka, unread, and an API on it.
async fn published(count: usize) -> (World, TestApp, Vec<Record>) {
    let world = patient(&[]).await;
    let routes = Routes::of(&world);
    for number in 0..count {
        routes.change("a", number).await;
    }
    let relay =
        Relay::new(world.settings.clone(), Arc::default(), Arc::default()).expect("a relay");
    let lease = relay
        .elect(None)
        .await
        .expect("Postgres answers")
        .unwrap_or_else(|_| panic!("another leads"));
    while relay.publish_batch(&lease).await.expect("Kafka answers") != Step::Idle {}
    let records = records(&world.settings.kafka.topic, count).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    (world, app, records)
}

async fn consumer(world: &World) -> (Consumer, Arc<ConsumerStatus>) {
    let mut settings = world.settings.clone();
    settings.resilience.mongodb_archive.timeout_ms = 10_000;
    let archive = Archive::new(&settings.mongo, Duration::from_secs(10))
        .await
        .expect("an archive");
    let policy = Dependency::new(
        "mongodb_archive",
        settings
            .resilience
            .policy(&settings.resilience.mongodb_archive),
    );
    let status = Arc::new(ConsumerStatus::default());
    (
        Consumer::new(settings, archive, policy, status.clone()).expect("a consumer"),
        status,
    )
}

/// Consumes the topic until the condition holds.
async fn consumed(world: &World, until: impl AsyncFn(&ConsumerStatus) -> bool) {
    let (consumer, status) = consumer(world).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    eventually("it is consumed", async || {
        until(&status).await.then_some(())
    })
    .await;
    stop.cancel();
    running.await.expect("no panic").expect("settings");
}

/// Returns the record with another event type.
fn of_type(record: &Record, ce_type: &str) -> Record {
    let mut record = record.clone();
    for (name, value) in &mut record.headers {
        if name == "ce_type" {
            *value = Some(ce_type.as_bytes().to_vec());
        }
    }
    record
}

async fn list(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/dead-letters{query}")).expect(200).await;
    answer.json["items"].as_array().expect("items").clone()
}

fn ids(letters: &[Value]) -> Vec<&str> {
    letters
        .iter()
        .map(|letter| letter["id"].as_str().expect("an id"))
        .collect()
}

/// Waits for this many records of operators' actions in the access log, and returns them, oldest
/// first.
pub async fn operator_records(world: &World, count: usize) -> Vec<Document> {
    let client = mongodb::Client::with_uri_str(world.settings.mongo.url.expose_secret())
        .await
        .expect("a MongoDB URL");
    let name = &world.settings.mongo.access_collection;
    let collection = client
        .database(&world.settings.mongo.database)
        .collection::<Document>(name);
    eventually("the access log has the records", async || {
        let mut found = collection
            .find(doc! { "kind": "operated" })
            .sort(doc! { "_id": 1 })
            .await
            .expect("the archive");
        let mut all = Vec::new();
        while found.advance().await.expect("the archive") {
            all.push(found.deserialize_current().expect("a document"));
        }
        (all.len() == count).then_some(all)
    })
    .await
}

pub fn text<'a>(record: &'a Document, name: &str) -> Option<&'a str> {
    record.get_str(name).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_newest_first_and_shown_whole() {
    let (world, app, good) = published(1).await;
    assert_eq!(
        list(&app, "").await,
        [Value::Null; 0],
        "nothing is there yet"
    );
    let newer = of_type(&good[0], "trafficmanager.route.created.v2");
    send(&world.settings.kafka.topic, &newer).await;
    let garbage = Record {
        key: Some(b"b".to_vec()),
        value: Some(b"\xff{".to_vec()),
        ..good[0].clone()
    };
    let mut garbage = garbage;
    // Anybody who can write to the topic can forge the headers that describe a dead letter.
    garbage
        .headers
        .push(("tm_dlq_reason".into(), Some(b"forged".to_vec())));
    send(&world.settings.kafka.topic, &garbage).await;
    let nothing = Record {
        key: None,
        value: None,
        headers: Vec::new(),
        ..good[0].clone()
    };
    send(&world.settings.kafka.topic, &nothing).await;
    consumed(&world, async |status| {
        status.report().dead_letters_total == 3
    })
    .await;

    let letters = list(&app, "").await;
    assert_eq!(ids(&letters), ["0-2", "0-1", "0-0"]);
    let reasons: Vec<_> = letters
        .iter()
        .map(|letter| letter["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["unknown_type", "not_json", "unknown_version"]);
    let oldest = &letters[2];
    assert_eq!(
        (&oldest["state"], &oldest["tenant"], &oldest["attempts"]),
        (&json!("waiting"), &json!("a"), &json!(1))
    );
    let origin = json!({ "topic": world.settings.kafka.topic, "partition": good[0].partition, "offset": good[0].offset + 1 });
    assert_eq!(oldest["origin"], origin);
    assert_eq!(oldest["event_type"], "trafficmanager.route.created.v2");
    assert_eq!(oldest["decision"], Value::Null);
    // Filters, and then pages.
    assert_eq!(ids(&list(&app, "?reason=not_json").await), ["0-1"]);
    assert_eq!(ids(&list(&app, "?tenant=a").await), ["0-0"]);
    assert_eq!(ids(&list(&app, "?state=discarded").await), [""; 0]);
    let first = app.get("/dead-letters?limit=2").expect(200).await;
    assert_eq!(ids(first.json["items"].as_array().unwrap()), ["0-2", "0-1"]);
    let cursor = first.json["next_cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let second = app
        .get(&format!("/dead-letters?limit=2&cursor={cursor}"))
        .expect(200)
        .await;
    assert_eq!(
        (
            ids(second.json["items"].as_array().unwrap()),
            &second.json["next_cursor"]
        ),
        (vec!["0-0"], &Value::Null)
    );
    app.get(&format!("/dead-letters?tenant=a&cursor={cursor}"))
        .problem(400, "invalid_cursor")
        .await;

    let whole = app.get("/dead-letters/0-0").expect(200).await.json;
    let event: Value = serde_json::from_slice(good[0].value.as_deref().unwrap()).unwrap();
    assert_eq!(whole["value"], json!({ "encoding": "json", "data": event }));
    assert_eq!(whole["key"], json!({ "encoding": "text", "data": "a" }));
    let header = |name: &str| {
        let headers = whole["headers"].as_array().unwrap();
        headers
            .iter()
            .find(|header| header["name"] == name)
            .map(|header| header["value"]["data"].clone())
    };
    assert_eq!(header("ce_id"), Some(event["id"].clone()));
    assert_eq!(header("tm_dlq_reason"), Some(json!("unknown_version")));
    let binary = app.get("/dead-letters/0-1").expect(200).await.json;
    assert_eq!(
        binary["value"],
        json!({ "encoding": "base64", "data": "/3s=" })
    );
    let empty = app.get("/dead-letters/0-2").expect(200).await.json;
    assert_eq!(
        (&empty["value"], &empty["key"]),
        (&Value::Null, &Value::Null)
    );
    for nowhere in ["0-3", "7-0", "0-999999999999999999"] {
        app.get(&format!("/dead-letters/{nowhere}"))
            .problem(404, "dead_letter_not_found")
            .await;
    }
    app.get("/dead-letters/x")
        .problem(422, "invalid_request")
        .await;
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redriven_dead_letter_of_a_now_known_version_is_archived() {
    let (world, app, good) = published(3).await;
    // An older release parks a newer event as a dead letter. The test changes the type back to play
    // the release that knows it.
    let (parking, _) = consumer(&world).await;
    let parked = of_type(&good[1], "trafficmanager.route.updated.v2");
    let handled = parking
        .handle(&[good[0].clone(), parked, good[2].clone()])
        .await
        .expect("Kafka and the archive answer");
    assert_eq!(
        (handled.inserted, handled.dead_lettered),
        (2, 1),
        "the parked event delays no other"
    );
    assert_eq!(world.archived_count().await, 2);
    let letter = records(&world.settings.kafka.dlq_topic, 1).await.remove(0);
    assert_eq!(letter.header("tm_dlq_reason"), Some("unknown_version"));
    assert_eq!(
        letter.value, good[1].value,
        "the dead letter keeps the record's bytes"
    );

    let answer = app
        .post("/dead-letters/0-0/redrive")
        .header("x-reason", "the release reads it")
        .expect(200)
        .await;
    assert_eq!(
        (
            &answer.json["state"],
            &answer.json["decision"]["decided_by"]
        ),
        (&json!("redriven"), &json!("anonymous"))
    );
    assert_eq!(answer.json["decision"]["reason"], "the release reads it");
    let again = records(&world.settings.kafka.topic, 4)
        .await
        .into_iter()
        .find(|r| r.header("tm_redriven_from").is_some());
    let again = again.expect("the record is there again");
    assert_eq!(
        (again.partition, &again.key, &again.value),
        (good[1].partition, &good[1].key, &good[1].value)
    );
    assert_eq!(
        (
            again.header("tm_redriven_from"),
            again.header("tm_redriven_attempts")
        ),
        (Some("0-0"), Some("1"))
    );
    assert_eq!(
        again.header("ce_type"),
        Some("trafficmanager.route.updated.v2"),
        "with its own headers"
    );
    assert!(
        again
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("tm_dlq_"))
    );

    // A release that still does not know the type parks the event again, as another dead letter
    // with one more attempt.
    parking
        .handle(std::slice::from_ref(&again))
        .await
        .expect("the topic takes it");
    let second = records(&world.settings.kafka.dlq_topic, 2).await.remove(1);
    assert_eq!(second.header("tm_dlq_attempts"), Some("2"));
    assert_eq!(ids(&list(&app, "?state=waiting").await), ["0-1"]);
    let handled = parking
        .handle(&[of_type(&again, "trafficmanager.route.updated.v1")])
        .await
        .expect("the archive takes it");
    assert_eq!((handled.inserted, world.archived_count().await), (1, 3));

    let logged = operator_records(&world, 1).await;
    assert_eq!(
        (text(&logged[0], "action"), text(&logged[0], "object")),
        (Some("dead_letter_redriven"), Some("0-0"))
    );
    assert_eq!(
        (text(&logged[0], "reason"), text(&logged[0], "tenant")),
        (Some("the release reads it"), Some("a"))
    );
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redrive_that_was_recorded_but_not_done_is_done_by_a_retry() {
    let (world, app, good) = published(2).await;
    let (parking, _) = consumer(&world).await;
    let parked: Vec<_> = good
        .iter()
        .map(|record| of_type(record, "trafficmanager.route.updated.v2"))
        .collect();
    parking.handle(&parked).await.expect("the topic takes them");
    let first = app
        .post("/dead-letters/0-0/redrive")
        .header("idempotency-key", "k")
        .expect(200)
        .await;
    let again = app
        .post("/dead-letters/0-0/redrive")
        .header("idempotency-key", "k")
        .expect(200)
        .await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.json),
        ("true", &first.json)
    );
    assert_eq!(
        records(&world.settings.kafka.topic, 3).await.len(),
        3,
        "sent once"
    );
    app.post("/dead-letters/0-1/redrive")
        .header("idempotency-key", "k")
        .problem(422, "idempotency_key_reused")
        .await;

    // Leaves the state of a process that was killed between its decision and the send to Kafka.
    world
        .db
        .execute("update dead_letter_decisions set state = 'redriving'", &[])
        .await;
    assert_eq!(ids(&list(&app, "?state=redriving").await), ["0-0"]);
    let retried = app
        .post("/dead-letters/0-0/redrive")
        .header("idempotency-key", "k")
        .expect(200)
        .await;
    assert_eq!(retried.json["state"], "redriven");
    let sent = records(&world.settings.kafka.topic, 4).await;
    let copies = sent
        .iter()
        .filter(|record| record.value == good[0].value)
        .count();
    assert_eq!(
        (sent.len(), copies),
        (4, 3),
        "sent again: the consumer knows it by its id"
    );
    assert_eq!(operator_records(&world, 1).await.len(), 1, "decided once");

    // A decision left without a key counts as open.
    world
        .db
        .execute(
            "update dead_letter_decisions set state = 'redriving', idempotency_key = null",
            &[],
        )
        .await;
    let many = app
        .post("/dead-letters/redrive")
        .json(&json!({}))
        .expect(200)
        .await;
    assert_eq!(
        many.json,
        json!({ "redriven": ["0-0", "0-1"], "refused": [], "next_cursor": null })
    );
    app.post("/dead-letters/0-0/discard")
        .json(&json!({ "reason": "no" }))
        .problem(409, "dead_letter_decided")
        .await;
    world
        .db
        .execute("update dead_letter_decisions set state = 'redriving'", &[])
        .await;
    app.post("/dead-letters/0-0/discard")
        .json(&json!({ "reason": "it is there" }))
        .expect(200)
        .await;
    assert_eq!(ids(&list(&app, "?state=redriving").await), ["0-1"]);
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_redrive_sends_each_matching_letter_once_in_order() {
    let (world, app, good) = published(6).await;
    let (parking, _) = consumer(&world).await;
    let mut batch: Vec<_> = good
        .iter()
        .map(|record| of_type(record, "trafficmanager.route.updated.v2"))
        .collect();
    batch.insert(
        3,
        Record {
            value: Some(b"{".to_vec()),
            ..good[0].clone()
        },
    );
    parking.handle(&batch).await.expect("the topic takes them");
    app.post("/dead-letters/0-0/discard")
        .json(&json!({ "reason": "a test" }))
        .expect(200)
        .await;

    let wanted = json!({ "reason": "unknown_version", "limit": 3 });
    let first = app
        .post("/dead-letters/redrive")
        .header("idempotency-key", "many")
        .json(&wanted)
        .expect(200)
        .await;
    assert_eq!(
        first.json["redriven"],
        json!(["0-4", "0-5", "0-6"]),
        "the newest, the oldest of them first"
    );
    let again = app
        .post("/dead-letters/redrive")
        .header("idempotency-key", "many")
        .json(&wanted)
        .expect(200)
        .await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.json),
        ("true", &first.json)
    );

    // Leaves the state of a process that was killed after the first of three dead letters. The
    // retry sends the rest.
    let newer = "letter_offset in (5, 6)";
    world
        .db
        .execute(
            &format!("delete from dead_letter_decisions where {newer}"),
            &[],
        )
        .await;
    let again = app
        .post("/dead-letters/redrive")
        .header("idempotency-key", "many")
        .json(&wanted)
        .expect(200)
        .await;
    assert_eq!(again.json["redriven"], json!(["0-4", "0-5", "0-6"]));
    let mut wanted = wanted;
    wanted["cursor"] = first.json["next_cursor"].clone();
    let rest = app
        .post("/dead-letters/redrive")
        .json(&wanted)
        .expect(200)
        .await;
    assert_eq!(
        rest.json,
        json!({ "redriven": ["0-1", "0-2"], "refused": [], "next_cursor": null }),
        "no discarded letter"
    );
    assert_eq!(
        ids(&list(&app, "?state=waiting").await),
        ["0-3"],
        "no letter with another reason"
    );
    let sent = records(&world.settings.kafka.topic, 6 + 7).await;
    let again: Vec<_> = sent
        .iter()
        .filter_map(|record| record.header("tm_redriven_from"))
        .collect();
    assert_eq!(again, ["0-4", "0-5", "0-6", "0-5", "0-6", "0-1", "0-2"]);
    assert_eq!(
        operator_records(&world, 8)
            .await
            .iter()
            .filter(|logged| text(logged, "action") == Some("dead_letter_redriven"))
            .count(),
        7
    );
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discard_needs_a_reason_and_still_allows_a_redrive() {
    let (world, app, good) = published(1).await;
    let (parking, _) = consumer(&world).await;
    parking
        .handle(&[of_type(&good[0], "trafficmanager.route.created.v2")])
        .await
        .expect("the topic takes it");
    for no_reason in [
        json!({}),
        json!({ "reason": " " }),
        json!({ "reason": "a\nb" }),
    ] {
        app.post("/dead-letters/0-0/discard")
            .json(&no_reason)
            .problem(422, "invalid_request")
            .await;
    }
    app.post("/dead-letters/0-1/discard")
        .json(&json!({ "reason": "r" }))
        .problem(404, "dead_letter_not_found")
        .await;
    let discarded = app
        .post("/dead-letters/0-0/discard")
        .json(&json!({ "reason": "a drill" }))
        .expect(200)
        .await;
    assert_eq!(
        (
            &discarded.json["state"],
            &discarded.json["decision"]["reason"]
        ),
        (&json!("discarded"), &json!("a drill"))
    );
    let again = app
        .post("/dead-letters/0-0/discard")
        .json(&json!({ "reason": "another" }))
        .expect(200)
        .await;
    assert_eq!(again.json, discarded.json, "with its first reason");
    assert_eq!(
        records(&world.settings.kafka.dlq_topic, 1).await.len(),
        1,
        "the letter stays in its topic"
    );
    assert_eq!(
        app.post("/dead-letters/redrive")
            .json(&json!({}))
            .expect(200)
            .await
            .json["redriven"],
        json!([])
    );
    let sent = app.post("/dead-letters/0-0/redrive").expect(200).await;
    assert_eq!(sent.json["state"], "redriven");
    let logged = operator_records(&world, 2).await;
    let actions: Vec<_> = logged
        .iter()
        .map(|record| (text(record, "action").unwrap(), text(record, "reason")))
        .collect();
    assert_eq!(
        actions,
        [
            ("dead_letter_discarded", Some("a drill")),
            ("dead_letter_redriven", None)
        ]
    );

    // A recreated topic counts offsets from 0 again: the stored decisions belong to other dead letters.
    world
        .db
        .execute(
            "update dead_letter_decisions set letter_at = letter_at - interval '1 day'",
            &[],
        )
        .await;
    assert_eq!(list(&app, "").await[0]["state"], "waiting");
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redrive_reads_a_too_large_record_from_its_source_topic() {
    let (world, app, good) = published(1).await;
    // The record is larger than the dead-letter topic allows.
    takes(&world.settings.kafka.dlq_topic, "500000").await;
    let large = Record {
        key: None,
        value: Some(vec![b'x'; 999_880]),
        headers: Vec::new(),
        ..good[0].clone()
    };
    send(&world.settings.kafka.topic, &large).await;
    consumed(&world, async |status| {
        status.report().dead_letters_total == 1
    })
    .await;
    let letter = app.get("/dead-letters/0-0").expect(200).await.json;
    assert_eq!(
        (&letter["omitted"], &letter["value"]),
        (&json!(true), &Value::Null)
    );
    app.post("/dead-letters/0-0/redrive").expect(200).await;
    let sent = records(&world.settings.kafka.topic, 3).await;
    assert_eq!(
        sent.iter()
            .filter(|record| record.value == large.value)
            .count(),
        2
    );

    // A dead letter whose origin record is gone has nothing to send. A dead letter from another
    // topic is not sent either.
    let (parking, _) = consumer(&world).await;
    let gone = Record {
        offset: 1_000_000,
        topic: world.settings.kafka.topic.clone(),
        ..large.clone()
    };
    let foreign = Record {
        topic: "elsewhere".into(),
        value: Some(b"{".to_vec()),
        ..good[0].clone()
    };
    parking
        .handle(&[gone, foreign])
        .await
        .expect("the topic takes them");
    for id in ["0-1", "0-2"] {
        app.post(&format!("/dead-letters/{id}/redrive"))
            .problem(409, "not_redrivable")
            .await;
    }
    let many = app
        .post("/dead-letters/redrive")
        .json(&json!({}))
        .expect(200)
        .await
        .json;
    assert_eq!(
        (ids(many["refused"].as_array().unwrap()), &many["redriven"]),
        (vec!["0-1", "0-2"], &json!([]))
    );
    assert_eq!(
        ids(&list(&app, "?state=waiting").await),
        ["0-2", "0-1"],
        "the letters are unchanged"
    );
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_that_kafka_refuses_blocks_no_other() {
    let (world, app, good) = published(1).await;
    let (parking, _) = consumer(&world).await;
    // Anybody who can write to the dead-letter topic chooses a letter's origin, and a recreated
    // topic may have fewer partitions.
    let elsewhere = Record {
        partition: 1000,
        ..of_type(&good[0], "trafficmanager.route.created.v2")
    };
    parking
        .handle(&[
            elsewhere,
            of_type(&good[0], "trafficmanager.route.created.v2"),
        ])
        .await
        .expect("the topic takes them");
    let many = app
        .post("/dead-letters/redrive")
        .json(&json!({}))
        .expect(200)
        .await
        .json;
    assert_eq!(
        (ids(many["refused"].as_array().unwrap()), &many["redriven"]),
        (vec!["0-0"], &json!(["0-1"]))
    );
    app.post("/dead-letters/0-0/redrive")
        .problem(409, "not_redrivable")
        .await;
    app.post("/dead-letters/0-0/discard")
        .json(&json!({ "reason": "from a missing partition" }))
        .expect(200)
        .await;
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_no_dead_letter_is_decided() {
    let (world, app, good) = published(1).await;
    let (parking, _) = consumer(&world).await;
    parking
        .handle(&[of_type(&good[0], "trafficmanager.route.created.v2")])
        .await
        .expect("the topic takes it");
    let mut away = world.settings.clone();
    away.kafka.bootstrap_servers = "127.0.0.1:1".into();
    (
        away.dead_letters.read_timeout_ms,
        away.kafka.delivery_timeout_ms,
    ) = (300, 1000);
    let cut_off = TestApp::run(world.db.clone(), away, Role::Serve).await;
    cut_off
        .get("/dead-letters")
        .problem(503, "unavailable")
        .await;
    cut_off
        .post("/dead-letters/0-0/redrive")
        .problem(503, "unavailable")
        .await;
    cut_off
        .post("/dead-letters/0-0/discard")
        .json(&json!({ "reason": "r" }))
        .problem(503, "unavailable")
        .await;
    assert_eq!(
        world
            .db
            .count("select count(*) from dead_letter_decisions")
            .await,
        0
    );
    assert_eq!(ids(&list(&app, "?state=waiting").await), ["0-0"]);
    cut_off.drain().await;
    app.drain().await;
    world.end().await;
}
