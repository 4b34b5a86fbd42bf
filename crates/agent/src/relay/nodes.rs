//! What nodes say to the relay about themselves, on its way upwards: put together, bounded, and sent again until it is taken.
//! No answer to a node waits for it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use traffic_manager_core::{
    ids::{DialectName, EnvName, NodeName, ServiceName, TenantName},
    ledger::{Applied, NodeError, NodeKey, Sighting},
    snapshot::Scope,
    tag::VersionTag,
};

use super::upstream::Upstream;
use crate::config::relay::Relay as Limits;

/// The most nodes in one request.
const MOST_REPORTS: usize = 1000;
/// A node that was silent for so many times of presence is forgotten.
const SILENT: u32 = 6;
/// The longest time before a report that failed is sent again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A node of a tenant.
type Name = (TenantName, NodeKey);

#[derive(Debug)]
struct Entry {
    dialect: Option<DialectName>,
    served: Option<VersionTag>,
    applied: Option<VersionTag>,
    applied_at: Option<Instant>,
    error: Option<Box<NodeError>>,
    seen: Instant,
    /// The long polls and streams that are open.
    open: u32,
}

#[derive(Debug, Default)]
struct Ledger {
    entries: HashMap<Name, Entry>,
    /// Those with news that were not sent.
    changed: HashSet<Name>,
}

/// The report of one node, as the control plane takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// The node's name.
    pub node: NodeName,
    /// The service, if the node follows only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The environment, if the node follows only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvName>,
    /// How it takes its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<DialectName>,
    /// The tag that it was answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<VersionTag>,
    /// The tag that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<VersionTag>,
    /// Why it does not run a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<NodeError>>,
    /// How long ago it was there.
    pub seen_ms_ago: u64,
    /// How long ago it said what it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_ms_ago: Option<u64>,
}

/// The body of reports of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// The nodes.
    pub reports: Vec<NodeReport>,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Reports of nodes that the control plane has taken.
    pub sent: AtomicU64,
    /// Requests that failed, and are sent again.
    pub failed: AtomicU64,
    /// Sightings of nodes that were too many to be recorded.
    pub unrecorded: AtomicU64,
}

/// The nodes of a relay.
#[derive(Debug)]
pub struct Nodes {
    limits: Limits,
    ledger: Mutex<Ledger>,
    /// Counts since the start.
    pub counts: Counts,
}

/// A node that waits here, until this is dropped.
#[derive(Debug)]
pub struct Presence {
    nodes: Arc<Nodes>,
    name: Name,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(entry) = self.nodes.lock().entries.get_mut(&self.name) {
            entry.open = entry.open.saturating_sub(1);
            entry.seen = Instant::now();
        }
    }
}

impl Nodes {
    /// Knows no node yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            ledger: Mutex::default(),
            counts: Counts::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many nodes are known.
    pub fn known(&self) -> usize {
        self.lock().entries.len()
    }

    /// How many nodes have news that were not sent.
    pub fn pending(&self) -> usize {
        self.lock().changed.len()
    }

    /// Notes what a request says. The time in the sighting is not used.
    pub fn saw(&self, tenant: &TenantName, key: &NodeKey, sighting: Sighting) {
        self.note(tenant, key, sighting, Duration::ZERO, None);
    }

    /// Notes what another relay reports.
    pub fn told(&self, tenant: &TenantName, report: NodeReport) {
        let applied = match report.applied {
            Some(tag) => Applied::Tag(tag),
            None => Applied::Nothing,
        };
        let sighting = Sighting {
            at: 0,
            dialect: report.dialect,
            applied,
            served: report.served,
            error: report.error,
        };
        let ago = Duration::from_millis(report.seen_ms_ago);
        let applied_ago = report.applied_ms_ago.map(Duration::from_millis);
        let key = NodeKey {
            node: report.node,
            scope: Scope {
                service: report.service,
                env: report.env,
            },
        };
        self.note(tenant, &key, sighting, ago, applied_ago);
    }

