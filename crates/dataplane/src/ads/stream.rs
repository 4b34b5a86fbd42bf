//! The state machine of one stream.

mod reporting;
mod sending;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::reporting::nack;
use super::{
    action::{Action, Code, Kind, Limits, Report, Type},
    node::NodeInfo,
    request::Request,
    subscription::{Sent, Subscription},
};
use crate::envoy::{Offer, Resource};

/// Bytes of a node's reason that are kept.
const REASON_BYTES: usize = 4_096;

/// Bytes of a node's id and cluster.
const NAME_BYTES: usize = 256;

/// Types that are not served and that are reported, on one stream.
const FOREIGN: usize = 16;

/// The server's side of one stream. All times are milliseconds of a clock of the caller, which
/// does not go back.
#[derive(Debug)]
pub struct Stream {
    kind: Kind,
    limits: Limits,
    /// The time of the first request.
    begun: u64,
    node: Option<NodeInfo>,
    /// What the node may have been given on earlier streams, the newest last.
    past: Vec<Arc<Offer>>,
    /// The offer that the node is being brought to.
    target: Option<Arc<Offer>>,
    /// The newest offer, if it is another one.
    next: Option<Arc<Offer>>,
    clusters: Option<Subscription>,
    routes: Option<Subscription>,
    /// The node has said which offer its routes are of, and there was no offer since.
    needs_offer: bool,
    /// Why the target was rejected.
    rejected: Option<(Type, String)>,
    /// Clusters that the target does not have, and since when, for nodes that take their routes from elsewhere.
    leaving: BTreeMap<String, u64>,
    /// The last report of an ACK.
    acked: Option<(String, bool)>,
    /// The version of the last report that routes are used.
    taken: Option<String>,
    /// What was reported once and need not be again.
    missing: BTreeSet<String>,
    foreign: BTreeSet<String>,
    nonce: u64,
    ended: bool,
}

/// What is sent next.
enum Step {
    /// New and changed resources; those that the node has are kept.
    Add(Type),
    /// Removal of these clusters.
    Remove(BTreeSet<String>),
}

impl Stream {
    /// A stream that has begun: no request has come yet.
    pub fn new(kind: Kind, limits: Limits) -> Self {
        Self {
            kind,
            limits,
            begun: 0,
            node: None,
            past: Vec::new(),
            target: None,
            next: None,
            clusters: None,
            routes: None,
            needs_offer: false,
            rejected: None,
            leaving: BTreeMap::new(),
            acked: None,
            taken: None,
            missing: BTreeSet::new(),
            foreign: BTreeSet::new(),
            nonce: 0,
            ended: false,
        }
    }

    /// Gives the stream offers that the node may have been given on an earlier stream, the newest last.
    ///
    /// A node that takes the state of the world says only the version of what it has. If that is of one
    /// of these, its clusters are kept until the routes have left them; else the clusters of all of these are.
    /// So leave out offers whose clusters were rejected: they would be rejected again. A node whose offer nobody remembers loses its old clusters before its new routes come, and answers 503
    /// meanwhile. Delta needs none of this. Call it before the first offer.
    pub fn remember(&mut self, past: Vec<Arc<Offer>>) {
        self.past = past;
    }

    /// The node, once its first request has come.
    pub fn node(&self) -> Option<&NodeInfo> {
        self.node.as_ref()
    }

    /// Returns the version of the offer that the node said to have when the stream began. Over delta it
    /// says that with its routes, else with its clusters already.
    pub fn said(&self) -> Option<&str> {
        let mut both = [&self.routes, &self.clusters].into_iter().flatten();
        let said = both.find_map(|subscription| subscription.said.as_deref())?;
        said.rsplit_once('/').map(|(version, _)| version)
    }

    /// Whether the node has said which offer its routes are of, and there was no offer since. It gets no routes
    /// before the next offer, which must not be older: the last one was made without knowing this.
    pub fn needs_offer(&self) -> bool {
        self.needs_offer
    }

