//! The context of a request: its trace, its caller and its preconditions.

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
    etag::{Condition, condition, seen},
    extract::Fields,
    headers::{IDEMPOTENCY_KEY, MAX_IDEMPOTENCY_KEY, MAX_REASON, MIN_REVISION, REASON},
    permission::caller_of,
    problem::{Code, Problem},
    request::{ClientAddress, RequestId},
};
use crate::{
    auth::Caller,
    domain::{
        Invalid,
        command::{Command, CommandContext, IfMatch, Op, Precondition},
        etag::{Seen, version_tag},
        ids::TenantName,
        plain_text,
        tag::VersionTag,
    },
    service::{Freshness, access::keys::Requester, batch::Request, write::requests},
    telemetry,
};

/// The parts of a write besides its path and body: the caller, the reason and the preconditions.
#[derive(Debug, Clone)]
pub struct WriteContext {
    caller: Caller,
    request_id: String,
    reason: Option<String>,
    source_ip: Option<String>,
    idempotency_key: Option<String>,
    precondition: Precondition,
    /// The weak tags of `If-Match`, which only operations on a tenant as a whole accept.
    weak_tags: Vec<VersionTag>,
    confirm_in_use: bool,
    body_bytes: u32,
}

impl WriteContext {
    /// Sets the size of the request's body, in bytes.
    #[must_use]
    pub fn sized(mut self, bytes: usize) -> Self {
        self.body_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// Sets whether the caller has confirmed that a version may go out of service although a policy
    /// sends traffic to it.
    #[must_use]
    pub fn confirming(mut self, in_use: bool) -> Self {
        self.confirm_in_use = in_use;
        self
    }

    /// Returns the caller of the request.
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

    /// Returns the caller with the address and the request id, for operations that are not commands
    /// on a tenant.
    pub fn by(&self) -> Requester {
        Requester {
            caller: self.caller.clone(),
            source_ip: self.source_ip.clone(),
            request_id: self.request_id.clone(),
        }
    }

    /// Returns the request that does `op` on `tenant` in this context, with a new event id and the
    /// current time. Every command is built here, so this is the place that refuses a body that
    /// names another customer's tenant. The answer is the same as for a tenant that does not exist.
    pub fn request(self, tenant: TenantName, op: Op) -> Result<Request, Problem> {
        if !self.caller.reaches(&tenant) {
            return Err(Problem::other_tenant(tenant));
        }
        let trace = telemetry::current_trace();
        let (trace_id, traceparent) = trace
            .map(|trace| (trace.trace_id, trace.traceparent))
            .unzip();
        let context = CommandContext {
            event_id: Uuid::now_v7(),
            new_epoch: requests::random_epoch(),
            now: Timestamp::now().into(),
            may_create_tenant: self.caller.may_manage_tenants(),
            resource_scope: self.caller.grant.resource_scope().clone(),
            actor: Arc::unwrap_or_clone(self.caller.actor),
            reason: self.reason,
            request_id: self.request_id,
            trace_id,
            source_ip: self.source_ip,
            body_bytes: self.body_bytes,
        };
        let mut precondition = self.precondition;
        // RFC 9110 §13.1.1 requires a strong comparison. A compressed snapshot has the tenant's tag
        // as a weak tag (decision 17), but that tag still names the same revision, so operations on
        // the tenant accept it. Routes and policies are sent with strong tags only.
        if let (Some(IfMatch::Tags(tags)), true) =
            (&mut precondition.if_match, op.is_of_the_tenant())
        {
            tags.extend(self.weak_tags);
        }
        let command = Command {
            tenant,
            op,
            precondition,
            confirm_in_use: self.confirm_in_use,
        };
        Ok(Request {
            command,
            context,
            idempotency_key: self.idempotency_key,
            traceparent,
        })
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
        let precondition = Precondition {
            if_match,
            must_not_exist,
        };
        Ok(Self {
            caller,
            request_id: request
                .extensions()
                .get::<RequestId>()
                .map(|id| id.0.clone())
                .unwrap_or_default(),
            reason,
            source_ip: request
                .extensions()
                .get::<ClientAddress>()
                .map(|address| address.0.to_string()),
            idempotency_key,
            precondition,
            weak_tags,
            confirm_in_use: false,
            body_bytes: 0,
        })
    }
}

impl FromRequest for WriteContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(request).and_then(|caller| Self::of(request, caller)))
    }
}

