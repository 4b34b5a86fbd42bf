//! Errors as RFC 9457 problem documents: the one table from error to status, stable code and title.

mod code;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use problem_details::{ProblemDetails, ProblemType};
use serde::Serialize;

pub use self::code::Code;
use super::{context::CORRELATION_ID, middleware::may_log};
use crate::{
    domain::{Invalid, command::Rejection, ids::TenantName, tag::VersionTag},
    service,
};

/// One wrong field. `pointer` is a JSON pointer into the body (RFC 6901), `?name` for a query parameter, `{name}` for a part of the
/// path, or a header's name with a colon after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FieldError {
    /// Where.
    pub pointer: String,
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// What is expected.
    pub detail: String,
}

/// A problem on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    current: Option<VersionTag>,
    /// Members of the document beside those that every problem has.
    members: Box<serde_json::Map<String, serde_json::Value>>,
    retry_after_seconds: u32,
    request_id: Option<Box<str>>,
    /// The tenant of others that was named, for the audit: it is told to nobody.
    other_tenant: Option<Box<TenantName>>,
}

#[derive(Debug, Serialize)]
struct Extension {
    code: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(flatten)]
    members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A problem with a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (errors, members) = Default::default();
        let (detail, retry_after_seconds) = (detail.into(), 1);
        Self { code, detail, errors, current: None, members, retry_after_seconds, request_id: None, other_tenant: None }
    }

    /// The answer to who names a tenant of others: that of one that does not exist.
    pub fn other_tenant(tenant: TenantName) -> Self {
        Self { other_tenant: Some(Box::new(tenant)), ..Rejection::TenantNotFound.into() }
    }

    /// Why its caller may not, and which tenant of others it has named, if that is what this is about.
    pub fn denial(&self) -> Option<(&'static str, Option<&TenantName>)> {
        match self.code {
            Code::OutsideGrant => Some(("outside_grant", None)),
            Code::Forbidden => Some(("forbidden", None)),
            Code::TenantNotFound => self.other_tenant.as_deref().map(|tenant| ("other_tenant", Some(tenant))),
            _ => None,
        }
    }

    /// The same with one more member in the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.members.insert(name.to_owned(), value);
        }
        self
    }

    /// 422 with its fields.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        let detail = format!("not valid: {}", names.join(", "));
        Self { errors, ..Self::new(Code::InvalidRequest, detail) }
    }

    /// 422 with one field.
    pub fn field(pointer: impl Into<String>, invalid: Invalid) -> Self {
        let Invalid { code, detail } = invalid;
        Self::fields(vec![FieldError { pointer: pointer.into(), code, detail }])
    }

    /// The same with the time after which asking again may help.
    #[must_use]
    pub fn with_retry_after(self, retry_after_seconds: u32) -> Self {
        Self { retry_after_seconds, ..self }
    }

    /// The same with the id of the request that it answers.
    #[must_use]
    pub fn with_request_id(mut self, request_id: &str) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// A problem for an error response that is not ours: no such path, no such method, a payload that the framework refused.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(Code::NotFound, "see the API's documentation for its paths"),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(Code::MethodNotAllowed, "see the API's documentation for the path's methods")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Code::PayloadTooLarge, "see http.max_body_bytes"),
            status if status.is_client_error() => Self::new(Code::MalformedRequest, "the request cannot be read"),
            _ => Self::new(Code::Internal, "see the log for this request_id"),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.row().1, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.row().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code, title) = self.code.row();
        let request_id = self.request_id.as_deref().unwrap_or_default().to_owned();
        let mut response = HttpResponse::build(status);
        response.content_type("application/problem+json");
        // Not every error passes the middleware that sets it: the deadline is set in there.
        if let Some(request_id) = &self.request_id {
            response.insert_header((CORRELATION_ID, &**request_id));
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.insert_header((header::RETRY_AFTER, self.retry_after_seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(current) = &self.current {
            response.insert_header((header::ETAG, current.to_etag()));
        }
        let body = ProblemDetails::new()
            .with_status(actix_to_http(status))
            .with_title(title)
            .with_detail(self.detail.clone())
            .with_extensions(Extension { code, request_id, errors: self.errors.clone(), members: (*self.members).clone() });
        match format!("/problems/{code}").parse::<http::Uri>() {
            Ok(uri) => response.json(body.with_type(ProblemType::from(uri))),
            Err(_) => response.json(body),
        }
    }
}

fn actix_to_http(status: StatusCode) -> http::StatusCode {
    http::StatusCode::from_u16(status.as_u16()).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR)
}

