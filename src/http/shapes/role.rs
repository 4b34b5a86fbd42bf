//! Roles.

use schemars::JsonSchema;

/// A role of the API.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
pub enum RoleName {
    PlatformAdmin,
    TenantAdmin,
    Editor,
    Viewer,
    Auditor,
    Node,
}
