//! The only mongodb code: the archive.
//!
//! The service's user may only insert and find, so this process cannot change archived events. The
//! user of `retain` may find and remove ([`chains`]). Inserts are unordered bulks with `_id` =
//! event id and `w: majority, j: true`; a duplicate is accepted only if the stored hash is the
//! same. The driver has no socket timeout, so each call runs inside a timeout of ours.

mod access_log;
pub mod chains;
pub mod timeline;

use std::{collections::HashMap, future::Future, time::Duration};

use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Bson, Document, RawDocumentBuf, doc},
    error::{ErrorKind, IndexedWriteError, WriteFailure},
    options::{
        Acknowledgment, ClientOptions, IndexOptions, InsertManyOptions, ReadPreference,
        SelectionCriteria, Tls, TlsOptions, WriteConcern,
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::document::{Archivable, ArchivedEvent};
pub use crate::domain::pipeline::stored;
use crate::{
    config::{self, ConfigError},
    domain::{event::Action, filter::EventFilter, hash::EventHash, tag::VersionTag},
    tls,
};
use stored::{Bulk, CannotStore, INVALID_BSON, Stored, TOO_LARGE};

const NAMESPACE_EXISTS: i32 = 48;
const MAX_TIME_EXPIRED: i32 = 50;

/// The largest document that MongoDB accepts, in bytes: `maxBsonObjectSize`.
const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// The reason why the archive gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// MongoDB did not answer in time.
    #[error("mongodb did not answer within {0:?}")]
    Timeout(Duration),
    /// MongoDB aborted the operation itself, because it reached the server's time limit
    /// (`maxTimeMS`).
    #[error("mongodb did not finish within {0:?}")]
    TooSlow(Duration),
    /// MongoDB cannot be reached, or answered with an error that does not concern a single event.
    #[error("mongodb failed")]
    Failed(#[from] mongodb::error::Error),
    /// MongoDB did not store an event, for a reason that has nothing to do with the event.
    #[error(transparent)]
    CannotStore(#[from] CannotStore),
    /// This program cannot read or write a document in its format.
    #[error("a document in the archive is not valid: {0}")]
    Corrupt(#[from] mongodb::bson::error::Error),
}

/// The connection to the archive's two collections: events and the access log.
#[derive(Debug, Clone)]
pub struct Archive {
    collection: Collection<Document>,
    accesses: Collection<Document>,
    timeout: Duration,
}

/// Encodes an event for the insert, or returns the code and the message with which a server would
/// refuse it.
fn document(event: &Archivable) -> Result<RawDocumentBuf, (i32, String)> {
    let invalid = |error: mongodb::bson::error::Error| (INVALID_BSON, error.to_string());
    let mut document = mongodb::bson::serialize_to_document(&event.event).map_err(invalid)?;
    document.insert("_id", event.id.as_str());
    let encoded = RawDocumentBuf::try_from(&document).map_err(invalid)?;
    match encoded.as_bytes().len() {
        bytes if bytes > MAX_DOCUMENT_BYTES => Err((TOO_LARGE, format!("{bytes} bytes of BSON"))),
        _ => Ok(encoded),
    }
}

/// Builds the query. All values are text, so a caller cannot inject an operator.
fn to_document(filter: &EventFilter) -> Document {
    let EventFilter {
        tenant,
        service,
        env,
        version,
        action,
        actors,
        from,
        to,
    } = filter;
    let fields = [
        ("route.tenant", tenant.as_ref().map(ToString::to_string)),
        ("route.service", service.as_ref().map(ToString::to_string)),
        ("route.env", env.as_ref().map(ToString::to_string)),
        ("route.version", version.as_ref().map(ToString::to_string)),
        ("action", action.map(|action| action.as_str().to_owned())),
    ];
    let set = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Bson::String(value?))));
    let mut document: Document = set.collect();
    match actors.as_slice() {
        [] => {}
        [actor] => drop(document.insert("changed_by", actor)),
        several => drop(document.insert("changed_by", doc! { "$in": several })),
    }
    let range = [("$gte", from), ("$lt", to)];
    let range: Document = range
        .into_iter()
        .filter_map(|(operator, at)| {
            Some((operator.to_owned(), Bson::String(at.as_ref()?.to_string())))
        })
        .collect();
    if !range.is_empty() {
        document.insert("occurred_at", range);
    }
    document
}

/// A position in a list of events that is sorted by time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EventPosition {
    /// `occurred_at` of the last event seen.
    pub occurred_at: String,
    /// The id of the last event seen.
    pub id: String,
}

