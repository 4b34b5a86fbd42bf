//! Connections to servers: one host after another where a URL names several, encrypted or not, with
//! our session settings.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Socket,
    config::{Host, SslMode, TargetSessionAttrs},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Error;
use crate::{
    config::{self, ConfigError, ms},
    tls,
};

/// The TLS settings of connections. Each connection's own `sslmode` decides whether it is
/// encrypted.
#[derive(Clone)]
pub struct Tls(pub(super) MakeRustlsConnect);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Tries the hosts of a URL in turn, beginning with the last good one. Each host has its share of
/// the time: a host that accepts the connection and then stays silent would otherwise use up all of
/// it. With several hosts, only one that takes writes is accepted.
pub(super) struct MultiHostConnector {
    hosts: Vec<tokio_postgres::Config>,
    tls: Tls,
    share: Duration,
    renewed: PoolGeneration,
}

/// The last time when all connections were renewed: older ones are not lent again. All connectors
/// of a server share it, with the last good host: after a failover, new connections must not try
/// the old primary first.
#[derive(Debug, Clone)]
pub struct PoolGeneration {
    since: Arc<Mutex<Instant>>,
    host: Arc<AtomicUsize>,
}

impl PoolGeneration {
    /// Begins now, with the first host.
    pub fn now() -> Self {
        Self {
            since: Arc::new(Mutex::new(Instant::now())),
            host: Arc::default(),
        }
    }

