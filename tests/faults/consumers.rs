//! T4: consumers come and go; nothing is missing or doubled, and committed offsets never move back.
//!
//! The consumer is killed again and again, also while it holds records that the archive does not
//! take. A second consumer joins and leaves.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{Answered, Expected, Run, Size, Target, history::committed_offsets},
    parts::{self, Fault},
    processes::{Process, eventually},
    support::World,
};

/// Reads the committed offsets until `stop` is cancelled. Returns the number of offsets read, and
/// every step back.
async fn watch(world: Arc<World>, stop: CancellationToken) -> (usize, Vec<String>) {
    let (mut looks, mut steps_back, mut newest) = (0, Vec::new(), BTreeMap::new());
    while !stop.is_cancelled() {
        let settings = world.settings.clone();
        let committed = tokio::task::spawn_blocking(move || committed_offsets(&settings))
            .await
            .expect("no panic");
        for (partition, offset) in committed.unwrap_or_default() {
            looks += 1;
            let before = newest.insert(partition, offset).unwrap_or(-1);
            if offset < before {
                steps_back.push(format!("partition {partition}: {offset} after {before}"));
            }
        }
        stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(300)))
            .await;
    }
    (looks, steps_back)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t4_restarted_consumers_lose_and_double_nothing() {
    let alone = parts::alone().await;
    let (size, world) = (Size::new(), alone.world().await);
    let serve = Process::start("serve", &world.environment);
    let relay = Process::start("relay", &world.environment);
    let mut first = Process::start("audit", &world.environment);
    serve.ready().await;
    let rounds = if size.full { 10 } else { 2 };
    let run = Run::start("T4", size, world, vec![Target::of(&serve)]).await;
    let (stop, world) = (CancellationToken::new(), run.world.clone());
    let watching = tokio::spawn(watch(world.clone(), stop.clone()));
    run.lasts(run.size.seconds(2, 5)).await;
    run.breaks();
    let mut second: Option<Process> = None;
    for round in 0..rounds {
        if round % 2 == 0 {
            first.kill_and_restart();
        } else {
            // For two intervals of the automatic commit the consumer holds records that the archive
            // has not taken. Then it is killed, and the next consumer has to read them again.
            let down = alone.strike(Fault::Kill, "mongo").await;
            let holds = async || first.resilience().await["audit"]["waits_for_archive"] == true;
            eventually(
                Duration::from_secs(60),
                "the consumer holds records that the archive refuses",
                holds,
            )
            .await;
            run.lasts(Duration::from_millis(2500)).await;
            first.kill_and_restart();
            down.end().await;
        }
        run.lasts(run.size.seconds(3, 5)).await;
        let goes_on =
            async || first.resilience().await["audit"]["archived_total"].as_u64() > Some(0);
        eventually(
            Duration::from_secs(60),
            "the new consumer archives",
            goes_on,
        )
        .await;
        match second.take() {
            // Every other consumer leaves in order; the rest are killed.
            Some(mut leaving) if round % 4 == 1 => {
                leaving.terminate();
                assert_eq!(leaving.wait(Duration::from_secs(30)).await, Some(0));
            }
            Some(leaving) => drop(leaving),
            None => second = Some(Process::start("audit", &world.environment)),
        }
        run.lasts(run.size.seconds(4, 5)).await;
    }
    drop(second);
    run.heals().await;
    run.lasts(run.size.seconds(1, 5)).await;
    let events =
        u64::try_from(world.db.count("select count(*) from route_events").await).expect("a count");
    eventually(
        Duration::from_secs(120),
        "the archive follows",
        async || world.archived_count().await >= events,
    )
    .await;
    stop.cancel();
    let (looks, steps_back) = watching.await.expect("the watch");
    drop(world);
    let expected = Expected {
        answered: Answered::AsBefore,
        ..Expected::default()
    };
    run.finish(expected, json!({ "kills": first.kills(), "looks_at_offsets": looks, "offsets_moved_back": steps_back.len() }))
        .await;
    assert!(
        looks > 10 && steps_back.is_empty(),
        "{looks} looks; {steps_back:?}"
    );
    drop((serve, relay));
}
