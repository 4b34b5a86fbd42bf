//! What a node wants of one type, what it has, and which responses it has not answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{action::Type, request::Names};
use crate::envoy::{Offer, Resource};

/// A resource that the node has, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// None: the node may have any version, or none.
    version: Option<String>,
    /// What to send so that the node keeps it, for the state of the world.
    body: Option<Bytes>,
    /// It is of an offer that the node may have been given on another stream.
    guess: bool,
}

/// A response that the node has not answered.
#[derive(Debug)]
pub(super) struct Sent {
    pub nonce: String,
    /// The version of the offer.
    pub offer: String,
    /// When it was sent, in milliseconds.
    pub at: u64,
    /// Nobody waits for the answer any longer.
    pub late: bool,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    name: String,
    before: Option<Known>,
    /// The version that was sent; None: removed.
    version: Option<String>,
}

impl Sent {
    pub fn names(&self) -> Vec<String> {
        self.changes.iter().map(|c| c.name.clone()).collect()
    }
}

#[derive(Debug)]
pub(super) struct Subscription {
    resources: Type,
    /// Responses hold differences.
    delta: bool,
    /// All resources of the type are wanted.
    wild: bool,
    names: BTreeSet<String>,
    known: BTreeMap<String, Known>,
    /// Names that the node asked for on this stream and that may not exist (delta).
    asked: BTreeSet<String>,
    /// The state of the world that the node says to have, until an offer tells what that is.
    claim: Option<String>,
    /// What the node said to have of this type in its first request. For clusters over delta nothing is
    /// kept of it here.
    pub said: Option<String>,
    /// The node had resources of this type when the stream began.
    pub resumed: bool,
    /// Nothing is owed to the node for having asked.
    pub answered: bool,
    /// In the order in which they were sent.
    pub outstanding: Vec<Sent>,
    /// The nonce of the last response.
    pub newest: String,
}

impl Subscription {
    /// The first request of the type on this stream.
    pub fn new(resources: Type, names: Names) -> Self {
        let mut new = Self {
            resources,
            delta: matches!(names, Names::Delta { .. }),
            wild: false,
            names: BTreeSet::new(),
            known: BTreeMap::new(),
            asked: BTreeSet::new(),
            claim: None,
            said: None,
            resumed: false,
            answered: false,
            outstanding: Vec::new(),
            newest: String::new(),
        };
        match names {
            Names::Delta {
                subscribe,
                unsubscribe,
                has,
            } => {
                new.wild = subscribe.is_empty();
                new.change(subscribe, &unsubscribe);
                new.resumed = !has.is_empty();
                new.answered = new.resumed || !new.wild;
                if resources == Type::Routes {
                    new.said = has.values().next().cloned();
                }
                let has = has.into_iter().map(|(name, version)| {
                    // Before the last `/` is the version of an offer.
                    let version = match version.rsplit_once('/') {
                        Some((_, own)) => own.to_owned(),
                        None => version,
                    };
                    let known = Known {
                        version: Some(version),
                        body: None,
                        guess: false,
                    };
                    (name, known)
                });
                new.known = has.filter(|(name, _)| new.wants(name)).collect();
            }
            Names::World { names, has } => {
                new.wild = names.is_empty() && resources == Type::Clusters;
                new.replace(names);
                new.resumed = !has.is_empty();
                new.said = new.resumed.then(|| has.clone());
                new.claim = new.resumed.then_some(has);
            }
        }
        new
    }

    /// A later request. `is_answer`: it names a response.
    pub fn update(&mut self, names: Names, is_answer: bool) {
        match names {
            Names::Delta {
                subscribe,
                unsubscribe,
                ..
            } => {
                for name in &subscribe {
                    // The node has let go of it, or it would not ask again.
                    self.known.remove(name);
                }
                self.change(subscribe, &unsubscribe);
            }
            Names::World { names, .. } => {
                self.replace(names);
                // A request without a nonce is always answered.
                self.answered &= is_answer;
            }
        }
    }

    fn change(&mut self, subscribe: Vec<String>, unsubscribe: &[String]) {
        for name in subscribe {
            if name == "*" {
                self.wild = true;
                self.answered = false;
            } else {
                self.asked.insert(name.clone());
                self.names.insert(name);
            }
        }
        for name in unsubscribe {
            if name == "*" {
                self.wild = false;
            }
            self.names.remove(name);
            self.asked.remove(name);
            self.known.remove(name);
        }
        self.forget_unwanted();
    }

