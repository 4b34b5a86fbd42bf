//! `/tenants`.

mod operations;

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

pub use self::operations::operations;
use super::{
    ApiState,
    context::{ReadContext, WriteContext},
    extract::{Body, Fields, Object, Query},
    openapi::schemas,
    problem::Problem,
    respond::{self, double_option},
    routes::MinimumIn,
};
use crate::{
    auth::Caller,
    domain::{
        Invalid,
        command::{self, Op},
        ids::TenantName,
        tenant::{MAX_ROUTES_QUOTA, Quotas, Tenant},
    },
    service::batch::Reply,
};

/// The body of `POST /tenants`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantIn {
    #[schemars(with = "schemas::TenantName")]
    name: Option<String>,
    #[schemars(with = "Option<operations::Quotas>")]
    quotas: Option<Object<Quotas>>,
}

/// The body of `PATCH /tenants/{tenant}`: a merge patch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPatchIn {
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "Option<QuotasPatchIn>")]
    quotas: Option<Option<Object<QuotasPatchIn>>>,
}

/// `quotas` of a merge patch; `null` goes back to the default.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QuotasPatchIn {
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "Option<u32>", range(max = MAX_ROUTES_QUOTA))]
    routes: Option<Option<u32>>,
}

#[derive(Debug, Serialize)]
struct TenantOut<'a>(&'a Tenant);

pub(super) fn name_in_path(path: web::Path<String>) -> Result<TenantName, Problem> {
    TenantName::try_from(path.into_inner()).map_err(|invalid| Problem::field("{tenant}", invalid))
}

fn check_routes_quota(fields: &mut Fields, routes: Option<u32>) -> Option<()> {
    let in_range = routes.is_none_or(|routes| routes <= MAX_ROUTES_QUOTA);
    let too_many = || Invalid::new("out_of_range", format!("may be at most {MAX_ROUTES_QUOTA}"));
    fields.check("/quotas/routes", if in_range { Ok(()) } else { Err(too_many()) })
}

fn written(reply: &Reply) -> HttpResponse {
    let mut response = respond::written(reply);
    match &reply.outcome.object {
        command::Object::Tenant(tenant) => {
            response.insert_header((header::LOCATION, format!("/api/v1/tenants/{}", tenant.name))).json(TenantOut(tenant))
        }
        command::Object::Route(_) | command::Object::Gone => response.finish(),
    }
}

/// `POST /tenants`
pub async fn create(state: web::Data<ApiState>, context: WriteContext, body: Body<TenantIn>) -> Result<HttpResponse, Problem> {
    let TenantIn { name, quotas } = body.0;
    let mut fields = Fields::default();
    let name = fields.required::<TenantName>("/name", name);
    let quotas = quotas.map(|quotas| quotas.0).unwrap_or_default();
    let routes = check_routes_quota(&mut fields, quotas.routes);
    let (name, ()) = fields.finish(name.zip(routes))?;
    let op = Op::CreateTenant { quotas };
    Ok(written(&state.writer.write(context.request(name, op)).await?))
}

/// `PATCH /tenants/{tenant}`
pub async fn patch(
    state: web::Data<ApiState>, context: WriteContext, path: web::Path<String>, body: Body<TenantPatchIn>,
) -> Result<HttpResponse, Problem> {
    let name = name_in_path(path)?;
    let routes_quota = match body.0.quotas {
        None => None,
        Some(None) => Some(None),
        Some(Some(Object(QuotasPatchIn { routes }))) => routes,
    };
    let mut fields = Fields::default();
    let routes = check_routes_quota(&mut fields, routes_quota.flatten());
    fields.finish(routes)?;
    Ok(written(&state.writer.write(context.request(name, Op::PatchTenant { routes_quota })).await?))
}

/// `DELETE /tenants/{tenant}`
pub async fn delete(state: web::Data<ApiState>, context: WriteContext, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let name = name_in_path(path)?;
    Ok(written(&state.writer.write(context.request(name, Op::DeleteTenant)).await?))
}

/// `GET /tenants/{tenant}`. Quotas change without a revision, so the tag is for `TM-Min-Revision` and never makes a 304.
pub async fn get(
    state: web::Data<ApiState>, _caller: Caller, context: ReadContext, path: web::Path<String>, query: Query<MinimumIn>,
) -> Result<HttpResponse, Problem> {
    let name = name_in_path(path)?;
    let freshness = context.freshness(query.0.min_revision.as_deref())?;
    let tenant = state.reads.tenant(&name, &freshness).await?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tenant.tag().to_etag())).json(TenantOut(&tenant)))
}

/// The parameters of `GET /tenants`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `GET /tenants`
pub async fn list(state: web::Data<ApiState>, _caller: Caller, query: Query<ListIn>) -> Result<HttpResponse, Problem> {
    let page = state.reads.tenants(&respond::page_request(query.0.limit, query.0.cursor)).await?;
    let items: Vec<_> = page.items.iter().map(TenantOut).collect();
    Ok(respond::json(&respond::PageOut { items: &items, next_cursor: page.next_cursor }))
}