impl EventPosition {
    /// Returns the position of an event.
    pub fn of(event: &ArchivedEvent) -> Self {
        Self {
            occurred_at: event.occurred_at.clone(),
            id: event.event_id.clone(),
        }
    }

    /// Matches the events after this position in a list that is sorted newest first. The plain
    /// bound on `occurred_at` selects the index range. The `$or` conditions repeat it more exactly,
    /// but not every planner derives a range from them, and without a range a page costs as much as
    /// all pages before it.
    fn beyond(&self) -> Document {
        let Self { occurred_at, id } = self;
        let older = doc! { "occurred_at": { "$lt": occurred_at } };
        let same = doc! { "occurred_at": occurred_at, "_id": { "$lt": id } };
        doc! { "occurred_at": { "$lte": occurred_at }, "$or": [older, same] }
    }
}

/// Combines conditions into one filter. The range operators of a field are merged into one
/// document, where every planner finds them; conditions that cannot be merged go into `$and`.
fn all_of(conditions: impl IntoIterator<Item = Document>) -> Document {
    let (mut all, mut others) = (Document::new(), Vec::new());
    for (name, condition) in conditions.into_iter().flatten() {
        match (all.get_mut(&name), condition) {
            (None, condition) => drop(all.insert(name, condition)),
            (Some(Bson::Document(range)), Bson::Document(more))
                if more.keys().all(|operator| !range.contains_key(operator)) =>
            {
                range.extend(more);
            }
            (Some(_), condition) => others.push(Bson::from(doc! { name: condition })),
        }
    }
    if !others.is_empty() {
        all.insert("$and", others);
    }
    all
}

impl Archive {
    /// Creates the archive of the settings, with a time limit for each call; connects on first use.
    pub async fn new(settings: &config::Mongo, timeout: Duration) -> Result<Self, ConfigError> {
        let client = client("mongo.url", &settings.url, settings).await?;
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

    /// Returns the same archive with another time limit for its calls.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// Returns the `maxTimeMS` for the server: 90 % of our timeout, so that the server's own
    /// timeout comes first. A server that reports a timeout does not hang.
    fn asked(&self) -> Duration {
        self.timeout.mul_f64(0.9)
    }

    /// Stores events, in any order, and returns the result for each of them.
    pub async fn insert(&self, events: &[Archivable]) -> Result<Vec<Stored>, ArchiveError> {
        let (mut places, mut documents, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for (at, event) in events.iter().enumerate() {
            match document(event) {
                Ok(document) => {
                    places.push(at);
                    documents.push(document);
                }
                // If it were sent, the driver would reject the whole bulk before a server sees it.
                Err((code, why)) => errors.push((at, code, why)),
            }
        }
        if !documents.is_empty() {
            let collection = self.collection.clone_with_type::<RawDocumentBuf>();
            let said = self.bulk(&collection, documents).await?;
            errors.extend(
                said.into_iter().filter_map(|error| {
                    Some((*places.get(error.index)?, error.code, error.message))
                }),
            );
        }
        let bulk = Bulk::new(events, errors)?;
        let asks = bulk.asks();
        let hashes = if asks.is_empty() {
            HashMap::new()
        } else {
            self.hashes(&asks).await?
        };
        Ok(bulk.settled(&hashes))
    }

    /// Runs an unordered bulk insert. Returns the errors that concern single documents.
    async fn bulk<D: Serialize + Send + Sync>(
        &self,
        collection: &Collection<D>,
        documents: Vec<D>,
    ) -> Result<Vec<IndexedWriteError>, ArchiveError> {
        let options = InsertManyOptions::builder().ordered(false).build();
        let inserted = async {
            match collection
                .insert_many(documents)
                .with_options(options)
                .await
            {
                Ok(_) => Ok(Vec::new()),
                Err(error) => match *error.kind {
                    ErrorKind::InsertMany(many)
                        if many.write_concern_error.is_none() && many.write_errors.is_some() =>
                    {
                        Ok(many.write_errors.unwrap_or_default())
                    }
                    kind => Err(mongodb::error::Error::from(kind)),
                },
            }
        };
        within(self.timeout, inserted).await
    }

    async fn hashes(&self, ids: &[&str]) -> Result<HashMap<String, String>, ArchiveError> {
        let find = async {
            let projection = doc! { "_id": 1, "hash": 1 };
            let mut found = self
                .collection
                .find(doc! { "_id": { "$in": ids } })
                .projection(projection)
                .await?;
            let mut hashes = HashMap::with_capacity(ids.len());
            while found.advance().await? {
                let document = found.deserialize_current()?;
                if let (Ok(id), Ok(hash)) = (document.get_str("_id"), document.get_str("hash")) {
                    hashes.insert(id.to_owned(), hash.to_owned());
                }
            }
            Ok(hashes)
        };
        within(self.timeout, find).await
    }

    /// Returns events, newest first, that follow the position `after` in this order.
    pub async fn query(
        &self,
        filter: &EventFilter,
        limit: i64,
        after: Option<&EventPosition>,
    ) -> Result<Vec<ArchivedEvent>, ArchiveError> {
        let filter = all_of(
            [to_document(filter)]
                .into_iter()
                .chain(after.map(EventPosition::beyond)),
        );
        self.find(filter, doc! { "occurred_at": -1, "_id": -1 }, limit)
            .await
    }

    async fn find(
        &self,
        filter: Document,
        order: Document,
        limit: i64,
    ) -> Result<Vec<ArchivedEvent>, ArchiveError> {
        let documents = self
            .documents(&self.collection, filter, order, limit)
            .await?;
        documents
            .into_iter()
            .map(|document| Ok(mongodb::bson::deserialize_from_document(document)?))
            .collect()
    }

    async fn documents(
        &self,
        collection: &Collection<Document>,
        filter: Document,
        order: Document,
        limit: i64,
    ) -> Result<Vec<Document>, ArchiveError> {
        let find = async {
            let mut found = collection
                .find(filter)
                .sort(order)
                .limit(limit)
                .max_time(self.asked())
                .await?;
            let mut documents = Vec::new();
            while found.advance().await? {
                documents.push(found.deserialize_current()?);
            }
            Ok(documents)
        };
        within(self.timeout, find).await
    }

    /// Returns the newest archived revision of a tenant's epoch, and the hash of its last item.
    pub async fn newest(
        &self,
        tenant: &str,
        tag: &VersionTag,
    ) -> Result<Option<(i64, EventHash)>, ArchiveError> {
        let filter = doc! { "tenant": tenant, "epoch": tag.epoch.as_str() };
        let find = self
            .collection
            .find_one(filter)
            .sort(doc! { "revision": -1, "item": -1 })
            .max_time(self.asked());
        let found = within(self.timeout, async { find.await }).await?;
        Ok(found.and_then(|document| {
            let hash = EventHash::try_from(document.get_str("hash").ok()?.to_owned()).ok()?;
            Some((document.get_i64("revision").ok()?, hash))
        }))
    }
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, mongodb::error::Error>>,
) -> Result<T, ArchiveError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Err(error)) if is_command_error(&error, MAX_TIME_EXPIRED) => {
            Err(ArchiveError::TooSlow(limit))
        }
        Ok(result) => Ok(result?),
        Err(_) => Err(ArchiveError::Timeout(limit)),
    }
}

