//! The targets of a peer product: rates, latencies and resources that such a product promises. They
//! are absolute figures, so they depend on the machine more than the ratios do.
//!
//! The service runs as it is shipped, with keys and limits, in the role `all`: it also publishes
//! every event, and archives it, during each measurement.

pub mod latency;
pub mod rates;
pub mod resources;
mod streams;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use serde_json::Value;

use crate::{
    Bench,
    pairs::{Spread, Target},
    report::Verdict,
    service::{Service, Site},
};

/// Judges the middle of some figures, one for each round.
pub fn judge(bench: &Bench, name: &str, target: Target, rounds: Vec<f64>, detail: Value) {
    let verdict = Verdict {
        name: name.into(),
        spread: Spread::of(rounds),
        target,
    };
    bench.report().judge(verdict, detail);
}

/// A running service with the first tenants, each with `services` services of a hundred routes.
struct Product<'a> {
    bench: &'a Bench,
    /// The service. It is declared, and so dropped, before the site that it uses.
    service: Service,
    archive: Collection<Document>,
    _site: Site<'a>,
}

impl<'a> Product<'a> {
    fn start(bench: &'a Bench, tenants: usize, services: usize) -> Result<Self> {
        let site = Site::new(bench);
        site.seed(0, tenants, services)?;
        let service = Service::with_archive(&site)?;
        let archive = bench.runtime.block_on(site.world()?.collection());
        Ok(Self {
            bench,
            service,
            archive,
            _site: site,
        })
    }

    /// Returns the number of events in the archive.
    fn archived(&self) -> Result<u64> {
        let counted = async { self.archive.count_documents(doc! {}).await };
        Ok(self.bench.runtime.block_on(counted)?)
    }

    /// Waits until this many events are in the archive.
    fn wait_for_archive(&self, count: u64) -> Result<()> {
        let (limit, started) = (Duration::from_secs(120), Instant::now());
        loop {
            let archived = self.archived()?;
            ensure!(archived <= count, "{archived} events of {count} writes");
            if archived == count {
                return Ok(());
            }
            self.service.process.lives()?;
            ensure!(
                started.elapsed() < limit,
                "{archived} of {count} events are in the archive after {limit:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
