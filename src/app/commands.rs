//! The commands that do something once and end.

use secrecy::ExposeSecret as _;

use crate::{
    audit::archive,
    config::{self, ConfigError, Settings},
    kafka, store,
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
