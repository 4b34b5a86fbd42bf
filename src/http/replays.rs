//! `/replays`: parts of the history that are published again.

mod operations;

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use super::{
    context::{WriteContext, required_reason},
    endpoint::Endpoint,
    extract::{Body, Fields, Query},
    headers::IDEMPOTENCY_REPLAYED,
    openapi::schemas,
    permission::{Operator, Overseer},
    problem::Problem,
    respond,
    state::ApiState,
};
use crate::{
    domain::{
        Invalid,
        ids::TenantName,
        tag::{Epoch, Revision},
        time::UtcTime,
        whole::Whole,
    },
    service::{
        dead_letters::OperatorRequest,
        replays::{Replay, ReplayPosition, ReplayRange},
    },
};

const REPLAYS: &str = "/api/v1/replays";
const REPLAY: &str = "/api/v1/replays/{replay_id}";

/// The endpoints of replays.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(REPLAYS, list, operations::list).compressed(),
        Endpoint::post(REPLAYS, create, operations::create),
        Endpoint::get(REPLAY, get, operations::get),
        Endpoint::delete(REPLAY, cancel, operations::cancel),
    ]
}

/// The body of `POST /replays`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayIn {
    /// Only events of this tenant; without it, events of every tenant.
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    /// Only events of this epoch. Without it, events of all epochs, or only of the present one if
    /// `from` is above 1 or `to` is given. Needs `tenant`.
    #[schemars(with = "Option<schemas::Epoch>")]
    epoch: Option<String>,
    /// The first revision. Needs `tenant`.
    #[schemars(with = "Option<u64>", range(min = 1, max = i64::MAX))]
    from: Option<Whole<1, { i64::MAX as u64 }, u64>>,
    /// The last revision. Needs `tenant`.
    #[schemars(with = "Option<u64>", range(min = 1, max = i64::MAX))]
    to: Option<Whole<1, { i64::MAX as u64 }, u64>>,
    /// Whether to include events that retention has removed from the archive. The next run of
    /// retention removes them again.
    #[serde(default)]
    include_removed: bool,
    /// The most events in a second: 1 to `replay.max_events_per_second`.
    #[schemars(with = "Option<u32>", range(min = 1))]
    events_per_second: Option<Whole<1, { u32::MAX as u64 }, u32>>,
    /// The reason, which is stored with the replay and in the access log.
    #[schemars(with = "schemas::RequiredReason")]
    reason: Option<String>,
}

impl ReplayIn {
    fn piece(self, rate: impl Fn(Option<u32>) -> Result<u32, u32>) -> Result<ReplayRange, Problem> {
        let Self {
            tenant,
            epoch,
            from,
            to,
            include_removed,
            events_per_second,
            reason: _,
        } = self;
        let [from, to] = [from, to].map(|revision| revision.map(|Whole(revision)| revision));
        let events_per_second = events_per_second.map(|Whole(rate)| rate);
        let mut fields = Fields::default();
        let needs_tenant = || Invalid::new("tenant_required", "is only allowed with a tenant");
        for (pointer, is_there) in [
            ("/epoch", epoch.is_some()),
            ("/from", from.is_some()),
            ("/to", to.is_some()),
        ] {
            if tenant.is_none() && is_there {
                fields.check::<()>(pointer, Err(needs_tenant()));
            }
        }
        for (pointer, number) in [("/from", from), ("/to", to)] {
            let in_range =
                number.is_none_or(|number| (1..=i64::MAX.unsigned_abs()).contains(&number));
            let wrong = || {
                Err(Invalid::new(
                    "out_of_range",
                    format!("must be 1 to {}", i64::MAX),
                ))
            };
            fields.check(pointer, if in_range { Ok(()) } else { wrong() });
        }
        if to.is_some_and(|to| to < from.unwrap_or(1)) {
            fields.check::<()>(
                "/to",
                Err(Invalid::new("empty_range", "may not be before from")),
            );
        }
        let rate = rate(events_per_second)
            .map_err(|most| Invalid::new("out_of_range", format!("must be 1 to {most}")));
        let rate = fields.check("/events_per_second", rate);
        let piece = ReplayRange {
            tenant: fields.optional::<TenantName>("/tenant", tenant),
            epoch: fields.optional::<Epoch>("/epoch", epoch),
            from: Revision(from.unwrap_or(1)),
            to: to.map(Revision),
            include_removed,
            events_per_second: rate.unwrap_or(1),
        };
        fields.finish(Some(piece))
    }
}

