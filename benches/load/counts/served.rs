//! Paths through the running service: the program as it is shipped runs under callgrind with one
//! worker, and the instructions of that worker are counted, from the read of a request to the write
//! of its answer.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::total;
use crate::{
    Bench,
    http::{Connection, get, with_json},
    service::{Service, Site, resolve_path, route_path},
};

/// The changes of which the least wake counts.
const WAKES: usize = 3;
/// Number of requests of each path in one measurement.
const REQUESTS: usize = 400;
/// Number of measurements of each path, of which the least counts: what happens once a second
/// happens more often for each request on a busy machine.
const MEASUREMENTS: usize = 5;
/// Number of waiting pollers.
const POLLERS: usize = 200;
const SNAPSHOT: &str = "/api/v1/tenants/t000000/snapshot";
const ONE_ROUTE: &str = "/api/v1/tenants/t000001/snapshot";

/// The service under callgrind.
struct Counted<'a> {
    bench: &'a Bench,
    service: Service,
    /// The header lines of a node of the tenant with many routes, and of one of the other tenant.
    node: String,
    other_node: String,
    files: PathBuf,
    dumps: usize,
    _site: Site<'a>,
}

impl<'a> Counted<'a> {
    fn start(bench: &'a Bench) -> Result<Self> {
        let site = Site::new(bench);
        site.seed(0, 1, 1)?;
        site.seed_shape(1, 2, [1, 1, 1])?;
        let files = bench.directory.join("callgrind.served");
        let service = Service::under_callgrind(&site, &files)?;
        let node = site.key("node", Some("t000000"))?;
        let other_node = site.key("node", Some("t000001"))?;
        Ok(Self {
            bench,
            service,
            node,
            other_node,
            files,
            dumps: 0,
            _site: site,
        })
    }

