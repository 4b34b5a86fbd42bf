//! The fast path: answers the polls that proxies repeat, before anything else looks at the request.
//!
//! Only a plain request whose answer is in memory is answered here: `resolve` of a held and active
//! route, and a `snapshot` that has not changed or whose body is kept. Every other request takes
//! the ordinary path, and so does every error. The ordinary path would give each answer of the fast
//! path with the same bytes. The gate admits only callers that are known already. Apart from the
//! limits, the fast path writes to no memory that other threads use, because such a write costs more
//! than the answer.

mod service;

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    web,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{
    authority::Answered,
    compression, edge,
    endpoint::{Endpoint, Template},
    endpoints::{self, EndpointMatch},
    etag::seen,
    gate::{self, Gate, certified},
    headers::{CORRELATION_ID, MIN_REVISION, NODE, PREFER},
    limits::RateLimitState,
    node::{Condition, NodeHeaders},
    polling::SNAPSHOT,
    request::RequestId,
    resolve::{self, RESOLVE},
    waiting,
};
use crate::{
    auth::certificate,
    domain::{ledger::NodeKey, snapshot::Scope},
    health::Health,
    service::{
        nodes::{Buffer, Nodes},
        read::polls::{Polled, Polls},
    },
    telemetry::{self, names},
};

/// The interval of timed answers: one in this many is timed.
const TIMED: u64 = 16;

/// The number of answers of one endpoint since the last [`Tallies::add_up`].
#[derive(Default)]
struct Answers {
    ok: AtomicU64,
    not_modified: AtomicU64,
}

/// The counts of one worker. They are aligned so that the counts of two workers never share a cache
/// line.
#[derive(Default)]
#[repr(align(128))]
struct Tally {
    resolve: Answers,
    snapshot: Answers,
}

/// The counts of all workers.
#[derive(Default)]
pub struct Tallies(Mutex<Vec<Arc<Tally>>>);

impl Tallies {
    fn join(&self) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        self.0.lock().push(tally.clone());
        tally
    }

    /// Adds the answers since the last call to the metrics.
    pub fn add_up(&self) {
        for tally in self.0.lock().iter() {
            for (endpoint, answers) in [(RESOLVE, &tally.resolve), (SNAPSHOT, &tally.snapshot)] {
                for (status, answered) in [("2xx", &answers.ok), ("3xx", &answers.not_modified)] {
                    let answered = answered.swap(0, Ordering::Relaxed);
                    metrics::counter!(names::HTTP_REQUESTS, "method" => "GET", "endpoint" => endpoint, "status" => status)
                        .increment(answered);
                    metrics::counter!(names::CACHE_READS, "result" => "hit").increment(answered);
                }
            }
        }
    }
}

/// An endpoint that the fast path answers, looked up once.
struct Fast {
    endpoint: Option<&'static Endpoint>,
    seconds: metrics::Histogram,
}

impl Fast {
    fn of(path: &'static str) -> Self {
        let endpoint = match endpoints::find("GET", path) {
            EndpointMatch::Endpoint(endpoint) => Some(endpoint),
            EndpointMatch::OtherMethods | EndpointMatch::Unlisted => None,
        };
        Self {
            endpoint,
            seconds: metrics::histogram!(names::HTTP_SECONDS, "endpoint" => path),
        }
    }
}

/// The fast path of one worker: the outermost middleware.
#[derive(Clone)]
pub struct FastPath(Rc<Worker>);

/// The parts of one worker's fast path.
struct Worker {
    polls: Arc<Polls>,
    nodes: Arc<Nodes>,
    seen: Arc<Buffer>,
    gate: Arc<Gate>,
    tally: Arc<Tally>,
    resolve: Fast,
    snapshot: Fast,
    of_snapshots: Template,
    health: web::Data<Health>,
    hosts: Answered,
    head: edge::Limits,
    /// The last correlation id, and how many follow it already.
    ids: Cell<(Uuid, u64)>,
}

