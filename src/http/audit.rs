//! `/audit`: reads of the archive. The four paths of the prototype keep the prototype's parameters
//! and JSON members.

mod access_log;
mod operations;
mod verify;

use actix_web::{HttpResponse, web};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use self::verify::verify;
use super::{
    endpoint::Endpoint,
    event_filter::{Filtered, Narrowed, parse_action},
    extract::{Fields, Query},
    openapi::schemas,
    permission::AuditReader,
    problem::Problem,
    query::key_in_query,
    respond, shapes,
    state::ApiState,
};
use crate::{
    domain::{Invalid, event::Action, filter::EventFilter, ids::TenantName, time::UtcTime},
    service::history::audit::ArchivedEvent,
};

/// The endpoints of the archive.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/audit/route", route, operations::route)
            .compressed()
            .sensitive(),
        Endpoint::get("/api/v1/audit/recent", recent, operations::recent)
            .compressed()
            .sensitive(),
        Endpoint::get("/api/v1/audit/action", action, operations::action)
            .compressed()
            .sensitive(),
        Endpoint::get(
            "/api/v1/audit/time-range",
            time_range,
            operations::time_range,
        )
        .compressed()
        .sensitive(),
        Endpoint::get("/api/v1/audit/events", events, operations::events)
            .compressed()
            .sensitive(),
        Endpoint::get("/api/v1/audit/verify", verify, operations::verify).sensitive(),
        Endpoint::get("/api/v1/audit/access", access_log::list, operations::access)
            .compressed()
            .sensitive(),
        Endpoint::get("/api/v1/audit/status", status, operations::status),
    ]
}

const DEFAULT_LIMIT: u32 = 100;
const DEFAULT_DAYS: u32 = 7;
const DEFAULT_HOURS: u32 = 24;

/// Returns the time `hours` hours ago.
fn hours_ago(hours: u32) -> UtcTime {
    let start = Timestamp::now()
        .checked_sub(SignedDuration::from_hours(i64::from(hours)))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    start.into()
}

/// The parameters of `GET /audit/route`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[schemars(with = "schemas::ServiceName")]
    service: Option<String>,
    #[schemars(with = "schemas::EnvName")]
    env: Option<String>,
    #[schemars(with = "schemas::VersionName")]
    version: Option<String>,
    #[validate(range(min = 1, max = 1000, message = "must be 1 to 1000"))]
    #[schemars(extend("default" = DEFAULT_LIMIT))]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventsByRoute")]
struct RouteOut<'a> {
    #[schemars(with = "shapes::archive::RouteKey")]
    route: &'a crate::domain::ids::RouteKey,
    count: usize,
    #[schemars(with = "Vec<shapes::archive::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/route`
pub async fn route(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<RouteIn>,
) -> Result<HttpResponse, Problem> {
    let RouteIn {
        tenant,
        service,
        env,
        version,
        limit,
    } = query.0;
    let key = key_in_query([tenant, service, env, version])?;
    let filter = EventFilter {
        tenant: Some(key.tenant.clone()),
        service: Some(key.name.service.clone()),
        env: Some(key.name.env.clone()),
        version: Some(key.name.version.clone()),
        ..EventFilter::default()
    };
    let events = state
        .audit
        .newest(
            caller.grant.tenant_scope(),
            filter,
            limit.unwrap_or(DEFAULT_LIMIT),
        )
        .await?;
    Ok(respond::json(&RouteOut {
        route: &key,
        count: events.len(),
        events: &events,
    }))
}

/// The parameters of `GET /audit/recent`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecentIn {
    #[validate(range(min = 1, max = 365, message = "must be 1 to 365"))]
    #[schemars(extend("default" = DEFAULT_DAYS))]
    days: Option<u32>,
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[validate(range(min = 1, max = 1000, message = "must be 1 to 1000"))]
    #[schemars(extend("default" = DEFAULT_LIMIT))]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecentEvents")]
struct RecentOut<'a> {
    days: u32,
    count: usize,
    #[schemars(with = "Vec<shapes::archive::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/recent`
pub async fn recent(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<RecentIn>,
) -> Result<HttpResponse, Problem> {
    let RecentIn {
        days,
        tenant,
        service,
        env,
        limit,
    } = query.0;
    let days = days.unwrap_or(DEFAULT_DAYS);
    let mut fields = Fields::default();
    let filter = Narrowed {
        tenant,
        service,
        env,
        version: None,
    }
    .parse(&mut fields);
    let filter = fields.finish(Some(EventFilter {
        from: Some(hours_ago(days * 24)),
        ..filter
    }))?;
    let events = state
        .audit
        .newest(
            caller.grant.tenant_scope(),
            filter,
            limit.unwrap_or(DEFAULT_LIMIT),
        )
        .await?;
    Ok(respond::json(&RecentOut {
        days,
        count: events.len(),
        events: &events,
    }))
}

