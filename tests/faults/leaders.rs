//! T2: the leading relay is frozen and resumed, and the other relay takes over.
//!
//! Only the holder of the leader's lock deletes from the queue. A lock ends with its session;
//! `pipeline relay::deposed_leader_…` shows that the epoch fences a deposed leader.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    harness::{Answered, Expected, Run, Size, Target},
    processes::{Process, eventually},
    support::World,
};

/// A trigger that records each session that deletes from the queue, and whether the session holds
/// the leader's lock.
const WATCH: &str = "create table deletes (pid integer not null, leads boolean not null); \
    create function watch() returns trigger language plpgsql security definer as \
      $$begin insert into deletes select pg_backend_pid(), exists (select from pg_locks where locktype = 'advisory' and granted \
          and pid = pg_backend_pid()) from gone limit 1; return null; end$$; \
    create trigger watch after delete on outbox referencing old table as gone for each statement execute function watch()";

async fn leads(process: &Process) -> bool {
    process.resilience().await["relay"]["leader"] == true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t2_frozen_leader_is_replaced() {
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    for statement in WATCH
        .split_inclusive("); ")
        .flat_map(|part| part.split_inclusive("$$; "))
    {
        world.db.execute(statement, &[]).await;
    }
    let mut environment = world.environment.clone();
    // A session that is silent for longer than these three together is ended.
    for (key, value) in [
        ("KAFKA__DELIVERY_TIMEOUT_MS", "2000"),
        ("RELAY__STEP_TIMEOUT_MS", "1000"),
        ("RELAY__POLL_MS", "500"),
    ] {
        environment.insert(format!("TM__{key}"), value.to_owned());
    }
    environment.insert("TM__RELAY__ELECTION_MS".into(), "500".into());
    let serve = Process::start("serve", &environment);
    let audit = Process::start("audit", &environment);
    let relays = [
        Process::start("relay", &environment),
        Process::start("relay", &environment),
    ];
    serve.ready().await;
    let rounds = if size.full { 4 } else { 2 };
    let run = Run::start("T2", size, world, vec![Target::of(&serve)]).await;
    run.lasts(run.size.seconds(1, 5)).await;
    run.breaks();
    let mut takeovers = Vec::new();
    for _ in 0..rounds {
        let one_leads = async || leads(&relays[0]).await != leads(&relays[1]).await;
        eventually(Duration::from_secs(30), "one relay leads", one_leads).await;
        let (old, new) = if leads(&relays[0]).await {
            (&relays[0], &relays[1])
        } else {
            (&relays[1], &relays[0])
        };
        old.signal("-STOP");
        let frozen = Instant::now();
        eventually(
            Duration::from_secs(30),
            "the other takes over",
            async || leads(new).await,
        )
        .await;
        takeovers.push(frozen.elapsed().as_secs_f64());
        run.lasts(run.size.seconds(6, 20).saturating_sub(frozen.elapsed()))
            .await;
        old.signal("-CONT");
        eventually(
            Duration::from_secs(30),
            "the old leader knows that it is deposed",
            async || !leads(old).await,
        )
        .await;
        run.lasts(Duration::from_secs(1)).await;
    }
    run.heals().await;
    run.lasts(run.size.seconds(1, 5)).await;
    let watched = run
        .world
        .db
        .count("select count(distinct pid) from deletes")
        .await;
    assert!(watched >= 2, "the watch saw {watched} leaders delete");
    let zombies = run
        .world
        .db
        .count("select count(*) from deletes where not leads")
        .await;
    assert_eq!(zombies, 0, "a relay without the lock deletes");
    // Nothing is published until the other has taken over, which takes longer than two seconds of
    // silence.
    let unpublished = run.size.waiting_after(Duration::from_secs(2));
    let expected = Expected {
        answered: Answered::AsBefore,
        unpublished,
        ..Expected::default()
    };
    run.finish(expected, json!({ "takeover_s": takeovers }))
        .await;
    drop((serve, audit, relays));
}
