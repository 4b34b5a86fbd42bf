//! The write path: `PUT` of a route over HTTP, answered only after its commit, compared with
//! pgbench with one statement per write.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::{
    Bench,
    chart::Curve,
    http::{Body, Dice, Expected, Load, Run, Source, closed_loop, with_json},
    pairs::{Ratio, Spread, Target, compare},
    pgbench::{CALLERS, Pgbench, Rows},
    report::Verdict,
    service::{Service, Site, route_path},
};

/// Number of seeded tenants in the comparisons with pgbench and etcd.
pub const TENANTS: usize = 1000;

/// The number of the next write. All sources share it: each draws the same random numbers, and a
/// write of the URL that a route has already makes no event.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A source of `PUT` requests for a hundred routes of each of the first `tenants` tenants, each
/// request with a new URL.
pub struct Puts<'a> {
    tenants: usize,
    key: &'a str,
}

impl<'a> Puts<'a> {
    /// Makes a source for the first `tenants` tenants, with the header line `key`.
    pub fn new(tenants: usize, key: &'a str) -> Self {
        Self { tenants, key }
    }
}

impl Source for Puts<'_> {
    fn next(&self, dice: &mut Dice, request: &mut Vec<u8>) -> Expected {
        let (tenant, route) = (dice.below(self.tenants), dice.below(100));
        let salt = dice.below(1_000_000_000);
        let url = format!(
            "https://host-{salt}-{}.example.com/",
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        request.extend_from_slice(&with_json(
            "PUT",
            &route_path(tenant, route),
            self.key,
            &format!("{{\"url\":\"{url}\"}}"),
        ));
        Expected {
            statuses: &[200],
            body: Body::With(url),
        }
    }
}

/// Runs a closed loop of writes to the first `tenants` tenants, by this many callers.
pub fn run(bench: &Bench, service: &Service, tenants: usize, callers: usize) -> Result<Run> {
    let load = Load {
        address: service.api,
        server: &service.process,
        connections: callers,
        duration: bench.duration,
        tls: None,
    };
    closed_loop(load, &Puts::new(tenants, &service.key))
        .with_context(|| format!("{callers} callers, {tenants} tenants"))
}

fn against_pgbench(bench: &Bench, name: &'static str, tenants: usize, rows: Rows) -> Result<()> {
    let site = Site::new(bench);
    site.seed(0, TENANTS, 1)?;
    let Some(pgbench) = Pgbench::prepare(bench, &site, TENANTS, rows)? else {
        bench.report().skip(name, "there is no pgbench");
        return Ok(());
    };
    let service = Service::start(&site, &[])?;
    let figures = [Ratio {
        name,
        target: Target::AtLeast(1.0),
        of_a: |tps: &f64| *tps,
        of_b: Run::rate,
    }];
    compare(
        bench,
        &figures,
        || pgbench.run(bench.duration),
        || run(bench, &service, tenants, CALLERS),
    )
}

/// Compares writes to many tenants with pgbench.
pub fn many_tenants(bench: &Bench) -> Result<()> {
    against_pgbench(
        bench,
        "PUT, 1000 tenants / pgbench, writes",
        TENANTS,
        Rows::Least,
    )?;
    against_pgbench(
        bench,
        "PUT, 1000 tenants / pgbench with the same rows, writes",
        TENANTS,
        Rows::Same { tenants: TENANTS },
    )
}

/// Compares writes to one tenant with pgbench. Our writes are ordered by the tenant's revision.
/// With the minimum of rows pgbench writes to all tenants, with the same rows as ours to one
/// tenant.
pub fn one_hot_tenant(bench: &Bench) -> Result<()> {
    against_pgbench(
        bench,
        "PUT, one hot tenant / pgbench, writes",
        1,
        Rows::Least,
    )?;
    against_pgbench(
        bench,
        "PUT, one hot tenant / pgbench with the same rows, writes",
        1,
        Rows::Same { tenants: 1 },
    )
}

