//! Nodes in the ledger: from a write to the answer that says that 95 % of a thousand nodes run it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    Bench,
    http::{Connection, get, once, with_json},
    pairs::{Spread, Target},
    report::Verdict,
    service::{Service, Site, route_path},
};

const SNAPSHOT: &str = "/api/v1/tenants/t000000/snapshot";
const CONVERGENCE: &str = "/api/v1/tenants/t000000/convergence";
const NODES: usize = 1_000;
/// The longest time until the instance knows all nodes: `nodes.silent_after_ms`, and the time to start.
const WARM: Duration = Duration::from_secs(90);

/// Follows the tenant by long-polls, and says with each what it runs, until the task ends.
async fn follow(api: std::net::SocketAddr, key: String, node: usize) -> Result<()> {
    let mut connection = Connection::open(api).await?;
    let mut tag = String::new();
    loop {
        let headers = format!("{key}TM-Node: edge-{node:05}\r\nIf-None-Match: {tag}\r\n");
        let request = get(&format!("{SNAPSHOT}?wait=60s"), &headers);
        let answer = connection.exchange(&request).await?;
        match answer.status {
            200 => tag = connection.header(&answer, "etag").context("no tag")?,
            304 => {}
            status => bail!("a node was answered {status}"),
        }
    }
}

/// Returns the numbers of nodes.
fn numbers(bench: &Bench, service: &Service) -> Result<Value> {
    let request = get(CONVERGENCE, &service.key);
    let (status, _, body) = bench.runtime.block_on(once(service.api, &request))?;
    ensure!(status == 200, "the numbers were answered {status}");
    Ok(serde_json::from_slice(&body)?)
}

/// Changes a route with `wait`, and returns the answer's convergence and the time until it came.
fn change(bench: &Bench, service: &Service, at: usize, wait: &str) -> Result<(Value, Duration)> {
    let path = format!("{}{wait}", route_path(0, 0));
    let body = format!(r#"{{"url":"https://changed-{at}.example.com/"}}"#);
    let request = with_json("PUT", &path, &service.key, &body);
    let began = Instant::now();
    let (status, _, body) = bench.runtime.block_on(once(service.api, &request))?;
    let took = began.elapsed();
    ensure!(
        [200, 201].contains(&status),
        "the change was answered {status}"
    );
    let answer: Value = serde_json::from_slice(&body)?;
    Ok((answer["convergence"].clone(), took))
}

/// Measures how long a write with `?wait=95%` takes, with a thousand nodes that follow.
pub fn converge(bench: &Bench) -> Result<()> {
    let site = Site::new(bench);
    let service = Service::start(&site, &[])?;
    change(bench, &service, 0, "")?;
    let mut nodes = JoinSet::new();
    for node in 0..NODES {
        let followed = follow(service.api, service.key.clone(), node);
        nodes.spawn_on(followed, bench.runtime.handle());
    }
    let began = Instant::now();
    loop {
        let numbers = numbers(bench, &service)?;
        let is_whole = numbers["partial"] == false && numbers["warming"] == false;
        if is_whole && numbers["converged"] == NODES {
            break;
        }
        ensure!(began.elapsed() < WARM, "not all nodes came: {numbers}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (mut plain, mut waited) = (Vec::new(), Vec::new());
    for at in 1..=bench.size(50, 200) {
        plain.push(ms(change(bench, &service, 2 * at, "")?.1));
        let (convergence, took) = change(bench, &service, 2 * at + 1, "?wait=95%25,10s")?;
        ensure!(convergence["state"] == "converged", "{convergence}");
        waited.push(ms(took));
    }
    if let Some(Ok(Err(error))) = nodes.try_join_next() {
        return Err(error.context("a node failed"));
    }
    nodes.abort_all();
    let quantile = |values: &mut Vec<f64>, at: f64| {
        values.sort_unstable_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * at).round() as usize]
    };
    let p99 = quantile(&mut waited, 0.99);
    let detail = json!({
        "waited_p50_ms": quantile(&mut waited, 0.5), "without_wait_p50_ms": quantile(&mut plain, 0.5),
        "without_wait_p99_ms": quantile(&mut plain, 0.99),
    });
    bench
        .report()
        .note("a write that waits for 950 of 1000 nodes", detail.clone());
    bench.report().judge(
        Verdict {
            name: "write to 95 % of 1000 nodes run it, p99 ms".into(),
            spread: Spread::of([p99]),
            target: Target::AtMost(100.0),
        },
        detail,
    );
    Ok(())
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
