//! What proxies ask: `resolve` and `snapshot`, answered from memory.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Deserialize;
use validator::Validate;

use super::{
    ApiState,
    context::{ReadContext, STALE, if_none_match},
    extract::Query,
    problem::Problem,
    respond,
    routes::{MinimumIn, key_in_query},
    tenants::name_in_path,
};
use crate::{auth::Caller, domain::tag::VersionTag, service::polls::Freshness};

/// The parameters of `GET /routes/resolve`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ResolveIn {
    tenant: Option<String>,
    service: Option<String>,
    env: Option<String>,
    version: Option<String>,
    min_revision: Option<String>,
}

/// `GET /routes/resolve`
pub async fn resolve(
    state: web::Data<ApiState>, _caller: Caller, context: ReadContext, query: Query<ResolveIn>, request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let ResolveIn { tenant, service, env, version, min_revision } = query.0;
    let freshness = freshness(&request, context.minimum(min_revision.as_deref())?);
    let key = key_in_query([tenant, service, env, version])?;
    let (body, tag) = state.polls.resolve(&key, &freshness).await?;
    let answer = || HttpResponse::Ok().content_type("application/json").body(body);
    Ok(with_age(&state, respond::conditional(&request, &tag, answer)))
}

/// `GET /tenants/{tenant}/snapshot`
pub async fn snapshot(
    state: web::Data<ApiState>, _caller: Caller, context: ReadContext, path: web::Path<String>, query: Query<MinimumIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let freshness = freshness(&request, context.minimum(query.0.min_revision.as_deref())?);
    let tenant = name_in_path(path)?;
    let snapshot = state.polls.snapshot(&tenant, &freshness).await?;
    let answer = || {
        let body = bytes::Bytes::from_owner(snapshot.body().clone());
        HttpResponse::Ok().content_type("application/json").insert_header((header::CACHE_CONTROL, "no-cache")).body(body)
    };
    Ok(with_age(&state, respond::conditional(&request, snapshot.tag(), answer)))
}

fn freshness(request: &HttpRequest, minimum: Option<VersionTag>) -> Freshness {
    Freshness { minimum, seen: if_none_match(request) }
}

/// Tells the age of the answer while the primary cannot be reached.
fn with_age(state: &ApiState, mut response: HttpResponse) -> HttpResponse {
    if let Some(age) = state.polls.stale_for() {
        response.headers_mut().insert(STALE, header::HeaderValue::from(age.as_secs()));
    }
    response
}
