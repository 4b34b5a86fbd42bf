//! The dialects of proxies, and the bodies of their documents.

use std::str::FromStr;

use traffic_manager_core::snapshot::Scope;

use crate::{
    Body, Rendered, Renderer, Settings, bootstrap::Ask, caddy, envoy, haproxy, model::Model, nginx,
    report::Report, traefik,
};

/// A kind of proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Caddy: one JSON document, which is pushed with `POST /load`.
    Caddy,
    /// Envoy: files for its file-based configuration. Its streams have a listener of their own.
    Envoy,
    /// `HAProxy`: configuration files with maps.
    Haproxy,
    /// nginx: configuration files.
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

    /// Renders one model: the body that the API answers, and what became of each policy. For one
    /// model after the other use a [`Renderer`].
    pub fn render(self, model: &Model, settings: &Settings) -> Rendered<Body> {
        Renderer::new(self, settings.clone(), Scope::default()).render_model(model)
    }

    /// Returns what became of each policy of a model.
    pub fn report(self, model: &Model, settings: &Settings) -> Report {
        Renderer::new(self, settings.clone(), Scope::default()).report_of_model(model)
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
