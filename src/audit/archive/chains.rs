//! Hash chains: the events of one tenant and epoch, in the order of their revisions.
//!
//! Retention reads a chain to verify it, and removes events from its beginning.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};

use super::{Archive, ArchiveError, client, within};
use crate::{
    audit::document::ArchivedEvent,
    config::{self, ConfigError},
};

/// A document of a chain and its position. The document may have been changed, so it may not be a
/// valid event.
#[derive(Debug, Clone)]
pub struct ChainDocument {
    /// The document's `_id`.
    pub id: Bson,
    /// The tenant revision of the event.
    pub revision: u64,
    /// The item within the revision, from 0.
    pub item: u32,
    /// The event; `None` if the document is not an archived event.
    pub event: Option<ArchivedEvent>,
}

impl ChainDocument {
    fn of(document: Document) -> Self {
        // Positions are 64-bit integers. A document with another type in these fields was changed
        // by somebody; it still gets a position.
        let number = |name: &str| match document.get(name) {
            Some(Bson::Int64(number)) => u64::try_from(*number).unwrap_or(0),
            Some(Bson::Int32(number)) => u64::try_from(*number).unwrap_or(0),
            Some(Bson::Double(number)) => *number as u64,
            _ => u64::MAX,
        };
        Self {
            id: document.get("_id").cloned().unwrap_or(Bson::Null),
            revision: number("revision"),
            item: u32::try_from(number("item")).unwrap_or(u32::MAX),
            event: mongodb::bson::deserialize_from_document(document).ok(),
        }
    }
}

impl Archive {
    /// Connects to the archive as the user of `[retention]`, who may find and remove.
    pub async fn for_retention(
        retention: &config::Retention,
        settings: &config::Mongo,
        timeout: Duration,
    ) -> Result<Self, ConfigError> {
        let client = client("retention.mongo_url", &retention.mongo_url, settings).await?;
        Ok(Self {
            collection: client
                .database(&settings.database)
                .collection(&settings.collection),
            accesses: client
                .database(&settings.database)
                .collection(&settings.access_collection),
            timeout,
        })
    }

    /// Returns a chain's documents in their order, from a position (revision and item) on.
    pub async fn history(
        &self,
        tenant: &str,
        epoch: &str,
        (revision, item): (u64, u32),
        limit: i64,
    ) -> Result<Vec<ChainDocument>, ArchiveError> {
        let revision = i64::try_from(revision).unwrap_or(i64::MAX);
        let same = doc! { "revision": revision, "item": { "$gte": i64::from(item) } };
        let from = vec![doc! { "revision": { "$gt": revision } }, same];
        let filter = doc! { "tenant": tenant, "epoch": epoch, "revision": { "$gte": revision }, "$or": from };
        let documents = self
            .documents(
                &self.collection,
                filter,
                doc! { "revision": 1, "item": 1 },
                limit,
            )
            .await?;
        Ok(documents.into_iter().map(ChainDocument::of).collect())
    }

    /// Returns the tenant and epoch of the chain after this one, in the order of their names.
    pub async fn chain_after(
        &self,
        chain: Option<(&str, &str)>,
    ) -> Result<Option<(String, String)>, ArchiveError> {
        if let Some((tenant, epoch)) = chain
            && let Some(found) = self
                .first_chain(doc! { "tenant": tenant, "epoch": { "$gt": epoch } })
                .await?
        {
            return Ok(Some(found));
        }
        let tenant =
            chain.map_or_else(|| doc! { "$gte": "" }, |(tenant, _)| doc! { "$gt": tenant });
        self.first_chain(doc! { "tenant": tenant, "epoch": { "$gte": "" } })
            .await
    }

    async fn first_chain(
        &self,
        filter: Document,
    ) -> Result<Option<(String, String)>, ArchiveError> {
        let found = self
            .documents(
                &self.collection,
                filter,
                doc! { "tenant": 1, "epoch": 1 },
                1,
            )
            .await?;
        let name = |document: &Document, name| document.get_str(name).map(str::to_owned).ok();
        Ok(found
            .first()
            .and_then(|document| Some((name(document, "tenant")?, name(document, "epoch")?))))
    }

    /// Removes the first `limit` documents of a chain, up to and including the revision `upto`.
    /// Returns the number removed.
    pub async fn remove_first(
        &self,
        tenant: &str,
        epoch: &str,
        upto: u64,
        limit: i64,
    ) -> Result<u64, ArchiveError> {
        let before = i64::try_from(upto).unwrap_or(i64::MAX).saturating_add(1);
        let filter = doc! { "tenant": tenant, "epoch": epoch, "revision": { "$lt": before } };
        let find = async {
            let order = doc! { "revision": 1, "item": 1 };
            let mut found = self
                .collection
                .find(filter)
                .sort(order)
                .limit(limit)
                .projection(doc! { "_id": 1 })
                .await?;
            let mut ids = Vec::new();
            while found.advance().await? {
                ids.extend(found.deserialize_current()?.remove("_id"));
            }
            Ok(ids)
        };
        let ids: Vec<Bson> = within(self.timeout, find).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let removed = within(self.timeout, async {
            self.collection
                .delete_many(doc! { "_id": { "$in": ids } })
                .await
        })
        .await?;
        Ok(removed.deleted_count)
    }
}