    fn replace(&mut self, names: Vec<String>) {
        let all = names.iter().any(|n| n == "*");
        // An empty list means all until there was another, and none from then on.
        self.wild = all || (self.wild && names.is_empty());
        self.names = names.into_iter().filter(|n| n != "*").collect();
        self.forget_unwanted();
    }

    fn forget_unwanted(&mut self) {
        if !self.wild {
            self.known.retain(|name, _| self.names.contains(name));
        }
    }

    pub fn size(&self) -> usize {
        self.names.len()
    }

    pub fn wants(&self, name: &str) -> bool {
        self.wild || self.names.contains(name)
    }

    /// Whether the node wants anything at all.
    pub fn is_empty(&self) -> bool {
        !self.wild && self.names.is_empty()
    }

    fn of<'o>(&self, offer: &'o Offer) -> &'o BTreeMap<Arc<str>, Arc<Resource>> {
        match self.resources {
            Type::Clusters => &offer.clusters,
            Type::Routes => &offer.routes,
        }
    }

    /// All resources that the node is to have.
    pub fn wanted<'o>(&self, offer: &'o Offer) -> impl Iterator<Item = &'o Resource> {
        let all = self.of(offer).values().map(Arc::as_ref);
        all.filter(|r| self.wants(&r.name))
    }

    /// The resources that the node is to have and is not known to have.
    pub fn changed<'o>(&self, offer: &'o Offer) -> impl Iterator<Item = &'o Resource> {
        self.wanted(offer).filter(|r| {
            let known = self.known.get(&*r.name);
            known.and_then(|k| k.version.as_ref()) != Some(&r.version)
        })
    }

    /// Whether the node is to be sent resources.
    pub fn owes(&self, offer: &Offer) -> bool {
        let unanswered = !self.answered && self.wanted(offer).next().is_some();
        unanswered || self.changed(offer).next().is_some()
    }

    /// The names that the node has, or asks for, and that are not in the offer.
    pub fn gone(&self, offer: &Offer) -> BTreeSet<String> {
        let names = self.known.keys().chain(&self.asked);
        let gone = names.filter(|n| !self.of(offer).contains_key(n.as_str()));
        gone.cloned().collect()
    }

    /// The names that the node asks for and that are not in the offer.
    pub fn missing<'s>(&'s self, offer: &'s Offer) -> impl Iterator<Item = &'s String> {
        self.names
            .iter()
            .filter(|n| !self.of(offer).contains_key(n.as_str()))
    }

    /// Whether all that the node has of this type is the offer's, accepted.
    pub fn has_only(&self, offer: &Offer) -> bool {
        let unknown =
            self.resumed && (self.missing(offer).next().is_some() || self.of(offer).is_empty());
        self.outstanding.is_empty()
            && !unknown
            && self.changed(offer).next().is_none()
            && self
                .known
                .keys()
                .all(|n| self.of(offer).contains_key(n.as_str()))
    }

    /// Whether the node has all of the offer that it wants of this type, accepted.
    pub fn has_all(&self, offer: &Offer) -> bool {
        self.answered && self.outstanding.is_empty() && self.changed(offer).next().is_none()
    }

    /// Finds out what the state of the world is that the node said to have.
    /// `past`: offers that it may have been given, the newest last.
    pub fn resolve(&mut self, offer: &Offer, past: &[Arc<Offer>]) {
        let Some(claim) = self.claim.take() else {
            return;
        };
        let digest_of = |offer: &Offer| digest(self.wanted(offer).map(|r| (&r.name, &r.version)));
        let claimed = claim.rsplit('/').next().unwrap_or_default();
        let had = std::iter::once(offer)
            .chain(past.iter().rev().map(AsRef::as_ref))
            .find(|o| digest_of(o) == claimed);
        let had: Vec<(String, Known)> = match had {
            Some(had) => {
                self.answered = true;
                self.wanted(had)
                    .map(|r| (r.name.to_string(), known(r)))
                    .collect()
            }
            // Routes are sent whole, so that nothing of the old ones is needed.
            None if self.resources == Type::Routes => Vec::new(),
            None => {
                let all = past.iter().flat_map(|o| self.wanted(o));
                let uncertain = |r| Known {
                    version: None,
                    guess: true,
                    ..known(r)
                };
                all.map(|r| (r.name.to_string(), uncertain(r))).collect()
            }
        };
        self.known.extend(had);
    }

    /// What a response of the state of the world holds: the wanted resources, and those that are kept.
    pub fn world(&self, offer: &Offer, leaving: &BTreeSet<String>) -> (String, Vec<Bytes>) {
        let mut all: BTreeMap<&str, (&str, Bytes)> = BTreeMap::new();
        if self.resources == Type::Clusters {
            for (name, known) in self.known.iter().filter(|(n, _)| !leaving.contains(*n)) {
                if let Some(body) = &known.body {
                    let version = known.version.as_deref().unwrap_or_default();
                    all.insert(name.as_str(), (version, body.clone()));
                }
            }
        }
        for r in self.wanted(offer) {
            all.insert(&r.name, (&r.version, r.body.clone()));
        }
        let digest = digest(all.iter().map(|(name, (version, _))| (name, version)));
        let version = format!("{}/{digest}", offer.version);
        (version, all.into_values().map(|(_, body)| body).collect())
    }

    /// Notes that a response with these resources was sent.
    pub fn sent(&mut self, mut sent: Sent, resources: &[&Resource], removed: &BTreeSet<String>) {
        for r in resources {
            let mut now = known(r);
            if self.delta {
                now.body = None;
            }
            let before = self.known.insert(r.name.to_string(), now);
            self.asked.remove(&*r.name);
            sent.changes.push(Change {
                name: r.name.to_string(),
                before,
                version: Some(r.version.clone()),
            });
        }
        for name in removed {
            self.asked.remove(name);
            sent.changes.push(Change {
                name: name.clone(),
                before: self.known.remove(name),
                version: None,
            });
        }
        self.answered = true;
        self.newest.clone_from(&sent.nonce);
        self.outstanding.push(sent);
    }

    /// Credits an answer to the response that it names, and to those before it, which Envoy may skip.
    /// Returns the offer of that response, or none if nothing that is unanswered has the nonce.
    pub fn settle(&mut self, nonce: &str, rejected: Option<&str>) -> Option<String> {
        let at = self.outstanding.iter().position(|s| s.nonce == nonce)?;
        let mut settled: Vec<Sent> = self.outstanding.drain(..=at).collect();
        let offer = settled.last().map(|s| s.offer.clone());
        let Some(reason) = rejected else {
            for known in self.known.values_mut() {
                known.guess = false;
            }
            return offer;
        };
        // One resource that was rejected is as before. Of several, those that are good were taken.
        let certain = settled.len() == 1;
        while let Some(sent) = settled.pop() {
            self.undo(sent, certain);
        }
        // What was kept on a guess and rejected would be rejected again, for ever.
        self.known
            .retain(|name, known| !known.guess || !reason.contains(name.as_str()));
        offer
    }

    fn undo(&mut self, sent: Sent, certain: bool) {
        let certain = certain && sent.changes.len() == 1;
        for change in sent.changes {
            let now = self.known.get(&change.name);
            let now = now.and_then(|k| k.version.as_ref());
            if now != change.version.as_ref() {
                continue; // a later response has changed it again
            }
            let uncertain = Known {
                version: None,
                body: change.before.as_ref().and_then(|k| k.body.clone()),
                guess: false,
            };
            match change.before {
                None if certain || change.version.is_none() => {
                    self.known.remove(&change.name);
                }
                Some(before) if certain && change.version.is_some() => {
                    self.known.insert(change.name, before);
                }
                _ => {
                    self.known.insert(change.name, uncertain);
                }
            }
        }
    }
}

impl Sent {
    pub fn new(nonce: String, offer: String, at: u64) -> Self {
        Self {
            nonce,
            offer,
            at,
            late: false,
            changes: Vec::new(),
        }
    }
}

fn known(r: &Resource) -> Known {
    Known {
        version: Some(r.version.clone()),
        body: Some(r.body.clone()),
        guess: false,
    }
}

/// Says which resources a set has: the same for the same names and versions, and for no others.
fn digest<N: AsRef<str>, V: AsRef<str>>(set: impl Iterator<Item = (N, V)>) -> String {
    let mut hash = Sha256::new();
    for (name, version) in set {
        for text in [name.as_ref(), version.as_ref()] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
    }
    hex::encode(&hash.finalize()[..16])
}