impl From<service::Error> for Problem {
    fn from(error: service::Error) -> Self {
        use service::Error as E;
        let detail = error.to_string();
        match error {
            E::Rejected(rejection) => rejection.into(),
            E::RouteInactive => Self::new(Code::RouteInactive, detail),
            E::NoActiveVersion(why) => Self::new(Code::NoActiveVersion, detail).with("explanation", why),
            E::NotInHistory(_) => Self::field("?at", Invalid::new("not_in_history", detail)),
            E::TooManyObjects(_) => Self::field("?service", Invalid::new("too_many", detail)),
            E::TooManyTenants(_) => Self::field("?tenant", Invalid::new("too_many", detail)),
            E::PlanNotFound => Self::new(Code::PlanNotFound, detail),
            E::PlanHashMismatch(_) => Self::new(Code::PlanHashMismatch, detail),
            E::PlanStale(plan) => Self::new(Code::PlanStale, detail).with("plan", plan),
            E::KeyNotFound => Self::new(Code::KeyNotFound, detail),
            E::KeyEnded => Self::new(Code::KeyEnded, detail),
            E::MayNotGive => Self::new(Code::Forbidden, detail),
            E::NoKeys => Self::new(Code::KeysNotInUse, detail),
            E::LetterNotFound => Self::new(Code::DeadLetterNotFound, detail),
            E::LetterDecided(_) => Self::new(Code::DeadLetterDecided, detail),
            E::NotRedrivable(_) => Self::new(Code::NotRedrivable, detail),
            E::ReplayNotFound => Self::new(Code::ReplayNotFound, detail),
            E::ReplayEnded => Self::new(Code::ReplayEnded, detail),
            E::InvalidCursor => Self::new(Code::InvalidCursor, detail),
            E::Unavailable { dependency, cause } => {
                if may_log() {
                    tracing::warn!(dependency.name = dependency, error = ?cause, "a request was refused: a dependency is not available");
                }
                Self::new(Code::Unavailable, format!("{detail}; nothing was changed"))
            }
            E::NotRecorded(cause) => {
                if may_log() {
                    tracing::error!(error = ?cause, "a change was refused: its event cannot be recorded");
                }
                Self::new(Code::Unavailable, format!("{detail}; nothing was changed"))
            }
            E::Unpublished(_) => {
                Self { retry_after_seconds: 5, ..Self::new(Code::AuditBacklog, format!("{detail}; nothing was changed")) }
            }
            E::Overloaded(_) => Self::new(Code::Overloaded, format!("{detail}; nothing was changed")),
            E::TooManyWaiters(_) => Self::new(Code::TooManyWaiters, detail),
            E::TooManyExports => Self::new(Code::TooManyExports, detail),
            E::CommitUnknown => Self::new(
                Code::CommitUnknown,
                "the connection was lost while the write was being committed: it may have been done or not; \
                 a retry with the same Idempotency-Key tells; where none is taken, look at what is there now",
            ),
            E::BehindMinimum { current, .. } => Self { current, ..Self::new(Code::RevisionNotReached, detail) },
            E::Internal(cause) => {
                if may_log() {
                    tracing::error!(error = ?cause, "a request failed");
                }
                Self::new(Code::Internal, "see the log for this request_id")
            }
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::TenantNotFound => Self::new(Code::TenantNotFound, detail),
            Rejection::OutsideGrant { .. } => Self::new(Code::OutsideGrant, detail),
            Rejection::RouteNotFound => Self::new(Code::RouteNotFound, detail),
            Rejection::TenantExists => Self::new(Code::TenantExists, detail),
            Rejection::TenantEnding => Self::new(Code::TenantEnding, detail).with_retry_after(1),
            Rejection::TenantNotEmpty { .. } => Self::new(Code::TenantNotEmpty, detail),
            Rejection::PolicyNotFound => Self::new(Code::PolicyNotFound, detail),
            Rejection::VersionsNotFound { policy, versions } => {
                let error = |(pointer, version): (String, _)| {
                    let detail = format!("there is no version {version} of {policy}");
                    FieldError { pointer, code: "version_not_found", detail }
                };
                Self::fields(versions.into_iter().map(error).collect())
            }
            Rejection::HostTaken { host, prefix } => {
                Self::new(Code::HostTaken, detail).with("host", host).with("path_prefix", prefix)
            }
            Rejection::VersionInUse { policies, may_confirm } => {
                let advice =
                    if may_confirm { "?confirm_in_use=true sends it elsewhere" } else { "and it has nowhere else to go" };
                Self::new(Code::VersionInUse, format!("{detail}: {advice}"))
                    .with("policies", policies)
                    .with("may_confirm", may_confirm)
            }
            Rejection::ShrinkNotConfirmed { active, removed, hash } => Self::new(Code::ShrinkNotConfirmed, detail)
                .with("active_routes", active)
                .with("removed_routes", removed)
                .with("confirm_shrink", hash),
            Rejection::PlanStale => Self::new(Code::PlanStale, detail),
            Rejection::TooManyWrites { limit, retry_after_ms } => {
                let retry_after_seconds = u32::try_from(retry_after_ms.div_ceil(1000)).unwrap_or(u32::MAX);
                Self { retry_after_seconds, ..Self::new(Code::TooManyWrites, detail).with("writes_per_second", limit) }
            }
            Rejection::TooManyChanges => Self::field("/changes", Invalid::new("too_many", detail)),
            Rejection::QuotaExceeded { quota, limit } => {
                Self::new(Code::QuotaExceeded, detail).with("quota", quota).with("limit", limit)
            }
            Rejection::PreconditionFailed { current } => Self { current, ..Self::new(Code::PreconditionFailed, detail) },
            Rejection::Invalid { errors } => {
                let error = |(pointer, Invalid { code, detail })| FieldError { pointer, code, detail };
                Self::fields(errors.into_iter().map(error).collect())
            }
            Rejection::IdempotencyMismatch => Self::new(Code::IdempotencyKeyReused, detail),
        }
    }
}
