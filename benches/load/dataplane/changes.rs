//! The time from the sending of a change until a proxy serves it, and the requests that fail
//! meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Follows, HOST, Proxy, Stage, quantile_ms, route, weights};
use crate::{
    Bench,
    http::Dice,
    pairs::Target,
    support::proxies::{
        load::{Connections, Counts, Load},
        names::SlowNames,
        programs::Program,
    },
    targets::judge,
};

const SERVICE: &str = "pay";
/// The time that the DNS takes for each name.
const SLOW: Duration = Duration::from_millis(500);

/// The seed of the pauses between changes.
const SEED: u64 = 7;

/// The limits of the time until a change is served, in milliseconds.
struct Limits {
    p50: f64,
    p99: f64,
}

/// By a stream: the time of the write, and two answers of the Envoy.
const BY_STREAM: Limits = Limits {
    p50: 50.0,
    p99: 250.0,
};

/// By polls of the proxy or of its follower. A follower of files waits for the proxy's reload.
const BY_POLLS: Limits = Limits {
    p50: 2000.0,
    p99: 5000.0,
};

/// Measures an Envoy that follows a stream.
pub fn envoy(bench: &Bench) -> Result<()> {
    measure(bench, Follows::Stream, bench.size(20, 200), &BY_STREAM)
}

/// Measures the proxies that poll.
pub fn pollers(bench: &Bench) -> Result<()> {
    for program in Program::ALL {
        let follows = match program {
            Program::Envoy => Follows::PollsOfEnvoy,
            _ => Follows::Polls(program),
        };
        measure(bench, follows, bench.size(5, 30), &BY_POLLS)?;
    }
    Ok(())
}

/// Measures changes of weights, and new versions.
fn measure(bench: &Bench, follows: Follows, changes: usize, limits: &Limits) -> Result<()> {
    if !is_installed(bench, follows.program()) {
        return Ok(());
    }
    let stage = Stage::start(bench)?;
    let proxy = begin(&stage, follows, |bootstrap| bootstrap)?;
    let (moved, renewed) = bench.runtime.block_on(changed(&stage, &proxy, changes))?;
    let name = follows.name();
    let what = format!("weights served by {name}");
    tell(bench, &what, &moved, limits);
    let what = format!("new version served by {name}");
    tell(bench, &what, &renewed, limits);
    Ok(())
}

/// Makes changes of weights, and as many new versions. Returns how long each took.
async fn changed(
    stage: &Stage<'_>,
    proxy: &Proxy,
    changes: usize,
) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut moved, mut renewed) = (Vec::new(), Vec::new());
    let mut pause = Pause::new(proxy.proxy.site.program);
    for number in 1..=changes {
        pause.before(proxy).await?;
        moved.push(move_weights(stage, proxy, number).await?);
    }
    for number in 1..=changes {
        pause.before(proxy).await?;
        let url = stage.upstreams[number % 2].url(&format!("/{number}"));
        renewed.push(new_version(stage, proxy, number, &url).await?);
    }
    Ok((moved, renewed))
}

/// The pause before each change of a proxy that polls. Without it every change would come at the
/// same point of the interval, and from workers that are about to end there would still be answers.
struct Pause(Option<Dice>);

impl Pause {
    fn new(program: Program) -> Self {
        Self((program != Program::Envoy).then(|| Dice::new(SEED)))
    }

    /// Waits for half a second to one and a half, and until every answer is the same.
    async fn before(&mut self, proxy: &Proxy) -> Result<()> {
        let Some(dice) = &mut self.0 else {
            return Ok(());
        };
        let random = Duration::from_millis(500 + dice.below(1000) as u64);
        tokio::time::sleep(random).await;
        proxy.settles().await
    }
}

