//! An export of any size costs the service no more memory than a small one.
//!
//! `TM_EXPORT_EVENTS` sets the size (`make soak-export` takes a million).

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::{
    processes::{Process, eventually},
    support::{World, secure},
};

/// The most KiB that the export may add to the service's peak memory.
const MOST_KIB: u64 = 64 * 1024;

/// Returns the most memory that a process has had resident, in KiB.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid()))
        .expect("a running process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("its peak");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

/// Takes an export, and returns the number of its events and bytes. Checks that the events come in
/// the order of their times, no two of which are equal.
async fn take(url: &str) -> (usize, usize) {
    let mut response = secure::get(url).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let (mut events, mut bytes, mut rest, mut last) = (0, 0, Vec::new(), String::new());
    while let Some(chunk) = response.chunk().await.expect("it is not cut off") {
        bytes += chunk.len();
        rest.extend_from_slice(&chunk);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        for line in rest
            .drain(..=end)
            .collect::<Vec<_>>()
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let event: Value = serde_json::from_slice(line).expect("a JSON object a line");
            let at = event["occurred_at"].as_str().expect("a time").to_owned();
            assert!(at > last, "{at} after {last}");
            (last, events) = (at, events + 1);
        }
    }
    assert!(rest.is_empty(), "the last line has an end");
    (events, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_of_any_size_uses_bounded_memory() {
    let size = std::env::var("TM_EXPORT_EVENTS").map_or(3000, |text| text.parse().expect("a size"));
    let world = World::new().await;
    let process = Process::start("all", &world.environment);
    process.ready().await;
    let api = format!("{}/api/v1", process.base());
    let labels = json!({ "team": "payments", "cost-centre": "4711", "ticket": "https://tickets.example.com/CHG-0012345" });
    let body = json!({ "url": "https://checkout-1.example.com", "labels": labels });
    let written = secure::http()
        .build()
        .unwrap()
        .put(format!("{api}/routes/acme/web/prod/v1"))
        .json(&body)
        .send()
        .await;
    assert_eq!(written.expect("an answer").status(), 201);
    eventually(Duration::from_secs(60), "it is archived", async || {
        world.archived_count().await == 1
    })
    .await;
    let started = Instant::now();
    let begin: jiff::Timestamp = "2020-01-01T00:00:00Z".parse().expect("a time");
    world
        .copy(size, |number, copy| {
            let at =
                begin + jiff::SignedDuration::from_secs(i64::try_from(number).expect("a number"));
            copy.extend(doc! { "occurred_at": format!("{at:.6}") });
        })
        .await;
    println!("{size} events archived in {:.0?}", started.elapsed());
    let url = format!("{api}/audit/export?tenant=acme&from=2020-01-01T00:00:00Z");
    let (few, _) = take(&format!("{url}&to=2020-01-01T00:20:00Z")).await;
    assert_eq!(few, 1200.min(size));

    let before = peak(&process);
    let started = Instant::now();
    let (events, bytes) = take(&url).await;
    let (took, after) = (started.elapsed(), peak(&process));
    println!(
        "{events} events, {} MiB in {took:.1?}; the service's peak was {before} KiB before and {after} KiB after",
        bytes >> 20
    );
    assert_eq!(events, size + 1);
    assert!(
        after - before < MOST_KIB,
        "{before} KiB before, {after} KiB after"
    );
    drop(process);
    world.end().await;
}
