//! Commands that run once and end.

pub mod import;
pub mod privacy;
pub mod signing_key;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::{
    audit::archive::{self, Archive},
    auth::{Caller, Credential, Grant, Role, TenantScope},
    config::{self, ConfigError, Settings},
    domain::{Invalid, event::Actor, ids::TenantName},
    kafka,
    resilience::Dependency,
    service::{
        self,
        access::{
            callers,
            keys::{Keys, NewKeySpec, Requester},
        },
    },
    store::{self, Server},
    workers::retention::{Retained, Retention, RetentionError},
};

/// Connects as the owner of the schema.
async fn as_owner(settings: &Settings) -> Result<store::Client, OwnerError> {
    let (key, url) = ("migrate.postgres_url", &settings.migrate.postgres_url);
    if url.expose_secret().is_empty() {
        return Err(config::missing(key).into());
    }
    let tls = store::connector(&settings.postgres)?;
    let (client, connection) = store::connect(
        key,
        url,
        &settings.postgres,
        &tls,
        &store::PoolGeneration::now(),
    )
    .await?;
    // The task ends with its client. If the connection ends earlier, the client's calls return the
    // error.
    tokio::spawn(connection);
    Ok(client)
}

/// The reason why the connection of the schema's owner failed.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// A setting is missing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be reached.
    #[error("migrate.postgres_url: the database cannot be reached")]
    Connect(#[from] store::Error),
}

/// Records that the database was restored from a backup, so that every tenant begins a new epoch.
/// Needed only if the server cannot detect the restore by itself, and harmless otherwise.
pub async fn mark_restored(settings: &Settings) -> Result<(), MarkRestoredError> {
    let restores = store::installation::restored(&as_owner(settings).await?).await?;
    tracing::info!(
        restores,
        "the restore is recorded; the service starts a new epoch for every tenant"
    );
    Ok(())
}

