//! What proxies read. To follow a tenant, use the [`Watcher`](crate::Watcher).

use serde_json::Value;

use crate::{
    calls::{Call, Events, Read, Tag, Text, operation::operations},
    types::{
        BootstrapQuery, ChangeFeed, ChangesFilter, ProxyFilter, ProxyReport, ScopeFilter,
        SigningKeys, Snapshot,
    },
};

operations! {
    /// Returns the public keys of the signatures of snapshots.
    Read list_signing_keys: GET "/api/v1/dataplane/keys" () -> Read<SigningKeys>;
    /// Returns the configuration of a proxy, in its own language: `traefik`, `caddy`, `haproxy`,
    /// `nginx` or `envoy`.
    ReadTenant get_proxy_configuration: GET "/api/v1/dataplane/{dialect}" (dialect: &str => path, filter: &ProxyFilter => query) -> Read<Value>;
    /// Returns a configuration with which a new proxy runs as it is.
    Read get_proxy_bootstrap: GET "/api/v1/dataplane/{dialect}/bootstrap" (dialect: &str => path, query: &BootstrapQuery => query) -> Read<Text>;
    /// Returns how a kind of proxy follows each policy.
    ReadTenant get_proxy_report: GET "/api/v1/dataplane/{dialect}/report" (dialect: &str => path, filter: &ProxyFilter => query) -> Read<ProxyReport>;
    /// Opens the stream of the changes of all tenants.
    Read stream_all_changes: GET "/api/v1/stream" () -> Events;
    /// Returns the changes after a version tag.
    ReadTenant get_changes: GET "/api/v1/tenants/{tenant}/changes" (tenant: &str => path, filter: &ChangesFilter => query) -> Read<ChangeFeed>;
    /// Returns the active routes and the policies of a tenant, or of a part of it.
    ReadTenant get_snapshot: GET "/api/v1/tenants/{tenant}/snapshot" (tenant: &str => path, filter: &ScopeFilter => query) -> Read<Snapshot>;
    /// Opens the stream of a tenant's changes. It begins with a snapshot, unless
    /// [`Call::after`] names a tag. The filter's `at` must be absent.
    Read stream_changes: GET "/api/v1/tenants/{tenant}/stream" (tenant: &str => path, filter: &ScopeFilter => query) -> Events;
}

impl Call<Events> {
    /// Begins the stream after this tag, without a snapshot.
    pub fn after(self, tag: impl Into<Tag>) -> Self {
        let tag = tag.into();
        self.header("last-event-id", tag.as_str())
    }
}
