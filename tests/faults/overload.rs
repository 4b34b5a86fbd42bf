//! T13: ten times the load that the service can handle arrives for some seconds.
//!
//! The test measures the share of the peak that the service still handles. Each refusal carries a
//! Retry-After, and soon after the step everything works as before.
//!
//! The requests are lists and writes, which reach `PostgreSQL`. Where there is `taskset`, the
//! service and its database run on one CPU, and the load on the others.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    harness::{Size, load::route, report, wire::Wire},
    processes::Process,
    support::World,
};

/// The time after which a client gives up. A later answer is useless to it.
const GIVES_UP: Duration = Duration::from_secs(2);
/// The most requests that wait for an answer at a time.
const UNDER_WAY: usize = 4000;
const TENANTS: u64 = 10;
/// The share of the peak that must remain under ten times the load, at full size.
const GOODPUT: f64 = 0.8;

/// Keeps this process off the first CPU, and `PostgreSQL` on it, until dropped, so that the load
/// takes no CPU time from the service.
struct Aside(Option<usize>);

impl Aside {
    fn step() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let is_aside = cpus > 1 && pin(std::process::id(), &format!("1-{}", cpus - 1));
        if is_aside {
            for pid in postgres() {
                pin(pid, "0");
            }
        }
        Self(is_aside.then_some(cpus))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(cpus) = self.0 {
            let all = format!("0-{}", cpus - 1);
            for pid in postgres().into_iter().chain([std::process::id()]) {
                pin(pid, &all);
            }
        }
    }
}

fn pin(pid: u32, cpus: &str) -> bool {
    Command::new("taskset")
        .args(["-acp", cpus, &pid.to_string()])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Returns the ids of the processes of the stack's `PostgreSQL` servers, if the stack does not run
/// in containers.
fn postgres() -> Vec<u32> {
    let pids = |name: &str| {
        std::fs::read_to_string(format!("{}/.stack/pids/{name}", env!("CARGO_MANIFEST_DIR")))
    };
    let servers = ["postgres-primary", "postgres-replica"]
        .map(pids)
        .into_iter()
        .flatten();
    let servers: Vec<u32> = servers.filter_map(|pid| pid.trim().parse().ok()).collect();
    let parent = |pid: u32| -> Option<u32> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("PPid:"))
            .and_then(|parent| parent.trim().parse().ok())
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| {
        entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
    });
    all.filter(|pid| {
        servers.contains(pid) || parent(*pid).is_some_and(|parent| servers.contains(&parent))
    })
    .collect()
}

/// The end of one request; a good answer has the time since the request was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Good(Duration),
    /// 429 or 503, with Retry-After.
    Refused,
    /// No answer within the client's patience.
    Late,
    /// The connection was refused, or ended without an answer.
    Broken,
    /// Not sent: the client found no free place, as it would find no free port.
    NoPlace,
    /// A status that must not occur.
    Wrong(u16),
}

struct Clients(Wire);

impl Clients {
    async fn ask(&self, number: u64, due: Instant) -> Ended {
        let tenant = number / 5 % TENANTS;
        let request = if number.is_multiple_of(5) {
            let name = route(usize::try_from(number / 5 / TENANTS % 20).unwrap_or_default());
            self.0.request(
                "PUT",
                &format!("/routes/t{tenant}/{name}"),
                &json!({ "url": format!("http://host/{number}") }).to_string(),
            )
        } else {
            self.0
                .request("GET", &format!("/routes?tenant=t{tenant}&limit=20"), "")
        };
        let Some(left) = GIVES_UP.checked_sub(due.elapsed()) else {
            return Ended::Late;
        };
        match tokio::time::timeout(left, self.0.ask(&request)).await {
            Ok(Ok(answer)) => match answer.status {
                200 | 201 => Ended::Good(due.elapsed()),
                429 | 503 if answer.retry_after => Ended::Refused,
                status => Ended::Wrong(status),
            },
            Ok(Err(_)) => Ended::Broken,
            Err(_) => Ended::Late,
        }
    }

    /// Returns the good answers per second when each of `callers` asks again as soon as it is
    /// answered.
    async fn done_for(&self, callers: u64, time: Duration) -> f64 {
        let begun = Instant::now();
        let caller = |caller: u64| async move {
            let mut good = 0;
            for number in 0.. {
                if begun.elapsed() > time {
                    break;
                }
                good += u64::from(matches!(
                    self.ask(number * callers + caller, Instant::now()).await,
                    Ended::Good(_)
                ));
            }
            good
        };
        let good: u64 = futures_util::future::join_all((0..callers).map(caller))
            .await
            .into_iter()
            .sum();
        good as f64 / begun.elapsed().as_secs_f64()
    }

    /// Sends `per_second` requests a second for `time` from `begun`, however long the answers take.
    /// Returns when each request was due and how it ended, and the longest delay of the load
    /// itself.
    async fn step(
        &self,
        begun: Instant,
        per_second: f64,
        time: Duration,
    ) -> (Vec<(Duration, Ended)>, Duration) {
        let (places, behind) = (Arc::new(Semaphore::new(UNDER_WAY)), AtomicU64::new(0));
        let count = (per_second * time.as_secs_f64()) as u64;
        let asked = stream::iter(0..count).map(|number| {
            let (places, behind) = (places.clone(), &behind);
            async move {
                let offset = Duration::from_secs_f64(number as f64 / per_second);
                tokio::time::sleep_until((begun + offset).into()).await;
                let late = begun.elapsed().saturating_sub(offset);
                behind.fetch_max(
                    u64::try_from(late.as_millis()).unwrap_or(u64::MAX),
                    Ordering::Relaxed,
                );
                let Ok(_place) = places.try_acquire() else {
                    return (offset, Ended::NoPlace);
                };
                (offset, self.ask(number, begun + offset).await)
            }
        });
        let answers = asked
            .buffer_unordered(usize::try_from(count).unwrap_or(usize::MAX).max(1))
            .collect()
            .await;
        (
            answers,
            Duration::from_millis(behind.load(Ordering::Relaxed)),
        )
    }

