//! Assembles the revisions of other instances from their events.

use std::collections::HashMap;

use crate::{
    event::{Recorded, versions},
    ids::TenantName,
};

/// Tenants whose revisions are assembled at the same time. Above this, all incomplete revisions are
/// dropped, and their tenants are loaded anew when the last items arrive.
const TOGETHER: usize = 64;

/// Collects the items of revisions that have several, until each revision is complete: the cache
/// takes a revision whole.
#[derive(Debug, Default)]
pub struct Revisions(HashMap<TenantName, Vec<Recorded>>);

impl Revisions {
    /// Adds an event, and returns its revision when the last item is there. A revision with a gap
    /// is returned too: the cache detects the gap.
    pub fn add(&mut self, recorded: Recorded) -> Option<Vec<Recorded>> {
        let body = &recorded.event.body;
        if body.items == 1 {
            return Some(vec![recorded]);
        }
        if !self.0.contains_key(&body.tenant) && self.0.len() >= TOGETHER {
            self.0.clear();
        }
        let (tenant, tag, is_last) = (
            body.tenant.clone(),
            recorded.event.tag(),
            body.is_last_item(),
        );
        let is_first = body.item == 0;
        let items = self.0.entry(tenant.clone()).or_default();
        // A relay that was stopped in the middle of a revision publishes the revision again from
        // its start.
        if is_first || items.first().is_some_and(|first| first.event.tag() != tag) {
            items.clear();
        }
        items.push(recorded);
        if is_last {
            self.0.remove(&tenant)
        } else {
            None
        }
    }
}

/// Parses the value of a record of that type; `None` if it is not an event.
pub fn recorded(ce_type: &str, payload: &[u8]) -> Option<Recorded> {
    Some(Recorded {
        event: versions::read(ce_type, payload).ok()?,
        json: payload.to_vec().into(),
    })
}
