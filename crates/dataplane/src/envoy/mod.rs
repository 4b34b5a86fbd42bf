//! Envoy: clusters and routes of its v3 API, for streams (ADS), polls (REST) and files.
//!
//! A cluster is a version of a policy; its name carries a hash of what it is, so that a changed URL
//! is a new cluster, which can be warm before the routes use it. The path of a version's URL is the
//! cluster's metadata, and routes put it before the path of requests: [`FLOOR`].
//!
//! Rejected: one route per version with `runtime_fraction` and `prefix_rewrite`, which older Envoys
//! understand; chance decides there, so clients do not keep their version.

mod bootstrap;
mod clusters;
mod edits;
mod files;
mod forms;
mod hosts;
mod matching;
pub mod messages;
mod paths;
mod pattern;
mod policy;
mod routes;
mod running;
mod table;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use self::messages::{Any, Typed, cluster::Cluster, route::RouteConfiguration};
pub use self::{
    bootstrap::{Transport, bootstrap},
    forms::{Form, Former, Forms, PolicyKey, compose},
};
pub(crate) use files::Files;

/// The type url of clusters.
pub const CLUSTER_TYPE: &str = Cluster::TYPE;
/// The type url of route configurations.
pub const ROUTE_TYPE: &str = RouteConfiguration::TYPE;
/// The name of the route configuration.
pub const ROUTES: &str = "tm";
/// The lowest version of Envoy that understands the routes. Older ones take them and send requests
/// to wrong paths, without an error: they must not get any.
pub const FLOOR: (u32, u32) = (1, 37);

/// A resource of Envoy's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The resource's name, unique for its type.
    pub name: Arc<str>,
    /// Lower-case hex that differs when the body differs.
    pub version: String,
    /// The resource as an encoded `google.protobuf.Any`.
    pub body: Bytes,
}

impl Resource {
    fn of<M: Typed>(name: &str, message: &M) -> Self {
        let body = Bytes::from(Any::of(message).encode_to_vec());
        Self {
            name: name.into(),
            version: hash(&body),
            body,
        }
    }

    /// Returns the resource as proto3 JSON, with `@type`. Fails only for a body of another origin.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        json(&self.body)
    }
}

/// Returns the body of a resource as proto3 JSON, with `@type`. Fails only for a body of another origin.
pub fn json(body: &Bytes) -> Result<String, serde_json::Error> {
    let any =
        Any::decode(body.clone()).map_err(<serde_json::Error as serde::ser::Error>::custom)?;
    serde_json::to_string(&any)
}

/// Returns a text that differs when the bytes differ: the first half of their SHA-256, in hex.
fn hash(bytes: &[u8]) -> String {
    hex_half(Sha256::new().chain_update(bytes))
}

fn hex_half(hash: Sha256) -> String {
    hex::encode(&hash.finalize()[..16])
}

/// What an Envoy is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The model's version.
    pub version: String,
    /// The clusters, by name.
    pub clusters: BTreeMap<Arc<str>, Arc<Resource>>,
    /// The route configuration, by its name [`ROUTES`].
    pub routes: BTreeMap<Arc<str>, Arc<Resource>>,
}
