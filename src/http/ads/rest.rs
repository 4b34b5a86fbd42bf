//! Envoys that poll: REST xDS on the listener for Envoys.
//!
//! ```text
//!  POST /v3/discovery:clusters ─┐                        ┌─► 200 when something moved, else 304
//!  POST /v3/discovery:routes  ──┴─► session of the node ─┘
//! ```
//!
//! A session turns polls into the requests of a stream (ADR 53). It lives in the memory of one instance: at
//! another one, or after a restart, the version that the node says is enough to begin anew.

mod session;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header,
};
use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use traffic_manager_dataplane::ads::{Type, poll::Poll};

use self::session::{Asked, Reply};
use super::{
    Answer, Open, Served, Streams,
    answer::{Ended, GrpcStatus},
};
use crate::auth::Grant;

/// The most bytes of a poll: it has all of Envoy's extensions, 77 KB of version 1.40.
const POLL_BYTES: usize = 1024 * 1024;
/// How long the body of a poll may take.
const POLL_TIME: Duration = Duration::from_secs(10);
/// The most bytes of answers that are kept, and how long without use.
const BODY_BYTES: u64 = 64 * 1024 * 1024;
const BODY_IDLE: Duration = Duration::from_secs(60);
/// Polls of one node that may wait to be looked at.
const QUEUE: usize = 8;

/// The sessions of one instance.
#[derive(Default)]
pub struct Sessions {
    live: Mutex<HashMap<Identity, Live>>,
    /// The bodies of answers by their versions, for nodes that get the same.
    bodies: Bodies,
}

/// A session that takes polls, and what its caller may do. With other rights another session begins.
struct Live {
    polls: mpsc::Sender<Asked>,
    grant: Arc<Grant>,
}

/// The bodies of answers, with a limit of their bytes.
struct Bodies(Cache<(Type, String), Bytes>);

impl Default for Bodies {
    fn default() -> Self {
        let weigh =
            |_: &(Type, String), body: &Bytes| u32::try_from(body.len()).unwrap_or(u32::MAX);
        let made = Cache::builder().max_capacity(BODY_BYTES).weigher(weigh);
        Self(made.time_to_idle(BODY_IDLE).build())
    }
}

/// Who polls: the caller, the node's name, and what it wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    kind: String,
    caller: String,
    node: String,
    scope: String,
}

/// Returns the type of resources that a path polls, if it is one of a poll.
pub fn polled(method: &Method, path: &str) -> Option<Type> {
    match (method, path.strip_prefix("/v3/discovery:")?) {
        (&Method::POST, "clusters") => Some(Type::Clusters),
        (&Method::POST, "routes") => Some(Type::Routes),
        _ => None,
    }
}

/// Answers a poll: at once if there is something that the node does not have, else when there is, or
/// after a while with 304.
pub async fn poll(
    streams: Arc<Streams>,
    served: Served,
    resources: Type,
    request: Request<Incoming>,
    open: Arc<AtomicUsize>,
) -> Answer {
    let open = Open::new(open);
    let asked = match read(request.into_body()).await {
        Ok(asked) => asked,
        Err((status, why)) => return failed(status, &why),
    };
    let (callers, caller) = (streams.state.callers.clone(), served.caller.clone());
    let reply = callers.while_good(&caller, ask(&streams, served, resources, asked));
    match reply.await {
        None => failed(
            StatusCode::UNAUTHORIZED,
            "the credentials are no longer valid",
        ),
        Some(Reply::Same) => status(StatusCode::NOT_MODIFIED),
        Some(Reply::Ended(status, why)) => failed(of_grpc(status), &why),
        Some(Reply::Now(body, written)) => whole(body, written, open),
    }
}