/// The headers of a read that say how new the answer must be.
#[derive(Debug, Clone)]
pub struct ReadContext {
    /// The minimum revision of the header `TM-Min-Revision`. The query may give another one,
    /// `?min_revision=`.
    minimum: Option<VersionTag>,
    /// The tags of `If-None-Match`: the versions that the client has.
    seen: Seen,
}

impl ReadContext {
    /// Returns the freshness with the newer of the header's minimum and the query's. Fails if the
    /// two are of different epochs, because no answer can reach both.
    pub fn freshness(self, parameter: Option<&str>) -> Result<Freshness, Problem> {
        let parameter = parameter
            .map(|raw| version_tag(raw).map_err(|invalid| Problem::field("?min_revision", invalid)))
            .transpose()?;
        let minimum = match (self.minimum, parameter) {
            (Some(header), Some(parameter)) if header.epoch != parameter.epoch => {
                return Err(Problem::new(
                    Code::RevisionNotReached,
                    "the two minimum revisions have different epochs",
                ));
            }
            (Some(header), Some(parameter)) if header.covers(&parameter) => Some(header),
            (Some(_), Some(parameter)) | (None, Some(parameter)) => Some(parameter),
            (header, None) => header,
        };
        Ok(Freshness {
            minimum,
            seen: self.seen,
        })
    }
}

impl FromRequest for ReadContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let raw = request
            .headers()
            .get(MIN_REVISION)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let minimum = raw
            .map(|raw| {
                version_tag(&raw).map_err(|invalid| Problem::field("TM-Min-Revision:", invalid))
            })
            .transpose();
        ready(minimum.map(|minimum| Self {
            minimum,
            seen: seen(request.headers()),
        }))
    }
}

/// Reads `If-Match`. The weak tags are returned separately.
fn if_match(headers: &HeaderMap) -> Result<(Option<IfMatch>, Vec<VersionTag>), Problem> {
    let malformed = |invalid: Invalid| Problem::new(Code::MalformedRequest, invalid.detail);
    Ok(
        match condition(headers, &header::IF_MATCH).map_err(malformed)? {
            None => (None, Vec::new()),
            Some(Condition::Any) => (Some(IfMatch::Any), Vec::new()),
            Some(Condition::Tags { strong, weak }) => (Some(IfMatch::Tags(strong)), weak),
        },
    )
}

fn must_not_exist(headers: &HeaderMap) -> Result<bool, Invalid> {
    match condition(headers, &header::IF_NONE_MATCH) {
        Ok(None) => Ok(false),
        Ok(Some(Condition::Any)) => Ok(true),
        Ok(Some(Condition::Tags { .. })) | Err(_) => Err(Invalid::new(
            "only_star",
            "a write accepts only If-None-Match: *",
        )),
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

/// Reads a header as text: UTF-8, at most `max` bytes, no control or invisible characters. An empty
/// header counts as absent.
fn text_header(
    headers: &HeaderMap,
    name: &HeaderName,
    max: usize,
) -> Result<Option<String>, Invalid> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Invalid::new("not_utf8", format!("{name} must be UTF-8")))?;
    plain_text(text, max, name.as_str())?;
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// Checks a reason that the body must have. A reason of white space only counts as missing.
pub fn required_reason(raw: Option<String>) -> Result<String, Problem> {
    let mut fields = Fields::default();
    let reason = match raw.filter(|raw| !raw.trim().is_empty()) {
        None => fields.check("/reason", Err(Invalid::new("required", "is required"))),
        Some(raw) => fields.check(
            "/reason",
            plain_text(&raw, MAX_REASON, "reason").map(|()| raw),
        ),
    };
    fields.finish(reason)
}
