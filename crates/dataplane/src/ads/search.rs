//! Finds the policies that an Envoy refuses, so that all others move on.
//!
//! Envoy takes a route configuration as a whole or refuses it as a whole. After a refusal the forms
//! that are new to the node are divided: one half is offered with everything else as it was, then the
//! other half, and so on, until single forms are left. A refused form is replaced by the newest one
//! that the node takes; with none, the policy's requests are answered with 503.
//!
//! ```text
//!  forms ─► Search ─► Composition ─► compose ─► offer ─► Stream
//!              ▲                                            │
//!              └── taken, refused ◄── Report::Taken, Nack ──┘
//! ```
//!
//! Each node finds out by itself: everything is offered first, whatever other nodes refuse. What is known
//! from elsewhere ([`Doubt`]) only shortens the search after a refusal: doubtful forms are tried last.
//!
//! As long as a node that had a configuration has taken nothing on this stream, nothing that it may have
//! is left out: a policy is offered in the form that the node had, or as it is.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use traffic_manager_core::ids::TenantName;

use crate::envoy::{Form, Forms, Offer, PolicyKey, compose};

/// Compositions that a stream may still be asked about.
const TRIALS: usize = 8;

/// Policies that are blamed without the node taking anything in between. A node that refuses everything is
/// left with what it has.
const BLAMED: usize = 64;

/// Refused forms of one policy that are remembered.
const REFUSED: usize = 8;

/// Forms, with some of them replaced.
#[derive(Debug, Clone, Default)]
pub struct Composition {
    base: Arc<Forms>,
    instead: Arc<BTreeMap<PolicyKey, Arc<Form>>>,
}

impl Composition {
    /// Returns these forms with none replaced.
    pub fn whole(base: Arc<Forms>) -> Self {
        Self {
            base,
            instead: Arc::default(),
        }
    }

    /// Returns forms with the given ones in the places of theirs. Policies that are not there stay away.
    pub fn with(base: Arc<Forms>, instead: BTreeMap<PolicyKey, Arc<Form>>) -> Self {
        let instead = Arc::new(instead);
        Self { base, instead }
    }

    /// Returns the version of the forms' model, and what differs for each set of replacements.
    pub fn version(&self) -> String {
        let marks = self.marks();
        match marks.is_empty() {
            true => self.base.version.clone(),
            false => format!("{}~{marks}", self.base.version),
        }
    }

    /// Returns a text that tells the sets of replacements of the same forms apart; empty for none.
    pub fn marks(&self) -> String {
        match self.instead.is_empty() {
            true => String::new(),
            false => Forms::digest(self.instead.values()),
        }
    }

    /// Returns the forms that are offered.
    pub fn forms(&self) -> Vec<Arc<Form>> {
        let chosen = |form: &Arc<Form>| self.instead.get(&form.key).unwrap_or(form).clone();
        self.base.all.iter().map(chosen).collect()
    }

    /// Returns the offer.
    pub fn offer(&self) -> Offer {
        let instead = |form: &Form| self.instead.contains_key(&form.key);
        compose(self.version(), &self.forms(), instead)
    }

    fn get(&self, key: &PolicyKey) -> Option<&Arc<Form>> {
        let form = self.base.get(key)?;
        Some(self.instead.get(key).unwrap_or(form))
    }
}

/// A form that some node has refused.
#[derive(Debug, Clone)]
pub struct Doubt {
    /// The hash of the refused form.
    pub hash: String,
    /// The form that nodes have instead.
    pub instead: Option<Arc<Form>>,
}

/// Forms that nodes have refused, by their policies.
pub type Doubts = BTreeMap<PolicyKey, Doubt>;

/// What a node had when its stream began.
#[derive(Debug, Default)]
pub struct Past {
    /// The forms.
    pub forms: Arc<Forms>,
    /// The tenants of which that is known.
    pub tenants: BTreeSet<TenantName>,
}

