//! The commands that do something once and end.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use crate::{
    audit::archive::{self, Archive},
    config::{self, ConfigError, Settings, ms},
    kafka,
    resilience::Dependency,
    service::retention::{Retained, Retention, RetentionError},
    store::{self, Server},
};

/// Brings the database, the topics and the archive's collection up to date.
pub async fn migrate(settings: &Settings) -> Result<(), MigrateError> {
    if settings.migrate.postgres_url.expose_secret().is_empty() {
        return Err(config::missing("migrate.postgres_url").into());
    }
    let (mut client, connection) =
        store::connect("migrate.postgres_url", &settings.migrate.postgres_url, &settings.postgres).await?;
    let connection = tokio::spawn(connection);
    let applied = store::migrations::run(&mut client).await?;
    tracing::info!(migrations.applied = ?applied, "the database is up to date");
    drop(client);
    connection.abort();
    kafka::create_topics(&settings.kafka, &settings.migrate).await?;
    archive::set_up(&settings.migrate, &settings.mongo).await?;
    tracing::info!("the topics and the archive are up to date");
    Ok(())
}

/// Why [`migrate`] did not finish.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A setting is missing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be reached.
    #[error("migrate.postgres_url: the database cannot be reached")]
    Connect(#[from] store::Error),
    /// A migration failed.
    #[error("a migration failed")]
    Postgres(#[from] store::migrations::MigrateError),
    /// The topics cannot be made.
    #[error("the topics cannot be made")]
    Kafka(#[from] kafka::TopicError),
    /// The archive cannot be set up.
    #[error("the archive cannot be set up")]
    Mongo(#[from] archive::SetUpError),
}

/// Removes archived events that are older than `audit.retention_days`, as far as they verify.
pub async fn retain(settings: &Settings) -> Result<Retained, RetainError> {
    let days = i64::from(settings.audit.retention_days);
    if days == 0 {
        tracing::info!("audit.retention_days is 0: everything is kept");
        return Ok(Retained::default());
    }
    let cutoff = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MIN);
    let retention = &settings.retention;
    let (key, url) = ("retention.postgres_url", &retention.postgres_url);
    let postgres = Server::new("postgres_retention", key, url, &settings.postgres, &settings.breaker)?;
    let archive = Archive::for_retention(retention, &settings.mongo).await?;
    // Finding a batch and removing it.
    let timeout = ms(settings.mongo.query_timeout_ms + settings.mongo.insert_timeout_ms);
    let policy = Dependency::new("mongodb_retention", 1, timeout, &settings.breaker);
    let limit = ms(settings.postgres.statement_timeout_ms);
    let retained = Retention::new(archive, policy, Arc::new(postgres), limit, retention.batch).run(cutoff.into()).await?;
    let Retained { chains, removed, refused } = &retained;
    tracing::info!(before = %cutoff, chains, removed, refused = refused.len(), "retention is done");
    Ok(retained)
}

/// Why [`retain`] did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RetainError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It was begun, and may be begun again.
    #[error("retention did not come to its end")]
    Failed(#[from] RetentionError),
}
