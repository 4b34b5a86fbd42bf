//! What nodes are answered: the read paths of the control plane, from what the relay has verified.

mod asked;
mod dataplane;
mod io;
mod polls;
mod reply;
mod stream;
mod tls;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use traffic_manager_api_types::Code;
use traffic_manager_client::Scope;
use traffic_manager_core::{
    ids::TenantName,
    ledger::{
        NodeKey, Sighting,
        words::{Condition, NodeWords},
    },
    tag::VersionTag,
};

pub use self::{dataplane::PublicKeys, tls::Certificate};
use self::{
    io::Unstalled,
    reply::{Reply, Tagged, content, empty, refusal},
};
use super::{
    Relay,
    edition::Edition,
    followed::{Followed, NotFollowed, Part},
    nodes::{Nodes, Presence, Reports},
    places::Place,
    tokens::{Caller, Denied},
};
use crate::http::{problem::Problem, query::Query};

/// The longest time until the head of a request is there, also between two requests.
const HEAD: Duration = Duration::from_secs(30);
/// The longest time until a connection is encrypted.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The most bytes of a request's head.
const MOST_HEAD: usize = 16 << 10;
/// The pause after a connection could not be accepted, such as for too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest wait for the first state of a part, and for a state that the caller has seen elsewhere.
const FIRST: Duration = Duration::from_secs(5);
const NEWER: Duration = Duration::from_secs(1);
/// The most bytes of reports from another relay, and the longest time until they are there.
const MOST_REPORTS: usize = 4 << 20;
const REPORTS: Duration = Duration::from_secs(30);

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that are open.
    pub connections: AtomicU64,
    /// Answers by their status: 2xx, 3xx, 4xx, 5xx.
    pub answers: [AtomicU64; 4],
    /// Long polls and streams that found no place.
    pub no_place: AtomicU64,
    /// Connections that ended with an error, such as readers that were cut off.
    pub cut: AtomicU64,
}

