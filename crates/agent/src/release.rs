//! A state of the tenants as the proxy takes it.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use traffic_manager_core::snapshot::TenantSnapshot;
use traffic_manager_dataplane::{Body, Dialect, Renderer};

/// A file of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConfigFile {
    /// The path in the proxy's folder.
    pub path: String,
    /// The text.
    pub content: String,
    sha256: String,
}

/// What the proxy is given.
#[derive(Debug, Clone)]
pub enum Content {
    /// Files, in the order in which they are put in place.
    Files(Vec<ConfigFile>),
    /// One document.
    Document(Bytes),
}

/// A state of the tenants as the proxy takes it.
#[derive(Debug, Clone)]
pub struct Release {
    /// The revision that the proxy shows when it runs the state.
    pub revision: String,
    /// What the proxy is given.
    pub content: Content,
}

/// A rendering is not what the agent expects: the agent has a fault.
#[derive(Debug, Error)]
pub enum BadRendering {
    /// The body is not the JSON of files.
    #[error("the rendered files are malformed")]
    Malformed(#[from] serde_json::Error),
    /// A file is not the one that its digest names.
    #[error("the rendered file {0} has another digest")]
    Digest(String),
}

#[derive(Deserialize)]
struct Files {
    files: Vec<ConfigFile>,
}

impl Release {
    /// Renders the states of some tenants, in the order of their names.
    pub fn render(
        renderer: &mut Renderer,
        dialect: Dialect,
        snapshots: &[Arc<TenantSnapshot>],
    ) -> Result<Self, BadRendering> {
        let revision = revision_of(snapshots);
        let snapshots = snapshots.iter().map(AsRef::as_ref);
        let body = renderer.render(snapshots).document;
        let content = match dialect {
            Dialect::Caddy | Dialect::Traefik => Content::Document(body.to_bytes()),
            Dialect::Envoy | Dialect::Haproxy | Dialect::Nginx => Content::Files(files(&body)?),
        };
        Ok(Self { revision, content })
    }
}

/// Returns the revision that the renderer gives these states.
fn revision_of(snapshots: &[Arc<TenantSnapshot>]) -> String {
    match snapshots {
        [only] => only.tag().to_string(),
        several => {
            let named = several
                .iter()
                .map(|snapshot| format!("{}={}", snapshot.tenant(), snapshot.tag()));
            named.collect::<Vec<_>>().join(",")
        }
    }
}

fn files(body: &Body) -> Result<Vec<ConfigFile>, BadRendering> {
    let Files { files } = serde_json::from_slice(&body.to_bytes())?;
    let is_whole = |file: &&ConfigFile| hex::encode(Sha256::digest(&file.content)) == file.sha256;
    match files.iter().find(|file| !is_whole(file)) {
        Some(file) => Err(BadRendering::Digest(file.path.clone())),
        None => Ok(files),
    }
}
