//! One Envoy that is served, whichever way it speaks: its requests, what it is to have, and time, each
//! given to the state machine of [`traffic_manager_dataplane::ads`].

use std::{collections::VecDeque, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until};
use traffic_manager_dataplane::ads::{
    Action, Code, Kind, Limits, NodeInfo, Report, Stream,
    search::{Composition, Finding, Search},
};

use super::{
    answer::{Ended, GrpcStatus},
    ledger::LedgerNode,
    wanted::wanted,
};
use crate::{
    auth::Caller,
    resilience::Payer,
    service::{
        Error,
        access::keys::Requester,
        nodes::Nodes,
        quarantine::Refusal,
        read::offers::{OfferFeed, Sources},
    },
    telemetry::names,
};

/// How long the first failed read of the offer waits before it is tried again. Each further one waits twice as long,
/// up to [`LONGEST`].
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
/// The least time between two renderings for one node.
const PAUSE: Duration = Duration::from_millis(2);

/// Stands for the words of an Envoy that name policies or hosts of other tenants.
const HIDDEN: &str = "the Envoy's words name other tenants: its log has them";

/// What the ledger says of an Envoy that refuses what is not new to it.
const STUCK: &str = "the Envoy refuses what it had before: its log has the words";

/// An Envoy that is served.
pub struct Node {
    sources: Sources,
    nodes: Arc<Nodes>,
    known: Option<LedgerNode>,
    by: Requester,
    payer: Payer,
    machine: Stream,
    search: Search,
    feed: Option<OfferFeed>,
    /// The version of the last offer.
    offered: Option<String>,
    /// When the offer has to be read again.
    stale: Option<Instant>,
    /// How long the next failed read waits.
    again: Duration,
    begun: Instant,
}

/// What a node waits for.
pub enum Due {
    /// A tenant may have moved.
    Moved,
    /// The state machine waits for no longer.
    Tick,
    /// The offer has to be read.
    Read,
}

impl Node {
    /// A node that has said nothing yet. `warm`: how long it may take for an answer.
    pub fn new(
        kind: Kind,
        warm: Duration,
        (sources, nodes): (Sources, Arc<Nodes>),
        caller: Caller,
        source: IpAddr,
        payer: Payer,
    ) -> Self {
        let limits = Limits {
            warm_ms: u64::try_from(warm.as_millis()).unwrap_or(u64::MAX),
            ..Limits::default()
        };
        Self {
            sources,
            nodes,
            known: None,
            by: Requester {
                caller,
                source_ip: Some(source.to_string()),
                request_id: String::new(),
            },
            payer,
            machine: Stream::new(kind, limits),
            search: Search::default(),
            feed: None,
            offered: None,
            stale: None,
            again: AGAIN,
            begun: Instant::now(),
        }
    }

