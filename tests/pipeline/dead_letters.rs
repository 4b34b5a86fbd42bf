//! A record that can never be archived is dead-lettered once, and never holds up later records.

use std::{sync::Arc, time::Duration};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use traffic_manager::{
    audit::{
        archive::Archive,
        consumer::{Consumer, Handled},
    },
    config::Settings,
    domain::{
        chain::seal,
        event::{Action, Actor, Change, EventBody},
        hash::EventHash,
        ids::RouteName,
        tag::{Epoch, Revision},
    },
    kafka::Record,
    resilience::Dependency,
};
use uuid::Uuid;

use crate::{support::World, topic::records, topic_settings::takes};

fn readable(offset: i64) -> Record {
    let event = seal(EventBody {
        confirmed_removal: None,
        id: Uuid::now_v7(),
        tenant: "acme".parse().unwrap(),
        epoch: Epoch::from_random([7; 8]),
        revision: Revision(1),
        item: 0,
        items: 1,
        action: Action::Deleted,
        change: Change::Route {
            name: RouteName {
                service: "s".parse().unwrap(),
                env: "e".parse().unwrap(),
                version: "v".parse().unwrap(),
            },
            before: None,
            after: None,
        },
        actor: Actor {
            kind: "anonymous".into(),
            id: "anonymous".into(),
            token: None,
        },
        reason: None,
        request_id: "r".into(),
        trace_id: None,
        source_ip: None,
        occurred_at: "2026-11-21T05:48:00Z".parse().unwrap(),
        prev_hash: EventHash::GENESIS,
    })
    .unwrap();
    Record {
        topic: "t".into(),
        partition: 0,
        offset,
        key: Some(b"acme".to_vec()),
        value: Some(serde_json::to_vec(&event).unwrap()),
        headers: vec![(
            "ce_type".into(),
            Some(Action::Deleted.ce_type(1).into_bytes()),
        )],
    }
}

fn garbage(offset: i64, bytes: usize) -> Record {
    Record {
        topic: "t".into(),
        partition: 0,
        offset,
        key: None,
        value: Some(vec![b'x'; bytes]),
        headers: Vec::new(),
    }
}

async fn consumer(settings: &Settings) -> Consumer {
    let mut settings = settings.clone();
    settings.resilience.mongodb_archive.timeout = Duration::from_millis(10_000);
    let archive = Archive::new(&settings.mongo, Duration::from_secs(10))
        .await
        .expect("a MongoDB URL");
    let policy = Dependency::new(
        "mongodb",
        settings
            .resilience
            .policy(&settings.resilience.mongodb_archive),
    );
    Consumer::new((&settings).into(), archive, policy, Arc::default()).expect("valid settings")
}

/// Counts all records that the dead-letter topic has ever taken.
fn dead_letters(settings: &Settings) -> i64 {
    let reader: BaseConsumer = crate::support::secure::kafka().create().unwrap();
    reader
        .fetch_watermarks(&settings.kafka.dlq_topic, 0, Duration::from_secs(10))
        .expect("Kafka")
        .1
}

#[tokio::test]
async fn retries_during_an_archive_outage_dead_letter_once() {
    let world = World::new().await;
    let batch = [readable(0), garbage(1, 7), readable(2)];
    let mut nowhere = world.settings.clone();
    (nowhere.mongo.url, nowhere.mongo.server_selection_timeout) = (
        "mongodb://127.0.0.1:1/".to_owned().into(),
        Duration::from_millis(100),
    );
    let away = consumer(&nowhere).await;
    for _ in 0..3 {
        away.handle(&batch).await.expect_err("nobody listens there");
    }

    let handled = consumer(&world.settings)
        .await
        .handle(&batch)
        .await
        .expect("the archive is back");

    // The third record has the same place in the history as the first, and another id.
    assert_eq!(
        handled,
        Handled {
            inserted: 1,
            duplicates: 0,
            dead_lettered: 2
        }
    );
    assert_eq!(
        dead_letters(&world.settings),
        2,
        "each record once after several attempts"
    );
    world.end().await;
}

#[tokio::test]
async fn record_too_large_for_the_dead_letter_topic_blocks_nothing() {
    let world = World::new().await;
    // The record is larger than the dead-letter topic allows.
    takes(&world.settings.kafka.dlq_topic, "500000").await;
    let batch = [garbage(0, 999_990), readable(1)];

    let handling = consumer(&world.settings).await;
    let handled = tokio::time::timeout(Duration::from_secs(20), handling.handle(&batch))
        .await
        .expect("no endless wait");

    assert_eq!(
        handled.expect("both records are handled"),
        Handled {
            inserted: 1,
            duplicates: 0,
            dead_lettered: 1
        }
    );
    assert_eq!(dead_letters(&world.settings), 1);
    world.end().await;
}

#[tokio::test]
async fn dead_letter_of_the_largest_record_is_kept_whole() {
    let world = World::new().await;
    let largest = garbage(0, world.settings.kafka.max_message_bytes);
    let handled = consumer(&world.settings)
        .await
        .handle(std::slice::from_ref(&largest))
        .await;
    assert_eq!(
        handled.expect("the topic takes it"),
        Handled {
            inserted: 0,
            duplicates: 0,
            dead_lettered: 1
        }
    );
    assert!(records(&world.settings.kafka.dlq_topic, 1).await[0].value == largest.value);
    world.end().await;
}
