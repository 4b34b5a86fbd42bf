//! Very many Envoys at one instance: what each takes in memory, and how soon all have a change.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
};

use super::{
    Stage, TENANT,
    node::{Acknowledged, Node},
    quantile_ms, route, weights,
};
use crate::{Bench, machine::open_files, pairs::Target, targets::judge};

/// The policies of the tenant, with two versions each.
const POLICIES: usize = 10;
/// The streams before the first measurement of memory.
const WARM_UP: usize = 20;
/// The number of changes.
const WRITES: usize = 20;
/// Number of open files besides the connections of the streams.
const OTHER_FILES: u64 = 500;
/// The longest wait until all streams have something.
const LIMIT: Duration = Duration::from_secs(60);

/// Open streams of nodes that acknowledge everything.
struct Nodes {
    following: JoinSet<Result<()>>,
    sender: UnboundedSender<Acknowledged>,
    receiver: UnboundedReceiver<Acknowledged>,
}

impl Nodes {
    fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            following: JoinSet::new(),
            sender,
            receiver,
        }
    }

    /// Opens further streams, until there are `count`, and waits until each has this revision.
    async fn grow(&mut self, stage: &Stage<'_>, count: usize, revision: u64) -> Result<()> {
        let from = self.following.len();
        let mut opened = stream::iter(from..count)
            .map(|number| Node::open(stage.ads, &stage.token, TENANT, number))
            .buffer_unordered(32);
        while let Some(node) = opened.try_next().await? {
            self.following.spawn(node.follow(self.sender.clone()));
        }
        drop(opened);
        self.have(revision, (from..count).collect()).await
    }

    /// Waits until all of these nodes have acknowledged the routes of this revision.
    async fn have(&mut self, revision: u64, mut without: HashSet<usize>) -> Result<()> {
        let suffix = format!(".{revision}");
        let all = async {
            while !without.is_empty() {
                tokio::select! {
                    told = self.receiver.recv() => {
                        let told = told.context("nobody tells")?;
                        if told.version.ends_with(&suffix) {
                            without.remove(&told.node);
                        }
                    }
                    Some(ended) = self.following.join_next() => ended.context("a node failed")??,
                }
            }
            Ok(())
        };
        let ended = tokio::time::timeout(LIMIT, all).await;
        ended.with_context(|| {
            format!(
                "after {LIMIT:?} {} nodes do not have revision {revision}",
                without.len()
            )
        })?
    }
}

/// Measures memory, the time until all have their configuration, and changes.
pub fn at_one_instance(bench: &Bench) -> Result<()> {
    let count = bench.size(100, 1000);
    let (needed, limit) = (count as u64 + OTHER_FILES, open_files());
    if limit < needed {
        let reason = format!("{needed} files must be open, {limit} may be: ulimit -n {needed}");
        bench
            .report()
            .skip(&format!("{count} streams of Envoys"), reason);
        return Ok(());
    }
    let stage = Stage::start(bench)?;
    bench.runtime.block_on(measure(&stage, count))
}

async fn measure(stage: &Stage<'_>, count: usize) -> Result<()> {
    let mut revision = stage.change(&configuration()).await?;
    let mut nodes = Nodes::new();
    nodes.grow(stage, WARM_UP, revision).await?;
    let before = stage.service.process.rss();
    let begun = Instant::now();
    nodes.grow(stage, count, revision).await?;
    let all_have = begun.elapsed();
    let after = stage.service.process.rss();
    let mut times = Vec::new();
    for number in 1..=WRITES {
        let sent = Instant::now();
        revision = stage.change(&[split(number % POLICIES, number)]).await?;
        nodes.have(revision, (0..count).collect()).await?;
        times.push(sent.elapsed());
    }
    let at_the_end = stage.service.process.rss();
    ensure!(nodes.following.len() == count, "a stream ended");
    let new = (count - WARM_UP) as f64;
    let each = (after as f64 - before as f64) / 1024.0 / new;
    tell(
        stage.bench,
        count,
        each,
        all_have,
        &times,
        &[before, after, at_the_end],
    );
    Ok(())
}

fn tell(
    bench: &Bench,
    count: usize,
    each: f64,
    all_have: Duration,
    times: &[Duration],
    rss: &[u64],
) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let max = times.iter().max().copied().unwrap_or_default();
    let all: Vec<f64> = times.iter().copied().map(ms).collect();
    let detail = json!({ "streams": count, "rss": rss, "writes_ms": all });
    for (name, limit, value) in [
        ("KiB of RSS each", 100.0, each),
        ("until all have it, s", 10.0, all_have.as_secs_f64()),
        ("write to last ACK, p50 ms", 500.0, quantile_ms(times, 0.5)),
        ("write to last ACK, max ms", 1000.0, ms(max)),
    ] {
        let name = format!("{count} streams of Envoys, {name}");
        judge(
            bench,
            &name,
            Target::AtMost(limit),
            vec![value],
            detail.clone(),
        );
    }
}

/// Returns the changes that make the tenant's policies.
fn configuration() -> Vec<serde_json::Value> {
    let of_policy = |policy: usize| {
        let service = format!("service-{policy}");
        let url = |version: &str| format!("http://{version}.{service}.example.com/");
        [
            route(&service, "v1", &url("v1")),
            route(&service, "v2", &url("v2")),
            split(policy, 0),
        ]
    };
    (0..POLICIES).flat_map(of_policy).collect()
}

/// Returns the change that gives a policy weights that differ from number to number.
fn split(policy: usize, number: usize) -> serde_json::Value {
    let host = format!("service-{policy}.acme.io");
    let first = u32::try_from(number).unwrap_or_default();
    let versions = [("v1", first), ("v2", 100 - first)];
    weights(&format!("service-{policy}"), &host, &versions)
}
