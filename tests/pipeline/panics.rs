//! A defect that one record triggers costs that record only: the consumer and the relay go on.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber as _,
    span,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};
use traffic_manager::{
    app::supervise::supervised,
    audit::{
        archive::Archive,
        consumer::{Consumer, ConsumerStatus},
    },
    relay::{Relay, RelayStatus, Step},
    resilience::Dependency,
};

use crate::{
    redrives::patient,
    support::{World, eventually},
    topic::{Routes, records},
};

/// Panics `times` times when a span is created for the event. Every traced event has a span when it
/// is published and when it is archived.
struct Defect {
    event: String,
    times: Arc<AtomicU32>,
}

struct Looks<'a>(&'a str, bool);

impl Visit for Looks<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.1 |= field.name() == "event.id" && format!("{value:?}").contains(self.0);
    }
}

impl<S: Subscriber> Layer<S> for Defect {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut looks = Looks(&self.event, false);
        attributes.record(&mut looks);
        let take = |left: u32| left.checked_sub(1);
        if looks.1
            && self
                .times
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_ok()
        {
            panic!("a defect that event {} brings to light", self.event);
        }
    }
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn traced(world: &World, numbers: std::ops::Range<usize>) {
    let routes = Routes::of(world);
    for number in numbers {
        routes.change_traced("a", number, Some(TRACE)).await;
    }
}

async fn publish(world: &World) {
    let relay =
        Relay::new(world.settings.clone(), Arc::default(), Arc::default()).expect("a relay");
    let lease = eventually("it leads", async || {
        relay.elect(None).await.expect("Postgres answers").ok()
    })
    .await;
    while relay.publish_batch(&lease).await.expect("Kafka answers") != Step::Idle {}
}

async fn id_of(world: &World, revision: i64) -> String {
    let sql = "select id::text from route_events where revision = $1";
    world.db.rows(sql, &[&revision]).await[0].get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn record_that_panics_the_consumer_is_dead_lettered_alone() {
    let mut world = patient(&[]).await;
    world.settings.audit.max_attempts = 3;
    traced(&world, 0..3).await;
    publish(&world).await;
    let event = id_of(&world, 2).await;
    let defect = Defect {
        event: event.clone(),
        times: Arc::new(AtomicU32::new(u32::MAX)),
    };

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
    let consumer = Consumer::new(settings, archive, policy, status.clone()).expect("a consumer");
    let stop = CancellationToken::new();
    let running = consumer
        .run(stop.clone())
        .with_subscriber(tracing_subscriber::registry().with(defect));
    let running = tokio::spawn(running);
    eventually("the others are archived", async || {
        (world.archived_count().await == 2).then_some(())
    })
    .await;
    let letter = records(&world.settings.kafka.dlq_topic, 1).await.remove(0);
    assert_eq!(
        (
            letter.header("tm_dlq_reason"),
            letter.header("tm_dlq_attempts")
        ),
        (Some("poison"), Some("3"))
    );
    assert_eq!(letter.header("ce_id"), Some(event.as_str()));
    // The consumer goes on.
    traced(&world, 3..5).await;
    publish(&world).await;
    eventually("later events are archived", async || {
        (world.archived_count().await == 4).then_some(())
    })
    .await;
    assert_eq!(
        (
            status.report().dead_letters_total,
            status.report().restarts_total
        ),
        (1, 0)
    );
    stop.cancel();
    running
        .await
        .expect("the consumer did not end by a panic")
        .expect("settings");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn panicked_relay_restarts_without_loss_or_reordering() {
    let mut world = patient(&[]).await;
    world.settings.relay.poll_ms = 50;
    traced(&world, 0..3).await;
    let defect = Defect {
        event: id_of(&world, 2).await,
        times: Arc::new(AtomicU32::new(2)),
    };
    let (stop, status) = (CancellationToken::new(), Arc::new(RelayStatus::default()));
    let (settings, ended, panicked) = (world.settings.clone(), stop.clone(), status.clone());
    let begun = Arc::new(AtomicU32::new(0));
    let counted = begun.clone();
    let running = supervised(
        "relay",
        stop.clone(),
        move || panicked.panicked(),
        move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let relay =
                Relay::new(settings.clone(), Arc::default(), status.clone()).expect("a relay");
            relay.run(ended.clone())
        },
    );
    let running =
        tokio::spawn(running.with_subscriber(tracing_subscriber::registry().with(defect)));
    eventually("all is published", async || {
        (world.db.count("select count(*) from outbox").await == 0).then_some(())
    })
    .await;
    // The topic may also hold records that were sent before a panic.
    let mut revisions: Vec<u64> = Vec::new();
    for count in 3.. {
        let published = records(&world.settings.kafka.topic, count).await;
        revisions = published
            .iter()
            .map(|record| record.header("tm_revision").unwrap().parse().unwrap())
            .collect();
        if revisions.last() == Some(&3) {
            break;
        }
    }
    revisions.dedup();
    assert_eq!(revisions, [1, 2, 3], "in order, some perhaps twice");
    assert_eq!(begun.load(Ordering::SeqCst), 3);
    stop.cancel();
    running.await.expect("no panic gets out");
    world.end().await;
}
