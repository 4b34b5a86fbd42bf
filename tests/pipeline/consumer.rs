//! The audit consumer: each event is archived once however often it is delivered; dead letters,
//! rebalances, restarts.

use std::{sync::Arc, time::Duration};

use mongodb::bson::doc;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use traffic_manager::{
    audit::{
        archive::Archive,
        consumer::{Consumer, ConsumerStatus, Handled},
    },
    domain::{
        chain,
        event::{Event, EventBody},
        hash::EventHash,
    },
    kafka::Record,
    resilience::Dependency,
};

use crate::{
    support::{World, eventually, switch::Switch},
    topic::{Routes, records, send},
};

async fn consumer(world: &World) -> (Consumer, Arc<ConsumerStatus>) {
    let mut settings = world.settings.clone();
    // The test does not repeat a step that failed, so the step gets a long time-out for a busy
    // machine.
    settings.resilience.mongodb_archive.timeout = Duration::from_millis(10_000);
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
        Consumer::new((&settings).into(), archive, policy, status.clone()).expect("a consumer"),
        status,
    )
}

/// Publishes `count` events of each of `tenants`, and returns them as records.
async fn published(world: &World, tenants: &[&str], count: usize) -> Vec<Record> {
    let routes = Routes::of(world);
    for number in 0..count {
        for tenant in tenants {
            routes.change(tenant, number).await;
        }
    }
    let wake = Arc::new(tokio::sync::Notify::new());
    let relay = traffic_manager::relay::Relay::new((&world.settings).into(), wake, Arc::default())
        .expect("a relay");
    let lease = relay
        .elect(None)
        .await
        .expect("Postgres answers")
        .won()
        .unwrap_or_else(|| panic!("another leads"));
    while relay.publish_batch(&lease).await.expect("Kafka answers")
        != traffic_manager::relay::Step::Idle
    {}
    records(&world.settings.kafka.topic, count * tenants.len()).await
}

