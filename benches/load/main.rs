//! The load program: measures Traffic Manager's cost as ratios to limits and peers that are
//! measured in the same run.
//!
//! ```text
//! cargo bench --bench load -- quick            every case at a small size, a few minutes
//! cargo bench --bench load -- full             every case at its full size
//! cargo bench --bench load -- reads            the cases whose names start with "reads", small; --full for their full size
//! cargo bench --bench load -- list             the cases
//! cargo bench --bench load -- counts           instructions of the hot paths: see `make counts`
//! ```
//!
//! It needs the running stack in its environment (`. .stack/env`), and for the proxies of the cases
//! `dataplane` also `. .stack/env.proxies`. Results go to `target/bench/`;
//! charts of a full run, in a release build, to `docs/performance/` as well.

mod archive;
mod chart;
mod counts;
mod dataplane;
mod floor;
mod http;
mod machine;
mod nodes;
mod pairs;
mod peers;
mod pgbench;
mod pipeline;
mod process;
mod rate;
mod reads;
mod report;
mod routes;
mod service;
mod snapshots;
mod targets;
mod tls;
mod waiters;
mod wire;
mod writes;

#[path = "../../crates/core/benches/sample/mod.rs"]
mod sample;

use test_support as support;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use parking_lot::{Mutex, MutexGuard};
use report::Report;
use tokio::signal::unix::{SignalKind, signal};

/// Measures Traffic Manager against limits and peers.
#[derive(Debug, Parser)]
struct Arguments {
    /// `quick`, `full`, `list`, the start of a case's name, `counts`, or `floor`: the server that
    /// ours is compared with.
    what: Option<String>,
    /// The reason for which `counts` writes new figures.
    #[arg(long)]
    why: Option<String>,
    /// The path that `counted` runs, for `counts`.
    #[arg(long)]
    path: Option<String>,
    /// Use full sizes instead of small ones.
    #[arg(long)]
    full: bool,
    /// Number of pairs per figure; default 3, and 7 at full size.
    #[arg(long)]
    pairs: Option<usize>,
    /// Seconds of each measurement; default 1, and 4 at full size.
    #[arg(long)]
    seconds: Option<f64>,
    /// The service's program to measure; default is the program that cargo built with this bench.
    #[arg(long)]
    program: Option<PathBuf>,
    /// The listen address of `floor`.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// The certificate of `floor`, for TLS.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// The key of the certificate.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Ignored: cargo passes this flag to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The settings and the environment of all cases.
pub struct Bench {
    /// True for full sizes, false for small ones.
    pub is_full: bool,
    /// Number of pairs per figure, at least 1.
    pub pairs: usize,
    /// Duration of one measurement.
    pub duration: Duration,
    /// Path of the service's program.
    pub program: PathBuf,
    /// Directory for results and logs.
    pub directory: PathBuf,
    /// The runtime for asynchronous work; the cases themselves are synchronous.
    pub runtime: tokio::runtime::Runtime,
    report: Mutex<Report>,
}

impl Bench {
    /// Locks the report with all results so far.
    pub fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock()
    }

    /// Returns `full` for a run at full size, else `quick`.
    pub fn size<T>(&self, quick: T, full: T) -> T {
        if self.is_full { full } else { quick }
    }
}

