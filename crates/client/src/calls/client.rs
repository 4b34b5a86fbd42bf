//! The client: what all its calls share.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
};

use reqwest::header::HeaderValue;

use super::{ClientSettings, Operation, memory::Memory, operations, retry::Budget};
use crate::{StartError, connection::http_client};

/// A client of the service. Copies share connections, token, retry budget and the memory of their
/// writes.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Shared>);

/// What all copies of a client share.
pub(super) struct Shared {
    pub http: reqwest::Client,
    pub settings: ClientSettings,
    /// The number of failures that turned the client to another server.
    pub turns: AtomicUsize,
    /// The token as a header, until the service refuses it.
    pub token: tokio::sync::Mutex<Option<HeaderValue>>,
    pub budget: Budget,
    pub memory: Memory,
}

impl Client {
    /// A client with these settings. Sends nothing yet.
    pub fn new(settings: ClientSettings) -> Result<Self, StartError> {
        settings.check()?;
        let http = http_client(
            &settings.servers,
            settings.ca_pem.as_deref(),
            settings.times.connect,
            settings.program.as_deref(),
        )?;
        Ok(Self(Arc::new(Shared {
            http,
            settings,
            turns: AtomicUsize::new(0),
            token: tokio::sync::Mutex::new(None),
            budget: Budget::new(),
            memory: Memory::default(),
        })))
    }

    /// Returns the base URLs of the client's servers.
    pub fn servers(&self) -> &[url::Url] {
        &self.0.settings.servers
    }

    /// Returns the table of all operations, by name.
    pub fn operations() -> impl Iterator<Item = &'static Operation> {
        operations::all()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.settings).finish()
    }
}
