//! The commands about personal data: access, erasure, and what follows a change of the master key.

use std::{io::Write, sync::Arc};

use secrecy::SecretString;

use crate::{
    config::{ConfigError, Settings, ms},
    domain::ids::TenantName,
    service::{
        self,
        privacy::people::{People, Rewrapped},
    },
    store::Server,
};

/// Why a command did not finish. It may be run again.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It was begun.
    #[error("this did not come to its end")]
    Failed(#[from] service::Error),
}

/// Writes everything that a tenant's history says of a person to `out`, an event a line, and tells how many.
pub async fn export(settings: &Settings, tenant: &TenantName, actor: &str, out: &mut impl Write) -> Result<u64, PrivacyError> {
    let people = people(settings, "postgres.primary_url", &settings.postgres.primary_url)?;
    Ok(people.export(tenant, actor, out).await?)
}

/// Destroys the keys of a person in a tenant, or of everybody in it, and tells how many.
pub async fn erase(settings: &Settings, tenant: &TenantName, actor: Option<&str>) -> Result<u64, PrivacyError> {
    let limit = ms(settings.postgres.statement_timeout_ms);
    Ok(by_owner(settings)?.erase(tenant, actor, limit).await?)
}

/// Wraps every person's key under the first master key.
pub async fn rewrap(settings: &Settings) -> Result<Rewrapped, PrivacyError> {
    Ok(by_owner(settings)?.rewrap().await?)
}

/// As the owner of the schema: the service itself may not destroy keys.
fn by_owner(settings: &Settings) -> Result<People, ConfigError> {
    people(settings, "migrate.postgres_url", &settings.migrate.postgres_url)
}

fn people(settings: &Settings, key: &str, url: &SecretString) -> Result<People, ConfigError> {
    let server = Server::new(
        "postgres_privacy",
        key,
        url,
        &settings.postgres,
        settings.resilience.policy(&settings.resilience.postgres_primary),
    )?;
    People::new(&settings.privacy, Arc::new(server))
}
