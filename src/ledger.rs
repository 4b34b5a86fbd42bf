//! The ledger of nodes in this process: which node runs which revision of which tenant.
//!
//! ```text
//!  fast path ─► buffer of its worker ─► flush (50 ms) ──┐
//!  polls, streams, Envoys ──────────────────────────────┼─► NodeTable of the tenant ─► /nodes, /convergence, ?wait
//!  topic of nodes ◄──────── due (50 ms) ◄───────────────┤          │
//!         └───────► other instances' records ───────────┘          └─► moved: whoever waits for a share of the nodes
//! ```
//!
//! It is soft state: an empty ledger is right again after one interval of every node's polls. No write waits for
//! it, and no poll.

pub mod buffers;
mod exchange;
mod link;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::sync::watch;
use traffic_manager_dataplane::Dialect;

use self::{buffers::Buffers, link::Link};
pub use self::{exchange::Exchange, link::LinkReport};
use crate::{
    config,
    domain::{
        ids::{DialectName, RefusalCode, TenantName},
        ledger::{Millis, NodeKey, NodeTable, Record, Sighting, Times, words::NATIVE},
    },
    resilience::PoolReport,
    telemetry::names,
};

/// The bytes that a node takes, for the report of memory.
const NODE_BYTES: usize = 420;
/// How long the nodes of a deleted tenant may take to leave, in milliseconds.
const DELETED_FOR: Millis = 60_000;
/// The most deleted tenants whose nodes may take so long.
const MOST_DELETED: usize = 10_000;

/// The ledger of all tenants.
pub struct Ledger {
    instance: Arc<str>,
    times: Times,
    per_tenant: usize,
    most: usize,
    tenants: RwLock<HashMap<TenantName, Arc<Nodes>>>,
    /// The nodes of all tenants, as of the last sweep.
    count: AtomicU64,
    /// What a tenant has at least when all places are taken.
    even_part: AtomicU64,
    buffers: Buffers,
    link: Link,
    /// Tenants that were deleted, and when: their nodes leave within a while.
    deleted: Mutex<Vec<(TenantName, Millis)>>,
    /// Nodes of deleted tenants that the other instances have to forget, too.
    ended: Mutex<Vec<(TenantName, NodeKey)>>,
}

/// The nodes of one tenant.
pub struct Nodes {
    table: Mutex<NodeTable>,
    moved: watch::Sender<()>,
    anonymous: [AtomicU64; 2],
}

impl Nodes {
    /// Returns the table. Hold it only for a moment.
    pub fn table(&self) -> MutexGuard<'_, NodeTable> {
        self.table.lock()
    }

    /// Returns the number of polls without a node's name at this instance in the last whole minute.
    pub fn anonymous(&self) -> u64 {
        self.anonymous[1].load(Ordering::Relaxed)
    }
}

impl Ledger {
    /// An empty ledger. Without an [`Exchange`] this instance knows only of the requests that it answers.
    pub fn new(settings: &config::Nodes) -> Self {
        let times = Times {
            silent_after: millis(settings.silent_after),
            forget_after: u64::from(settings.forget_after_hours) * 3_600_000,
        };
        let instance: Arc<str> = format!("{:016x}", fastrand::u64(..)).into();
        Self {
            link: Link::new(instance.clone(), times),
            instance,
            times,
            per_tenant: settings.per_tenant,
            most: settings.all,
            tenants: RwLock::default(),
            count: AtomicU64::new(0),
            even_part: AtomicU64::new(settings.per_tenant as u64),
            buffers: Buffers::default(),
            deleted: Mutex::default(),
            ended: Mutex::default(),
        }
    }

    /// The time by the clock that all instances have in common.
    pub fn now(&self) -> Millis {
        self.link.now()
    }

    /// The time that was so long ago.
    pub fn ago(&self, passed: Duration) -> Millis {
        self.now().saturating_sub(millis(passed))
    }

    /// Whether this instance knows what the others know.
    pub fn link(&self) -> LinkReport {
        self.link.report()
    }

    /// The buffers of the fast path.
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Returns a receiver that learns when a node of the tenant says something new.
    pub fn moved(&self, tenant: &TenantName) -> watch::Receiver<()> {
        self.nodes(tenant).moved.subscribe()
    }

    /// Returns the nodes of a tenant, if there are any.
    pub fn of(&self, tenant: &TenantName) -> Option<Arc<Nodes>> {
        self.tenants.read().get(tenant).cloned()
    }

