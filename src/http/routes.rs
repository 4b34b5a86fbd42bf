//! `/routes`: create or replace, read, change, remove, and a route's history.

mod bodies;
mod operations;

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use validator::Validate;

use self::bodies::{KeyIn, PatchIn, RouteIn, SpecIn};
use super::{
    context::{ReadContext, WriteContext},
    endpoint::Endpoint,
    extract::{Body, Fields, Query},
    instant::at_in_query,
    openapi::schemas,
    params::RoutePath,
    permission::{Editor, Reader},
    problem::Problem,
    query::{GetIn, HistoryIn, ROUTE_IN_BODY, route_key},
    respond,
    returned::Returned,
    state::ApiState,
};
use crate::{
    domain::{
        Invalid,
        command::{Object, Op},
        filter::RouteFilter,
        ids::{EnvName, RouteKey, RouteName, ServiceName, TenantName, VersionName},
        route::{Labels, Route},
    },
    service::{batch::Reply, reads::PageRequest},
};

const ROUTES: &str = "/api/v1/routes";
const ROUTE: &str = "/api/v1/routes/{tenant}/{service}/{env}/{version}";

/// The endpoints of routes.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(ROUTES, list, operations::list).compressed(),
        Endpoint::post(ROUTES, upsert, operations::upsert),
        Endpoint::post(
            "/api/v1/routes/activate",
            activate_by_body,
            operations::activate_by_body,
        ),
        Endpoint::post(
            "/api/v1/routes/deactivate",
            deactivate_by_body,
            operations::deactivate_by_body,
        ),
        Endpoint::get(ROUTE, get, operations::get),
        Endpoint::put(ROUTE, put, operations::put),
        Endpoint::patch(ROUTE, patch, operations::patch),
        Endpoint::delete(ROUTE, delete, operations::delete),
        Endpoint::post(
            "/api/v1/routes/{tenant}/{service}/{env}/{version}/activate",
            activate,
            operations::activate,
        ),
        Endpoint::post(
            "/api/v1/routes/{tenant}/{service}/{env}/{version}/deactivate",
            deactivate,
            operations::deactivate,
        ),
        Endpoint::get(
            "/api/v1/routes/{tenant}/{service}/{env}/{version}/history",
            history,
            operations::history,
        )
        .compressed(),
    ]
}

/// A route as the API shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Route")]
struct RouteOut<'a> {
    #[schemars(with = "schemas::TenantName")]
    tenant: &'a TenantName,
    #[serde(flatten)]
    #[schemars(with = "operations::Route")]
    route: &'a Route,
}

fn written(tenant: &TenantName, reply: &Reply) -> HttpResponse {
    let mut response = respond::written(reply);
    match &reply.outcome.object {
        Object::Route(route) => {
            let name = &route.name;
            let location = format!(
                "/api/v1/routes/{tenant}/{}/{}/{}",
                name.service, name.env, name.version
            );
            response
                .insert_header((header::LOCATION, location))
                .json(RouteOut { tenant, route })
        }
        Object::Policy(_) | Object::Tenant(_) | Object::Applied { .. } | Object::Gone => {
            response.finish()
        }
    }
}

async fn write(
    state: &ApiState,
    context: WriteContext,
    tenant: TenantName,
    op: Op,
) -> Result<HttpResponse, Problem> {
    let reply = state
        .writer
        .write(context.request(tenant.clone(), op)?)
        .await?;
    Ok(written(&tenant, &reply))
}

/// The parameter of writes that may take a version out of service.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmIn {
    /// Confirms that a policy sends traffic to the version, and has another version to send it to.
    #[serde(default)]
    confirm_in_use: bool,
}

/// `POST /routes`
pub async fn upsert(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    query: Query<ConfirmIn>,
    body: Body<Returned<RouteIn>>,
) -> Result<HttpResponse, Problem> {
    let context = context.sized(body.1).confirming(query.0.confirm_in_use);
    let RouteIn {
        tenant,
        service,
        env,
        version,
        url,
        is_active,
        labels,
        description,
    } = body.0.into_inner();
    let mut fields = Fields::default();
    let key = route_key(&mut fields, [tenant, service, env, version], ROUTE_IN_BODY);
    let spec = SpecIn {
        url,
        is_active,
        labels,
        description,
    }
    .parse(&mut fields);
    let (
        RouteKey {
            tenant,
            name: route,
        },
        spec,
    ) = fields.finish(key.zip(spec))?;
    write(&state, context, tenant, Op::Upsert { route, spec }).await
}

/// `PUT /routes/{tenant}/{service}/{env}/{version}`
pub async fn put(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: RoutePath,
    query: Query<ConfirmIn>,
    body: Body<Returned<SpecIn>>,
) -> Result<HttpResponse, Problem> {
    let context = context.sized(body.1).confirming(query.0.confirm_in_use);
    let RoutePath(tenant, route) = path;
    let RouteName {
        service,
        env,
        version,
    } = &route;
    let names = [
        ("tenant", tenant.name().as_str()),
        ("service", service.as_str()),
        ("env", env.as_str()),
        ("version", version.as_str()),
    ];
    let body = body
        .0
        .of(&names, "")
        .map_err(|error| Problem::fields(vec![error]))?;
    let mut fields = Fields::default();
    let spec = body.parse(&mut fields);
    let spec = fields.finish(spec)?;
    write(
        &state,
        context,
        tenant.name().clone(),
        Op::Upsert { route, spec },
    )
    .await
}

