//! Changes of all tenants as they happen on this instance. A live view may miss changes: clients
//! that need all follow a tenant.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::broadcast;

use crate::{
    domain::{event::Recorded, ids::TenantName, tag::VersionTag},
    resilience::PoolReport,
};

/// Changes that a listener may lag behind before it is cut off.
const BEHIND: usize = 4096;

/// Bytes of changes that wait for listeners. Above this, all listeners are disconnected: the slow
/// ones cannot be told apart, and all may come back.
const BYTES: u64 = 64 * 1024 * 1024;

/// Tenants whose newest sent tag is remembered. Above this, all are forgotten at once, and some
/// changes are then sent twice.
const TENANTS: usize = 100_000;

/// A change, with its tenant.
#[derive(Debug, Clone)]
pub struct LiveChange {
    /// The tenant that the change belongs to.
    pub tenant: TenantName,
    /// The event, as it was published.
    pub json: Bytes,
    _waits: Arc<Waits>,
}

/// The bytes of a change that some listener has not received yet. Subtracted from the total when
/// dropped.
#[derive(Debug)]
struct Waits {
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl Waits {
    fn new(bytes: usize, all: &Arc<AtomicU64>) -> Arc<Self> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        all.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Self {
            bytes,
            all: all.clone(),
        })
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The listeners of one instance.
pub struct Live {
    sender: ArcSwap<broadcast::Sender<LiveChange>>,
    waiting: Arc<AtomicU64>,
    /// The newest tag sent of each tenant. An instance receives its own changes twice, the second
    /// time through Kafka.
    published: Mutex<HashMap<TenantName, VersionTag>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            sender: ArcSwap::from_pointee(broadcast::Sender::new(BEHIND)),
            waiting: Arc::default(),
            published: Mutex::default(),
        }
    }
}

impl Live {
    /// Sends the events of a tenant to the listeners, except those that were sent before.
    pub fn publish(&self, tenant: &TenantName, events: &[&Recorded]) {
        let sender = self.sender.load_full();
        let Some(last) = events.last().filter(|_| sender.receiver_count() > 0) else {
            return;
        };
        let mut published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = published.get(tenant);
        let is_new =
            |event: &&&Recorded| before.is_none_or(|before| !before.covers(&event.event.tag()));
        for event in events.iter().filter(is_new) {
            // Sending fails only when no listener is left.
            let waits = Waits::new(event.json.len(), &self.waiting);
            let _ = sender.send(LiveChange {
                tenant: tenant.clone(),
                json: event.json.clone(),
                _waits: waits,
            });
        }
        if self.waiting.load(Ordering::Relaxed) > BYTES {
            tracing::warn!(
                "all streams of all tenants' changes are closed: some readers are too far behind"
            );
            self.sender.store(Arc::new(broadcast::Sender::new(BEHIND)));
        }
        let tag = last.event.tag();
        if before.is_none_or(|before| !before.covers(&tag)) {
            if published.len() >= TENANTS {
                published.clear();
            }
            published.insert(tenant.clone(), tag);
        }
    }

    /// Subscribes to all changes from now on.
    pub fn listen(&self) -> broadcast::Receiver<LiveChange> {
        self.sender.load().subscribe()
    }

    /// Returns the bytes that wait for listeners, with their limit.
    pub fn held_bytes(&self) -> PoolReport {
        PoolReport::bytes("live_changes", self.waiting.load(Ordering::Relaxed), BYTES)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    #[test]
    fn idle_listeners_hold_a_bounded_number_of_bytes() {
        let live = Live::default();
        let mut slow = live.listen();
        let send = || {
            let waits = Waits::new(1 << 20, &live.waiting);
            drop(live.sender.load().send(LiveChange {
                tenant: "t".parse().unwrap(),
                json: Bytes::new(),
                _waits: waits,
            }));
        };
        (0..64).for_each(|_| send());
        assert_eq!(live.held_bytes().used, BYTES);
        assert!(slow.try_recv().is_ok());
        assert_eq!(
            live.held_bytes().used,
            BYTES - (1 << 20),
            "a received message no longer counts as waiting"
        );
        drop(slow);
        assert_eq!(live.held_bytes().used, 0);
        let mut ended = live.listen();
        live.sender.store(Arc::new(broadcast::Sender::new(BEHIND)));
        assert_eq!(ended.try_recv().err(), Some(TryRecvError::Closed));
    }
}