/// What came out.
#[derive(Debug)]
pub enum Finding {
    /// The node refuses a policy's present form.
    Refused {
        /// The form.
        form: Arc<Form>,
        /// What the node has instead; `None`: it answers the policy's requests with 503.
        instead: Option<Arc<Form>>,
        /// The node's words.
        reason: String,
    },
    /// The node takes the present form of a policy of which it refused others, or the policy is gone.
    Released {
        /// The policy.
        key: PolicyKey,
        /// The hashes of the refused forms.
        refused: Vec<String>,
    },
    /// The node refuses a configuration in which nothing is new to it. It keeps what it has.
    Stuck(String),
    /// What the node has is needed before the search can go on: call [`Search::remember`].
    PastNeeded,
}

/// The search for what one node refuses.
#[derive(Debug, Default)]
pub struct Search {
    wanted: Arc<Forms>,
    doubts: Doubts,
    /// What the node took last on this stream.
    taken: Option<Composition>,
    /// The node had a configuration when the stream began.
    is_resumed: bool,
    /// What the node may have had then.
    past: Option<Arc<Past>>,
    /// The hashes of refused forms, with the node's words.
    refused: BTreeMap<PolicyKey, BTreeMap<String, String>>,
    /// Policies whose present forms are still to be tried; the last group is the one that is
    /// offered now.
    groups: Vec<BTreeSet<PolicyKey>>,
    trials: VecDeque<(String, Composition)>,
    /// A refusal that waits for the past.
    waiting: Option<(String, String)>,
    /// Policies that were blamed since the node took anything.
    blamed: usize,
    is_stuck: bool,
}

impl Search {
    /// Tells that the node had a configuration when the stream began: before it is known which, no
    /// policy may be left without routes for the sake of the search.
    pub fn resume(&mut self) {
        self.is_resumed = true;
    }

    /// Gives the forms that the node had when the stream began; `None` if nobody knows. Returns what
    /// came out of a refusal that waited for them.
    pub fn remember(&mut self, past: Option<Arc<Past>>) -> Vec<Finding> {
        self.past = past;
        let Some((version, reason)) = self.waiting.take() else {
            return Vec::new();
        };
        match self.past {
            Some(_) => self.refused(&version, &reason),
            None => {
                self.is_stuck = true;
                vec![Finding::Stuck(reason)]
            }
        }
    }

    /// Takes what the node is to have.
    pub fn offer(&mut self, wanted: Arc<Forms>) {
        self.wanted = wanted;
        self.is_stuck = false;
        self.forget_tried();
    }

    /// Returns what the node is to have.
    pub fn wanted(&self) -> &Arc<Forms> {
        &self.wanted
    }

    /// Returns whether the node has other forms of a tenant's policies than it is to have.
    pub fn lacks(&self, tenant: &TenantName) -> bool {
        let Some(taken) = &self.taken else {
            return true;
        };
        let mut of_tenant = taken
            .instead
            .iter()
            .filter(|(key, _)| key.tenant == *tenant);
        of_tenant.any(|(key, form)| {
            let wanted = taken.base.get(key);
            wanted.is_some_and(|wanted| wanted.hash != form.hash)
        })
    }

    /// Takes what is known of refusals elsewhere. Needed only before [`Search::refused`].
    pub fn doubt(&mut self, doubts: Doubts) {
        self.doubts = doubts;
    }

    /// Returns what to offer now; `None`: nothing but what the node refuses is left.
    pub fn composition(&mut self) -> Option<Composition> {
        if self.is_stuck || self.waiting.is_some() {
            return None;
        }
        let waiting = self.groups.split_last().map_or(&[][..], |(_, rest)| rest);
        let keys = self.refused.keys().chain(waiting.iter().flatten());
        let mut instead = BTreeMap::new();
        for key in keys {
            let Some(form) = self.wanted.get(key) else {
                continue;
            };
            let waits = waiting.iter().any(|group| group.contains(key));
            if waits || self.has_refused(form) {
                let other = self.other(form);
                let other = other.unwrap_or_else(|| Arc::new(form.without_routes()));
                instead.insert(key.clone(), other);
            }
        }
        let next = Composition::with(self.wanted.clone(), instead);
        let version = next.version();
        self.trials.retain(|(old, _)| *old != version);
        self.trials.push_back((version, next.clone()));
        if self.trials.len() > TRIALS {
            self.trials.pop_front();
        }
        Some(next)
    }

