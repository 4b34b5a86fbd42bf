//! Clients of Kafka that do not recover by themselves after an outage: a client that makes no
//! progress is replaced by a new one.

use std::{sync::Arc, time::Duration};

use rdkafka::types::RDKafkaApiKey as Api;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use traffic_manager::{
    app::Role,
    audit::{
        archive::Archive,
        consumer::{Consumer, ConsumerStatus},
        dead_letters::{DeadLetterProducer, NewDeadLetter},
    },
    config::Settings,
    kafka::Record,
    relay::{Relay, RelayStatus},
    resilience::Dependency,
};

use crate::{
    sick_broker::SickBroker,
    support::{TestApp, World, eventually},
    topic::Routes,
};

/// Longer than every time-out of these settings. The mock cluster takes three seconds to form a
/// group.
const SICK: Duration = Duration::from_secs(7);

/// A world with a Kafka of its own and short time-outs.
async fn world(sick: &[Api]) -> (World, SickBroker) {
    let mut world = World::with(&[
        "kafka.delivery_timeout_ms=1000",
        "kafka.stalled_after_ms=1000",
        "audit.stalled_after_ms=5000",
    ])
    .await;
    let broker = SickBroker::start(&mut world.settings.kafka, sick).await;
    (world, broker)
}

async fn queued(world: &World) -> i64 {
    world.db.count("select count(*) from outbox").await
}

fn start_relay(
    settings: &Settings,
    stop: &CancellationToken,
) -> (tokio::task::JoinHandle<()>, Arc<RelayStatus>) {
    let status = Arc::new(RelayStatus::default());
    let relay = Relay::new(settings.into(), Arc::default(), status.clone()).expect("a relay");
    (tokio::spawn(relay.run(stop.clone())), status)
}

/// Waits for something that must happen within a few time-outs: at most a minute, since the machine
/// may be busy and forming a group takes a part of it.
async fn in_time<T>(what: &str, condition: impl AsyncFn() -> Option<T>) -> T {
    let came = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), came)
        .await
        .unwrap_or_else(|_| panic!("did not happen within a minute: {what}"))
}

/// Keeps the broker sick for longer than every time-out.
async fn assert_stays_sick(broker: &SickBroker) {
    let before = broker.spoilt();
    tokio::time::sleep(SICK).await;
    assert!(
        broker.spoilt() > before,
        "requests are answered with errors"
    );
}

