//! An event that Kafka refuses for good: it stops no other event, keeps its place in the chain, and
//! is published once Kafka takes it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use serde_json::{Value, json};
use tokio::sync::Notify;
use traffic_manager::{
    app::Role,
    kafka::{self, Record, Room},
    relay::{Relay, RelayStatus, Step},
    store::outbox::Lease,
};

use crate::{
    support::{TestApp, World, eventually},
    topic::{Routes, records},
    topic_settings::{admin, set, takes},
};

/// Enlarges the events of a tenant by this many bytes each, without changing their content.
async fn pad(world: &World, tenant: &str, bytes: i32) {
    let sql = "update route_events set payload = (payload::text || repeat(' ', $2))::json where tenant = $1";
    world.db.execute(sql, &[&tenant, &bytes]).await;
}

async fn led(world: &World) -> (Relay, Lease) {
    let relay = Relay::new(
        (&world.settings).into(),
        Arc::new(Notify::new()),
        Arc::new(RelayStatus::default()),
    )
    .expect("a relay");
    let lease = relay
        .elect(None)
        .await
        .expect("Postgres answers")
        .won()
        .unwrap_or_else(|| panic!("another leads"));
    (relay, lease)
}

/// Runs steps until the queue is empty, and returns how many were needed.
async fn emptied(relay: &Relay, lease: &Lease) -> usize {
    for steps in 0..40 {
        match relay.publish_batch(lease).await {
            Ok(Step::Idle) => return steps,
            Ok(Step::Deposed) => panic!("nobody else leads"),
            Ok(Step::Published(_) | Step::Sorted { .. }) => {}
            Err(error) => panic!("Kafka is well: {error:?}"),
        }
    }
    panic!("the queue does not become empty");
}

