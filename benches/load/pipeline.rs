//! The relay: time of one batch by the length of the queue, with Kafka and without.

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

/// Batches of one round. The median counts.
const BATCHES: usize = 6;

/// An outbox of constant length, in its own database.
struct Queue<'a> {
    relay: Relay,
    length: usize,
    batch: usize,
    /// Number of all events that were seeded so far.
    seeded: usize,
    site: Site<'a>,
}

impl<'a> Queue<'a> {
    fn new(bench: &'a Bench, length: usize) -> Result<Self> {
        let site = Site::new(bench);
        let settings = site.world()?.settings.clone();
        let relay = Relay::new(
            (&settings).into(),
            Arc::new(Notify::new()),
            Arc::new(RelayStatus::default()),
        )?;
        let mut queue = Self {
            relay,
            length,
            batch: settings.relay.batch,
            seeded: 0,
            site,
        };
        queue.fill(length)?;
        queue.site.execute("analyze outbox, route_events")?;
        queue.site.catch_up(Duration::from_secs(600))?;
        // Without this checkpoint Postgres would write the seeded pages during the measurements.
        queue.site.execute("checkpoint")?;
        Ok(queue)
    }

    /// Adds `count` events of a thousand tenants, as committed writes would have left them. A
    /// statement adds at most 100,000 events.
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
}

/// The elected relay of a queue. Made after all queues are filled, because the server ends a
/// leader's session after a long silence.
struct Leading<'a> {
    queue: Queue<'a>,
    lease: Lease,
}

impl<'a> Leading<'a> {
    fn new(bench: &Bench, queue: Queue<'a>) -> Result<Self> {
        let Some(lease) = bench.runtime.block_on(queue.relay.elect(None))?.won() else {
            bail!("another relay leads")
        };
        let mut leading = Self { queue, lease };
        // Warm-up: opens the connections to Kafka and plans the statements.
        for _ in 0..3 {
            leading.publish(bench)?;
        }
        Ok(leading)
    }

    /// Runs one whole step, refills the queue, and returns the step's milliseconds.
    fn publish(&mut self, bench: &Bench) -> Result<f64> {
        let Self { queue, lease } = self;
        let started = Instant::now();
        let step = bench.runtime.block_on(queue.relay.publish_batch(lease))?;
        let elapsed = started.elapsed();
        ensure!(
            step == Step::Published(queue.batch),
            "a batch of the queue with {} ended as {step:?}",
            queue.length
        );
        queue.fill(queue.batch)?;
        Ok(elapsed.as_secs_f64() * 1e3)
    }

    /// Runs a step's two statements on Postgres without Kafka, refills the queue, and returns the
    /// statements' milliseconds.
    fn read_and_delete(&mut self, bench: &Bench) -> Result<f64> {
        let Self { queue, lease } = self;
        let limit = Duration::from_secs(60);
        let started = Instant::now();
        let (rows, deleted) = bench.runtime.block_on(async {
            let rows = lease.batch(queue.batch, limit).await?;
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            Ok::<_, anyhow::Error>((rows.len(), lease.delete(&ids, limit).await?))
        })?;
        let elapsed = started.elapsed();
        ensure!(
            rows == queue.batch && deleted == queue.batch as u64,
            "{deleted} of {rows} rows were deleted"
        );
        queue.fill(queue.batch)?;
        Ok(elapsed.as_secs_f64() * 1e3)
    }
}

/// The median milliseconds of a round's batches, for each queue: of whole steps, and of the
/// statements on Postgres.
type Round = Vec<(f64, f64)>;

/// Measures batches by the length of the backlog. Every queue has its own database and is measured
/// once in each round.
pub fn relay(bench: &Bench) -> Result<()> {
    let sizes: &[usize] = bench.size(
        &[1_000, 10_000, 100_000],
        &[1_000, 10_000, 100_000, 1_000_000],
    );
    let filled = sizes
        .iter()
        .map(|size| Queue::new(bench, *size))
        .collect::<Result<Vec<_>>>()?;
    let mut queues = filled
        .into_iter()
        .map(|queue| Leading::new(bench, queue))
        .collect::<Result<Vec<_>>>()?;
    let round = |queues: &mut Vec<Leading<'_>>| -> Result<Round> {
        let mut middles = Vec::new();
        for queue in queues {
            let whole = (0..BATCHES)
                .map(|_| queue.publish(bench))
                .collect::<Result<Vec<_>>>()?;
            let postgres = (0..BATCHES)
                .map(|_| queue.read_and_delete(bench))
                .collect::<Result<Vec<_>>>()?;
            middles.push((Spread::of(whole).median, Spread::of(postgres).median));
        }
        Ok(middles)
    };
    let rounds = (0..bench.pairs)
        .map(|_| round(&mut queues))
        .collect::<Result<Vec<_>>>()?;
    let base = sizes
        .iter()
        .position(|size| *size == 10_000)
        .context("no queue of 10,000")?;
    let largest = sizes.len() - 1;
    let middle = |of: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(of)).median;
    let detail = json!({ "sizes": sizes, "ms_whole_and_postgres_by_round": rounds });
    let name = format!("relay batch, queue of {} / 10000, time", sizes[largest]);
    let spread = Spread::of(rounds.iter().map(|round| round[largest].0 / round[base].0));
    bench.report().judge(
        Verdict {
            name,
            spread,
            target: Target::AtMost(1.2),
        },
        detail,
    );
    let name = format!("the same without Kafka, {} / 10000, time", sizes[largest]);
    let spread = Spread::of(rounds.iter().map(|round| round[largest].1 / round[base].1));
    bench.report().judge(
        Verdict {
            name,
            spread,
            target: Target::AtMost(1.2),
        },
        json!(BATCHES),
    );
    let points = |of: fn(&(f64, f64)) -> f64| {
        let by_size = sizes.iter().enumerate();
        by_size
            .map(|(at, size)| (*size as f64, middle(&|round: &Round| of(&round[at]))))
            .collect::<Vec<_>>()
    };
    let (of, figure) = ("events in the outbox", "milliseconds for 500 events");
    let title = "A batch of the relay, Kafka's acknowledgements included";
    bench.report().curve(Curve {
        name: "backlog-batch",
        title,
        of,
        figure,
        points: points(|both| both.0),
    });
    let title = "A batch of the relay, Postgres' part";
    bench.report().curve(Curve {
        name: "backlog-postgres",
        title,
        of,
        figure,
        points: points(|both| both.1),
    });
    Ok(())
}
