//! The relay: what one batch costs by the length of the queue behind it, with Kafka and without.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tokio::sync::Notify;
use traffic_manager::{
    relay::{Relay, RelayStatus, Step},
    store::outbox::Lease,
};

use crate::{
    Bench,
    chart::Curve,
    pairs::{Spread, Target},
    report::Verdict,
    service::Site,
};

/// Batches of one round, of which the middle counts.
const BATCHES: usize = 6;

/// A queue of a constant length, and the relay that leads it.
struct Queue<'a> {
    relay: Relay,
    lease: Lease,
    length: usize,
    batch: usize,
    /// Events that were ever seeded.
    seeded: usize,
    site: Site<'a>,
}

impl<'a> Queue<'a> {
    fn new(bench: &'a Bench, length: usize) -> Result<Self> {
        let site = Site::new(bench);
        let settings = site.world()?.settings.clone();
        let relay = Relay::new(settings.clone(), Arc::new(Notify::new()), Arc::new(RelayStatus::default()))?;
        let elected = bench.runtime.block_on(relay.elect(None))?;
        let Ok(lease) = elected else { bail!("another relay leads") };
        let mut queue = Self { relay, lease, length, batch: settings.relay.batch, seeded: 0, site };
        queue.fill(length)?;
        queue.site.execute("analyze outbox, route_events")?;
        queue.site.catch_up(Duration::from_secs(600))?;
        // Connections to Kafka are made, statements planned.
        for _ in 0..3 {
            queue.publish(bench)?;
        }
        Ok(queue)
    }

    /// Adds events of a thousand tenants, as committed writes would have left them, a hundred thousand at a time.
    fn fill(&mut self, count: usize) -> Result<()> {
        let end = self.seeded + count;
        while self.seeded < end {
            let last = end.min(self.seeded + 100_000);
            self.site.execute(&format!(
                "with made as (insert into route_events \
                   (tenant, epoch, revision, item, id, aggregateid, type, payload, service, env, version, occurred_at) \
                 select 't' || lpad((n % 1000)::text, 6, '0'), '0123456789abcdef', n / 1000 + 1, 0, gen_random_uuid(), \
                   't' || lpad((n % 1000)::text, 6, '0'), 'trafficmanager.route.updated.v1', \
                   json_build_object('revision', n / 1000 + 1, 'filler', repeat('x', 600)), 'web', 'prod', 'v1', now() \
                 from generate_series({}, {} - 1) n returning id) \
                 insert into outbox (event_id) select id from made",
                self.seeded, last
            ))?;
            self.seeded = last;
        }
        Ok(())
    }

    /// One whole step, and the queue filled up again.
    fn publish(&mut self, bench: &Bench) -> Result<f64> {
        let started = Instant::now();
        let step = bench.runtime.block_on(self.relay.publish_batch(&self.lease))?;
        let elapsed = started.elapsed();
        ensure!(step == Step::Published(self.batch), "a batch of the queue with {} ended as {step:?}", self.length);
        self.fill(self.batch)?;
        Ok(elapsed.as_secs_f64() * 1e3)
    }

    /// A step's two statements on Postgres, without Kafka in between.
    fn read_and_delete(&mut self, bench: &Bench) -> Result<f64> {
        let limit = Duration::from_secs(60);
        let started = Instant::now();
        let (rows, deleted) = bench.runtime.block_on(async {
            let rows = self.lease.batch(self.batch, limit).await?;
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            Ok::<_, anyhow::Error>((rows.len(), self.lease.delete(&ids, limit).await?))
        })?;
        let elapsed = started.elapsed();
        ensure!(rows == self.batch && deleted == self.batch as u64, "{deleted} of {rows} rows were deleted");
        self.fill(self.batch)?;
        Ok(elapsed.as_secs_f64() * 1e3)
    }
}

/// Milliseconds of a round's middle batch, for each queue: whole steps and Postgres' part.
type Round = Vec<(f64, f64)>;

/// Batches by the backlog. Every queue has a database of its own and is measured once in each round.
pub fn relay(bench: &Bench) -> Result<()> {
    let sizes: &[usize] = bench.size(&[1_000, 10_000, 100_000], &[1_000, 10_000, 100_000, 1_000_000]);
    let mut queues = sizes.iter().map(|size| Queue::new(bench, *size)).collect::<Result<Vec<_>>>()?;
    let round = |queues: &mut Vec<Queue<'_>>| -> Result<Round> {
        let mut middles = Vec::new();
        for queue in queues {
            let whole = (0..BATCHES).map(|_| queue.publish(bench)).collect::<Result<Vec<_>>>()?;
            let postgres = (0..BATCHES).map(|_| queue.read_and_delete(bench)).collect::<Result<Vec<_>>>()?;
            middles.push((Spread::of(whole).median, Spread::of(postgres).median));
        }
        Ok(middles)
    };
    let rounds = (0..bench.pairs).map(|_| round(&mut queues)).collect::<Result<Vec<_>>>()?;
    let base = sizes.iter().position(|size| *size == 10_000).context("no queue of 10,000")?;
    let largest = sizes.len() - 1;
    let middle = |of: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(of)).median;
    let detail = json!({ "sizes": sizes, "ms_whole_and_postgres_by_round": rounds });
    let name = format!("relay batch, queue of {} / 10000, time", sizes[largest]);
    let spread = Spread::of(rounds.iter().map(|round| round[largest].0 / round[base].0));
    bench.report().judge(Verdict { name, spread, target: Target::AtMost(1.2) }, detail);
    let name = format!("the same without Kafka, {} / 10000, time", sizes[largest]);
    let spread = Spread::of(rounds.iter().map(|round| round[largest].1 / round[base].1));
    bench.report().judge(Verdict { name, spread, target: Target::AtMost(1.2) }, json!(BATCHES));
    let points = |of: fn(&(f64, f64)) -> f64| {
        let by_size = sizes.iter().enumerate();
        by_size.map(|(at, size)| (*size as f64, middle(&|round: &Round| of(&round[at])))).collect::<Vec<_>>()
    };
    let (of, figure) = ("events in the outbox", "milliseconds for 500 events");
    let title = "A batch of the relay, Kafka's acknowledgements included";
    bench.report().curve(Curve { name: "backlog-batch", title, of, figure, points: points(|both| both.0) });
    let title = "A batch of the relay, Postgres' part";
    bench.report().curve(Curve { name: "backlog-postgres", title, of, figure, points: points(|both| both.1) });
    Ok(())
}
