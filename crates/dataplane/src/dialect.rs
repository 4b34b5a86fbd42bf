//! The dialects of proxies, and the bodies of their documents.

use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use traffic_manager_core::snapshot::{Scope, TenantSnapshot};

use crate::{
    File, Rendered, Settings, bootstrap::Ask, caddy, envoy, haproxy, model::Model, native, nginx,
    report::Report, traefik,
};

/// A kind of proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Caddy: one JSON document, which is pushed with `POST /load`.
    Caddy,
    /// Envoy: files for its file-based configuration. Its streams have a listener of their own.
    Envoy,
    /// `HAProxy`: a configuration file with maps.
    Haproxy,
    /// nginx: a configuration file.
    Nginx,
    /// Traefik: the document of its HTTP provider.
    Traefik,
}

impl Dialect {
    /// All dialects, in the order of their names.
    pub const ALL: [Self; 5] = [
        Self::Caddy,
        Self::Envoy,
        Self::Haproxy,
        Self::Nginx,
        Self::Traefik,
    ];

    /// Returns the dialect's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caddy => "caddy",
            Self::Envoy => "envoy",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
        }
    }

    /// Renders a model: the body that the API answers, and what became of each policy.
    pub fn render(
        self,
        model: &Model,
        settings: &Settings,
    ) -> Result<Rendered<Vec<u8>>, serde_json::Error> {
        let files = |files: &[File], reload, report| {
            let document = body(model, files, reload)?;
            Ok(Rendered { document, report })
        };
        match self {
            Self::Caddy => Ok(caddy::render(model, settings)),
            Self::Traefik => Ok(traefik::render(model, settings)),
            Self::Envoy => {
                let Rendered { document, report } = envoy::render(model, settings);
                files(&envoy::files(&document), envoy::RELOAD, report)
            }
            Self::Haproxy => {
                let Rendered { document, report } = haproxy::render(model, settings);
                files(&document, haproxy::RELOAD, report)
            }
            Self::Nginx => {
                let Rendered { document, report } = nginx::render(model, settings);
                files(&document, nginx::RELOAD, report)
            }
        }
    }

    /// Returns what became of each policy of a model.
    pub fn report(self, model: &Model, settings: &Settings) -> Result<Report, serde_json::Error> {
        self.render(model, settings).map(|rendered| rendered.report)
    }

    /// Returns a configuration with which a new proxy starts.
    pub fn bootstrap(self, ask: &Ask) -> String {
        match self {
            Self::Caddy => caddy::bootstrap(ask),
            Self::Envoy => envoy::bootstrap(ask, envoy::Transport::Files),
            Self::Haproxy => haproxy::bootstrap(ask),
            Self::Nginx => nginx::bootstrap(ask),
            Self::Traefik => traefik::bootstrap(ask),
        }
    }
}

impl FromStr for Dialect {
    type Err = ();

    fn from_str(raw: &str) -> Result<Self, ()> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == raw);
        found.ok_or(())
    }
}

/// The body of a dialect whose configuration is files.
#[derive(Serialize)]
struct Files<'a> {
    files: Vec<FileOut<'a>>,
    reload: &'static str,
    revision: String,
}

#[derive(Serialize)]
struct FileOut<'a> {
    content: &'a str,
    path: &'a str,
    /// Lower-case hex of the content's SHA-256.
    sha256: String,
}

fn body(model: &Model, files: &[File], reload: &'static str) -> Result<Vec<u8>, serde_json::Error> {
    let files = files
        .iter()
        .map(|file| FileOut {
            content: &file.content,
            path: &file.path,
            sha256: hex::encode(Sha256::digest(&file.content)),
        })
        .collect();
    serde_json::to_vec(&Files {
        files,
        reload,
        revision: model.version(),
    })
}

/// A format in which data planes read a scope of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Format {
    /// The service's own JSON.
    Native,
    /// The document of a dialect.
    Proxy(Dialect, Settings),
}

impl Format {
    /// Returns the body of a snapshot's scope.
    pub fn body(
        &self,
        snapshot: &TenantSnapshot,
        scope: &Scope,
    ) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Self::Native => Ok(native::snapshot(snapshot, scope)),
            Self::Proxy(dialect, settings) => {
                let model = Model::compile([snapshot], scope);
                dialect
                    .render(&model, settings)
                    .map(|rendered| rendered.document)
            }
        }
    }
}
