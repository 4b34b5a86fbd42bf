//! Many clients at once: they read, change and write the same routes, and apply a large plan while
//! many wait.
//!
//! `TM_SCALE=changes,pollers` sets the size. Without it, the size is small.

use std::{collections::BTreeMap, time::Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, eventually};

const CLIENTS: usize = 200;
const ROUTES: usize = 10;

/// Reads a count, adds one and writes it, again until no other write came in between. Returns the
/// path and the new revision.
async fn add_one(app: &TestApp, path: &str, client: usize) -> (String, u64) {
    loop {
        let read = app.get(path).send().await;
        if read.status == 503 {
            // There are more reads at once than connections: the read is refused, and sent again.
            continue;
        }
        assert_eq!(read.status, 200, "{}", read.json);
        let count: u64 = read.json["labels"]["count"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let body = json!({"url": "http://a", "labels": {"count": (count + 1).to_string(), "client": client.to_string()}});
        let written = app
            .put(path)
            .header("if-match", read.header("etag"))
            .json(&body)
            .send()
            .await;
        match written.status.as_u16() {
            200 => return (path.to_owned(), written.revision()),
            412 => {}
            503 if written.json["code"] != "commit_unknown" => {}
            other => panic!("{other}: {}", written.json),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_lose_no_update() {
    let app = TestApp::start().await;
    let paths: Vec<_> = (0..ROUTES)
        .map(|at| format!("/routes/acme/web/prod/v{at}"))
        .collect();
    for path in &paths {
        app.put(path)
            .json(&json!({"url": "http://a", "labels": {"count": "0"}}))
            .expect(201)
            .await;
    }
    let acknowledged =
        join_all((0..CLIENTS).map(|client| add_one(&app, &paths[client % ROUTES], client))).await;
    let mut by_route: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    acknowledged
        .into_iter()
        .for_each(|(path, revision)| by_route.entry(path).or_default().push(revision));
    for (path, mut revisions) in by_route {
        revisions.sort_unstable();
        let history = app
            .get(&format!("{path}/history?limit=200"))
            .expect(200)
            .await;
        let mut events = history.json["items"].as_array().unwrap().clone();
        events.reverse();
        let told: Vec<_> = events[1..]
            .iter()
            .map(|event| event["revision"].as_u64().unwrap())
            .collect();
        assert_eq!(
            told, revisions,
            "{path}: every acknowledged change is in the history, and nothing else"
        );
        for (at, event) in events.iter().enumerate() {
            assert_eq!(
                event["after"]["labels"]["count"],
                at.to_string(),
                "{path}: each change has seen the one before it"
            );
        }
    }
}

fn size() -> (u32, usize) {
    let text = std::env::var("TM_SCALE").unwrap_or_else(|_| "400,100".to_owned());
    let (changes, pollers) = text.split_once(',').expect("changes,pollers");
    (changes.parse().unwrap(), pollers.parse().unwrap())
}

async fn planned(app: &TestApp, changes: u32, host: &str) -> Answer {
    let route = |at: u32| json!({"service": format!("s{}", at % 20), "env": "prod", "version": format!("v{at}"), "url": format!("http://{host}/{at}")});
    let body = json!({"prune": true, "routes": (0..changes).map(route).collect::<Vec<_>>()});
    app.post("/tenants/acme/plans")
        .json(&body)
        .expect(201)
        .await
}

async fn apply(app: &TestApp, plan: &Answer) -> Answer {
    let path = format!(
        "/tenants/acme/plans/{}/apply",
        plan.json["id"].as_str().unwrap()
    );
    app.post(&path)
        .json(&json!({"hash": plan.json["hash"]}))
        .expect(200)
        .await
}

/// Returns the resident memory of this process, in KiB. The service runs in this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_pollers_see_a_large_plan_whole() {
    let (changes, pollers) = size();
    let app = TestApp::with(&[
        "http.request_timeout_ms=30000",
        "write.timeout_ms=25000",
        "resilience.postgres_primary.timeout_ms=10000",
    ])
    .await;
    app.post("/tenants")
        .json(&json!({"name": "acme"}))
        .expect(201)
        .await;
    apply(&app, &planned(&app, changes, "before").await).await;
    let before = app.get("/tenants/acme/snapshot").expect(200).await;
    assert_eq!(
        before.json["routes"].as_array().unwrap().len(),
        changes as usize
    );
    let planning = Instant::now();
    let plan = planned(&app, changes, "after").await;
    let (planning, memory) = (planning.elapsed(), resident());
    let wait = async || {
        let call = app
            .get("/tenants/acme/snapshot?wait=30s")
            .header("accept-encoding", "zstd");
        call.header("if-none-match", before.header("etag"))
            .expect(200)
            .await
    };
    let applying = async {
        let all_wait = async || {
            let metrics = String::from_utf8(app.ops("/metrics").send().await.bytes).unwrap();
            let waiting = metrics
                .lines()
                .find_map(|line| line.strip_prefix("tm_waiters "))?;
            (waiting.parse::<f64>().unwrap() >= pollers as f64).then_some(())
        };
        eventually("all wait", all_wait).await;
        let started = Instant::now();
        (apply(&app, &plan).await, started.elapsed())
    };
    let (answers, (done, elapsed)) = tokio::join!(join_all((0..pollers).map(|_| wait())), applying);
    let after = app
        .get("/tenants/acme/snapshot")
        .header("accept-encoding", "zstd")
        .expect(200)
        .await;
    assert_eq!(after.header("etag"), format!("W/{}", done.header("etag")));
    for answer in &answers {
        assert_eq!(
            (answer.header("etag"), &answer.bytes),
            (after.header("etag"), &after.bytes),
            "after, and nothing between"
        );
    }
    let plain = app.get("/tenants/acme/snapshot").expect(200).await;
    let is_after = |route: &Value| route["url"].as_str().unwrap().starts_with("http://after/");
    assert!(
        plain.json["routes"]
            .as_array()
            .unwrap()
            .iter()
            .all(is_after)
    );
    println!(
        "{changes} changes, {pollers} pollers: planned in {planning:?}, applied in {elapsed:?}; resident {} KiB before and {} KiB after",
        memory,
        resident()
    );
}