#[derive(Debug, Serialize)]
struct AtOut<'a> {
    tenant: &'a TenantName,
    epoch: &'a Epoch,
    revision: Revision,
}

/// A replay as the API shows it.
#[derive(Debug, Serialize)]
struct ReplayOut<'a> {
    id: Uuid,
    state: &'a str,
    tenant: Option<&'a TenantName>,
    epoch: Option<&'a Epoch>,
    from: Revision,
    to: Option<Revision>,
    include_removed: bool,
    events_per_second: u32,
    reason: &'a str,
    events_total: Option<i64>,
    events_queued: i64,
    at: Option<AtOut<'a>>,
    created_by: &'a str,
    created_at: UtcTime,
    changed_at: UtcTime,
    ended_at: Option<UtcTime>,
    ended_by: Option<&'a str>,
}

impl<'a> From<&'a Replay> for ReplayOut<'a> {
    fn from(replay: &'a Replay) -> Self {
        let Replay { piece, at, .. } = replay;
        let ReplayRange {
            tenant,
            epoch,
            from,
            to,
            include_removed,
            events_per_second,
        } = piece;
        Self {
            id: replay.id,
            state: &replay.state,
            tenant: tenant.as_ref(),
            epoch: epoch.as_ref(),
            from: *from,
            to: *to,
            include_removed: *include_removed,
            events_per_second: *events_per_second,
            reason: &replay.reason,
            events_total: replay.events_total,
            events_queued: replay.queued,
            at: at.as_ref().map(
                |ReplayPosition {
                     tenant,
                     epoch,
                     revision,
                 }| AtOut {
                    tenant,
                    epoch,
                    revision: *revision,
                },
            ),
            created_by: &replay.created_by,
            created_at: replay.created_at,
            changed_at: replay.changed_at,
            ended_at: replay.ended_at,
            ended_by: replay.ended_by.as_deref(),
        }
    }
}

/// `POST /replays`
pub async fn create(
    _: Operator,
    state: web::Data<ApiState>,
    context: WriteContext,
    body: Body<ReplayIn>,
) -> Result<HttpResponse, Problem> {
    let reason = required_reason(body.0.reason.clone())?;
    let piece = body.0.piece(|asked| state.replays.rate(asked))?;
    let operator = OperatorRequest {
        by: context.by(),
        reason: Some(reason),
        idempotency_key: context.idempotency_key(),
    };
    let (replay, replayed) = state.replays.make(piece, &operator).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/api/v1/replays/{}", replay.id)));
    if replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    Ok(response.json(ReplayOut::from(&replay)))
}

/// The parameters of `GET /replays`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `GET /replays`
pub async fn list(
    _: Overseer,
    state: web::Data<ApiState>,
    query: Query<ListIn>,
) -> Result<HttpResponse, Problem> {
    let ListIn { limit, cursor } = query.0;
    let page = state
        .replays
        .list(&respond::page_request(limit, cursor))
        .await?;
    let items: Vec<_> = page.items.iter().map(ReplayOut::from).collect();
    Ok(respond::json(&respond::PageOut {
        items: &items,
        next_cursor: page.next_cursor,
    }))
}

fn id_in_path(path: web::Path<String>) -> Result<Uuid, Problem> {
    let wrong = |_| Problem::field("{replay_id}", Invalid::new("not_a_uuid", "must be a UUID"));
    path.parse().map_err(wrong)
}

/// `GET /replays/{replay_id}`
pub async fn get(
    _: Overseer,
    state: web::Data<ApiState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(respond::json(&ReplayOut::from(
        &state.replays.get(id_in_path(path)?).await?,
    )))
}

/// `DELETE /replays/{replay_id}`
pub async fn cancel(
    _: Operator,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let reason = context.reason().map(str::to_owned);
    let operator = OperatorRequest {
        by: context.by(),
        reason,
        idempotency_key: None,
    };
    let replay = state.replays.cancel(id_in_path(path)?, &operator).await?;
    Ok(respond::json(&ReplayOut::from(&replay)))
}