    pub(super) fn renew(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn is_after(&self, made: Instant) -> bool {
        made < *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MultiHostConnector {
    pub(super) fn new(
        hosts: Vec<tokio_postgres::Config>,
        tls: Tls,
        limit: Duration,
        renewed: PoolGeneration,
    ) -> Self {
        let share = limit / u32::try_from(hosts.len().max(1)).unwrap_or(u32::MAX);
        Self {
            hosts,
            tls,
            share,
            renewed,
        }
    }

    async fn connect_in_turn(&self) -> Result<(Client, Driver), tokio_postgres::Error> {
        let (first, count) = (self.renewed.host.load(Ordering::Relaxed), self.hosts.len());
        let mut failure = None;
        for at in (0..count).map(|turn| (first + turn) % count) {
            match tokio::time::timeout(self.share, self.hosts[at].connect(self.tls.0.clone())).await
            {
                Ok(Ok(connected)) => {
                    if self.renewed.host.swap(at, Ordering::Relaxed) != at {
                        // Connections to the previous host must not be used when that host comes
                        // back.
                        self.renewed.renew();
                    }
                    return Ok(connected);
                }
                Ok(Err(error)) => failure = Some(error),
                Err(_) => {}
            }
        }
        match failure {
            Some(error) => Err(error),
            // No host has answered. The caller has its own time limit and reports the timeout.
            None => std::future::pending().await,
        }
    }
}

impl Connect for MultiHostConnector {
    fn connect(
        &self,
        _: &tokio_postgres::Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        Box::pin(async move {
            let (client, driver) = self.connect_in_turn().await?;
            let driving = tokio::spawn(async move {
                if let Err(error) = driver.await {
                    tracing::debug!(error = %error, "a connection to postgres ended");
                }
            });
            Ok((client, driving))
        })
    }
}

/// The other half of a connection. It transmits the requests of its client.
pub type Driver =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Creates the TLS settings that [`connect`] needs.
pub fn connector(settings: &config::Postgres) -> Result<Tls, ConfigError> {
    const KEY: &str = "postgres.ca_file";
    let client = if settings.ca_file.is_empty() {
        tls::unused_client(KEY)?
    } else {
        tls::client(KEY, &settings.ca_file)?
    };
    Ok(Tls(MakeRustlsConnect::new(client)))
}

/// Opens a dedicated connection, for session locks and LISTEN. The second part must be polled for
/// anything to happen.
pub async fn connect(
    key: &str,
    url: &SecretString,
    settings: &config::Postgres,
    tls: &Tls,
    renewed: &PoolGeneration,
) -> Result<(Client, Driver), Error> {
    let limit = ms(settings.connect_timeout_ms);
    let hosts = MultiHostConnector::new(
        hosts(key, url, settings, "").map_err(Error::unavailable)?,
        tls.clone(),
        limit,
        renewed.clone(),
    );
    match tokio::time::timeout(limit, hosts.connect_in_turn()).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(Error::Unavailable("cannot connect".into(), Some(error))),
        Err(_) => Err(Error::Timeout),
    }
}

/// The settings key of the replicas' URLs; all other URLs lead to the primary.
pub const REPLICA_URLS: &str = "postgres.replica_urls";

/// Splits a URL into one configuration per host, at least one, each with all other parts of the
/// URL.
pub(super) fn hosts(
    key: &str,
    url: &SecretString,
    settings: &config::Postgres,
    options: &str,
) -> Result<Vec<tokio_postgres::Config>, ConfigError> {
    if url.expose_secret().is_empty() {
        return Err(config::missing(key));
    }
    // The parser's error may repeat the URL, which holds the password.
    let wrong = || ConfigError::Invalid {
        key: key.to_owned(),
        reason: "is not a Postgres URL".to_owned(),
    };
    let all: tokio_postgres::Config = url.expose_secret().parse().map_err(|_| wrong())?;
    let (names, ports) = (all.get_hosts(), all.get_ports());
    if names.is_empty()
        || (ports.len() > 1 && ports.len() != names.len())
        || !all.get_hostaddrs().is_empty()
    {
        return Err(wrong());
    }
    // A host name may later lead to another server. A server that answers under the primary's name
    // but takes no writes is not the primary: rows that it lacks would be taken for deleted.
    let is_primary = key != REPLICA_URLS;
    let hosts = names.iter().enumerate().map(|(at, host)| {
        let mut config = tokio_postgres::Config::new();
        match host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(path) => config.host_path(path),
        };
        config.port(ports.get(at).or(ports.first()).copied().unwrap_or(5432));
        let takes_writes = is_primary || names.len() > 1;
        config.target_session_attrs(if takes_writes { TargetSessionAttrs::ReadWrite } else { all.get_target_session_attrs() });
        if let Some(user) = all.get_user() {
            config.user(user);
        }
        if let Some(password) = all.get_password() {
            config.password(password);
        }
        if let Some(database) = all.get_dbname() {
            config.dbname(database);
        }
        config
            .ssl_mode(ssl_mode(key, all.get_ssl_mode(), &settings.ca_file)?)
            .channel_binding(all.get_channel_binding())
            .application_name("traffic-manager")
            .options(format!(
                "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} {options}",
                settings.statement_timeout_ms, settings.lock_timeout_ms, settings.idle_in_transaction_timeout_ms
            ))
            .connect_timeout(ms(settings.connect_timeout_ms))
            .tcp_user_timeout(ms(settings.statement_timeout_ms) * 2)
            .keepalives_idle(Duration::from_secs(15));
        Ok(config)
    });
    hosts.collect()
}

/// TLS is either required or off: `sslmode=prefer` would leave the choice to the server that
/// answers.
fn ssl_mode(key: &str, from_url: SslMode, ca_file: &str) -> Result<SslMode, ConfigError> {
    match (from_url, ca_file.is_empty()) {
        (SslMode::Disable, false) => Err(config::unusable(
            key,
            "says sslmode=disable, but postgres.ca_file is set",
        )),
        (_, false) => Ok(SslMode::Require),
        (SslMode::Disable | SslMode::Prefer, true) => Ok(SslMode::Disable),
        (_, true) => Err(config::unusable(
            key,
            "wants TLS, for which postgres.ca_file must be set",
        )),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Settings;

    #[tokio::test]
    async fn new_connection_tries_the_last_good_host_first() {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (first, second) = (listen().await, listen().await);
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let url = format!(
            "postgres://tm@127.0.0.1:{},127.0.0.1:{}/tm?sslmode=disable",
            port(&first),
            port(&second)
        )
        .into();
        let settings = Settings::without_environment(&[]).unwrap().postgres;
        let (tls, renewed) = (connector(&settings).unwrap(), PoolGeneration::now());
        for good in [0, 1] {
            renewed.host.store(good, Ordering::Relaxed);
            let connecting = connect("postgres.primary_url", &url, &settings, &tls, &renewed);
            let asked = tokio::select! {
                _ = first.accept() => 0,
                _ = second.accept() => 1,
                _ = connecting => unreachable!("nobody answers"),
            };
            assert_eq!(asked, good);
        }
    }

    #[test]
    fn primary_must_accept_writes_and_a_replica_need_not() {
        let settings = config::Settings::without_environment(&[]).unwrap().postgres;
        let wanted = |key, url: &str| {
            let hosts = hosts(key, &SecretString::from(url), &settings, "").unwrap();
            hosts
                .iter()
                .map(tokio_postgres::Config::get_target_session_attrs)
                .collect::<Vec<_>>()
        };
        for key in ["postgres.primary_url", "migrate.postgres_url"] {
            assert_eq!(
                wanted(key, "postgres://me@one/db"),
                [TargetSessionAttrs::ReadWrite]
            );
            assert_eq!(
                wanted(key, "postgres://me@one/db?target_session_attrs=any"),
                [TargetSessionAttrs::ReadWrite]
            );
            assert_eq!(
                wanted(key, "postgres://me@one,two/db"),
                [TargetSessionAttrs::ReadWrite; 2]
            );
        }
        assert_eq!(
            wanted(REPLICA_URLS, "postgres://me@one/db"),
            [TargetSessionAttrs::Any]
        );
    }
}