/// Returns whether the fast path need not look at a header, or knows it.
fn is_plain_header((name, value): (&HeaderName, &HeaderValue)) -> bool {
    if name == TRACEPARENT {
        return !telemetry::is_sampled(Some(value.as_bytes()));
    }
    !NOT_PLAIN.contains(name)
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Headers of requests that the ordinary path answers.
const NOT_PLAIN: [HeaderName; 6] = [
    header::COOKIE,
    MIN_REVISION,
    PREFER,
    header::ORIGIN,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
];

impl FastPath {
    /// Creates the fast path, which answers from `polls` and counts in `tallies`. Requests that
    /// `hosts` or `head` would refuse take the ordinary path, and so do all once `health` drains.
    pub fn new(
        (polls, nodes): (Arc<Polls>, Arc<Nodes>),
        gate: Arc<Gate>,
        tallies: &Tallies,
        health: web::Data<Health>,
        hosts: Answered,
        head: edge::Limits,
    ) -> Self {
        Self(Rc::new(Worker {
            health,
            hosts,
            head,
            ids: Cell::default(),
            polls,
            seen: nodes.buffer(),
            nodes,
            gate,
            tally: tallies.join(),
            resolve: Fast::of(RESOLVE),
            snapshot: Fast::of(SNAPSHOT),
            of_snapshots: Template::of(SNAPSHOT),
        }))
    }
}

impl Worker {
    /// Returns the answer if the fast path has one; `None` sends the request to the ordinary path.
    ///
    /// It is a function of its own in every build, so that its instructions can be counted
    /// (`make counts`).
    #[inline(never)]
    fn answer(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        if !self.is_plain(request) {
            return None;
        }
        let is_timed = self.tally.answered().is_multiple_of(TIMED);
        let started = is_timed.then(Instant::now);
        let (mut response, rate_limit, answers, fast) = if request.path() == RESOLVE {
            let (response, rate_limit) = self.resolve(request)?;
            (response, rate_limit, &self.tally.resolve, &self.resolve)
        } else {
            let tenant = self.of_snapshots.parameter(request.path())?;
            let (response, rate_limit) = self.snapshot(request, tenant)?;
            (response, rate_limit, &self.tally.snapshot, &self.snapshot)
        };
        let counted = if response.status().is_success() {
            &answers.ok
        } else {
            &answers.not_modified
        };
        // Only this worker adds to the counter, and only `add_up` resets it.
        counted.fetch_add(1, Ordering::Relaxed);
        let headers = response.headers_mut();
        headers.insert(CORRELATION_ID, self.correlation_id(request.headers())?);
        if let Some(rate_limit) = rate_limit {
            rate_limit.write_headers(headers);
        }
        edge::security_headers(headers, request.app_config().secure());
        if let Some(started) = started {
            fast.seconds.record(started.elapsed().as_secs_f64());
        }
        Some(response)
    }

    /// Returns whether nothing about the request's head needs the ordinary path: its checks, the
    /// decoding of its path, its body, CORS, a wait, a trace, or the end of the connection.
    fn is_plain(&self, request: &ServiceRequest) -> bool {
        request.method() == Method::GET
            && !request.path().bytes().any(|byte| byte == b'%')
            && request.headers().iter().all(is_plain_header)
            && !self.health.is_draining()
            && self.hosts.refused(request).is_none()
            && self.head.refused(request).is_none()
    }

    fn resolve(&self, request: &ServiceRequest) -> Option<(HttpResponse, Option<RateLimitState>)> {
        let [tenant, service, env, version] = plain(
            request.query_string(),
            ["tenant", "service", "env", "version"],
        )?;
        let polled = self.polls.resolve_held(
            [tenant?, service?, env?, version?],
            &seen(request.headers()),
        )?;
        let rate_limit = self.gate.admit_at_once(
            request,
            self.resolve.endpoint?,
            &gate::Polled {
                tenant: tenant?,
                service,
                env,
            },
        )?;
        Some((resolve::resolved(&self.polls, polled), rate_limit))
    }

    fn snapshot(
        &self,
        request: &ServiceRequest,
        tenant: &str,
    ) -> Option<(HttpResponse, Option<RateLimitState>)> {
        let query = request.query_string();
        let [service, env] = if query.is_empty() {
            [None; 2]
        } else {
            plain(query, ["service", "env"])?
        };
        // A malformed name is an error, which the ordinary path reports.
        let scope = Scope {
            service: service.map(str::parse).transpose().ok()?,
            env: env.map(str::parse).transpose().ok()?,
        };
        let node = self.node(request)?;
        let coding = compression::accepted(request);
        let (polled, signed) =
            self.polls
                .snapshot_held(tenant, &scope, &seen(request.headers()), coding)?;
        let rate_limit = self.gate.admit_at_once(
            request,
            self.snapshot.endpoint?,
            &gate::Polled {
                tenant,
                service,
                env,
            },
        )?;
        self.saw(node, tenant, scope, &polled);
        let mut response = waiting::polled(&self.polls, polled, coding);
        waiting::sign(&mut response, signed.as_deref());
        Some((response, rate_limit))
    }

    /// Reads what the poll says about its node. `None` for one that the ordinary path has to refuse.
    #[expect(
        clippy::option_option,
        reason = "the outer one is that of the fast path"
    )]
    fn node(&self, request: &ServiceRequest) -> Option<Option<NodeHeaders>> {
        let (headers, certified) = (request.headers(), certified(request.request()));
        let certified = certified.and_then(certificate::node_name);
        if certified.is_none() && !headers.contains_key(NODE) {
            return Some(None);
        }
        NodeHeaders::read(headers, certified, Condition::Runs).ok()
    }

    /// Keeps what the poll says about its node for the ledger.
    fn saw(&self, node: Option<NodeHeaders>, tenant: &str, scope: Scope, polled: &Polled) {
        let (Some(node), Ok(tenant)) = (node, tenant.parse()) else {
            return self.seen.saw_anonymous(tenant);
        };
        let (Polled::Same(served) | Polled::Now(served, _)) = polled;
        let key = NodeKey {
            node: node.name.clone(),
            scope,
        };
        let sighting = node.sighting(self.nodes.now(), Some(served.clone()));
        self.seen.saw(tenant, key, sighting);
    }

    /// Returns the client's id if it is usable, else a `UUIDv7` that follows the last one of this
    /// worker. Every [`TIMED`]th id is new, and the ids after it count on (RFC 9562 §6.2, method 2).
    fn correlation_id(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if headers.contains_key(CORRELATION_ID) {
            return HeaderValue::from_str(&RequestId::of(headers).0).ok();
        }
        let (last, count) = self.ids.get();
        let id = if count == 0 {
            Uuid::now_v7()
        } else {
            Uuid::from_u128(last.as_u128().wrapping_add(1))
        };
        self.ids.set((id, (count + 1) % TIMED));
        let mut text = Uuid::encode_buffer();
        HeaderValue::from_str(id.as_hyphenated().encode_lower(&mut text)).ok()
    }
}

impl Tally {
    fn answered(&self) -> u64 {
        let all = [
            &self.resolve.ok,
            &self.resolve.not_modified,
            &self.snapshot.ok,
            &self.snapshot.not_modified,
        ];
        all.map(|answered| answered.load(Ordering::Relaxed))
            .iter()
            .sum()
    }
}

/// Returns the values of a query that has only these names, each at most once, and needs no
/// decoding; `None` for other queries.
fn plain<'a, const N: usize>(query: &'a str, names: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut values = [None; N];
    let mut rest = query;
    while !rest.is_empty() {
        let equals = rest.bytes().position(|byte| byte == b'=')?;
        let (name, value) = (&rest[..equals], &rest[equals + 1..]);
        let end = value
            .bytes()
            .position(|byte| matches!(byte, b'&' | b'%' | b'+'))
            .unwrap_or(value.len());
        let at = names.iter().position(|known| *known == name)?;
        if values[at].replace(&value[..end]).is_some() {
            return None;
        }
        rest = match value.as_bytes().get(end) {
            None => "",
            Some(b'&') if end + 1 < value.len() => &value[end + 1..],
            Some(_) => return None,
        };
    }
    Some(values)
}
