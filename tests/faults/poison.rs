//! T15: poison records in every partition end in the dead-letter topic, and the records after them
//! go on.
//!
//! The test sends unreadable records and events of an unknown version under load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mongodb::bson::doc;
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{Answered, Expected, Run, Size, Target},
    processes::{Process, eventually},
    support::{World, secure},
};

/// Returns the longest time in which the archive took nothing of one partition, while events came
/// to all partitions all the time.
async fn stall(world: Arc<World>, stop: CancellationToken) -> Duration {
    let archive = world.collection().await;
    let partitions = usize::try_from(world.settings.migrate.partitions).expect("a count");
    drop(world);
    let mut known = vec![(0, Instant::now()); partitions];
    let mut longest = Duration::ZERO;
    while !stop.is_cancelled() {
        for (partition, (newest, since)) in (0_i64..).zip(&mut known) {
            let archived = archive
                .count_documents(doc! { "metadata.partition": partition })
                .await
                .expect("the archive");
            if archived > *newest {
                (*newest, *since) = (archived, Instant::now());
            }
            longest = longest.max(since.elapsed());
        }
        stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(100)))
            .await;
    }
    assert!(
        known.iter().all(|(archived, _)| *archived > 0),
        "a partition has no archived event"
    );
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t15_poison_is_set_aside_and_the_partition_continues() {
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    let process = Process::start("all", &world.environment);
    process.ready().await;
    let run = Run::start("T15", size, world, vec![Target::of(&process)]).await;
    eventually(Duration::from_secs(60), "the archive follows", async || {
        run.world.archived_count().await > 50
    })
    .await;
    let stop = CancellationToken::new();
    let stalled = tokio::spawn(stall(run.world.clone(), stop.clone()));
    run.lasts(run.size.seconds(1, 5)).await;
    run.breaks();
    let producer: FutureProducer = secure::kafka().create().expect("a producer");
    let settings = run.world.settings.kafka.clone();
    let rounds = if run.size.full { 100 } else { 10 };
    let mut sent = 0;
    for round in 0..rounds {
        for partition in 0..run.world.settings.migrate.partitions {
            let unknown = "trafficmanager.route.updated.v9";
            for (ce_type, value) in [
                ("nonsense", "{ no JSON".to_owned()),
                (unknown, json!({ "round": round }).to_string()),
            ] {
                let header = |key, value| Header {
                    key,
                    value: Some(value),
                };
                let headers = OwnedHeaders::new()
                    .insert(header("ce_type", ce_type))
                    .insert(header("tm_test", "poison"));
                let record = FutureRecord::to(&settings.topic)
                    .partition(partition)
                    .key("t0")
                    .payload(&value)
                    .headers(headers);
                producer
                    .send(record, Duration::from_secs(10))
                    .await
                    .expect("Kafka takes it");
                sent += 1;
            }
        }
        run.lasts(Duration::from_millis(200)).await;
    }
    run.heals().await;
    run.lasts(run.size.seconds(1, 5)).await;
    stop.cancel();
    let stalled = stalled.await.expect("the watch");
    let dead = async || {
        let dlq = settings.dlq_topic.clone();
        tokio::task::spawn_blocking(move || {
            let reader: BaseConsumer = secure::kafka().create().ok()?;
            reader
                .fetch_watermarks(&dlq, 0, Duration::from_secs(10))
                .ok()
        })
        .await
        .expect("no panic")
        .map_or(0, |(_, high)| high)
    };
    eventually(
        Duration::from_secs(60),
        "every one is set aside",
        async || dead().await >= sent,
    )
    .await;
    let dead_letters = usize::try_from(sent).expect("a count");
    let expected = Expected {
        answered: Answered::AsBefore,
        dead_letters,
        ..Expected::default()
    };
    run.finish(
        expected,
        json!({ "poison": sent, "stall_s": stalled.as_secs_f64() }),
    )
    .await;
    assert!(
        stalled < Duration::from_secs(5),
        "the archive got no event of a partition for {stalled:?}"
    );
    drop(process);
}
