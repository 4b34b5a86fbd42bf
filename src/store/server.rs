//! One Postgres server: its pool, its policy, and dedicated connections for those who need a session of their own.

use std::{future::Future, sync::Arc, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts, Transaction};
use futures_util::try_join;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{CancelToken, Client, IsolationLevel, Socket, config::SslMode, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Error, Visible};
use crate::{
    config::{self, ConfigError, ms},
    resilience::{CallError, Dependency},
    telemetry::names,
    tls,
};

/// How connections are encrypted, if they are: whether they are is each connection's own `sslmode`.
#[derive(Clone)]
pub struct Tls(MakeRustlsConnect);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Session settings of the write path. Its statements find rows by their keys, so one plan serves every call, and planning anew costs as
/// much as running them. But a plan that is made while a table is empty scans it: so the other ways are not offered to the planner.
const PLANNED_ONCE: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off \
     -c enable_hashjoin=off -c enable_mergejoin=off";

/// A server with its pools and its policy.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    pool: Pool,
    /// Connections of the write path alone.
    writing: Pool,
    tls: Tls,
    policy: Arc<Dependency>,
    read_timeout: Duration,
}

impl Server {
    /// A server from its URL; connects when first used.
    pub fn new(
        name: &'static str, key: &str, url: &SecretString, settings: &config::Postgres, breaker: &config::Breaker,
    ) -> Result<Self, ConfigError> {
        let tls = connector(settings)?;
        let pool = |options: &str| {
            let manager = Manager::from_config(
                connection_config(key, url, settings, options)?,
                tls.0.clone(),
                // A connection whose last user gave up is checked before it is lent again; one that hangs is thrown away.
                ManagerConfig { recycling_method: RecyclingMethod::Verified },
            );
            let timeouts = Timeouts {
                wait: Some(ms(settings.acquire_timeout_ms)),
                create: Some(ms(settings.connect_timeout_ms)),
                recycle: Some(ms(settings.recycle_timeout_ms)),
            };
            let pool = Pool::builder(manager).max_size(settings.pool_size).timeouts(timeouts).runtime(Runtime::Tokio1).build();
            pool.map_err(|error| ConfigError::Invalid { key: key.to_owned(), reason: error.to_string() })
        };
        let (pool, writing) = (pool("")?, pool(PLANNED_ONCE)?);
        let longest = ms(settings.acquire_timeout_ms)
            + ms(settings.connect_timeout_ms)
            + ms(settings.recycle_timeout_ms)
            + ms(settings.read_timeout_ms);
        let policy = Dependency::new(name, settings.pool_size * 8, longest, breaker);
        Ok(Self { name, pool, writing, tls, policy, read_timeout: ms(settings.read_timeout_ms) })
    }

    /// Its name in logs, metrics and health.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its policy.
    pub fn policy(&self) -> &Arc<Dependency> {
        &self.policy
    }

    /// How its connections are encrypted: what it takes to cancel a statement.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// A pooled connection, in a bounded time. For those who bring their own policy.
    pub async fn connection(&self) -> Result<Object, Error> {
        Ok(self.pool.get().await?)
    }

    /// The same for the write path, whose statements are planned once.
    pub async fn writing_connection(&self) -> Result<Object, Error> {
        Ok(self.writing.get().await?)
    }

    /// Runs one read of these tenants' rows under the policy. A read that takes too long is cancelled on the server too.
    pub async fn read<T>(
        &self, visible: &Visible, read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(Kind::Read, visible, read).await
    }

    /// Runs several reads that all see one instant, under the policy.
    pub async fn read_at_once<T>(
        &self, visible: &Visible, read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(Kind::ReadAtOnce, visible, read).await
    }

    /// Runs a write beside the write path, of what is no part of the history, under the policy, and commits it.
    pub async fn write<T>(
        &self, visible: &Visible, write: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(Kind::Write, visible, write).await
    }

    async fn run<T>(
        &self, kind: Kind, visible: &Visible, operation: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        let operation = async {
            let mut client = self.connection().await?;
            // Large, and otherwise a part of every future that reads.
            Box::pin(transact(&mut client, &self.tls, self.read_timeout, kind, visible, operation)).await
        };
        self.policy.call(Error::is_dependency_failure, operation).await
    }

    /// Writes the pool's numbers into the metrics.
    pub fn report_pool(&self) {
        let (status, writing) = (self.pool.status(), self.writing.status());
        let available = status.available + writing.available;
        let in_use = (status.size + writing.size).saturating_sub(available);
        for (state, number) in [("in_use", in_use), ("idle", available)] {
            metrics::gauge!(names::POOL_CONNECTIONS, "server" => self.name, "state" => state).set(number as f64);
        }
    }

