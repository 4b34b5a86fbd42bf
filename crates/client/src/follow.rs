//! The pure part of the watcher: what it holds, and how each thing that it hears changes that.
//! There is no I/O and no clock here; times are arguments.

pub mod saved;
pub mod servers;
pub mod signatures;
pub mod status;

mod changes;
mod held;

use std::{collections::VecDeque, fmt, sync::Arc};

use jiff::Timestamp;
use traffic_manager_core::{
    event::Recorded,
    ids::TenantName,
    snapshot::{Scope, TenantSnapshot, body::BadBody, signature::Statement},
    tag::{Epoch, VersionTag},
};

use self::{
    held::Held,
    servers::{ServerFault, Servers},
    signatures::{Checked, Confirmed, Proof, TrustedKey},
    status::{Counters, Refusal, State, View},
};
use crate::settings::{Accept, Settings};

/// The most epochs that are remembered as left.
const MAX_LEFT: usize = 8;

/// What came of something that the watcher heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken, or it confirms the data.
    Taken,
    /// It is a part of something; the rest is still to come.
    More,
    /// It is not newer than the data.
    Dropped,
    /// It waits for its signature.
    Unsigned,
    /// It does not follow the data: a snapshot is needed.
    Gap,
    /// It was refused, and counted. A snapshot is needed.
    Refused(Refusal),
}

/// Data that are not taken yet, and the place in the stream after them.
struct Candidate {
    held: Held,
    cursor: VersionTag,
}

/// The state of a watcher.
pub struct Follower {
    tenant: TenantName,
    scope: Scope,
    keys: Vec<TrustedKey>,
    accept: Option<Accept>,
    max_bytes: usize,
    held: Option<Arc<Held>>,
    /// What waits for its signature. Only with keys.
    pending: Option<Candidate>,
    /// The place in the stream after the data. In a stream of a part, it may be further than the
    /// tag of the data.
    cursor: Option<VersionTag>,
    /// The last epochs that were left, the oldest first, at most [`MAX_LEFT`].
    left: VecDeque<Epoch>,
    /// True after the service refused the tag of the data, until it confirms a snapshot.
    is_tag_refused: bool,
    needs_snapshot: bool,
    /// The events so far of a revision that is not whole yet, and the bytes of their JSON.
    partial: (Vec<Recorded>, usize),
    state: State,
    confirmed: Option<Timestamp>,
    counters: Counters,
    problem: Option<Arc<str>>,
    servers: Servers,
}

impl Follower {
    /// A follower without data.
    pub fn new(settings: &Settings) -> Self {
        Self {
            tenant: settings.tenant.clone(),
            scope: settings.scope.clone(),
            keys: settings.trusted_keys.clone(),
            accept: settings.accept.clone(),
            max_bytes: settings.max_bytes,
            held: None,
            pending: None,
            cursor: None,
            left: VecDeque::new(),
            is_tag_refused: false,
            needs_snapshot: true,
            partial: (Vec::new(), 0),
            state: State::Starting,
            confirmed: None,
            counters: Counters::default(),
            problem: None,
            servers: Servers::new(&settings.servers),
        }
    }

    /// What the watcher shows.
    pub fn view(&self) -> View {
        View {
            state: self.state,
            snapshot: self.held.as_ref().map(|held| held.snapshot.clone()),
            counters: self.counters,
            problem: self.problem.clone(),
            faults: self.servers.faults().clone(),
            confirmed: self.confirmed,
            held: self.held.clone(),
            cursor: self.cursor.clone(),
        }
    }

    /// The tag to ask for a snapshot with: that of the data. It is not that of data that wait for their
    /// signature: an answer 304 has none.
    pub fn known_tag(&self) -> Option<&VersionTag> {
        let held = self.held.as_ref().filter(|_| !self.is_tag_refused)?;
        Some(held.snapshot.tag())
    }

    /// The place to continue the stream from.
    pub fn cursor(&self) -> Option<&VersionTag> {
        self.cursor.as_ref().filter(|_| !self.is_tag_refused)
    }

    /// Whether a snapshot is needed before a stream can continue.
    pub fn needs_snapshot(&self) -> bool {
        self.needs_snapshot || self.held.is_none() || self.pending.is_some()
    }