    fn note(
        &self,
        tenant: &TenantName,
        key: &NodeKey,
        sighting: Sighting,
        ago: Duration,
        applied_ago: Option<Duration>,
    ) {
        let now = Instant::now();
        let name = (tenant.clone(), key.clone());
        let mut ledger = self.lock();
        let Ledger { entries, changed } = &mut *ledger;
        let is_new = !entries.contains_key(&name);
        if is_new && entries.len() >= self.limits.max_nodes {
            self.counts.unrecorded.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let seen = now.checked_sub(ago).unwrap_or(now);
        let entry = entries
            .entry(name.clone())
            .or_insert_with(|| Entry::new(seen));
        entry.seen = entry.seen.max(seen);
        let applied_at = now.checked_sub(applied_ago.unwrap_or(ago)).unwrap_or(now);
        if entry.hear(sighting, applied_at) || is_new {
            changed.insert(name);
        }
    }

    /// Notes that a node waits here. `None` if it is not recorded.
    pub fn waits(self: &Arc<Self>, tenant: &TenantName, key: &NodeKey) -> Option<Presence> {
        let name = (tenant.clone(), key.clone());
        self.lock().entries.get_mut(&name)?.open += 1;
        Some(Presence {
            nodes: Arc::clone(self),
            name,
        })
    }

    /// Sends reports until it is dropped.
    pub async fn send(&self, upstream: &Upstream) {
        let mut pause = self.limits.report;
        let mut present_at = Instant::now() + self.limits.presence;
        loop {
            tokio::time::sleep(pause.mul_f64(1.0 - 0.1 * fastrand::f64())).await;
            let is_due = Instant::now() >= present_at;
            if is_due {
                present_at = Instant::now() + self.limits.presence;
            }
            let due = self.due(is_due);
            let is_taken = self.send_all(upstream, due).await;
            pause = if is_taken {
                self.limits.report
            } else {
                (pause * 2).min(LONGEST_PAUSE)
            };
        }
    }

    /// Takes the nodes with news, and with `all` also those that are there.
    fn due(&self, all: bool) -> BTreeMap<TenantName, Vec<Name>> {
        let mut ledger = self.lock();
        let mut due: Vec<Name> = mem::take(&mut ledger.changed).into_iter().collect();
        if all {
            let presence = self.limits.presence;
            let silent = presence * SILENT;
            ledger
                .entries
                .retain(|_, entry| entry.open > 0 || entry.seen.elapsed() < silent);
            let news: HashSet<_> = due.iter().cloned().collect();
            let is_there = |entry: &Entry| entry.open > 0 || entry.seen.elapsed() <= presence * 2;
            let there = ledger
                .entries
                .iter()
                .filter(|(name, entry)| is_there(entry) && !news.contains(*name));
            due.extend(there.map(|(name, _)| name.clone()));
        }
        let mut by_tenant: BTreeMap<TenantName, Vec<Name>> = BTreeMap::new();
        for name in due {
            by_tenant.entry(name.0.clone()).or_default().push(name);
        }
        by_tenant
    }

    /// Returns whether all was taken. What was not has news again.
    async fn send_all(&self, upstream: &Upstream, due: BTreeMap<TenantName, Vec<Name>>) -> bool {
        let mut is_taken = true;
        for (tenant, names) in due {
            for names in names.chunks(MOST_REPORTS) {
                if !self.send_some(upstream, &tenant, names).await {
                    is_taken = false;
                    self.counts.failed.fetch_add(1, Ordering::Relaxed);
                    let mut ledger = self.lock();
                    let known: Vec<_> = names
                        .iter()
                        .filter(|name| ledger.entries.contains_key(*name))
                        .cloned()
                        .collect();
                    ledger.changed.extend(known);
                }
            }
        }
        is_taken
    }

    async fn send_some(&self, upstream: &Upstream, tenant: &TenantName, names: &[Name]) -> bool {
        let reports: Vec<_> = {
            let ledger = self.lock();
            let of = |name: &Name| Some(ledger.entries.get(name)?.report(&name.1));
            names.iter().filter_map(of).collect()
        };
        let count = reports.len() as u64;
        if count == 0 {
            return true;
        }
        let Ok(json) = serde_json::to_vec(&Reports { reports }) else {
            return true;
        };
        let path = ["tenants", tenant.as_str(), "nodes"];
        match upstream.post(&path, json.into()).await {
            Ok(said) if said.status.is_success() => {
                self.counts.sent.fetch_add(count, Ordering::Relaxed);
                true
            }
            // The tenant was removed: nobody wants to know.
            Ok(said) if said.status == StatusCode::NOT_FOUND => true,
            Ok(said) => {
                tracing::warn!(%tenant, "reports of nodes are refused: {}", said.status);
                false
            }
            Err(away) => {
                tracing::debug!(%tenant, "reports of nodes are not sent: {}", away.0);
                false
            }
        }
    }
}

impl Entry {
    fn new(seen: Instant) -> Self {
        Self {
            dialect: None,
            served: None,
            applied: None,
            applied_at: None,
            error: None,
            seen,
            open: 0,
        }
    }

    /// Takes what a request says, as the control plane's own ledger does. Returns whether that is news.
    fn hear(&mut self, sighting: Sighting, applied_at: Instant) -> bool {
        let Sighting {
            dialect,
            applied,
            served,
            error,
            ..
        } = sighting;
        let mut is_news = false;
        if served.is_some() {
            self.served = served;
        }
        if dialect.is_some() && self.dialect != dialect {
            self.dialect = dialect;
            is_news = true;
        }
        let tag = match applied {
            Applied::Unsaid => None,
            Applied::Nothing => Some(None),
            Applied::Tag(tag) => Some(Some(tag)),
        };
        // Whoever says what it runs, and of no error, has none.
        if (tag.is_some() || error.is_some()) && self.error != error {
            self.error = error;
            is_news = true;
        }
        if let Some(tag) = tag {
            self.applied_at = Some(applied_at);
            is_news |= self.applied != tag;
            self.applied = tag;
        }
        is_news
    }

    fn report(&self, key: &NodeKey) -> NodeReport {
        let ago = |at: Instant| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        NodeReport {
            node: key.node.clone(),
            service: key.scope.service.clone(),
            env: key.scope.env.clone(),
            dialect: self.dialect.clone(),
            served: self.served.clone(),
            applied: self.applied.clone(),
            error: self.error.clone(),
            seen_ms_ago: if self.open > 0 { 0 } else { ago(self.seen) },
            applied_ms_ago: self.applied.as_ref().and(self.applied_at).map(ago),
        }
    }
}