async fn client(
    key: &str,
    url: &SecretString,
    settings: &config::Mongo,
) -> Result<Client, ConfigError> {
    if url.expose_secret().is_empty() {
        return Err(config::missing(key));
    }
    // The parser's error may repeat the URL, which holds the password.
    let wrong = |_| ConfigError::Invalid {
        key: key.to_owned(),
        reason: "is not a MongoDB URL".to_owned(),
    };
    let mut options = ClientOptions::parse(url.expose_secret())
        .await
        .map_err(wrong)?;
    options.app_name = Some("traffic-manager".into());
    options.server_selection_timeout = Some(settings.server_selection_timeout);
    options.connect_timeout = Some(settings.server_selection_timeout);
    options.max_pool_size = Some(settings.pool_size);
    // The lookup of a stored event reads the primary: a secondary may not have the event yet, which
    // would look like a contradiction.
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options.write_concern = Some(
        WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .build(),
    );
    options.tls = verified(key, options.tls.take(), &settings.ca_file)?;
    Client::with_options(options).map_err(wrong)
}

/// Combines the TLS options of a URL with the CA of the settings. Encryption without certificate
/// verification does not protect against a man in the middle, so it is refused, as is a URL that
/// contradicts the settings.
fn verified(key: &str, from_url: Option<Tls>, ca_file: &str) -> Result<Option<Tls>, ConfigError> {
    if let Some(Tls::Enabled(options)) = &from_url
        && options.allow_invalid_certificates == Some(true)
    {
        return Err(config::unusable(
            key,
            "may not switch the verification of certificates off",
        ));
    }
    if ca_file.is_empty() {
        return Ok(from_url);
    }
    // The driver would accept an empty file and then trust no certificate.
    tls::roots("mongo.ca_file", ca_file)?;
    let mut options = match from_url {
        Some(Tls::Disabled) => {
            return Err(config::unusable(
                key,
                "says tls=false, but mongo.ca_file is set",
            ));
        }
        Some(Tls::Enabled(options)) => options,
        None => TlsOptions::default(),
    };
    options.ca_file_path = Some(ca_file.into());
    Ok(Some(Tls::Enabled(options)))
}

