//! `GET /dataplane/keys`: the public keys that snapshots are signed with.

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::snapshot::signature::{self, KeyId},
    http::{extract::Query, permission::Poller, query::NothingIn, respond, state::ApiState},
};

/// The keys of this installation.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SigningKeys {
    /// Each of them signs every snapshot. Empty: snapshots are not signed.
    keys: Vec<PublicKey>,
}

/// A public key.
#[derive(Debug, Serialize, JsonSchema)]
struct PublicKey {
    /// The name of the key in `TM-Signature`: the first 8 bytes of its SHA-256, in hex.
    id: String,
    /// `Ed25519` (RFC 8032).
    algorithm: &'static str,
    /// The key's 32 bytes in hex.
    public_key: String,
}

impl From<&signature::PublicKey> for PublicKey {
    fn from(key: &signature::PublicKey) -> Self {
        Self {
            id: KeyId::of(key).to_string(),
            algorithm: "Ed25519",
            public_key: hex::encode(key),
        }
    }
}

/// `GET /dataplane/keys`
pub async fn signing_keys(
    _caller: Poller,
    state: web::Data<ApiState>,
    _query: Query<NothingIn>,
) -> HttpResponse {
    let keys = state.polls.public_keys().iter().map(PublicKey::from);
    respond::json(&SigningKeys {
        keys: keys.collect(),
    })
}
