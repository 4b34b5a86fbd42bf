//! What surrounds a request: its id, its trace, its caller, its conditions.

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap, HeaderName},
};
use futures_util::future::{Ready, ready};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    extract::Fields,
    gate::ClientAddress,
    headers::{Condition, condition, seen, version_tag},
    problem::{Code, Problem},
};
use crate::{
    auth::Caller,
    domain::{
        Invalid,
        command::{Command, Facts, IfMatch, Op, Precondition},
        ids::TenantName,
        plain_text,
        tag::VersionTag,
    },
    service::{
        Freshness, Seen,
        batch::{self, Request},
        keys::By,
    },
    telemetry,
};

/// `X-Correlation-ID`
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// `X-Reason`
pub const REASON: HeaderName = HeaderName::from_static("x-reason");
/// `Idempotency-Key`
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `Idempotency-Replayed`
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// `TM-Unchanged`
pub const UNCHANGED: HeaderName = HeaderName::from_static("tm-unchanged");
/// `TM-Min-Revision`
pub const MIN_REVISION: HeaderName = HeaderName::from_static("tm-min-revision");
/// `Last-Event-ID`
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// `TM-Stale`
pub const STALE: HeaderName = HeaderName::from_static("tm-stale");

/// The longest `X-Reason`, in bytes.
pub const MAX_REASON: usize = 512;
/// The longest `Idempotency-Key`, in bytes.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;

/// The id of a request, put into its extensions by the middleware.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// `X-Correlation-ID` if it is 1 to 128 visible ASCII characters, else a new `UUIDv7`.
    pub fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(CORRELATION_ID).and_then(|value| value.to_str().ok());
        let usable = sent.filter(|id| !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic()));
        Self(usable.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }
}

/// What a write takes beside its path and body: who asks, why, under which conditions.
#[derive(Debug, Clone)]
pub struct WriteContext {
    caller: Caller,
    request_id: String,
    reason: Option<String>,
    source_ip: Option<String>,
    idempotency_key: Option<String>,
    precondition: Precondition,
    /// Weak tags of `If-Match`.
    weak_tags: Vec<VersionTag>,
    confirm_in_use: bool,
    body_bytes: u32,
}

impl WriteContext {
    /// With a body of that size.
    #[must_use]
    pub fn sized(mut self, bytes: usize) -> Self {
        self.body_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// With what the caller confirmed: that a policy sends traffic to what is removed.
    #[must_use]
    pub fn confirming(mut self, in_use: bool) -> Self {
        self.confirm_in_use = in_use;
        self
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// `Idempotency-Key`
    pub fn idempotency_key(&self) -> Option<String> {
        self.idempotency_key.clone()
    }

    /// `X-Reason`
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Who asks, for what is no change of a tenant.
    pub fn by(&self) -> By {
        By { caller: self.caller.clone(), source_ip: self.source_ip.clone(), request_id: self.request_id.clone() }
    }

    /// The request that does `op` on `tenant` in this context, with a new event id and the clock's time. Every write is made here, so
    /// here a body that names another's tenant is refused, as one that does not exist.
    pub fn request(self, tenant: TenantName, op: Op) -> Result<Request, Problem> {
        if !self.caller.reaches(&tenant) {
            return Err(Problem::other_tenant(tenant));
        }
        let trace = telemetry::current_trace();
        let (trace_id, traceparent) = trace.map(|trace| (trace.trace_id, trace.traceparent)).unzip();
        let facts = Facts {
            event_id: Uuid::now_v7(),
            new_epoch: batch::random_epoch(),
            now: Timestamp::now().into(),
            may_create_tenant: self.caller.may_manage_tenants(),
            narrowing: self.caller.grant.narrowing().clone(),
            actor: Arc::unwrap_or_clone(self.caller.actor),
            reason: self.reason,
            request_id: self.request_id,
            trace_id,
            source_ip: self.source_ip,
            body_bytes: self.body_bytes,
        };
        let mut precondition = self.precondition;
        // RFC 9110 §13.1.1 compares strongly. The tag of a tenant's state is weak where it came with a coded snapshot (decision 17), and is one of
        // that revision all the same; a route or a policy is sent with a strong tag only.
        if let (Some(IfMatch::Tags(tags)), true) = (&mut precondition.if_match, op.is_of_the_tenant()) {
            tags.extend(self.weak_tags);
        }
        let command = Command { tenant, op, precondition, confirm_in_use: self.confirm_in_use };
        Ok(Request { command, facts, idempotency_key: self.idempotency_key, traceparent })
    }

    fn of(request: &HttpRequest, caller: Caller) -> Result<Self, Problem> {
        let headers = request.headers();
        let mut fields = Fields::default();
        let reason = fields.check("X-Reason:", text_header(headers, &REASON, MAX_REASON));
        let key = fields.check("Idempotency-Key:", idempotency_key(headers));
        let must_not_exist = fields.check("If-None-Match:", must_not_exist(headers));
        let values = reason.zip(key).zip(must_not_exist);
        let ((reason, idempotency_key), must_not_exist) = fields.finish(values)?;
        let (if_match, weak_tags) = if_match(headers)?;
        let precondition = Precondition { if_match, must_not_exist };
        Ok(Self {
            caller,
            request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            reason,
            source_ip: request.extensions().get::<ClientAddress>().map(|address| address.0.to_string()),
            idempotency_key,
            precondition,
            weak_tags,
            confirm_in_use: false,
            body_bytes: 0,
        })
    }
}

/// Every handler takes its caller, so that it cannot be reached without one. The gate has put it there.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let none = || Problem::new(Code::Unauthenticated, "nobody is known to have sent this");
        ready(request.extensions().get::<Self>().cloned().ok_or_else(none))
    }
}

