//! The quotas of a tenant, for the OpenAPI document.

use schemars::JsonSchema;

use crate::http::openapi::schemas;

/// The limits of one tenant; `null` is the default, which is in the settings under `limits`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
#[schemars(rename = "Quotas")]
pub struct QuotasOut {
    /// The largest body of a write, in bytes. Never more than `http.max_body_bytes` and
    /// `http.max_bulk_bytes`; `null` is the default.
    body_bytes: Option<schemas::Quota>,
    /// The most traffic policies; `null` is the default.
    policies: Option<schemas::Quota>,
    /// The most routes, active or not; `null` is the default.
    routes: Option<schemas::Quota>,
    /// The most long-polls and event streams that wait at one instance; `null` is the default.
    waiters: Option<schemas::Quota>,
    /// The most changes of the tenant in a second, over all instances. As many may come at once;
    /// `null` is the default.
    writes_per_second: Option<schemas::Quota>,
}
