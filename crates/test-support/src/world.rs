//! A world of one test: its own database, topics, consumer group and archive on the running stack.

use std::{collections::HashMap, sync::Arc};

use mongodb::bson::{Document, doc};
use rdkafka::{
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use secrecy::ExposeSecret as _;
use traffic_manager::{
    audit::{archive, document::ArchivedEvent},
    config::Settings,
    kafka,
};
use uuid::Uuid;

use super::{
    database::{Database, variable},
    secure,
};

/// The database, environment and settings of this test's processes.
pub struct World {
    pub db: Arc<Database>,
    pub environment: HashMap<String, String>,
    pub settings: Settings,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with settings (`key=value`) that differ.
    pub async fn with(overrides: &[&str]) -> Self {
        let db = Arc::new(Database::create().await);
        let name = &db.name;
        let mut pairs = vec![
            ("postgres.primary_url", db.app_url.clone()),
            ("postgres.replica_urls", db.replica_url.clone()),
            ("kafka.bootstrap_servers", variable("KAFKA_BOOTSTRAP")),
            ("kafka.topic", name.clone()),
            ("kafka.dlq_topic", format!("{name}.dlq")),
            ("kafka.node_topic", format!("{name}.nodes")),
            ("kafka.group", name.clone()),
            ("kafka.session_timeout_ms", "6000".into()),
            ("http.listen", "127.0.0.1:0".into()),
            ("http.ops_listen", "127.0.0.1:0".into()),
            ("drain.ready_grace_ms", "0".into()),
            ("mongo.url", variable("MONGO_ADMIN_URL")),
            ("mongo.database", name.clone()),
            ("migrate.mongo_url", variable("MONGO_ADMIN_URL")),
        ];
        pairs.extend(super::OPEN.map(|(key, value)| (key, value.to_owned())));
        pairs.extend(secure::overrides());
        pairs.extend(
            overrides
                .iter()
                .map(|pair| pair.split_once('=').expect("key=value"))
                .map(|(key, value)| (key, value.to_owned())),
        );
        let overrides: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let settings = Settings::without_environment(&overrides).expect("valid settings");
        kafka::create_topics(&settings.kafka, &settings.migrate)
            .await
            .expect("topics");
        archive::set_up(&settings.migrate, &settings.mongo)
            .await
            .expect("the archive");
        let variable = |key: &str| format!("TM__{}", key.replace('.', "__").to_uppercase());
        let environment = pairs
            .iter()
            .map(|(key, value)| (variable(key), value.clone()))
            .collect();
        Self {
            db,
            environment,
            settings,
        }
    }

    /// Returns every archived event, as the archive holds it.
    pub async fn archived(&self) -> Vec<ArchivedEvent> {
        let collection = self.collection().await;
        let mut found = collection.find(doc! {}).await.expect("the archive");
        let mut documents = Vec::new();
        while found.advance().await.expect("the archive") {
            let document = found.deserialize_current().expect("a document");
            documents.push(
                mongodb::bson::deserialize_from_document(document).expect("an archived event"),
            );
        }
        documents
    }

    pub async fn archived_count(&self) -> u64 {
        self.collection()
            .await
            .count_documents(doc! {})
            .await
            .unwrap_or(0)
    }

    /// The archive's collection, with a user that has every right.
    pub async fn collection(&self) -> mongodb::Collection<mongodb::bson::Document> {
        let client = mongodb::Client::with_uri_str(self.settings.mongo.url.expose_secret())
            .await
            .expect("a MongoDB URL");
        client
            .database(&self.settings.mongo.database)
            .collection(&self.settings.mongo.collection)
    }

    /// Inserts copies of one archived event into the archive. Each copy has its own id and epoch,
    /// and `change` edits it. The copies form no valid history: they keep the hashes of the
    /// original.
    pub async fn copy(&self, count: usize, change: impl Fn(usize, &mut Document)) {
        let collection = self.collection().await;
        let first = collection
            .find_one(doc! {})
            .await
            .expect("the archive")
            .expect("an event to copy");
        let numbers: Vec<usize> = (0..count).collect();
        for batch in numbers.chunks(1000) {
            let copies = batch.iter().map(|number| {
                let (mut copy, id) = (first.clone(), Uuid::now_v7().to_string());
                copy.extend(doc! { "_id": &id, "event_id": &id, "epoch": &Uuid::new_v4().simple().to_string()[..16] });
                change(*number, &mut copy);
                copy
            });
            collection
                .insert_many(copies)
                .await
                .expect("the archive takes copies");
        }
    }

    /// Deletes the archive and the topics as far as that succeeds. The database is dropped by
    /// itself.
    pub async fn end(self) {
        let admin: Result<AdminClient<DefaultClientContext>, _> = secure::kafka().create();
        if let Ok(admin) = admin {
            let topics = [
                self.settings.kafka.topic.as_str(),
                self.settings.kafka.dlq_topic.as_str(),
                self.settings.kafka.node_topic.as_str(),
            ];
            let _ = admin.delete_topics(&topics, &AdminOptions::new()).await;
        }
        if let Ok(client) =
            mongodb::Client::with_uri_str(self.settings.mongo.url.expose_secret()).await
        {
            let _ = client.database(&self.settings.mongo.database).drop().await;
        }
    }
}
