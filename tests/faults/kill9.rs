//! `kill -9`, again and again, under load: of the relay (T1), and of every process in turn.
//! `make soak-kill` runs the full size.

use std::time::Duration;

use serde_json::json;

use crate::{
    harness::{Answered, Expected, Run, Size, Target},
    processes::{Process, eventually},
    support::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t1_kill9_of_the_relay_loses_and_doubles_nothing() {
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    let serve = Process::start("serve", &world.environment);
    let (mut relay, audit) = (
        Process::start("relay", &world.environment),
        Process::start("audit", &world.environment),
    );
    serve.ready().await;
    let (kills, pause) = if size.full {
        (18, size.seconds(0, 5))
    } else {
        (5, size.seconds(2, 0))
    };
    let run = Run::start("T1", size, world, vec![Target::of(&serve)]).await;
    run.lasts(run.size.seconds(2, 5)).await;
    run.breaks();
    for _ in 0..kills {
        relay.kill_and_restart();
        run.lasts(pause).await;
        // Each relay is killed at work, not while it starts.
        let publishes =
            async || relay.resilience().await["relay"]["published_total"].as_u64() > Some(0);
        eventually(
            Duration::from_secs(60),
            "the new relay leads and publishes",
            publishes,
        )
        .await;
    }
    run.heals().await;
    run.lasts(run.size.seconds(1, 5)).await;
    run.finish(
        Expected {
            answered: Answered::AsBefore,
            ..Expected::default()
        },
        json!({ "kills": relay.kills() }),
    )
    .await;
    drop((serve, relay, audit));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill9_of_every_process_loses_and_doubles_nothing() {
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    let mut processes =
        ["serve", "relay", "audit"].map(|role| Process::start(role, &world.environment));
    processes[0].ready().await;
    let rounds = if size.full { 30 } else { 9 };
    let run = Run::start("kill9", size, world, vec![Target::of(&processes[0])]).await;
    run.lasts(run.size.seconds(1, 5)).await;
    run.breaks();
    for round in 0..rounds {
        let process = &mut processes[round % 3];
        process.kill_and_restart();
        process.ready().await;
        run.lasts(run.size.seconds(1, 5)).await;
    }
    run.heals().await;
    run.lasts(run.size.seconds(1, 5)).await;
    let kills: Vec<usize> = processes.iter().map(Process::kills).collect();
    run.finish(Expected::default(), json!({ "kills": kills }))
        .await;
}

/// The server ends sessions of the service, including sessions in the middle of a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_ended_by_postgres_lose_and_double_nothing() {
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    let process = Process::start("all", &world.environment);
    process.ready().await;
    let ended = if size.full { 600 } else { 60 };
    let run = Run::start("sessions", size, world, vec![Target::of(&process)]).await;
    run.lasts(run.size.seconds(1, 5)).await;
    run.breaks();
    let mut sessions = 0;
    for _ in 0..ended {
        let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where datname = current_database() and usename = 'traffic_manager' and state <> 'idle'";
        sessions += run.world.db.count(sql).await;
        run.lasts(Duration::from_millis(100)).await;
    }
    run.heals().await;
    run.lasts(run.size.seconds(2, 10)).await;
    run.finish(Expected::default(), json!({ "sessions_ended": sessions }))
        .await;
    drop(process);
    assert!(sessions > 0, "no session was ended at work");
}