/// Measures the requests that fail at an Envoy while it is given versions whose names are slow to
/// resolve.
pub fn slow_names(bench: &Bench) -> Result<()> {
    if !is_installed(bench, Program::Envoy) {
        return Ok(());
    }
    let stage = Stage::start(bench)?;
    let names = bench.runtime.block_on(SlowNames::start(SLOW));
    let proxy = begin(&stage, Follows::Stream, |bootstrap| {
        names.asked_by(&bootstrap)
    })?;
    let loads = {
        let _runtime = bench.runtime.enter();
        [Connections::Fresh, Connections::Kept].map(|kind| {
            let ask = proxy.ask.clone();
            Load::start(1, kind, move |_| ask.clone())
        })
    };
    let mut times = Vec::new();
    for number in 1..=bench.size(5, 200) {
        let port = stage.upstreams[number % 2].address.port();
        let url = format!("http://host-{number}.slow.test:{port}/{number}");
        let changed = bench
            .runtime
            .block_on(new_version(&stage, &proxy, number, &url))?;
        times.push(changed);
    }
    let counts = loads.map(|load| bench.runtime.block_on(load.stop()));
    let fastest = times.iter().min().copied().unwrap_or_default();
    ensure!(
        fastest >= SLOW,
        "a change was served after {fastest:?}: no name was slow to resolve"
    );
    let limits = Limits {
        p50: SLOW.as_secs_f64() * 1e3 + BY_STREAM.p50,
        p99: SLOW.as_secs_f64() * 1e3 + BY_STREAM.p99,
    };
    tell(bench, "new version with a slow name", &times, &limits);
    let name = "requests failed over changes with slow names";
    let failed: u64 = counts.iter().map(failed).sum();
    let detail = json!({ "changes": times.len(), "loads": counts.each_ref().map(of_load) });
    judge(
        bench,
        name,
        Target::AtMost(0.0),
        vec![failed as f64],
        detail,
    );
    Ok(())
}

/// Returns the number of requests that were answered with something else than 200, or not at all.
fn failed(counts: &Counts) -> u64 {
    counts.requests() - counts.statuses.get(&200).copied().unwrap_or_default()
}

fn of_load(counts: &Counts) -> Value {
    json!({ "requests": counts.requests(), "failed": failed(counts), "examples": counts.examples })
}

/// Returns whether a proxy can be measured; if not, the report says so.
fn is_installed(bench: &Bench, program: Program) -> bool {
    let is_set = std::env::var_os(program.variable()).is_some();
    if !is_set {
        let name = format!("changes served by {}", program.dialect());
        let reason = "not installed: `make proxies`, then `set -a; . .stack/env.proxies`";
        bench.report().skip(&name, reason);
    }
    is_set
}

/// Starts a proxy, and waits until it forwards to the first upstream.
fn begin(stage: &Stage<'_>, follows: Follows, edit: impl Fn(String) -> String) -> Result<Proxy> {
    let [first, second] = &stage.upstreams;
    let changes = [
        route(SERVICE, "v1", &first.url("/a")),
        route(SERVICE, "v2", &second.url("/b")),
        weights(SERVICE, HOST, &[("v1", 1), ("v2", 0)]),
    ];
    let runtime = &stage.bench.runtime;
    runtime.block_on(stage.change(&changes))?;
    let proxy = stage.proxy(follows, edit)?;
    runtime.block_on(proxy.serves(|echo| echo.name == "first"))?;
    Ok(proxy)
}

/// Moves all traffic to the other upstream, and returns the time until the proxy has done so.
async fn move_weights(stage: &Stage<'_>, proxy: &Proxy, number: usize) -> Result<Duration> {
    let is_second = number % 2 == 1;
    let split = [("v1", u32::from(!is_second)), ("v2", u32::from(is_second))];
    let name = if is_second { "second" } else { "first" };
    let sent = Instant::now();
    stage.change(&[weights(SERVICE, HOST, &split)]).await?;
    proxy.serves(|echo| echo.name == name).await?;
    Ok(sent.elapsed())
}

/// Moves all traffic to a new version, and returns the time until the proxy has done so. The path
/// of `url` is its number.
async fn new_version(
    stage: &Stage<'_>,
    proxy: &Proxy,
    number: usize,
    url: &str,
) -> Result<Duration> {
    let (version, target) = (format!("new-{number}"), format!("/{number}/x"));
    let changes = [
        route(SERVICE, &version, url),
        weights(SERVICE, HOST, &[(&version, 1)]),
    ];
    let sent = Instant::now();
    stage.change(&changes).await?;
    proxy.serves(|echo| echo.target == target).await?;
    Ok(sent.elapsed())
}

fn tell(bench: &Bench, what: &str, times: &[Duration], limits: &Limits) {
    let all: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    for (label, share, limit) in [("p50", 0.5, limits.p50), ("p99", 0.99, limits.p99)] {
        let name = format!("{what}, {label} ms");
        let value = quantile_ms(times, share);
        judge(
            bench,
            &name,
            Target::AtMost(limit),
            vec![value],
            json!({ "ms": all }),
        );
    }
}