    /// Takes a node's request.
    pub fn saw(&self, tenant: &TenantName, key: NodeKey, sighting: Sighting) {
        let nodes = self.nodes(tenant);
        let places = self.places();
        let refusal = sighting.error.as_ref().map(|error| error.code.clone());
        let dialect = sighting.dialect.clone();
        let said = nodes.table().saw(key, sighting, places);
        if let (Ok(true), Some(code)) = (&said, refusal) {
            count_refusal(dialect.as_ref(), &code);
        }
        // Without a place the node is not in the ledger, which the table remembers.
        if said == Ok(true) {
            nodes.moved.send_replace(());
        }
    }

    /// Takes a poll of a tenant that names no node.
    pub fn saw_anonymous(&self, tenant: &TenantName, polls: u64) {
        self.nodes(tenant).anonymous[0].fetch_add(polls, Ordering::Relaxed);
    }

    /// A connection of a node waits here, until the result is dropped.
    pub fn waits(self: &Arc<Self>, tenant: &TenantName, key: NodeKey) -> Presence {
        let nodes = self.nodes(tenant);
        let has_place = nodes.table().waits(&key, self.now(), self.places()).is_ok();
        Presence {
            ledger: self.clone(),
            tenant: tenant.clone(),
            key: has_place.then_some(key),
        }
    }

    /// Forgets the nodes that a tenant had when it was deleted, at once or when they no longer wait here. Nodes that
    /// come later belong to the next tenant of this name.
    pub fn forget(&self, tenant: &TenantName, deleted: Millis) {
        let mut all = self.deleted.lock();
        if self.of(tenant).is_some() && all.len() < MOST_DELETED {
            all.retain(|(other, _)| other != tenant);
            all.push((tenant.clone(), deleted));
        }
    }

    fn forget_deleted(&self, now: Millis) {
        let mut deleted = self.deleted.lock();
        deleted.retain(|(_, at)| now <= at + DELETED_FOR);
        for (tenant, at) in deleted.iter() {
            let Some(nodes) = self.of(tenant) else {
                continue;
            };
            let gone = nodes.table().forget_before(*at).into_iter();
            let gone = gone.map(|key| (tenant.clone(), key));
            self.ended.lock().extend(gone);
        }
    }

    /// Takes what the workers of the fast path saw.
    pub fn flush(&self) {
        let (seen, anonymous) = self.buffers.take();
        for (tenant, key, sighting) in seen {
            self.saw(&tenant, key, sighting);
        }
        for (tenant, polls) in anonymous {
            self.saw_anonymous(&tenant, polls);
        }
    }

    /// Once a second: plans to tell who is still there, and forgets who is long gone.
    pub fn sweep(&self) {
        let (now, tenants) = (self.now(), self.all());
        self.link.look();
        self.forget_deleted(now);
        let (places, is_up) = (self.places(), self.link.is_up());
        let (mut count, mut with_nodes) = (0, 0_u64);
        for (_, nodes) in &tenants {
            let mut table = nodes.table();
            table.sweep(now, places);
            if !is_up {
                table.cannot_tell();
            }
            count += table.len() as u64;
            with_nodes += u64::from(!table.is_empty());
        }
        let even = self.most as u64 / with_nodes.max(1);
        self.even_part.store(even.max(1), Ordering::Relaxed);
        self.count.store(count, Ordering::Relaxed);
    }

    /// Once a minute: begins to count polls without names anew, and forgets tenants without nodes.
    pub fn turn_minute(&self) {
        let mut tenants = self.tenants.write();
        tenants.retain(|_, nodes| {
            let polls = nodes.anonymous[0].swap(0, Ordering::Relaxed);
            nodes.anonymous[1].store(polls, Ordering::Relaxed);
            polls > 0 || !nodes.table().is_empty() || nodes.moved.receiver_count() > 0
        });
    }

    /// Returns the bytes of the ledger.
    pub fn held_bytes(&self) -> PoolReport {
        let bytes = |nodes: u64| nodes as usize * NODE_BYTES;
        let used = bytes(self.count.load(Ordering::Relaxed));
        PoolReport::bytes("nodes", used as u64, bytes(self.most as u64) as u64)
    }

    fn learn(&self, tenant: &TenantName, record: Record) {
        let nodes = self.nodes(tenant);
        if nodes.table().learn(record, self.places()) == Ok(true) {
            nodes.moved.send_replace(());
        }
    }

    /// Returns the nodes of all tenants that have some.
    pub fn all(&self) -> Vec<(TenantName, Arc<Nodes>)> {
        let tenants = self.tenants.read();
        tenants
            .iter()
            .map(|(tenant, nodes)| (tenant.clone(), nodes.clone()))
            .collect()
    }

