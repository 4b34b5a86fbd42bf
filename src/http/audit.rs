//! `/audit`: reads of the archive. The four paths of the prototype keep the prototype's parameters
//! and JSON members.

pub mod access;
mod operations;

use actix_web::{HttpResponse, web};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

pub use self::operations::operations;
use super::{
    ApiState,
    extract::{Fields, Query},
    openapi::schemas,
    problem::Problem,
    respond,
    routes::key_in_query,
};
use crate::{
    auth::Caller,
    domain::{
        Invalid, event::Action, filter::EventFilter, ids::TenantName, plain_text, time::UtcTime,
    },
    service::history::audit::ArchivedEvent,
};

const DEFAULT_LIMIT: u32 = 100;
const DEFAULT_DAYS: u32 = 7;
const DEFAULT_HOURS: u32 = 24;

/// The query parameters that select events by tenant and by the names of a route, before they are
/// parsed.
#[derive(Debug, Default)]
pub struct Narrowed {
    /// Only events of this tenant.
    pub tenant: Option<String>,
    /// Only events of this service.
    pub service: Option<String>,
    /// Only events of this environment.
    pub env: Option<String>,
    /// Only events of this version.
    pub version: Option<String>,
}

/// All query parameters that select events, before they are parsed.
#[derive(Debug, Default)]
pub struct Filtered {
    /// The tenant and the names of the route.
    pub route: Narrowed,
    /// Only events with this action, such as `created`.
    pub action: Option<String>,
    /// Only events of the actor with this id.
    pub actor: Option<String>,
    /// Only events at or after this time.
    pub from: Option<String>,
    /// Only events before this time.
    pub to: Option<String>,
}

impl Filtered {
    /// Parses the filter, and records each wrong parameter in `fields`.
    pub fn parse(self, fields: &mut Fields) -> EventFilter {
        let Self {
            route,
            action,
            actor,
            from,
            to,
        } = self;
        let (from, to) = (fields.optional("?from", from), fields.optional("?to", to));
        fields.ordered(from, "?to", to);
        EventFilter {
            action: parse_action(fields, action),
            actors: actor
                .and_then(|actor| {
                    fields.check("?actor", plain_text(&actor, 255, "actor").map(|()| actor))
                })
                .into_iter()
                .collect(),
            from,
            to,
            ..route.parse(fields)
        }
    }
}

impl Narrowed {
    fn parse(self, fields: &mut Fields) -> EventFilter {
        EventFilter {
            tenant: fields.optional("?tenant", self.tenant),
            service: fields.optional("?service", self.service),
            env: fields.optional("?env", self.env),
            version: fields.optional("?version", self.version),
            ..EventFilter::default()
        }
    }
}

fn parse_action(fields: &mut Fields, raw: Option<String>) -> Option<Action> {
    let raw = raw?;
    let known = Action::ALL
        .into_iter()
        .find(|action| action.as_str() == raw);
    let names = || Action::ALL.map(Action::as_str).join(", ");
    fields.check(
        "?action",
        known.ok_or_else(|| Invalid::new("unknown_action", format!("must be one of {}", names()))),
    )
}

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
#[schemars(rename = "AuditOfRoute")]
struct RouteOut<'a> {
    #[schemars(with = "operations::RouteKey")]
    route: &'a crate::domain::ids::RouteKey,
    count: usize,
    #[schemars(with = "Vec<operations::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/route`
pub async fn route(
    state: web::Data<ApiState>,
    caller: Caller,
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
        .newest(caller.grant.reach(), filter, limit.unwrap_or(DEFAULT_LIMIT))
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
#[schemars(rename = "AuditRecent")]
struct RecentOut<'a> {
    days: u32,
    count: usize,
    #[schemars(with = "Vec<operations::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/recent`
pub async fn recent(
    state: web::Data<ApiState>,
    caller: Caller,
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
        .newest(caller.grant.reach(), filter, limit.unwrap_or(DEFAULT_LIMIT))
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
    #[schemars(with = "schemas::AnyAction")]
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
#[schemars(rename = "AuditOfAction")]
struct ActionOut<'a> {
    #[schemars(with = "schemas::AnyAction")]
    action: Action,
    hours: u32,
    count: usize,
    #[schemars(with = "Vec<operations::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/action`
pub async fn action(
    state: web::Data<ApiState>,
    caller: Caller,
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
        .newest(caller.grant.reach(), filter, limit.unwrap_or(DEFAULT_LIMIT))
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
    #[schemars(with = "schemas::TimeIn")]
    start_time: Option<String>,
    #[schemars(with = "schemas::TimeIn")]
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
#[schemars(rename = "AuditOfTimeRange")]
struct TimeRangeOut<'a> {
    #[schemars(with = "schemas::Time")]
    start_time: UtcTime,
    #[schemars(with = "schemas::Time")]
    end_time: UtcTime,
    count: usize,
    #[schemars(with = "Vec<operations::ArchivedEvent>")]
    events: &'a [ArchivedEvent],
}

/// `GET /audit/time-range`
pub async fn time_range(
    state: web::Data<ApiState>,
    caller: Caller,
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
        .newest(caller.grant.reach(), filter, limit.unwrap_or(DEFAULT_LIMIT))
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
    #[schemars(with = "Option<schemas::AnyAction>")]
    action: Option<String>,
    #[schemars(with = "Option<schemas::ActorId>")]
    actor: Option<String>,
    #[schemars(with = "Option<schemas::TimeIn>")]
    from: Option<String>,
    #[schemars(with = "Option<schemas::TimeIn>")]
    to: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `GET /audit/events`
pub async fn events(
    state: web::Data<ApiState>,
    caller: Caller,
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
            caller.grant.reach(),
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
    state: web::Data<ApiState>,
    caller: Caller,
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
            caller.grant.reach(),
            tenant,
            &respond::page_request(limit, cursor),
        )
        .await?;
    Ok(respond::json(&status))
}

/// The parameters of `GET /audit/verify`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[validate(range(
        min = 1,
        max = 9_223_372_036_854_775_807_u64,
        message = "must be 1 to 9223372036854775807"
    ))]
    from: Option<u64>,
    #[validate(range(
        min = 1,
        max = 9_223_372_036_854_775_807_u64,
        message = "must be 1 to 9223372036854775807"
    ))]
    to: Option<u64>,
}

/// `GET /audit/verify`
pub async fn verify(
    state: web::Data<ApiState>,
    caller: Caller,
    query: Query<VerifyIn>,
) -> Result<HttpResponse, Problem> {
    let VerifyIn { tenant, from, to } = query.0;
    let mut fields = Fields::default();
    let tenant = fields.required::<TenantName>("?tenant", tenant);
    if to.is_some_and(|to| to < from.unwrap_or(1)) {
        fields.check::<()>(
            "?to",
            Err(Invalid::new("empty_range", "may not be before from")),
        );
    }
    let tenant = caller.authorize(fields.finish(tenant)?)?;
    Ok(respond::json(&state.audit.verify(&tenant, from, to).await?))
}
