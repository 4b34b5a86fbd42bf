//! One stream of an Envoy: its requests, the offers for it, and time, each given to the state machine
//! of [`traffic_manager_dataplane::ads`].

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response,
    body::{Frame, Incoming},
    header,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use traffic_manager_dataplane::ads::{
    Action, Code, Frames, Kind, Limits, NodeInfo, Report, Stream,
};

use super::{
    Answer, Streams,
    answer::{Ended, GRPC, GrpcStatus},
};
use crate::{
    auth::{AuthorizedTenant, Caller, Role, TenantScope},
    domain::{Invalid, ids::TenantName, snapshot::Scope},
    resilience::{Payer, PoolPlace},
    service::{
        Error,
        read::offers::{MAX_TENANTS, OfferFeed},
    },
    telemetry::names,
};

/// Responses that wait for a slow reader.
const QUEUE: usize = 8;
/// How long a failed read of the offer waits before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// The least time between two renderings for one stream.
const PAUSE: Duration = Duration::from_millis(2);

/// What a stream holds of its payer and of its connection, until its last response is read.
pub struct Held {
    _place: PoolPlace,
    open: Arc<AtomicUsize>,
}

impl Held {
    /// Holds a place, and counts among the open streams of the connection.
    pub fn new(place: PoolPlace, open: Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self {
            _place: place,
            open,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens a stream. It ends when the node goes, when its credentials end, or when the service drains.
pub fn open(
    kind: Kind,
    streams: Arc<Streams>,
    caller: Caller,
    payer: Payer,
    held: Held,
    body: Incoming,
) -> Answer {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        metrics::gauge!(names::ENVOY_STREAMS).increment(1.0);
        let mut served = Served::new(kind, &streams, caller, payer, sender.clone());
        let ended = served.run(body).await;
        metrics::gauge!(names::ENVOY_STREAMS).decrement(1.0);
        tracing::info!(
            node = served.machine.node().map(|node| node.id.as_str()),
            status = ?ended.status,
            reason = ended.text,
            "the stream of an Envoy ended"
        );
        // Nobody may be there any more to read it.
        let _ = sender.try_send(Frame::trailers(ended.headers()));
    });
    // The place is held as long as responses wait to be read.
    let pieces = stream::unfold(
        (receiver, held),
        |(mut receiver, held): (mpsc::Receiver<Frame<Bytes>>, Held)| async {
            let piece = receiver.recv().await?;
            Some((Ok::<_, Infallible>(piece), (receiver, held)))
        },
    );
    let mut answer = Response::new(StreamBody::new(pieces).boxed());
    let grpc = header::HeaderValue::from_static(GRPC);
    answer.headers_mut().insert(header::CONTENT_TYPE, grpc);
    answer
}

/// A stream that is served.
struct Served<'a> {
    streams: &'a Streams,
    caller: Caller,
    payer: Payer,
    machine: Stream,
    frames: Frames,
    feed: Option<OfferFeed>,
    /// When the offer has to be read again.
    stale: Option<Instant>,
    sender: mpsc::Sender<Frame<Bytes>>,
    begun: Instant,
}

/// What a stream waits for.
enum Event {
    Piece(Option<Result<Frame<Bytes>, hyper::Error>>),
    Moved,
    Due,
    Read,
    Stop,
}

