//! Growth with the number of routes, from a thousand to a million: CPU time per `resolve` of a
//! random route, and memory.

use std::time::Instant;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    Bench,
    chart::Curve,
    http::{Body, Dice, Expected, Load, Run, Source, closed_loop, get, once},
    pairs::{Pairs, Spread, Target},
    reads::CONNECTIONS,
    report::Verdict,
    service::{ROUTES_PER_TENANT, Service, Site, resolve_path, seeded_url},
};

/// Enough cache for a million routes. The default cache holds some 800,000.
const SETTINGS: &[(&str, &str)] = &[("READ__CACHE_BYTES", "8589934592")];

/// A source of `resolve` requests for random routes of the first `tenants` tenants.
struct AnyRoute<'a> {
    tenants: usize,
    key: &'a str,
}

impl Source for AnyRoute<'_> {
    fn next(&self, dice: &mut Dice, request: &mut Vec<u8>) -> Expected {
        let (tenant, route) = (dice.below(self.tenants), dice.below(ROUTES_PER_TENANT));
        request.extend_from_slice(&get(&resolve_path(tenant, route), self.key));
        Expected {
            statuses: &[200],
            body: Body::With(seeded_url(tenant, route)),
        }
    }
}

/// A running service with the routes of the first `tenants` tenants in its cache.
struct Holding {
    service: Service,
    tenants: usize,
    bytes_per_route: f64,
}

impl Holding {
    fn start(bench: &Bench, site: &Site<'_>, routes: usize) -> Result<Self> {
        let tenants = routes / ROUTES_PER_TENANT;
        let service = Service::start(site, SETTINGS)?;
        // Warm-up: allocates the connections' buffers and tables before memory is measured.
        let warm = Load {
            address: service.api,
            server: &service.process,
            connections: CONNECTIONS,
            duration: bench.duration / 4,
            tls: None,
        };
        let one_tenant = AnyRoute {
            tenants: 1,
            key: &service.key,
        };
        closed_loop(warm, &one_tenant)?;
        let (before, started) = (service.process.rss(), Instant::now());
        let (address, headers) = (service.api, format!("Connection: close\r\n{}", service.key));
        let failed = Mutex::new(None);
        bench.runtime.block_on(
            stream::iter(0..tenants).for_each_concurrent(4, async |tenant| {
                let answer = once(address, &get(&resolve_path(tenant, 0), &headers)).await;
                let failure = match answer {
                    Ok((200, ..)) => return,
                    Ok((status, ..)) => format!("tenant {tenant}: status {status}"),
                    Err(error) => format!("tenant {tenant}: {error:#}"),
                };
                *failed.lock() = Some(failure);
            }),
        );
        if let Some(failure) = failed.into_inner() {
            anyhow::bail!("the routes could not be loaded: {failure}");
        }
        let loaded_in = started.elapsed();
        let bytes_per_route = (service.process.rss().saturating_sub(before)) as f64
            / (routes - ROUTES_PER_TENANT).max(1) as f64;
        bench.report().note(
            &format!("{routes} routes held"),
            json!({ "load_seconds": loaded_in.as_secs_f64(), "rss_bytes": service.process.rss() }),
        );
        Ok(Self {
            service,
            tenants,
            bytes_per_route,
        })
    }

    fn run(&self, bench: &Bench) -> Result<Run> {
        let service = &self.service;
        let load = Load {
            address: service.api,
            server: &service.process,
            connections: CONNECTIONS,
            duration: bench.duration,
            tls: None,
        };
        closed_loop(
            load,
            &AnyRoute {
                tenants: self.tenants,
                key: &service.key,
            },
        )
        .with_context(|| format!("{} tenants", self.tenants))
    }
}

/// Measures CPU time and memory by the number of routes. The smallest size is measured again before
/// and after each larger one.
pub fn growth(bench: &Bench) -> Result<()> {
    let sizes: &[usize] = bench.size(
        &[1_000, 10_000, 100_000],
        &[1_000, 10_000, 100_000, 1_000_000],
    );
    let (smallest, largest) = (sizes[0], sizes[sizes.len() - 1]);
    let site = Site::new(bench);
    site.seed(0, largest / ROUTES_PER_TENANT, 10)?;
    let strings = site.number(
        "select avg(length(service) + length(env) + length(version) + length(url))::float8 from routes where tenant = 't000000'",
    )?;
    let small = Holding::start(bench, &site, smallest)?;
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    for size in &sizes[1..] {
        let large = Holding::start(bench, &site, *size)?;
        let pairs = Pairs::measure(bench.pairs, || small.run(bench), || large.run(bench))?;
        let of = |runs: &[Run]| Spread::of(runs.iter().map(|run| run.cpu_us)).median;
        if cpu.is_empty() {
            cpu.push((smallest as f64, of(&pairs.a)));
        }
        cpu.push((*size as f64, of(&pairs.b)));
        let beyond = large.bytes_per_route - strings;
        memory.push((*size as f64, large.bytes_per_route));
        let detail = json!({
            "small_us": pairs.a.iter().map(|run| run.cpu_us).collect::<Vec<_>>(),
            "large_us": pairs.b.iter().map(|run| run.cpu_us).collect::<Vec<_>>(),
            "bytes_per_route": large.bytes_per_route, "of_which_strings": strings,
        });
        if *size == largest {
            let spread = Spread::of(pairs.ratios(|run| run.cpu_us, |run| run.cpu_us));
            let name = format!("CPU of resolve, {size} / {smallest} routes");
            bench.report().judge(
                Verdict {
                    name,
                    spread,
                    target: Target::AtMost(1.3),
                },
                detail,
            );
            let name = format!("bytes per route beyond its strings at {size}");
            bench.report().judge(
                Verdict {
                    name,
                    spread: Spread::of([beyond]),
                    target: Target::AtMost(500.0),
                },
                json!(strings),
            );
        } else {
            bench.report().note(&format!("{size} routes"), detail);
        }
    }
    let title = "CPU time of one resolve of a random route";
    bench.report().curve(Curve {
        name: "routes-cpu",
        title,
        of: "routes",
        figure: "µs of the server's CPU",
        points: cpu,
    });
    let title = "Memory of one route, its strings included";
    bench.report().curve(Curve {
        name: "routes-memory",
        title,
        of: "routes",
        figure: "bytes of RSS per route",
        points: memory,
    });
    Ok(())
}
