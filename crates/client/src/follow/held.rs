//! The data that a watcher holds.

use std::sync::Arc;

use bytes::Bytes;
use traffic_manager_core::snapshot::{
    Digest, Scope, TenantSnapshot,
    body::{self, BadBody, ReadBody},
};

/// A snapshot with what vouches for it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The objects.
    pub snapshot: Arc<TenantSnapshot>,
    /// The digest of the objects as the service has them.
    pub digest: Digest,
    /// The signatures of tag and digest, as the header `TM-Signature` has them.
    pub signature: Option<String>,
    /// The body as it came, if its objects have members that this version does not know. Such a
    /// snapshot cannot be moved on by events: nobody could say which digest it has then.
    pub raw: Option<Bytes>,
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
            snapshot: Arc::new(snapshot),
            digest,
            signature,
            raw: (!is_exact).then(|| Bytes::copy_from_slice(raw)),
        })
    }

    /// Whether it can be moved on by events.
    pub fn is_exact(&self) -> bool {
        self.raw.is_none()
    }

    /// The data after a revision of the stream, without a signature yet.
    pub fn next(snapshot: TenantSnapshot) -> Self {
        let digest = snapshot.digest(&Scope::default());
        Self {
            snapshot: Arc::new(snapshot),
            digest,
            signature: None,
            raw: None,
        }
    }
}
