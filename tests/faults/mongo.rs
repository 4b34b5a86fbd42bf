//! T5: MongoDB is killed, then hangs, and then Kafka hangs. The API is not affected.
//!
//! The breaker opens soon and probes, and the archive catches up. The simulator shows the limit of
//! probes at a time: both policies here let only one call run at all.
//!
//! The slowdown of the API is measured in pairs: a window with the hang after a window without it,
//! in the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{Answered, Expected, Run, Size, Target},
    parts::{self, Fault},
    processes::{Process, eventually},
};

/// The highest ratio of p99 with the outage to p99 without it, at full size.
const MOST_SLOWER: f64 = 1.10;

/// An outage: its name, the fault, the part, the service's name for the
/// dependency, and the pointer to the backlog in health.
type Loss = (
    &'static str,
    Fault,
    &'static str,
    &'static str,
    &'static str,
);

const LOSSES: [Loss; 3] = [
    (
        "killed",
        Fault::Kill,
        "mongo",
        "mongodb_archive",
        "/audit/lag",
    ),
    (
        "hung",
        Fault::Pause,
        "mongo",
        "mongodb_archive",
        "/audit/lag",
    ),
    ("hung", Fault::Pause, "kafka", "kafka", "/backlog/events"),
];

/// The time that a breaker may take to show as open after the calls that open it have timed out:
/// the next call begins, and health is read.
const SEEN_OPEN: Duration = Duration::from_secs(1);

/// The state of a dependency's policy, as health reports it.
#[derive(Debug, Default, Clone)]
struct Policy {
    name: &'static str,
    /// The longest time that the failures which open the breaker can take.
    fails_within: Duration,
    opened: Option<Instant>,
    /// The number of openings when the watch began, and now. Each opening after the first means
    /// that a probe has failed.
    openings: Option<(u64, u64)>,
    /// True once the breaker was half-open.
    probes: bool,
}

/// Reads health again and again, and records the policy's state, until `stop` is cancelled.
async fn watch_policy(process: Arc<Process>, told: watch::Sender<Policy>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let health = process.resilience().await;
        told.send_modify(|policy| {
            let is_it = |part: &&Value| part["name"] == policy.name;
            let Some(breaker) = health["dependencies"]
                .as_array()
                .and_then(|all| all.iter().find(is_it))
            else {
                return;
            };
            let figure = |name: &str| breaker[name].as_u64().expect("a number");
            policy.fails_within = Duration::from_millis(figure("timeout_ms") * figure("failures"));
            let openings = figure("breaker_opened_total");
            policy.openings = Some((
                policy.openings.map_or(openings, |(before, _)| before),
                openings,
            ));
            if ["open", "half_open"].contains(&breaker["breaker"].as_str().unwrap_or_default()) {
                policy.opened.get_or_insert(Instant::now());
            }
            policy.probes |= breaker["breaker"] == "half_open";
        });
        stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(20)))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t5_api_is_unaffected_by_mongodb_and_kafka() {
    let alone = parts::alone().await;
    let (size, world) = (Size::new(), alone.world().await);
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
    let (mut outages, mut ratios, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for (name, fault, part, dependency, waits) in LOSSES {
        run.recorder.window();
        run.lasts(run.size.seconds(4, 60)).await;
        let before = run
            .recorder
            .window()
            .expect("requests are answered with the part there");
        told.send_replace(Policy {
            name: dependency,
            ..Policy::default()
        });
        let is_watched = async || policy.borrow().openings.is_some();
        eventually(
            Duration::from_secs(10),
            "the breaker is looked at",
            is_watched,
        )
        .await;
        assert!(
            policy.borrow().opened.is_none(),
            "the breaker of {dependency} is open with {part} there"
        );
        run.breaks();
        let outage = alone.strike(fault, part).await;
        let out = Instant::now();
        run.recorder.window();
        run.lasts(run.size.seconds(4, 60)).await;
        let during = run
            .recorder
            .window()
            .expect("requests are answered with the part away");
        let opens = async || policy.borrow().opened.is_some();
        eventually(Duration::from_secs(120), "the breaker opens", opens).await;
        let probes = async || policy.borrow().probes;
        eventually(Duration::from_secs(120), "the breaker probes", probes).await;
        let waiting = run.size.waiting_after(run.size.seconds(4, 60));
        let has_waited = async || {
            process
                .resilience()
                .await
                .pointer(waits)
                .and_then(Value::as_i64)
                >= Some(waiting)
        };
        eventually(
            Duration::from_secs(30),
            "the waiting events show in health",
            has_waited,
        )
        .await;
        let Policy {
            fails_within,
            opened,
            openings,
            ..
        } = policy.borrow().clone();
        let opened = opened
            .expect("the breaker opened")
            .saturating_duration_since(out);
        if opened > fails_within + SEEN_OPEN {
            late.push(format!(
                "{part} {name}: after {opened:?}, where calls fail within {fails_within:?}"
            ));
        }
        let ratio = [during.0 / before.0, during.1 / before.1];
        ratios.push(ratio);
        outage.end().await;
        let drains = Instant::now();
        eventually(
            Duration::from_secs(180),
            "the archive catches up",
            caught_up,
        )
        .await;
        outages.push(json!({
            "outage": format!("{part} {name}"), "opened_after_outage_s": opened.as_secs_f64(),
            "openings": openings.map(|(before, now)| now - before), "drained_s": drains.elapsed().as_secs_f64(),
            "write_p99_ms": [before.0, during.0], "read_p99_ms": [before.1, during.1], "p99_ratio": ratio,
        }));
    }
    run.heals().await;
    stop.cancel();
    watching.await.expect("the watch");
    let is_full = run.size.full;
    let expected = Expected {
        answered: Answered::AsBefore,
        ..Expected::default()
    };
    run.finish(expected, json!({ "outages": outages })).await;
    assert!(late.is_empty(), "a breaker was open late: {late:?}");
    if is_full {
        assert!(
            ratios.iter().flatten().all(|ratio| *ratio <= MOST_SLOWER),
            "p99 with the part away, of without: {ratios:?}"
        );
    }
}
