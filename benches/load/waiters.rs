//! Long-polls: `GET …/snapshot?wait=30s` with the current tag, answered when the tenant changes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Bench,
    chart::Curve,
    http::{Connection, get, once, with_json},
    machine::open_files,
    pairs::{Spread, Target},
    process::Process,
    report::Verdict,
    service::{Service, Site, route_path},
    wire,
};

const SNAPSHOT: &str = "/api/v1/tenants/t000000/snapshot";
/// Number of the tenant's routes, for a body of some 2 kB.
const ROUTES: usize = 10;
/// Number of changes in a round.
const CHANGES: usize = 20;
/// Number of open files besides the pollers' connections.
const OTHER_FILES: u64 = 500;

/// A running service with one small tenant, and the pollers' connections.
struct Waiting<'a> {
    bench: &'a Bench,
    service: Service,
    tag: String,
    changes: usize,
    connections: Vec<Connection>,
    _site: Site<'a>,
}

/// The effect of one change on the pollers.
struct Woken {
    /// The time from the write's answer to each poller's answer.
    each: Vec<Duration>,
    /// The server's CPU time from the write to the last answer, in microseconds.
    cpu_us: f64,
}

impl Woken {
    fn last(&self) -> Duration {
        self.each.iter().copied().max().unwrap_or_default()
    }
}

/// The service and its pollers, or the reason why this machine or service cannot run them.
enum Start<'a> {
    Ready(Box<Waiting<'a>>),
    Cannot(String),
}

