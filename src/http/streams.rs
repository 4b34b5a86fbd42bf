//! Server-sent events (WHATWG HTML §9.2): a tenant's changes as they happen.

mod operations;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{
    endpoint::Endpoint,
    extract::Query,
    headers::LAST_EVENT_ID,
    node::NodePoll,
    openapi::schemas,
    params::TenantPath,
    permission::{Poller, Reader},
    problem::Problem,
    query::{NothingIn, scope},
    respond::one_line,
    state::ApiState,
};
use crate::{
    domain::{etag::version_tag, ledger::words::Condition, tag::VersionTag},
    service::read::polls::Signed,
    service::read::subscription::{Firehose, StreamItem, Subscription},
};

/// The endpoints of streams.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/api/v1/tenants/{tenant}/stream",
            stream,
            operations::stream,
        )
        .polled()
        .without_head(),
        Endpoint::get("/api/v1/stream", all, operations::all)
            .without_place()
            .without_head(),
    ]
}

const NO_BUFFERING: header::HeaderName = header::HeaderName::from_static("x-accel-buffering");

/// The first bytes of a stream: a client waits one second before it reconnects. They also make the
/// server send the head of the answer at once.
const HELLO: &[u8] = b"retry: 1000\n\n";

/// The parameters of `GET /tenants/{tenant}/stream`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamIn {
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
}

/// `GET /tenants/{tenant}/stream`: a snapshot, or the changes after `Last-Event-ID`, and then every
/// new change.
pub async fn stream(
    caller: Poller,
    state: web::Data<ApiState>,
    path: TenantPath,
    query: Query<StreamIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let TenantPath(tenant) = path;
    let scope = scope(query.0.service, query.0.env)?;
    let after = last_event_id(&request)?;
    let follows = (&tenant, &scope);
    let mut node = NodePoll::of(&state, &caller, &request, follows, Condition::Streams)?;
    let feed = Subscription::open(state.polls.clone(), tenant, scope, after).await?;
    let waits = node.waits();
    let pieces = stream::unfold(
        (feed, node, waits, state, caller),
        |(mut feed, mut node, waits, state, caller)| async move {
            // The caller's credentials may end meanwhile: then the stream ends, without the changes
            // since.
            let piece = state.callers.while_good(&caller, feed.next()).await??;
            if let Some(tag) = piece.tag() {
                node.served(tag);
            }
            Some((text(piece), (feed, node, waits, state, caller)))
        },
    );
    Ok(streaming(pieces))
}

/// `GET /stream`: every change of every tenant that the caller may see, from now on.
pub async fn all(
    caller: Reader,
    state: web::Data<ApiState>,
    _query: Query<NothingIn>,
) -> Result<HttpResponse, Problem> {
    let firehose = Firehose::open(state.polls.clone(), caller.grant.tenant_scope()).await?;
    let pieces = stream::unfold(
        (firehose, state, caller),
        |(mut firehose, state, caller)| async move {
            let change = state
                .callers
                .while_good(&caller, firehose.next(caller.grant.tenant_scope()))
                .await??;
            let text = match change {
                Some(change) => Bytes::from(
                    [
                        b"event: change\ndata: ",
                        &one_line(change.json)[..],
                        b"\n\n",
                    ]
                    .concat(),
                ),
                None => Bytes::from_static(b":\n\n"),
            };
            Some((text, (firehose, state, caller)))
        },
    );
    Ok(streaming(pieces))
}

fn streaming(pieces: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    let hello = stream::iter([Bytes::from_static(HELLO)]);
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((NO_BUFFERING, "no"))
        .streaming(Box::pin(
            hello.chain(pieces).map(Ok::<_, std::convert::Infallible>),
        ))
}

/// Reads `Last-Event-ID`. An empty value counts as absent: a browser sends it when it has no id
/// yet.
fn last_event_id(request: &HttpRequest) -> Result<Option<VersionTag>, Problem> {
    let Some(value) = request
        .headers()
        .get(LAST_EVENT_ID)
        .filter(|value| !value.is_empty())
    else {
        return Ok(None);
    };
    let tag = version_tag(&String::from_utf8_lossy(value.as_bytes()));
    tag.map(Some)
        .map_err(|invalid| Problem::field("Last-Event-ID:", invalid))
}

fn text(piece: StreamItem) -> Bytes {
    match piece {
        StreamItem::Snapshot(tag, body, signed) => {
            with_signature(events("snapshot", &[(tag, body)]), signed.as_deref())
        }
        StreamItem::Changes(changes, signed) => {
            with_signature(events("change", &changes), signed.as_deref())
        }
        StreamItem::Idle => Bytes::from_static(b":\n\n"),
    }
}

/// Adds the event `signature`, which has no id: a client that comes back after the changes, and before it,
/// has not taken them and gets them again.
fn with_signature(mut text: Vec<u8>, signed: Option<&Signed>) -> Bytes {
    if let Some(Signed {
        tag,
        digest,
        signatures,
        confirmed,
    }) = signed
    {
        // None of these needs escaping in JSON: names, hex digits, and a few marks between them.
        let confirmed = confirmed.as_deref();
        let confirmed = confirmed.map_or_else(String::new, |it| format!(",\"confirmed\":\"{it}\""));
        let event = format!(
            "event: signature\ndata: {{\"tag\":\"{tag}\",\"digest\":\"{digest}\",\"signature\":\"{signatures}\"{confirmed}}}\n\n"
        );
        text.extend_from_slice(event.as_bytes());
    }
    text.into()
}

/// Writes events in their order, in whole revisions. Only the last event of a revision has the tag
/// as its id: a client that comes back after an earlier event gets the whole revision again. The
/// data is canonical JSON, except that characters at which some readers end a line are escaped.
fn events(name: &str, events: &[(VersionTag, Bytes)]) -> Vec<u8> {
    let mut text = Vec::with_capacity(events.iter().map(|(_, data)| data.len() + 64).sum());
    for (at, (tag, data)) in events.iter().enumerate() {
        if events.get(at + 1).is_none_or(|(next, _)| next != tag) {
            text.extend_from_slice(format!("id: {tag}\n").as_bytes());
        }
        text.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
        text.extend_from_slice(&one_line(data.clone()));
        text.extend_from_slice(b"\n\n");
    }
    text
}
