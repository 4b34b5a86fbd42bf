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
use crate::{
    auth::Caller,
    cache::CacheError,
    domain::{
        command::Rejection,
        snapshot::{self, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::CallError,
    service, store,
};

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

/// `GET /routes/resolve`. Its tag is that of the route, so it moves only when the route moves.
pub async fn resolve(
    state: web::Data<ApiState>, _caller: Caller, context: ReadContext, query: Query<ResolveIn>, request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let ResolveIn { tenant, service, env, version, min_revision } = query.0;
    let minimum = least(&request, context.minimum(min_revision.as_deref())?);
    let key = key_in_query([tenant, service, env, version])?;
    let snapshot = held(&state, &key.tenant, minimum).await?.ok_or(service::Error::from(Rejection::RouteNotFound))?;
    let name = &key.name;
    let route = snapshot.get(name.service.as_str(), name.env.as_str(), name.version.as_str());
    let route = route.ok_or(service::Error::from(Rejection::RouteNotFound))?;
    if !route.is_active {
        return Err(service::Error::RouteInactive.into());
    }
    let tag = VersionTag { epoch: snapshot.tag().epoch.clone(), revision: route.revision };
    let body = snapshot::resolve_body(&key.tenant, route).map_err(service::Error::internal)?;
    let answer = || HttpResponse::Ok().content_type("application/json").body(body);
    Ok(with_age(&state, respond::conditional(&request, &tag, answer)))
}

/// `GET /tenants/{tenant}/snapshot`
pub async fn snapshot(
    state: web::Data<ApiState>, _caller: Caller, context: ReadContext, path: web::Path<String>, query: Query<MinimumIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let minimum = least(&request, context.minimum(query.0.min_revision.as_deref())?);
    let tenant = name_in_path(path)?;
    let snapshot = held(&state, &tenant, minimum).await?.ok_or(service::Error::from(Rejection::TenantNotFound))?;
    let answer = || {
        let body = bytes::Bytes::from_owner(snapshot.body().clone());
        HttpResponse::Ok().content_type("application/json").insert_header((header::CACHE_CONTROL, "no-cache")).body(body)
    };
    Ok(with_age(&state, respond::conditional(&request, snapshot.tag(), answer)))
}

/// A client that sends a tag has seen it, so it is a minimum too: never an older answer than it already had. One of another epoch is
/// not comparable; then the answer is what is there.
fn least(request: &HttpRequest, minimum: Option<VersionTag>) -> Minimum {
    Minimum { asked: minimum, seen: if_none_match(request).into_iter().max_by_key(|tag| tag.revision) }
}

struct Minimum {
    asked: Option<VersionTag>,
    seen: Option<VersionTag>,
}

async fn held(
    state: &ApiState, tenant: &crate::domain::ids::TenantName, minimum: Minimum,
) -> Result<Option<std::sync::Arc<TenantSnapshot>>, service::Error> {
    let Minimum { asked, seen } = minimum;
    let snapshot = state.cache.get(tenant, asked.as_ref()).await.map_err(cache_error)?;
    let Some(seen) = seen else { return Ok(snapshot) };
    match &snapshot {
        Some(held) if held.tag().covers(&seen) => Ok(snapshot),
        // Older than what the client has, of another epoch, or unknown here: only the primary can tell which.
        _ => match state.cache.get(tenant, Some(&seen)).await {
            Err(CacheError::Behind { current: Some(current), .. }) if current.epoch != seen.epoch => {
                state.cache.get(tenant, asked.as_ref()).await.map_err(cache_error)
            }
            Err(CacheError::Behind { current: None, .. }) => Ok(None),
            other => other.map_err(cache_error),
        },
    }
}

fn cache_error(error: CacheError) -> service::Error {
    match error {
        CacheError::Behind { minimum, current } => service::Error::BehindMinimum { minimum, current },
        CacheError::Unavailable(cause) if is_defect(&cause) => service::Error::internal(cause),
        CacheError::Unavailable(cause) => service::Error::Unavailable { dependency: "postgres", cause: Some(cause) },
        CacheError::Defect(cause) => service::Error::internal(cause),
    }
}

fn is_defect(cause: &CallError<store::Error>) -> bool {
    matches!(cause, CallError::Failed(store::Error::Statement(_) | store::Error::Corrupt(_) | store::Error::Unique { .. }))
}

/// Tells the age of the answer while the primary cannot be reached.
fn with_age(state: &ApiState, mut response: HttpResponse) -> HttpResponse {
    if let Some(age) = state.cache.stale_for() {
        response.headers_mut().insert(STALE, header::HeaderValue::from(age.as_secs()));
    }
    response
}
