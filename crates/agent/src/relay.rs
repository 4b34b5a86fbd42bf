//! The relay: serves the read paths of the control plane to the nodes of a region, from what it has verified.
//!
//! ```text
//!  control plane ─► Watcher (one for each part of a tenant) ─► edition (texts, made once) ─► nodes
//!        ▲   ▲             │                                                                 │
//!        │   │             ▼                                                                 │
//!        │   │       relay/<tenant>/<service>,<env>.tm                                       │
//!        │   └─ tokens (whose key is it? kept for a minute) ◄────────────────────────────────┤
//!        └───── nodes (what they run, put together) ◄────────────────────────────────────────┘
//! ```
//!
//! A relay has no authority. Signatures go through it unchanged, nodes check them, and neither goes backwards. So a relay
//! that lies is found out, and one that is down is replaced by another, or by the control plane.

mod edition;
mod followed;
mod http;
mod metrics;
mod nodes;
mod places;
mod rendered;
mod status;
mod tokens;
mod upstream;

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use tokio::net::TcpListener;

pub use self::status::Faults;
use self::{
    followed::Registry, http::Certificate, nodes::Nodes, places::Places, rendered::Rendered,
    tokens::Tokens, upstream::Upstream,
};
use crate::{agent, config::relay::RelayConfig};

/// Everything that a relay has.
#[derive(Debug)]
struct Relay {
    config: Arc<RelayConfig>,
    upstream: Upstream,
    tokens: Tokens,
    followed: Registry,
    places: Arc<Places>,
    nodes: Arc<Nodes>,
    rendered: Rendered,
    public_keys: http::PublicKeys,
    counts: http::Counts,
}

/// Runs a relay until it fails to.
pub async fn run(config: RelayConfig) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let folder = config.node.state.join("relay");
    agent::make_folder(&folder)?;
    let _lock = agent::lock(&folder)?;
    let limits = config.relay.clone();
    let listen = limits.listen.context("relay.listen: no address is named")?;
    let listener = bind(listen).await?;
    let admin = bind(limits.admin).await?;
    let certificate = Certificate::read(&limits)?;
    let relay = Arc::new(Relay {
        upstream: Upstream::new(&config.service)?,
        tokens: Tokens::new(limits.clone()),
        followed: Registry::new(Arc::clone(&config))?,
        places: Places::new(limits.max_waiters, limits.max_waiters_per_tenant),
        nodes: Nodes::new(limits.clone()),
        rendered: Rendered::new(limits.rendered_bytes, config.proxy.ca_file.clone()),
        public_keys: http::PublicKeys::default(),
        counts: http::Counts::default(),
        config,
    });
    // From the disk first: nodes that come back together find everything there.
    relay.followed.warm().await;
    tracing::info!(node = %relay.config.node.name, %listen, is_tls = certificate.is_some(), "the relay has started");
    let renewal = async {
        match &certificate {
            Some(certificate) => certificate.renew(&limits).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        never = http::serve(listener, Arc::clone(&relay), certificate.clone()) => match never {},
        never = status::serve(admin, Arc::clone(&relay)) => match never {},
        () = relay.nodes.send(&relay.upstream) => Ok(()),
        () = relay.followed.sweep() => Ok(()),
        () = renewal => Ok(()),
    }
}

async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen at {address}"))
}

/// Returns what can be seen to be wrong on this machine before a relay is run.
pub fn problems(config: &RelayConfig) -> Vec<String> {
    let folder: &Path = &config.node.state;
    let checks = [
        agent::make_folder(folder),
        agent::token_text(&config.service)
            .map(drop)
            .context("service.token_file"),
        agent::ca_pem(&config.service).map(drop),
        Certificate::read(&config.relay).map(drop),
    ];
    let failed = checks.into_iter().filter_map(Result::err);
    failed.map(|error| format!("{error:#}")).collect()
}
