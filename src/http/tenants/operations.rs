//! The operations of `/tenants`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{ListIn, TenantIn, TenantPatchIn};
use crate::{
    domain::tenant::MAX_ROUTES_QUOTA,
    http::{
        openapi::{Answer, Operation, schemas},
        problem::Code,
        respond::PageOut,
        routes::MinimumIn,
    },
};

/// The limits of one tenant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive")]
pub struct Quotas {
    /// The most routes, active or not; `null` is the default, `limits.routes_per_tenant`.
    #[schemars(range(max = MAX_ROUTES_QUOTA))]
    routes: Option<u32>,
}

/// A tenant: `domain::tenant::Tenant` as it is written.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Tenant {
    name: schemas::TenantName,
    epoch: schemas::Epoch,
    revision: schemas::Revision,
    quotas: Limits,
    /// How many routes it has, active or not.
    routes: u32,
    /// When it was created.
    created_at: schemas::Time,
    /// By whom.
    created_by: String,
    /// When its own record (not its routes) last changed.
    updated_at: schemas::Time,
    /// By whom.
    updated_by: String,
}

/// The limits of one tenant, as they are.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct Limits {
    /// The most routes, active or not; `null` is the default, `limits.routes_per_tenant`.
    routes: Option<u32>,
}

const LIST: &str = "/api/v1/tenants";
const TENANT: &str = "/api/v1/tenants/{tenant}";

/// What is told of each.
pub fn operations() -> Vec<Operation> {
    let written = |status, what| Answer::json::<Tenant>(status, what, tenant()).with(&["ETag", "Location"]);
    vec![
        Operation::get(LIST, "listTenants", "List tenants")
            .about("In the order of their names.")
            .query::<ListIn>()
            .reads()
            .answers(Answer::json::<PageOut<Tenant>>(200, "A page.", json!({ "items": [tenant()], "next_cursor": null })))
            .refuses(&[Code::InvalidCursor]),
        Operation::post(LIST, "createTenant", "Create a tenant")
            .about("Makes no revision and no event.")
            .body::<TenantIn>(json!({ "name": "acme", "quotas": { "routes": 1000 } }))
            .writes()
            .answers(written(201, "Created.").perhaps(&["Idempotency-Replayed"]))
            .refuses(&[Code::TenantExists]),
        Operation::get(TENANT, "getTenant", "Read a tenant")
            .about("Quotas change without a revision, so this never answers 304.")
            .query::<MinimumIn>()
            .reads_no_older()
            .answers(Answer::json::<Tenant>(200, "The tenant.", tenant()).with(&["ETag"]))
            .refuses(&[Code::TenantNotFound]),
        Operation::patch(TENANT, "patchTenant", "Change a tenant's quotas")
            .about("A merge patch (RFC 7396): `null` goes back to the default. Makes no revision and no event.")
            .body::<TenantPatchIn>(json!({ "quotas": { "routes": 2000 } }))
            .writes()
            .answers(written(200, "Changed, or unchanged.").perhaps(&["TM-Unchanged", "Idempotency-Replayed"]))
            .refuses(&[Code::TenantNotFound]),
        Operation::delete(TENANT, "deleteTenant", "Delete a tenant without routes")
            .about("A tenant that is made again has a new epoch.")
            .writes()
            .answers(Answer::empty(204, "It is gone.").with(&["ETag"]).perhaps(&["Idempotency-Replayed"]))
            .refuses(&[Code::TenantNotFound, Code::TenantNotEmpty]),
    ]
}

fn tenant() -> Value {
    json!({
        "name": "acme", "epoch": "adc74a594a3e0e8f", "revision": 12, "quotas": { "routes": 1000 }, "routes": 7,
        "created_at": "2026-11-21T08:03:37.661997Z", "created_by": "anonymous",
        "updated_at": "2026-11-21T08:03:37.661997Z", "updated_by": "anonymous",
    })
}
