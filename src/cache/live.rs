//! Changes of all tenants as they happen here, for people who look on. A view, not a record: whoever must miss nothing follows a tenant.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::sync::broadcast;

use crate::domain::{event::Recorded, ids::TenantName, tag::VersionTag};

/// Changes that a listener may be behind before it is cut off.
const BEHIND: usize = 4096;

/// Tenants whose newest told tag is remembered. More are forgotten all at once, and some changes then told twice.
const TENANTS: usize = 100_000;

/// A change, with whose it is.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whose.
    pub tenant: TenantName,
    /// The event, as it was published.
    pub json: Bytes,
}

/// The listeners of one instance.
pub struct Live {
    sender: broadcast::Sender<Told>,
    /// What was told last of each tenant: its own changes an instance hears of twice, once more through Kafka.
    told: Mutex<HashMap<TenantName, VersionTag>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BEHIND), told: Mutex::default() }
    }
}

impl Live {
    /// Tells those events of a tenant that were not told before.
    pub fn tell(&self, tenant: &TenantName, events: &[&Recorded]) {
        let Some(last) = events.last().filter(|_| self.sender.receiver_count() > 0) else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.get(tenant);
        let is_new = |event: &&&Recorded| before.is_none_or(|before| !before.covers(&event.event.tag()));
        for event in events.iter().filter(is_new) {
            // No listener is left: nobody to tell.
            let _ = self.sender.send(Told { tenant: tenant.clone(), json: event.json.clone() });
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
        self.sender.subscribe()
    }
}
