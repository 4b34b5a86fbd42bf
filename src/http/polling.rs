//! The polling endpoints of proxies: `resolve`, `snapshot` and `changes`, answered from memory.

mod operations;

use std::time::Duration;

use actix_web::{
    FromRequest as _, HttpRequest, HttpResponse,
    dev::Payload,
    http::header::{self, HeaderValue},
    web,
};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;
use traffic_manager_dataplane::native;
use validator::Validate;

use super::{
    compression,
    context::ReadContext,
    deadline::{LONGEST_WAIT, within},
    endpoint::Endpoint,
    etag::{set_coded_tag, set_tag, version_tag},
    extract::Query,
    headers::{PREFERENCE_APPLIED, preference},
    instant::at_in_query,
    openapi::schemas,
    params::TenantPath,
    permission::Poller,
    problem::{Code, Problem},
    query::scope,
    respond,
    state::ApiState,
};
use crate::{
    auth::AuthorizedTenant,
    coding::Coding,
    domain::{Invalid, snapshot::Scope, tag::VersionTag},
    service::{
        Error, Freshness,
        read::polls::{Changes, Polled, Polls},
    },
};

/// The path of snapshots, which the fast path answers too.
pub const SNAPSHOT: &str = "/api/v1/tenants/{tenant}/snapshot";

/// The endpoints of snapshots and changes.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(SNAPSHOT, snapshot, operations::snapshot).polled(),
        Endpoint::get(
            "/api/v1/tenants/{tenant}/changes",
            changes,
            operations::changes,
        )
        .polled(),
    ]
}

/// The number of changes in one answer without a `limit`.
const CHANGES: usize = 100;
/// The highest `limit`.
const MAX_CHANGES: usize = 1000;

/// The parameters of `GET /tenants/{tenant}/snapshot`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotIn {
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::WaitTime>")]
    wait: Option<String>,
    #[schemars(with = "Option<schemas::PointInTime>")]
    at: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

/// `GET /tenants/{tenant}/snapshot`
pub async fn snapshot(
    caller: Poller,
    state: web::Data<ApiState>,
    path: TenantPath,
    query: Query<SnapshotIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let SnapshotIn {
        service,
        env,
        wait,
        at,
        min_revision,
    } = query.0;
    let freshness = freshness(&request, min_revision.as_deref())?;
    let TenantPath(tenant) = path;
    let scope = scope(service, env)?;
    if let Some(at) = at {
        return Box::pin(within(
            state.request_timeout,
            snapshot_at(&state, &tenant, scope, &at),
        ))
        .await;
    }
    let wait = Wait::of(&request, wait.as_deref())?;
    let asked = state
        .polls
        .snapshot(&tenant, &scope, &freshness, wait.time());
    let held = wait
        .as_long_as_good(&state, &caller, state.request_timeout, asked)
        .await?;
    let (tag, coding) = (held.scope_tag(&scope), compression::accepted(&request));
    let polled = if freshness.seen.has(&tag) {
        Polled::Same(tag)
    } else {
        let body = state.polls.body(&held, &scope, coding).await?;
        Polled::Now(tag, body)
    };
    let mut response = self::polled(&state.polls, polled, coding);
    wait.confirm(&mut response);
    Ok(response)
}

/// Answers `snapshot` with `?at=`: the snapshot as it was at that instant.
async fn snapshot_at(
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
        .run(move || native::snapshot(&snapshot, &scope))
        .await
        .map_err(Error::internal)?;
    let mut response = respond::json_bytes(body.into());
    set_tag(&mut response, &tag);
    Ok(response)
}

/// Returns the answer to `snapshot`: 200 with a body in this coding, or 304.
pub(super) fn polled(polls: &Polls, polled: Polled, coding: Coding) -> HttpResponse {
    let (tag, response) = match polled {
        Polled::Same(tag) => (tag, HttpResponse::NotModified().finish()),
        Polled::Now(tag, body) => (tag, coded(body, coding)),
    };
    tagged(polls, response, &tag, coding)
}

fn tagged(
    polls: &Polls,
    mut response: HttpResponse,
    tag: &VersionTag,
    coding: Coding,
) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept-encoding, prefer"),
    );
    set_coded_tag(&mut response, tag, coding);
    respond::with_age(polls, response)
}

