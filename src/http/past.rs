//! Time travel: `?at=`, differences, blame.

mod operations;

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

pub use self::operations::{blame as blame_operation, diff as diff_operation};
use super::{
    ApiState,
    context::ReadContext,
    extract::Query,
    headers::version_tag,
    openapi::schemas,
    params::{RoutePath, TenantPath},
    polling::{json, scope, set_tag},
    problem::Problem,
    respond,
    routes::MinimumIn,
};
use crate::{
    auth::AuthorizedTenant,
    domain::{Invalid, blame::Blame, ids::RouteKey, snapshot::Scope, tag::Revision, time::UtcTime},
    service::{
        Error,
        history::past::{At, When},
    },
};

/// Parses a revision, a version tag or a time. `place` is the place in the request that errors
/// name.
pub(super) fn parse_at(place: &'static str, raw: &str) -> Result<At, Invalid> {
    if !raw.is_empty() && raw.len() < 19 && raw.bytes().all(|b| b.is_ascii_digit()) {
        let revision = Revision(raw.parse().map_err(|_| wrong())?);
        return Ok(At {
            when: When::Revision(revision),
            epoch: None,
            place,
        });
    }
    if let Ok(tag) = version_tag(raw) {
        return Ok(At {
            when: When::Revision(tag.revision),
            epoch: Some(tag.epoch),
            place,
        });
    }
    let not_held = |invalid: Invalid| {
        if invalid.code == "not_a_time" {
            wrong()
        } else {
            invalid
        }
    };
    let time: UtcTime = raw.parse().map_err(not_held)?;
    Ok(At {
        when: When::Time(time),
        epoch: None,
        place,
    })
}

fn wrong() -> Invalid {
    Invalid::new(
        "not_an_instant",
        "must be a revision, a version tag, or a time such as 2026-11-21T05:48:00Z",
    )
}

/// Parses a query parameter as [`parse_at`] does. `place` is the parameter's name after a question
/// mark.
pub(super) fn at_in_query(place: &'static str, raw: &str) -> Result<At, Problem> {
    parse_at(place, raw).map_err(|invalid| Problem::field(place, invalid))
}

/// The parameters of `GET …/diff`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffIn {
    #[schemars(with = "schemas::Instant")]
    from: Option<String>,
    #[schemars(with = "Option<schemas::Instant>")]
    to: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
}

/// `GET /tenants/{tenant}/diff`
pub async fn diff(
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

/// Answers `snapshot` with `?at=`: the snapshot as it was at that instant.
pub(super) async fn snapshot(
    state: &ApiState,
    tenant: &AuthorizedTenant,
    scope: Scope,
    raw: &str,
) -> Result<HttpResponse, Problem> {
    let at = at_in_query("?at", raw)?;
    let snapshot = state.reads.snapshot_at(tenant, &at).await?;
    let tag = snapshot.scope_tag(&scope);
    let body = state
        .workers
        .run(move || snapshot.body(&scope))
        .await
        .map_err(Error::internal)?;
    let mut response = json(body.into());
    set_tag(&mut response, &tag);
    Ok(response)
}

/// Answers with an object or a list as it was at the revision of `tag`.
pub(super) fn was(tag: &crate::domain::tag::VersionTag, body: &impl Serialize) -> HttpResponse {
    let mut response = respond::json(body);
    set_tag(&mut response, tag);
    response
}
