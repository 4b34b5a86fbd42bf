//! The listener for Envoys: the Aggregated Discovery Service over gRPC, and polls (REST xDS), on HTTP/2.
//!
//! It is served by hyper, not by actix: gRPC needs trailers, and with actix's HTTP/2 the API's own
//! listener would speak it too, where all limits are limits of a connection (ADR 50).

mod answer;
mod ledger;
mod node;
mod rest;
mod stream;
mod wanted;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::ResponseError as _;
use http_body_util::combinators::BoxBody;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http2, service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use traffic_manager_dataplane::ads::Kind;

use self::{
    answer::{Ended, GrpcStatus, refused},
    node::Node,
};
use super::{
    denied::Denied,
    gate::{Gate, NodeRequest},
    limits::Limits,
    state::ApiState,
    tls,
};
use crate::{
    auth::{Caller, certificate::Peer},
    config,
    resilience::Payer,
};

/// How often a silent Envoy is asked whether it is there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
/// How long a connection may have no stream, and how often that is looked at.
const UNUSED: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(5);
/// How long a connection may take to end once it is told to.
const FAREWELL: Duration = Duration::from_secs(5);
/// The most streams of one connection. An Envoy needs one.
const STREAMS: u32 = 8;
/// The most bytes of a request's headers.
const HEADERS: u32 = 16 * 1024;

/// The server for Envoys.
pub struct AdsServer {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    streams: Arc<Streams>,
    connections: Arc<tokio::sync::Semaphore>,
}

/// What every stream uses.
pub struct Streams {
    gate: Gate,
    state: Arc<ApiState>,
    http: config::Http,
    dataplane: config::Dataplane,
    sessions: rest::Sessions,
}

/// A caller that is served.
pub struct Served {
    caller: Caller,
    source: IpAddr,
    payer: Payer,
}

impl Served {
    /// Returns a node of this caller that has said nothing yet.
    fn node(&self, streams: &Streams, kind: Kind) -> Node {
        Node::new(
            kind,
            streams.dataplane.warm,
            (streams.state.sources(), streams.state.nodes.clone()),
            self.caller.clone(),
            self.source,
            self.payer.clone(),
        )
    }
}

/// Counts a stream or a poll among those of its connection that are open.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(open: Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connection of a request.
#[derive(Clone)]
struct Client {
    address: SocketAddr,
    node: Option<Peer>,
}

type Answer = Response<BoxBody<bytes::Bytes, Infallible>>;

impl AdsServer {
    /// Creates the server on a bound listener. `tls` is the configuration of TLS; `None` for HTTP/2
    /// without it.
    pub fn new(
        listener: std::net::TcpListener,
        tls: Option<ServerConfig>,
        settings: &config::Settings,
        state: Arc<ApiState>,
        limits: Arc<Limits>,
    ) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let http = settings.http.clone();
        let most = settings.dataplane.max_streams as usize;
        let gate = Gate::new(state.callers.clone(), limits, http.trusted_proxies.clone());
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            tls: tls.map(|config| TlsAcceptor::from(Arc::new(config))),
            connections: Arc::new(tokio::sync::Semaphore::new(most)),
            streams: Arc::new(Streams {
                gate,
                state,
                http,
                dataplane: settings.dataplane.clone(),
                sessions: rest::Sessions::default(),
            }),
        })
    }

    /// Serves until `stop`, and then until all connections have ended.
    pub async fn run(self, stop: CancellationToken) {
        let tracker = TaskTracker::new();
        loop {
            let place = tokio::select! {
                () = stop.cancelled() => break,
                place = self.connections.clone().acquire_owned() => place,
            };
            let Ok(place) = place else {
                break;
            };
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (socket, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // The file descriptors may be used up: others must end first.
                    tracing::warn!(error = %error, "an Envoy's connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            tls::cut_off_after(&socket, self.streams.http.write_stall);
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(error = %error, "the socket of an Envoy takes no option");
            }
            let (tls, streams, stop) = (self.tls.clone(), self.streams.clone(), stop.clone());
            tracker.spawn(async move {
                let _place = place;
                connection(socket, address, tls, streams, stop).await;
            });
        }
        tracker.close();
        tracker.wait().await;
    }
}