/// Checks that a relay publishes after the broker was sick, from the start or later.
async fn assert_relay_recovers(from_the_start: bool, sick: &[Api]) {
    let (world, broker) = Box::pin(world(sick)).await;
    let routes = Routes::of(&world);
    if from_the_start {
        broker.sickens();
    }
    let stop = CancellationToken::new();
    let (running, status) = start_relay(&world.settings, &stop);
    routes.change("a", 0).await;
    if !from_the_start {
        eventually("the first event is published", async || {
            (queued(&world).await == 0).then_some(())
        })
        .await;
        broker.sickens();
        routes.change("a", 1).await;
    }
    eventually("the relay notices", async || status.report().last_error).await;
    assert_stays_sick(&broker).await;
    assert_eq!(
        queued(&world).await,
        1,
        "unacknowledged events stay in the queue"
    );
    broker.is_mended();
    routes.change("b", 2).await;
    in_time("the waiting events are published", async || {
        (queued(&world).await == 0).then_some(())
    })
    .await;
    in_time("the relay is well", async || {
        status.report().last_error.is_none().then_some(())
    })
    .await;
    stop.cancel();
    running.await.expect("it ends");
    Box::pin(world.end()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_that_never_gets_its_id_is_recreated() {
    assert_relay_recovers(true, &[Api::InitProducerId]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_whose_records_are_never_accepted_is_recreated() {
    assert_relay_recovers(false, &[Api::Produce, Api::InitProducerId]).await;
}

async fn start_consumer(
    world: &World,
    stop: &CancellationToken,
) -> (tokio::task::JoinHandle<()>, Arc<ConsumerStatus>) {
    let archive = Archive::new(&world.settings.mongo, Duration::from_secs(10))
        .await
        .expect("an archive");
    let policy = Dependency::new(
        "mongodb_archive",
        world
            .settings
            .resilience
            .policy(&world.settings.resilience.mongodb_archive),
    );
    let status = Arc::new(ConsumerStatus::default());
    let consumer = Consumer::new((&world.settings).into(), archive, policy, status.clone())
        .expect("a consumer");
    let stop = stop.clone();
    (
        tokio::spawn(async move { consumer.run(stop).await.expect("settings") }),
        status,
    )
}

/// Checks that the archive's consumer archives after the broker was sick, from the start or later.
async fn assert_consumer_recovers(from_the_start: bool, sick: &[Api]) {
    let (world, broker) = world(sick).await;
    let routes = Routes::of(&world);
    let stop = CancellationToken::new();
    // The relay connects to the broker without the proxy, so it sees no errors.
    let mut well = world.settings.clone();
    well.kafka.bootstrap_servers = broker.cluster.bootstrap_servers();
    let (relaying, _) = start_relay(&well, &stop);
    if from_the_start {
        broker.sickens();
    }
    let (consuming, _status) = start_consumer(&world, &stop).await;
    routes.change("a", 0).await;
    if !from_the_start {
        in_time("the first event is archived", async || {
            (world.archived_count().await == 1).then_some(())
        })
        .await;
        broker.sickens();
        routes.change("a", 1).await;
    }
    eventually("it is published", async || {
        (queued(&world).await == 0).then_some(())
    })
    .await;
    assert_stays_sick(&broker).await;
    let archived = u64::from(!from_the_start);
    assert_eq!(world.archived_count().await, archived);
    broker.is_mended();
    routes.change("a", 2).await;
    in_time("the waiting events are archived", async || {
        (world.archived_count().await == archived + 2).then_some(())
    })
    .await;
    stop.cancel();
    relaying.await.expect("it ends");
    consuming.await.expect("it ends");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_that_cannot_join_its_group_is_recreated() {
    Box::pin(assert_consumer_recovers(true, &[Api::JoinGroup])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_that_reads_nothing_is_recreated() {
    Box::pin(assert_consumer_recovers(false, &[Api::Fetch])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_without_a_known_lag_is_recreated() {
    Box::pin(assert_consumer_recovers(
        false,
        &[Api::Fetch, Api::ListOffsets],
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_without_kafka_progress_is_restarted() {
    for sick in [&[Api::Fetch][..], &[Api::Fetch, Api::ListOffsets]] {
        let (world, broker) = world(sick).await;
        let mut well = world.settings.clone();
        well.kafka.bootstrap_servers = broker.cluster.bootstrap_servers();
        let writer = TestApp::run(world.db.clone(), well, Role::All).await;
        let mut settings = world.settings.clone();
        settings.read.refresh = Duration::from_millis(60_000);
        let reader = TestApp::run(world.db.clone(), settings, Role::Serve).await;
        let number = std::sync::atomic::AtomicU32::new(0);
        let write = async || {
            let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let url = format!("http://{number}.example/");
            let route = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": url });
            writer.post("/routes").json(&route).send().await;
            url
        };
        let resolve = "/routes/resolve?tenant=acme&service=web&env=prod&version=v1";
        let shows = async |url: &str| {
            let answer = reader.get(resolve).send().await;
            answer.status == 200 && answer.json["url"] == url
        };
        // A new follower does not see earlier changes, so the test makes one change after the
        // other.
        let follows = async || {
            let url = write().await;
            tokio::time::timeout(Duration::from_millis(500), async {
                while !shows(&url).await {}
            })
            .await
            .ok()
        };
        in_time("the reader follows", follows).await;
        broker.sickens();
        let unseen = write().await;
        assert_stays_sick(&broker).await;
        assert!(
            !shows(&unseen).await,
            "the reader sees no change while the broker is sick"
        );
        broker.is_mended();
        in_time("a new change shows", follows).await;
        reader.drain().await;
        writer.drain().await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_producer_is_recreated() {
    let (world, broker) = world(&[Api::InitProducerId]).await;
    broker.sickens();
    let letters = DeadLetterProducer::new(&world.settings.kafka).expect("settings");
    let record = Record {
        topic: "t".into(),
        offset: 7,
        value: Some(b"x".into()),
        ..Record::default()
    };
    let letter = || {
        [NewDeadLetter {
            record: &record,
            reason: "test".into(),
            attempts: 1,
        }]
    };
    for _ in 0..3 {
        letters
            .send(&letter())
            .await
            .expect_err("the broker is sick");
    }
    // On a busy machine the first request may come late.
    in_time("the letter is answered with errors", async || {
        letters
            .send(&letter())
            .await
            .expect_err("the broker is sick");
        (broker.spoilt() > 0).then_some(())
    })
    .await;
    broker.is_mended();
    in_time("the broker accepts the letter", async || {
        letters.send(&letter()).await.ok()
    })
    .await;
    letters.flush(Duration::from_secs(5)).await;
    world.end().await;
}
