//! `GET /routes`: lists of routes, now or at an earlier instant.

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::RouteOut;
use crate::{
    domain::{
        Invalid,
        filter::RouteFilter,
        ids::{EnvName, ServiceName, TenantName, VersionName},
        plain_text,
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
    service::read::reads::PageRequest,
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
    #[validate(length(min = 1, max = "MAX_SEARCH", message = "must have 1 to 200 characters"))]
    #[schemars(with = "Option<schemas::SearchText>")]
    search: Option<String>,
    count: Option<bool>,
    #[validate(range(min = 1, max = 1000, message = "must be 1 to 1000"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
    #[schemars(with = "Option<schemas::PointInTime>")]
    at: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

/// The most characters of a text that is searched for.
pub const MAX_SEARCH: u64 = 200;

/// A page of routes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOfRoute")]
pub struct RoutesOut<'a> {
    items: &'a [RouteOut<'a>],
    /// The cursor of the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Only with `count=true`: how many routes match, on all pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
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
    let search = query.search.clone();
    if let Some(search) = &search {
        fields.check("?search", plain_text(search, usize::MAX, "search"));
    }
    if query.count == Some(true) && (query.tenant.is_none() || query.at.is_some()) {
        let why = Invalid::new("not_together", "needs tenant, and cannot be given with at");
        fields.check::<()>("?count", Err(why));
    }
    fields.finish(Some(RouteFilter {
        tenant,
        service,
        env,
        version,
        is_active: query.is_active,
        label,
        search,
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
    let count = query.0.count == Some(true);
    let (page, known) = state
        .reads
        .routes(
            caller.grant.tenant_scope(),
            filter,
            count,
            &page,
            &freshness,
        )
        .await?;
    let items: Vec<_> = page
        .items
        .iter()
        .map(|(tenant, route)| RouteOut { tenant, route })
        .collect();
    let mut response = HttpResponse::Ok();
    if let Some(known) = &known {
        response.insert_header((header::ETAG, known.tag.to_etag()));
    }
    Ok(response.json(RoutesOut {
        items: &items,
        next_cursor: page.next_cursor,
        count: known.and_then(|known| known.count),
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
        &RoutesOut {
            items: &items,
            next_cursor: page.next_cursor,
            count: None,
        },
    ))
}
