//! Gives a release to the proxy, and asks the proxy what it runs.

mod ask;
mod caddy;
mod checked;
mod envoy;
mod folder;
mod haproxy;
mod maps;
mod names;
mod nginx;
mod traefik;

use std::{collections::BTreeMap, io, net::IpAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::{sync::watch, time::Instant};
use traffic_manager_client::FaultCode;
use traffic_manager_core::{ids::TenantName, tag::VersionTag};
use traffic_manager_dataplane::Dialect;

use self::{ask::Http, checked::Checked};
use crate::{
    command::CommandError,
    config::Config,
    guard::Size,
    release::{Content, Release},
};

/// The names of a release with the addresses that they had.
pub type Names = BTreeMap<String, Vec<IpAddr>>;

/// The pause between two questions to a proxy that is to take a revision over.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a release was not applied.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// A file cannot be read or written.
    #[error("cannot write {0}")]
    File(PathBuf, #[source] io::Error),
    /// The proxy's own check refuses the configuration.
    #[error("the check refuses the configuration")]
    Check(#[source] CommandError),
    /// The command that makes the proxy take its files failed.
    #[error("the proxy cannot be told to take its files")]
    Reload(#[source] CommandError),
    /// The proxy refuses the document.
    #[error("the proxy refuses the configuration: {0}")]
    Refused(String),
    /// The proxy does not answer.
    #[error("the proxy does not answer: {0}")]
    Away(String),
    /// The proxy goes on with something else.
    #[error("the proxy does not show revision {wanted} within {limit:?}, but {shown}")]
    NotShown {
        /// The revision that it should show.
        wanted: String,
        /// How long it had.
        limit: Duration,
        /// What it shows.
        shown: String,
    },
    /// A file of the proxy is not what the agent expects.
    #[error("malformed: {0}")]
    Malformed(PathBuf, #[source] serde_json::Error),
    /// A release of another dialect, which is a fault of the agent.
    #[error("a release of another dialect")]
    Foreign,
    /// The whole change took too long.
    #[error("the change did not end within {0:?}")]
    TooLong(Duration),
}

impl ApplyError {
    /// The kind of reason, as it is reported to the control plane.
    pub fn code(&self) -> FaultCode {
        match self {
            Self::Check(_) | Self::Refused(_) | Self::NotShown { .. } | Self::Foreign => {
                FaultCode::Refused
            }
            Self::File(..)
            | Self::Reload(_)
            | Self::Away(_)
            | Self::Malformed(..)
            | Self::TooLong(_) => FaultCode::Unreachable,
        }
    }
}

/// What the proxy says of the revision that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// It runs the revision that was asked for.
    Wanted,
    /// It runs something else, in words.
    Other(String),
    /// It does not answer, for this reason.
    Away(String),
}

impl Running {
    /// Compares a revision that a proxy shows with the wanted one.
    fn of(shown: &str, wanted: &str) -> Self {
        if shown == wanted {
            Self::Wanted
        } else {
            Self::Other(format!("revision {shown}"))
        }
    }
}

/// What the proxy has taken over, as the agent keeps it over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its tenants.
    pub tenants: BTreeMap<TenantName, AppliedTenant>,
    /// The revision that the proxy shows.
    pub revision: String,
    /// The time at which the proxy took it over.
    pub since: Timestamp,
    /// What was handed over.
    pub handed: Handed,
}

/// What the proxy has taken over of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedTenant {
    /// The tag of its state.
    pub tag: VersionTag,
    /// How much the state has.
    pub size: Size,
}

/// What was handed over to the proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// The digest of the release as it was rendered.
    pub rendered: String,
    /// The digest of the files as they were put in place; empty without files.
    pub placed: String,
    /// The names in the files with their addresses at that time. Only for proxies that look names
    /// up nowhere but at a reload.
    pub names: Names,
}

/// The way to one proxy.
pub struct Applier {
    kind: Kind,
    reads_back: bool,
    limit: Duration,
}