type Case = (&'static str, u64, fn(&Bench) -> Result<()>);

/// Every case: its name, its time limit in minutes, and its function.
const CASES: &[Case] = &[
    ("reads.floor", 15, reads::against_the_floor),
    ("reads.open", 15, reads::without_keys),
    ("reads.tls", 15, reads::over_tls),
    ("reads.snapshots", 15, reads::snapshots),
    ("reads.latency", 15, reads::latency_at_half_load),
    ("reads.routes", 40, routes::growth),
    ("peers.nginx", 10, peers::nginx::file),
    ("peers.etcd", 10, peers::etcd::range),
    ("peers.etcd_put", 10, peers::etcd::put),
    ("peers.unleash", 15, peers::unleash::polls_and_writes),
    ("writes.many", 15, writes::many_tenants),
    ("writes.hot", 15, writes::one_hot_tenant),
    ("writes.wal", 10, writes::wal),
    ("writes.callers", 15, writes::by_callers),
    ("writes.tenants", 15, writes::by_tenants),
    ("waiters.wake", 20, waiters::wake),
    ("waiters.parked", 10, waiters::parked),
    ("nodes.converge", 10, nodes::converge),
    ("pipeline.relay", 40, pipeline::relay),
    ("pipeline.archive", 10, archive::bulk),
    ("snapshots.change", 5, snapshots::one_route),
    ("targets.events", 15, targets::rates::events),
    ("targets.notifications", 10, targets::rates::notifications),
    ("targets.broadcasts", 10, targets::rates::broadcasts),
    ("targets.latency", 10, targets::latency::at_a_fixed_rate),
    ("targets.memory", 10, targets::resources::memory),
    ("targets.files", 10, targets::resources::files),
    ("targets.cleanup", 10, targets::resources::cleanup),
    ("dataplane.envoy", 10, dataplane::changes::envoy),
    ("dataplane.pollers", 15, dataplane::changes::pollers),
    ("dataplane.names", 10, dataplane::changes::slow_names),
    ("dataplane.streams", 10, dataplane::streams::at_one_instance),
];

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    // Without exactly one provider, the first TLS connection panics.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let what = match arguments.what.as_deref() {
        Some("floor") => {
            floor::serve(
                arguments.listen.context("floor needs --listen ADDRESS")?,
                machine::cores(),
                arguments.certificate.zip(arguments.key),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        Some("counted") => {
            counts::run_pure(&arguments.path.context("counted needs --path NAME")?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some("counts") => {
            counts::check(&prepare(&arguments)?, arguments.why.as_deref())?;
            return Ok(ExitCode::SUCCESS);
        }
        None | Some("list") => {
            println!("quick, full, or the start of one of these names:");
            CASES.iter().for_each(|(name, ..)| println!("  {name}"));
            return Ok(ExitCode::SUCCESS);
        }
        Some("quick" | "full") => "",
        Some(prefix) => prefix,
    };
    let chosen: Vec<&Case> = CASES
        .iter()
        .filter(|(name, ..)| name.starts_with(what))
        .collect();
    if chosen.is_empty() {
        bail!("no case starts with {what:?}; `list` lists them");
    }
    let bench = prepare(&arguments)?;
    if cfg!(debug_assertions) {
        println!(
            "This is a debug build: it shows that the cases work, and its figures mean nothing."
        );
    }
    for (name, minutes, case) in chosen {
        attempt(&bench, name, Duration::from_secs(60 * minutes), *case);
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance");
    let docs = (bench.is_full && !cfg!(debug_assertions)).then_some(docs);
    let report = bench.report();
    report.print();
    report.write(&bench.directory, docs.as_deref())?;
    println!("\n{}", bench.directory.join("results.json").display());
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn prepare(arguments: &Arguments) -> Result<Bench> {
    let is_full = arguments.full || arguments.what.as_deref() == Some("full");
    let seconds = arguments.seconds.unwrap_or(if is_full { 4.0 } else { 1.0 });
    if !(0.1..=600.0).contains(&seconds) {
        bail!("--seconds is 0.1 to 600");
    }
    if std::env::var_os("PG_PRIMARY_URL").is_none() {
        bail!(
            "the stack is not in the environment: `make bench-quick` starts it and sets the variables"
        );
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&directory).with_context(|| format!("{}", directory.display()))?;
    for log in ["service.log", "floor.log", "pgbench.log", "unleash.log"] {
        let _ = std::fs::remove_file(directory.join(log));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    // Child processes do not end by themselves when this program is interrupted.
    runtime.spawn(async {
        let terminated = async {
            if let Ok(mut signal) = signal(SignalKind::terminate()) {
                signal.recv().await;
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        process::kill_all();
        std::process::exit(130);
    });
    Ok(Bench {
        is_full,
        pairs: arguments
            .pairs
            .unwrap_or(if is_full { 7 } else { 3 })
            .max(1),
        duration: Duration::from_secs_f64(seconds),
        program: arguments
            .program
            .clone()
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_traffic-manager").into()),
        directory,
        runtime,
        report: Mutex::default(),
    })
}

/// Runs a case on its own thread, so that a failure or panic does not end the other cases. A case
/// that exceeds `limit` cannot be stopped cleanly: the whole program ends.
fn attempt(bench: &Bench, name: &str, limit: Duration, case: fn(&Bench) -> Result<()>) {
    println!("\n{name}");
    let (before, started) = (machine::probe(), Instant::now());
    let ended = std::thread::scope(|scope| {
        let (done, wait) = mpsc::channel::<()>();
        scope.spawn(move || {
            if wait.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("load: {name} has not ended after {limit:?}");
                process::kill_all();
                std::process::exit(1);
            }
        });
        let ended = scope.spawn(|| case(bench)).join();
        drop(done);
        ended
    });
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => bench.report().invalid(name, format!("{error:#}")),
        Err(_) => bench.report().invalid(name, "the case panicked; see above"),
    }
    bench.report().case(
        name,
        before,
        machine::probe(),
        started.elapsed().as_secs_f64(),
    );
}
