//! The nodes of a tenant: which of them run which revision, and waiting until a share of them runs one.

mod measure;
mod waiting;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::measure::Measures;
pub use self::waiting::{Asked, Outcome, Waited};
pub use crate::ledger::{LinkReport, Presence, buffers::Buffer};
use crate::{
    auth::AuthorizedTenant,
    domain::{
        ids::{DialectName, NodeName, TenantName},
        ledger::{
            Convergence, Entry, Millis, Needs, NodeError, NodeKey, NodeState, Sighting,
            words::NATIVE,
        },
        snapshot::{Scope, TenantSnapshot},
        tag::VersionTag,
    },
    ledger::Ledger,
    resilience::Workers,
    service::{
        Error, Freshness,
        read::{
            polls::Polls,
            reads::{PageRequest, Reads},
        },
    },
};

/// The use cases around nodes.
pub struct Nodes {
    ledger: Arc<Ledger>,
    polls: Arc<Polls>,
    reads: Arc<Reads>,
    workers: Arc<Workers>,
    measures: Measures,
}

/// Which nodes a list has.
#[derive(Debug, Clone, Default)]
pub struct NodeFilter {
    /// Only those in this state.
    pub state: Option<NodeState>,
    /// Only those of this dialect.
    pub dialect: Option<DialectName>,
    /// Only those that follow this scope.
    pub scope: Scope,
}

/// What is known of a node.
#[derive(Debug)]
pub struct NodeStatus {
    /// The node, and what it follows.
    pub key: NodeKey,
    /// Whether it runs the newest revision of its scope.
    pub state: NodeState,
    /// How it takes its configuration.
    pub dialect: Option<DialectName>,
    /// The tag that it runs, if it said so.
    pub applied: Option<VersionTag>,
    /// Since when.
    pub since: Option<Millis>,
    /// The tag that it was sent last.
    pub served: Option<VersionTag>,
    /// How many revisions it is behind.
    pub lag: u64,
    /// Why it does not run the newest, in its own words.
    pub error: Option<Box<NodeError>>,
    /// When it was last there.
    pub seen: Millis,
    /// The longest usual time between two of its requests, in milliseconds.
    pub interval: u32,
    /// The instance of the service that it was last at.
    pub instance: Arc<str>,
}

/// Which share of a tenant's nodes runs a revision.
#[derive(Debug)]
pub struct Share {
    /// The revision.
    pub at: VersionTag,
    /// The numbers.
    pub counted: Convergence,
    /// The number of polls without a node's name in the last whole minute, at this instance.
    pub anonymous: u64,
    /// Whether other nodes may be missing.
    pub link: LinkReport,
    /// The time of the numbers.
    pub now: Millis,
}

/// Where a page of nodes ends.
#[derive(Serialize, Deserialize)]
struct Position(NodeKey);

impl Nodes {
    /// Answers from `ledger`. `polls` know what nodes should run, `reads` provide the cursors, and `workers` count.
    pub fn new(
        ledger: Arc<Ledger>,
        polls: Arc<Polls>,
        reads: Arc<Reads>,
        workers: Arc<Workers>,
    ) -> Self {
        Self {
            workers,
            ledger,
            polls,
            reads,
            measures: Measures::default(),
        }
    }

    /// The time by which nodes are judged.
    pub fn now(&self) -> Millis {
        self.ledger.now()
    }

    /// Returns a buffer for one worker of the fast path.
    pub fn buffer(&self) -> Arc<Buffer> {
        self.ledger.buffers().join()
    }

    /// Takes a node's request.
    pub fn saw(&self, tenant: &TenantName, key: NodeKey, sighting: Sighting) {
        self.ledger.saw(tenant, key, sighting);
    }

    /// Takes a poll that names no node.
    pub fn saw_anonymous(&self, tenant: &TenantName) {
        self.ledger.saw_anonymous(tenant, 1);
    }

    /// A connection of a node waits here, until the result is dropped.
    pub fn waits(&self, tenant: &TenantName, key: NodeKey) -> Presence {
        self.ledger.waits(tenant, key)
    }

    /// Returns a page of a tenant's nodes by name, and the cursor of the next one.
    pub async fn page(
        &self,
        tenant: &AuthorizedTenant,
        filter: &NodeFilter,
        page: PageRequest,
    ) -> Result<(Vec<NodeStatus>, Option<String>), Error> {
        let list = format!("nodes/{}/{filter:?}", tenant.name());
        let cursors = self.reads.cursors().await?;
        let after = page
            .cursor
            .map(|cursor| cursors.open::<Position>(&list, &cursor))
            .transpose()?;
        let limit = page.limit as usize;
        let snapshot = self.newest(tenant).await?;
        // One more than asked for says whether there is another page.
        let after = after.map(|Position(key)| key);
        let mut found = self.find(&snapshot, after.as_ref(), limit + 1, filter, |_| true);
        let mut next = None;
        if found.len() > limit {
            found.truncate(limit);
            let last = found.last().map(|node| Position(node.key.clone()));
            next = last
                .map(|position| cursors.seal(&list, &position))
                .transpose()?;
        }
        Ok((found, next))
    }