async fn set_aside(world: &World) -> Vec<(String, String)> {
    let sql = "select e.tenant, s.code from set_aside_events s join route_events e on e.id = s.event_id order by s.outbox_id";
    world
        .db
        .rows(sql, &[])
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

fn revisions(records: &[Record]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for record in records {
        let tenant = String::from_utf8(record.key.clone().expect("a key")).expect("a name");
        found
            .entry(tenant)
            .or_default()
            .push(record.header("tm_revision").expect("a revision").to_owned());
    }
    found
}

/// Commits events of four tenants in turn. The events of `large` are too large.
async fn write_a_large_event(world: &World) {
    let routes = Routes::of(world);
    for number in 0..6 {
        for tenant in ["a", "large", "b", "c"] {
            routes.change(tenant, number).await;
        }
    }
    pad(world, "large", 50_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_refused_by_the_client_is_set_aside_in_the_same_step() {
    let mut world = World::new().await;
    world.settings.kafka.max_message_bytes = 10_000;
    write_a_large_event(&world).await;
    let (relay, lease) = led(&world).await;
    assert_eq!(
        relay.publish_batch(&lease).await.unwrap(),
        Step::Sorted {
            published: 18,
            set_aside: 6
        }
    );
    assert_eq!(relay.publish_batch(&lease).await.unwrap(), Step::Idle);
    assert_eq!(
        set_aside(&world).await,
        vec![("large".to_owned(), "MessageSizeTooLarge".to_owned()); 6]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_refused_by_the_broker_is_found_in_its_batch() {
    let world = World::new().await;
    takes(&world.settings.kafka.topic, "10000").await;
    write_a_large_event(&world).await;
    let (relay, lease) = led(&world).await;
    emptied(&relay, &lease).await;
    assert_eq!(
        set_aside(&world).await,
        vec![("large".to_owned(), "MessageSizeTooLarge".to_owned()); 6]
    );
    let mut published = revisions(&records(&world.settings.kafka.topic, 18).await);
    // Kafka may have taken some events of a refused batch. They are published again.
    published
        .values_mut()
        .for_each(|revisions| revisions.dedup());
    let all: Vec<_> = (1..=6).map(|revision| revision.to_string()).collect();
    assert_eq!(
        published,
        ["a", "b", "c"]
            .map(|tenant| (tenant.to_owned(), all.clone()))
            .into()
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_batch_is_published_one_by_one() {
    let world = World::new().await;
    takes(&world.settings.kafka.topic, "2000").await;
    let routes = Routes::of(&world);
    for number in 0..10 {
        routes.change("a", number).await;
    }
    let (relay, lease) = led(&world).await;
    emptied(&relay, &lease).await;
    assert_eq!(set_aside(&world).await, []);
    let published = revisions(&records(&world.settings.kafka.topic, 10).await);
    assert_eq!(
        published["a"],
        (1..=10)
            .map(|revision| revision.to_string())
            .collect::<Vec<_>>()
    );
    world.end().await;
}

/// A policy that is within every limit, but whose event has more than 20,000 bytes.
fn large_policy(name: &str) -> Value {
    let headers: serde_json::Map<_, _> = (0..16)
        .map(|n| (format!("x-{n}"), json!({ "exact": "\"".repeat(512) })))
        .collect();
    let rules = [1, 2].map(|n| json!({ "name": format!("{name}{n}"), "match": { "headers": headers }, "version": "v1" }));
    json!({ "failover": ["v1"], "rules": rules })
}

/// Medians of five rounds, each with a new event that Kafka refuses just before the others' events:
/// a machine that stands still for a moment delays a round of either kind.
#[tokio::test(flavor = "multi_thread")]
async fn refused_event_delays_other_tenants_less_than_a_second() {
    let mut world = World::new().await;
    world.settings.relay.set_aside_retry = Duration::from_millis(300);
    takes(&world.settings.kafka.topic, "20000").await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    for tenant in ["poisoned", "other"] {
        app.put(&format!("/routes/{tenant}/web/prod/v1"))
            .json(&json!({ "url": "http://h" }))
            .expect(201)
            .await;
    }
    let mut written = 1;
    let mut median = async |is_poisoned: bool| {
        let mut times = Vec::new();
        for round in 0..5 {
            if is_poisoned {
                let policy = large_policy(&format!("r{round}-"));
                app.put("/policies/poisoned/web/prod")
                    .json(&policy)
                    .send()
                    .await;
            }
            for _ in 0..10 {
                let body = json!({ "url": format!("http://h{written}") });
                app.put("/routes/other/web/prod/v1")
                    .json(&body)
                    .expect(200)
                    .await;
                written += 1;
            }
            let began = Instant::now();
            let archived = async || {
                world
                    .archived()
                    .await
                    .iter()
                    .filter(|event| event.tenant == "other")
                    .count()
            };
            eventually("the others' events are archived", async || {
                (archived().await == written).then_some(())
            })
            .await;
            times.push(began.elapsed());
        }
        times.sort();
        times[2]
    };
    let usual = median(false).await;
    let beside = median(true).await;
    let refused = async || {
        (world
            .db
            .count("select count(*) from set_aside_events")
            .await
            == 5)
            .then_some(())
    };
    eventually("each was refused", refused).await;
    println!("archived after {usual:?} as usual, after {beside:?} beside a poisonous event");
    assert!(
        beside < usual + Duration::from_secs(1),
        "{usual:?} as usual, {beside:?} beside a poisonous event"
    );
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_aside_event_blocks_no_tenant_and_the_chain_verifies() {
    let mut world = World::new().await;
    world.settings.relay.set_aside_retry = Duration::from_millis(300);
    let topic = world.settings.kafka.topic.clone();
    takes(&topic, "20000").await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let route = async |tenant: &str, number: usize| {
        let body = json!({ "url": format!("http://h{number}") });
        app.put(&format!("/routes/{tenant}/web/prod/v1"))
            .json(&body)
            .send()
            .await;
    };
    for tenant in ["poisoned", "other"] {
        route(tenant, 0).await;
    }
    // An event that is archived without Kafka has no place in a partition.
    let archived = async |partition: &str| {
        world
            .archived()
            .await
            .iter()
            .filter(|event| event.tenant == partition)
            .count()
    };
    app.put("/policies/poisoned/web/prod")
        .json(&large_policy("r"))
        .expect(201)
        .await;
    for number in 1..10 {
        route("poisoned", number).await;
        route("other", number).await;
    }
    eventually("the other tenant's events are archived", async || {
        (archived("other").await == 10).then_some(())
    })
    .await;
    eventually("the poisoned tenant's events are archived", async || {
        (archived("poisoned").await == 11).then_some(())
    })
    .await;
    assert_eq!(
        world
            .db
            .count("select count(*) from set_aside_events")
            .await,
        1
    );
    let without_kafka: Vec<_> = world
        .archived()
        .await
        .into_iter()
        .filter(|event| event.metadata.partition < 0)
        .collect();
    assert_eq!(
        without_kafka
            .iter()
            .map(|event| event.revision)
            .collect::<Vec<_>>(),
        [2]
    );
    let verified = async || {
        app.get("/audit/verify?tenant=poisoned")
            .expect(200)
            .await
            .json["verified"]
            == true
    };
    assert!(
        verified().await,
        "the chain verifies while an event is set aside"
    );
    let backlog =
        async || app.ops("/health/resilience").expect(200).await.json["backlog"]["events"].clone();
    eventually("a set-aside event does not count as waiting", async || {
        (backlog().await == 0).then_some(())
    })
    .await;
    let check =
        async |name: &str| app.ops("/health/ready").expect(200).await.json["checks"][name].clone();
    eventually("health reports the set-aside event", async || {
        (check("set_aside").await["status"] == "degraded").then_some(())
    })
    .await;
    eventually("health reports the reason", async || {
        (check("kafka_topics").await["status"] == "degraded").then_some(())
    })
    .await;
    // The services of all tests in this process set the same gauge, each once a second.
    eventually("the gauge counts the set-aside event", async || {
        let metrics = app.ops("/metrics").expect(200).await.bytes;
        let metrics = String::from_utf8_lossy(&metrics).into_owned();
        metrics
            .contains("tm_outbox_set_aside_events 1")
            .then_some(())
    })
    .await;

    takes(&topic, "1000000").await;
    eventually("the set-aside event is published", async || {
        (world
            .db
            .count("select count(*) from set_aside_events")
            .await
            == 0)
            .then_some(())
    })
    .await;
    eventually("health is well", async || {
        (check("set_aside").await["status"] == "healthy").then_some(())
    })
    .await;
    let published = revisions(&records(&topic, 21).await);
    let late: Vec<_> = ["1", "3", "4", "5", "6", "7", "8", "9", "10", "11", "2"]
        .map(str::to_owned)
        .into();
    assert_eq!(
        (published["other"].len(), &published["poisoned"]),
        (10, &late),
        "the set-aside event comes last"
    );
    assert!(
        verified().await,
        "the chain verifies after the event is published"
    );
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_raises_only_the_record_size_of_topics() {
    let mut world = World::new().await;
    let topic = format!("{}.old", world.settings.kafka.topic);
    let old = NewTopic::new(&topic, 1, TopicReplication::Fixed(1))
        .set("retention.ms", "1234567")
        .set("max.message.bytes", "50000");
    for made in admin()
        .create_topics(&[old], &AdminOptions::new())
        .await
        .expect("Kafka answers")
    {
        made.expect("the topic is created");
    }
    let given_back = std::mem::replace(&mut world.settings.kafka.topic, topic.clone());
    let kafka = &world.settings.kafka;
    eventually("the topic is there", async || {
        (set(&topic, "retention.ms").await == "1234567").then_some(())
    })
    .await;
    let room = Room::default();
    room.look(kafka).await;
    assert!(
        room.short()
            .is_some_and(|short| short.contains(&topic) && short.contains("50000")),
        "{:?}",
        room.short()
    );
    kafka::create_topics(kafka, &world.settings.migrate)
        .await
        .expect("the limit is raised");
    let wanted = (kafka.max_message_bytes + 65_536).to_string();
    for (name, value) in [
        ("max.message.bytes", wanted.as_str()),
        ("retention.ms", "1234567"),
    ] {
        eventually("the topic has the setting", async || {
            (set(&topic, name).await == value).then_some(())
        })
        .await;
    }
    assert_eq!(set(&kafka.dlq_topic, "max.message.bytes").await, wanted);
    room.look(kafka).await;
    assert_eq!(room.short(), None);
    takes(&topic, "50000000").await;
    kafka::create_topics(kafka, &world.settings.migrate)
        .await
        .expect("nothing to do");
    assert_eq!(
        set(&topic, "max.message.bytes").await,
        "50000000",
        "a higher limit is unchanged"
    );
    let _ = admin()
        .delete_topics(
            &[&topic],
            &AdminOptions::new().operation_timeout(Some(Duration::from_secs(5))),
        )
        .await;
    world.settings.kafka.topic = given_back;
    world.end().await;
}