    /// Has callgrind do something: `-z` sets its counters to zero, `-d` writes them to files.
    fn control(&self, what: &str) -> Result<()> {
        let output = Command::new("callgrind_control")
            .args([what, &self.service.process.pid.to_string()])
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success() && said.contains("OK"),
            "callgrind_control {what}: {said}"
        );
        Ok(())
    }

    /// Returns the instructions that the busiest thread executed during `passes`, and callgrind's
    /// file about it.
    fn during(&mut self, passes: impl FnOnce(&Self) -> Result<()>) -> Result<(u64, PathBuf)> {
        self.control("-z")?;
        passes(self)?;
        self.control("-d")?;
        self.dumps += 1;
        let prefix = format!("{}.{}-", self.files.display(), self.dumps);
        let directory = self.files.parent().context("a directory")?;
        let (mut busiest, started) = ((0, PathBuf::new()), Instant::now());
        while busiest.0 == 0 {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.display().to_string().starts_with(&prefix) {
                    busiest = busiest.max((total(&path).unwrap_or(0), path));
                }
            }
            ensure!(
                started.elapsed() < Duration::from_secs(30),
                "callgrind wrote no figures to {prefix}*"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(busiest)
    }

    /// Returns the instructions of one request, of a status, on a kept connection: all of them, and
    /// those of the fast path alone.
    fn of_request(&mut self, request: &[u8], status: u16) -> Result<[u64; 2]> {
        let (runtime, address) = (&self.bench.runtime, self.service.api);
        let mut connection = runtime.block_on(Connection::open(address))?;
        let mut repeat = |count: usize| -> Result<()> {
            runtime.block_on(async {
                for _ in 0..count {
                    let answer = connection.exchange(request).await?;
                    ensure!(answer.status == status, "the status is {}", answer.status);
                }
                Ok(())
            })
        };
        // Loads the tenant and the key.
        repeat(20)?;
        let mut least = [u64::MAX; 2];
        for _ in 0..MEASUREMENTS {
            let (all, file) = self.during(|_| repeat(REQUESTS))?;
            let answer = of_function(&file, "fast_path::Worker::answer")?;
            least = [least[0].min(all), least[1].min(answer)];
        }
        Ok(least.map(|instructions| instructions / REQUESTS as u64))
    }

    fn tag(&self, path: &str) -> Result<String> {
        Ok(self.service.fetch(self.bench, path)?.0)
    }

    fn unchanged(&self, path: &str) -> Result<Vec<u8>> {
        let headers = format!("{}If-None-Match: {}\r\n", self.node, self.tag(path)?);
        Ok(get(path, &headers))
    }

    /// Returns the instructions for each of many long-polls that one change answers: the least of
    /// several changes, because the service's own periodic work may fall into a measurement.
    fn of_wakes(&mut self) -> Result<u64> {
        let mut least = u64::MAX;
        for change in 0..WAKES {
            least = least.min(self.of_wake(change)?);
        }
        Ok(least)
    }

    fn of_wake(&mut self, at: usize) -> Result<u64> {
        let runtime = &self.bench.runtime;
        let address = self.service.api;
        let request = self.unchanged(&format!("{SNAPSHOT}?wait=60s"))?;
        let opened = (0..POLLERS).map(|_| Connection::open(address));
        let mut pollers: Vec<_> = runtime.block_on(async {
            futures_util::future::join_all(opened)
                .await
                .into_iter()
                .collect::<Result<_>>()
        })?;
        runtime.block_on(async {
            for poller in &mut pollers {
                poller.send(&request).await?;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        self.is_quiet()?;
        let change = with_json(
            "PUT",
            &route_path(0, 1),
            &self.service.key,
            &format!(r#"{{"url":"https://changed-{at}.example.com/"}}"#),
        );
        let (instructions, _) = self.during(|counted| {
            counted.bench.runtime.block_on(async {
                let mut writer = Connection::open(address).await?;
                let answer = writer.exchange(&change).await?;
                ensure!(answer.status == 200, "the status is {}", answer.status);
                for poller in &mut pollers {
                    let answer = poller.receive().await?;
                    ensure!(answer.status == 200, "the status is {}", answer.status);
                }
                Ok(())
            })
        })?;
        Ok(instructions / POLLERS as u64)
    }

    /// Waits until the service does nothing.
    fn is_quiet(&self) -> Result<()> {
        let started = Instant::now();
        let mut before = self.service.process.cpu_us();
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let now = self.service.process.cpu_us();
            if now - before < 200_000.0 {
                return Ok(());
            }
            before = now;
            ensure!(
                started.elapsed() < Duration::from_secs(60),
                "the service is still busy after a minute"
            );
        }
    }
}

/// Counts every path.
pub fn count(bench: &Bench) -> Result<BTreeMap<String, u64>> {
    remove_old(&bench.directory)?;
    let mut counted = Counted::start(bench)?;
    let resolve = resolve_path(0, 12);
    let whole = get(&resolve, &counted.node);
    let unchanged = counted.unchanged(&resolve)?;
    let snapshot_unchanged = counted.unchanged(SNAPSHOT)?;
    let headers = format!(
        "{}TM-Node: edge-00042\r\nIf-None-Match: {}\r\n",
        counted.node,
        counted.tag(SNAPSHOT)?
    );
    let named = get(SNAPSHOT, &headers);
    let snapshot = get(ONE_ROUTE, &counted.other_node);
    let mut all = BTreeMap::new();
    for (name, request, status) in [
        ("resolve", whole, 200),
        ("resolve, 304", unchanged, 304),
        ("snapshot, 304", snapshot_unchanged, 304),
        ("snapshot, 304, of a named node", named, 304),
        ("snapshot of one route", snapshot, 200),
    ] {
        let [whole, answer] = counted.of_request(&request, status).context(name)?;
        all.insert(format!("{name}, with HTTP"), whole);
        all.insert(format!("{name}, the answer"), answer);
    }
    let wake = counted.of_wakes().context("wake of a waiter")?;
    all.insert("wake of a waiter".to_owned(), wake);
    Ok(all)
}

/// Returns the instructions of a function and everything that it calls.
fn of_function(file: &Path, function: &str) -> Result<u64> {
    let output = Command::new("callgrind_annotate")
        .args(["--inclusive=yes", "--threshold=100"])
        .arg(file)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find(|line| line.contains(function))
        .with_context(|| format!("callgrind counted nothing in {function}"))?;
    let number = line.split_whitespace().next().unwrap_or_default();
    Ok(number.replace(',', "").parse()?)
}

fn remove_old(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.display().to_string().contains("callgrind.") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