    /// Returns the node's name, once it has said it.
    pub fn name(&self) -> Option<&str> {
        self.machine.node().map(|node| node.id.as_str())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns once there is something to do without a request.
    pub async fn due(&mut self) -> Due {
        let due = self.machine.deadline();
        let due = due.map(|due| self.begun + Duration::from_millis(due));
        let at = |when: Option<Instant>| async move {
            match when {
                Some(when) => sleep_until(when).await,
                None => std::future::pending().await,
            }
        };
        let feed = &mut self.feed;
        let moved = async {
            match feed {
                Some(feed) => feed.moved().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = moved => Due::Moved,
            () = at(self.stale) => Due::Read,
            () = at(due) => Due::Tick,
        }
    }

    /// Does what is due. Returns the frames to send.
    pub async fn on_due(&mut self, due: Due) -> Result<Vec<Bytes>, Ended> {
        let actions = match due {
            Due::Moved => {
                let soon = Instant::now() + PAUSE;
                self.again = AGAIN;
                self.stale = Some(self.stale.map_or(soon, |planned| planned.min(soon)));
                Vec::new()
            }
            Due::Read => self.read().await?,
            Due::Tick => self.machine.on_tick(self.now()),
        };
        self.act(actions).await
    }

    /// Takes a request: the message of one frame. Returns the frames to send.
    pub async fn on_request(&mut self, message: &[u8]) -> Result<Vec<Bytes>, Ended> {
        let actions = self.machine.on_request(message, self.now());
        let mut frames = self.act(actions).await?;
        let is_first = match (&self.feed, self.machine.node().cloned()) {
            (None, Some(node)) => {
                self.feed = Some(self.follow(&node).await?);
                true
            }
            _ => false,
        };
        if !is_first && !self.machine.needs_offer() {
            return Ok(frames);
        }
        if let (Some(feed), Some(said)) = (&mut self.feed, self.machine.said()) {
            feed.has_seen(said);
        }
        // A read that is planned knows of it, too: a node cannot hasten the next one after a failure.
        if self.stale.is_none() {
            let actions = self.read().await?;
            frames.extend(self.act(actions).await?);
        }
        Ok(frames)
    }

    /// Follows what the node is to have, as its metadata and its credentials say.
    async fn follow(&mut self, node: &NodeInfo) -> Result<OfferFeed, Ended> {
        let (tenants, scope) = wanted(&self.by.caller, node)?;
        let (nodes, caller) = (self.nodes.clone(), &self.by.caller);
        self.known = Some(LedgerNode::new(nodes, caller, &node.id, &tenants, &scope));
        OfferFeed::open(self.sources.clone(), tenants, scope, self.payer.clone())
            .await
            .map_err(|error| Ended::new(GrpcStatus::Unavailable, error.to_string()))
    }

    /// A node that takes the state of the world says only a version of what it has. What that was is read
    /// from the history, so that its clusters stay until its routes have left them.
    async fn recall(&mut self) {
        let (Kind::World, Some(feed), Some(said)) =
            (self.machine.kind(), &self.feed, self.machine.said())
        else {
            return;
        };
        if *said == self.search.wanted().version {
            return;
        }
        let past = feed.past(said).await;
        match feed.offer(Composition::whole(past.forms.clone())).await {
            Ok(offer) => self.machine.remember(vec![offer]),
            Err(error) => {
                tracing::warn!(error = %error, said, "what an Envoy had could not be made")
            }
        }
    }

    /// Reads what the node is to have. If that fails, it keeps what it has, and the read is tried again.
    async fn read(&mut self) -> Result<Vec<Action>, Ended> {
        self.stale = None;
        let Some(feed) = &mut self.feed else {
            return Ok(Vec::new());
        };
        match feed.forms().await {
            Ok(forms) => {
                self.again = AGAIN;
                self.search.offer(forms);
                if self.offered.is_none() {
                    self.recall().await;
                }
                Ok(self.offer().await)
            }
            // The tenant was deleted. The node keeps what it has, and asks again.
            Err(error @ Error::Rejected(_)) => {
                Err(Ended::new(GrpcStatus::PermissionDenied, error.to_string()))
            }
            Err(error) => Ok(self.later(&error)),
        }
    }

    /// Offers what is to be tried now, if it is not what was offered last.
    async fn offer(&mut self) -> Vec<Action> {
        let (Some(feed), Some(next)) = (&self.feed, self.search.composition()) else {
            return Vec::new();
        };
        let version = Composition::version(&next);
        if self.offered.as_ref() == Some(&version) && !self.machine.needs_offer() {
            return Vec::new();
        }
        match feed.offer(next).await {
            Ok(offer) => {
                self.offered = Some(version);
                self.machine.on_offer(offer, self.now())
            }
            Err(error) => self.later(&error),
        }
    }

    fn later(&mut self, error: &Error) -> Vec<Action> {
        let (node, said) = (self.name(), self.machine.said());
        tracing::warn!(error = %error, node, said, "the configuration of an Envoy could not be made; it keeps what it has");
        self.stale = Some(Instant::now() + self.again);
        self.again = (2 * self.again).min(LONGEST);
        Vec::new()
    }

    /// Does what the state machine says, and what follows from it.
    async fn act(&mut self, actions: Vec<Action>) -> Result<Vec<Bytes>, Ended> {
        let (mut actions, mut frames) = (VecDeque::from(actions), Vec::new());
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Send(bytes) => frames.push(bytes),
                Action::Report(report) => {
                    self.tell(&report);
                    let may_offer = self.learn(&report).await;
                    self.tell_running(&report);
                    // A node that has just said what it has gets an offer that knows of that.
                    if may_offer && !self.machine.needs_offer() {
                        actions.extend(self.offer().await);
                    }
                }
                Action::End(code, text) => {
                    let status = match code {
                        Code::InvalidArgument => GrpcStatus::InvalidArgument,
                        Code::ResourceExhausted => GrpcStatus::ResourceExhausted,
                        Code::Unimplemented => GrpcStatus::Unimplemented,
                    };
                    return Err(Ended::new(status, text));
                }
            }
        }
        Ok(frames)
    }

