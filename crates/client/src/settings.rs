//! The settings of a watcher, and what is refused before it starts.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use thiserror::Error;
use traffic_manager_core::{
    ids::TenantName,
    snapshot::{Scope, TenantSnapshot, confirmation::Confirmation},
};
use url::Url;

use crate::{Connections, Label, TrustedKey, connection, token::Token};

/// The default of [`Settings::max_bytes`]: 256 MiB.
const MAX_BYTES: usize = 256 << 20;

/// The function of a hook that may refuse new data.
type Hook = dyn Fn(&TenantSnapshot, &TenantSnapshot, Option<&Confirmation>) -> bool + Send + Sync;

/// A hook that is asked with the old and the new data before the new ones are taken. If it says
/// false, the old ones stay; the watcher asks the service again after [`Times::ask_again`].
#[derive(Clone)]
pub struct Accept(pub(crate) Arc<Hook>);

impl Accept {
    /// A hook from a function. It must return quickly.
    pub fn new(
        accept: impl Fn(&TenantSnapshot, &TenantSnapshot) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |old, new, _| accept(old, new)))
    }

    /// A hook that is also given the newest removal that was confirmed where it was written, if a
    /// trusted key has signed that. It may be older than the old data, or newer than the new ones: the
    /// tags tell.
    pub fn with_confirmation(
        accept: impl Fn(&TenantSnapshot, &TenantSnapshot, Option<&Confirmation>) -> bool
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(accept))
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accept(..)")
    }
}

/// The settings of a watcher.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base URLs of the service's instances, such as `https://tm.example.com`. After a failure
    /// the next one is tried. At least one.
    pub servers: Vec<Url>,
    /// The tenant to follow.
    pub tenant: TenantName,
    /// The part of the tenant to follow; the whole tenant by default.
    pub scope: Scope,
    /// The bearer token of the requests.
    pub token: Option<Token>,
    /// Allows to send the token over plain http to other machines. Whoever is on the way can read
    /// it then. False by default.
    pub allow_plain_http: bool,
    /// Certificates of authorities that are trusted beside those of the system, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The keys whose signatures are required. Without any, signatures are ignored. During a
    /// rotation, the old one and the new one.
    pub trusted_keys: Vec<TrustedKey>,
    /// The file that keeps the data over a restart. Beside it, the watcher writes `<file>.new`,
    /// `<file>.previous` and `<file>.bad`. Each watcher needs a file of its own.
    pub file: Option<PathBuf>,
    /// The most bytes of a body, an event, a revision and a file; 256 MiB by default.
    pub max_bytes: usize,
    /// The name of this node in the service's list of nodes. With a name, each request carries it, and reports go to
    /// the service: see [`crate::Watcher::report`]. Without one none do.
    pub node: Option<Label>,
    /// The kind of proxy that the node feeds, such as `envoy`, for the same list. Without one, the program looks its
    /// routes up in the watcher: until its first report it counts as running what the watcher holds.
    pub dialect: Option<Label>,
    /// Connections that this watcher shares with others of the same servers. A watcher without them has its own, which
    /// take some memory: the certificates of the system.
    pub connections: Option<Connections>,
    /// A hook that may refuse new data.
    pub accept: Option<Accept>,
    /// All times.
    pub times: Times,
}

impl Settings {
    /// The settings to follow a whole tenant, without token, keys and file.
    pub fn new(servers: Vec<Url>, tenant: TenantName) -> Self {
        Self {
            servers,
            tenant,
            scope: Scope::default(),
            token: None,
            allow_plain_http: false,
            ca_pem: None,
            trusted_keys: Vec::new(),
            file: None,
            max_bytes: MAX_BYTES,
            node: None,
            dialect: None,
            connections: None,
            accept: None,
            times: Times::default(),
        }
    }

    /// Checks what can be checked before the first request.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        connection::check_servers(&self.servers, self.token.is_some(), self.allow_plain_http)
    }
}