    /// How the node takes its configuration.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Takes a request: the message of one frame.
    pub fn on_request(&mut self, message: &[u8], now: u64) -> Vec<Action> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        match self.take(message, now, &mut out) {
            Ok(()) => self.go_on(now, &mut out),
            Err((code, why)) => {
                self.ended = true;
                out.push(Action::End(code, why));
            }
        }
        out
    }

    /// Takes an offer: what the node is to have from now on. The caller sees to it that this is no older than
    /// what the node [said](Self::said) to have.
    pub fn on_offer(&mut self, offer: Arc<Offer>, now: u64) -> Vec<Action> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        if std::mem::take(&mut self.needs_offer) {
            // The last offer may be older than what the node has.
            self.aim_at(offer);
            self.go_on(now, &mut out);
            return out;
        }
        match (&self.target, &self.rejected) {
            (Some(target), _) if same(target, &offer) && target.version == offer.version => {
                self.next = None;
            }
            // What was rejected is not sent again because it has got another version.
            (Some(target), Some((resources, reason))) if same(target, &offer) => {
                out.push(nack(offer.version.clone(), *resources, reason.clone()));
                self.target = Some(offer);
                self.next = None;
            }
            _ => self.next = Some(offer),
        }
        self.go_on(now, &mut out);
        out
    }

    /// Takes the time. Call it at [`Stream::deadline`].
    pub fn on_tick(&mut self, now: u64) -> Vec<Action> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        let subscriptions = [&mut self.clusters, &mut self.routes];
        for (resources, s) in [Type::Clusters, Type::Routes]
            .into_iter()
            .zip(subscriptions)
        {
            for sent in s.iter_mut().flat_map(|s| &mut s.outstanding) {
                if !sent.late && now >= sent.at.saturating_add(self.limits.warm_ms) {
                    sent.late = true;
                    out.push(Action::Report(Report::Late {
                        version: sent.offer.clone(),
                        resources,
                        names: sent.names(),
                    }));
                }
            }
        }
        self.go_on(now, &mut out);
        out
    }

    /// The time at which something is due if nothing else happens. After [`Stream::on_tick`] at that time it
    /// is a later one, or none.
    pub fn deadline(&self) -> Option<u64> {
        if self.ended || self.is_mute() {
            return None;
        }
        let due = |since: u64| since.saturating_add(self.limits.warm_ms);
        // Nothing else is done meanwhile.
        if let Some(sent) = self.waiting() {
            return Some(due(sent.at));
        }
        let goes_on = self.rejected.is_none() && !self.needs_offer;
        let target = self.target.as_ref().filter(|_| goes_on)?;
        let mut routes = self.routes.iter().filter(|_| self.clusters.is_none());
        let unasked = routes.any(|routes| routes.resumed && routes.owes(target));
        let begun = (unasked || self.alone()).then_some(self.begun);
        self.leaving.values().copied().chain(begun).min().map(due)
    }

    /// Whether the node must not be told anything.
    fn is_mute(&self) -> bool {
        !self.node.as_ref().is_some_and(NodeInfo::is_supported)
    }

    /// Whether the node has the clusters, has not asked for routes, and this is not yet reported.
    fn alone(&self) -> bool {
        let (None, Some(clusters), Some(target)) = (&self.routes, &self.clusters, &self.target)
        else {
            return false;
        };
        let is_reported = self.taken.as_ref() == Some(&target.version);
        self.rejected.is_none() && !is_reported && clusters.has_all(target)
    }

    /// The response that is in flight.
    fn waiting(&self) -> Option<&Sent> {
        let both = [&self.clusters, &self.routes].into_iter().flatten();
        both.flat_map(|s| &s.outstanding).find(|s| !s.late)
    }

    fn take(
        &mut self,
        message: &[u8],
        now: u64,
        out: &mut Vec<Action>,
    ) -> Result<(), (Code, String)> {
        let mut request = Request::read(self.kind, message).map_err(|e| {
            (
                Code::InvalidArgument,
                format!("the request cannot be read: {e}"),
            )
        })?;
        self.introduce(request.node.take(), now, out)?;
        let Some(resources) = Type::from_url(&request.type_url) else {
            if self.foreign.len() < FOREIGN && self.foreign.insert(request.type_url.clone()) {
                let type_url = request.type_url;
                out.push(Action::Report(Report::Foreign { type_url }));
            }
            return Ok(());
        };
        self.subscribe(resources, request, out);
        let names = [&self.clusters, &self.routes].into_iter().flatten();
        let names: usize = names.map(Subscription::size).sum();
        if names > self.limits.names {
            let why = format!(
                "the node subscribes to {names} names, limit {}",
                self.limits.names
            );
            return Err((Code::ResourceExhausted, why));
        }
        Ok(())
    }

    fn introduce(
        &mut self,
        node: Option<super::message::Node>,
        now: u64,
        out: &mut Vec<Action>,
    ) -> Result<(), (Code, String)> {
        if self.node.is_some() {
            return Ok(());
        }
        let node = NodeInfo::from(node.unwrap_or_default());
        if node.id.is_empty() {
            let why = "the first request does not say the node's id";
            return Err((Code::InvalidArgument, why.to_owned()));
        }
        let said = node.metadata.values().map(String::len).max().unwrap_or(0);
        if node.id.len().max(node.cluster.len()) > NAME_BYTES || said > 64 * NAME_BYTES {
            let why = format!("the node's id and cluster may have {NAME_BYTES} bytes");
            return Err((Code::InvalidArgument, why));
        }
        self.begun = now;
        out.push(Action::Report(Report::Node(node.clone())));
        if !node.is_supported() {
            out.push(Action::Report(Report::TooOld(node.clone())));
        }
        self.node = Some(node);
        Ok(())
    }

    fn subscribe(&mut self, resources: Type, request: Request, out: &mut Vec<Action>) {
        let slot = match resources {
            Type::Clusters => &mut self.clusters,
            Type::Routes => &mut self.routes,
        };
        let Some(s) = slot else {
            let new = slot.insert(Subscription::new(resources, request.names));
            self.needs_offer |= resources == Type::Routes && new.said.is_some();
            return;
        };
        let is_answer = !request.nonce.is_empty();
        let settled = s.settle(&request.nonce, request.error.as_deref());
        if let (Some(version), Some(reason)) = (&settled, request.error) {
            let reason = shortened(reason);
            out.push(nack(version.clone(), resources, reason.clone()));
            if self.target.as_ref().is_some_and(|t| t.version == *version) {
                self.rejected = Some((resources, reason));
            }
        }
        // The state of the world: a stale request is followed by one with the same names and the newest nonce.
        let stale = is_answer && settled.is_none() && s.newest != request.nonce;
        if self.kind == Kind::Delta || !stale {
            s.update(request.names, is_answer);
        }
    }

    /// Does all that can be done now.
    fn go_on(&mut self, now: u64, out: &mut Vec<Action>) {
        loop {
            if self.is_mute() {
                return;
            }
            self.report_missing(out);
            if self.waiting().is_some() {
                return;
            }
            let step = match &self.target {
                Some(target) if self.rejected.is_none() => self.step(&Arc::clone(target), now),
                _ => None,
            };
            match step {
                Some(step) => {
                    if let Err((code, why)) = self.send(step, now, out) {
                        self.ended = true;
                        out.push(Action::End(code, why));
                        return;
                    }
                }
                None => {
                    self.report(now, out);
                    let Some(next) = self.next.take() else {
                        return;
                    };
                    self.aim_at(next);
                }
            }
        }
    }

    fn aim_at(&mut self, offer: Arc<Offer>) {
        self.target = Some(offer);
        self.next = None;
        self.rejected = None;
        self.acked = None;
        self.taken = None;
        self.missing.clear();
    }

    /// Says what has to be sent next to bring the node to the target. Nothing is in flight.
    fn step(&mut self, target: &Offer, now: u64) -> Option<Step> {
        for s in [&mut self.clusters, &mut self.routes].into_iter().flatten() {
            s.resolve(target, &self.past);
        }
        let warm = |since: u64| now >= since.saturating_add(self.limits.warm_ms);
        if let Some(c) = &self.clusters
            && (!c.answered || c.changed(target).next().is_some())
        {
            return Some(Step::Add(Type::Clusters));
        }
        if self.needs_offer {
            return None;
        }
        if let Some(r) = &self.routes {
            // An Envoy whose clusters are warming asks for its routes first. A new one never does.
            if self.clusters.is_none() && r.resumed && !warm(self.begun) {
                return None;
            }
            if r.owes(target) {
                return Some(Step::Add(Type::Routes));
            }
        }
        let mut gone = self.clusters.as_ref()?.gone(target);
        self.leaving.retain(|name, _| gone.contains(name));
        match &self.routes {
            Some(r) if !r.is_empty() => {
                self.leaving.clear();
                if !r.has_only(target) {
                    return None;
                }
            }
            // The routes come from elsewhere, or are not asked for yet, and may name these clusters.
            _ => {
                for name in &gone {
                    self.leaving.entry(name.clone()).or_insert(now);
                }
                gone.retain(|name| self.leaving.get(name).is_some_and(|since| warm(*since)));
            }
        }
        (!gone.is_empty()).then_some(Step::Remove(gone))
    }
}

/// Whether two offers have the same resources.
fn same(a: &Offer, b: &Offer) -> bool {
    let equal = |a: &BTreeMap<Arc<str>, Arc<Resource>>, b: &BTreeMap<Arc<str>, Arc<Resource>>| {
        a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|((n, r), (m, q))| n == m && r.version == q.version)
    };
    equal(&a.clusters, &b.clusters) && equal(&a.routes, &b.routes)
}

fn shortened(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES));
    reason
}
