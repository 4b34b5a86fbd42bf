//! A record that kills the consumer each time is parked in the end, however often the process
//! restarts.
//!
//! A consumer that is killed while MongoDB is away has not died of a record.

use std::{
    collections::HashMap,
    fs,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use traffic_manager::{
    kafka::Record,
    relay::{Relay, Step},
};

use crate::{
    processes::{Process, eventually},
    support::World,
    topic::{Routes, records, send},
};

/// Starts `audit` with at most `limit` KiB of address space.
fn audit(environment: &HashMap<String, String>, limit: u64) -> Child {
    Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v {limit}; exec \"$0\" audit"),
            env!("CARGO_BIN_EXE_traffic-manager"),
        ])
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

/// Returns the most address space that a process ever had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmPeak:"))
        .expect("its peak");
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// Makes a world with longer database timeouts, for a busy machine.
async fn patient(overrides: &[&str]) -> World {
    let patient = [
        "postgres.connect_timeout_ms=20000",
        "postgres.acquire_timeout_ms=10000",
        "resilience.postgres_primary.timeout_ms=10000",
    ];
    World::with(&[&patient[..], overrides].concat()).await
}

async fn publish(world: &World, numbers: std::ops::Range<usize>) {
    let routes = Routes::of(world);
    for number in numbers {
        routes.change("a", number).await;
    }
    let relay =
        Relay::new((&world.settings).into(), Arc::default(), Arc::default()).expect("a relay");
    let lease = relay
        .elect(None)
        .await
        .expect("Postgres answers")
        .won()
        .unwrap_or_else(|| panic!("another leads"));
    while relay.publish_batch(&lease).await.expect("Kafka answers") != Step::Idle {}
}

#[tokio::test(flavor = "multi_thread")]
async fn record_that_kills_the_consumer_becomes_a_dead_letter() {
    const PATIENCE: Duration = Duration::from_secs(120);
    let world = patient(&["audit.max_attempts=2"]).await;
    publish(&world, 0..2).await;
    let mut environment = world.environment.clone();
    // Threads reserve malloc arenas that they do not use. Without arenas the address space is the
    // same each time.
    environment.insert("MALLOC_ARENA_MAX".into(), "1".into());
    let mut unlimited = Process::start("audit", &environment);
    eventually(PATIENCE, "two are archived", async || {
        world.archived_count().await == 2
    })
    .await;
    let limit = peak(unlimited.pid()) + 48 * 1024;
    // Ends in order: a consumer that is killed before it commits its offsets would count as the
    // first death.
    unlimited.terminate();
    assert_eq!(unlimited.wait(PATIENCE).await, Some(0));

    // A record of about a megabyte that takes about a hundred megabytes to read.
    let good = records(&world.settings.kafka.topic, 2).await;
    let objects = vec!["{\"a\":0}"; 110_000].join(",");
    let poison = Record {
        value: Some(format!("[{objects}]").into_bytes()),
        ..good[1].clone()
    };
    send(&world.settings.kafka.topic, &poison).await;
    publish(&world, 2..4).await;
    let mut deaths = 0;
    let mut running = audit(&environment, limit);
    let archived = loop {
        let count = world.archived_count().await;
        if count == 4 {
            break count;
        }
        if let Some(status) = running.try_wait().expect("a child") {
            assert!(!status.success());
            deaths += 1;
            assert!(deaths <= 4, "the consumer dies too often");
            running = audit(&environment, limit);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    running
        .kill()
        .and_then(|()| running.wait())
        .expect("a child");
    assert_eq!(
        (archived, deaths),
        (4, 4),
        "two deaths with neighbours, two alone"
    );
    let letter = records(&world.settings.kafka.dlq_topic, 1).await.remove(0);
    assert_eq!(
        (
            letter.header("tm_dlq_reason"),
            letter.header("tm_dlq_attempts")
        ),
        (Some("poison"), Some("2"))
    );
    assert_eq!(letter.value, poison.value);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn death_during_a_mongodb_outage_is_not_blamed_on_a_record() {
    let world = patient(&["audit.max_attempts=1", "audit.attempt_ms=50"]).await;
    publish(&world, 0..3).await;
    let mut away = world.environment.clone();
    away.insert("TM__MONGO__URL".into(), "mongodb://127.0.0.1:1/".into());
    let mut process = Process::start("audit", &away);
    for _ in 0..3 {
        let health = format!("http://{}/health/resilience", process.ops);
        eventually(
            Duration::from_secs(60),
            "the consumer waits for MongoDB",
            async || {
                let Ok(answer) = reqwest::get(&health).await else {
                    return false;
                };
                answer
                    .json::<serde_json::Value>()
                    .await
                    .is_ok_and(|health| health["audit"]["waits_for_archive"] == true)
            },
        )
        .await;
        process.kill_and_restart();
    }
    drop(process);
    let process = Process::start("audit", &world.environment);
    eventually(Duration::from_secs(60), "all are archived", async || {
        world.archived_count().await == 3
    })
    .await;
    let health = reqwest::get(format!("http://{}/health/resilience", process.ops))
        .await
        .expect("it runs");
    let health: serde_json::Value = health.json().await.expect("JSON");
    assert_eq!(health["audit"]["dead_letters_total"], 0, "{health}");
    drop(process);
    world.end().await;
}
