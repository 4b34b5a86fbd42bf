//! The nodes of one tenant.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use super::{Entry, Millis, Needs, NodeKey, NodeState, Record, Sighting, Times};
use crate::{ids::DialectName, tag::VersionTag};

/// There is no place for one more node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tenant has no place for another node")]
pub struct Full;

/// The numbers of a tenant's nodes, for metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The nodes, by dialect and state.
    pub nodes: BTreeMap<(Option<DialectName>, NodeState), u64>,
    /// The most revisions that a node that is there is behind.
    pub worst_lag: u64,
}

/// The nodes of one tenant, as one instance knows them.
#[derive(Debug)]
pub struct NodeTable {
    instance: Arc<str>,
    times: Times,
    nodes: HashMap<NodeKey, Entry>,
    due: VecDeque<NodeKey>,
    /// When the last node was refused for want of a place.
    crowded: Option<Millis>,
}

impl NodeTable {
    /// A table without nodes, of the instance of this name.
    pub fn new(instance: Arc<str>, times: Times) -> Self {
        Self {
            instance,
            times,
            nodes: HashMap::new(),
            due: VecDeque::new(),
            crowded: None,
        }
    }

    /// The number of nodes, lost ones included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a node had no place within the last window, so that the table does not have all nodes.
    pub fn is_crowded(&self, now: Millis) -> bool {
        self.crowded
            .is_some_and(|at| now <= at + self.times.silent_after)
    }

    /// Takes a request that this instance saw. At most `places` nodes have a place. Returns whether the
    /// node says something that it did not say before.
    pub fn saw(&mut self, key: NodeKey, sighting: Sighting, places: usize) -> Result<bool, Full> {
        let at = sighting.at;
        let (instance, times) = (self.instance.clone(), self.times);
        let (entry, is_new) = self.entry(&key, at, places)?;
        entry.touch(at, &instance, &times);
        let is_news = entry.hear(sighting);
        if is_news || is_new || entry.told == 0 {
            self.plan(key);
        }
        Ok(is_news || is_new)
    }

    /// A connection of a node waits at this instance from now on, until [`NodeTable::left`]. Nodes without
    /// a place do not wait here.
    pub fn waits(&mut self, key: &NodeKey, at: Millis, places: usize) -> Result<(), Full> {
        let (instance, times) = (self.instance.clone(), self.times);
        let (entry, is_new) = self.entry(key, at, places)?;
        entry.touch(at, &instance, &times);
        entry.open += 1;
        if is_new {
            self.plan(key.clone());
        }
        Ok(())
    }

    /// A connection of a node waits no longer.
    pub fn left(&mut self, key: &NodeKey, at: Millis) {
        if let Some(entry) = self.nodes.get_mut(key) {
            entry.seen = entry.last(at);
            entry.instance = self.instance.clone();
            entry.open = entry.open.saturating_sub(1);
        }
    }

    /// Takes what another instance tells. Returns whether the node says something that it did not say before.
    pub fn learn(&mut self, record: Record, places: usize) -> Result<bool, Full> {
        let (key, times) = (record.key.clone(), self.times);
        let (entry, is_new) = self.entry(&key, record.seen, places)?;
        Ok(entry.learn(record, &times) || is_new)
    }

    /// Returns what the other instances have to know: at most `most` nodes, and none that was told within
    /// [`Times::PAUSE`].
    pub fn due(&mut self, now: Millis, most: usize) -> Vec<Record> {
        let mut records = Vec::new();
        for _ in 0..self.due.len() {
            if records.len() >= most {
                break;
            }
            let Some(key) = self.due.pop_front() else {
                break;
            };
            let Some(entry) = self.nodes.get_mut(&key) else {
                continue;
            };
            if now < entry.told_at + Times::PAUSE && entry.told_at <= now {
                self.due.push_back(key);
                continue;
            }
            entry.is_due = false;
            entry.told = entry.last(now);
            entry.told_at = now;
            records.push(entry.record(key, now));
        }
        records
    }

    /// Nothing can be told now: [`NodeTable::tell_all`] follows once it can.
    pub fn cannot_tell(&mut self) {
        self.due.clear();
        self.nodes
            .values_mut()
            .for_each(|entry| entry.is_due = false);
    }

    /// Forgets the nodes that came before the tenant was deleted, and returns them. Those that wait here leave by
    /// themselves first.
    pub fn forget_before(&mut self, deleted: Millis) -> Vec<NodeKey> {
        let is_gone = |entry: &Entry| entry.open == 0 && entry.came <= deleted;
        let gone = self.nodes.extract_if(|_, entry| is_gone(entry));
        gone.map(|(key, _)| key).collect()
    }

