//! What a watcher keeps over a restart, and what of it is believed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use traffic_manager_core::{
    ids::TenantName,
    snapshot::{Scope, body::BadBody},
    tag::{Epoch, VersionTag},
};

use super::{
    Follower, Held, MAX_LEFT, Refusal, State,
    signatures::{Checked, MAX_TEXT},
};

/// How much younger a confirmation is that is worth another file.
const CONFIRMED: SignedDuration = SignedDuration::from_mins(10);

/// The state of a watcher as its file has it, without the snapshot's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The tenant that the watcher follows.
    pub tenant: TenantName,
    /// The part of the tenant.
    pub scope: Scope,
    /// The epochs that the watcher left, the oldest first.
    pub left: Vec<Epoch>,
    /// The tag of the snapshot.
    pub tag: VersionTag,
    /// The digest of the snapshot, 64 hex digits.
    pub digest: String,
    /// The header `TM-Signature` of the snapshot, if it came with one.
    pub signature: Option<String>,
    /// The header `TM-Confirmed` of the snapshot, if it came with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<String>,
    /// The time at which the service confirmed the snapshot last.
    pub confirmed: Timestamp,
}

/// The state of a watcher as its file has it.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Everything but the body.
    pub head: Head,
    /// The state whose snapshot is the body.
    held: Arc<Held>,
}

impl Saved {
    /// The body of the snapshot, as `GET snapshot` has it.
    pub fn body(&self) -> Vec<u8> {
        self.held.body()
    }

    /// Whether a file with the other state tells the same: when the data were confirmed may be a little older
    /// there.
    pub fn is_same(&self, other: &Self) -> bool {
        let since = self.head.confirmed.duration_since(other.head.confirmed);
        Arc::ptr_eq(&self.held, &other.held)
            && self.head.left == other.head.left
            && since < CONFIRMED
    }
}

impl Follower {
    /// Returns the state to keep over a restart; `None` without data.
    pub fn saved(&self) -> Option<Saved> {
        let held = self.held.clone()?;
        let head = Head {
            tenant: self.tenant.clone(),
            scope: self.scope.clone(),
            left: self.left.iter().cloned().collect(),
            tag: held.snapshot.tag().clone(),
            digest: hex::encode(held.digest),
            signature: held.signature.clone().filter(|text| text.len() <= MAX_TEXT),
            confirmation: held.confirmation.as_ref().map(|it| it.signed.to_string()),
            confirmed: self.confirmed.unwrap_or(Timestamp::UNIX_EPOCH),
        };
        Some(Saved { head, held })
    }

    /// Takes the state of a file, as the watcher's first data. It is the floor: the watcher never
    /// goes behind it, and never back to an epoch that it left.
    pub fn restore(&mut self, head: Head, raw: &[u8]) -> Result<(), Refusal> {
        if head.tenant != self.tenant || head.scope != self.scope {
            return Err(Refusal::Foreign);
        }
        let mut held = Held::read(raw, head.signature).map_err(|why| match why {
            BadBody::Digest { .. } => Refusal::Digest,
            BadBody::Malformed(_) | BadBody::Doubled(_) => Refusal::Malformed,
        })?;
        let tag = held.snapshot.tag();
        if *tag != head.tag || hex::encode(held.digest) != head.digest {
            return Err(Refusal::Digest);
        }
        if !self.is_mine(&held.snapshot) {
            return Err(Refusal::Foreign);
        }
        match self.check(&held, held.signature.as_deref()) {
            Checked::Good => {}
            Checked::Missing => return Err(Refusal::Unsigned),
            Checked::Bad => return Err(Refusal::Signature),
        }
        held.confirmation = self.confirmation(head.confirmation.as_deref());
        let skipped = head.left.len().saturating_sub(MAX_LEFT);
        self.left = head.left.into_iter().skip(skipped).collect();
        self.cursor = Some(head.tag);
        self.held = Some(Arc::new(held));
        self.confirmed = Some(head.confirmed);
        self.state = State::Disk;
        Ok(())
    }
}