    /// Takes the news that the node uses a composition.
    pub fn taken(&mut self, version: &str) -> Vec<Finding> {
        let Some((_, taken)) = self.trials.iter().find(|(old, _)| old == version) else {
            return Vec::new();
        };
        let is_newest = self.trials.back().is_some_and(|(new, _)| new == version);
        self.taken = Some(taken.clone());
        self.blamed = 0;
        if is_newest {
            self.groups.pop();
        }
        self.forget_tried();
        let wanted = &self.wanted;
        let taken = self.taken.as_ref();
        let is_over = |key: &PolicyKey| match (wanted.get(key), taken.and_then(|all| all.get(key)))
        {
            (None, _) => true,
            (Some(wanted), Some(taken)) => wanted.hash == taken.hash,
            _ => false,
        };
        let (over, left) = std::mem::take(&mut self.refused)
            .into_iter()
            .partition(|(key, _)| is_over(key));
        self.refused = left;
        let over: BTreeMap<PolicyKey, BTreeMap<String, String>> = over;
        let released = over.into_iter().map(|(key, refused)| Finding::Released {
            key,
            refused: refused.into_keys().collect(),
        });
        released.collect()
    }

    /// Takes the news that the node refuses a composition.
    pub fn refused(&mut self, version: &str, reason: &str) -> Vec<Finding> {
        // An older composition was replaced by the newest, which is tried for itself.
        let Some((_, trial)) = self.trials.back().filter(|(new, _)| new == version) else {
            return Vec::new();
        };
        if self.is_resumed && self.taken.is_none() && self.past.is_none() {
            self.waiting = Some((version.to_owned(), reason.to_owned()));
            return vec![Finding::PastNeeded];
        }
        let trial = trial.clone();
        let (present, older) = self.suspects(&trial);
        if !older.is_empty() {
            // They may be what is refused, and nobody needs to be told of them.
            older.iter().for_each(|form| self.refuse(form, reason));
            return Vec::new();
        }
        match present.as_slice() {
            [only] if self.blamed < BLAMED => self.blame(only, reason),
            [] | [_] => {
                self.is_stuck = true;
                vec![Finding::Stuck(reason.to_owned())]
            }
            several => {
                self.divide(several, reason);
                Vec::new()
            }
        }
    }

    /// Returns the forms of a refused trial that are new to the node: the present ones of their
    /// policies, and those that are there instead.
    fn suspects(&self, trial: &Composition) -> (Vec<Arc<Form>>, Vec<Arc<Form>>) {
        let is_suspect = |form: &Arc<Form>| self.is_new(form) && !self.may_be_had(form);
        let is_present = |form: &Arc<Form>| {
            let wanted = self.wanted.get(&form.key);
            wanted.is_some_and(|wanted| wanted.hash == form.hash)
        };
        let suspects = trial.forms().into_iter().filter(is_suspect);
        suspects.partition(is_present)
    }

    /// Whether the node, which has taken nothing yet on this stream, may have this form.
    fn may_be_had(&self, form: &Form) -> bool {
        if !self.is_resumed || self.taken.is_some() {
            return false;
        }
        self.past.as_ref().is_none_or(|past| {
            let had = past.forms.get(&form.key);
            !past.tenants.contains(&form.key.tenant) || had.is_some_and(|had| had.hash == form.hash)
        })
    }