    /// Returns what is known of the node of this name, by scope; nothing if there is no such node.
    pub async fn named(
        &self,
        tenant: &AuthorizedTenant,
        node: &NodeName,
    ) -> Result<Vec<NodeStatus>, Error> {
        let snapshot = self.newest(tenant).await?;
        let filter = NodeFilter::default();
        let is_it = |key: &NodeKey| key.node == *node;
        Ok(self.find(&snapshot, None, MOST_SCOPES, &filter, is_it))
    }

    /// Returns which share of a tenant's nodes runs a revision, or the newest one.
    pub async fn share(
        &self,
        tenant: &AuthorizedTenant,
        at: Option<VersionTag>,
    ) -> Result<Share, Error> {
        let freshness = Freshness {
            minimum: at.clone(),
            ..Freshness::default()
        };
        let snapshot = self.polls.tenant(tenant, &freshness).await?;
        let at = at.unwrap_or_else(|| snapshot.tag().clone());
        Ok(self.count(&snapshot, at, None))
    }

    fn count(&self, snapshot: &TenantSnapshot, at: VersionTag, since: Option<Millis>) -> Share {
        let before = self.ledger.link();
        let (now, nodes) = (self.now(), self.ledger.of(snapshot.tenant()));
        let mut needs = Needs::new(snapshot, at.revision);
        let counted = nodes
            .as_ref()
            .map(|nodes| nodes.table().convergence(&mut needs, now, since));
        let is_crowded = nodes
            .as_ref()
            .is_some_and(|nodes| nodes.table().is_crowded(now));
        let mut link = self.ledger.link();
        link.partial |= before.partial || is_crowded;
        link.warming |= before.warming;
        Share {
            at,
            counted: counted.unwrap_or_default(),
            anonymous: nodes.map_or(0, |nodes| nodes.anonymous()),
            link,
            now,
        }
    }

    fn find(
        &self,
        snapshot: &TenantSnapshot,
        after: Option<&NodeKey>,
        limit: usize,
        filter: &NodeFilter,
        is_it: impl Fn(&NodeKey) -> bool,
    ) -> Vec<NodeStatus> {
        let Some(nodes) = self.ledger.of(snapshot.tenant()) else {
            return Vec::new();
        };
        let (now, table) = (self.now(), nodes.table());
        let needs = std::cell::RefCell::new(Needs::newest(snapshot));
        let is_wanted = |key: &NodeKey, entry: &Entry| {
            let NodeFilter {
                state,
                dialect,
                scope,
            } = filter;
            is_it(key)
                && (scope.service.is_none() || scope.service == key.scope.service)
                && (scope.env.is_none() || scope.env == key.scope.env)
                && dialect.as_ref().is_none_or(|dialect| is_of(entry, dialect))
                && state.is_none_or(|state| {
                    state == table.state(entry, needs.borrow_mut().of(&key.scope), now)
                })
        };
        let page = table.page(after, limit, is_wanted);
        let status = |(key, entry): (&NodeKey, &Entry)| {
            let needed = needs.borrow_mut().of(&key.scope).clone();
            let said = &entry.statement;
            NodeStatus {
                key: key.clone(),
                state: table.state(entry, &needed, now),
                dialect: said.dialect.clone(),
                applied: said.applied().cloned(),
                since: (said.running.at > 0).then_some(said.running.what.since),
                served: said.served.clone(),
                lag: entry.lag(&needed),
                error: said.error.what.clone(),
                seen: entry.last(now),
                interval: entry.interval,
                instance: entry.instance.clone(),
            }
        };
        page.into_iter().map(status).collect()
    }

    async fn newest(&self, tenant: &AuthorizedTenant) -> Result<Arc<TenantSnapshot>, Error> {
        self.polls.tenant(tenant, &Freshness::default()).await
    }
}

/// Whether a node is of this dialect. One that has not said how it takes its configuration takes JSON.
fn is_of(entry: &Entry, dialect: &DialectName) -> bool {
    match &entry.statement.dialect {
        Some(own) => own == dialect,
        None => dialect.as_str() == NATIVE,
    }
}

/// The most scopes of one node that are listed.
const MOST_SCOPES: usize = 1000;
