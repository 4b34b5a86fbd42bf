//! API keys.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Members;

/// An API key, without its token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// A time in UTC with microseconds (RFC 3339).
    pub created_at: Timestamp,
    /// The id of the actor that created it.
    pub created_by: String,
    /// The kind of caller that created the key: `key`, `jwt` or `command`; `null` for old keys
    /// whose creator's kind is not known.
    #[serde(default)]
    pub created_by_kind: Option<String>,
    /// The purpose of the key.
    pub description: String,
    /// The environments to which the key is limited; empty for any environment.
    pub envs: Vec<String>,
    /// A time in UTC with microseconds (RFC 3339).
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The id of the key. It is part of the token, and is not secret.
    pub id: String,
    /// When the key was last used, to about a minute.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// The time until which the previous token is good.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
    /// A time in UTC with microseconds (RFC 3339).
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// The id of the actor that revoked it.
    #[serde(default)]
    pub revoked_by: Option<String>,
    /// The roles of the key.
    pub roles: Vec<String>,
    /// When the key's token was last replaced.
    #[serde(default)]
    pub rotated_at: Option<Timestamp>,
    /// The id of the caller that replaced the token and was shown the new one.
    #[serde(default)]
    pub rotated_by: Option<String>,
    /// The kind of the actor that rotated it.
    #[serde(default)]
    pub rotated_by_kind: Option<String>,
    /// The services to which the key is limited; empty for any service.
    pub services: Vec<String>,
    /// The tenant of the key; `null` if the key is for every tenant.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The number of tokens that the key has had. From the second token on, `actor.token` of an
    /// event says which token was used.
    pub tokens: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// An API key with its token, which the service shows only once.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct NewApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// The token. `None` if the request was repeated with the same idempotency key: the token was
    /// shown before.
    #[serde(default)]
    pub token: Option<String>,
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The body of `POST /keys`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateKey {
    /// A description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The environments that the key is limited to; every one if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub envs: Vec<String>,
    /// A time (RFC 3339). A time without a zone is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The roles of the key.
    pub roles: Vec<String>,
    /// The services that the key is limited to; every one if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// The name of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// The body of `POST /keys/{id}/rotate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct RotateKey {
    /// How long the replaced token stays valid: 0 to 2592000 seconds, one hour by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<u64>,
}
