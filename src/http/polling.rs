//! The polling endpoints of proxies: `resolve`, `snapshot` and `changes`, answered from memory.

mod operations;

use actix_web::{FromRequest as _, HttpRequest, HttpResponse, dev::Payload, web};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;
use traffic_manager_dataplane::native;
use validator::Validate;

use super::{
    compression,
    context::ReadContext,
    deadline::within,
    endpoint::Endpoint,
    etag::set_tag,
    extract::Query,
    instant::at_in_query,
    node::NodePoll,
    openapi::schemas,
    params::TenantPath,
    permission::Poller,
    problem::Problem,
    query::scope,
    respond,
    state::ApiState,
    waiting::{self, Wait, coded, tagged},
};
use crate::{
    auth::AuthorizedTenant,
    coding::Coding,
    domain::{
        Invalid, etag::version_tag, ledger::words::Condition, snapshot::Scope, tag::VersionTag,
    },
    service::{
        Error, Freshness,
        read::polls::{Changes, Polled},
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
    let mut node = NodePoll::of(
        &state,
        &caller,
        &request,
        (&tenant, &scope),
        Condition::Runs(&freshness.seen),
    )?;
    let waits = node.held(&state, wait).await?;
    let asked = state
        .polls
        .snapshot(&tenant, &scope, &freshness, wait.time());
    let held = wait
        .as_long_as_good(&state, &caller, state.request_timeout, asked)
        .await?;
    drop(waits);
    let (tag, coding) = (held.scope_tag(&scope), compression::accepted(&request));
    node.served(&tag);
    let (polled, signed) = if freshness.seen.has(&tag) {
        (Polled::Same(tag), None)
    } else {
        let body = state.polls.body(&held, &scope, coding).await?;
        let signed = state.polls.signed(&held, &scope);
        (Polled::Now(tag, body), signed)
    };
    let mut response = waiting::polled(&state.polls, polled, coding);
    waiting::sign(&mut response, signed.as_deref());
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
    let mut node = NodePoll::of(
        &state,
        &caller,
        &request,
        (&tenant, &scope),
        Condition::After(&after),
    )?;
    let waits = node.held(&state, wait).await?;
    let asked = state
        .polls
        .changes(&tenant, &scope, &after, &freshness, limit, wait.time());
    let changes = wait
        .as_long_as_good(&state, &caller, state.request_timeout, asked)
        .await?;
    drop(waits);
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
    node.served(&to);
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

fn freshness(request: &HttpRequest, min_revision: Option<&str>) -> Result<Freshness, Problem> {
    let context = ReadContext::from_request(request, &mut Payload::None).into_inner()?;
    context.freshness(min_revision)
}

fn required_tag(pointer: &str, raw: Option<&str>) -> Result<VersionTag, Problem> {
    let raw =
        raw.ok_or_else(|| Problem::field(pointer, Invalid::new("required", "is required")))?;
    version_tag(raw).map_err(|invalid| Problem::field(pointer, invalid))
}
