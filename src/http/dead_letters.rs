//! `/dead-letters`: records that could not be archived, and the decisions about them.

mod operations;

use actix_web::{HttpResponse, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
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
        dead_letter::{DeadLetterId, DeadLetterState, Decision},
        ids::TenantName,
        plain_text,
        time::UtcTime,
        whole::Whole,
    },
    service::dead_letters::{
        DeadLetter, DeadLetterHead, DeadLetterOrigin, Decided, Filter, OperatorRequest,
    },
};

/// The endpoints of dead letters.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/dead-letters", list, operations::list)
            .compressed()
            .sensitive(),
        Endpoint::post(
            "/api/v1/dead-letters/redrive",
            redrive_many,
            operations::redrive_many,
        ),
        Endpoint::get("/api/v1/dead-letters/{letter_id}", get, operations::get)
            .compressed()
            .sensitive(),
        Endpoint::post(
            "/api/v1/dead-letters/{letter_id}/redrive",
            redrive,
            operations::redrive,
        ),
        Endpoint::post(
            "/api/v1/dead-letters/{letter_id}/discard",
            discard,
            operations::discard,
        ),
    ]
}

/// The longest reason that dead letters can be filtered by, in bytes.
const MAX_CODE: usize = 64;
/// The most dead letters that one request may redrive.
const MAX_REDRIVEN: u32 = 1000;
/// The most dead letters that a request without a `limit` redrives.
const REDRIVEN: u32 = 100;

/// A dead letter as lists show it.
#[derive(Debug, Serialize)]
struct DeadLetterOut<'a> {
    id: DeadLetterId,
    state: DeadLetterState,
    reason: &'a str,
    attempts: u32,
    at: UtcTime,
    tenant: Option<&'a TenantName>,
    event_id: Option<&'a str>,
    event_type: Option<&'a str>,
    origin: Option<&'a DeadLetterOrigin>,
    omitted: bool,
    decision: Option<&'a Decision>,
}

impl<'a> DeadLetterOut<'a> {
    fn of(head: &'a DeadLetterHead, decision: Option<&'a Decision>) -> Self {
        let DeadLetterHead {
            key,
            reason,
            attempts,
            tenant,
            event_id,
            event_type,
            origin,
            omitted,
        } = head;
        Self {
            id: key.id,
            state: decision.map_or(DeadLetterState::Waiting, |decision| decision.state),
            reason,
            attempts: *attempts,
            at: key.at,
            tenant: tenant.as_ref(),
            event_id: event_id.as_deref(),
            event_type: event_type.as_deref(),
            origin: origin.as_ref(),
            omitted: *omitted,
            decision,
        }
    }
}

impl<'a> From<&'a Decided> for DeadLetterOut<'a> {
    fn from(decided: &'a Decided) -> Self {
        Self::of(&decided.head, decided.decision.as_ref())
    }
}

/// Bytes of a record: as JSON or text where that is possible, else in base64.
#[derive(Debug, Serialize)]
#[serde(tag = "encoding", content = "data", rename_all = "lowercase")]
enum Content<'a> {
    Json(&'a RawValue),
    Text(&'a str),
    Base64(String),
}

impl<'a> Content<'a> {
    fn json(bytes: &'a [u8]) -> Self {
        serde_json::from_slice(bytes)
            .map_or_else(|_| Self::Base64(STANDARD.encode(bytes)), Self::Json)
    }

    fn text(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(|_| Self::Base64(STANDARD.encode(bytes)), Self::Text)
    }
}

#[derive(Debug, Serialize)]
struct HeaderOut<'a> {
    name: &'a str,
    value: Option<Content<'a>>,
}

/// A dead letter with the content of its record.
#[derive(Debug, Serialize)]
struct WholeOut<'a> {
    #[serde(flatten)]
    head: DeadLetterOut<'a>,
    key: Option<Content<'a>>,
    headers: Vec<HeaderOut<'a>>,
    value: Option<Content<'a>>,
}

fn id_in_path(path: web::Path<String>) -> Result<DeadLetterId, Problem> {
    DeadLetterId::try_from(path.into_inner())
        .map_err(|invalid| Problem::field("{letter_id}", invalid))
}

fn code(fields: &mut Fields, pointer: &str, raw: Option<String>) -> Option<String> {
    raw.and_then(|raw| fields.check(pointer, plain_text(&raw, MAX_CODE, "reason").map(|()| raw)))
}

/// The parameters of `GET /dead-letters`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    #[schemars(with = "Option<schemas::DeadLetterState>")]
    state: Option<String>,
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::DeadLetterReason>")]
    reason: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `GET /dead-letters`
pub async fn list(
    _: Overseer,
    state: web::Data<ApiState>,
    query: Query<ListIn>,
) -> Result<HttpResponse, Problem> {
    let ListIn {
        state: wanted,
        tenant,
        reason,
        limit,
        cursor,
    } = query.0;
    let mut fields = Fields::default();
    let filter = Filter {
        state: fields.optional("?state", wanted),
        tenant: fields.optional("?tenant", tenant),
        reason: code(&mut fields, "?reason", reason),
        only_open: false,
    };
    let filter = fields.finish(Some(filter))?;
    let page = state
        .dead_letters
        .list(&filter, &respond::page_request(limit, cursor))
        .await?;
    let items: Vec<_> = page.items.iter().map(DeadLetterOut::from).collect();
    Ok(respond::json(&respond::PageOut {
        items: &items,
        next_cursor: page.next_cursor,
    }))
}