    /// Forgets a node, if it came before `deleted` and does not wait here.
    pub fn forget(&mut self, key: &NodeKey, deleted: Millis) {
        if let Some(entry) = self.nodes.get(key)
            && entry.open == 0
            && entry.came <= deleted
        {
            self.nodes.remove(key);
        }
    }

    /// Plans to tell about a node once more.
    pub fn again(&mut self, key: NodeKey) {
        self.plan(key);
    }

    /// Plans to tell all that this instance knows better than the others: every node that it saw last.
    pub fn tell_all(&mut self) {
        let mine: Vec<_> = self
            .nodes
            .iter()
            .filter(|(_, entry)| entry.instance == self.instance)
            .map(|(key, _)| key.clone())
            .collect();
        for key in mine {
            self.plan(key);
        }
    }

    /// Once a second: plans to tell who is still there, and forgets nodes that have been lost for long, or that
    /// keep places from others. `places`: how many nodes may have one.
    pub fn sweep(&mut self, now: Millis, places: usize) {
        let times = self.times;
        let mut due = Vec::new();
        for (key, entry) in &mut self.nodes {
            let last = entry.last(now);
            if last > entry.told && now >= entry.told + times.refresh() && !entry.is_due {
                due.push(key.clone());
            }
        }
        due.into_iter().for_each(|key| self.plan(key));
        let gone = |entry: &Entry| {
            let end = entry.last(now) + times.window(entry.interval);
            now > end + times.forget_after
        };
        self.nodes.retain(|_, entry| !gone(entry));
        self.make_room(now, places);
    }

    /// Returns up to `limit` nodes after a key, in the order of their keys.
    pub fn page<'a>(
        &'a self,
        after: Option<&NodeKey>,
        limit: usize,
        is_wanted: impl Fn(&NodeKey, &Entry) -> bool,
    ) -> Vec<(&'a NodeKey, &'a Entry)> {
        let mut page = BTreeMap::new();
        for (key, entry) in &self.nodes {
            if after.is_none_or(|after| key > after) && is_wanted(key, entry) {
                page.insert(key, entry);
                if page.len() > limit {
                    page.pop_last();
                }
            }
        }
        page.into_iter().collect()
    }

    /// Returns the numbers of nodes by dialect and state.
    pub fn tally(&self, needs: &mut Needs<'_>, now: Millis) -> Tally {
        let mut tally = Tally::default();
        for (key, entry) in &self.nodes {
            let needed = needs.of(&key.scope);
            let state = entry.state(needed, None, now, &self.times);
            let dialect = entry.statement.dialect.clone();
            *tally.nodes.entry((dialect, state)).or_default() += 1;
            if state != NodeState::Lost {
                tally.worst_lag = tally.worst_lag.max(entry.lag(needed));
            }
        }
        tally
    }

    /// Returns every node.
    pub fn iter(&self) -> impl Iterator<Item = (&NodeKey, &Entry)> {
        self.nodes.iter()
    }

    /// Returns the times that nodes are judged by.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// Returns the state of a node that has to run `needed`.
    pub fn state(&self, entry: &Entry, needed: &VersionTag, now: Millis) -> NodeState {
        entry.state(needed, None, now, &self.times)
    }

    fn plan(&mut self, key: NodeKey) {
        if let Some(entry) = self.nodes.get_mut(&key)
            && !entry.is_due
        {
            entry.is_due = true;
            self.due.push_back(key);
        }
    }

    fn entry(
        &mut self,
        key: &NodeKey,
        at: Millis,
        places: usize,
    ) -> Result<(&mut Entry, bool), Full> {
        let is_new = !self.nodes.contains_key(key);
        if is_new {
            if self.nodes.len() >= places {
                self.crowded = self.crowded.max(Some(at));
                return Err(Full);
            }
            let entry = Entry::new(self.instance.clone(), at);
            self.nodes.insert(key.clone(), entry);
        }
        self.nodes
            .get_mut(key)
            .map(|entry| (entry, is_new))
            .ok_or(Full)
    }

    /// Forgets lost nodes, those that have been silent longest first, until a tenth of the places is free.
    fn make_room(&mut self, now: Millis, places: usize) {
        let wanted = places - places / 10;
        let surplus = self.nodes.len().saturating_sub(wanted);
        if surplus == 0 {
            return;
        }
        let lost = |(key, entry): (&NodeKey, &Entry)| {
            (!entry.is_live(now, &self.times)).then(|| (entry.seen, key.clone()))
        };
        let mut lost: Vec<_> = self.nodes.iter().filter_map(lost).collect();
        lost.sort_unstable();
        for (_, key) in lost.into_iter().take(surplus) {
            self.nodes.remove(&key);
        }
    }
}
