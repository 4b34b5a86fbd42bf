//! What `MongoDB` promises, and no more: an id and a place in the history are there once, and an unordered bulk that fails may be done in part.

use std::collections::HashMap;

use serde_json::Value;
use traffic_manager::audit::document::Archivable;

const DUPLICATE_KEY: i32 = 11000;

type Place = (String, String, i64, i64);

/// The collection of events.
#[derive(Default)]
pub struct Collection {
    /// The hash and the event, by id.
    pub documents: HashMap<String, (String, Value)>,
    places: HashMap<Place, String>,
}

impl Collection {
    /// Inserts one; the error's code.
    fn insert(&mut self, event: &Archivable) -> Result<(), i32> {
        let archived = &event.event;
        let place = (archived.tenant.clone(), archived.epoch.clone(), archived.revision, archived.item);
        if self.documents.contains_key(&event.id) || self.places.contains_key(&place) {
            return Err(DUPLICATE_KEY);
        }
        self.places.insert(place, event.id.clone());
        self.documents.insert(event.id.clone(), (event.hash.to_string(), archived.event.clone()));
        Ok(())
    }

    /// An unordered bulk. `refuse` says which documents the server does not take, and with which code.
    pub fn bulk(&mut self, events: &[Archivable], mut refuse: impl FnMut() -> Option<i32>) -> Vec<(usize, i32, String)> {
        let mut errors = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let result = refuse().map_or_else(|| self.insert(event), Err);
            errors.extend(result.err().map(|code| (at, code, "not stored".to_owned())));
        }
        errors
    }

    /// The hashes that stand under ids.
    pub fn hashes(&self, ids: &[&str]) -> HashMap<String, String> {
        ids.iter().filter_map(|id| Some(((*id).to_owned(), self.documents.get(*id)?.0.clone()))).collect()
    }
}
