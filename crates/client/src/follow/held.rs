//! The data that a watcher holds.

use std::sync::Arc;

use bytes::Bytes;
use traffic_manager_core::{
    snapshot::{
        Digest, Scope, TenantSnapshot,
        body::{self, BadBody, ReadBody},
    },
    tag::Revision,
};

use super::signatures::Confirmed;

/// A snapshot with what vouches for it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The objects.
    pub snapshot: Arc<TenantSnapshot>,
    /// The digest of the objects as the service has them.
    pub digest: Digest,
    /// The signatures of tag and digest, as the header `TM-Signature` has them.
    pub signature: Option<String>,
    /// The newest confirmed removal, if the service told of one.
    pub confirmation: Option<Confirmed>,
    /// The body as it came, if its objects have members that this version does not know. Such a
    /// snapshot cannot be moved on by events: nobody could say which digest it has then.
    pub raw: Option<Bytes>,
    /// The revision after which the snapshot has all changes of its scope. In a part of a tenant it is lower than the
    /// revision before the first of them: the revisions in between are of other parts.
    pub known_after: Revision,
}

impl Held {
    /// Reads a body, and checks its digest.
    pub fn read(raw: &[u8], signature: Option<String>) -> Result<Self, BadBody> {
        let ReadBody {
            snapshot,
            digest,
            is_exact,
        } = body::read(raw)?;
        Ok(Self {
            known_after: snapshot.tag().revision,
            snapshot: Arc::new(snapshot),
            digest,
            signature,
            confirmation: None,
            raw: (!is_exact).then(|| Bytes::copy_from_slice(raw)),
        })
    }

    /// Whether it can be moved on by events.
    pub fn is_exact(&self) -> bool {
        self.raw.is_none()
    }

    /// The body, as `GET snapshot` has it.
    pub fn body(&self) -> Vec<u8> {
        match &self.raw {
            Some(raw) => raw.to_vec(),
            None => body::write(&self.snapshot, &Scope::default()),
        }
    }

    /// The data after a revision of the stream, without a signature yet.
    pub fn next(&self, snapshot: TenantSnapshot) -> Self {
        let digest = snapshot.digest(&Scope::default());
        let first = |snapshot: &TenantSnapshot| snapshot.recent().next().map(|it| it.revision);
        let (before, after) = (first(&self.snapshot), first(&snapshot));
        let known_after = match after {
            // The snapshot has forgotten its oldest changes.
            Some(after) if before.is_some_and(|before| before != after) => {
                Revision(after.0.saturating_sub(1))
            }
            Some(_) => self.known_after,
            None => snapshot.tag().revision,
        };
        Self {
            known_after,
            snapshot: Arc::new(snapshot),
            digest,
            signature: None,
            confirmation: None,
            raw: None,
        }
    }
}
