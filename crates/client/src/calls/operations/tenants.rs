//! Tenants.

use serde::Serialize;

use crate::{
    calls::{Read, Write, operation::operations},
    types::{ListFilter, NewTenant, Page, Tenant},
};

operations! {
    /// Lists the tenants of the caller. The filter's `tenant` must be absent.
    Read list_tenants: GET "/api/v1/tenants" (filter: &ListFilter => query) -> Read<Page<Tenant>>;
    /// Creates a tenant.
    Write create_tenant: POST "/api/v1/tenants" (tenant: &NewTenant => json) -> Write<Tenant>;
    /// Returns a tenant with its quotas.
    ReadTenant get_tenant: GET "/api/v1/tenants/{tenant}" (tenant: &str => path) -> Read<Tenant>;
    /// Changes quotas and allowed hosts (merge patch, RFC 7396).
    Write patch_tenant: PATCH "/api/v1/tenants/{tenant}" (tenant: &str => path, changes: &impl Serialize => patch) -> Write<Tenant>;
    /// Deletes a tenant. `parameter("confirm", name)` deletes its routes and policies, too. A large
    /// tenant is deleted in steps: then the value is the tenant, and it is gone when
    /// [`Client::get_tenant`](crate::Client::get_tenant) answers `tenant_not_found`.
    Write delete_tenant: DELETE "/api/v1/tenants/{tenant}" (tenant: &str => path) -> Write<Option<Tenant>>;
}
