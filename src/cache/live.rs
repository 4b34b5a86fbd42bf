//! Changes of all tenants as they happen here, for people who look on. A view, not a record: whoever must miss nothing follows a tenant.

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

/// Changes that a listener may be behind before it is cut off.
const BEHIND: usize = 4096;

/// Bytes of changes that wait for listeners. More end all of them: whoever is slow cannot be told from the others, and all may come back.
const BYTES: u64 = 64 * 1024 * 1024;

/// Tenants whose newest told tag is remembered. More are forgotten all at once, and some changes then told twice.
const TENANTS: usize = 100_000;

/// A change, with whose it is.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whose.
    pub tenant: TenantName,
    /// The event, as it was published.
    pub json: Bytes,
    _waits: Arc<Waits>,
}

/// The bytes of a change that a listener has not taken yet.
#[derive(Debug)]
struct Waits {
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl Waits {
    fn new(bytes: usize, all: &Arc<AtomicU64>) -> Arc<Self> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        all.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Self { bytes, all: all.clone() })
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The listeners of one instance.
pub struct Live {
    sender: ArcSwap<broadcast::Sender<Told>>,
    waiting: Arc<AtomicU64>,
    /// What was told last of each tenant: its own changes an instance hears of twice, once more through Kafka.
    told: Mutex<HashMap<TenantName, VersionTag>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { sender: ArcSwap::from_pointee(broadcast::Sender::new(BEHIND)), waiting: Arc::default(), told: Mutex::default() }
    }
}

impl Live {
    /// Tells those events of a tenant that were not told before.
    pub fn tell(&self, tenant: &TenantName, events: &[&Recorded]) {
        let sender = self.sender.load_full();
        let Some(last) = events.last().filter(|_| sender.receiver_count() > 0) else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.get(tenant);
        let is_new = |event: &&&Recorded| before.is_none_or(|before| !before.covers(&event.event.tag()));
        for event in events.iter().filter(is_new) {
            // No listener is left: nobody to tell.
            let waits = Waits::new(event.json.len(), &self.waiting);
            let _ = sender.send(Told { tenant: tenant.clone(), json: event.json.clone(), _waits: waits });
        }
        if self.waiting.load(Ordering::Relaxed) > BYTES {
            tracing::warn!("those who look on at all changes are sent home: some are too far behind");
            self.sender.store(Arc::new(broadcast::Sender::new(BEHIND)));
        }
        let tag = last.event.tag();
        if before.is_none_or(|before| !before.covers(&tag)) {
            if told.len() >= TENANTS {
                told.clear();
            }
            told.insert(tenant.clone(), tag);
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Told> {
        self.sender.load().subscribe()
    }

    /// The bytes that wait for listeners.
    pub fn held_bytes(&self) -> PoolReport {
        PoolReport::bytes("live_changes", self.waiting.load(Ordering::Relaxed), BYTES)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    #[test]
    fn listeners_that_take_nothing_hold_a_bounded_number_of_bytes() {
        let live = Live::default();
        let mut slow = live.listen();
        let send = || {
            let waits = Waits::new(1 << 20, &live.waiting);
            drop(live.sender.load().send(Told { tenant: "t".parse().unwrap(), json: Bytes::new(), _waits: waits }));
        };
        (0..64).for_each(|_| send());
        assert_eq!(live.held_bytes().used, BYTES);
        assert!(slow.try_recv().is_ok());
        assert_eq!(live.held_bytes().used, BYTES - (1 << 20), "what is taken waits no more");
        drop(slow);
        assert_eq!(live.held_bytes().used, 0);
        let mut ended = live.listen();
        live.sender.store(Arc::new(broadcast::Sender::new(BEHIND)));
        assert_eq!(ended.try_recv().err(), Some(TryRecvError::Closed));
    }
}