/// Serves nodes until it is dropped.
pub async fn serve(
    listener: TcpListener,
    relay: Arc<Relay>,
    certificate: Option<Certificate>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(relay.config.relay.max_connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            sleep(PAUSE).await;
            continue;
        };
        match listener.accept().await {
            Ok((connection, _)) => {
                let (relay, certificate) = (Arc::clone(&relay), certificate.clone());
                tokio::spawn(async move {
                    let _place = place;
                    accepted(connection, relay, certificate).await;
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn accepted(connection: TcpStream, relay: Arc<Relay>, certificate: Option<Certificate>) {
    // Small events must not wait for more bytes. A connection that cannot be set so works, too.
    let _ = connection.set_nodelay(true);
    let count = Arc::clone(&relay);
    count.counts.connections.fetch_add(1, Ordering::Relaxed);
    match certificate {
        None => served(connection, relay).await,
        Some(certificate) => {
            let secured = timeout(HANDSHAKE, certificate.acceptor().accept(connection)).await;
            if let Ok(Ok(secured)) = secured {
                served(secured, relay).await;
            }
        }
    }
    count.counts.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn served<T: AsyncRead + AsyncWrite + Unpin + Send>(connection: T, relay: Arc<Relay>) {
    let connection = Unstalled::new(connection, relay.config.relay.write_stall);
    let counts = Arc::clone(&relay);
    let service = service_fn(move |request| {
        let relay = Arc::clone(&relay);
        // Boxed, since a connection keeps the room of the largest answer, and most wait in small ones.
        Box::pin(async move { Ok::<_, Infallible>(respond(&relay, request).await) })
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(connection), service);
    // A caller that goes away, or is too slow, harms only itself.
    if serving.await.is_err() {
        counts.counts.cut.fetch_add(1, Ordering::Relaxed);
    }
}

async fn respond(relay: &Arc<Relay>, request: Request<Incoming>) -> Reply {
    let reply = answer(relay, request).await.unwrap_or_else(refusal);
    let class = usize::from(reply.status().as_u16() / 100).clamp(2, 5) - 2;
    relay.counts.answers[class].fetch_add(1, Ordering::Relaxed);
    reply
}

async fn answer(relay: &Arc<Relay>, request: Request<Incoming>) -> Result<Reply, Problem> {
    let (head, body) = request.into_parts();
    let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
    if matches!(path[..], ["health", "live" | "ready"]) {
        return Ok(content("text/plain; charset=utf-8", "ok\n"));
    }
    let authorization = head.headers.get(AUTHORIZATION);
    let caller = relay.tokens.check(&relay.upstream, authorization).await;
    let ask = Ask {
        relay,
        headers: &head.headers,
        authorization,
        caller: caller.map_err(denied)?,
    };
    if !ask.caller.has_role() {
        let why = "the key has no role";
        return Err(Problem::new(Code::Forbidden, why));
    }
    let ["api", "v1", path @ ..] = path.as_slice() else {
        return Err(no_path());
    };
    let is_read = head.method == Method::GET || head.method == Method::HEAD;
    match path {
        ["tenants", tenant, "nodes"] if head.method == Method::POST => {
            return reports(&ask, tenant, body).await;
        }
        _ if !is_read => {
            let why = "a relay answers reads, and takes reports of relays";
            return Err(Problem::new(Code::MethodNotAllowed, why));
        }
        _ => {}
    }
    let query = Query::read(head.uri.query().unwrap_or_default())?;
    match path {
        ["tenants", tenant, "snapshot"] => polls::snapshot(&ask, tenant, query).await,
        ["tenants", tenant, "changes"] => polls::changes(&ask, tenant, query).await,
        ["tenants", tenant, "stream"] => stream::stream(&ask, tenant, query).await,
        ["routes", "resolve"] => polls::resolve(&ask, query).await,
        ["dataplane", "keys"] => dataplane::keys(&ask, query).await,
        ["dataplane", dialect] => dataplane::document(&ask, dialect, query).await,
        ["self"] => {
            query.finish()?;
            Ok(content("application/json", ask.caller.body.clone()))
        }
        _ => Err(no_path()),
    }
}

fn no_path() -> Problem {
    let why = "a relay has the read paths of nodes alone";
    Problem::new(Code::NotFound, why)
}

fn denied(denied: Denied) -> Problem {
    let (code, why) = match denied {
        Denied::Refused => (
            Code::Unauthenticated,
            "the credentials are not valid, or no longer valid",
        ),
        Denied::Away => (
            Code::Unavailable,
            "the control plane cannot be asked about this key",
        ),
        Denied::TooMany => (
            Code::Overloaded,
            "too many keys that the relay does not know yet",
        ),
    };
    Problem::new(code, why)
}

/// Takes the reports of another relay, which go on upwards with the own ones.
async fn reports(ask: &Ask<'_>, tenant: &str, body: Incoming) -> Result<Reply, Problem> {
    let tenant = ask.tenant(tenant)?;
    if !ask.caller.may_have(&Scope::default()) {
        let why = "reports are of all parts of a tenant";
        return Err(Problem::new(Code::OutsideGrant, why));
    }
    let too_large = |_| {
        let why = format!("more than {MOST_REPORTS} bytes, or not all of them in time");
        Problem::new(Code::PayloadTooLarge, why)
    };
    let body = timeout(REPORTS, Limited::new(body, MOST_REPORTS).collect()).await;
    let body = body.map_err(|_| too_large(()))?;
    let body = body.map_err(|_| too_large(()))?.to_bytes();
    let reports: Reports = serde_json::from_slice(&body)
        .map_err(|why| Problem::new(Code::InvalidRequest, why.to_string()))?;
    for report in reports.reports {
        ask.relay.nodes.told(&tenant, report);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// A request, and whose it is.
#[derive(Debug)]
pub struct Ask<'a> {
    relay: &'a Arc<Relay>,
    headers: &'a HeaderMap,
    authorization: Option<&'a HeaderValue>,
    caller: Arc<Caller>,
}

impl Ask<'_> {
    /// A tenant of the caller. One of others does not exist for it.
    fn tenant(&self, name: &str) -> Result<TenantName, Problem> {
        let tenant: Result<TenantName, _> = name.parse();
        let known = tenant
            .ok()
            .filter(|it| self.caller.knows(it) && self.relay.followed.serves(it));
        known.ok_or_else(|| Problem::new(Code::TenantNotFound, "tenant does not exist"))
    }

    /// The part of a tenant that a query names, if the caller may have it.
    fn part(&self, tenant: &str, query: &mut Query) -> Result<Part, Problem> {
        let scope = Scope {
            service: query.optional("service")?,
            env: query.optional("env")?,
        };
        let tenant = self.tenant(tenant)?;
        if !self.caller.may_have(&scope) {
            let why = "the key is for some services or environments: name one of them";
            return Err(Problem::new(Code::OutsideGrant, why));
        }
        Ok(Part { tenant, scope })
    }

    /// What the request says about its node.
    fn node(&self, part: &Part, condition: Condition<'_>) -> Result<NodePoll, Problem> {
        let node = asked::node(self.headers, condition)?;
        let key = node.as_ref().map(|words| NodeKey {
            node: words.name.clone(),
            scope: part.scope.clone(),
        });
        Ok(NodePoll {
            nodes: Arc::clone(&self.relay.nodes),
            tenant: part.tenant.clone(),
            key,
            words: node,
        })
    }

    /// Returns a part and its newest state. One that is new to the relay is waited for.
    async fn held(&self, part: &Part) -> Result<(Arc<Followed>, Arc<Edition>), Problem> {
        let followed = self
            .relay
            .followed
            .get(part)
            .await
            .map_err(|why| match why {
                NotFollowed::TooMany => {
                    let why = "the relay follows as many parts of tenants as it may";
                    Problem::new(Code::Overloaded, why)
                }
                NotFollowed::Failed(error) => {
                    tracing::warn!(tenant = %part.tenant, "cannot be followed: {error:#}");
                    Problem::new(Code::Unavailable, "the relay cannot follow this tenant")
                }
            })?;
        let mut shown = followed.shown.subscribe();
        let first = shown.wait_for(|shown| shown.edition.is_some() || shown.is_gone);
        let first = timeout(FIRST, first).await;
        let first = first.ok().and_then(Result::ok).map(|it| it.clone());
        let edition = match first {
            Some(shown) if shown.is_gone => {
                let why = "tenant does not exist";
                return Err(Problem::new(Code::TenantNotFound, why));
            }
            Some(shown) => shown.edition,
            None => None,
        };
        let nothing = || {
            let why = "the relay has no state of the tenant yet";
            Problem::new(Code::Unavailable, why)
        };
        let edition = edition.ok_or_else(nothing)?;
        drop(shown);
        Ok((followed, edition))
    }

    /// Returns a state that is not older than any of these tags. A newer one is waited for a little: the caller may have
    /// been at another relay, or have it from a write.
    async fn at_least(
        &self,
        followed: &Arc<Followed>,
        edition: Arc<Edition>,
        tags: &[VersionTag],
    ) -> Result<Arc<Edition>, Problem> {
        if followed.has_reached(&edition, tags) {
            return Ok(edition);
        }
        let mut shown = followed.shown.subscribe();
        let reached = |shown: &super::followed::Shown| {
            let edition = shown.edition.as_ref();
            edition.is_some_and(|edition| followed.has_reached(edition, tags))
        };
        let newer = timeout(NEWER, shown.wait_for(reached)).await;
        let newer = newer
            .ok()
            .and_then(Result::ok)
            .and_then(|it| it.edition.clone());
        newer.ok_or_else(|| {
            let why = format!("the relay has reached {}", edition.place());
            Problem::new(Code::RevisionNotReached, why)
        })
    }

    /// Takes a place of a waiter.
    fn place(&self, part: &Part) -> Result<Place, Problem> {
        self.relay.places.take(&part.tenant).map_err(|limit| {
            self.relay.counts.no_place.fetch_add(1, Ordering::Relaxed);
            let why = format!("too many long-polls and streams are waiting, limit {limit}");
            Problem::new(Code::TooManyWaiters, why)
        })
    }

    fn tagged<'t>(&self, tag: &'t VersionTag, followed: &Followed) -> Tagged<'t> {
        Tagged {
            tag,
            takes_gzip: reply::takes_gzip(self.headers),
            stale_seconds: followed.stale_seconds(),
            preference: None,
        }
    }
}

/// A poll, and the node that sends it, if it says so.
#[derive(Debug)]
pub struct NodePoll {
    nodes: Arc<Nodes>,
    tenant: TenantName,
    key: Option<NodeKey>,
    words: Option<NodeWords>,
}

impl NodePoll {
    /// Notes what the node says, and that it waits here until the result is dropped.
    fn waits(&mut self) -> Option<Presence> {
        self.tell(None);
        self.nodes.waits(&self.tenant, self.key.as_ref()?)
    }

    /// Notes that the node was answered with this tag, and what it said, unless that was noted before.
    fn served(&mut self, tag: &VersionTag) {
        self.tell(Some(tag.clone()));
    }

    fn tell(&mut self, served: Option<VersionTag>) {
        let Some(key) = &self.key else {
            return;
        };
        let sighting = match self.words.take() {
            Some(words) => words.sighting(0, served),
            // What it said at first may be outdated by now.
            None => Sighting::silent(0, served),
        };
        self.nodes.saw(&self.tenant, key, sighting);
    }
}
