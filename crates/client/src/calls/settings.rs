//! The settings of a client.

use std::time::Duration;

use url::Url;

use crate::{StartError, connection, token::Token};

/// The default of [`ClientSettings::max_bytes`]: 256 MiB.
const MAX_BYTES: usize = 256 << 20;

/// The settings of a client. TLS verification cannot be turned off; authorities can be added.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The base URLs of the service's instances, such as `https://tm.example.com`. After a failure
    /// the next one is tried. At least one.
    pub servers: Vec<Url>,
    /// The bearer token of the requests.
    pub token: Option<Token>,
    /// Allows to send the token over plain http to other machines. Whoever is on the way can read
    /// it then. False by default.
    pub allow_plain_http: bool,
    /// Certificates of authorities that are trusted beside those of the system, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The most bytes of an answer, of a line and of an event; 256 MiB by default.
    pub max_bytes: usize,
    /// The name and version of the program, such as `deploy/1.2`: the first word of `User-Agent`.
    pub program: Option<String>,
    /// Makes reads at least as new as the client's own last write of the tenant. True by default.
    pub read_your_writes: bool,
    /// All times.
    pub times: CallTimes,
}

impl ClientSettings {
    /// The settings for these servers, without a token.
    pub fn new(servers: Vec<Url>) -> Self {
        Self {
            servers,
            token: None,
            allow_plain_http: false,
            ca_pem: None,
            max_bytes: MAX_BYTES,
            program: None,
            read_your_writes: true,
            times: CallTimes::default(),
        }
    }

    /// Checks the settings before the first request.
    pub(super) fn check(&self) -> Result<(), StartError> {
        connection::check_servers(&self.servers, self.token.is_some(), self.allow_plain_http)
    }
}

/// All times of a client.
#[derive(Debug, Clone)]
pub struct CallTimes {
    /// The longest time that a connection takes to be made; 10 s.
    pub connect: Duration,
    /// The longest time until an answer begins, for each try; 30 s. The time that the service was
    /// asked to hold the request is added.
    pub answer: Duration,
    /// The longest time without a byte of an answer that has begun; 40 s.
    pub silence: Duration,
    /// The longest time of a call with all its tries; 2 minutes. The time that the service was
    /// asked to hold the request is added. Streams have no such limit once they have begun.
    pub call: Duration,
    /// The upper limit of the random time after a first failure; 0.25 s. It doubles with each
    /// further failure.
    pub first_retry: Duration,
    /// The upper limit of the random time after any failure; 10 s.
    pub last_retry: Duration,
    /// The most tries of a call; 5.
    pub tries: u32,
}

impl Default for CallTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(40),
            call: Duration::from_secs(120),
            first_retry: Duration::from_millis(250),
            last_retry: Duration::from_secs(10),
            tries: 5,
        }
    }
}
