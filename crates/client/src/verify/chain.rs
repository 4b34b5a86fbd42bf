//! One chain: its links, their order and their hashes.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{ChainFault, ChainReport, FaultKind};

type Hash = [u8; 32];

/// The hash that the first event names as the one before it.
const GENESIS: Hash = [0; 32];

/// What is kept of an event.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    revision: u64,
    item: u64,
    items: u64,
    before: Hash,
    hash: Hash,
}

/// The events of a tenant and epoch.
#[derive(Debug, Default)]
pub struct Chain {
    links: Vec<Link>,
    /// The faults of contents, by their place.
    faults: Vec<((u64, u64), FaultKind)>,
    pub checkpoint: Option<(u64, String)>,
}

impl Link {
    /// Reads the members that make an event a link; `None` if one is missing or malformed.
    pub fn read(event: &Value) -> Option<Self> {
        let hash = |name: &str| hash(event.get(name)?.as_str()?);
        Some(Self {
            revision: event.get("revision")?.as_u64()?,
            item: event.get("item")?.as_u64()?,
            items: event.get("items")?.as_u64()?,
            before: hash("prev_hash")?,
            hash: hash("hash")?,
        })
    }

    fn place(&self) -> (u64, u64) {
        (self.revision, self.item)
    }

    fn fault(&self, kind: FaultKind) -> ChainFault {
        ChainFault {
            revision: self.revision,
            item: self.item,
            kind,
        }
    }
}

/// Reads a hash, which has lower-case digits.
fn hash(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    (hex::encode(hash) == text).then_some(hash)
}

/// Returns a fault if the content of an event has another hash than the event states.
pub fn content_fault(event: &Value, link: &Link) -> Option<FaultKind> {
    let mut content = event.clone();
    content.as_object_mut()?.remove("hash");
    match serde_json_canonicalizer::to_vec(&content) {
        Ok(bytes) => {
            let computed: Hash = Sha256::digest(bytes).into();
            (computed != link.hash).then(|| FaultKind::Edited(hex::encode(computed)))
        }
        Err(error) => Some(FaultKind::Edited(error.to_string())),
    }
}

impl Chain {
    pub fn add(&mut self, link: Link, fault: Option<FaultKind>) {
        self.faults.extend(fault.map(|fault| (link.place(), fault)));
        self.links.push(link);
    }

    /// Checks the chain.
    pub fn report(mut self, tenant: String, epoch: String, from_middle: bool) -> ChainReport {
        let proven = self
            .checkpoint
            .as_ref()
            .map_or(0, |(revision, _)| *revision);
        self.links
            .retain(|link| proven == 0 || link.revision > proven);
        self.links.sort_unstable_by_key(Link::place);
        let revisions = self.links.first().zip(self.links.last());
        let last = self.links.last().map(|last| hex::encode(last.hash));
        ChainReport {
            tenant,
            epoch,
            events: self.links.len(),
            revisions: revisions.map(|(first, last)| (first.revision, last.revision)),
            fault: self.fault(from_middle),
            head: last.or_else(|| self.checkpoint.map(|(_, hash)| hash)),
        }
    }

    /// Returns the first fault. The links are sorted.
    fn fault(&self, from_middle: bool) -> Option<ChainFault> {
        let mut previous: Option<&Link> = None;
        for link in &self.links {
            let content = self.faults.iter().find(|(place, _)| *place == link.place());
            let kind = content.map(|(_, kind)| kind.clone());
            let kind = kind.or_else(|| self.link_fault(previous, link, from_middle));
            if let Some(kind) = kind {
                return Some(link.fault(kind));
            }
            previous = Some(link);
        }
        let last = previous?;
        let is_finished = last.item + 1 >= last.items;
        (!is_finished).then(|| last.fault(FaultKind::Unfinished(last.items)))
    }

    fn link_fault(
        &self,
        previous: Option<&Link>,
        link: &Link,
        from_middle: bool,
    ) -> Option<FaultKind> {
        if previous.is_some_and(|previous| previous.place() == link.place()) {
            return Some(FaultKind::Doubled);
        }
        let checkpoint = self.checkpoint.as_ref();
        let (revision, item, items) = match (previous, checkpoint) {
            (Some(last), _) if last.item + 1 < last.items => {
                (last.revision, last.item + 1, last.items)
            }
            (Some(last), _) => (last.revision.saturating_add(1), 0, link.items),
            (None, Some((revision, _))) => (revision.saturating_add(1), 0, link.items),
            (None, None) if from_middle => (link.revision, link.item, link.items),
            (None, None) => (1, 0, link.items),
        };
        let is_placed = (link.revision, link.item, link.items) == (revision, item, items);
        if !is_placed || link.revision == 0 || link.item >= link.items {
            return Some(FaultKind::Missing(revision, item));
        }
        let expected = match (previous, checkpoint) {
            _ if link.place() == (1, 0) => Some(GENESIS),
            (Some(previous), _) => Some(previous.hash),
            // A text that is no hash matches nothing.
            (None, Some((_, kept))) => match hash(kept) {
                Some(kept) => Some(kept),
                None => return Some(FaultKind::Broken),
            },
            (None, None) => None,
        };
        let is_broken = expected.is_some_and(|expected| expected != link.before);
        is_broken.then_some(FaultKind::Broken)
    }
}
