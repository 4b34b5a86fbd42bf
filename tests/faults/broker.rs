//! T3: the broker is killed and stays away, and then hangs. Writes and reads go on, and the waiting
//! events are published afterwards.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    harness::{Answered, Expected, Run, Size, Target},
    parts::{self, Fault},
    processes::{Process, eventually},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t3_writes_and_reads_continue_without_the_broker() {
    let alone = parts::alone().await;
    let (size, world) = (Size::new(), alone.world().await);
    let mut environment = world.environment.clone();
    if !size.full {
        environment.insert("TM__KAFKA__DELIVERY_TIMEOUT_MS".into(), "3000".into());
    }
    let process = Process::start("all", &environment);
    process.ready().await;
    let run = Run::start("T3", size, world, vec![Target::of(&process)]).await;
    run.lasts(run.size.seconds(3, 20)).await;
    let (mut windows, mut drains) = (Vec::new(), Vec::new());
    for fault in [Fault::Kill, Fault::Pause] {
        run.recorder.window();
        run.breaks();
        let outage = alone.strike(fault, "kafka").await;
        run.lasts(run.size.seconds(4, 30)).await;
        windows.push(run.recorder.window().map(|(write, _)| write));
        outage.end().await;
        // Drained, except for the events of the last second.
        let rate = i64::try_from(run.size.writes_per_second).expect("a rate");
        let drained = async || {
            process.resilience().await["backlog"]["events"]
                .as_i64()
                .is_some_and(|events| events <= rate)
        };
        let restored = Instant::now();
        eventually(
            Duration::from_secs(120),
            "the waiting events are published",
            drained,
        )
        .await;
        drains.push(restored.elapsed().as_secs_f64());
    }
    run.heals().await;
    run.lasts(run.size.seconds(1, 10)).await;
    let unpublished = run.size.waiting_after(run.size.seconds(4, 30));
    let expected = Expected {
        answered: Answered::AsBefore,
        unpublished,
        ..Expected::default()
    };
    run.finish(expected, json!({ "write_p99_killed_ms": windows[0], "write_p99_hung_ms": windows[1], "drained_s": drains }))
        .await;
    drop(process);
}