/// Serves a connection until it ends.
async fn connection(
    socket: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    streams: Arc<Streams>,
    stop: CancellationToken,
) {
    let Some(tls) = tls else {
        let client = Client {
            address,
            node: None,
        };
        return speak(socket, client, streams, stop).await;
    };
    let patience = streams.http.client_header_timeout;
    let Ok(Ok(socket)) = timeout(patience, tls.accept(socket)).await else {
        return;
    };
    let shown = socket.get_ref().1.peer_certificates();
    let shown = shown.and_then(<[_]>::first);
    let trust_domain = &streams.http.tls.trust_domain;
    let node = shown.and_then(|certificate| Peer::of(certificate, trust_domain).ok());
    speak(socket, Client { address, node }, streams, stop).await;
}

/// Speaks HTTP/2 on a connection.
async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    socket: S,
    client: Client,
    streams: Arc<Streams>,
    stop: CancellationToken,
) {
    let open = Arc::new(AtomicUsize::new(0));
    let counted = open.clone();
    let answer = service_fn(move |request| {
        let (streams, client, open) = (streams.clone(), client.clone(), counted.clone());
        async move { Ok::<_, Infallible>(answered(streams, client, request, open).await) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS);
    let connection = builder.serve_connection(TokioIo::new(socket), answer);
    tokio::pin!(connection);
    tokio::select! {
        ended = &mut connection => return told(ended),
        () = stop.cancelled() => {}
        () = unused(&open) => {}
    }
    connection.as_mut().graceful_shutdown();
    // A client that does not even begin to speak cannot be told that it is over.
    if let Ok(ended) = timeout(FAREWELL, connection).await {
        told(ended);
    }
}

/// Returns once a connection has had no stream for a while: it may be of a client that never says
/// who it is.
async fn unused(open: &AtomicUsize) {
    let mut silent = Duration::ZERO;
    while silent < UNUSED {
        tokio::time::sleep(LOOK).await;
        silent = match open.load(Ordering::Relaxed) {
            0 => silent + LOOK,
            _ => Duration::ZERO,
        };
    }
}

fn told(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(error = %error, "an Envoy's connection ended");
    }
}

/// Opens a stream, or answers a poll.
async fn answered(
    streams: Arc<Streams>,
    client: Client,
    request: Request<Incoming>,
    open: Arc<AtomicUsize>,
) -> Answer {
    if let Some(resources) = rest::polled(request.method(), request.uri().path()) {
        return match admitted(&streams, &client, &request).await {
            Ok(served) => rest::poll(streams, served, resources, request, open).await,
            Err(denied) => {
                let status = denied.problem.status_code().as_u16();
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
                rest::failed(status, &denied.problem.to_string())
            }
        };
    }
    let path = request.uri().path();
    let kind = [Kind::Delta, Kind::World]
        .into_iter()
        .find(|kind| kind.path() == path);
    let Some(kind) = kind.filter(|_| request.method() == hyper::Method::POST) else {
        let what = "only the Aggregated Discovery Service is served here";
        return answer::failed(&Ended::new(GrpcStatus::Unimplemented, what));
    };
    let served = match admitted(&streams, &client, &request).await {
        Ok(served) => served,
        Err(denied) => return refused(&denied),
    };
    match streams.state.dataplane.streams.try_take(&served.payer, 1) {
        Ok(place) => {
            let held = stream::Held::new(place, open);
            stream::open(kind, streams, served, held, request.into_body())
        }
        Err(full) => answer::failed(&Ended::new(
            GrpcStatus::ResourceExhausted,
            format!("too many Envoys, limit {}", full.limit),
        )),
    }
}

async fn admitted(
    streams: &Streams,
    client: &Client,
    request: &Request<Incoming>,
) -> Result<Served, Denied> {
    let asked = NodeRequest {
        address: client.address.ip(),
        headers: request.headers(),
        certified: client.certified(),
    };
    let (caller, payer) = streams.gate.admit_node(&asked).await?;
    Ok(Served {
        caller,
        source: client.address.ip(),
        payer,
    })
}

impl Client {
    fn certified(&self) -> Option<&Caller> {
        self.node.as_ref()?.caller(Timestamp::now())
    }
}