/// The parameters of `GET /audit/action`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionIn {
    #[schemars(with = "schemas::EventAction")]
    action: Option<String>,
    #[validate(range(min = 1, max = 8760, message = "must be 1 to 8760"))]
    #[schemars(extend("default" = DEFAULT_HOURS))]
    hours: Option<u32>,
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[validate(range(min = 1, max = 1000, message = "must be 1 to 1000"))]
    #[schemars(extend("default" = DEFAULT_LIMIT))]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventsByAction")]
struct ActionOut<'a> {
    #[schemars(with = "schemas::EventAction")]
    action: Action,
    hours: u32,
    count: usize,
    #[schemars(with = "Vec<shapes::archive::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/action`
pub async fn action(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<ActionIn>,
) -> Result<HttpResponse, Problem> {
    let ActionIn {
        action,
        hours,
        tenant,
        service,
        env,
        limit,
    } = query.0;
    let hours = hours.unwrap_or(DEFAULT_HOURS);
    let mut fields = Fields::default();
    if action.is_none() {
        fields.check::<()>("?action", Err(Invalid::new("required", "is required")));
    }
    let action = parse_action(&mut fields, action);
    let filter = Narrowed {
        tenant,
        service,
        env,
        version: None,
    }
    .parse(&mut fields);
    let action = fields.finish(action)?;
    let filter = EventFilter {
        action: Some(action),
        from: Some(hours_ago(hours)),
        ..filter
    };
    let events = state
        .audit
        .newest(
            caller.grant.tenant_scope(),
            filter,
            limit.unwrap_or(DEFAULT_LIMIT),
        )
        .await?;
    Ok(respond::json(&ActionOut {
        action,
        hours,
        count: events.len(),
        events: &events,
    }))
}

/// The parameters of `GET /audit/time-range`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeRangeIn {
    #[schemars(with = "schemas::TimestampIn")]
    start_time: Option<String>,
    #[schemars(with = "schemas::TimestampIn")]
    end_time: Option<String>,
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[validate(range(min = 1, max = 1000, message = "must be 1 to 1000"))]
    #[schemars(extend("default" = DEFAULT_LIMIT))]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventsInTimeRange")]
struct TimeRangeOut<'a> {
    #[schemars(with = "schemas::Timestamp")]
    start_time: UtcTime,
    #[schemars(with = "schemas::Timestamp")]
    end_time: UtcTime,
    count: usize,
    #[schemars(with = "Vec<shapes::archive::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/time-range`
pub async fn time_range(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<TimeRangeIn>,
) -> Result<HttpResponse, Problem> {
    let TimeRangeIn {
        start_time,
        end_time,
        tenant,
        service,
        env,
        limit,
    } = query.0;
    let mut fields = Fields::default();
    let start = fields.required::<UtcTime>("?start_time", start_time);
    let end = fields.required::<UtcTime>("?end_time", end_time);
    fields.ordered(start, "?end_time", end);
    let filter = Narrowed {
        tenant,
        service,
        env,
        version: None,
    }
    .parse(&mut fields);
    let (start_time, end_time) = fields.finish(start.zip(end))?;
    let filter = EventFilter {
        from: Some(start_time),
        to: Some(end_time),
        ..filter
    };
    let events = state
        .audit
        .newest(
            caller.grant.tenant_scope(),
            filter,
            limit.unwrap_or(DEFAULT_LIMIT),
        )
        .await?;
    Ok(respond::json(&TimeRangeOut {
        start_time,
        end_time,
        count: events.len(),
        events: &events,
    }))
}

/// The parameters of `GET /audit/events`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::VersionName>")]
    version: Option<String>,
    #[schemars(with = "Option<schemas::EventAction>")]
    action: Option<String>,
    #[schemars(with = "Option<schemas::ActorId>")]
    actor: Option<String>,
    #[schemars(with = "Option<schemas::TimestampIn>")]
    from: Option<String>,
    #[schemars(with = "Option<schemas::TimestampIn>")]
    to: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `GET /audit/events`
pub async fn events(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<EventsIn>,
) -> Result<HttpResponse, Problem> {
    let EventsIn {
        tenant,
        service,
        env,
        version,
        action,
        actor,
        from,
        to,
        limit,
        cursor,
    } = query.0;
    let mut fields = Fields::default();
    let route = Narrowed {
        tenant,
        service,
        env,
        version,
    };
    let filter = Filtered {
        route,
        action,
        actor,
        from,
        to,
    }
    .parse(&mut fields);
    let filter = fields.finish(Some(filter))?;
    let page = state
        .audit
        .events(
            caller.grant.tenant_scope(),
            filter,
            &respond::page_request(limit, cursor),
        )
        .await?;
    respond::large_page(&state, page.items, page.next_cursor).await
}

/// The parameters of `GET /audit/status`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `GET /audit/status`
pub async fn status(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<StatusIn>,
) -> Result<HttpResponse, Problem> {
    let StatusIn {
        tenant,
        limit,
        cursor,
    } = query.0;
    let mut fields = Fields::default();
    let tenant = fields.optional::<TenantName>("?tenant", tenant);
    let tenant = fields.finish(Some(tenant))?;
    let status = state
        .audit
        .status(
            caller.grant.tenant_scope(),
            tenant,
            &respond::page_request(limit, cursor),
        )
        .await?;
    Ok(respond::json(&status))
}