    /// Returns the time after `over` until requests at a third of the peak are all answered within
    /// 500 ms again.
    async fn recovery(&self, over: Instant, peak: f64, time: Duration) -> Duration {
        let (answers, _) = self.step(over, peak / 3.0, time).await;
        let slow = Duration::from_millis(500);
        let bad = answers
            .iter()
            .filter(|(_, ended)| !matches!(ended, Ended::Good(took) if *took < slow));
        bad.map(|(due, _)| *due).max().unwrap_or_default()
    }
}

fn percentile(mut good: Vec<Duration>, percent: usize) -> f64 {
    good.sort_unstable();
    good.get(good.len() * percent / 100)
        .map_or(0.0, |took| took.as_secs_f64() * 1000.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t13_service_keeps_working_at_ten_times_the_load() {
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    let aside = Aside::step();
    let through: &[&str] = if aside.0.is_some() {
        &["taskset", "-c", "0"]
    } else {
        &[]
    };
    let process = Process::through(through, "serve", &world.environment);
    process.ready().await;
    let clients = Clients(Wire::to(process.api));
    // Writes every route, and does all compiling, planning and connecting that happens once.
    for number in 0..200 {
        clients.ask(number * 5, Instant::now()).await;
    }
    let time = size.seconds(2, 10);
    clients.done_for(64, time).await;
    let mut steps = Vec::new();
    // A debug build takes as long to refuse as an optimised build to answer. A debug build of the
    // test cannot send ten times the service's peak, and a debug build of the service cannot bear
    // it.
    let all: &[f64] = if size.full {
        &[1.0, 2.0, 5.0, 10.0]
    } else {
        &[1.0, 2.0]
    };
    for &times in all {
        // The peak is measured again before each step: the capacity of the database and its machine
        // changes by a third within minutes.
        let peak = clients
            .done_for(64, time)
            .await
            .max(clients.done_for(192, time).await);
        // A small run watches the recovery for 6 s after its last step, and for 1 s after the
        // others.
        let watched = Duration::from_secs(if size.full || Some(&times) == all.last() {
            6
        } else {
            1
        });
        // The recovery begins when the step is over, and not when the last of its answers arrives.
        let begun = Instant::now();
        let ((answers, behind), recovered) = tokio::join!(
            clients.step(begun, peak * times, time),
            clients.recovery(begun + time, peak, watched)
        );
        let count = |wanted: Ended| answers.iter().filter(|(_, ended)| *ended == wanted).count();
        let wrong: Vec<_> = answers
            .iter()
            .filter(|(_, ended)| matches!(ended, Ended::Wrong(_)))
            .collect();
        assert!(
            wrong.is_empty(),
            "{} answers such as {:?}",
            wrong.len(),
            wrong[0]
        );
        let good: Vec<(Duration, Duration)> = answers
            .iter()
            .filter_map(|(due, ended)| {
                if let Ended::Good(took) = ended {
                    Some((*due, *took))
                } else {
                    None
                }
            })
            .collect();
        // Counts only answers within the step: later answers took time outside the step.
        let done = good
            .iter()
            .filter(|(due, took)| *due + *took <= time)
            .count();
        let good: Vec<Duration> = good.into_iter().map(|(_, took)| took).collect();
        let goodput = done as f64 / time.as_secs_f64() / peak;
        let [late, broken, no_place] = [Ended::Late, Ended::Broken, Ended::NoPlace].map(count);
        println!(
            "{times} times {peak:.0}/s: goodput {goodput:.2}, recovered after {recovered:?}; of {} requests {late} late, {broken} broken, \
             {no_place} without a place; the load behind by {behind:?}",
            answers.len()
        );
        steps.push(json!({
            "times": times, "peak_per_second": peak, "asked": answers.len(), "goodput": goodput, "refused": count(Ended::Refused),
            "late": late, "broken": broken, "no_place": no_place, "p50_ms": percentile(good.clone(), 50), "p99_ms": percentile(good, 99),
            "recovered_s": recovered.as_secs_f64(), "load_behind_s": behind.as_secs_f64(),
        }));
    }
    report::record(&json!({
        "test": "T13", "seed": 0, "size": if size.full { "full" } else { "small" }, "build": report::build(),
        "steps": steps, "pinned": aside.0.is_some(),
    }));
    let figures = |name: &str| {
        steps
            .iter()
            .map(|step| step[name].as_f64().unwrap_or_default())
            .collect::<Vec<_>>()
    };
    drop((process, aside));
    world.end().await;
    assert!(
        figures("recovered_s").iter().all(|seconds| *seconds <= 5.0),
        "recovered after {:?} s",
        figures("recovered_s")
    );
    if size.full {
        assert!(
            figures("goodput")[3] >= GOODPUT,
            "{:?} of the peak",
            figures("goodput")
        );
    }
}