async fn read(body: Incoming) -> Result<Poll, (StatusCode, String)> {
    let body = Limited::new(body, POLL_BYTES).collect();
    let body = timeout(POLL_TIME, body)
        .await
        .map_err(|_| {
            (
                StatusCode::REQUEST_TIMEOUT,
                "the poll takes too long".to_owned(),
            )
        })?
        .map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
    Poll::read(&body.to_bytes()).map_err(|why| (StatusCode::BAD_REQUEST, why))
}

/// Gives a poll to the session of its node, which is begun if there is none.
async fn ask(streams: &Arc<Streams>, served: Served, resources: Type, poll: Poll) -> Reply {
    let identity = Identity {
        kind: served.caller.actor.kind.clone(),
        caller: served.caller.actor.id.clone(),
        node: poll.node.id.clone(),
        scope: poll.scope(),
    };
    let (answer, reply) = oneshot::channel();
    let asked = Asked {
        resources,
        poll,
        answer,
    };
    let session = match session(streams, &identity, served) {
        Ok(session) => session,
        Err(ended) => return Reply::Ended(ended.status, ended.text),
    };
    // A session that ends at this moment, or has too many polls, is asked again by the next poll.
    let busy = || Reply::Ended(GrpcStatus::Unavailable, "ask again".to_owned());
    match session.try_send(asked) {
        Ok(()) => reply.await.unwrap_or_else(|_| busy()),
        Err(_) => busy(),
    }
}

fn session(
    streams: &Arc<Streams>,
    identity: &Identity,
    served: Served,
) -> Result<mpsc::Sender<Asked>, Ended> {
    let mut live = streams.sessions.live.lock();
    let grant = &served.caller.grant;
    let is_it = |live: &&Live| !live.polls.is_closed() && live.grant == *grant;
    if let Some(session) = live.get(identity).filter(is_it) {
        return Ok(session.polls.clone());
    }
    let place = streams.state.dataplane.streams.try_take(&served.payer, 1);
    let place = place.map_err(|full| {
        let why = format!("too many Envoys, limit {}", full.limit);
        Ended::new(GrpcStatus::ResourceExhausted, why)
    })?;
    let (sender, polls) = mpsc::channel(QUEUE);
    let new = Live {
        polls: sender.clone(),
        grant: grant.clone(),
    };
    live.insert(identity.clone(), new);
    let (streams, identity) = (streams.clone(), identity.clone());
    tokio::spawn(async move {
        session::run(&streams, &served, polls).await;
        let mut live = streams.sessions.live.lock();
        // Another one may have begun meanwhile.
        if live
            .get(&identity)
            .is_some_and(|live| live.polls.is_closed())
        {
            live.remove(&identity);
        }
        drop((live, place));
    });
    Ok(sender)
}

/// Returns an answer that notes when its body was taken to be sent.
fn whole(body: Bytes, written: Arc<AtomicBool>, open: Open) -> Answer {
    let pieces = stream::unfold((Some(body), written, open), |(body, written, open)| async {
        match body {
            Some(body) => Some((
                Ok::<_, Infallible>(Frame::data(body)),
                (None, written, open),
            )),
            None => {
                written.store(true, Ordering::Release);
                None
            }
        }
    });
    let mut answer = Response::new(StreamBody::new(pieces).boxed());
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default().boxed());
    *answer.status_mut() = status;
    answer
}

/// Returns an answer with which an Envoy keeps what it has, and logs nothing but the status.
pub fn failed(code: StatusCode, why: &str) -> Answer {
    let mut answer = status(code);
    *answer.body_mut() = Full::from(why.to_owned()).boxed();
    let text = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    answer
}

fn of_grpc(status: GrpcStatus) -> StatusCode {
    match status {
        GrpcStatus::InvalidArgument => StatusCode::BAD_REQUEST,
        GrpcStatus::PermissionDenied => StatusCode::FORBIDDEN,
        GrpcStatus::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        GrpcStatus::Unimplemented => StatusCode::NOT_FOUND,
        GrpcStatus::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        GrpcStatus::Unauthenticated => StatusCode::UNAUTHORIZED,
    }
}