/// `PATCH /routes/{tenant}/{service}/{env}/{version}`
pub async fn patch(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: RoutePath,
    query: Query<ConfirmIn>,
    body: Body<PatchIn>,
) -> Result<HttpResponse, Problem> {
    let context = context.sized(body.1).confirming(query.0.confirm_in_use);
    let RoutePath(tenant, route) = path;
    let mut fields = Fields::default();
    let patch = body.0.parse(&mut fields);
    let patch = fields.finish(patch)?;
    write(
        &state,
        context,
        tenant.name().clone(),
        Op::Patch { route, patch },
    )
    .await
}

/// `DELETE /routes/{tenant}/{service}/{env}/{version}`
pub async fn delete(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: RoutePath,
    query: Query<ConfirmIn>,
) -> Result<HttpResponse, Problem> {
    let RoutePath(tenant, route) = path;
    write(
        &state,
        context.confirming(query.0.confirm_in_use),
        tenant.name().clone(),
        Op::Delete { route },
    )
    .await
}

async fn set_active(
    state: &ApiState,
    context: WriteContext,
    key: RouteKey,
    is_active: bool,
) -> Result<HttpResponse, Problem> {
    write(
        state,
        context,
        key.tenant,
        Op::SetActive {
            route: key.name,
            is_active,
        },
    )
    .await
}

fn key_of(RoutePath(tenant, name): RoutePath) -> RouteKey {
    RouteKey {
        tenant: tenant.name().clone(),
        name,
    }
}

/// `POST /routes/{tenant}/{service}/{env}/{version}/activate`
pub async fn activate(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: RoutePath,
) -> Result<HttpResponse, Problem> {
    set_active(&state, context, key_of(path), true).await
}

/// `POST /routes/{tenant}/{service}/{env}/{version}/deactivate`
pub async fn deactivate(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: RoutePath,
    query: Query<ConfirmIn>,
) -> Result<HttpResponse, Problem> {
    set_active(
        &state,
        context.confirming(query.0.confirm_in_use),
        key_of(path),
        false,
    )
    .await
}

fn key_in_body(body: Body<KeyIn>) -> Result<RouteKey, Problem> {
    let KeyIn {
        tenant,
        service,
        env,
        version,
    } = body.0;
    let mut fields = Fields::default();
    let key = route_key(&mut fields, [tenant, service, env, version], ROUTE_IN_BODY);
    fields.finish(key)
}

/// `POST /routes/activate`
pub async fn activate_by_body(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    body: Body<KeyIn>,
) -> Result<HttpResponse, Problem> {
    set_active(&state, context, key_in_body(body)?, true).await
}

/// `POST /routes/deactivate`
pub async fn deactivate_by_body(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    query: Query<ConfirmIn>,
    body: Body<KeyIn>,
) -> Result<HttpResponse, Problem> {
    set_active(
        &state,
        context.confirming(query.0.confirm_in_use),
        key_in_body(body)?,
        false,
    )
    .await
}

/// `GET /routes/{tenant}/{service}/{env}/{version}`
pub async fn get(
    _: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    path: RoutePath,
    query: Query<GetIn>,
    request: actix_web::HttpRequest,
) -> Result<HttpResponse, Problem> {
    let RoutePath(tenant, name) = path;
    if let Some(at) = query.0.at {
        let (route, tag) = state
            .reads
            .route_at(&tenant, &name, &at_in_query("?at", &at)?)
            .await?;
        return Ok(respond::as_of(
            &tag,
            &RouteOut {
                tenant: tenant.name(),
                route: &route,
            },
        ));
    }
    let freshness = context.freshness(query.0.min_revision.as_deref())?;
    let (route, tag) = state.reads.route(&tenant, &name, &freshness).await?;
    Ok(respond::conditional(&request, &tag, || {
        respond::json(&RouteOut {
            tenant: tenant.name(),
            route: &route,
        })
    }))
}

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
        .routes(caller.grant.reach(), filter, &page, &freshness)
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

/// `GET /routes/{tenant}/{service}/{env}/{version}/history`
pub async fn history(
    _: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    path: RoutePath,
    query: Query<HistoryIn>,
) -> Result<HttpResponse, Problem> {
    let RoutePath(tenant, name) = path;
    let freshness = context.freshness(query.0.min_revision.as_deref())?;
    let page = respond::page_request(query.0.limit, query.0.cursor);
    let (page, tag) = state
        .reads
        .history(&tenant, &name, &page, &freshness)
        .await?;
    let items: &[Box<RawValue>] = &page.items;
    let body = respond::PageOut {
        items,
        next_cursor: page.next_cursor,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag.to_etag()))
        .json(body))
}
