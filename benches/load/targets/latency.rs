//! The time from a write to its change at the streams, at a moderate fixed rate.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use serde_json::json;

use super::{
    Product, judge,
    streams::{OnChange, Streams},
};
use crate::{
    Bench,
    http::{Connection, with_json},
    pairs::Target,
    service::route_path,
};

/// The time between two writes: 20 a second.
const INTERVAL: Duration = Duration::from_millis(50);
/// Number of streams of the tenant.
const STREAMS: usize = 10;
/// Number of writes before the first round.
const WARM_UP: usize = 20;

/// The arrivals of changes at streams: the version tag of each, and when it came.
type Arrivals = Arc<Mutex<Vec<(String, Instant)>>>;

/// Measures the average, the 95th percentile and the maximum. Latency counts from the instant when
/// a write was due, so it includes the write itself, and what a stall delays.
pub fn at_a_fixed_rate(bench: &Bench) -> Result<()> {
    let product = Product::start(bench, 1, 1)?;
    let arrivals = Arrivals::default();
    let kept = arrivals.clone();
    let on_change: OnChange =
        Arc::new(move |tag| kept.lock().push((tag.to_owned(), Instant::now())));
    let tenants = std::iter::repeat_n(0, STREAMS);
    let mut streams = Streams::open(bench, &product.service, tenants, &on_change)?;
    let opened = Connection::open(product.service.api);
    let mut writer = bench.runtime.block_on(opened)?;
    let mut round = |writes: usize| -> Result<Vec<f64>> {
        let due = write(bench, &product, &mut writer, writes)?;
        let limit = Duration::from_secs(10);
        streams.wait(limit, || arrivals.lock().len() >= writes * STREAMS)?;
        latencies(&due, std::mem::take(&mut arrivals.lock()))
    };
    round(WARM_UP)?;
    let writes = bench.size(100, 300);
    let rounds = (0..bench.pairs)
        .map(|_| round(writes))
        .collect::<Result<Vec<_>>>()?;
    report(bench, &rounds);
    Ok(())
}

/// Writes at the fixed rate, and returns the version tag of each write with the instant when it was
/// due.
fn write(
    bench: &Bench,
    product: &Product<'_>,
    writer: &mut Connection,
    writes: usize,
) -> Result<HashMap<String, Instant>> {
    let (mut all, started) = (HashMap::new(), Instant::now());
    for number in 0..writes {
        let due = started + INTERVAL.mul_f64(number as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let since = started.elapsed().as_nanos();
        let body = json!({ "url": format!("https://host-{since}.example.com/") }).to_string();
        let path = route_path(0, number % 100);
        let request = with_json("PUT", &path, &product.service.key, &body);
        let answer = bench.runtime.block_on(writer.exchange(&request))?;
        ensure!(
            answer.status == 200,
            "a write was answered {}",
            answer.status
        );
        let tag = writer
            .header(&answer, "etag")
            .context("a write without an entity tag")?;
        all.insert(tag.trim_matches('"').to_owned(), due);
    }
    Ok(all)
}

/// Returns the milliseconds of each arrival, in order of their length.
fn latencies(due: &HashMap<String, Instant>, came: Vec<(String, Instant)>) -> Result<Vec<f64>> {
    let mut all = Vec::with_capacity(came.len());
    for (tag, at) in came {
        let due = due
            .get(&tag)
            .with_context(|| format!("a stream sent {tag}, which nobody wrote"))?;
        all.push(at.saturating_duration_since(*due).as_secs_f64() * 1e3);
    }
    ensure!(
        all.len() == due.len() * STREAMS,
        "{} writes were {} changes",
        due.len(),
        all.len()
    );
    all.sort_unstable_by(f64::total_cmp);
    Ok(all)
}

/// Judges the rounds. The maximum is that of all rounds together.
fn report(bench: &Bench, rounds: &[Vec<f64>]) {
    let each = |of: fn(&[f64]) -> f64| rounds.iter().map(|round| of(round)).collect::<Vec<_>>();
    let averages = each(|round| round.iter().sum::<f64>() / round.len() as f64);
    // The rounds are not empty: each has as many latencies as its writes have arrivals.
    let p95 = each(|round| round[(round.len() * 95).div_ceil(100) - 1]);
    let most = each(|round| round[round.len() - 1]);
    let name = "write to stream, average ms";
    let detail = json!({ "streams": STREAMS, "by_round": averages });
    judge(bench, name, Target::AtMost(10.0), averages, detail);
    let name = "write to stream, p95 ms";
    let detail = json!({ "by_round": p95 });
    judge(bench, name, Target::AtMost(20.0), p95, detail);
    let name = "write to stream, maximum ms";
    let detail = json!({ "by_round": most });
    let most = most.into_iter().fold(0.0, f64::max);
    judge(bench, name, Target::AtMost(50.0), vec![most], detail);
}