    /// Whether the data can be moved on by events. They cannot if their objects have members that this version
    /// does not know.
    pub fn is_exact(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.is_exact())
    }

    /// Whether something waits for its signature.
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes a snapshot, from an answer 200 or from the stream, where `id` is the event's.
    pub fn snapshot(
        &mut self,
        raw: &[u8],
        proof: Proof<'_>,
        id: Option<&VersionTag>,
        now: Timestamp,
    ) -> Verdict {
        self.drop_partial();
        let mut held = match Held::read(raw, proof.signature.map(str::to_owned)) {
            Ok(held) => held,
            Err(why) => {
                let reason = match &why {
                    BadBody::Digest { .. } => Refusal::Digest,
                    BadBody::Malformed(_) | BadBody::Doubled(_) => Refusal::Malformed,
                };
                return self.refuse(reason, &format!("snapshot: {why}"));
            }
        };
        if !self.is_mine(&held.snapshot) {
            return self.refuse(Refusal::Foreign, "snapshot of another tenant or scope");
        }
        let tag = held.snapshot.tag().clone();
        if self.left.contains(&tag.epoch) {
            let what = format!("snapshot {tag} of an epoch that was left");
            return self.refuse(Refusal::LeftEpoch, &what);
        }
        let cursor = id.filter(|id| id.covers(&tag)).unwrap_or(&tag).clone();
        if let Some(mine) = self.held.clone() {
            let my_tag = mine.snapshot.tag();
            if my_tag.covers(&tag) && *my_tag != tag {
                self.counters.dropped += 1;
                // Without the tag of the data, the service could not know what is older.
                if !self.is_tag_refused {
                    let what = format!("sent {tag}, which is older than {my_tag}");
                    self.accuse(ServerFault::Older, &what);
                }
                return Verdict::Dropped;
            }
            if *my_tag == tag && mine.digest == held.digest {
                return self.confirm(&mine, proof, Some(cursor), now);
            }
            if *my_tag == tag {
                self.counters.diverged += 1;
                self.tell(&format!("snapshot {tag} has another digest than the data"));
            }
        }
        held.confirmation = self.confirmation(proof.confirmation);
        self.settle(Candidate { held, cursor }, now)
    }

    /// Takes an answer 304 to a request with [`Self::known_tag`]. `tag` is the tag of the answer.
    pub fn unchanged(
        &mut self,
        tag: Option<&VersionTag>,
        signature: Option<&str>,
        now: Timestamp,
    ) -> Verdict {
        self.drop_partial();
        if self.known_tag().is_none() || tag.is_some_and(|tag| Some(tag) != self.known_tag()) {
            return self.refuse(Refusal::Malformed, "304 for a tag that was not sent");
        }
        match self.held.clone() {
            Some(held) => {
                let proof = Proof {
                    signature,
                    confirmation: None,
                };
                self.confirm(&held, proof, None, now)
            }
            None => self.refuse(Refusal::Malformed, "304 for a tag that was not sent"),
        }
    }

    /// Counts what still waits for its signature, although the service was asked for a snapshot
    /// with one, as refused.
    pub fn refuse_unsigned(&mut self) -> Verdict {
        self.refuse(Refusal::Unsigned, "snapshot without a signature")
    }

    /// Takes an answer 404.
    pub fn gone(&mut self) {
        self.state = State::Gone;
        self.needs_snapshot = true;
        self.drop_unfinished();
    }

    /// Takes an answer 401 or 403.
    pub fn denied(&mut self) {
        self.state = State::Denied;
        self.needs_snapshot = true;
        self.drop_unfinished();
    }

    /// Takes an answer 422 to a request with a tag: forgets the tag, and not the data.
    pub fn tag_refused(&mut self) {
        self.is_tag_refused = true;
        self.needs_snapshot = true;
        self.drop_unfinished();
        self.tell("422 for the tag of the data");
    }

    /// Takes the failure of a request, or of a stream before its time.
    pub fn failed(&mut self, what: &str) {
        self.counters.reconnects += 1;
        self.drop_partial();
        self.stale();
        self.tell(what);
    }

    /// Takes the end of a stream: the events of a revision that is not whole are sent again.
    pub fn stream_ended(&mut self) {
        self.drop_partial();
    }

    /// Takes a sign of life of an open stream: the data are as new as the stream.
    pub fn alive(&mut self, now: Timestamp) {
        if self.held.is_none() || self.needs_snapshot() {
            return;
        }
        self.confirmed = Some(now);
        if self.state == State::Stale {
            self.state = State::Live;
        }
    }

    /// Counts a fault of the file.
    pub fn file_failed(&mut self, what: &str) {
        self.counters.file_errors += 1;
        self.tell(what);
    }

    /// Notes which server is heard from now on, by its place in the settings.
    pub fn hear(&mut self, server: usize) {
        self.servers.hear(server);
    }

    /// Counts a fault of the server that is heard, and tells it.
    pub fn accuse(&mut self, fault: ServerFault, what: &str) {
        self.servers.count(fault, what);
        let server = self.servers.name().cloned().unwrap_or_default();
        self.tell(&format!("{server} {what}"));
    }

    /// Counts a refusal. The data stay, and a snapshot is needed.
    pub fn refuse(&mut self, reason: Refusal, what: &str) -> Verdict {
        self.counters.refuse(reason);
        let text = format!("refused ({reason}): {what}");
        match reason {
            // The node's own word, not a fault of the server.
            Refusal::NotAccepted => self.tell(&text),
            _ => {
                self.servers.count(ServerFault::Refused(reason), &text);
                let server = self.servers.name().cloned().unwrap_or_default();
                self.tell(&format!("{text}, from {server}"));
            }
        }
        self.needs_snapshot = true;
        self.drop_partial();
        if reason != Refusal::Unsigned {
            self.pending = None;
        }
        self.stale();
        Verdict::Refused(reason)
    }

    fn tell(&mut self, what: &str) {
        self.problem = Some(format!("tenant {}: {what}", self.tenant).into());
    }

    fn stale(&mut self) {
        if self.state == State::Live {
            self.state = State::Stale;
        }
    }

    fn drop_partial(&mut self) {
        self.partial = (Vec::new(), 0);
    }

    fn drop_unfinished(&mut self) {
        self.drop_partial();
        self.pending = None;
    }

    /// Whether a snapshot is of this tenant, with no objects outside the scope.
    fn is_mine(&self, snapshot: &TenantSnapshot) -> bool {
        *snapshot.tenant() == self.tenant
            && snapshot.services().iter().all(|service| {
                let mut envs = service.envs().iter();
                envs.all(|(env, _)| self.scope.has(&service.name, env))
            })
    }

    fn check(&self, held: &Held, signature: Option<&str>) -> Checked {
        let statement = Statement {
            tenant: &self.tenant,
            scope: &self.scope,
            tag: held.snapshot.tag(),
            digest: &held.digest,
        };
        signatures::check(&self.keys, &statement, signature)
    }

    /// Takes the service's word that `held` is its newest state.
    fn confirm(
        &mut self,
        held: &Arc<Held>,
        proof: Proof<'_>,
        cursor: Option<VersionTag>,
        now: Timestamp,
    ) -> Verdict {
        let checked = self.check(held, proof.signature);
        if checked == Checked::Bad {
            return self.refuse(Refusal::Signature, "a wrong signature of the data");
        }
        if checked == Checked::Good {
            self.keep(proof);
        }
        self.cursor = cursor.or(self.cursor.take());
        self.pending = None;
        self.is_confirmed(now);
        Verdict::Taken
    }

    fn is_confirmed(&mut self, now: Timestamp) {
        self.state = State::Live;
        self.confirmed = Some(now);
        self.is_tag_refused = false;
        self.needs_snapshot = false;
    }

    /// Keeps what vouches for the data beside them, if it is something else.
    fn keep(&mut self, proof: Proof<'_>) {
        let confirmation = self.confirmation(proof.confirmation);
        let Some(held) = &mut self.held else { return };
        if proof.signature.is_some() && held.signature.as_deref() != proof.signature {
            Arc::make_mut(held).signature = proof.signature.map(str::to_owned);
        }
        if confirmation.is_some() && held.confirmation != confirmation {
            Arc::make_mut(held).confirmation = confirmation;
        }
    }

    /// Reads the confirmation of a removal. One that no trusted key has signed is kept for those that it
    /// is passed on to, and counts for nothing here.
    fn confirmation(&mut self, text: Option<&str>) -> Option<Confirmed> {
        let confirmed = Confirmed::read(&self.keys, &self.tenant, text?);
        let is_good = confirmed.as_ref().is_some_and(|it| it.is_vouched);
        if !is_good && !self.keys.is_empty() {
            self.tell("the confirmation of a removal has no signature of a trusted key");
        }
        confirmed
    }

    /// Takes a candidate if its signature and the hook `accept` allow it.
    fn settle(&mut self, candidate: Candidate, now: Timestamp) -> Verdict {
        let tag = candidate.held.snapshot.tag().clone();
        match self.check(&candidate.held, candidate.held.signature.as_deref()) {
            Checked::Good => {}
            Checked::Missing => {
                self.pending = Some(candidate);
                return Verdict::Unsigned;
            }
            Checked::Bad => {
                return self.refuse(Refusal::Signature, &format!("a wrong signature of {tag}"));
            }
        }
        self.pending = None;
        let old = self.held.as_ref().map(|held| held.snapshot.clone());
        let confirmation = candidate.held.confirmation.as_ref();
        let confirmation = confirmation.and_then(Confirmed::vouched);
        if let (Some(old), Some(Accept(accept))) = (&old, &self.accept)
            && !accept(old, &candidate.held.snapshot, confirmation)
        {
            return self.refuse(Refusal::NotAccepted, &format!("{tag} is not accepted"));
        }
        if let Some(old) = old.filter(|old| old.tag().epoch != tag.epoch) {
            self.left.push_back(old.tag().epoch.clone());
            while self.left.len() > MAX_LEFT {
                self.left.pop_front();
            }
        }
        self.held = Some(Arc::new(candidate.held));
        self.cursor = Some(candidate.cursor);
        self.counters.applied += 1;
        self.is_confirmed(now);
        Verdict::Taken
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("tenant", &self.tenant)
            .field("scope", &self.scope)
            .field("state", &self.state)
            .field("tag", &self.known_tag())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