impl FromRequest for WriteContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload).into_inner();
        ready(caller.and_then(|caller| Self::of(request, caller)))
    }
}

/// What a read takes: how new the answer must be.
#[derive(Debug, Clone)]
pub struct ReadContext {
    /// From `TM-Min-Revision`; `?min_revision=` is the query's part.
    minimum: Option<VersionTag>,
    /// From `If-None-Match`.
    seen: Seen,
}

impl ReadContext {
    /// With the newer of the header's and the query's minimum; two of different epochs cannot both be reached.
    pub fn freshness(self, parameter: Option<&str>) -> Result<Freshness, Problem> {
        let parameter =
            parameter.map(|raw| version_tag(raw).map_err(|invalid| Problem::field("?min_revision", invalid))).transpose()?;
        let minimum = match (self.minimum, parameter) {
            (Some(header), Some(parameter)) if header.epoch != parameter.epoch => {
                return Err(Problem::new(Code::RevisionNotReached, "the two minimum revisions are of different histories"));
            }
            (Some(header), Some(parameter)) if header.covers(&parameter) => Some(header),
            (Some(_), Some(parameter)) | (None, Some(parameter)) => Some(parameter),
            (header, None) => header,
        };
        Ok(Freshness { minimum, seen: self.seen })
    }
}

impl FromRequest for ReadContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let raw = request.headers().get(MIN_REVISION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let minimum = raw.map(|raw| version_tag(&raw).map_err(|invalid| Problem::field("TM-Min-Revision:", invalid))).transpose();
        ready(minimum.map(|minimum| Self { minimum, seen: seen(request.headers()) }))
    }
}

/// `If-Match`, and the weak tags in it.
fn if_match(headers: &HeaderMap) -> Result<(Option<IfMatch>, Vec<VersionTag>), Problem> {
    let malformed = |invalid: Invalid| Problem::new(Code::MalformedRequest, invalid.detail);
    Ok(match condition(headers, &header::IF_MATCH).map_err(malformed)? {
        None => (None, Vec::new()),
        Some(Condition::Any) => (Some(IfMatch::Any), Vec::new()),
        Some(Condition::Tags { strong, weak }) => (Some(IfMatch::Tags(strong)), weak),
    })
}

fn must_not_exist(headers: &HeaderMap) -> Result<bool, Invalid> {
    match condition(headers, &header::IF_NONE_MATCH) {
        Ok(None) => Ok(false),
        Ok(Some(Condition::Any)) => Ok(true),
        Ok(Some(Condition::Tags { .. })) | Err(_) => Err(Invalid::new("only_star", "a write takes If-None-Match: * only")),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Invalid> {
    let Some(key) = text_header(headers, &IDEMPOTENCY_KEY, MAX_IDEMPOTENCY_KEY)? else {
        return if headers.contains_key(IDEMPOTENCY_KEY) {
            Err(Invalid::new("empty", "Idempotency-Key may not be empty"))
        } else {
            Ok(None)
        };
    };
    Ok(Some(key))
}

/// A header as text: UTF-8, at most `max` bytes, no control or invisible characters. Empty counts as absent.
fn text_header(headers: &HeaderMap, name: &HeaderName, max: usize) -> Result<Option<String>, Invalid> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Invalid::new("not_utf8", format!("{name} must be UTF-8")))?;
    plain_text(text, max, name.as_str())?;
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}