/// All times of a watcher.
#[derive(Debug, Clone)]
pub struct Times {
    /// The longest time that a connection takes to be made; 10 s.
    pub connect: Duration,
    /// The longest time that a snapshot takes to arrive; 10 minutes.
    pub snapshot: Duration,
    /// The longest time without a byte of an open connection; 40 s. The service sends a comment
    /// every 15 s.
    pub silence: Duration,
    /// The longest time until a stream's first byte; 10 s.
    pub first_byte: Duration,
    /// The streams in a row without a byte in that time after which the watcher polls instead; 3.
    pub mute_streams: u32,
    /// The time that it polls, before it tries streams again; 10 minutes.
    pub polling: Duration,
    /// The time that the service holds a long poll; 50 s. The service knows whole seconds, 60 at
    /// most.
    pub wait: Duration,
    /// The longest time of a long poll; 65 s.
    pub poll: Duration,
    /// The time that data wait for their signature, before the watcher asks for a snapshot; 2 s.
    pub signature: Duration,
    /// The upper limit of the random time before a stream that ended is opened again; 1 s.
    pub reopen: Duration,
    /// The upper limit of the random time after a first failure; 0.25 s. It doubles with each
    /// further failure.
    pub first_retry: Duration,
    /// The upper limit of the random time after any failure; 30 s.
    pub last_retry: Duration,
    /// The most that the service's `Retry-After` can ask for; 10 minutes.
    pub longest_retry_after: Duration,
    /// The time between snapshots that confirm the data, up to a tenth less; 10 minutes.
    pub confirm: Duration,
    /// The time that a server is given to have what another one has, before it is said to keep it back; 2 s.
    pub opinion: Duration,
    /// The time between requests while the service says 401, 403 or 404, or the hook refuses; 60 s.
    pub ask_again: Duration,
    /// The shortest time between two writes of the file; 1 s.
    pub save: Duration,
    /// The time after which a node reports the same again, up to a tenth less; 20 s.
    pub report: Duration,
    /// The shortest time between two reports; 0.1 s.
    pub report_pause: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            snapshot: Duration::from_secs(600),
            silence: Duration::from_secs(40),
            first_byte: Duration::from_secs(10),
            mute_streams: 3,
            polling: Duration::from_secs(600),
            wait: Duration::from_secs(50),
            poll: Duration::from_secs(65),
            signature: Duration::from_secs(2),
            reopen: Duration::from_secs(1),
            first_retry: Duration::from_millis(250),
            last_retry: Duration::from_secs(30),
            longest_retry_after: Duration::from_secs(600),
            confirm: Duration::from_secs(600),
            opinion: Duration::from_secs(2),
            ask_again: Duration::from_secs(60),
            save: Duration::from_secs(1),
            report: Duration::from_secs(20),
            report_pause: Duration::from_millis(100),
        }
    }
}

/// Why a watcher does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// There is no base URL.
    #[error("no server is configured")]
    NoServer,
    /// A base URL is neither http nor https, or has a user name or a password.
    #[error("a server's URL must be http or https, without a user name and a password, not {0}")]
    BadServer(String),
    /// The token would be sent unencrypted to another machine.
    #[error("the token would be sent over plain http to {0}; use https, or allow plain http")]
    PlainHttp(String),
    /// The HTTP client cannot be made, such as for a wrong certificate.
    #[error("the HTTP client cannot be made")]
    Client(#[from] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(server: &str, allow: bool) -> Result<(), StartError> {
        let mut settings = Settings::new(vec![server.parse().unwrap()], "acme".parse().unwrap());
        settings.token = Some(Token::fixed("secret"));
        settings.allow_plain_http = allow;
        settings.check()
    }

    #[test]
    fn token_is_sent_over_plain_http_only_to_this_machine() {
        for server in [
            "https://tm.example.com",
            "http://localhost:8000",
            "http://127.0.0.1:8000",
            "http://127.9.9.9",
            "http://[::1]:8000",
        ] {
            assert!(start(server, false).is_ok(), "{server}");
        }
        for server in [
            "http://tm.example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://[::2]",
        ] {
            let refused = start(server, false);
            assert!(matches!(refused, Err(StartError::PlainHttp(_))), "{server}");
            assert!(start(server, true).is_ok(), "{server}");
        }
    }

    #[test]
    fn server_with_a_password_or_another_scheme_is_refused() {
        for server in ["ftp://tm.example.com", "https://user:secret@tm.example.com"] {
            let refused = start(server, true).unwrap_err();
            assert!(matches!(refused, StartError::BadServer(_)), "{server}");
            assert!(!refused.to_string().contains("secret"));
        }
        let empty = Settings::new(Vec::new(), "acme".parse().unwrap());
        assert!(matches!(empty.check(), Err(StartError::NoServer)));
    }
}
