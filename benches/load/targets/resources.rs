//! Memory over bulk operations, open files for each connection, and how soon closed streams free
//! what they held.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;

use super::{Product, judge, streams::Streams};
use crate::{
    Bench,
    http::{Connection, get, once, with_json},
    machine::open_files,
    pairs::Target,
};

/// Number of changes in one batch.
const CHANGES: usize = 500;
/// Number of batches before the first measurement of memory.
const WARM_UP: usize = 5;
/// Number of batches between the two measurements of memory.
const BATCHES: usize = 20;
/// Number of connections, and then of streams, whose open files are counted.
const CONNECTIONS: usize = 200;
/// Number of streams that are closed at the same time.
const STREAMS: usize = 500;
/// Number of files that the service may open for other reasons meanwhile, such as connections to
/// PostgreSQL.
const OTHER_FILES: usize = 5;

/// Writes a batch of changes to half of the first tenant's thousand routes.
fn batch(product: &Product<'_>, number: usize) -> Result<()> {
    let changes: Vec<_> = (0..CHANGES)
        .map(|change| {
            let route = number % 2 * CHANGES + change;
            let (s, e, v) = (route / 100, route / 10 % 10, route % 10);
            json!({ "action": "put", "route": {
                "service": format!("service-{s}"), "env": format!("env-{e}"), "version": format!("v{v}"),
                "url": format!("https://batch-{number}-{change}.example.com/"),
            } })
        })
        .collect();
    let (path, key) = ("/api/v1/tenants/t000000/batch", &product.service.key);
    let request = with_json(
        "POST",
        path,
        key,
        &json!({ "changes": changes }).to_string(),
    );
    let asked = once(product.service.api, &request);
    let (status, _, body) = product.bench.runtime.block_on(asked)?;
    ensure!(
        status == 200,
        "a batch was answered {status} {}",
        String::from_utf8_lossy(&body)
    );
    Ok(())
}

/// Measures how much the service's memory grows over batches of changes, until all their events are
/// in the archive.
pub fn memory(bench: &Bench) -> Result<()> {
    let product = Product::start(bench, 1, 10)?;
    let mut written = 0;
    let mut write = |batches: usize| -> Result<u64> {
        for _ in 0..batches {
            batch(&product, written)?;
            written += 1;
        }
        product.wait_for_archive((written * CHANGES) as u64)?;
        Ok(product.service.process.rss())
    };
    let before = write(WARM_UP)?;
    let after = write(BATCHES)?;
    let growth = (after as f64 - before as f64) / 1024.0 / 1024.0;
    let detail = json!({ "rss_before": before, "rss_after": after });
    let name = "memory growth over 20 batches of 500, MiB";
    judge(bench, name, Target::AtMost(50.0), vec![growth], detail);
    Ok(())
}

/// A reader that only reads.
fn ignore(_: &str) {}

/// Opens the streams of the first tenant.
fn open_streams(product: &Product<'_>, count: usize) -> Result<Streams> {
    let tenants = std::iter::repeat_n(0, count);
    Streams::open(
        product.bench,
        &product.service,
        tenants,
        &(Arc::new(ignore) as _),
    )
}

/// Opens connections that stay idle after one answered request.
fn open_connections(product: &Product<'_>, count: usize) -> Result<Vec<Connection>> {
    let request = get("/api/v1/tenants/t000000/snapshot", &product.service.key);
    let opened = (0..count).map(|_| async {
        let mut connection = Connection::open(product.service.api).await?;
        let status = connection.exchange(&request).await?.status;
        ensure!(status == 200, "a snapshot was answered {status}");
        Ok(connection)
    });
    product.bench.runtime.block_on(try_join_all(opened))
}

