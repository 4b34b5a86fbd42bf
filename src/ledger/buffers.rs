//! What the workers of the fast path saw since the last flush. A worker writes to its own buffer only, since a write
//! to memory that other workers use would cost more than the answer.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::{
    ids::TenantName,
    ledger::{NodeKey, Sighting},
};

/// The most requests of one worker between two flushes. What comes beyond is not in the ledger: the node is seen with
/// its next request.
const MOST: usize = 16_384;
/// The most tenants whose polls without a name are counted between two flushes.
const MOST_TENANTS: usize = 64;

type Seen = Vec<(TenantName, NodeKey, Sighting)>;
type Anonymous = Vec<(TenantName, u64)>;

/// The buffers of all workers.
#[derive(Default)]
pub struct Buffers(Mutex<Vec<Arc<Buffer>>>);

/// The buffer of one worker.
#[derive(Default)]
pub struct Buffer(Mutex<Content>);

#[derive(Default)]
struct Content {
    seen: Seen,
    anonymous: Anonymous,
}

impl Buffers {
    /// Returns a buffer for one more worker.
    pub fn join(&self) -> Arc<Buffer> {
        let buffer = Arc::<Buffer>::default();
        self.0.lock().push(buffer.clone());
        buffer
    }

    /// Returns what all workers saw since the last call.
    pub(super) fn take(&self) -> (Seen, Anonymous) {
        let (mut seen, mut anonymous) = (Seen::new(), Anonymous::new());
        for buffer in self.0.lock().iter() {
            let mut content = buffer.0.lock();
            seen.append(&mut content.seen);
            anonymous.append(&mut content.anonymous);
        }
        (seen, anonymous)
    }
}

impl Buffer {
    /// Keeps a node's request.
    pub fn saw(&self, tenant: TenantName, key: NodeKey, sighting: Sighting) {
        let mut content = self.0.lock();
        if content.seen.len() < MOST {
            content.seen.push((tenant, key, sighting));
        }
    }

    /// Counts a poll that names no node.
    pub fn saw_anonymous(&self, tenant: &str) {
        let counts = &mut self.0.lock().anonymous;
        if let Some((_, polls)) = counts
            .iter_mut()
            .find(|(known, _)| known.as_str() == tenant)
        {
            *polls += 1;
        } else if counts.len() < MOST_TENANTS
            && let Ok(tenant) = tenant.parse()
        {
            counts.push((tenant, 1));
        }
    }
}