    fn refuse(&mut self, form: &Form, reason: &str) {
        let words = self.refused.entry(form.key.clone()).or_default();
        if words.len() >= REFUSED {
            words.clear();
        }
        words.insert(form.hash.clone(), reason.to_owned());
    }

    fn blame(&mut self, form: &Arc<Form>, reason: &str) -> Vec<Finding> {
        self.refuse(form, reason);
        self.blamed += 1;
        for group in &mut self.groups {
            group.remove(&form.key);
        }
        self.groups.retain(|group| !group.is_empty());
        vec![Finding::Refused {
            form: form.clone(),
            instead: self.other(form),
            reason: reason.to_owned(),
        }]
    }

    fn divide(&mut self, several: &[Arc<Form>], reason: &str) {
        let keys: BTreeSet<_> = several.iter().map(|form| form.key.clone()).collect();
        for group in &mut self.groups {
            group.retain(|key| !keys.contains(key));
        }
        self.groups.retain(|group| !group.is_empty());
        let these = |is_it: &dyn Fn(&Form) -> bool| {
            let these = several.iter().filter(|form| is_it(form));
            these.map(|form| form.key.clone()).collect::<BTreeSet<_>>()
        };
        let named = these(&|form| form.is_named_in(reason));
        let doubtful = these(&|form| {
            let doubt = self.doubts.get(&form.key);
            doubt.is_some_and(|doubt| doubt.hash == form.hash)
        });
        let (first, second) = if named.len() == 1 {
            (keys.difference(&named).cloned().collect(), named)
        } else if (1..keys.len()).contains(&doubtful.len()) {
            (keys.difference(&doubtful).cloned().collect(), doubtful)
        } else {
            let mut first = keys;
            let middle = several[several.len() / 2].key.clone();
            let second = first.split_off(&middle);
            (first, second)
        };
        self.groups.push(second);
        self.groups.push(first);
    }

    /// Returns the form that is offered instead of a policy's present one: the newest that the node has
    /// not refused.
    fn other(&self, form: &Form) -> Option<Arc<Form>> {
        let key = &form.key;
        let had = match &self.taken {
            Some(taken) => taken.get(key),
            None => self.past.as_ref().and_then(|past| past.forms.get(key)),
        };
        let doubt = self.doubts.get(key);
        let doubt = doubt.filter(|doubt| doubt.hash == form.hash);
        [had, doubt.and_then(|doubt| doubt.instead.as_ref())]
            .into_iter()
            .flatten()
            .find(|other| !other.is_empty() && !self.has_refused(other) && other.hash != form.hash)
            .cloned()
    }

    /// Whether a text names a policy of another tenant than this one, or a host of such a policy.
    pub fn names_others(&self, tenant: &TenantName, text: &str) -> bool {
        let mut others = self
            .wanted
            .all
            .iter()
            .filter(|form| form.key.tenant != *tenant);
        others.any(|form| form.is_named_in(text) || form.has_host_in(text))
    }

    fn has_refused(&self, form: &Form) -> bool {
        let of_policy = self.refused.get(&form.key);
        of_policy.is_some_and(|hashes| hashes.contains_key(&form.hash))
    }

    /// Whether the node is not known to take this form.
    fn is_new(&self, form: &Form) -> bool {
        let taken = self.taken.as_ref().and_then(|taken| taken.get(&form.key));
        !form.is_empty() && taken.is_none_or(|taken| taken.hash != form.hash)
    }

    fn is_untried(&self, form: &Form) -> bool {
        self.is_new(form) && !self.has_refused(form)
    }

    /// Leaves those in the groups of which it is not known whether the node takes them.
    fn forget_tried(&mut self) {
        let mut groups = std::mem::take(&mut self.groups);
        for group in &mut groups {
            group.retain(|key| {
                let wanted = self.wanted.get(key);
                wanted.is_some_and(|form| self.is_untried(form))
            });
        }
        groups.retain(|group| !group.is_empty());
        self.groups = groups;
    }
}
