//! How servers are connected to: one host after another where several are named, encrypted or not, with our session settings.

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

/// How connections are encrypted, if they are: whether they are is each connection's own `sslmode`.
#[derive(Clone)]
pub struct Tls(pub(super) MakeRustlsConnect);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Tries the hosts of a URL in turn, beginning with the one that was good last. Each has its share of the time: one that takes the
/// connection and then says nothing would otherwise use up all of it, and with several hosts only one that takes writes will do.
pub(super) struct InTurn {
    hosts: Vec<tokio_postgres::Config>,
    tls: Tls,
    share: Duration,
    renewed: Renewed,
}

/// Connections that were made before this are not lent again. All who connect to a server share it, with the host that was good last: one that
/// was promoted over must not be found first by who connects anew.
#[derive(Debug, Clone)]
pub struct Renewed {
    since: Arc<Mutex<Instant>>,
    host: Arc<AtomicUsize>,
}

impl Renewed {
    /// Begins with the first host.
    pub fn now() -> Self {
        Self { since: Arc::new(Mutex::new(Instant::now())), host: Arc::default() }
    }

    pub(super) fn renew(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn is_after(&self, made: Instant) -> bool {
        made < *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InTurn {
    pub(super) fn new(hosts: Vec<tokio_postgres::Config>, tls: Tls, limit: Duration, renewed: Renewed) -> Self {
        let share = limit / u32::try_from(hosts.len().max(1)).unwrap_or(u32::MAX);
        Self { hosts, tls, share, renewed }
    }

    async fn connect_in_turn(&self) -> Result<(Client, Driver), tokio_postgres::Error> {
        let (first, count) = (self.renewed.host.load(Ordering::Relaxed), self.hosts.len());
        let mut failure = None;
        for at in (0..count).map(|turn| (first + turn) % count) {
            match tokio::time::timeout(self.share, self.hosts[at].connect(self.tls.0.clone())).await {
                Ok(Ok(connected)) => {
                    if self.renewed.host.swap(at, Ordering::Relaxed) != at {
                        // What leads to the host before must not be used when that comes back.
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
            // None has said anything. Whoever waits has a limit, and says so.
            None => std::future::pending().await,
        }
    }
}

impl Connect for InTurn {
    fn connect(&self, _: &tokio_postgres::Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
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

/// A connection's other half, which carries what its client sends.
pub type Driver = tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// What [`connect`] takes to encrypt.
pub fn connector(settings: &config::Postgres) -> Result<Tls, ConfigError> {
    const KEY: &str = "postgres.ca_file";
    let client = if settings.ca_file.is_empty() { tls::unused_client(KEY)? } else { tls::client(KEY, &settings.ca_file)? };
    Ok(Tls(MakeRustlsConnect::new(client)))
}

/// A connection of one's own, for session locks and LISTEN. The second part must be polled for anything to happen.
pub async fn connect(
    key: &str, url: &SecretString, settings: &config::Postgres, tls: &Tls, renewed: &Renewed,
) -> Result<(Client, Driver), Error> {
    let limit = ms(settings.connect_timeout_ms);
    let hosts = InTurn::new(hosts(key, url, settings, "").map_err(Error::unavailable)?, tls.clone(), limit, renewed.clone());
    match tokio::time::timeout(limit, hosts.connect_in_turn()).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(Error::Unavailable("cannot connect".into(), Some(error))),
        Err(_) => Err(Error::Timeout),
    }
}

/// The key of the URLs that lead to replicas; all others lead to the primary.
pub const REPLICA_URLS: &str = "postgres.replica_urls";

/// The hosts of a URL, each with all the rest of it: at least one.
pub(super) fn hosts(
    key: &str, url: &SecretString, settings: &config::Postgres, options: &str,
) -> Result<Vec<tokio_postgres::Config>, ConfigError> {
    if url.expose_secret().is_empty() {
        return Err(config::missing(key));
    }
    // The parser's error may repeat the URL, which holds the password.
    let wrong = || ConfigError::Invalid { key: key.to_owned(), reason: "is not a Postgres URL".to_owned() };
    let all: tokio_postgres::Config = url.expose_secret().parse().map_err(|_| wrong())?;
    let (names, ports) = (all.get_hosts(), all.get_ports());
    if names.is_empty() || (ports.len() > 1 && ports.len() != names.len()) || !all.get_hostaddrs().is_empty() {
        return Err(wrong());
    }
    // Where a name leads to may change. What answers under the primary's and takes no writes is not the primary: what it does not have would
    // be taken for gone.
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

/// All or nothing: what a URL prefers is not left to whoever answers.
fn ssl_mode(key: &str, from_url: SslMode, ca_file: &str) -> Result<SslMode, ConfigError> {
    match (from_url, ca_file.is_empty()) {
        (SslMode::Disable, false) => Err(config::unusable(key, "says sslmode=disable, but postgres.ca_file is set")),
        (_, false) => Ok(SslMode::Require),
        (SslMode::Disable | SslMode::Prefer, true) => Ok(SslMode::Disable),
        (_, true) => Err(config::unusable(key, "wants TLS, for which postgres.ca_file must be set")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Settings;

    #[tokio::test]
    async fn who_connects_anew_begins_with_the_host_that_was_good_last() {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (first, second) = (listen().await, listen().await);
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let url = format!("postgres://tm@127.0.0.1:{},127.0.0.1:{}/tm?sslmode=disable", port(&first), port(&second)).into();
        let settings = Settings::without_environment(&[]).unwrap().postgres;
        let (tls, renewed) = (connector(&settings).unwrap(), Renewed::now());
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
    fn only_what_takes_writes_is_a_primary_and_a_replica_need_not() {
        let settings = config::Settings::without_environment(&[]).unwrap().postgres;
        let wanted = |key, url: &str| {
            let hosts = hosts(key, &SecretString::from(url), &settings, "").unwrap();
            hosts.iter().map(tokio_postgres::Config::get_target_session_attrs).collect::<Vec<_>>()
        };
        for key in ["postgres.primary_url", "migrate.postgres_url"] {
            assert_eq!(wanted(key, "postgres://me@one/db"), [TargetSessionAttrs::ReadWrite]);
            assert_eq!(wanted(key, "postgres://me@one/db?target_session_attrs=any"), [TargetSessionAttrs::ReadWrite]);
            assert_eq!(wanted(key, "postgres://me@one,two/db"), [TargetSessionAttrs::ReadWrite; 2]);
        }
        assert_eq!(wanted(REPLICA_URLS, "postgres://me@one/db"), [TargetSessionAttrs::Any]);
    }
}