fn resealed(record: &Record, change: impl Fn(&mut EventBody)) -> Record {
    let mut event: Event = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
    change(&mut event.body);
    let event = chain::seal(event.body).unwrap();
    let mut changed = record.clone();
    changed.value = Some(chain::canonical(&event).unwrap());
    for (name, value) in &mut changed.headers {
        if name == "ce_id" {
            *value = Some(event.body.id.to_string().into_bytes());
        }
    }
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn redelivered_event_counts_as_a_duplicate() {
    let world = World::new().await;
    let batch = published(&world, &["a"], 3).await;
    let (consumer, _) = consumer(&world).await;
    let with = |inserted, duplicates, dead_lettered| Handled {
        inserted,
        duplicates,
        dead_lettered,
    };
    assert_eq!(consumer.handle(&batch[..2]).await.unwrap(), with(2, 0, 0));
    assert_eq!(
        consumer.handle(&batch).await.unwrap(),
        with(1, 2, 0),
        "delivered again, with one more"
    );
    let doubled = [batch[0].clone(), batch[0].clone()];
    assert_eq!(consumer.handle(&doubled).await.unwrap(), with(0, 2, 0));
    assert_eq!(world.archived_count().await, 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_that_replaces_an_archived_one_is_dead_lettered() {
    let world = World::new().await;
    let batch = published(&world, &["a"], 1).await;
    let (consumer, _) = consumer(&world).await;
    consumer.handle(&batch).await.unwrap();
    let same_id = resealed(&batch[0], |event| {
        event.reason = Some("another story".into())
    });
    let same_place = resealed(&batch[0], |event| event.id = uuid::Uuid::now_v7());
    let handled = consumer
        .handle(&[same_id.clone(), same_place.clone()])
        .await
        .unwrap();
    assert_eq!(
        handled,
        Handled {
            inserted: 0,
            duplicates: 0,
            dead_lettered: 2
        }
    );
    assert_eq!(
        world.archived().await[0].reason,
        None,
        "the archived event is unchanged"
    );
    let letters = records(&world.settings.kafka.dlq_topic, 2).await;
    for (letter, sent) in letters.iter().zip([same_id, same_place]) {
        assert_eq!(letter.header("tm_dlq_reason"), Some("contradiction"));
        assert_eq!(letter.value, sent.value);
        assert_eq!(
            letter.header("ce_id"),
            sent.header("ce_id"),
            "its own headers are kept"
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_record_is_dead_lettered_and_partition_continues() {
    let world = World::new().await;
    let good = published(&world, &["a"], 2).await;
    let partition = good[0].partition;
    let with = |change: &dyn Fn(&mut Record)| {
        let mut record = good[1].clone();
        change(&mut record);
        record
    };
    let set = |record: &mut Record, name: &str, value: &str| {
        let header = record
            .headers
            .iter_mut()
            .find(|(key, _)| key == name)
            .unwrap();
        header.1 = Some(value.as_bytes().to_vec());
    };
    let bad = [
        ("not_json", with(&|r| r.value = Some(b"\xff{".to_vec()))),
        ("not_json", with(&|r| r.value = None)),
        (
            "not_an_event",
            with(&|r| r.value = Some(b"{\"id\": 1}".to_vec())),
        ),
        (
            "unknown_version",
            with(&|r| set(r, "ce_type", "trafficmanager.route.updated.v2")),
        ),
        ("unknown_type", with(&|r| r.headers.clear())),
        ("header_mismatch", with(&|r| set(r, "ce_id", "another"))),
        (
            "hash_mismatch",
            with(&|r| {
                let text = String::from_utf8(r.value.clone().unwrap()).unwrap();
                r.value = Some(text.replace("tester", "forger").into_bytes());
            }),
        ),
    ];
    for (_, record) in &bad {
        send(&world.settings.kafka.topic, record).await;
    }
    let last = resealed(&good[1], |event| {
        (event.id, event.revision) = (uuid::Uuid::now_v7(), event.revision.next())
    });
    send(&world.settings.kafka.topic, &last).await;

    let (consumer, status) = consumer(&world).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    eventually("the records after the bad ones are archived", async || {
        (world.archived_count().await == 3).then_some(())
    })
    .await;
    let letters = bad.len() as u64;
    eventually("each is dead-lettered", async || {
        (status.report().dead_letters_total == letters).then_some(())
    })
    .await;
    let letters = records(&world.settings.kafka.dlq_topic, bad.len()).await;
    for (number, (letter, (reason, sent))) in letters.iter().zip(&bad).enumerate() {
        assert_eq!(letter.header("tm_dlq_reason"), Some(*reason));
        assert_eq!(letter.header("tm_dlq_attempts"), Some("1"));
        assert_eq!(
            letter.header("tm_dlq_topic"),
            Some(world.settings.kafka.topic.as_str())
        );
        assert_eq!(
            letter.header("tm_dlq_partition"),
            Some(partition.to_string().as_str())
        );
        assert_eq!(
            letter.header("tm_dlq_offset"),
            Some((number + 2).to_string().as_str())
        );
        assert_eq!(
            (&letter.key, &letter.value),
            (&sent.key, &sent.value),
            "the record is kept whole"
        );
    }
    stop.cancel();
    running.await.expect("no panic").expect("settings");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_refused_by_the_validator_has_bounded_attempts() {
    let mut world = World::new().await;
    world.settings.audit.max_attempts = 3;
    let batch = published(&world, &["a"], 1).await;
    // Revision 0 is invalid: the collection's validator refuses it.
    let refused = resealed(&batch[0], |event| {
        event.revision = traffic_manager::domain::tag::Revision(0)
    });
    let (consumer, _) = consumer(&world).await;
    let handled = consumer.handle(&[refused, batch[0].clone()]).await.unwrap();
    assert_eq!(
        handled,
        Handled {
            inserted: 1,
            duplicates: 0,
            dead_lettered: 1
        }
    );
    let letters = records(&world.settings.kafka.dlq_topic, 1).await;
    assert_eq!(letters[0].header("tm_dlq_reason"), Some("refused"));
    assert_eq!(letters[0].header("tm_dlq_attempts"), Some("3"));
    world.end().await;
}

/// Returns the record as the next revision, with members that this version does not know and with
/// the matching hash.
fn extended(record: &Record, members: Value) -> Record {
    let event = resealed(record, |event| {
        (event.id, event.revision) = (uuid::Uuid::now_v7(), event.revision.next())
    });
    let mut value: Value = serde_json::from_slice(event.value.as_deref().unwrap()).unwrap();
    let known = value.as_object_mut().unwrap();
    known.extend(members.as_object().unwrap().clone());
    known.remove("hash");
    let hash = EventHash::of(&chain::canonical(&value).unwrap());
    value["hash"] = Value::String(hash.to_string());
    Record {
        value: Some(chain::canonical(&value).unwrap()),
        ..event
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn event_impossible_in_bson_is_dead_lettered_alone() {
    let mut world = World::new().await;
    world.settings.audit.max_attempts = 1;
    let batch = published(&world, &["a"], 1).await;
    let nul = extended(&batch[0], json!({ "x": { "a\0b": 1 } }));
    // A number takes 2 bytes of JSON and 16 of BSON: two megabytes become more than the 16 MB limit
    // of a document.
    let large = extended(&batch[0], json!({ "x": vec![1; 1_100_000] }));
    let (consumer, _) = consumer(&world).await;
    let handled = consumer
        .handle(&[nul.clone(), batch[0].clone(), large])
        .await
        .expect("the bad events do not stop the batch");
    assert_eq!(
        handled,
        Handled {
            inserted: 1,
            duplicates: 0,
            dead_lettered: 2
        }
    );
    let letters = records(&world.settings.kafka.dlq_topic, 2).await;
    for letter in &letters {
        assert_eq!(letter.header("tm_dlq_reason"), Some("refused"));
    }
    assert_eq!(letters[0].value, nul.value);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_archive_gets_smaller_batches() {
    const EVENTS: usize = 120;
    let mut world = World::new().await;
    published(&world, &["a"], EVENTS).await;
    // Archiving all events in one batch takes three times as long as the time-out.
    let direct = world.settings.mongo.url.clone();
    let host = mongodb::options::ClientOptions::parse(direct.expose_secret())
        .await
        .expect("a MongoDB URL")
        .hosts[0]
        .to_string();
    let line = Switch::start(host.clone()).await;
    line.trickle(60_000);
    world.settings.mongo.url = direct
        .expose_secret()
        .replace(&host, &line.address.to_string())
        .into();
    (
        world.settings.audit.batch,
        world.settings.resilience.mongodb_archive.timeout,
    ) = (EVENTS, Duration::from_secs(1));
    (
        world.settings.resilience.open,
        world.settings.resilience.max_open,
    ) = (Duration::from_millis(50), Duration::from_millis(100));
    let policy = &world.settings.resilience.mongodb_archive;
    let policy = Dependency::new("mongodb_archive", world.settings.resilience.policy(policy));
    let archive = Archive::new(&world.settings.mongo, Duration::from_secs(1))
        .await
        .expect("an archive");
    let status = Arc::new(ConsumerStatus::default());
    let consumer = Consumer::new((&world.settings).into(), archive, policy, status.clone())
        .expect("a consumer");
    world.settings.mongo.url = direct;
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    // The archive may store a batch although it timed out. Its retry then finds duplicates, which
    // `archived_total` counts too.
    let is_done = async || (status.report().archived_total >= EVENTS as u64).then_some(());
    eventually("the archive has answered for all of them", is_done).await;
    assert_eq!(
        (
            world.archived_count().await,
            status.report().dead_letters_total
        ),
        (EVENTS as u64, 0)
    );
    stop.cancel();
    running.await.expect("no panic").expect("settings");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_before_the_offset_commit_doubles_nothing() {
    let world = World::new().await;
    let batch = published(&world, &["a", "b", "c"], 100).await;
    // Simulates a process that archived records and ended before it committed their offsets.
    let (before, _) = consumer(&world).await;
    before.handle(&batch[..150]).await.unwrap();
    let (consumer, status) = consumer(&world).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    eventually("everything is archived", async || {
        (status.report().archived_total == 300).then_some(())
    })
    .await;
    assert_eq!(world.archived_count().await, 300);
    stop.cancel();
    running.await.expect("no panic").expect("settings");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebalance_during_work_loses_and_doubles_nothing() {
    let mut world = World::new().await;
    world.settings.audit.batch = 20;
    let stop = CancellationToken::new();
    let (first, first_status) = consumer(&world).await;
    let first = tokio::spawn(first.run(stop.clone()));
    let tenants: Vec<String> = (0..12).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = tenants.iter().map(String::as_str).collect();
    published(&world, &names, 20).await;
    eventually("the first is at work", async || {
        (first_status.report().archived_total > 0).then_some(())
    })
    .await;
    let (second, _) = consumer(&world).await;
    let leave = CancellationToken::new();
    let second = tokio::spawn(second.run(leave.clone()));
    let routes = Routes::of(&world);
    for number in 20..60 {
        for tenant in &tenants {
            routes.change(tenant, number).await;
        }
        if number == 40 {
            leave.cancel();
        }
        if number % 5 == 4 {
            relay_all(&world).await;
        }
    }
    second.await.expect("no panic").expect("settings");
    let archived = async || world.archived_count().await;
    eventually("everything is archived", async || {
        (archived().await == 12 * 60).then_some(())
    })
    .await;
    let documents = world.archived().await;
    for tenant in &tenants {
        let mut revisions: Vec<_> = documents
            .iter()
            .filter(|d| d.tenant == *tenant)
            .map(|d| d.revision)
            .collect();
        revisions.sort_unstable();
        assert_eq!(revisions, (1..=60).collect::<Vec<i64>>());
    }
    stop.cancel();
    first.await.expect("no panic").expect("settings");
    world.end().await;
}

async fn relay_all(world: &World) {
    let relay = traffic_manager::relay::Relay::new(
        (&world.settings).into(),
        Arc::default(),
        Arc::default(),
    )
    .expect("a relay");
    let lease = eventually("it leads", async || {
        relay.elect(None).await.expect("Postgres answers").won()
    })
    .await;
    while relay.publish_batch(&lease).await.expect("Kafka answers")
        != traffic_manager::relay::Step::Idle
    {}
}

/// Creates a MongoDB user with the same rights as the service's user: insert and find only.
#[tokio::test(flavor = "multi_thread")]
async fn service_user_cannot_change_archived_events() {
    let world = World::new().await;
    let batch = published(&world, &["a"], 1).await;
    let admin = mongodb::Client::with_uri_str(world.settings.mongo.url.expose_secret())
        .await
        .unwrap();
    let database = admin.database(&world.settings.mongo.database);
    let name = &world.settings.mongo.collection;
    let resource = doc! { "db": database.name(), "collection": name };
    let privileges = vec![doc! { "resource": resource, "actions": ["insert", "find"] }];
    database
        .run_command(doc! { "createRole": "archiver", "privileges": privileges, "roles": [] })
        .await
        .unwrap();
    database
        .run_command(doc! { "createUser": "service", "pwd": "secret", "roles": ["archiver"] })
        .await
        .unwrap();
    let mut url = url::Url::parse(world.settings.mongo.url.expose_secret()).unwrap();
    url.set_username("service").unwrap();
    url.set_password(Some("secret")).unwrap();
    url.set_query(Some(&crate::support::secure::mongo_query(database.name())));
    let mut settings = world.settings.mongo.clone();
    settings.url = url.to_string().into();

    let archive = Archive::new(&settings, Duration::from_secs(10))
        .await
        .unwrap();
    let event =
        traffic_manager::audit::document::read(&batch[0], "2026-11-21T06:00:00Z".parse().unwrap())
            .unwrap();
    archive
        .insert(std::slice::from_ref(&event))
        .await
        .expect("the user may insert");
    assert_eq!(
        archive
            .query(&Default::default(), 10, None)
            .await
            .expect("the user may find")
            .len(),
        1
    );
    let client = mongodb::Client::with_uri_str(url.as_str()).await.unwrap();
    let events = client
        .database(database.name())
        .collection::<mongodb::bson::Document>(name);
    assert!(
        events
            .update_one(doc! {}, doc! { "$set": { "reason": "forged" } })
            .await
            .is_err(),
        "the user may not update"
    );
    assert!(
        events.delete_one(doc! {}).await.is_err(),
        "the user may not delete"
    );
    assert!(events.drop().await.is_err(), "the user may not drop");
    let documents = world.archived().await;
    assert_eq!(
        chain::check(&documents[0].event).map(|hash| hash.to_string()),
        Ok(documents[0].hash.clone())
    );
    assert_eq!(
        documents[0].event,
        serde_json::from_slice::<Value>(batch[0].value.as_deref().unwrap()).unwrap()
    );
    let _ = database.run_command(doc! { "dropUser": "service" }).await;
    let _ = database.run_command(doc! { "dropRole": "archiver" }).await;
    world.end().await;
}
