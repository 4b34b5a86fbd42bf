//! `GET /audit/verify`: recomputes the hash chain of a tenant.

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    domain::{Invalid, ids::TenantName},
    http::{
        extract::{Fields, Query},
        openapi::schemas,
        permission::AuditReader,
        problem::Problem,
        respond,
        state::ApiState,
    },
};

/// The parameters of `GET /audit/verify`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[validate(range(
        min = 1,
        max = 9_223_372_036_854_775_807_u64,
        message = "must be 1 to 9223372036854775807"
    ))]
    from: Option<u64>,
    #[validate(range(
        min = 1,
        max = 9_223_372_036_854_775_807_u64,
        message = "must be 1 to 9223372036854775807"
    ))]
    to: Option<u64>,
}

/// `GET /audit/verify`
pub async fn verify(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<VerifyIn>,
) -> Result<HttpResponse, Problem> {
    let VerifyIn { tenant, from, to } = query.0;
    let mut fields = Fields::default();
    let tenant = fields.required::<TenantName>("?tenant", tenant);
    if to.is_some_and(|to| to < from.unwrap_or(1)) {
        fields.check::<()>(
            "?to",
            Err(Invalid::new("empty_range", "may not be before from")),
        );
    }
    let tenant = caller.authorize(fields.finish(tenant)?)?;
    Ok(respond::json(&state.audit.verify(&tenant, from, to).await?))
}
