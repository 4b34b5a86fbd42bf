//! Errors as RFC 9457 problem documents: the one table from error to status, stable code and title.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use problem_details::{ProblemDetails, ProblemType};
use serde::Serialize;

use super::context::CORRELATION_ID;
use crate::{
    domain::{Invalid, command::Rejection, tag::VersionTag},
    service,
};

/// Why a request was not done. The stable `code` of the problem document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be read: JSON, UTF-8, a header's syntax.
    MalformedRequest,
    /// A cursor that is not ours, or of another list.
    InvalidCursor,
    /// No such path.
    NotFound,
    /// No such route.
    RouteNotFound,
    /// The route is there and inactive.
    RouteInactive,
    /// No such tenant.
    TenantNotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// `POST /tenants` for one that exists.
    TenantExists,
    /// The tenant still has routes.
    TenantNotEmpty,
    /// A quota of the tenant is used up.
    QuotaExceeded,
    /// `If-Match` or `If-None-Match` did not hold.
    PreconditionFailed,
    /// The body is larger than `http.max_body_bytes`.
    PayloadTooLarge,
    /// The body is not of a media type that is taken here.
    UnsupportedMediaType,
    /// Readable, but fields are not valid; `errors` names them.
    InvalidRequest,
    /// The key was used with another request.
    IdempotencyKeyReused,
    /// A dependency is away; nothing was changed.
    Unavailable,
    /// Too much is waiting; nothing was changed.
    Overloaded,
    /// No place to wait for changes is free.
    TooManyWaiters,
    /// No place for another export is free.
    TooManyExports,
    /// The write may have been done or not.
    CommitUnknown,
    /// Nothing as new as the minimum revision is to be had.
    RevisionNotReached,
    /// The request took longer than `http.request_timeout_ms`.
    DeadlineExceeded,
    /// A defect.
    Internal,
}

impl Code {
    /// Status, code and title.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedRequest => (S::BAD_REQUEST, "malformed_request", "The request cannot be read"),
            Self::InvalidCursor => (S::BAD_REQUEST, "invalid_cursor", "The cursor is not valid here"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing at this path"),
            Self::RouteNotFound => (S::NOT_FOUND, "route_not_found", "The route does not exist"),
            Self::RouteInactive => (S::NOT_FOUND, "route_inactive", "The route is inactive"),
            Self::TenantNotFound => (S::NOT_FOUND, "tenant_not_found", "The tenant does not exist"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "The path has no such method"),
            Self::TenantExists => (S::CONFLICT, "tenant_exists", "The tenant exists already"),
            Self::TenantNotEmpty => (S::CONFLICT, "tenant_not_empty", "The tenant still has routes"),
            Self::QuotaExceeded => (S::CONFLICT, "quota_exceeded", "A quota of the tenant is used up"),
            Self::PreconditionFailed => {
                (S::PRECONDITION_FAILED, "precondition_failed", "The object is not as the precondition says")
            }
            Self::PayloadTooLarge => (S::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large"),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The media type is not taken here")
            }
            Self::InvalidRequest => (S::UNPROCESSABLE_ENTITY, "invalid_request", "The request is not valid"),
            Self::IdempotencyKeyReused => {
                (S::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key was used for another request")
            }
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "A dependency is not available"),
            Self::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded", "Too much is waiting"),
            Self::TooManyWaiters => (S::TOO_MANY_REQUESTS, "too_many_waiters", "Too many wait for changes"),
            Self::TooManyExports => (S::TOO_MANY_REQUESTS, "too_many_exports", "Too many exports are running"),
            Self::CommitUnknown => (S::SERVICE_UNAVAILABLE, "commit_unknown", "Whether the write was done is unknown"),
            Self::RevisionNotReached => {
                (S::SERVICE_UNAVAILABLE, "revision_not_reached", "The minimum revision is not reached here")
            }
            Self::DeadlineExceeded => (S::SERVICE_UNAVAILABLE, "deadline_exceeded", "The request took too long"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }
}

/// One wrong field. `pointer` is a JSON pointer into the body (RFC 6901), `?name` for a query parameter, `{name}` for a part of the
/// path, or a header's name with a colon after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    request_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Extension {
    code: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), current: None, request_id: None }
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

    /// The same with the id of the request that it answers.
    #[must_use]
    pub fn with_request_id(mut self, request_id: &str) -> Self {
        self.request_id = Some(request_id.to_owned());
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
        let request_id = self.request_id.clone().unwrap_or_default();
        let mut response = HttpResponse::build(status);
        response.content_type("application/problem+json");
        // Not every error passes the middleware that sets it: the deadline is set in there.
        if let Some(request_id) = &self.request_id {
            response.insert_header((CORRELATION_ID, request_id.as_str()));
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        if let Some(current) = &self.current {
            response.insert_header((header::ETAG, current.to_etag()));
        }
        let body = ProblemDetails::new()
            .with_status(actix_to_http(status))
            .with_title(title)
            .with_detail(self.detail.clone())
            .with_extensions(Extension { code, request_id, errors: self.errors.clone() });
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
            E::InvalidCursor => Self::new(Code::InvalidCursor, detail),
            E::Unavailable { dependency, cause } => {
                tracing::warn!(dependency.name = dependency, error = ?cause, "a request was refused: a dependency is not available");
                Self::new(Code::Unavailable, format!("{detail}; nothing was changed"))
            }
            E::Overloaded(_) => Self::new(Code::Overloaded, format!("{detail}; nothing was changed")),
            E::TooManyWaiters(_) => Self::new(Code::TooManyWaiters, detail),
            E::TooManyExports => Self::new(Code::TooManyExports, detail),
            E::CommitUnknown => Self::new(
                Code::CommitUnknown,
                "the connection was lost while the write was being committed: it may have been done or not; \
                 a retry with the same Idempotency-Key tells",
            ),
            E::BehindMinimum { current, .. } => Self { current, ..Self::new(Code::RevisionNotReached, detail) },
            E::Internal(cause) => {
                tracing::error!(error = ?cause, "a request failed");
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
            Rejection::RouteNotFound => Self::new(Code::RouteNotFound, detail),
            Rejection::TenantExists => Self::new(Code::TenantExists, detail),
            Rejection::TenantNotEmpty { .. } => Self::new(Code::TenantNotEmpty, detail),
            Rejection::QuotaExceeded { .. } => Self::new(Code::QuotaExceeded, detail),
            Rejection::PreconditionFailed { current } => Self { current, ..Self::new(Code::PreconditionFailed, detail) },
            Rejection::Invalid { pointer, invalid } => Self::field(pointer, invalid),
            Rejection::IdempotencyMismatch => Self::new(Code::IdempotencyKeyReused, detail),
        }
    }
}
