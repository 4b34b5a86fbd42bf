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
    },
};

/// The limits of one tenant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Quotas {
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
pub struct QuotasPatch {
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
    quotas: Limits,
    /// The number of the tenant's routes, active or not.
    routes: u32,
    /// The number of the tenant's traffic policies.
    policies: u32,
    /// When the tenant was created.
    created_at: schemas::Time,
    /// The id of the actor that created the tenant.
    created_by: String,
    /// When the tenant's own record (not its routes) last changed.
    updated_at: schemas::Time,
    /// The id of the actor that made this change.
    updated_by: String,
}

/// The limits of one tenant; `null` is the default, which is in the settings under `limits`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Limits {
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

const LIST: &str = "/api/v1/tenants";
const TENANT: &str = "/api/v1/tenants/{tenant}";

/// Returns the operations for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    let written =
        |status, what| Answer::json::<Tenant>(status, what, tenant()).with(&["ETag", "Location"]);
    vec![
        Operation::get(LIST, "listTenants", "List tenants")
            .about("In the order of their names.")
            .query::<PageIn>()
            .reads()
            .answers(Answer::json::<PageOut<Tenant>>(200, "A page.", json!({ "items": [tenant()], "next_cursor": null })))
            .compressed()
            .refuses(&[Code::InvalidCursor]),
        Operation::post(LIST, "createTenant", "Create a tenant")
            .about("Its first revision. A first route makes its tenant too.")
            .body::<TenantIn>(json!({ "name": "acme", "quotas": { "routes": 1000 } }))
            .writes()
            .answers(written(201, "Created.").perhaps(&["Idempotency-Replayed"]))
            .refuses(&[Code::TenantExists]),
        Operation::get(TENANT, "getTenant", "Read a tenant")
            .query::<MinimumIn>()
            .reads_no_older()
            .answers(Answer::json::<Tenant>(200, "The tenant.", tenant()).with(&["ETag"]))
            .answers(Answer::empty(304, "The caller has it.").with(&["ETag"]))
            .refuses(&[Code::TenantNotFound]),
        Operation::patch(TENANT, "patchTenant", "Change a tenant's quotas and allowed hosts")
            .about("A merge patch (RFC 7396): `null` goes back to the default. Policies that have hosts which are not allowed any more keep them until they are next changed.")
            .body::<TenantPatchIn>(json!({ "quotas": { "routes": 2000 } }))
            .writes()
            .answers(written(200, "Changed, or unchanged.").perhaps(&["TM-Unchanged", "Idempotency-Replayed"]))
            .refuses(&[Code::TenantNotFound]),
        Operation::delete(TENANT, "deleteTenant", "Delete a tenant")
            .about("A tenant that has routes or policies goes only with `confirm`, and they with it. A tenant that is made again has a new epoch.")
            .query::<DeleteIn>()
            .writes()
            .answers(Answer::empty(204, "It is gone.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
            .answers(Answer::json::<Tenant>(202, "It is going: it has more than goes in one request. Nothing else may change it any more, and the service goes on until it is gone.", tenant()).with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
            .refuses(&[Code::TenantNotFound, Code::TenantNotEmpty]),
    ]
}

fn tenant() -> Value {
    json!({
        "name": "acme", "epoch": "adc74a594a3e0e8f", "revision": 12, "routes": 7, "policies": 1, "allowed_hosts": ["example.com"],
        "quotas": { "body_bytes": null, "policies": null, "routes": 1000, "waiters": null, "writes_per_second": null },
        "created_at": "2026-11-21T08:03:37.661997Z", "created_by": "anonymous",
        "updated_at": "2026-11-21T08:03:37.661997Z", "updated_by": "anonymous",
    })
}