impl<'a> Served<'a> {
    fn new(
        kind: Kind,
        streams: &'a Streams,
        caller: Caller,
        payer: Payer,
        sender: mpsc::Sender<Frame<Bytes>>,
    ) -> Self {
        let limits = Limits {
            warm_ms: u64::try_from(streams.dataplane.warm.as_millis()).unwrap_or(u64::MAX),
            ..Limits::default()
        };
        Self {
            streams,
            caller,
            payer,
            machine: Stream::new(kind, limits),
            frames: Frames::new(limits.request_bytes),
            feed: None,
            stale: None,
            sender,
            begun: Instant::now(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Serves the stream until it ends, as long as the caller's credentials are good.
    async fn run(&mut self, body: Incoming) -> Ended {
        let (callers, caller) = (self.streams.state.callers.clone(), self.caller.clone());
        let ended = callers.while_good(&caller, self.serve(body)).await;
        ended.unwrap_or_else(|| {
            Ended::new(
                GrpcStatus::Unauthenticated,
                "the credentials are no longer valid",
            )
        })
    }

    async fn serve(&mut self, mut body: Incoming) -> Ended {
        loop {
            let actions = match self.next(&mut body).await {
                Event::Stop => {
                    return Ended::new(GrpcStatus::Unavailable, "the service drains");
                }
                Event::Piece(None) => return Ended::new(GrpcStatus::Unavailable, "the node left"),
                Event::Piece(Some(Err(error))) => {
                    return Ended::new(GrpcStatus::Unavailable, error.to_string());
                }
                Event::Piece(Some(Ok(piece))) => match piece.data_ref() {
                    Some(piece) => self.take(piece).await,
                    None => Ok(Vec::new()),
                },
                Event::Moved => {
                    self.stale.get_or_insert(Instant::now() + PAUSE);
                    Ok(Vec::new())
                }
                Event::Read => self.offered().await,
                Event::Due => Ok(self.machine.on_tick(self.now())),
            };
            let done = match actions {
                Ok(actions) => self.act(actions).await,
                Err(ended) => Err(ended),
            };
            if let Err(ended) = done {
                return ended;
            }
        }
    }

    async fn next(&mut self, body: &mut Incoming) -> Event {
        let stop = self.streams.state.polls.stop();
        let due = self.machine.deadline();
        let due = due.map(|due| self.begun + Duration::from_millis(due));
        let at = |when: Option<Instant>| async move {
            match when {
                Some(when) => sleep_until(when).await,
                None => std::future::pending().await,
            }
        };
        let feed = &mut self.feed;
        let moved = async {
            match feed {
                Some(feed) => feed.moved().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => Event::Stop,
            piece = body.frame() => Event::Piece(piece),
            () = moved => Event::Moved,
            () = at(self.stale) => Event::Read,
            () = at(due) => Event::Due,
        }
    }

    /// Takes a piece of the body.
    /// Each message is answered before the next is looked at, so that a node that reads nothing is
    /// asked nothing more.
    async fn take(&mut self, piece: &[u8]) -> Result<Vec<Action>, Ended> {
        self.frames.push(piece);
        loop {
            let message = self
                .frames
                .next_message()
                .map_err(|error| Ended::new(GrpcStatus::InvalidArgument, error.to_string()))?;
            let Some(message) = message else {
                break;
            };
            let actions = self.machine.on_request(&message, self.now());
            self.act(actions).await?;
        }
        if let (None, Some(node)) = (&self.feed, self.machine.node().cloned()) {
            self.feed = Some(self.follow(&node).await?);
            return self.offered().await;
        }
        Ok(Vec::new())
    }

    /// Follows what the node is to have, as its metadata and its credentials say.
    async fn follow(&self, node: &NodeInfo) -> Result<OfferFeed, Ended> {
        let (tenants, scope) = wanted(&self.caller, node)?;
        let state = &self.streams.state;
        OfferFeed::open(
            state.polls.clone(),
            tenants,
            scope,
            state.dataplane.settings.clone(),
            self.payer.clone(),
        )
        .await
        .map_err(|error| Ended::new(GrpcStatus::Unavailable, error.to_string()))
    }

    /// Reads the present offer. If that fails, the node keeps what it has, and the read is tried again.
    async fn offered(&mut self) -> Result<Vec<Action>, Ended> {
        self.stale = None;
        let Some(feed) = &self.feed else {
            return Ok(Vec::new());
        };
        match feed.offer().await {
            Ok(offer) => Ok(self.machine.on_offer(offer, self.now())),
            // The tenant was deleted. The node keeps what it has, and asks again.
            Err(error @ Error::Rejected(_)) => {
                Err(Ended::new(GrpcStatus::PermissionDenied, error.to_string()))
            }
            Err(error) => {
                tracing::warn!(error = %error, "the configuration of an Envoy could not be made");
                self.stale = Some(Instant::now() + AGAIN);
                Ok(Vec::new())
            }
        }
    }

    async fn act(&self, actions: Vec<Action>) -> Result<(), Ended> {
        for action in actions {
            match action {
                Action::Send(bytes) => {
                    let sent = timeout(
                        self.streams.http.write_stall,
                        self.sender.send(Frame::data(bytes)),
                    );
                    if !matches!(sent.await, Ok(Ok(()))) {
                        return Err(Ended::new(
                            GrpcStatus::Unavailable,
                            "the node reads nothing",
                        ));
                    }
                }
                Action::Report(report) => self.report(&report),
                Action::End(code, text) => {
                    let status = match code {
                        Code::InvalidArgument => GrpcStatus::InvalidArgument,
                        Code::ResourceExhausted => GrpcStatus::ResourceExhausted,
                        Code::Unimplemented => GrpcStatus::Unimplemented,
                    };
                    return Err(Ended::new(status, text));
                }
            }
        }
        Ok(())
    }

    fn report(&self, report: &Report) {
        let node = self.machine.node().map(|node| node.id.as_str());
        match report {
            Report::Ack { version, .. } => {
                metrics::counter!(names::ENVOY_ANSWERS, "result" => "ack").increment(1);
                tracing::debug!(node, version, "an Envoy has its configuration");
            }
            Report::Nack {
                version,
                resources,
                reason,
            } => {
                metrics::counter!(names::ENVOY_ANSWERS, "result" => "nack").increment(1);
                tracing::warn!(
                    node,
                    version,
                    ?resources,
                    reason,
                    "an Envoy refused its configuration"
                );
            }
            Report::Late {
                version,
                resources,
                names,
            } => {
                metrics::counter!(names::ENVOY_ANSWERS, "result" => "late").increment(1);
                let first = names.first();
                tracing::warn!(
                    node,
                    version,
                    ?resources,
                    first,
                    count = names.len(),
                    "an Envoy did not answer in time"
                );
            }
            Report::TooOld(info) => {
                tracing::warn!(node, version = ?info.version, "an Envoy is too old and keeps what it has");
            }
            other => tracing::debug!(node, report = ?other, "an Envoy"),
        }
    }
}

/// Returns the tenants and the scope of a node: the metadata `tenant` (one, or several with commas)
/// and `env` and `service`. A caller of one tenant need not name it, and may name no other.
fn wanted(caller: &Caller, node: &NodeInfo) -> Result<(Vec<AuthorizedTenant>, Scope), Ended> {
    let wrong = |member: &str, invalid: &Invalid| {
        Ended::new(
            GrpcStatus::InvalidArgument,
            format!("metadata.{member}: {}", invalid.detail),
        )
    };
    let named = node.metadata.get("tenant").map(String::as_str);
    let mut tenants: Vec<TenantName> = Vec::new();
    for raw in named.into_iter().flat_map(|named| named.split(',')) {
        let tenant = raw
            .trim()
            .parse()
            .map_err(|invalid| wrong("tenant", &invalid))?;
        if !tenants.contains(&tenant) {
            tenants.push(tenant);
        }
    }
    if let (true, TenantScope::Tenant(own)) = (tenants.is_empty(), caller.grant.tenant_scope()) {
        tenants.push(own.clone());
    }
    if !(1..=MAX_TENANTS).contains(&tenants.len()) {
        let detail = format!("1 to {MAX_TENANTS} tenants, separated by commas");
        return Err(wrong("tenant", &Invalid::new("required", detail)));
    }
    let part = |name: &str| node.metadata.get(name).cloned();
    let scope = Scope {
        service: part("service")
            .map(TryInto::try_into)
            .transpose()
            .map_err(|invalid| wrong("service", &invalid))?,
        env: part("env")
            .map(TryInto::try_into)
            .transpose()
            .map_err(|invalid| wrong("env", &invalid))?,
    };
    let denied = |text: &str| Ended::new(GrpcStatus::PermissionDenied, text);
    let authorized: Result<Vec<_>, _> = tenants
        .into_iter()
        .map(|tenant| caller.authorize(tenant))
        .collect();
    let authorized = authorized.map_err(|_| denied("there is no such tenant"))?;
    let covers = caller
        .grant
        .resource_scope()
        .covers(scope.service.as_ref(), scope.env.as_ref());
    if caller.grant.roles() == [Role::Node] && !covers {
        return Err(denied(
            "this node may only read some services or environments: name one in its metadata",
        ));
    }
    Ok((authorized, scope))
}