    fn nodes(&self, tenant: &TenantName) -> Arc<Nodes> {
        if let Some(nodes) = self.of(tenant) {
            return nodes;
        }
        let fresh = || {
            Arc::new(Nodes {
                table: Mutex::new(NodeTable::new(self.instance.clone(), self.times)),
                moved: watch::Sender::new(()),
                anonymous: Default::default(),
            })
        };
        let mut tenants = self.tenants.write();
        tenants.entry(tenant.clone()).or_insert_with(fresh).clone()
    }

    /// How many nodes a tenant may have: its own most, or its even part while all places are taken. So a tenant with
    /// few nodes gets places however many another one has.
    fn places(&self) -> usize {
        let is_full = self.count.load(Ordering::Relaxed) >= self.most as u64;
        let even = usize::try_from(self.even_part.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        if is_full {
            self.per_tenant.min(even)
        } else {
            self.per_tenant
        }
    }
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// The names in metrics: only those that are known, since nodes may make up others.
pub fn known_dialect(dialect: Option<&DialectName>) -> &'static str {
    match dialect.map(DialectName::as_str) {
        None | Some(NATIVE) => NATIVE,
        Some(name) => name.parse().map_or("other", Dialect::as_str),
    }
}

fn count_refusal(dialect: Option<&DialectName>, code: &RefusalCode) {
    let known = ["refused", "unreachable", "held_back"];
    let code = known.into_iter().find(|known| *known == code.as_str());
    metrics::counter!(names::NODE_REFUSALS, "dialect" => known_dialect(dialect), "code" => code.unwrap_or("other"))
        .increment(1);
}

/// A connection of a node that waits at this instance.
pub struct Presence {
    ledger: Arc<Ledger>,
    tenant: TenantName,
    key: Option<NodeKey>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let (Some(key), Some(nodes)) = (&self.key, self.ledger.of(&self.tenant)) {
            nodes.table().left(key, self.ledger.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Settings, domain::ledger::Applied};

    fn ledger(per_tenant: usize, all: usize) -> Arc<Ledger> {
        let overrides = [
            format!("nodes.per_tenant={per_tenant}"),
            format!("nodes.all={all}"),
            "postgres.primary_url=postgresql://localhost/none".to_owned(),
        ];
        let settings = Settings::without_environment(&overrides).expect("valid settings");
        Arc::new(Ledger::new(&settings.nodes))
    }

    fn see(ledger: &Ledger, tenant: &str, node: usize) {
        let key = NodeKey {
            node: format!("n{node}").parse().unwrap(),
            scope: crate::domain::snapshot::Scope::default(),
        };
        let sighting = Sighting {
            at: ledger.now(),
            dialect: None,
            applied: Applied::Nothing,
            served: None,
            error: None,
        };
        ledger.saw(&tenant.parse().unwrap(), key, sighting);
    }

    fn len(ledger: &Ledger, tenant: &str) -> usize {
        ledger
            .of(&tenant.parse().unwrap())
            .map_or(0, |nodes| nodes.table().len())
    }

    #[test]
    fn tenant_with_many_nodes_takes_no_place_of_another() {
        let ledger = ledger(80, 100);
        for node in 0..1000 {
            see(&ledger, "greedy", node);
            see(&ledger, "second", node);
            ledger.sweep();
        }
        assert!(len(&ledger, "greedy") + len(&ledger, "second") <= 102);
        for node in 0..10 {
            see(&ledger, "small", node);
            ledger.sweep();
        }
        assert_eq!(
            len(&ledger, "small"),
            10,
            "no place was left for the others"
        );
        let crowded = ledger.of(&"greedy".parse().unwrap()).unwrap();
        assert!(crowded.table().is_crowded(ledger.now()));
    }

    #[test]
    fn nodes_of_a_deleted_tenant_are_forgotten() {
        let ledger = ledger(10, 10);
        see(&ledger, "acme", 1);
        ledger.forget(&"acme".parse().unwrap(), ledger.now());
        ledger.sweep();
        assert_eq!(len(&ledger, "acme"), 0);
        assert_eq!(ledger.ended.lock().len(), 1);
    }

    #[test]
    fn tenants_without_nodes_do_not_stay() {
        let ledger = ledger(10, 10);
        ledger.saw_anonymous(&"acme".parse().unwrap(), 3);
        ledger.turn_minute();
        assert_eq!(ledger.of(&"acme".parse().unwrap()).unwrap().anonymous(), 3);
        ledger.turn_minute();
        assert!(ledger.of(&"acme".parse().unwrap()).is_none());
    }
}