    /// Gives the search what the node takes and refuses. Returns whether there may be something else to
    /// offer.
    async fn learn(&mut self, report: &Report) -> bool {
        let findings = match report {
            Report::Taken { version } => self.search.taken(version),
            Report::Nack {
                version, reason, ..
            } => self.refused(version, reason).await,
            _ => return false,
        };
        for finding in findings {
            self.tell_refusal(&finding);
            self.record(finding);
        }
        true
    }

    async fn refused(&mut self, version: &str, reason: &str) -> Vec<Finding> {
        let Some(feed) = &self.feed else {
            return Vec::new();
        };
        let said = self.machine.said().map(str::to_owned);
        if said.is_some() {
            self.search.resume();
        }
        let doubts = feed.doubts(self.search.wanted()).await;
        self.search.doubt(doubts);
        let findings = self.search.refused(version, reason);
        match (findings.as_slice(), said) {
            ([Finding::PastNeeded], Some(said)) => {
                let past = feed.past(&said).await;
                self.search.remember(Some(past))
            }
            _ => findings,
        }
    }

    /// Keeps a finding where other instances and the policy's owner see it. Nothing waits for that.
    fn record(&self, finding: Finding) {
        let (by, quarantine) = (self.by.clone(), self.sources.quarantine.clone());
        let keep = match finding {
            Finding::Refused {
                form,
                instead,
                reason,
            } => {
                let node = self.machine.node();
                let others = self.search.names_others(&form.key.tenant, &reason);
                let refusal = Refusal {
                    form,
                    instead,
                    reason: if others { HIDDEN.to_owned() } else { reason },
                    node: node.map(|node| node.id.clone()).unwrap_or_default(),
                    program: node.map(NodeInfo::program).unwrap_or_default(),
                };
                async move { quarantine.refused(&by, &refusal).await }.boxed()
            }
            Finding::Released { key, refused } => {
                async move { quarantine.released(&by, &key, &refused).await }.boxed()
            }
            Finding::Stuck(reason) => {
                let node = self.name();
                tracing::error!(
                    node,
                    reason,
                    "an Envoy refuses what is not new to it, and keeps what it has"
                );
                return;
            }
            Finding::PastNeeded => return,
        };
        tokio::spawn(self.payer.clone().scope(async move {
            if let Err(error) = keep.await {
                tracing::warn!(error = %error, "what an Envoy refuses could not be kept");
            }
        }));
    }

    /// Tells the ledger what the node refuses: to the tenant whose policy it is, and to all of them only if nobody
    /// knows whose.
    fn tell_refusal(&self, finding: &Finding) {
        let Some(known) = &self.known else {
            return;
        };
        let wanted = &self.search.wanted().version;
        match finding {
            Finding::Refused { form, reason, .. } => {
                let tenant = &form.key.tenant;
                let others = self.search.names_others(tenant, reason);
                known.refuses(wanted, Some(tenant), if others { HIDDEN } else { reason });
            }
            Finding::Stuck(_) => known.refuses(wanted, None, STUCK),
            Finding::Released { .. } | Finding::PastNeeded => {}
        }
    }

    /// Tells the ledger what the node runs, as the search has learnt it.
    fn tell_running(&self, report: &Report) {
        let (Some(known), Report::Taken { version }) = (&self.known, report) else {
            return;
        };
        known.runs(version, |tenant| self.search.lacks(tenant));
    }

    fn tell(&self, report: &Report) {
        let node = self.name();
        match report {
            Report::Ack { version, .. } => {
                metrics::counter!(names::ENVOY_ANSWERS, "result" => "ack").increment(1);
                tracing::debug!(node, version, "an Envoy has its configuration");
            }
            Report::Nack {
                version,
                resources,
                reason,
            } => {
                metrics::counter!(names::ENVOY_ANSWERS, "result" => "nack").increment(1);
                tracing::warn!(
                    node,
                    version,
                    ?resources,
                    reason,
                    "an Envoy refused its configuration"
                );
            }
            Report::Late {
                version,
                resources,
                names,
            } => {
                metrics::counter!(names::ENVOY_ANSWERS, "result" => "late").increment(1);
                let first = names.first();
                tracing::warn!(
                    node,
                    version,
                    ?resources,
                    first,
                    count = names.len(),
                    "an Envoy did not answer in time"
                );
            }
            Report::TooOld(info) => {
                tracing::warn!(node, version = ?info.version, "an Envoy is too old and keeps what it has");
            }
            other => tracing::debug!(node, report = ?other, "an Envoy"),
        }
    }
}