/// `GET /dead-letters/{letter_id}`
pub async fn get(
    _: Overseer,
    state: web::Data<ApiState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let Decided {
        head: DeadLetter { head, record },
        decision,
    } = state.dead_letters.dead_letter(id_in_path(path)?).await?;
    let headers = record.headers.iter().map(|(name, value)| HeaderOut {
        name,
        value: value.as_deref().map(Content::text),
    });
    Ok(respond::json(&WholeOut {
        head: DeadLetterOut::of(&head, decision.as_ref()),
        key: record.key.as_deref().map(Content::text),
        headers: headers.collect(),
        value: record.value.as_deref().map(Content::json),
    }))
}

fn operator(context: &WriteContext, reason: Option<String>) -> OperatorRequest {
    OperatorRequest {
        by: context.by(),
        reason,
        idempotency_key: context.idempotency_key(),
    }
}

fn answered(replayed: bool, body: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    response.json(body)
}

/// `POST /dead-letters/{letter_id}/redrive`
pub async fn redrive(
    _: Operator,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let reason = context.reason().map(str::to_owned);
    let (dead_letter, replayed) = state
        .dead_letters
        .redrive(id_in_path(path)?, &operator(&context, reason))
        .await?;
    Ok(answered(replayed, &DeadLetterOut::from(&dead_letter)))
}

/// The body of `POST /dead-letters/redrive`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "RedriveDeadLetters")]
#[serde(deny_unknown_fields)]
pub struct RedriveManyIn {
    /// Only dead letters whose key names this tenant.
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    /// Only dead letters with this reason.
    #[schemars(with = "Option<schemas::DeadLetterReason>")]
    reason: Option<String>,
    /// The most dead letters that are sent again: 100 by default.
    #[schemars(with = "Option<u32>", range(min = 1, max = MAX_REDRIVEN))]
    limit: Option<Whole<1, { MAX_REDRIVEN as u64 }, u32>>,
    /// The `next_cursor` of the previous answer.
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct RefusedOut {
    id: DeadLetterId,
    detail: &'static str,
}

#[derive(Debug, Serialize)]
struct RedrivenOut {
    redriven: Vec<DeadLetterId>,
    refused: Vec<RefusedOut>,
    next_cursor: Option<String>,
}

/// `POST /dead-letters/redrive`
pub async fn redrive_many(
    _: Operator,
    state: web::Data<ApiState>,
    context: WriteContext,
    body: Body<RedriveManyIn>,
) -> Result<HttpResponse, Problem> {
    let RedriveManyIn {
        tenant,
        reason,
        limit,
        cursor,
    } = body.0;
    let mut fields = Fields::default();
    let tenant = fields.optional("/tenant", tenant);
    let filter = Filter {
        state: None,
        tenant,
        reason: code(&mut fields, "/reason", reason),
        only_open: true,
    };
    let limit = limit.map_or(REDRIVEN, |Whole(limit)| limit);
    let in_range = (1..=MAX_REDRIVEN).contains(&limit);
    let wrong = || {
        Err(Invalid::new(
            "out_of_range",
            format!("must be 1 to {MAX_REDRIVEN}"),
        ))
    };
    fields.check("/limit", if in_range { Ok(()) } else { wrong() });
    let filter = fields.finish(Some(filter))?;
    let why = context.reason().map(str::to_owned);
    let page = respond::page_request(Some(limit), cursor);
    let done = state
        .dead_letters
        .redrive_many(&filter, &page, &operator(&context, why))
        .await?;
    let refused = done
        .refused
        .into_iter()
        .map(|(id, detail)| RefusedOut { id, detail })
        .collect();
    Ok(answered(
        done.replayed,
        &RedrivenOut {
            redriven: done.redriven,
            refused,
            next_cursor: done.next_cursor,
        },
    ))
}

/// The body of `POST /dead-letters/{letter_id}/discard`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DiscardDeadLetter")]
#[serde(deny_unknown_fields)]
pub struct DiscardIn {
    /// The reason why the dead letter is not needed: stored with the dead letter and in the access
    /// log.
    #[schemars(with = "schemas::RequiredReason")]
    reason: Option<String>,
}

/// `POST /dead-letters/{letter_id}/discard`
pub async fn discard(
    _: Operator,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: web::Path<String>,
    body: Body<DiscardIn>,
) -> Result<HttpResponse, Problem> {
    let id = id_in_path(path)?;
    let reason = required_reason(body.0.reason)?;
    let dead_letter = state
        .dead_letters
        .discard(id, &operator(&context, Some(reason)))
        .await?;
    Ok(respond::json(&DeadLetterOut::from(&dead_letter)))
}
