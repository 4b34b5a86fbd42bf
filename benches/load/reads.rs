//! The read path compared with the floor: `resolve`, its 304, the snapshot's 304, and latency at
//! half the floor's load.

use std::{net::SocketAddr, process::Command, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    Bench, floor,
    http::{Load, Run, Same, closed_loop, get},
    pairs::{Ratio, Target, compare},
    process::{Process, free_address},
    rate::open_loop,
    service::{Service, Site, resolve_path, seeded_url},
};

/// Number of connections of the closed loop.
pub const CONNECTIONS: usize = 64;
/// Number of connections at a fixed rate.
const CONNECTIONS_AT_RATE: usize = 32;

/// The running floor (a hello-world server) and the requests for it.
pub struct Floor {
    process: Process,
    address: SocketAddr,
    hello: Same,
    unchanged: Same,
}

impl Floor {
    /// Starts the floor as a new process of this program.
    pub fn start(bench: &Bench) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", "--listen", &address.to_string()]);
        let process = Process::start("the floor", command, &bench.directory.join("floor.log"))?;
        process.listens(address, Duration::from_secs(30))?;
        let hello = Same {
            request: get("/hello", ""),
            status: &[200],
            body: floor::BODY.as_bytes().into(),
        };
        let tag = format!("If-None-Match: {}\r\n", floor::ETAG);
        let unchanged = Same {
            request: get("/hello", &tag),
            status: &[304],
            body: Arc::new([]),
        };
        Ok(Self {
            process,
            address,
            hello,
            unchanged,
        })
    }

    fn run(&self, bench: &Bench, source: &Same) -> Result<Run> {
        closed_loop(self.load(bench), source).context("the floor")
    }

    fn load(&self, bench: &Bench) -> Load<'_> {
        Load {
            address: self.address,
            server: &self.process,
            connections: CONNECTIONS,
            duration: bench.duration,
        }
    }
}

/// A running service with one seeded tenant, and the requests for it.
pub struct OneTenant<'a> {
    /// The service. It is declared, and so dropped, before the site that it uses.
    pub service: Service,
    /// The request `resolve` of one route.
    pub resolve: Same,
    /// The request `resolve` with the current tag, answered 304.
    pub resolve_unchanged: Same,
    /// The request for the snapshot with the current tag, answered 304.
    pub snapshot_unchanged: Same,
    _site: Site<'a>,
}

impl<'a> OneTenant<'a> {
    /// Starts the service and checks its answers once. After that each answer must be the same,
    /// byte for byte.
    pub fn start(bench: &'a Bench) -> Result<Self> {
        let site = Site::new(bench);
        site.seed(0, 1, 10)?;
        let service = Service::start(&site, &[])?;
        let (path, route) = (resolve_path(0, 123), 123);
        let (tag, body) = service.fetch(bench, &path)?;
        let value: Value = serde_json::from_slice(&body)?;
        ensure!(
            value["url"] == seeded_url(0, route) && value["tenant"] == "t000000",
            "resolve answers {value}"
        );
        let resolve = Same {
            request: get(&path, ""),
            status: &[200],
            body: body.into(),
        };
        let unchanged = |path: &str, tag: &str| {
            let request = get(path, &format!("If-None-Match: {tag}\r\n"));
            Same {
                request,
                status: &[304],
                body: Arc::new([]),
            }
        };
        let resolve_unchanged = unchanged(&path, &tag);
        let path = "/api/v1/tenants/t000000/snapshot";
        let (tag, body) = service.fetch(bench, path)?;
        let value: Value = serde_json::from_slice(&body)?;
        let routes = value["routes"].as_array().map_or(0, Vec::len);
        ensure!(
            routes == crate::service::ROUTES_PER_TENANT,
            "the snapshot holds {routes} routes"
        );
        let snapshot_unchanged = unchanged(path, &tag);
        Ok(Self {
            service,
            resolve,
            resolve_unchanged,
            snapshot_unchanged,
            _site: site,
        })
    }

    /// Runs a closed loop that repeats one request.
    pub fn run(&self, bench: &Bench, source: &Same) -> Result<Run> {
        closed_loop(self.load(bench), source).context("the service")
    }

    fn load(&self, bench: &Bench) -> Load<'_> {
        Load {
            address: self.service.api,
            server: &self.service.process,
            connections: CONNECTIONS,
            duration: bench.duration,
        }
    }
}

fn ratio(name: &'static str, target: Target, of: fn(&Run) -> f64) -> Ratio<Run, Run> {
    Ratio {
        name,
        target,
        of_a: of,
        of_b: of,
    }
}

/// Measures requests per second and CPU time per request, as ratios of ours to the floor's.
pub fn against_the_floor(bench: &Bench) -> Result<()> {
    let (floor, ours) = (Floor::start(bench)?, OneTenant::start(bench)?);
    let rate = |name| ratio(name, Target::AtLeast(0.90), Run::rate);
    let cpu = |name| ratio(name, Target::AtMost(1.2), |run| run.cpu_us);
    let figures = [
        rate("resolve / floor, requests"),
        cpu("resolve / floor, CPU"),
    ];
    compare(
        bench,
        &figures,
        || floor.run(bench, &floor.hello),
        || ours.run(bench, &ours.resolve),
    )?;
    let figures = [
        rate("resolve 304 / floor 304, requests"),
        cpu("resolve 304 / floor 304, CPU"),
    ];
    compare(
        bench,
        &figures,
        || floor.run(bench, &floor.unchanged),
        || ours.run(bench, &ours.resolve_unchanged),
    )?;
    let figures = [
        rate("snapshot 304 / floor 304, requests"),
        cpu("snapshot 304 / floor 304, CPU"),
    ];
    compare(
        bench,
        &figures,
        || floor.run(bench, &floor.unchanged),
        || ours.run(bench, &ours.snapshot_unchanged),
    )
}

/// Measures latency at half of the floor's maximum rate. At saturation, latency would only show the
/// scheduler's time slice.
pub fn latency_at_half_load(bench: &Bench) -> Result<()> {
    let (floor, ours) = (Floor::start(bench)?, OneTenant::start(bench)?);
    let rate = floor.run(bench, &floor.hello)?.rate() / 2.0;
    let at_rate = |load: Load<'_>, source| {
        open_loop(
            Load {
                connections: CONNECTIONS_AT_RATE,
                ..load
            },
            rate,
            source,
        )
    };
    let figures = [ratio(
        "resolve / floor, p99 at half load",
        Target::AtMost(1.5),
        |run| run.latency_ms(0.99),
    )];
    let base = || {
        let run = at_rate(floor.load(bench), &floor.hello)?;
        ensure!(
            run.rate() > 0.9 * rate,
            "only {:.0} of {rate:.0} requests per second were asked for in time",
            run.rate()
        );
        Ok(run)
    };
    compare(bench, &figures, base, || {
        at_rate(ours.load(bench), &ours.resolve)
    })
}
