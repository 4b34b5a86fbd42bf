//! Time travel: `?at=`, differences, blame.

mod operations;

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::{
    context::ReadContext,
    endpoint::Endpoint,
    etag::set_tag,
    extract::Query,
    instant::at_in_query,
    openapi::schemas,
    params::{RoutePath, TenantPath},
    permission::Reader,
    problem::Problem,
    query::{MinimumIn, scope},
    respond,
    state::ApiState,
};
use crate::domain::{Invalid, blame::Blame, ids::RouteKey};

/// The endpoints of a route's history.
pub fn route_endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/api/v1/routes/{tenant}/{service}/{env}/{version}/blame",
        blame,
        operations::blame,
    )]
}

/// The endpoints of a tenant's history.
pub fn tenant_endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get("/api/v1/tenants/{tenant}/diff", diff, operations::diff).compressed()]
}

/// The parameters of `GET …/diff`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffIn {
    #[schemars(with = "schemas::PointInTime")]
    from: Option<String>,
    #[schemars(with = "Option<schemas::PointInTime>")]
    to: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
}

/// `GET /tenants/{tenant}/diff`
pub async fn diff(
    _: Reader,
    state: web::Data<ApiState>,
    path: TenantPath,
    query: Query<DiffIn>,
) -> Result<HttpResponse, Problem> {
    let TenantPath(tenant) = path;
    let DiffIn {
        from,
        to,
        service,
        env,
    } = query.0;
    let scope = scope(service, env)?;
    let from =
        from.ok_or_else(|| Problem::field("?from", Invalid::new("required", "is required")))?;
    let from = at_in_query("?from", &from)?;
    let to = to.map(|to| at_in_query("?to", &to)).transpose()?;
    let difference = state
        .reads
        .difference(&tenant, &from, to.as_ref(), &scope)
        .await?;
    let tag = difference.to.clone();
    let mut response = respond::large(&state, move || difference).await?;
    set_tag(&mut response, &tag);
    Ok(response)
}

#[derive(Debug, Serialize)]
struct BlameOut<'a> {
    #[serde(flatten)]
    route: &'a RouteKey,
    members: &'a std::collections::BTreeMap<String, Blame>,
}

/// `GET /routes/{tenant}/{service}/{env}/{version}/blame`
pub async fn blame(
    _: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    path: RoutePath,
    query: Query<MinimumIn>,
) -> Result<HttpResponse, Problem> {
    let RoutePath(tenant, name) = path;
    let freshness = context.freshness(query.0.min_revision.as_deref())?;
    let (members, tag) = state.reads.blame(&tenant, &name, &freshness).await?;
    let body = BlameOut {
        route: &RouteKey {
            tenant: tenant.name().clone(),
            name,
        },
        members: &members,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag.to_etag()))
        .json(body))
}
