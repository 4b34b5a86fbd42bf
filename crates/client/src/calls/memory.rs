//! The newest tag of each tenant that the client's own writes got.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use traffic_manager_core::tag::VersionTag;

use super::Tag;

/// The tags by tenant.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, VersionTag>>);

impl Memory {
    /// Takes note of the tag of a write. A tag of another epoch replaces the older one.
    pub fn note(&self, tenant: &str, tag: &Tag) {
        let Some(tag) = tag.version() else { return };
        let mut tags = self.lock();
        let is_older = tags.get(tenant).is_some_and(|newest| newest.covers(&tag));
        if !is_older {
            tags.insert(tenant.to_owned(), tag);
        }
    }

    /// Returns the tag that reads of a tenant ask for.
    pub fn newest(&self, tenant: &str) -> Option<VersionTag> {
        self.lock().get(tenant).cloned()
    }

    /// Forgets a tenant: it was deleted, or has another epoch now.
    pub fn forget(&self, tenant: &str) {
        self.lock().remove(tenant);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VersionTag>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_the_newest_tag_and_follows_the_epoch() {
        let memory = Memory::default();
        let newest = || memory.newest("acme").map(|tag| tag.to_string());
        for (given, kept) in [
            ("0000000000000001.5", "0000000000000001.5"),
            ("0000000000000001.4", "0000000000000001.5"),
            ("no tag", "0000000000000001.5"),
            ("0000000000000001.6", "0000000000000001.6"),
            ("0000000000000002.1", "0000000000000002.1"),
        ] {
            memory.note("acme", &Tag::new(given));
            assert_eq!(newest().as_deref(), Some(kept), "after {given}");
        }
        assert_eq!(memory.newest("other"), None);
        memory.forget("acme");
        assert_eq!(newest(), None);
    }
}
