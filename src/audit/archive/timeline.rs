//! Events in the order of time, a piece of time at a call: what exports read.

use mongodb::bson::{Document, doc};

use super::{Archive, ArchiveError, to_document, within};
use crate::{audit::document::ArchivedEvent, domain::filter::EventFilter};

/// A piece of time. Each is one range of an index, so that a bound stands on what a call may have to look at, and not only on what it
/// returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// After an instant, up to and with another if there is one.
    Between {
        /// The instant, as archived events have it.
        after: String,
        /// The other.
        upto: Option<String>,
    },
    /// The events of one instant, after one of them.
    Rest {
        /// The instant.
        at: String,
        /// The id of the event.
        after: String,
    },
}

impl Archive {
    /// Events of a piece of time, oldest first, events of one instant by their ids. The piece stands in for the filter's own times.
    pub async fn piece(&self, filter: &EventFilter, piece: &Piece, limit: i64) -> Result<Vec<ArchivedEvent>, ArchiveError> {
        let mut filter = to_document(filter);
        match piece {
            Piece::Between { after, upto } => {
                let mut range = doc! { "$gt": after };
                if let Some(upto) = upto {
                    range.insert("$lte", upto);
                }
                filter.insert("occurred_at", range);
            }
            Piece::Rest { at, after } => {
                filter.insert("occurred_at", at);
                filter.insert("_id", doc! { "$gt": after });
            }
        }
        self.find(filter, doc! { "occurred_at": 1, "_id": 1 }, limit).await
    }

    /// When the oldest event was decided, of a tenant or of all.
    pub async fn oldest(&self, tenant: Option<&str>) -> Result<Option<String>, ArchiveError> {
        let filter = tenant.map_or_else(Document::new, |tenant| doc! { "route.tenant": tenant });
        let find = self.collection.find_one(filter).sort(doc! { "occurred_at": 1 }).projection(doc! { "occurred_at": 1 });
        let found = within(self.timeout, async { find.max_time(self.asked()).await }).await?;
        Ok(found.and_then(|document| document.get_str("occurred_at").ok().map(str::to_owned)))
    }
}
