//! Renders tenants' snapshots in the formats that data planes read: no I/O, no runtime, no clock.
//!
//! ```text
//!  snapshots ─► model (versions, rules, slots, failover: resolved once) ─┬─► envoy ─► clusters and routes
//!       │                                                               ├─► traefik, caddy ─► one JSON document
//!       └─► native (the service's own JSON)                              └─► haproxy, nginx ─► files
//! ```
//!
//! A renderer sees the model and nothing else, and gives the same bytes for the same model. A
//! [`Renderer`] keeps what does not change from one model to the next. What a dialect cannot express it refuses for that policy alone: the [`report::Report`] says so, and all
//! other policies are rendered.

pub mod ads;
pub mod agent;
mod blocks;
mod body;
pub mod bootstrap;
pub mod caddy;
mod claims;
mod dialect;
pub mod envoy;
mod follower;
pub mod haproxy;
mod kept;
pub mod model;
pub mod native;
pub mod nginx;
mod pcre;
mod problem;
mod re2;
mod reach;
mod renderer;
pub mod report;
mod text;
pub mod traefik;

pub use body::Body;
pub use dialect::Dialect;
pub use renderer::Renderer;

use self::report::Report;

/// What a dialect made of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered<T> {
    /// The configuration.
    pub document: T,
    /// What became of each policy.
    pub report: Report,
}

/// What the operator of the proxies says about all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The file with the certificates of the authorities that versions' `https` URLs are verified
    /// against, on the machine of the proxy.
    pub ca_file: String,
    /// The address and port where the proxy takes requests, such as `127.0.0.1:10000`.
    pub listen: String,
    /// The address and port of the proxy's own interface: administration, status, revision.
    pub admin: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ca_file: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
            listen: "127.0.0.1:10000".to_owned(),
            admin: "127.0.0.1:9901".to_owned(),
        }
    }
}
