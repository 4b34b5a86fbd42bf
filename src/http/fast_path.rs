//! The fast path: answers the polls that proxies repeat, before anything else looks at the request.
//!
//! Only a plain request whose answer is in memory is answered here: `resolve` of a held and active
//! route, and a `snapshot` that has not changed. Every other request takes the ordinary path, and
//! so does every error. The ordinary path would give each answer of the fast path with the same
//! bytes. The gate admits only callers that are known already. If no limits are set, the fast path
//! writes to no memory that other threads use, because such a write costs more than the answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{HeaderMap, HeaderValue},
    },
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{
    compression,
    endpoint::{Endpoint, Template},
    endpoints::{self, EndpointMatch},
    etag::seen,
    gate::{Gate, Polled},
    headers::{CORRELATION_ID, MIN_REVISION, PREFER},
    limits::RateLimitState,
    polling::{self, SNAPSHOT},
    request::RequestId,
    resolve::{self, RESOLVE},
};
use crate::{
    service::read::polls::Polls,
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

/// The fast path of one worker.
pub struct FastPath {
    polls: Arc<Polls>,
    gate: Arc<Gate>,
    tally: Arc<Tally>,
    resolve: Fast,
    snapshot: Fast,
    of_snapshots: Template,
}

impl FastPath {
    /// Creates the fast path, which answers from `polls` and counts in `tallies`.
    pub fn new(polls: Arc<Polls>, gate: Arc<Gate>, tallies: &Tallies) -> Self {
        Self {
            polls,
            gate,
            tally: tallies.join(),
            resolve: Fast::of(RESOLVE),
            snapshot: Fast::of(SNAPSHOT),
            of_snapshots: Template::of(SNAPSHOT),
        }
    }

    /// Returns the answer if the fast path has one; `None` sends the request to the ordinary path.
    pub fn answer(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        let is_sampled =
            || telemetry::is_sampled(headers.get("traceparent").map(HeaderValue::as_bytes));
        if request.method() != Method::GET
            || headers.contains_key(MIN_REVISION)
            || headers.contains_key(PREFER)
            || is_sampled()
        {
            return None;
        }
        let is_timed = self.tally.answered().is_multiple_of(TIMED);
        let started = is_timed.then(Instant::now);
        let (mut response, rate_limit, answers, fast) = if request.path() == RESOLVE {
            let (response, rate_limit) = self.resolve(request)?;
            (response, rate_limit, &self.tally.resolve, &self.resolve)
        } else {
            let tenant = self.of_snapshots.parameter(request.path())?;
            let (response, rate_limit) = self.unmoved(request, tenant)?;
            (response, rate_limit, &self.tally.snapshot, &self.snapshot)
        };
        let counted = if response.status().is_success() {
            &answers.ok
        } else {
            &answers.not_modified
        };
        // Only this worker adds to the counter, and only `add_up` resets it.
        counted.fetch_add(1, Ordering::Relaxed);
        response
            .headers_mut()
            .insert(CORRELATION_ID, correlation_id(headers)?);
        if let Some(rate_limit) = rate_limit {
            rate_limit.write_headers(response.headers_mut());
        }
        if let Some(started) = started {
            fast.seconds.record(started.elapsed().as_secs_f64());
        }
        Some(response)
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
            &Polled {
                tenant: tenant?,
                service,
                env,
            },
        )?;
        Some((resolve::resolved(&self.polls, polled), rate_limit))
    }

    fn unmoved(
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
        // An empty name is an error, which the ordinary path reports.
        if service == Some("") || env == Some("") {
            return None;
        }
        let tag = self
            .polls
            .unmoved_held(tenant, service, env, &seen(request.headers()))?;
        let rate_limit = self.gate.admit_at_once(
            request,
            self.snapshot.endpoint?,
            &Polled {
                tenant,
                service,
                env,
            },
        )?;
        Some((
            polling::unmoved(&self.polls, &tag, compression::accepted(request)),
            rate_limit,
        ))
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
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=')?;
        let at = names.iter().position(|known| *known == name)?;
        if value.bytes().any(|b| b == b'%' || b == b'+') || values[at].replace(value).is_some() {
            return None;
        }
    }
    Some(values)
}

/// Returns the client's id if it is usable, else a `UUIDv7` whose random part comes from this
/// thread's own generator.
fn correlation_id(headers: &HeaderMap) -> Option<HeaderValue> {
    if headers.contains_key(CORRELATION_ID) {
        return HeaderValue::from_str(&RequestId::of(headers).0).ok();
    }
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_millis());
    let random: [u8; 16] = fastrand::u128(..).to_ne_bytes();
    let bytes = random.first_chunk::<10>()?;
    let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or(0), bytes)
        .into_uuid();
    let mut text = Uuid::encode_buffer();
    HeaderValue::from_str(id.as_hyphenated().encode_lower(&mut text)).ok()
}