/// Measures the service's open files for each idle connection, and for each stream.
pub fn files(bench: &Bench) -> Result<()> {
    let product = Product::start(bench, 1, 1)?;
    // Warm-up: the service opens its connections to PostgreSQL.
    drop(open_connections(&product, CONNECTIONS)?);
    let before = settled_files(&product)?;
    let _connections = open_connections(&product, CONNECTIONS)?;
    let with_connections = settled_files(&product)?;
    let _streams = open_streams(&product, CONNECTIONS)?;
    let with_streams = settled_files(&product)?;
    let detail = json!({
        "connections": CONNECTIONS, "before": before, "with_connections": with_connections, "with_streams": with_streams,
    });
    for (name, before, after) in [
        ("open files of an idle connection", before, with_connections),
        ("open files of a stream", with_connections, with_streams),
    ] {
        let each = (after as f64 - before as f64) / CONNECTIONS as f64;
        judge(
            bench,
            name,
            Target::AtMost(10.0),
            vec![each],
            detail.clone(),
        );
    }
    Ok(())
}

/// Returns the number of the service's open files once it stays the same for half a second.
fn settled_files(product: &Product<'_>) -> Result<usize> {
    let started = Instant::now();
    let mut before = product.service.process.open_files();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = product.service.process.open_files();
        if now == before {
            return Ok(now);
        }
        before = now;
        ensure!(
            started.elapsed() < Duration::from_secs(60),
            "the number of open files has not settled: {now}"
        );
    }
}

/// Returns the number of long-polls and streams that wait at the service.
fn waiters(product: &Product<'_>) -> Result<usize> {
    let request = get("/metrics", "Connection: close\r\n");
    let asked = once(product.service.ops, &request);
    let (status, _, body) = product.bench.runtime.block_on(asked)?;
    ensure!(status == 200, "the metrics were answered {status}");
    let text = String::from_utf8_lossy(&body);
    // The metric appears with the first waiter.
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("tm_waiters "));
    let value: f64 = value.map_or(Ok(0.0), str::parse)?;
    Ok(value as usize)
}

/// Measures the time from the end of many streams, all closed by their clients at once, until the
/// service has given up their connections and their places among the waiters.
pub fn cleanup(bench: &Bench) -> Result<()> {
    let name = "clean-up of 500 closed streams, s";
    let (needed, limit) = (2 * STREAMS as u64, open_files());
    if limit < needed {
        let reason = format!("{needed} files must be open, {limit} may be: ulimit -n {needed}");
        bench.report().skip(name, reason);
        return Ok(());
    }
    let product = Product::start(bench, 1, 1)?;
    // Warm-up: the service opens its connections to PostgreSQL.
    drop(open_connections(&product, CONNECTIONS)?);
    let rounds = (0..bench.size(1, 3))
        .map(|_| close_streams(&product))
        .collect::<Result<Vec<_>>>()?;
    let detail = json!({ "streams": STREAMS, "by_round": rounds });
    judge(bench, name, Target::AtMost(5.0), rounds, detail);
    Ok(())
}

/// Opens streams, closes them, and returns the seconds of the clean-up.
fn close_streams(product: &Product<'_>) -> Result<f64> {
    let before = settled_files(product)?;
    let streams = open_streams(product, STREAMS)?;
    let (waiting, open) = (waiters(product)?, product.service.process.open_files());
    ensure!(
        waiting == STREAMS && open >= before + STREAMS,
        "{STREAMS} streams have {waiting} places and {} files",
        open.saturating_sub(before)
    );
    let started = Instant::now();
    streams.close(product.bench);
    wait_for_cleanup(product, before + OTHER_FILES)?;
    Ok(started.elapsed().as_secs_f64())
}

/// Waits until nobody waits at the service, and it has at most this many open files.
fn wait_for_cleanup(product: &Product<'_>, most: usize) -> Result<()> {
    let (limit, started) = (Duration::from_secs(90), Instant::now());
    loop {
        let (waiting, open) = (waiters(product)?, product.service.process.open_files());
        if waiting == 0 && open <= most {
            return Ok(());
        }
        ensure!(
            started.elapsed() < limit,
            "after {limit:?} {waiting} places are taken, and {open} files open, not {most}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
