//! API keys.

use crate::{
    calls::{Read, Write, operation::operations},
    types::{ApiKey, CreateKey, ListFilter, NewApiKey, Page, RotateKey},
};

operations! {
    /// Lists API keys, without their tokens.
    Read list_keys: GET "/api/v1/keys" (filter: &ListFilter => query) -> Read<Page<ApiKey>>;
    /// Creates an API key. Its token is shown this once.
    Write create_key: POST "/api/v1/keys" (key: &CreateKey => json) -> Write<NewApiKey>;
    /// Returns an API key, without its token.
    Read get_key: GET "/api/v1/keys/{key_id}" (id: &str => path) -> Read<ApiKey>;
    /// Revokes an API key. `parameter("descendants", "true")` revokes the keys that were made with
    /// it, too.
    WriteOnce revoke_key: DELETE "/api/v1/keys/{key_id}" (id: &str => path) -> Write<()>;
    /// Replaces the token of an API key. The new one is shown this once.
    WriteOnce rotate_key: POST "/api/v1/keys/{key_id}/rotate" (id: &str => path, how: &RotateKey => json) -> Write<NewApiKey>;
}
