//! The archive: events per second in bulks of 500, compared with inserts one by one.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use traffic_manager::{
    audit::{
        archive::{Archive, stored::Stored},
        document::{self, Archivable},
    },
    domain::{
        chain::seal,
        event::{Action, Actor, Change, EventBody},
        hash::EventHash,
        ids::RouteName,
        route::RouteSpec,
        tag::{Epoch, Revision},
    },
    kafka::Record,
};
use uuid::Uuid;

use crate::{
    Bench,
    pairs::{Ratio, Target, compare},
    service::Site,
};

/// Number of events in one bulk.
const BULK: usize = 500;
/// Number of events in one measurement of inserts one by one.
const SINGLE: usize = 100;

/// A source of new events of one tenant, as read from Kafka.
struct Events {
    revision: u64,
}

impl Events {
    fn next(&mut self) -> Result<Archivable> {
        self.revision += 1;
        let url = format!("https://host-{}.example.com/", self.revision).parse()?;
        let event = seal(EventBody {
            confirmed_removal: None,
            id: Uuid::now_v7(),
            tenant: "t000000".parse()?,
            epoch: Epoch::from_random([7; 8]),
            revision: Revision(self.revision),
            item: 0,
            items: 1,
            action: Action::Updated,
            change: Change::Route {
                name: RouteName {
                    service: "web".parse()?,
                    env: "prod".parse()?,
                    version: "v1".parse()?,
                },
                before: None,
                after: Some(RouteSpec {
                    url,
                    is_active: true,
                    labels: Default::default(),
                    description: None,
                }),
            },
            actor: Actor {
                kind: "bench".into(),
                id: "bench".into(),
                token: None,
            },
            reason: Some("a benchmark".into()),
            request_id: Uuid::now_v7().to_string(),
            trace_id: None,
            source_ip: Some("127.0.0.1".into()),
            occurred_at: jiff::Timestamp::now().into(),
            prev_hash: EventHash::GENESIS,
        })?;
        let text = |value: String| Some(value.into_bytes());
        let record = Record {
            topic: "bench".into(),
            partition: 0,
            offset: i64::try_from(self.revision)?,
            key: text(event.body.tenant.to_string()),
            value: Some(serde_json::to_vec(&event)?),
            headers: vec![("ce_type".into(), text(event.body.ce_type()))],
        };
        Ok(document::read(&record, jiff::Timestamp::now().into())?)
    }

    fn take(&mut self, count: usize) -> Result<Vec<Archivable>> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// Stores events in bulks of `piece`, and returns the events per second.
fn store(bench: &Bench, archive: &Archive, events: &[Archivable], piece: usize) -> Result<f64> {
    let started = Instant::now();
    for piece in events.chunks(piece) {
        let stored = bench.runtime.block_on(archive.insert(piece))?;
        ensure!(
            stored.iter().all(|fate| *fate == Stored::Inserted),
            "an event was not inserted: {stored:?}"
        );
    }
    Ok(events.len() as f64 / started.elapsed().as_secs_f64())
}

/// Measures bulks and inserts one by one in pairs. The target is at least five times the rate.
pub fn bulk(bench: &Bench) -> Result<()> {
    let site = Site::new(bench);
    let archive = bench.runtime.block_on(Archive::new(
        &site.world()?.settings.mongo,
        Duration::from_secs(15),
    ))?;
    let events = std::cell::RefCell::new(Events { revision: 0 });
    let take = |count| events.borrow_mut().take(count);
    // Warm-up: opens the connection.
    store(bench, &archive, &take(10)?, 1)?;
    let rate: fn(&f64) -> f64 = |rate| *rate;
    let name = "archive, bulks of 500 / one by one, events";
    let figures = [Ratio {
        name,
        target: Target::AtLeast(5.0),
        of_a: rate,
        of_b: rate,
    }];
    let single = || store(bench, &archive, &take(SINGLE)?, 1);
    compare(bench, &figures, single, || {
        store(bench, &archive, &take(bench.size(2, 6) * BULK)?, BULK)
    })?;
    bench
        .report()
        .note("archive", json!({ "single": SINGLE, "bulk": BULK }));
    Ok(())
}
