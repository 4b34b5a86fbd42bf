//! What a relay tells of itself, at its own address: loopback only, and read only.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::HOST, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde::Serialize;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use traffic_manager_client::{Refusal, ServerFaults};
use traffic_manager_core::{ids::TenantName, tag::VersionTag};

use super::{Relay, followed::Followed, metrics};
use crate::http::{content, is_local, plain};

/// The longest time of a connection.
const LIMIT: Duration = Duration::from_secs(10);
/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// The status of a relay.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The relay's name.
    pub node: String,
    /// The parts that it follows.
    pub parts: Vec<PartStatus>,
    /// Connections, waiters, keys and reports.
    pub counts: BTreeMap<&'static str, u64>,
}

/// A part of a tenant, as the status has it.
#[derive(Debug, Serialize)]
pub struct PartStatus {
    /// The tenant.
    pub tenant: TenantName,
    /// The service, if it is only one.
    pub service: Option<String>,
    /// The environment, if it is only one.
    pub env: Option<String>,
    /// `starting`, `disk`, `live`, `stale`, `gone` or `denied`.
    pub state: &'static str,
    /// The tag that nodes are served.
    pub tag: Option<VersionTag>,
    /// The seconds since the control plane confirmed it last.
    pub age_seconds: Option<f64>,
    /// The long polls and streams that are open.
    pub waiters: usize,
    /// The newest refusal or failure. It stays after it is over.
    pub problem: Option<Arc<str>>,
    /// What servers have sent that was refused, by their URLs.
    pub faults: BTreeMap<Arc<str>, Faults>,
}

/// The faults of a server.
#[derive(Debug, Serialize)]
pub struct Faults {
    /// Snapshots older than what was held.
    pub older: u64,
    /// Times that it kept back what others had.
    pub withheld: u64,
    /// What was refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// The newest fault.
    pub last: Arc<str>,
}

impl Faults {
    /// The faults of a server of a watcher.
    pub fn of(faults: &ServerFaults) -> Self {
        let refused = Refusal::ALL.map(|why| (why.as_str(), faults.refused(why)));
        Self {
            older: faults.older,
            withheld: faults.withheld,
            refused: refused
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .collect(),
            last: Arc::clone(&faults.last),
        }
    }

    /// All together.
    pub fn count(&self) -> u64 {
        self.older + self.withheld + self.refused.values().sum::<u64>()
    }

    /// The faults of all servers of a watcher, by their URLs.
    pub fn of_all(faults: &[ServerFaults]) -> BTreeMap<Arc<str>, Self> {
        let of = |it: &ServerFaults| (Arc::clone(&it.server), Self::of(it));
        faults.iter().map(of).collect()
    }
}

impl Status {
    /// The status of now.
    pub fn of(relay: &Relay) -> Self {
        let Relay {
            tokens,
            counts,
            nodes,
            ..
        } = relay;
        let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let [ok, same, refused, failed] = &counts.answers;
        Self {
            node: relay.config.node.name.to_string(),
            parts: relay.followed.list().iter().map(|it| part(it)).collect(),
            counts: BTreeMap::from([
                ("connections", read(&counts.connections)),
                ("waiters", relay.places.taken() as u64),
                ("rendered_bytes", relay.rendered.weight() as u64),
                ("answers_2xx", read(ok)),
                ("answers_3xx", read(same)),
                ("answers_4xx", read(refused)),
                ("answers_5xx", read(failed)),
                ("refused_waiters", read(&counts.no_place)),
                ("cut_connections", read(&counts.cut)),
                ("tokens", tokens.known() as u64),
                ("tokens_good", read(&tokens.asked.good)),
                ("tokens_refused", read(&tokens.asked.refused)),
                ("tokens_unanswered", read(&tokens.asked.away)),
                ("tokens_not_asked", read(&tokens.asked.too_many)),
                ("nodes", nodes.known() as u64),
                ("nodes_pending", nodes.pending() as u64),
                ("nodes_unrecorded", read(&nodes.counts.unrecorded)),
                ("reports_sent", read(&nodes.counts.sent)),
                ("reports_failed", read(&nodes.counts.failed)),
            ]),
        }
    }
}

fn part(followed: &Followed) -> PartStatus {
    let view = followed.view();
    let scope = &followed.part.scope;
    PartStatus {
        tenant: followed.part.tenant.clone(),
        service: scope.service.as_ref().map(ToString::to_string),
        env: scope.env.as_ref().map(ToString::to_string),
        state: view.state.as_str(),
        tag: view.tag().cloned(),
        age_seconds: view.age(Timestamp::now()).map(|age| age.as_secs_f64()),
        waiters: followed.shown.receiver_count(),
        faults: Faults::of_all(&view.faults),
        problem: view.problem,
    }
}

/// Answers `/status`, `/metrics` and `/ready` until it is dropped.
pub async fn serve(listener: TcpListener, relay: Arc<Relay>) -> Infallible {
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let relay = Arc::clone(&relay);
        let service = service_fn(move |request| {
            let answer = respond(&request, &relay);
            async { Ok::<_, Infallible>(answer) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(false)
            .serve_connection(TokioIo::new(connection), service);
        // A caller that goes away, or is too slow, harms only itself.
        tokio::spawn(async move { timeout(LIMIT, serving).await });
    }
}

fn respond(request: &Request<Incoming>, relay: &Relay) -> Response<Full<Bytes>> {
    if !is_local(request.headers().get(HOST)) {
        let why = "the Host header must be a loopback address or localhost\n";
        return plain(StatusCode::MISDIRECTED_REQUEST, why);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    match request.uri().path() {
        "/status" => match serde_json::to_vec(&Status::of(relay)) {
            Ok(json) => content("application/json", json),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        },
        "/metrics" => content(
            "text/plain; version=0.0.4",
            metrics::text(&Status::of(relay)),
        ),
        "/ready" => plain(StatusCode::OK, "ready\n"),
        _ => plain(StatusCode::NOT_FOUND, "no such path\n"),
    }
}
