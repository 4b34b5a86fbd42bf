//! The operations of `/tenants`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{DeleteIn, TenantIn, TenantPatchIn};
use crate::{
    domain::host::MAX_SUFFIXES,
    http::{
        openapi::{Answer, Operation, schemas},
        problem::Code,
        query::{MinimumIn, PageIn},
        respond::PageOut,
        shapes::tenants::QuotasOut,
    },
};

/// The limits of one tenant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct QuotasIn {
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

/// Changes to the limits of a tenant. Absent members stay as they are, `null` restores the default.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct QuotasPatchIn {
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

/// A tenant with its quotas.
// `domain::tenant::Tenant` as it is written.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Tenant {
    name: schemas::TenantName,
    epoch: schemas::Epoch,
    /// The names under which the tenant may have hosts; each name includes all names under it. If
    /// empty, the tenant may have any free host except a public suffix or a wildcard under one.
    #[schemars(length(max = MAX_SUFFIXES))]
    allowed_hosts: Vec<schemas::HostSuffix>,
    revision: schemas::Revision,
    quotas: QuotasOut,
    /// The number of the tenant's routes, active or not.
    routes: u32,
    /// The number of the tenant's traffic policies.
    policies: u32,
    /// When the tenant was created.
    created_at: schemas::Timestamp,
    /// The id of the actor that created the tenant.
    created_by: String,
    /// When the tenant's own record (not its routes) last changed.
    updated_at: schemas::Timestamp,
    /// The id of the actor that made this change.
    updated_by: String,
}

fn written(status: u16, what: &'static str) -> Answer {
    Answer::json::<Tenant>(status, what, tenant()).with(&["ETag", "Location"])
}

pub fn list() -> Operation {
    Operation::new("listTenants", "List tenants")
        .about("In the order of their names.")
        .query::<PageIn>()
        .reads()
        .answers(Answer::json::<PageOut<Tenant>>(
            200,
            "A page of tenants.",
            json!({ "items": [tenant()], "next_cursor": null }),
        ))
        .refuses(&[Code::InvalidCursor])
}

pub fn create() -> Operation {
    Operation::new("createTenant", "Create a tenant")
        .about("This makes the first revision of the tenant. The first route of a tenant creates the tenant too.")
        .body::<TenantIn>(json!({ "name": "acme", "quotas": { "routes": 1000 } }))
        .writes()
        .answers(written(201, "The tenant is created.").perhaps(&["Idempotency-Replayed"]))
        .refuses(&[Code::TenantExists])
}

pub fn get() -> Operation {
    Operation::new("getTenant", "Get a tenant")
        .query::<MinimumIn>()
        .reads_no_older()
        .answers(Answer::json::<Tenant>(200, "The tenant.", tenant()).with(&["ETag"]))
        .answers(Answer::empty(304, "The caller has this answer already.").with(&["ETag"]))
        .refuses(&[Code::TenantNotFound])
}

pub fn patch() -> Operation {
    Operation::new("patchTenant", "Change a tenant's quotas and allowed hosts")
        .about("The body is a merge patch (RFC 7396): `null` restores the default. A policy keeps hosts that are not allowed any more until its next change.")
        .body::<TenantPatchIn>(json!({ "quotas": { "routes": 2000 } }))
        .writes()
        .answers(written(200, "The tenant is changed, or was the same already.").perhaps(&["TM-Unchanged", "Idempotency-Replayed"]))
        .refuses(&[Code::TenantNotFound])
}

pub fn delete() -> Operation {
    Operation::new("deleteTenant", "Delete a tenant")
        .about("A tenant with routes or policies is deleted only with `confirm`, together with its routes and policies. A tenant that is created again has a new epoch.")
        .query::<DeleteIn>()
        .writes()
        .answers(Answer::empty(204, "The tenant is deleted.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
        .answers(Answer::json::<Tenant>(202, "The tenant is being deleted: it has too many objects for one request. No other change is possible, and the service continues until the tenant is deleted.", tenant()).with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
        .refuses(&[Code::TenantNotFound, Code::TenantNotEmpty])
}

fn tenant() -> Value {
    json!({
        "name": "acme", "epoch": "adc74a594a3e0e8f", "revision": 12, "routes": 7, "policies": 1, "allowed_hosts": ["example.com"],
        "quotas": { "body_bytes": null, "policies": null, "routes": 1000, "waiters": null, "writes_per_second": null },
        "created_at": "2026-11-21T08:03:37.661997Z", "created_by": "anonymous",
        "updated_at": "2026-11-21T08:03:37.661997Z", "updated_by": "anonymous",
    })
}
