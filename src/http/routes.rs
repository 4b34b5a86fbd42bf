//! `/routes`: create or replace, read, change, remove, and a route's history.

mod bodies;
mod list;
mod operations;

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use validator::Validate;

use self::{
    bodies::{KeyIn, PatchIn, RouteIn, SpecIn},
    list::list,
};
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
        command::{ChangedObject, Op},
        ids::{RouteKey, RouteName, TenantName},
        route::Route,
    },
    service::batch::Reply,
};

const ROUTES: &str = "/api/v1/routes";
const ROUTE: &str = "/api/v1/routes/{tenant}/{service}/{env}/{version}";

/// The endpoints of routes.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(ROUTES, list, operations::list).compressed(),
        Endpoint::post(ROUTES, upsert, operations::upsert).converging(),
        Endpoint::post(
            "/api/v1/routes/activate",
            activate_by_body,
            operations::activate_by_body,
        )
        .converging(),
        Endpoint::post(
            "/api/v1/routes/deactivate",
            deactivate_by_body,
            operations::deactivate_by_body,
        )
        .converging(),
        Endpoint::get(ROUTE, get, operations::get),
        Endpoint::put(ROUTE, put, operations::put).converging(),
        Endpoint::patch(ROUTE, patch, operations::patch).converging(),
        Endpoint::delete(ROUTE, delete, operations::delete).converging(),
        Endpoint::post(
            "/api/v1/routes/{tenant}/{service}/{env}/{version}/activate",
            activate,
            operations::activate,
        )
        .converging(),
        Endpoint::post(
            "/api/v1/routes/{tenant}/{service}/{env}/{version}/deactivate",
            deactivate,
            operations::deactivate,
        )
        .converging(),
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
    let mut response = respond::written(tenant, reply);
    match &reply.outcome.object {
        ChangedObject::Route(route) => {
            let name = &route.name;
            let location = format!(
                "/api/v1/routes/{tenant}/{}/{}/{}",
                name.service, name.env, name.version
            );
            response
                .insert_header((header::LOCATION, location))
                .json(RouteOut { tenant, route })
        }
        ChangedObject::Policy(_)
        | ChangedObject::Tenant(_)
        | ChangedObject::Applied { .. }
        | ChangedObject::Gone => response.finish(),
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