    /// Closes the pools.
    pub fn close(&self) {
        self.pool.close();
        self.writing.close();
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads.
    Read,
    /// Reads that all see one instant.
    ReadAtOnce,
    /// Writes, which are committed.
    Write,
}

/// Runs `operation` in a transaction that sees the rows of these tenants; past `limit`, what runs is cancelled.
pub async fn transact<T>(
    client: &mut Object, tls: &Tls, limit: Duration, kind: Kind, visible: &Visible,
    operation: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let canceller = client.cancel_token();
    let transaction = async {
        let show = Visible::statement(client).await?;
        let transaction = client.build_transaction();
        let transaction = match kind {
            Kind::Read => transaction.read_only(true),
            Kind::ReadAtOnce => transaction.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
            Kind::Write => transaction,
        };
        let tx = transaction.start().await?;
        // Pipelined: the first statement of `operation` follows without waiting for an answer.
        let ((), value) = try_join!(visible.show(&tx, &show), operation(&tx))?;
        if kind == Kind::Write {
            tx.commit().await?;
        }
        // What was only read is rolled back when it is dropped, and nobody waits for that.
        Ok(value)
    };
    cancelled_after(limit, canceller, tls, transaction).await
}

/// Waits for `operation` for at most `limit`; past it, asks the server to cancel what runs on that connection, because a dropped
/// future frees the caller but not the connection.
pub async fn cancelled_after<T>(
    limit: Duration, token: CancelToken, tls: &Tls, operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, operation).await {
        Ok(result) => result,
        Err(_) => {
            let tls = tls.0.clone();
            tokio::spawn(async move { tokio::time::timeout(Duration::from_secs(1), token.cancel_query(tls)).await });
            Err(Error::Timeout)
        }
    }
}

/// [`cancelled_after`] for a plain client.
pub async fn bounded<T>(
    client: &Client, tls: &Tls, limit: Duration, operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    cancelled_after(limit, client.cancel_token(), tls, operation).await
}

/// A connection's other half, which carries what its client sends.
pub type Driver = tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// What [`connect`] takes to encrypt.
pub fn connector(settings: &config::Postgres) -> Result<Tls, ConfigError> {
    const KEY: &str = "postgres.ca_file";
    let client = if settings.ca_file.is_empty() { tls::unused_client(KEY)? } else { tls::client(KEY, &settings.ca_file)? };
    Ok(Tls(MakeRustlsConnect::new(client)))
}

/// A connection of one's own, for session locks and LISTEN. The second part must be polled for anything to happen.
pub async fn connect(key: &str, url: &SecretString, settings: &config::Postgres, tls: &Tls) -> Result<(Client, Driver), Error> {
    let config = connection_config(key, url, settings, "").map_err(Error::unavailable)?;
    let connecting = config.connect(tls.0.clone());
    match tokio::time::timeout(ms(settings.connect_timeout_ms), connecting).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(Error::Unavailable("cannot connect".into(), Some(error))),
        Err(_) => Err(Error::Timeout),
    }
}

fn connection_config(
    key: &str, url: &SecretString, settings: &config::Postgres, options: &str,
) -> Result<tokio_postgres::Config, ConfigError> {
    if url.expose_secret().is_empty() {
        return Err(config::missing(key));
    }
    // The parser's error may repeat the URL, which holds the password.
    let wrong = |_| ConfigError::Invalid { key: key.to_owned(), reason: "is not a Postgres URL".to_owned() };
    let mut config: tokio_postgres::Config = url.expose_secret().parse().map_err(wrong)?;
    config
        .ssl_mode(ssl_mode(key, config.get_ssl_mode(), &settings.ca_file)?)
        .application_name("traffic-manager")
        .options(format!(
            "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} {options}",
            settings.statement_timeout_ms, settings.lock_timeout_ms, settings.idle_in_transaction_timeout_ms
        ))
        .connect_timeout(ms(settings.connect_timeout_ms))
        .tcp_user_timeout(ms(settings.statement_timeout_ms) * 2)
        .keepalives_idle(Duration::from_secs(15));
    Ok(config)
}

/// All or nothing: what a URL prefers is not left to whoever answers.
fn ssl_mode(key: &str, from_url: SslMode, ca_file: &str) -> Result<SslMode, ConfigError> {
    match (from_url, ca_file.is_empty()) {
        (SslMode::Disable, false) => Err(config::unusable(key, "says sslmode=disable, but postgres.ca_file is set")),
        (_, false) => Ok(SslMode::Require),
        (SslMode::Disable | SslMode::Prefer, true) => Ok(SslMode::Disable),
        (_, true) => Err(config::unusable(key, "wants TLS, for which postgres.ca_file must be set")),
    }
}