impl<'a> Waiting<'a> {
    fn start(bench: &'a Bench, most: usize) -> Result<Start<'a>> {
        let (needed, limit) = (most as u64 + OTHER_FILES, open_files());
        if limit < needed {
            return Ok(Start::Cannot(format!(
                "{needed} files must be open, {limit} may be: ulimit -n {needed}"
            )));
        }
        let site = Site::new(bench);
        let service = Service::start(&site, &[])?;
        let mut waiting = Self {
            bench,
            service,
            tag: String::new(),
            changes: 0,
            connections: Vec::new(),
            _site: site,
        };
        for route in 0..ROUTES {
            waiting.change(route)?;
        }
        waiting.tag = waiting.service.fetch(bench, SNAPSHOT)?.0;
        let started = Instant::now();
        let (status, ..) = bench
            .runtime
            .block_on(once(waiting.service.api, &waiting.poll("1s")))?;
        let took = started.elapsed();
        if status != 304 || took < Duration::from_millis(900) {
            let reason =
                format!("the service does not wait: ?wait=1s was answered {status} after {took:?}");
            return Ok(Start::Cannot(reason));
        }
        Ok(Start::Ready(Box::new(waiting)))
    }

    /// Writes a route with a new URL, and returns the URL.
    fn change(&mut self, route: usize) -> Result<String> {
        self.changes += 1;
        let url = format!("https://changed-{}.example.com/", self.changes);
        let request = with_json(
            "PUT",
            &route_path(0, route),
            &self.service.key,
            &format!("{{\"url\":\"{url}\"}}"),
        );
        let (status, _, body) = self
            .bench
            .runtime
            .block_on(once(self.service.api, &request))?;
        ensure!(
            matches!(status, 200 | 201),
            "the change was answered {status} {}",
            String::from_utf8_lossy(&body)
        );
        Ok(url)
    }

    /// Returns the server's CPU time for one change without waiting pollers, in microseconds.
    fn cost_of_a_change(&mut self) -> Result<f64> {
        self.quiet()?;
        let before = self.service.process.cpu_us();
        for number in 0..CHANGES {
            self.change(number % ROUTES)?;
        }
        let cost = (self.service.process.cpu_us() - before) / CHANGES as f64;
        self.tag = self.service.fetch(self.bench, SNAPSHOT)?.0;
        Ok(cost)
    }

    /// Returns the long-poll with the current tag.
    fn poll(&self, wait: &str) -> Vec<u8> {
        get(
            &format!("{SNAPSHOT}?wait={wait}"),
            &format!("{}If-None-Match: {}\r\n", self.service.key, self.tag),
        )
    }

    /// Opens connections until there are `count`.
    fn connect(&mut self, count: usize) -> Result<()> {
        let (address, missing) = (
            self.service.api,
            count.saturating_sub(self.connections.len()),
        );
        let opened = stream::iter(0..missing)
            .map(|_| Connection::open(address))
            .buffer_unordered(128)
            .try_collect::<Vec<_>>();
        self.connections
            .extend(self.bench.runtime.block_on(opened)?);
        Ok(())
    }

    /// Starts a long-poll on every connection, and returns when all of them wait at the server.
    fn park(&mut self) -> Result<JoinSet<Result<Answered>>> {
        let (count, sent) = (self.connections.len(), Arc::new(AtomicUsize::new(0)));
        let request: Arc<[u8]> = self.poll("30s").into();
        let mut pollers = JoinSet::new();
        for connection in self.connections.drain(..) {
            pollers.spawn_on(
                wait_for_change(connection, request.clone(), sent.clone()),
                self.bench.runtime.handle(),
            );
        }
        let started = Instant::now();
        while sent.load(Ordering::Relaxed) < count {
            ensure!(
                started.elapsed() < Duration::from_secs(20),
                "the pollers could not all ask in 20 s"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        self.quiet()?;
        Ok(pollers)
    }

    /// Waits until the server is idle, and so holds every long-poll.
    fn quiet(&self) -> Result<()> {
        let process: &Process = &self.service.process;
        let started = Instant::now();
        let mut before = process.cpu_us();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = process.cpu_us();
            if now - before <= 10_000.0 {
                return Ok(());
            }
            before = now;
            ensure!(
                started.elapsed() < Duration::from_secs(20),
                "the server is still busy after 20 s"
            );
        }
    }

    /// Makes one change, and waits for every poller's answer. Fails if a poller was answered before
    /// the change or wrongly.
    fn wake(&mut self, mut pollers: JoinSet<Result<Answered>>) -> Result<Woken> {
        ensure!(
            pollers.try_join_next().is_none(),
            "a poller was answered though nothing had changed"
        );
        let cpu_before = self.service.process.cpu_us();
        let url = self.change(self.changes % ROUTES)?;
        let written = Instant::now();
        let all = async {
            let mut answered = Vec::with_capacity(pollers.len());
            while let Some(poller) = pollers.join_next().await {
                answered.push(poller.context("a poller failed")??);
            }
            Ok::<_, anyhow::Error>(answered)
        };
        let limit = Duration::from_secs(40);
        let answered = self
            .bench
            .runtime
            .block_on(async { tokio::time::timeout(limit, all).await });
        let answered =
            answered.with_context(|| format!("not every poller was answered in {limit:?}"))??;
        let cpu_us = self.service.process.cpu_us() - cpu_before;
        let tag = answered
            .first()
            .and_then(|first| first.tag.clone())
            .context("an answer without an entity tag")?;
        let mut each = Vec::with_capacity(answered.len());
        for one in answered {
            let body = one.connection.body(&one.message);
            let is_right = one.message.status == 200 && wire::find(body, url.as_bytes()).is_some();
            ensure!(
                is_right && one.tag.as_ref() == Some(&tag),
                "a poller was answered {} {:?}",
                one.message.status,
                one.tag
            );
            each.push(one.at.saturating_duration_since(written));
            self.connections.push(one.connection);
        }
        self.tag = tag;
        Ok(Woken { each, cpu_us })
    }
}

/// A poller's answer, with its connection and the time of its arrival.
struct Answered {
    connection: Connection,
    message: wire::Message,
    tag: Option<String>,
    at: Instant,
}

async fn wait_for_change(
    mut connection: Connection,
    request: Arc<[u8]>,
    sent: Arc<AtomicUsize>,
) -> Result<Answered> {
    let asked = connection.send(&request).await;
    sent.fetch_add(1, Ordering::Relaxed);
    asked?;
    let message = connection.receive().await?;
    let at = Instant::now();
    let tag = connection.header(&message, "etag");
    Ok(Answered {
        connection,
        message,
        tag,
        at,
    })
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Measures the time from a write's answer to the last poller's answer, and the CPU time for each
/// poller.
pub fn wake(bench: &Bench) -> Result<()> {
    let sizes = [10, 100, 1_000];
    let (soon, cheap) = (
        "last of 1000 pollers woken, p99 ms",
        "CPU of waking 1000 pollers, µs each",
    );
    let mut waiting = match Waiting::start(bench, sizes[2])? {
        Start::Ready(waiting) => waiting,
        Start::Cannot(reason) => {
            bench.report().skip(soon, reason.clone());
            bench.report().skip(cheap, reason);
            return Ok(());
        }
    };
    let change_us = waiting.cost_of_a_change()?;
    bench.report().note(
        "a change that nobody waits for",
        json!({ "cpu_us": change_us }),
    );
    let mut points = Vec::new();
    for pollers in sizes {
        waiting.connect(pollers)?;
        let (mut p99, mut cpu) = (Vec::new(), Vec::new());
        let mut each = Histogram::<u64>::new_with_bounds(1, 120_000_000, 3)?;
        let mut lasts = Vec::new();
        for _ in 0..bench.size(1, 5) {
            let mut round = Vec::new();
            for _ in 0..CHANGES {
                let parked = waiting.park()?;
                round.push(waiting.wake(parked)?);
            }
            let mut last: Vec<f64> = round.iter().map(|woken| ms(woken.last())).collect();
            last.sort_unstable_by(f64::total_cmp);
            // The p99 of twenty values is the largest one.
            p99.push(last[last.len() - 1]);
            lasts.extend(last);
            cpu.push(
                round
                    .iter()
                    .map(|woken| woken.cpu_us - change_us)
                    .sum::<f64>()
                    / (pollers * CHANGES) as f64,
            );
            for latency in round.iter().flat_map(|woken| &woken.each) {
                each.saturating_record(
                    u64::try_from(latency.as_micros())
                        .unwrap_or(u64::MAX)
                        .max(1),
                );
            }
        }
        let quantile = |q: f64| each.value_at_quantile(q) as f64 / 1e3;
        let detail = json!({
            "last_p50_ms": Spread::of(lasts.iter().copied()).median, "last_p99_ms_by_round": p99, "cpu_us_by_round": cpu,
            "each_p50_ms": quantile(0.5), "each_p99_ms": quantile(0.99),
        });
        points.push((pollers as f64, Spread::of(p99.iter().copied()).median));
        if pollers == sizes[2] {
            let (p99, cpu) = (Spread::of(p99), Spread::of(cpu));
            bench.report().judge(
                Verdict {
                    name: soon.into(),
                    spread: p99,
                    target: Target::AtMost(15.0),
                },
                detail,
            );
            bench.report().judge(
                Verdict {
                    name: cheap.into(),
                    spread: cpu,
                    target: Target::AtMost(20.0),
                },
                json!(CHANGES),
            );
        } else {
            bench
                .report()
                .note(&format!("{pollers} pollers woken"), detail);
        }
    }
    let title = "From a write's answer to the last waiting poller's";
    bench.report().curve(Curve {
        name: "pollers-wake",
        title,
        of: "waiting pollers",
        figure: "p99, milliseconds",
        points,
    });
    Ok(())
}

/// Measures the memory of each of ten thousand waiting pollers, and checks that one change reaches
/// all of them.
pub fn parked(bench: &Bench) -> Result<()> {
    let count = bench.size(1_000, 10_000);
    let memory = format!("{count} parked pollers, KiB of RSS each");
    let reached = format!("{count} parked pollers, share answered by a change");
    let mut waiting = match Waiting::start(bench, count)? {
        Start::Ready(waiting) => waiting,
        Start::Cannot(reason) => {
            bench.report().skip(&memory, reason.clone());
            bench.report().skip(&reached, reason);
            return Ok(());
        }
    };
    let before = waiting.service.process.rss();
    waiting.connect(count)?;
    let pollers = waiting.park()?;
    std::thread::sleep(bench.size(Duration::from_secs(1), Duration::from_secs(5)));
    let each = waiting.service.process.rss().saturating_sub(before) as f64 / 1024.0 / count as f64;
    // Fails if a poller was answered before the change, or not because of it.
    let woken = waiting.wake(pollers)?;
    let share = woken.each.len() as f64 / count as f64;
    let spread = Spread::of([each]);
    bench.report().judge(
        Verdict {
            name: memory,
            spread,
            target: Target::AtMost(25.0),
        },
        json!({ "rss_before": before }),
    );
    let detail = json!({ "last_ms": ms(woken.last()), "cpu_us_each": woken.cpu_us / count as f64 });
    bench.report().judge(
        Verdict {
            name: reached,
            spread: Spread::of([share]),
            target: Target::AtLeast(1.0),
        },
        detail,
    );
    Ok(())
}
