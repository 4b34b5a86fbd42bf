//! A model of `MongoDB`'s promises, and no more.
//!
//! An id and a place in the history are there once, and an unordered bulk that fails may be done in
//! part.

use std::collections::HashMap;

use serde_json::Value;
use traffic_manager_core::pipeline::document::Archivable;

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
    /// Inserts a document, or returns the code of the error.
    fn insert(&mut self, event: &Archivable) -> Result<(), i32> {
        let archived = &event.event;
        let place = (
            archived.tenant.clone(),
            archived.epoch.clone(),
            archived.revision,
            archived.item,
        );
        if self.documents.contains_key(&event.id) || self.places.contains_key(&place) {
            return Err(DUPLICATE_KEY);
        }
        self.places.insert(place, event.id.clone());
        self.documents.insert(
            event.id.clone(),
            (event.hash.to_string(), archived.event.clone()),
        );
        Ok(())
    }

    /// Runs an unordered bulk. `refuse` returns the error code for a document that the server does
    /// not take.
    pub fn bulk(
        &mut self,
        events: &[Archivable],
        mut refuse: impl FnMut() -> Option<i32>,
    ) -> Vec<(usize, i32, String)> {
        let mut errors = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let result = refuse().map_or_else(|| self.insert(event), Err);
            errors.extend(result.err().map(|code| (at, code, "not stored".to_owned())));
        }
        errors
    }

    /// Returns the stored hashes of these ids.
    pub fn hashes(&self, ids: &[&str]) -> HashMap<String, String> {
        ids.iter()
            .filter_map(|id| Some(((*id).to_owned(), self.documents.get(*id)?.0.clone())))
            .collect()
    }
}