enum Kind {
    Caddy(caddy::Caddy),
    Envoy(envoy::Envoy),
    Checked(Checked),
    Traefik(traefik::Traefik),
}

impl Applier {
    /// The way to the proxy of a configuration. The document for Traefik goes into `document`.
    pub fn new(
        config: &Config,
        document: watch::Sender<Option<Bytes>>,
    ) -> Result<Self, reqwest::Error> {
        let proxy = &config.proxy;
        let http = Http::new(proxy.admin)?;
        let kind = match proxy.dialect {
            Dialect::Caddy => Kind::Caddy(caddy::Caddy(http)),
            Dialect::Envoy => Kind::Envoy(envoy::Envoy::new(config, http)),
            Dialect::Haproxy => Kind::Checked(Checked::haproxy(config)),
            Dialect::Nginx => Kind::Checked(Checked::nginx(config, http)),
            Dialect::Traefik => Kind::Traefik(traefik::Traefik { http, document }),
        };
        Ok(Self {
            kind,
            reads_back: proxy.read_back,
            limit: config.times.read_back,
        })
    }

    /// Gives a release to the proxy, and waits until it runs it. What is right already is left
    /// alone. `before` is what the proxy has taken over last.
    pub async fn apply(
        &self,
        release: &Release,
        before: Option<&Applied>,
    ) -> Result<Handed, ApplyError> {
        let wanted = &release.revision;
        match (&self.kind, &release.content) {
            (Kind::Checked(proxy), Content::Files(files)) => {
                proxy.apply(self, wanted, files, before).await
            }
            (Kind::Envoy(proxy), Content::Files(files)) => proxy.apply(self, wanted, files).await,
            (Kind::Caddy(proxy), Content::Document(document)) => {
                proxy.apply(self, wanted, document, before).await
            }
            (Kind::Traefik(proxy), Content::Document(document)) => {
                proxy.document.send_replace(Some(document.clone()));
                self.shows(wanted).await?;
                Ok(Handed::of_document(document))
            }
            _ => Err(ApplyError::Foreign),
        }
    }

    /// Whether the proxy shows what it has taken over. `None` if it is not to be asked.
    pub async fn runs(&self, applied: &Applied) -> Option<bool> {
        if !self.reads_back {
            return None;
        }
        Some(self.running(&applied.revision).await == Running::Wanted)
    }

    /// Whether names have the addresses that the proxy was given.
    pub async fn is_named(&self, applied: &Applied) -> bool {
        let names = &applied.handed.names;
        !names::moved(names, &names::resolve(names.keys().cloned()).await)
    }

    /// Asks the proxy what it runs.
    async fn running(&self, wanted: &str) -> Running {
        match &self.kind {
            Kind::Caddy(proxy) => proxy.running(wanted).await,
            Kind::Checked(proxy) => proxy.running(wanted).await,
            Kind::Envoy(proxy) => proxy.running(wanted).await,
            Kind::Traefik(proxy) => proxy.running(wanted).await,
        }
    }

    /// Waits until the proxy shows a revision.
    async fn shows(&self, wanted: &str) -> Result<(), ApplyError> {
        if !self.reads_back {
            return Ok(());
        }
        let until = Instant::now() + self.limit;
        loop {
            let running = self.running(wanted).await;
            match running {
                Running::Wanted => return Ok(()),
                Running::Away(why) if Instant::now() >= until => return Err(ApplyError::Away(why)),
                Running::Other(shown) if Instant::now() >= until => {
                    return Err(ApplyError::NotShown {
                        wanted: wanted.to_owned(),
                        limit: self.limit,
                        shown,
                    });
                }
                Running::Other(_) | Running::Away(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

impl Handed {
    fn of_document(document: &[u8]) -> Self {
        use sha2::{Digest as _, Sha256};
        Self {
            rendered: hex::encode(Sha256::digest(document)),
            ..Self::default()
        }
    }
}
