//! The operations of `/keys`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{KeyIn, ListIn, RevokeIn, RotateIn};
use crate::http::{
    openapi::{Answer, Operation, schemas},
    problem::Code,
    respond::PageOut,
    shapes::role::RoleName,
};

/// An API key, without its token.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ApiKey {
    /// The id of the key. It is part of the token, and is not secret.
    #[schemars(regex(pattern = "^[0-9A-Za-z]{12}$"))]
    id: String,
    /// The tenant of the key; `null` if the key is for every tenant.
    tenant: Option<schemas::TenantName>,
    roles: Vec<RoleName>,
    /// The services to which the key is limited; empty for any service.
    services: Vec<schemas::ServiceName>,
    /// The environments to which the key is limited; empty for any environment.
    envs: Vec<schemas::EnvName>,
    /// The purpose of the key.
    description: String,
    created_at: schemas::Timestamp,
    created_by: String,
    /// The kind of caller that created the key: `key`, `jwt` or `command`; `null` for old keys
    /// whose creator's kind is not known.
    created_by_kind: Option<String>,
    /// The number of tokens that the key has had. From the second token on, `actor.token` of an
    /// event says which token was used.
    #[schemars(range(min = 1))]
    tokens: u32,
    /// When the key's token was last replaced.
    rotated_at: Option<schemas::Timestamp>,
    /// The id of the caller that replaced the token and was shown the new one.
    rotated_by: Option<String>,
    rotated_by_kind: Option<String>,
    /// The time until which the previous token is good.
    previous_until: Option<schemas::Timestamp>,
    expires_at: Option<schemas::Timestamp>,
    revoked_at: Option<schemas::Timestamp>,
    revoked_by: Option<String>,
    /// When the key was last used, to about a minute.
    last_used_at: Option<schemas::Timestamp>,
}

/// An API key with its token. The token is shown only this once.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct NewApiKey {
    #[serde(flatten)]
    key: ApiKey,
    /// The token to send as `Authorization: Bearer`. Absent if the answer repeats that of an
    /// earlier request.
    #[schemars(
        regex(pattern = "^tmk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$"),
        skip_serializing_if = "Option::is_none"
    )]
    token: Option<String>,
}

pub fn list() -> Operation {
    Operation::new("listKeys", "List API keys")
        .about("In the order of their ids, including expired and revoked keys. Tokens are never shown.")
        .query::<ListIn>()
        .reads()
        .answers(Answer::json::<PageOut<ApiKey>>(200, "A page of API keys.", json!({ "items": [key()], "next_cursor": null })))
        .refuses(&[Code::InvalidCursor, Code::TenantNotFound])
}

pub fn create() -> Operation {
    Operation::new("createKey", "Create an API key")
        .about("A caller cannot give more rights than it has: a tenant's administrator creates keys of its tenant, and a caller whose credentials expire creates no key that expires later. Without `expires_at` the key expires with the credentials of the caller, if these expire. The token is in this answer only, and never shown again.")
        .headers(&["Idempotency-Key", "X-Reason"])
        .body::<KeyIn>(json!({ "tenant": "acme", "roles": ["editor"], "envs": ["prod"], "description": "deployments of acme" }))
        .reads()
        .answers(
            Answer::json::<NewApiKey>(201, "The new key with its token.", new_key())
                .with(&["Location", "Cache-Control"])
                .perhaps(&["Idempotency-Replayed"]),
        )
        .refuses(&[Code::TenantNotFound, Code::QuotaExceeded, Code::KeysNotInUse, Code::IdempotencyKeyReused, Code::CommitUnknown])
}

pub fn get() -> Operation {
    Operation::new("getKey", "Get an API key")
        .about("The token is never shown.")
        .reads()
        .answers(Answer::json::<ApiKey>(200, "The key.", key()))
        .refuses(&[Code::KeyNotFound, Code::InvalidRequest])
}

pub fn rotate() -> Operation {
    Operation::new("rotateKey", "Rotate an API key's token")
        .about("The replaced token stays valid for `overlap_seconds`, so that clients can change to the new token without a gap. A token that was replaced earlier becomes invalid at once. A caller whose credentials expire cannot rotate a key that expires later.")
        .headers(&["X-Reason"])
        .perhaps_body::<RotateIn>(json!({ "overlap_seconds": 3600 }))
        .reads()
        .answers(Answer::json::<NewApiKey>(200, "The key with its new token.", new_key()).with(&["Cache-Control"]))
        .refuses(&[Code::KeyNotFound, Code::KeyEnded, Code::KeysNotInUse, Code::CommitUnknown])
}

pub fn revoke() -> Operation {
    Operation::new("revokeKey", "Revoke an API key")
        .about("This cannot be undone. Every instance refuses the key within seconds, and ends its long-polls and streams. The keys that it created, the keys that it rotated (and so was shown a token of), and their descendants are revoked too, unless `descendants=keep` is sent.")
        .headers(&["X-Reason"])
        .query::<RevokeIn>()
        .reads()
        .answers(Answer::empty(204, "The key is revoked."))
        .refuses(&[Code::KeyNotFound, Code::InvalidRequest, Code::CommitUnknown])
}

fn key() -> Value {
    json!({
        "id": "0Yb3kQ9zTn5W", "tenant": "acme", "roles": ["editor"], "services": [], "envs": ["prod"],
        "description": "deployments of acme", "created_at": "2026-11-21T08:03:37.661997Z", "created_by": "7JmC2hVxP0aq",
        "created_by_kind": "key", "tokens": 1, "rotated_at": null, "rotated_by": null, "rotated_by_kind": null, "previous_until": null, "expires_at": null, "revoked_at": null, "revoked_by": null, "last_used_at": null,
    })
}

fn new_key() -> Value {
    let mut key = key();
    key["token"] = json!(format!("tmk_0Yb3kQ9zTn5W_{}", "0".repeat(49)));
    key
}