/// Creates the collections with their validators and indexes, or updates them. Needs a user with
/// the rights to do so.
pub async fn set_up(migrate: &config::Migrate, settings: &config::Mongo) -> Result<(), SetUpError> {
    let client = client("migrate.mongo_url", &migrate.mongo_url, settings).await?;
    let database = client.database(&settings.database);
    let place = IndexOptions::builder().unique(true).build();
    let place = IndexModel::builder()
        .keys(doc! { "tenant": 1, "epoch": 1, "revision": 1, "item": 1 })
        .options(place)
        .build();
    // Each index ends with the sort order of the queries: newest first, then by id.
    let others = [
        doc! { "route.tenant": 1, "route.service": 1, "route.env": 1, "route.version": 1, "occurred_at": -1, "_id": -1 },
        doc! { "route.tenant": 1, "occurred_at": -1, "_id": -1 },
        doc! { "occurred_at": -1, "_id": -1 },
        doc! { "action": 1, "occurred_at": -1, "_id": -1 },
        doc! { "changed_by": 1, "occurred_at": -1, "_id": -1 },
    ];
    let indexes = std::iter::once(place)
        .chain(others.into_iter().map(index))
        .collect();
    make(&database, &settings.collection, validator(), indexes).await?;
    make(
        &database,
        &settings.access_collection,
        access_log::validator(),
        access_log::indexes(),
    )
    .await?;
    Ok(())
}

fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

async fn make(
    database: &Database,
    name: &str,
    validator: Document,
    indexes: Vec<IndexModel>,
) -> Result<(), mongodb::error::Error> {
    match database
        .create_collection(name)
        .validator(validator.clone())
        .await
    {
        Ok(()) => tracing::info!(mongodb.collection = name, "collection created"),
        Err(error) if is_command_error(&error, NAMESPACE_EXISTS) => {
            database
                .run_command(doc! { "collMod": name, "validator": validator })
                .await?;
        }
        Err(error) => return Err(error),
    }
    database
        .collection::<Document>(name)
        .create_indexes(indexes)
        .await?;
    Ok(())
}

/// The reason why the archive could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The settings are incomplete or invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// MongoDB cannot be reached or refused a command.
    #[error("migrate.mongo_url: the archive cannot be set up")]
    Mongo(#[from] mongodb::error::Error),
}

fn is_command_error(error: &mongodb::error::Error, code: i32) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => command.code == code,
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.code == code,
        _ => false,
    }
}

/// Returns the JSON schema that MongoDB enforces for every document, also for other writers.
fn validator() -> Document {
    let text = || doc! { "bsonType": "string" };
    let optional = || doc! { "bsonType": ["string", "null"] };
    let hash = || doc! { "bsonType": "string", "pattern": "^[0-9a-f]{64}$" };
    doc! { "$jsonSchema": {
        "bsonType": "object",
        "required": [
            "event_id", "event_type", "action", "tenant", "epoch", "revision", "item", "route", "changed_by", "correlation_id",
            "occurred_at", "processed_at", "prev_hash", "hash", "metadata", "event",
        ],
        "properties": {
            "_id": text(),
            "event_id": text(),
            "event_type": text(),
            "action": { "enum": Action::ALL.map(Action::as_str).to_vec() },
            "tenant": text(),
            "epoch": { "bsonType": "string", "pattern": "^[0-9a-f]{16}$" },
            "revision": { "bsonType": "long", "minimum": 1 },
            "item": { "bsonType": "long", "minimum": 0 },
            "route": { "bsonType": "object", "required": ["tenant"] },
            "url": optional(),
            "previous_url": optional(),
            "state": { "enum": ["active", "inactive", Bson::Null] },
            "previous_state": { "enum": ["active", "inactive", Bson::Null] },
            "changed_by": text(),
            "reason": optional(),
            "source_ip": optional(),
            "correlation_id": text(),
            "trace_id": optional(),
            "occurred_at": text(),
            "processed_at": text(),
            "prev_hash": hash(),
            "hash": hash(),
            "metadata": { "bsonType": "object", "required": ["topic", "partition", "offset"] },
            "event": { "bsonType": "object" },
        },
    } }
}

#[cfg(test)]
mod tests;
