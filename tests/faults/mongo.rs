//! T5: MongoDB is killed, then hangs, and then Kafka hangs. The API does not feel it, the breaker opens soon and probes with few, and the
//! archive catches up.
//!
//! How much slower the API gets is measured in pairs: a window with the hang after one without it, in the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{Run, Size, Target},
    processes::{Outage, Process, eventually, kill, pause, restore, strike},
    support::World,
};

/// Slower than this, at full size, is felt.
const FELT: f64 = 1.10;

/// How a part is lost: with a name for it, which part, which dependency it is to the service, and which of its parts tells of failures.
type Loss = (&'static str, fn(&'static str) -> Outage, &'static str, &'static str, &'static str);

const LOSSES: [Loss; 3] = [
    ("killed", kill, "mongo", "mongodb_archive", "audit"),
    ("hung", pause, "mongo", "mongodb_archive", "audit"),
    ("hung", pause, "kafka", "kafka", "relay"),
];

/// What the policy of a dependency did, as health tells it.
#[derive(Debug, Default, Clone)]
struct Policy {
    name: &'static str,
    user: &'static str,
    failed: Option<Instant>,
    opened: Option<Instant>,
    /// The most calls that ran while the breaker was not closed.
    probes: u64,
}

/// Looks at health again and again.
async fn watch_policy(process: Arc<Process>, told: watch::Sender<Policy>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let health = process.resilience().await;
        told.send_modify(|policy| {
            let is_it = |part: &&Value| part["name"] == policy.name;
            let breaker = health["dependencies"].as_array().and_then(|all| all.iter().find(is_it)).cloned().unwrap_or_default();
            if health[policy.user]["last_error"].is_string() {
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
async fn t5_the_api_does_not_feel_mongodb_or_kafka() {
    let _alone = crate::hangs::alone().await;
    let (size, world) = (Size::new(), World::new().await);
    let process = Arc::new(Process::start("all", &world.environment));
    process.ready().await;
    let run = Run::start("T5", size, world, vec![Target::of(&process)]).await;
    let (stop, (told, policy)) = (CancellationToken::new(), watch::channel(Policy::default()));
    let watching = tokio::spawn(watch_policy(process.clone(), told.clone(), stop.clone()));
    let caught_up = async || {
        let health = process.resilience().await;
        let is_short = |number: &Value| number.as_i64().is_some_and(|number| number < 50);
        is_short(&health["audit"]["lag"])
            && health["audit"]["waits_for_archive"] == false
            && is_short(&health["backlog"]["events"])
    };
    eventually(Duration::from_secs(60), "the archive follows", caught_up).await;
    let (mut outages, mut ratios) = (Vec::new(), Vec::new());
    for (name, how, part, dependency, user) in LOSSES {
        run.recorder.window();
        run.lasts(run.size.seconds(4, 60)).await;
        let before = run.recorder.window();
        told.send_replace(Policy { name: dependency, user, ..Policy::default() });
        run.breaks();
        let outage = strike(how, part).await;
        let out = Instant::now();
        run.recorder.window();
        run.lasts(run.size.seconds(4, 60)).await;
        let during = run.recorder.window();
        let opens = async || policy.borrow().opened.is_some();
        eventually(Duration::from_secs(120), "the breaker opens", opens).await;
        let probes = async || policy.borrow().probes > 0;
        eventually(Duration::from_secs(120), "the breaker probes", probes).await;
        let Policy { failed, opened, probes, .. } = policy.borrow().clone();
        let seconds = opened.zip(failed).map(|(opened, failed)| opened.saturating_duration_since(failed).as_secs_f64());
        let ratio = [during.0 / before.0, during.1 / before.1];
        ratios.push(ratio);
        restore(outage).await;
        let drains = Instant::now();
        eventually(Duration::from_secs(180), "the archive catches up", caught_up).await;
        outages.push(json!({
            "outage": format!("{part} {name}"), "opened_after_s": seconds,
            "opened_after_outage_s": opened.map(|opened| opened.saturating_duration_since(out).as_secs_f64()), "probes": probes, "drained_s": drains.elapsed().as_secs_f64(),
            "write_p99_ms": [before.0, during.0], "read_p99_ms": [before.1, during.1], "p99_ratio": ratio,
        }));
        assert!(probes <= 3, "{probes} probes at a time");
    }
    run.heals().await;
    stop.cancel();
    watching.await.expect("the watch");
    let unharmed = run.unharmed();
    let is_full = run.size.full;
    let opened: Vec<f64> = outages.iter().filter_map(|outage| outage["opened_after_s"].as_f64()).collect();
    run.finish(json!({ "outages": outages })).await;
    assert_eq!(unharmed, Ok(()), "requests failed without MongoDB or Kafka");
    assert!(opened.len() == 3 && opened.iter().all(|seconds| *seconds <= 3.0), "the breaker opened {opened:?} s after a failure");
    if is_full {
        assert!(ratios.iter().flatten().all(|ratio| *ratio <= FELT), "p99 with the part away, of without: {ratios:?}");
    }
}
