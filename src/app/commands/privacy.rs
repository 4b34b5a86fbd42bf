//! Commands for personal data: export, erasure, and rewrapping of keys after a change of the master
//! key.

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

/// The reason why a command did not finish. The command may be run again.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The command failed after its start; a part of its work may be done.
    #[error("the command failed; it may be run again")]
    Failed(#[from] service::Error),
}

/// Writes all events of a tenant's history whose actor is this person to `out`, one per line, and
/// returns their number.
pub async fn export(
    settings: &Settings,
    tenant: &TenantName,
    actor: &str,
    out: &mut impl Write,
) -> Result<u64, PrivacyError> {
    let people = people(
        settings,
        "postgres.primary_url",
        &settings.postgres.primary_url,
    )?;
    Ok(people.export(tenant, actor, out).await?)
}

/// Destroys the keys of one person in a tenant, or of all persons in the tenant, and returns the
/// number of keys.
pub async fn erase(
    settings: &Settings,
    tenant: &TenantName,
    actor: Option<&str>,
) -> Result<u64, PrivacyError> {
    let limit = ms(settings.postgres.statement_timeout_ms);
    Ok(by_owner(settings)?.erase(tenant, actor, limit).await?)
}

/// Wraps every person's key under the first master key.
pub async fn rewrap(settings: &Settings) -> Result<Rewrapped, PrivacyError> {
    Ok(by_owner(settings)?.rewrap().await?)
}

/// Connects as the owner of the schema: the service's own login may not destroy keys.
fn by_owner(settings: &Settings) -> Result<People, ConfigError> {
    people(
        settings,
        "migrate.postgres_url",
        &settings.migrate.postgres_url,
    )
}

fn people(settings: &Settings, key: &str, url: &SecretString) -> Result<People, ConfigError> {
    let server = Server::new(
        "postgres_privacy",
        key,
        url,
        &settings.postgres,
        settings
            .resilience
            .policy(&settings.resilience.postgres_primary),
    )?;
    People::new(&settings.privacy, Arc::new(server))
}
