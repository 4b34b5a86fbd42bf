//! T5: MongoDB is killed, and then hangs. The API does not feel it, the breaker opens soon and probes with few, and the archive catches up.
//!
//! How much slower the API gets is measured in windows with the hang between windows without it, in the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{Run, Size, Target},
    processes::{Process, eventually, kill, pause, restore, strike},
    support::World,
};

/// What the policy of the archive did, as health tells it.
#[derive(Debug, Default, Clone)]
struct Policy {
    failed: Option<Instant>,
    opened: Option<Instant>,
    /// The most calls that ran while the breaker was not closed.
    probes: u64,
}

/// Looks at health again and again.
async fn watch_policy(process: Arc<Process>, told: watch::Sender<Policy>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let health = process.resilience().await;
        let archive = |part: &Value| part["name"] == "mongodb_archive";
        let dependency = health["dependencies"].as_array().and_then(|all| all.iter().find(|part| archive(part))).cloned();
        let breaker = dependency.unwrap_or_default();
        told.send_modify(|policy| {
            if health["audit"]["last_error"].is_string() {
                policy.failed.get_or_insert(Instant::now());
            }
            if ["open", "half_open"].contains(&breaker["breaker"].as_str().unwrap_or_default()) {
                policy.opened.get_or_insert(Instant::now());
            }
            if breaker["breaker"] == "half_open" {
                policy.probes = policy.probes.max(breaker["in_flight"].as_u64().unwrap_or_default());
            }
        });
        stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(20))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t5_the_api_does_not_feel_mongodb() {
    let _alone = crate::hangs::alone().await;
    let (size, world) = (Size::new(), World::new().await);
    let process = Arc::new(Process::start("all", &world.environment));
    process.ready().await;
    let run = Run::start("T5", size, world, vec![Target::of(&process)]).await;
    let (stop, (told, policy)) = (CancellationToken::new(), watch::channel(Policy::default()));
    let watching = tokio::spawn(watch_policy(process.clone(), told.clone(), stop.clone()));
    let caught_up = async || {
        let health = process.resilience().await;
        health["audit"]["lag"].as_i64().is_some_and(|lag| lag < 50) && health["audit"]["waits_for_archive"] == false
    };
    eventually(Duration::from_secs(60), "the archive follows", caught_up).await;
    let (mut outages, mut ratios) = (Vec::new(), Vec::new());
    for (name, how) in [("killed", kill as fn(_) -> _), ("hung", pause)] {
        run.recorder.window();
        run.lasts(run.size.seconds(4, 60)).await;
        let before = run.recorder.window();
        told.send_replace(Policy::default());
        run.breaks();
        let outage = strike(how, "mongo").await;
        let out = Instant::now();
        run.recorder.window();
        run.lasts(run.size.seconds(4, 60)).await;
        let during = run.recorder.window();
        let opens = async || policy.borrow().opened.is_some();
        eventually(Duration::from_secs(120), "the breaker opens", opens).await;
        let probes = async || policy.borrow().probes > 0;
        eventually(Duration::from_secs(120), "the breaker probes", probes).await;
        let Policy { failed, opened, probes } = policy.borrow().clone();
        let seconds = opened.zip(failed).map(|(opened, failed)| opened.saturating_duration_since(failed).as_secs_f64());
        let ratio = [during.0 / before.0, during.1 / before.1];
        ratios.push(ratio);
        restore(outage).await;
        let drains = Instant::now();
        eventually(Duration::from_secs(120), "the archive catches up", caught_up).await;
        outages.push(json!({
            "outage": name, "opened_after_s": seconds,
            "opened_after_outage_s": opened.map(|opened| opened.saturating_duration_since(out).as_secs_f64()), "probes": probes, "drained_s": drains.elapsed().as_secs_f64(),
            "write_p99_ms": [before.0, during.0], "read_p99_ms": [before.1, during.1], "p99_ratio": ratio,
        }));
        assert!(probes <= 3, "{probes} probes at a time");
    }
    run.heals().await;
    stop.cancel();
    watching.await.expect("the watch");
    let unharmed = run.unharmed();
    let opened: Vec<f64> = outages.iter().filter_map(|outage| outage["opened_after_s"].as_f64()).collect();
    run.finish(json!({ "outages": outages })).await;
    assert_eq!(unharmed, Ok(()), "requests failed without MongoDB");
    assert!(opened.len() == 2 && opened.iter().all(|seconds| *seconds <= 3.0), "the breaker opened {opened:?} s after a failure");
}