/// The reason why [`mark_restored`] recorded nothing.
#[derive(Debug, thiserror::Error)]
pub enum MarkRestoredError {
    /// The connection as the schema's owner failed.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The database did not record the restore.
    #[error("the restore could not be recorded")]
    Failed(#[from] store::Error),
}

/// Brings the database's schema, the topics and the archive's collection up to date.
pub async fn migrate(settings: &Settings) -> Result<(), MigrateError> {
    let mut owner = as_owner(settings).await?;
    let applied = store::migrations::run(&mut owner).await?;
    tracing::info!(migrations.applied = ?applied, "the database is up to date");
    log_conflicts(
        &store::policies::conflicts(&owner, MOST_CONFLICTS + 1)
            .await
            .map_err(store::migrations::MigrateError::from)?,
    );
    kafka::create_topics(&settings.kafka, &settings.migrate).await?;
    archive::set_up(&settings.migrate, &settings.mongo).await?;
    tracing::info!("the topics and the archive are up to date");
    Ok(())
}

/// The most host conflicts that are logged one by one.
const MOST_CONFLICTS: i64 = 1000;

/// Logs hosts that two tenants use since before a host could belong to one tenant only. These hosts
/// still work. Their policies can be deleted, but not changed while both tenants have the host.
fn log_conflicts(conflicts: &[store::policies::Conflict]) {
    let most = usize::try_from(MOST_CONFLICTS).unwrap_or(usize::MAX);
    for conflict in conflicts.iter().take(most) {
        let [tenant, service, env] = &conflict.policy;
        let ([other_tenant, other_service, other_env], other_host) = &conflict.other;
        tracing::warn!(
            host = conflict.host,
            policy = %format!("{tenant}/{service}/{env}"),
            other.host = other_host,
            other.policy = %format!("{other_tenant}/{other_service}/{other_env}"),
            "a host belongs to two tenants: changes of this policy are refused until one tenant removes the host"
        );
    }
    if conflicts.len() > most {
        tracing::warn!(
            "more hosts belong to two tenants: resolve the conflicts above and run migrate again"
        );
    }
}

/// The reason why [`migrate`] did not finish.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The connection as the schema's owner failed.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A migration of the database failed.
    #[error("a database migration failed")]
    Postgres(#[from] store::migrations::MigrateError),
    /// The topics cannot be created or changed.
    #[error("the Kafka topics cannot be created")]
    Kafka(#[from] kafka::TopicError),
    /// The archive cannot be set up.
    #[error("the MongoDB archive cannot be set up")]
    Mongo(#[from] archive::SetUpError),
}

/// The arguments of `key create`.
#[derive(Debug, Clone, Args)]
pub struct KeyArguments {
    /// A role of the key; may be given more than once.
    #[arg(long = "role", required = true, value_parser = parsed::<Role>)]
    roles: Vec<Role>,
    /// The key's tenant. Without it, the key is valid for every tenant.
    #[arg(long, value_parser = parsed::<TenantName>)]
    tenant: Option<TenantName>,
    /// A description of the key's purpose.
    #[arg(long, default_value = "created on the command line")]
    description: String,
    /// The key expires after this many days (1 to 3650). Without it, the key never expires.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
    expires_in_days: Option<u32>,
}

impl KeyArguments {
    /// Returns the arguments for a key that never expires.
    pub fn of(roles: Vec<Role>, tenant: Option<TenantName>) -> Self {
        Self {
            roles,
            tenant,
            description: String::new(),
            expires_in_days: None,
        }
    }
}

fn parsed<T: TryFrom<String, Error = Invalid>>(raw: &str) -> Result<T, Invalid> {
    T::try_from(raw.to_owned())
}

/// Makes an API key with the service's own login, and returns its token. Needed for the first key;
/// with it, callers make all others over the API.
pub async fn create_key(
    settings: &Settings,
    arguments: KeyArguments,
) -> Result<SecretString, KeyError> {
    let KeyArguments {
        roles,
        tenant,
        description,
        expires_in_days,
    } = arguments;
    let pepper = callers::pepper(&settings.auth)?;
    let primary = Server::primary(&settings.postgres, &settings.resilience)?;
    let grant = Grant::new(
        roles,
        tenant.map_or(TenantScope::Platform, TenantScope::Tenant),
        Default::default(),
    )?;
    let expires_at = expires_in_days
        .map(|days| Timestamp::now() + SignedDuration::from_hours(24 * i64::from(days)));
    let actor = Actor {
        kind: "command".into(),
        id: "key create".into(),
        token: None,
    };
    let by = Requester {
        caller: Caller {
            actor: Arc::new(actor),
            grant: Arc::new(Grant::platform_admin()),
            credential: Credential::Nothing,
            session: None,
        },
        source_ip: None,
        request_id: Uuid::now_v7().to_string(),
    };
    let wanted = NewKeySpec {
        grant,
        description,
        expires_at: expires_at.map(Into::into),
        idempotency_key: None,
    };
    let keys = Keys::new(
        Arc::new(primary),
        Some(Arc::new(pepper)),
        settings.auth.keys_per_tenant,
    );
    keys.make(&by, wanted).await?.token.ok_or(KeyError::NoToken)
}

/// The reason why [`create_key`] made no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The roles and the tenant do not fit together.
    #[error(transparent)]
    Grant(#[from] Invalid),
    /// The service could not make the key.
    #[error("the API key could not be created")]
    Failed(#[from] service::Error),
    /// The service returned a key without a token, which is a defect.
    #[error("the API key was created without a token")]
    NoToken,
}

/// Removes archived events that are older than `audit.retention_days`, if they verify.
pub async fn retain(settings: &Settings) -> Result<Retained, RetainError> {
    let days = i64::from(settings.audit.retention_days);
    if days == 0 {
        tracing::info!("audit.retention_days is 0: no events are removed");
        return Ok(Retained::default());
    }
    let cutoff = Timestamp::now()
        .checked_sub(SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MIN);
    let retention = &settings.retention;
    let (key, url) = ("retention.postgres_url", &retention.postgres_url);
    let postgres = Server::new(
        "postgres_retention",
        key,
        url,
        &settings.postgres,
        settings
            .resilience
            .policy(&settings.resilience.postgres_primary),
    )?;
    let policy = Dependency::new(
        "mongodb_retention",
        settings
            .resilience
            .policy(&settings.resilience.mongodb_retention),
    );
    let archive = Archive::for_retention(retention, &settings.mongo, policy.timeout()).await?;
    let limit = settings.postgres.statement_timeout;
    let retained = Retention::new(archive, policy, Arc::new(postgres), limit, retention.batch)
        .run(cutoff.into())
        .await?;
    let Retained {
        chains,
        removed,
        refused,
    } = &retained;
    tracing::info!(before = %cutoff, chains, removed, refused = refused.len(), "retention is done");
    Ok(retained)
}

/// The reason why [`retain`] did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RetainError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The run failed after its start. It may be run again.
    #[error("the retention run failed; it may be run again")]
    Failed(#[from] RetentionError),
}

/// The timeout of the health check's request.
const HEALTHCHECK: Duration = Duration::from_secs(2);

/// Requests `/health/live` from the process that listens on `http.ops_listen`: the health check of
/// a container without a shell.
pub async fn healthcheck(settings: &Settings) -> Result<(), HealthcheckError> {
    let url = format!("http://{}/health/live", reachable(settings.http.ops_listen));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(HEALTHCHECK)
        .build()?;
    client.get(url).send().await?.error_for_status()?;
    Ok(())
}

/// Returns the address to reach a listener on this machine: the loopback address if it listens on
/// all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// No process answers, or its answer is not a success.
#[derive(Debug, thiserror::Error)]
#[error("the process at http.ops_listen is not healthy")]
pub struct HealthcheckError(#[from] reqwest::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcard_listener_is_reached_through_loopback() {
        for (listen, wanted) in [
            ("0.0.0.0:9", "127.0.0.1:9"),
            ("[::]:9", "[::1]:9"),
            ("10.1.2.3:9", "10.1.2.3:9"),
            ("127.0.0.1:9", "127.0.0.1:9"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), wanted.parse().unwrap());
        }
    }
}