/// Returns 200 with a body that has this coding already.
fn coded(body: Bytes, coding: Coding) -> HttpResponse {
    let mut response = respond::json_bytes(body);
    if let Some(name) = coding.name() {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

/// The parameters of `GET /tenants/{tenant}/changes`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesIn {
    #[schemars(with = "schemas::VersionTag")]
    after: Option<String>,
    #[validate(range(min = 1, max = 1000, message = "1 to 1000"))]
    #[schemars(extend("default" = CHANGES))]
    limit: Option<usize>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::WaitTime>")]
    wait: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

/// `GET /tenants/{tenant}/changes`
pub async fn changes(
    caller: Poller,
    state: web::Data<ApiState>,
    path: TenantPath,
    query: Query<ChangesIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let ChangesIn {
        after,
        limit,
        service,
        env,
        wait,
        min_revision,
    } = query.0;
    let freshness = freshness(&request, min_revision.as_deref())?;
    let TenantPath(tenant) = path;
    let scope = scope(service, env)?;
    let after = required_tag("?after", after.as_deref())?;
    let wait = Wait::of(&request, wait.as_deref())?;
    let limit = limit.unwrap_or(CHANGES).min(MAX_CHANGES);
    let asked = state
        .polls
        .changes(&tenant, &scope, &after, &freshness, limit, wait.time());
    let changes = wait
        .as_long_as_good(&state, &caller, state.request_timeout, asked)
        .await?;
    let (to, body) = match &changes {
        Changes::Since {
            to,
            complete,
            events,
        } => (to.clone(), since(&after, to, *complete, events)),
        Changes::Reset(held) => {
            let snapshot = state.polls.body(held, &scope, Coding::Identity).await?;
            (held.tag().clone(), reset(&after, held.tag(), &snapshot))
        }
    };
    let coding = if body.len() < compression::WORTH_IT {
        Coding::Identity
    } else {
        compression::accepted(&request)
    };
    let body = match coding {
        Coding::Identity => body.into(),
        _ => {
            within(
                state.request_timeout,
                state
                    .polls
                    .encoded(&tenant, &scope, &after, &changes, body.into(), coding),
            )
            .await?
        }
    };
    let mut response = coded(body, coding);
    wait.confirm(&mut response);
    Ok(tagged(&state.polls, response, &to, coding))
}

/// Writes the answer `{from, to, complete, changes: [event…]}`. The events are inserted as they
/// were published.
fn since(
    from: &VersionTag,
    to: &VersionTag,
    complete: bool,
    events: &[(VersionTag, Bytes)],
) -> Vec<u8> {
    let mut body =
        format!("{{\"from\":\"{from}\",\"to\":\"{to}\",\"complete\":{complete},\"changes\":[")
            .into_bytes();
    for (index, (_, event)) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(event);
    }
    body.extend_from_slice(b"]}");
    body
}

/// Writes the answer `{from, to, complete, changes: [], reset: true, snapshot: {…}}`.
fn reset(from: &VersionTag, to: &VersionTag, snapshot: &[u8]) -> Vec<u8> {
    let head = format!(
        "{{\"from\":\"{from}\",\"to\":\"{to}\",\"complete\":true,\"changes\":[],\"reset\":true,\"snapshot\":"
    );
    [head.as_bytes(), snapshot, b"}"].concat()
}

/// The long-poll wait that a client asks for: `?wait=30s` (RFC 9110 has no such parameter; Consul's
/// spelling), or `Prefer: wait=30` (RFC 7240 §4.3).
#[derive(Debug, Clone, Copy)]
enum Wait {
    No,
    Asked(Duration),
    Preferred(u64),
}

impl Wait {
    fn of(request: &HttpRequest, parameter: Option<&str>) -> Result<Self, Problem> {
        if let Some(raw) = parameter {
            let wrong = || {
                Invalid::new(
                    "not_a_wait",
                    "must be seconds, such as 30 or 30s, or milliseconds, such as 500ms",
                )
            };
            let (number, unit) = match raw.strip_suffix("ms") {
                Some(number) => (number, 1),
                None => (raw.strip_suffix('s').unwrap_or(raw), 1000),
            };
            let digits = number.len() <= 9 && number.bytes().all(|b| b.is_ascii_digit());
            let number: u64 = number
                .parse()
                .ok()
                .filter(|_| digits)
                .ok_or_else(|| Problem::field("?wait", wrong()))?;
            return Ok(Self::Asked(Duration::from_millis(number * unit)));
        }
        // A value that is not a number is a preference that the service does not understand, and is
        // ignored.
        let digits = preference(request.headers(), "wait")
            .filter(|value| value.bytes().all(|b| b.is_ascii_digit()));
        let longest = LONGEST_WAIT.as_secs();
        Ok(match digits.as_deref() {
            None | Some("") => Self::No,
            Some(digits) => Self::Preferred(
                digits
                    .parse()
                    .map_or(longest, |seconds: u64| seconds.min(longest)),
            ),
        })
    }

    fn time(self) -> Option<Duration> {
        match self {
            Self::No => None,
            Self::Asked(wait) => Some(wait),
            Self::Preferred(seconds) => Some(Duration::from_secs(seconds)),
        }
        .map(|wait| wait.min(LONGEST_WAIT))
    }

    /// Waits for the answer until the deadline. If the caller's credentials end during a long-poll,
    /// the wait ends with 401.
    async fn as_long_as_good<T>(
        self,
        state: &ApiState,
        caller: &Poller,
        limit: Duration,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Problem> {
        let Some(wait) = self.time() else {
            return within(limit, answer).await;
        };
        let ended = || {
            Problem::new(
                Code::Unauthenticated,
                "the credentials are not valid, or no longer valid",
            )
        };
        Box::pin(
            state
                .callers
                .while_good(caller, within(limit + wait, answer)),
        )
        .await
        .ok_or_else(ended)?
    }

    fn confirm(self, response: &mut HttpResponse) {
        if let Self::Preferred(seconds) = self
            && let Ok(value) = HeaderValue::from_str(&format!("wait={seconds}"))
        {
            response.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
    }
}

fn freshness(request: &HttpRequest, min_revision: Option<&str>) -> Result<Freshness, Problem> {
    let context = ReadContext::from_request(request, &mut Payload::None).into_inner()?;
    context.freshness(min_revision)
}

fn required_tag(pointer: &str, raw: Option<&str>) -> Result<VersionTag, Problem> {
    let raw =
        raw.ok_or_else(|| Problem::field(pointer, Invalid::new("required", "is required")))?;
    version_tag(raw).map_err(|invalid| Problem::field(pointer, invalid))
}