/// Returns the medians of some runs: writes per second, and the p99 latency in milliseconds.
fn middle(bench: &Bench, service: &Service, tenants: usize, callers: usize) -> Result<(f64, f64)> {
    let runs = (0..bench.size(1, 3))
        .map(|_| run(bench, service, tenants, callers))
        .collect::<Result<Vec<_>>>()?;
    let rate = Spread::of(runs.iter().map(Run::rate)).median;
    Ok((
        rate,
        Spread::of(runs.iter().map(|run| run.latency_ms(0.99))).median,
    ))
}

/// Number of tenants in the measurement of WAL.
const WAL_TENANTS: usize = 300;

/// Measures the WAL that PostgreSQL writes for a change of an existing route: by the writer and by
/// the relay, which deletes the event from the queue.
pub fn wal(bench: &Bench) -> Result<()> {
    let site = Site::new(bench);
    site.seed(0, WAL_TENANTS, 1)?;
    let service = Service::with_archive(&site)?;
    // The first change of a page after a checkpoint writes the whole page, which says nothing about
    // the change: every tenant is changed before.
    run(bench, &service, WAL_TENANTS, CALLERS)?;
    // A server process reports its WAL with a delay of up to a second.
    let counted = || -> Result<[f64; 2]> {
        let (mut last, mut since) = ([0.0; 2], Instant::now());
        while since.elapsed() < Duration::from_millis(2500) {
            let now = [
                site.number("select wal_records::float8 from pg_stat_wal")?,
                site.number("select wal_bytes::float8 from pg_stat_wal")?,
            ];
            if now[0] > last[0] + 20.0 {
                (last, since) = (now, Instant::now());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(last)
    };
    let (mut records, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        let before = counted()?;
        let writes = run(bench, &service, WAL_TENANTS, CALLERS)?.requests as f64;
        site.wait_until_published(Duration::from_secs(60))?;
        let after = counted()?;
        records.push((after[0] - before[0]) / writes);
        bytes.push((after[1] - before[1]) / writes / 1024.0);
    }
    for (name, figures, most) in [
        ("WAL of a PUT, records", records, 14.0),
        ("WAL of a PUT, KiB", bytes, 2.5),
    ] {
        let verdict = Verdict {
            name: name.into(),
            spread: Spread::of(figures.iter().copied()),
            target: Target::AtMost(most),
        };
        bench.report().judge(verdict, json!(figures));
    }
    Ok(())
}

/// Measures writes per second and latency by the number of callers.
pub fn by_callers(bench: &Bench) -> Result<()> {
    let site = Site::new(bench);
    site.seed(0, TENANTS, 1)?;
    let service = Service::start(&site, &[])?;
    let (mut rates, mut latencies) = (Vec::new(), Vec::new());
    for callers in [1, 8, 32, 128, 256] {
        let (rate, latency) = middle(bench, &service, TENANTS, callers)?;
        rates.push((callers as f64, rate));
        latencies.push((callers as f64, latency));
    }
    let title = "Writes by parallel callers, 1,000 tenants";
    bench.report().curve(Curve {
        name: "callers-writes",
        title,
        of: "callers",
        figure: "writes per second",
        points: rates,
    });
    let title = "Latency of a write by parallel callers, 1,000 tenants";
    bench.report().curve(Curve {
        name: "callers-latency",
        title,
        of: "callers",
        figure: "p99, milliseconds",
        points: latencies,
    });
    Ok(())
}

/// Measures writes per second by the number of written tenants.
pub fn by_tenants(bench: &Bench) -> Result<()> {
    let sizes: &[usize] = bench.size(&[1, 10, 100, 1_000], &[1, 10, 100, 1_000, 10_000]);
    let site = Site::new(bench);
    site.seed(0, sizes[sizes.len() - 1], 1)?;
    let service = Service::start(&site, &[])?;
    let mut points = Vec::new();
    for tenants in sizes {
        points.push((
            *tenants as f64,
            middle(bench, &service, *tenants, CALLERS)?.0,
        ));
    }
    bench
        .report()
        .note("writes by tenants", json!({ "callers": CALLERS }));
    let title = "Writes by tenants that are written to, 32 callers";
    bench.report().curve(Curve {
        name: "tenants-writes",
        title,
        of: "tenants",
        figure: "writes per second",
        points,
    });
    Ok(())
}
