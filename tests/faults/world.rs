//! A world of one test: its own database, topics, group and archive on the running stack.

use std::collections::HashMap;

use mongodb::bson::doc;
use secrecy::ExposeSecret as _;
use tokio_postgres::NoTls;
use traffic_manager::{
    audit::{archive, document::ArchivedEvent},
    config::Settings,
    kafka, store,
};
use url::Url;
use uuid::Uuid;

pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test`, or `. .stack/env` first"))
}

/// What a process of this world is started with.
pub struct World {
    name: String,
    pub environment: HashMap<String, String>,
    pub settings: Settings,
    admin_database: tokio_postgres::Client,
}

fn with_database(url: &str, database: &str) -> String {
    let mut url = Url::parse(url).expect("a database URL");
    url.set_path(database);
    url.into()
}

pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the stack's Postgres");
    tokio::spawn(connection);
    client
}

impl World {
    pub async fn new() -> Self {
        let name = format!("tm_test_{}", Uuid::new_v4().simple());
        let superuser = connect(&variable("PG_PRIMARY_URL")).await;
        superuser.execute(&format!("create database {name}"), &[]).await.expect("a database of its own");
        let owner_url = with_database(&variable("PG_PRIMARY_URL"), &name);
        let pairs = [
            ("postgres.primary_url", with_database(&variable("PG_APP_URL"), &name)),
            ("postgres.replica_urls", with_database(&variable("PG_APP_REPLICA_URL"), &name)),
            ("migrate.postgres_url", owner_url.clone()),
            ("kafka.bootstrap_servers", variable("KAFKA_BOOTSTRAP")),
            ("kafka.topic", name.clone()),
            ("kafka.dlq_topic", format!("{name}.dlq")),
            ("kafka.group", name.clone()),
            ("kafka.session_timeout_ms", "6000".into()),
            ("mongo.url", variable("MONGO_ADMIN_URL")),
            ("mongo.database", name.clone()),
            ("migrate.mongo_url", variable("MONGO_ADMIN_URL")),
        ];
        let overrides: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let settings = Settings::without_environment(&overrides).expect("valid settings");
        let mut owner = connect(&owner_url).await;
        store::migrations::run(&mut owner).await.expect("migrations");
        kafka::create_topics(&settings.kafka, &settings.migrate).await.expect("topics");
        archive::set_up(&settings.migrate, &settings.mongo).await.expect("the archive");
        let variable = |key: &str| format!("TM__{}", key.replace('.', "__").to_uppercase());
        let environment = pairs.iter().map(|(key, value)| (variable(key), value.clone())).collect();
        Self { name, environment, settings, admin_database: superuser }
    }

    /// The database, as its owner.
    pub async fn database(&self) -> tokio_postgres::Client {
        connect(&with_database(&variable("PG_PRIMARY_URL"), &self.name)).await
    }

    /// Every archived event, as the archive holds it.
    pub async fn archived(&self) -> Vec<ArchivedEvent> {
        let collection = self.collection().await;
        let mut found = collection.find(doc! {}).await.expect("the archive");
        let mut documents = Vec::new();
        while found.advance().await.expect("the archive") {
            let document = found.deserialize_current().expect("a document");
            documents.push(mongodb::bson::deserialize_from_document(document).expect("an archived event"));
        }
        documents
    }

    pub async fn archived_count(&self) -> u64 {
        self.collection().await.count_documents(doc! {}).await.unwrap_or(0)
    }

    async fn collection(&self) -> mongodb::Collection<mongodb::bson::Document> {
        let client = mongodb::Client::with_uri_str(self.settings.mongo.url.expose_secret()).await.expect("a MongoDB URL");
        client.database(&self.name).collection(&self.settings.mongo.collection)
    }

    /// Gives everything back. Best effort: a database that a dying process still holds is forced.
    pub async fn end(self) {
        let _ = self.admin_database.execute(&format!("drop database if exists {} with (force)", self.name), &[]).await;
        if let Ok(client) = mongodb::Client::with_uri_str(self.settings.mongo.url.expose_secret()).await {
            let _ = client.database(&self.name).drop().await;
        }
    }
}
