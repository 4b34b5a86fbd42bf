//! The read path compared with the floor: `resolve`, snapshots, their 304, and latency at half the
//! floor's load. The service is measured as it is shipped: with a node's key and with limits.

use std::{net::SocketAddr, process::Command, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio_rustls::TlsConnector;

use crate::{
    Bench, floor,
    http::{Load, Run, Same, closed_loop, get},
    pairs::{Ratio, Target, compare},
    process::Process,
    rate::open_loop,
    service::{Service, Site, resolve_path, seeded_url},
    support::ports::free_address,
    tls::Certificate,
};

/// Number of connections of the closed loop.
pub const CONNECTIONS: usize = 64;
/// Number of connections at a fixed rate.
const CONNECTIONS_AT_RATE: usize = 32;
const SNAPSHOT: &str = "/api/v1/tenants/t000000/snapshot";
/// The tenant with one route.
const ONE_ROUTE: &str = "/api/v1/tenants/t000001/snapshot";
/// The tenant with ten routes.
const TEN_ROUTES: &str = "/api/v1/tenants/t000003/snapshot";
/// The tenant with 10,000 routes.
const MANY_ROUTES: &str = "/api/v1/tenants/t000002/snapshot";

/// The running floor (a hello-world server).
pub struct Floor {
    process: Process,
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Floor {
    /// Starts the floor as a new process of this program, with TLS if there is a certificate.
    pub fn start(bench: &Bench, certificate: Option<&Certificate>) -> Result<Self> {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", "--listen", &address.to_string()]);
        if let Some(Certificate { certificate, key }) = certificate {
            command.arg("--certificate").arg(certificate);
            command.arg("--key").arg(key);
        }
        let process = Process::start("the floor", command, &bench.directory.join("floor.log"))?;
        process.listens(address, Duration::from_secs(30))?;
        let tls = certificate.map(Certificate::connector).transpose()?;
        Ok(Self {
            process,
            address,
            tls,
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
            tls: self.tls.as_ref(),
        }
    }
}

/// Returns the request of the floor's `path`, answered 200.
fn hello(path: &str) -> Same {
    Same {
        request: get(path, ""),
        status: &[200],
        body: floor::BODY.as_bytes().into(),
    }
}

/// Returns the request of the floor's `path` with its tag, answered 304.
fn hello_unchanged(path: &str) -> Same {
    unchanged(path, "", floor::ETAG)
}

/// Returns the request of a number of bytes from the floor.
fn bytes(count: usize) -> Same {
    Same {
        request: get(&format!("/bytes?n={count}"), ""),
        status: &[200],
        body: vec![b'0'; count].into(),
    }
}

/// Returns the request of `path` with this tag, answered 304.
pub fn unchanged(path: &str, headers: &str, tag: &str) -> Same {
    let request = get(path, &format!("{headers}If-None-Match: {tag}\r\n"));
    Same {
        request,
        status: &[304],
        body: Arc::new([]),
    }
}

/// How callers reach the service.
#[derive(Clone, Copy)]
pub enum Access<'a> {
    /// With a node's key, and limits, as shipped.
    Keys,
    /// The same over TLS.
    Tls(&'a Certificate),
    /// Without keys and limits.
    Open,
}

/// A running service with seeded tenants, and the requests for one of them.
pub struct OneTenant<'a> {
    /// The service. It is declared, and so dropped, before the site that it uses.
    pub service: Service,
    /// The request `resolve` of one route.
    pub resolve: Same,
    /// The header line of a node of the tenant.
    key: String,
    tls: Option<TlsConnector>,
    site: Site<'a>,
}

impl<'a> OneTenant<'a> {
    /// Starts the service and checks its answer once. After that each answer must be the same, byte
    /// for byte.
    pub fn start(bench: &'a Bench, access: Access<'_>) -> Result<Self> {
        let site = Site::new(bench);
        site.seed(0, 1, 10)?;
        let (service, key, tls) = match access {
            Access::Open => (Service::open(&site)?, String::new(), None),
            Access::Keys => {
                let service = Service::start(&site, &[])?;
                (service, site.key("node", Some("t000000"))?, None)
            }
            Access::Tls(certificate) => {
                let service = Service::over_tls(&site, certificate)?;
                let key = site.key("node", Some("t000000"))?;
                (service, key, Some(certificate.connector()?))
            }
        };
        let (path, route) = (resolve_path(0, 123), 123);
        let (_, body) = service.fetch(bench, &path)?;
        let value: Value = serde_json::from_slice(&body)?;
        ensure!(
            value["url"] == seeded_url(0, route) && value["tenant"] == "t000000",
            "resolve answers {value}"
        );
        let resolve = Same {
            request: get(&path, &key),
            status: &[200],
            body: body.into(),
        };
        Ok(Self {
            service,
            resolve,
            key,
            tls,
            site,
        })
    }

    /// Returns the request of `path` by a caller with the header line `key`, answered 200.
    fn whole(&self, bench: &Bench, path: &str, key: &str) -> Result<Same> {
        let (_, body) = self.service.fetch(bench, path)?;
        Ok(Same {
            request: get(path, key),
            status: &[200],
            body: body.into(),
        })
    }

    /// Returns the request of `path` with its current tag, answered 304.
    fn unchanged(&self, bench: &Bench, path: &str) -> Result<Same> {
        let (tag, _) = self.service.fetch(bench, path)?;
        Ok(unchanged(path, &self.key, &tag))
    }

    /// Adds a tenant with ten routes, and returns its node's request of the unchanged snapshot.
    pub fn ten_routes_unchanged(&self, bench: &Bench) -> Result<Same> {
        self.site.seed_shape(3, 4, [1, 1, 10])?;
        let key = self.site.key("node", Some("t000003"))?;
        let (tag, _) = self.service.fetch(bench, TEN_ROUTES)?;
        Ok(unchanged(TEN_ROUTES, &key, &tag))
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
            tls: self.tls.as_ref(),
        }
    }
}

/// The names of a comparison's two figures: requests per second, and CPU time of a request.
type Names = [&'static str; 2];

/// Compares requests per second and CPU time of a request.
fn against(
    bench: &Bench,
    [requests, cpu]: Names,
    (floor, base): (&Floor, &Same),
    (ours, source): (&OneTenant<'_>, &Same),
) -> Result<()> {
    let figures = [
        Ratio::of(requests, Target::AtLeast(0.90), Run::rate),
        Ratio::of(cpu, Target::AtMost(1.2), |run: &Run| run.cpu_us),
    ];
    compare(
        bench,
        &figures,
        || floor.run(bench, base),
        || ours.run(bench, source),
    )
}

/// Measures `resolve` and its 304 against a floor that sends the same headers, and against one that
/// sends none.
pub fn against_the_floor(bench: &Bench) -> Result<()> {
    let (floor, ours) = (
        Floor::start(bench, None)?,
        OneTenant::start(bench, Access::Keys)?,
    );
    let seen = ours.unchanged(bench, &resolve_path(0, 123))?;
    let snapshot_seen = ours.unchanged(bench, SNAPSHOT)?;
    let (whole, bare) = (hello("/contract"), hello("/hello"));
    let (whole_304, bare_304) = (hello_unchanged("/contract"), hello_unchanged("/hello"));
    for (names, base, source) in [
        (
            ["resolve / floor, requests", "resolve / floor, CPU"],
            &whole,
            &ours.resolve,
        ),
        (
            [
                "resolve / floor without headers, requests",
                "resolve / floor without headers, CPU",
            ],
            &bare,
            &ours.resolve,
        ),
        (
            [
                "resolve 304 / floor 304, requests",
                "resolve 304 / floor 304, CPU",
            ],
            &whole_304,
            &seen,
        ),
        (
            [
                "resolve 304 / floor 304 without headers, requests",
                "resolve 304 / floor 304 without headers, CPU",
            ],
            &bare_304,
            &seen,
        ),
        (
            [
                "snapshot 304 / floor 304, requests",
                "snapshot 304 / floor 304, CPU",
            ],
            &whole_304,
            &snapshot_seen,
        ),
    ] {
        against(bench, names, (&floor, base), (&ours, source))?;
    }
    Ok(())
}

/// Measures `resolve` and its 304 of one service against a floor that sends the same headers.
fn both(bench: &Bench, floor: &Floor, ours: &OneTenant<'_>, names: [Names; 2]) -> Result<()> {
    let [whole, unchanged] = names;
    let seen = ours.unchanged(bench, &resolve_path(0, 123))?;
    let base = hello("/contract");
    against(bench, whole, (floor, &base), (ours, &ours.resolve))?;
    let base = hello_unchanged("/contract");
    against(bench, unchanged, (floor, &base), (ours, &seen))
}

/// The same without keys and limits.
pub fn without_keys(bench: &Bench) -> Result<()> {
    let floor = Floor::start(bench, None)?;
    let ours = OneTenant::start(bench, Access::Open)?;
    let names = [
        [
            "resolve without keys / floor, requests",
            "resolve without keys / floor, CPU",
        ],
        [
            "resolve 304 without keys / floor 304, requests",
            "resolve 304 without keys / floor 304, CPU",
        ],
    ];
    both(bench, &floor, &ours, names)
}

/// The same over TLS, on both sides.
pub fn over_tls(bench: &Bench) -> Result<()> {
    let certificate = Certificate::make(&bench.directory)?;
    let floor = Floor::start(bench, Some(&certificate))?;
    let ours = OneTenant::start(bench, Access::Tls(&certificate))?;
    let names = [
        [
            "resolve over TLS / floor, requests",
            "resolve over TLS / floor, CPU",
        ],
        [
            "resolve 304 over TLS / floor 304, requests",
            "resolve 304 over TLS / floor 304, CPU",
        ],
    ];
    both(bench, &floor, &ours, names)
}

/// Measures the CPU time of whole snapshots against a floor that sends as many bytes.
pub fn snapshots(bench: &Bench) -> Result<()> {
    let (floor, ours) = (
        Floor::start(bench, None)?,
        OneTenant::start(bench, Access::Keys)?,
    );
    ours.site.seed_shape(1, 2, [1, 1, 1])?;
    ours.site.seed_shape(2, 3, [100, 10, 10])?;
    let hundred = format!("{SNAPSHOT}?service=service-1");
    for (name, tenant, path, base) in [
        (
            "snapshot of one route / floor, CPU",
            "t000001",
            ONE_ROUTE,
            Some(hello("/contract")),
        ),
        (
            "snapshot of 100 routes / floor of its bytes, CPU",
            "t000000",
            &hundred,
            None,
        ),
        (
            "snapshot of 10000 routes / floor of its bytes, CPU",
            "t000002",
            MANY_ROUTES,
            None,
        ),
    ] {
        let key = ours.site.key("node", Some(tenant))?;
        let source = ours.whole(bench, path, &key)?;
        let base = base.unwrap_or_else(|| bytes(source.body.len()));
        let figures = [Ratio::of(name, Target::AtMost(1.5), |run: &Run| run.cpu_us)];
        compare(
            bench,
            &figures,
            || floor.run(bench, &base),
            || ours.run(bench, &source),
        )?;
    }
    Ok(())
}

/// Measures latency at half of the floor's maximum rate. At saturation, latency would only show the
/// scheduler's time slice.
pub fn latency_at_half_load(bench: &Bench) -> Result<()> {
    let (floor, ours) = (
        Floor::start(bench, None)?,
        OneTenant::start(bench, Access::Keys)?,
    );
    let hello = hello("/contract");
    let rate = floor.run(bench, &hello)?.rate() / 2.0;
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
    let figures = [Ratio::of(
        "resolve / floor, p99 at half load",
        Target::AtMost(1.5),
        |run: &Run| run.latency_ms(0.99),
    )];
    let base = || {
        let run = at_rate(floor.load(bench), &hello)?;
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
