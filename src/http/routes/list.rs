//! `GET /routes`: lists of routes, now or at an earlier instant.

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::RouteOut;
use crate::{
    domain::{
        Invalid,
        filter::RouteFilter,
        ids::{EnvName, ServiceName, TenantName, VersionName},
        route::Labels,
    },
    http::{
        context::ReadContext,
        extract::{Fields, Query},
        instant::at_in_query,
        openapi::schemas,
        permission::Reader,
        problem::Problem,
        respond,
        state::ApiState,
    },
    service::reads::PageRequest,
};

/// The parameters of `GET /routes`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::VersionName>")]
    version: Option<String>,
    is_active: Option<bool>,
    #[schemars(with = "Option<schemas::LabelPair>")]
    label: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
    #[schemars(with = "Option<schemas::PointInTime>")]
    at: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

fn parse_filter(query: &ListIn) -> Result<RouteFilter, Problem> {
    let mut fields = Fields::default();
    let tenant = fields.optional::<TenantName>("?tenant", query.tenant.clone());
    let service = fields.optional::<ServiceName>("?service", query.service.clone());
    let env = fields.optional::<EnvName>("?env", query.env.clone());
    let version = fields.optional::<VersionName>("?version", query.version.clone());
    let label = query.label.as_deref().and_then(|raw| {
        let pair = raw
            .split_once('=')
            .ok_or_else(|| Invalid::new("not_a_label", "must be key=value"));
        let pair = pair.and_then(|(key, value)| {
            Labels::check(key, value).map(|()| (key.to_owned(), value.to_owned()))
        });
        fields.check("?label", pair)
    });
    fields.finish(Some(RouteFilter {
        tenant,
        service,
        env,
        version,
        is_active: query.is_active,
        label,
    }))
}

/// `GET /routes`
pub async fn list(
    caller: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    query: Query<ListIn>,
) -> Result<HttpResponse, Problem> {
    let filter = parse_filter(&query.0)?;
    let freshness = context.freshness(query.0.min_revision.as_deref())?;
    let page = respond::page_request(query.0.limit, query.0.cursor);
    if let Some(at) = query.0.at {
        return list_at(&state, &caller, filter, &page, &at).await;
    }
    let (page, tag) = state
        .reads
        .routes(caller.grant.tenant_scope(), filter, &page, &freshness)
        .await?;
    let items: Vec<_> = page
        .items
        .iter()
        .map(|(tenant, route)| RouteOut { tenant, route })
        .collect();
    let mut response = HttpResponse::Ok();
    if let Some(tag) = tag {
        response.insert_header((header::ETAG, tag.to_etag()));
    }
    Ok(response.json(respond::PageOut {
        items: &items,
        next_cursor: page.next_cursor,
    }))
}

async fn list_at(
    state: &ApiState,
    caller: &Reader,
    filter: RouteFilter,
    page: &PageRequest,
    at: &str,
) -> Result<HttpResponse, Problem> {
    let Some(tenant) = filter.tenant.clone() else {
        return Err(Problem::field(
            "?tenant",
            Invalid::new("required", "is required together with at"),
        ));
    };
    let tenant = caller.authorize(tenant)?;
    let (page, tag) = state
        .reads
        .routes_at(&tenant, &filter, page, &at_in_query("?at", at)?)
        .await?;
    let items: Vec<_> = page
        .items
        .iter()
        .map(|route| RouteOut {
            tenant: tenant.name(),
            route,
        })
        .collect();
    Ok(respond::as_of(
        &tag,
        &respond::PageOut {
            items: &items,
            next_cursor: page.next_cursor,
        },
    ))
}
