//! The access log: a collection of its own, beside the history of routes and without a hash chain.

use mongodb::{
    IndexModel,
    bson::{Bson, Document, doc},
};

use super::{
    Archive, ArchiveError, EventPosition, all_of, index,
    stored::{ABOUT_THE_DOCUMENT, CannotStore, DUPLICATE_KEY},
};
use crate::{
    audit::access_log::ArchivedAccess,
    domain::{access::Kind, filter::AccessFilter},
};

/// A document that the archive refuses and will refuse each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Its index in the list of accesses that were to be stored.
    pub at: usize,
    /// The server's error message.
    pub message: String,
}

impl Archive {
    /// Stores accesses, in any order. An access that is in the archive already counts as stored.
    /// Returns the accesses that the archive refuses.
    pub async fn insert_accesses(
        &self,
        accesses: &[ArchivedAccess],
    ) -> Result<Vec<Unfit>, ArchiveError> {
        let documents = accesses
            .iter()
            .map(document)
            .collect::<Result<Vec<_>, _>>()?;
        let mut unfit = Vec::new();
        for error in self.bulk(&self.accesses, documents).await? {
            if ABOUT_THE_DOCUMENT.contains(&error.code) {
                unfit.push(Unfit {
                    at: error.index,
                    message: error.message,
                });
            } else if error.code != DUPLICATE_KEY {
                return Err(CannotStore {
                    code: error.code,
                    message: error.message,
                }
                .into());
            }
        }
        Ok(unfit)
    }

    /// Returns accesses, newest first, that follow the position `after` in this order.
    pub async fn accesses(
        &self,
        filter: &AccessFilter,
        limit: i64,
        after: Option<&EventPosition>,
    ) -> Result<Vec<ArchivedAccess>, ArchiveError> {
        let filter = all_of(
            conditions(filter)
                .into_iter()
                .chain(after.map(EventPosition::beyond)),
        );
        let order = doc! { "occurred_at": -1, "_id": -1 };
        let documents = self.documents(&self.accesses, filter, order, limit).await?;
        documents
            .into_iter()
            .map(|document| Ok(mongodb::bson::deserialize_from_document(document)?))
            .collect()
    }
}

fn document(access: &ArchivedAccess) -> Result<Document, mongodb::bson::error::Error> {
    let mut document = mongodb::bson::serialize_to_document(access)?;
    document.insert("_id", access.event_id.as_str());
    Ok(document)
}

/// Builds the query conditions. All values are text, so a caller cannot inject an operator.
pub(super) fn conditions(filter: &AccessFilter) -> Vec<Document> {
    let AccessFilter {
        visible_to,
        tenant,
        kind,
        actor,
        from,
        to,
    } = filter;
    let mut all = Vec::new();
    if let Some(tenant) = visible_to {
        all.push(doc! { "visible_to": tenant.as_str() });
    }
    if let Some(tenant) = tenant {
        all.push(
            doc! { "$or": [{ "tenant": tenant.as_str() }, { "visible_to": tenant.as_str() }] },
        );
    }
    if let Some(kind) = kind {
        all.push(doc! { "kind": kind.as_str() });
    }
    if let Some(actor) = actor {
        all.push(doc! { "actor.id": actor });
    }
    if let Some(from) = from {
        all.push(doc! { "occurred_at": { "$gte": from.to_string() } });
    }
    if let Some(to) = to {
        all.push(doc! { "occurred_at": { "$lt": to.to_string() } });
    }
    all
}

/// Returns the indexes. Each ends with the sort order of the queries: newest first, then by id.
pub(super) fn indexes() -> Vec<IndexModel> {
    ["visible_to", "tenant", "kind", "actor.id", "source_ip"]
        .map(|field| index(doc! { field: 1, "occurred_at": -1, "_id": -1 }))
        .into_iter()
        .chain([index(doc! { "occurred_at": -1, "_id": -1 })])
        .collect()
}

/// Returns the JSON schema that MongoDB enforces for every document, also for other writers.
pub(super) fn validator() -> Document {
    let text = || doc! { "bsonType": "string" };
    let optional = || doc! { "bsonType": ["string", "null"] };
    doc! { "$jsonSchema": {
        "bsonType": "object",
        "required": ["event_id", "kind", "action", "correlation_id", "occurred_at", "suppressed"],
        "properties": {
            "_id": text(),
            "event_id": text(),
            "kind": { "enum": Kind::ALL.map(Kind::as_str).to_vec() },
            "action": text(),
            "status": { "bsonType": ["long", "null"] },
            "reason": optional(),
            "tenant": optional(),
            "visible_to": optional(),
            "actor": { "bsonType": ["object", "null"], "required": Bson::Array(vec!["kind".into(), "id".into()]) },
            "key": optional(),
            "object": optional(),
            "source_ip": optional(),
            "correlation_id": text(),
            "occurred_at": text(),
            "suppressed": { "bsonType": "long", "minimum": 0 },
        },
    } }
}
