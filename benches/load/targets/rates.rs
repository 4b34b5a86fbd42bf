//! Events archived, and changes sent to streams, per second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures_util::future::{join_all, try_join_all};
use serde_json::json;

use super::{
    Product, judge,
    streams::{OnChange, Streams},
};
use crate::{
    Bench,
    http::{Connection, with_json},
    pairs::Target,
    pgbench::CALLERS,
    service::route_path,
    writes,
};

/// Number of tenants with events and notifications.
const TENANTS: usize = 100;
/// Number of streams of one tenant, all of which get every broadcast.
const STREAMS: usize = 50;
/// The longest time for streams to send what was written.
const LIMIT: Duration = Duration::from_secs(60);

/// Measures events per second, from the first write through the API to the last document in the
/// archive. The load is a closed loop of writes; the time includes the backlog that it leaves.
pub fn events(bench: &Bench) -> Result<()> {
    let product = Product::start(bench, TENANTS, 1)?;
    let mut archived = 0;
    let mut measure = || -> Result<(f64, u64)> {
        let started = Instant::now();
        let run = writes::run(bench, &product.service, TENANTS, CALLERS)?;
        archived += run.requests;
        product.wait_for_archive(archived)?;
        let rate = run.requests as f64 / started.elapsed().as_secs_f64();
        Ok((rate, run.requests))
    };
    // Warm-up: the consumer's group gives it its partitions.
    measure()?;
    let rounds = (0..bench.pairs)
        .map(|_| measure())
        .collect::<Result<Vec<_>>>()?;
    let detail = json!({ "rates_and_events_by_round": rounds });
    let rates = rounds.into_iter().map(|(rate, _)| rate).collect();
    let name = "events from write to archive, per second";
    judge(bench, name, Target::AtLeast(200.0), rates, detail);
    Ok(())
}

/// Counts changes that arrive at streams.
fn counter() -> (Arc<AtomicUsize>, OnChange) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let on_change: OnChange = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    (count, on_change)
}

/// Measures notifications per second: changes of many tenants, each of which has one stream, from
/// the first write to the last arrival. The load is a closed loop of writes.
pub fn notifications(bench: &Bench) -> Result<()> {
    let product = Product::start(bench, TENANTS, 1)?;
    let (count, on_change) = counter();
    let mut streams = Streams::open(bench, &product.service, 0..TENANTS, &on_change)?;
    let mut written = 0;
    let mut measure = || -> Result<f64> {
        let started = Instant::now();
        let run = writes::run(bench, &product.service, TENANTS, CALLERS)?;
        written += usize::try_from(run.requests)?;
        streams.wait(LIMIT, || count.load(Ordering::Relaxed) >= written)?;
        let came = count.load(Ordering::Relaxed);
        ensure!(came == written, "{written} writes were {came} changes");
        Ok(run.requests as f64 / started.elapsed().as_secs_f64())
    };
    let rates = (0..bench.pairs)
        .map(|_| measure())
        .collect::<Result<Vec<_>>>()?;
    let detail = json!({ "streams": TENANTS, "by_round": rates });
    let name = "notifications to streams, per second";
    judge(bench, name, Target::AtLeast(100.0), rates, detail);
    Ok(())
}

/// Measures broadcasts per second: changes of one tenant that reached each of its streams. The next
/// changes are written when the last ones are everywhere, so that a slow stream slows the writes
/// down instead of being cut off.
pub fn broadcasts(bench: &Bench) -> Result<()> {
    let product = Product::start(bench, 1, 1)?;
    let (count, on_change) = counter();
    let tenants = std::iter::repeat_n(0, STREAMS);
    let mut streams = Streams::open(bench, &product.service, tenants, &on_change)?;
    let opened = (0..CALLERS).map(|_| Connection::open(product.service.api));
    let mut writers = bench.runtime.block_on(try_join_all(opened))?;
    let mut written = 0;
    let mut measure = || -> Result<f64> {
        let (started, before) = (Instant::now(), written);
        while started.elapsed() < bench.duration {
            write_at_once(bench, &product, &mut writers, written)?;
            written += writers.len();
            let expected = written * STREAMS;
            streams.wait(LIMIT, || count.load(Ordering::Relaxed) >= expected)?;
        }
        Ok((written - before) as f64 / started.elapsed().as_secs_f64())
    };
    let rates = (0..bench.pairs)
        .map(|_| measure())
        .collect::<Result<Vec<_>>>()?;
    let came = count.load(Ordering::Relaxed);
    ensure!(
        came == written * STREAMS,
        "{written} writes were {came} changes"
    );
    let detail = json!({ "streams": STREAMS, "at_once": CALLERS, "by_round": rates });
    let name = "broadcasts to 50 streams of a tenant, per second";
    judge(bench, name, Target::AtLeast(50.0), rates, detail);
    Ok(())
}

/// Writes as many routes of the first tenant as there are writers, all at the same time.
fn write_at_once(
    bench: &Bench,
    product: &Product<'_>,
    writers: &mut [Connection],
    number: usize,
) -> Result<()> {
    let key = &product.service.key;
    let requests: Vec<Vec<u8>> = (0..writers.len())
        .map(|route| {
            let url = format!("https://broadcast-{}.example.com/", number + route);
            let body = json!({ "url": url }).to_string();
            with_json("PUT", &route_path(0, route), key, &body)
        })
        .collect();
    let asked = writers.iter_mut().zip(&requests);
    let asked = asked.map(|(writer, request)| writer.exchange(request));
    for answer in bench.runtime.block_on(join_all(asked)) {
        let status = answer?.status;
        ensure!(status == 200, "a write was answered {status}");
    }
    Ok(())
}
