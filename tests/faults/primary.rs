//! T6, the part that one stack can show: the primary is killed and comes back.
//!
//! Acknowledged writes survive, and cached snapshots are served meanwhile. The promotion of a
//! replica is another matter, and loses writes that were not replicated.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    harness::{Answered, Expected, Run, Size, Target},
    parts::{self, Fault},
    processes::{Process, eventually},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t6_acknowledged_writes_survive_the_primary() {
    let alone = parts::alone().await;
    let (size, world) = (Size::new(), alone.world().await);
    let process = Process::start("all", &world.environment);
    process.ready().await;
    let run = Run::start("T6", size, world, vec![Target::of(&process)]).await;
    run.lasts(run.size.seconds(2, 10)).await;
    let mut unavailable = Vec::new();
    for _ in 0..if run.size.full { 5 } else { 2 } {
        run.breaks();
        let outage = alone.strike(Fault::Kill, "postgres-primary").await;
        run.lasts(run.size.seconds(1, 5)).await;
        outage.end().await;
        let (back, good) = (Instant::now(), run.recorder.seen().write_requests.good);
        let written = async || {
            run.recorder.seen().write_requests.good.iter().sum::<u64>()
                > good.iter().sum::<u64>() + 10
        };
        eventually(Duration::from_secs(60), "writes work again", written).await;
        unavailable.push(back.elapsed().as_secs_f64());
        run.lasts(run.size.seconds(1, 5)).await;
    }
    run.world.db.connect_again().await;
    run.heals().await;
    run.lasts(run.size.seconds(1, 5)).await;
    let answered = Answered::AtLeast {
        writes: 0.0,
        reads: 0.9,
    };
    run.finish(
        Expected {
            answered,
            ..Expected::default()
        },
        json!({ "writes_again_s": unavailable }),
    )
    .await;
    drop(process);
}
