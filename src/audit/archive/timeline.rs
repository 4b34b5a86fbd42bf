//! Events in the order of time, one time range per call: used by exports.

use mongodb::bson::{Document, doc};

use super::{Archive, ArchiveError, to_document, within};
use crate::{audit::document::ArchivedEvent, domain::filter::EventFilter};

/// A time range. Each variant is one range of an index. So a bound limits the documents examined by
/// a call, not only those returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeSlice {
    /// From after an instant to another instant (inclusive), or without an end.
    Between {
        /// The exclusive start, in the text form of archived events.
        after: String,
        /// The inclusive end; `None` for no end.
        upto: Option<String>,
    },
    /// The events of one instant with ids after the given one.
    Rest {
        /// The instant, in the text form of archived events.
        at: String,
        /// The exclusive start: the id of the last event seen.
        after: String,
    },
}

impl Archive {
    /// Returns the events of a time range, oldest first; events of one instant are sorted by id.
    /// The range replaces the filter's own times.
    pub async fn piece(
        &self,
        filter: &EventFilter,
        piece: &TimeSlice,
        limit: i64,
    ) -> Result<Vec<ArchivedEvent>, ArchiveError> {
        let mut filter = to_document(filter);
        match piece {
            TimeSlice::Between { after, upto } => {
                let mut range = doc! { "$gt": after };
                if let Some(upto) = upto {
                    range.insert("$lte", upto);
                }
                filter.insert("occurred_at", range);
            }
            TimeSlice::Rest { at, after } => {
                filter.insert("occurred_at", at);
                filter.insert("_id", doc! { "$gt": after });
            }
        }
        self.find(filter, doc! { "occurred_at": 1, "_id": 1 }, limit)
            .await
    }

    /// Returns the decision time of the oldest event, of one tenant or of all tenants.
    pub async fn oldest(&self, tenant: Option<&str>) -> Result<Option<String>, ArchiveError> {
        let filter = tenant.map_or_else(Document::new, |tenant| doc! { "route.tenant": tenant });
        let find = self
            .collection
            .find_one(filter)
            .sort(doc! { "occurred_at": 1 })
            .projection(doc! { "occurred_at": 1 });
        let found = within(self.timeout, async { find.max_time(self.asked()).await }).await?;
        Ok(found.and_then(|document| document.get_str("occurred_at").ok().map(str::to_owned)))
    }
}
