//! Errors as RFC 9457 problem documents: the one table from error to status, stable code and title.

mod errors;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use problem_details::{ProblemDetails, ProblemType};
use serde::Serialize;

pub use traffic_manager_api_types::Code;

use super::headers::CORRELATION_ID;
use crate::domain::{
    Invalid,
    command::Rejection,
    document::MAX_TOLD,
    ids::TenantName,
    plan::{Plan, PlannedChange},
    tag::VersionTag,
};

/// An error of one field. `pointer` is a JSON pointer into the body (RFC 6901), `?name` for a query
/// parameter, `{name}` for a part of the path, or a header's name with a colon after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FieldError {
    /// The place of the field in the request.
    pub pointer: String,
    /// The code of the error: stable, in `snake_case`.
    pub code: &'static str,
    /// A description of the expected value.
    pub detail: String,
}

/// Returns the errors of members as field errors. `prefix` is the JSON pointer of the object with
/// the members.
pub fn wrong_members(prefix: &str, errors: Vec<(String, Invalid)>) -> Vec<FieldError> {
    let error = |(pointer, Invalid { code, detail })| FieldError {
        pointer: format!("{prefix}{pointer}"),
        code,
        detail,
    };
    errors.into_iter().map(error).collect()
}

/// The most field errors in one answer. A client that has corrected these gets the next ones.
pub const MAX_ERRORS: usize = MAX_TOLD;
/// The longest pointer and the longest detail of a field error, and the longest detail of a
/// problem, in bytes. Longer text of a request is cut, so a longer body makes no longer answer.
const MAX_POINTER: usize = 256;
const MAX_FIELD_DETAIL: usize = 512;
const MAX_DETAIL: usize = 1024;

/// The most bytes of JSON for the changes that a `plan_stale` answer contains.
const MAX_PLAN: usize = 32 * 1024;

/// Cuts a text to at most `most` bytes, and adds an ellipsis if it was longer.
fn clipped(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// A problem on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    /// Whether more fields are wrong than `errors` contains.
    more_errors: bool,
    current: Option<Box<VersionTag>>,
    /// Additional members of the document, besides those of every problem.
    members: Box<serde_json::Map<String, serde_json::Value>>,
    retry_after_seconds: u32,
    request_id: Option<Box<str>>,
    /// The header of a 415 that lists the accepted values, with its value.
    taken: Option<Box<(header::HeaderName, &'static str)>>,
    /// Another customer's tenant that the request named. It is for the access log only, and no
    /// answer shows it.
    other_tenant: Option<Box<TenantName>>,
}

#[derive(Debug, Serialize)]
struct Extension {
    code: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_errors: bool,
    #[serde(flatten)]
    members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// Creates a problem. `detail` is a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (errors, more_errors, members) = Default::default();
        let (detail, retry_after_seconds) = (clipped(detail.into(), MAX_DETAIL), 1);
        let (current, request_id, taken, other_tenant) = (None, None, None, None);
        Self {
            code,
            detail,
            errors,
            more_errors,
            current,
            members,
            retry_after_seconds,
            request_id,
            taken,
            other_tenant,
        }
    }

    /// 404 for another customer's tenant: the same answer as for a tenant that does not exist.
    pub fn other_tenant(tenant: TenantName) -> Self {
        Self {
            other_tenant: Some(Box::new(tenant)),
            ..Rejection::TenantNotFound.into()
        }
    }

    /// Returns the reason for the access log if access was refused, and the other customer's tenant
    /// if the request named one.
    pub fn denial(&self) -> Option<(&'static str, Option<&TenantName>)> {
        match self.code {
            Code::OutsideGrant => Some(("outside_grant", None)),
            Code::Forbidden => Some(("forbidden", None)),
            Code::HostNotAllowed => Some(("host_not_allowed", None)),
            Code::TenantNotFound => self
                .other_tenant
                .as_deref()
                .map(|tenant| ("other_tenant", Some(tenant))),
            _ => None,
        }
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.members.insert(name.to_owned(), value);
        }
        self
    }

    /// 422 with field errors: at most the first [`MAX_ERRORS`].
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let problem = Self::new(Code::InvalidRequest, "").at(errors);
        let names: Vec<_> = problem
            .errors
            .iter()
            .map(|error| error.pointer.as_str())
            .collect();
        let more = if problem.more_errors { " and more" } else { "" };
        let detail = clipped(format!("not valid: {}{more}", names.join(", ")), MAX_DETAIL);
        Self { detail, ..problem }
    }

    /// Sets the field errors, and cuts them to the limits of an answer.
    #[must_use]
    pub fn at(mut self, mut errors: Vec<FieldError>) -> Self {
        self.more_errors = errors.len() > MAX_ERRORS;
        errors.truncate(MAX_ERRORS);
        for error in &mut errors {
            error.pointer = clipped(std::mem::take(&mut error.pointer), MAX_POINTER);
            error.detail = clipped(std::mem::take(&mut error.detail), MAX_FIELD_DETAIL);
        }
        self.errors = errors;
        self
    }

    /// 422 with one field error.
    pub fn field(pointer: impl Into<String>, invalid: Invalid) -> Self {
        let Invalid { code, detail } = invalid;
        Self::fields(vec![FieldError {
            pointer: pointer.into(),
            code,
            detail,
        }])
    }

    /// 400 for a single-value header that the request has more than once.
    pub fn doubled_header(name: &header::HeaderName) -> Self {
        let detail = format!("the header {name} was sent more than once and may be sent once");
        let error = FieldError {
            pointer: format!("{name}:"),
            code: "duplicate",
            detail: "may be sent once".to_owned(),
        };
        Self {
            errors: vec![error],
            ..Self::new(Code::MalformedRequest, detail)
        }
    }

    /// 415, with the header that lists the accepted values.
    pub fn unsupported(detail: &str, header: header::HeaderName, taken: &'static str) -> Self {
        Self {
            taken: Some(Box::new((header, taken))),
            ..Self::new(Code::UnsupportedMediaType, detail)
        }
    }

    /// Creates the problem of a stale plan. The answer contains the plan with as many changes as
    /// fit into [`MAX_PLAN`] bytes.
    fn plan_stale(mut plan: Plan, detail: String) -> Self {
        let mut room = MAX_PLAN;
        let mut fits = |change: &PlannedChange| {
            room = room
                .saturating_sub(serde_json::to_vec(change).map_or(usize::MAX, |json| json.len()));
            room > 0
        };
        let included = plan
            .changes
            .iter()
            .take_while(|change| fits(change))
            .count();
        let has_more = included < plan.changes.len();
        plan.changes.truncate(included);
        let problem = Self::new(Code::PlanStale, detail).with("plan", plan);
        if has_more {
            problem.with("more_changes", true)
        } else {
            problem
        }
    }

    /// Sets the time after which a retry may succeed, in seconds.
    #[must_use]
    pub fn with_retry_after(self, retry_after_seconds: u32) -> Self {
        Self {
            retry_after_seconds,
            ..self
        }
    }

    /// Sets the id of the request that the problem answers.
    #[must_use]
    pub fn with_request_id(mut self, request_id: &str) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// Creates a problem for an error response that is not ours: no such path, no such method, a
    /// payload that the framework refused.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => {
                Self::new(Code::NotFound, "see the API's documentation for its paths")
            }
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                Code::MethodNotAllowed,
                "see the API's documentation for the path's methods",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(Code::PayloadTooLarge, "see http.max_body_bytes")
            }
            status if status.is_client_error() => {
                Self::new(Code::MalformedRequest, "the request cannot be read")
            }
            _ => Self::new(Code::Internal, "see the log for this request_id"),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        let status = self.code.status().as_u16();
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code, title) = (self.status_code(), self.code.name(), self.code.title());
        let request_id = self.request_id.as_deref().unwrap_or_default().to_owned();
        let mut response = HttpResponse::build(status);
        response.content_type("application/problem+json");
        // Not every error passes the middleware that sets this header: the deadline error is
        // created inside that middleware.
        if let Some(request_id) = &self.request_id {
            response.insert_header((CORRELATION_ID, &**request_id));
        }
        if matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            response.insert_header((header::RETRY_AFTER, self.retry_after_seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(taken) = &self.taken {
            response.insert_header((taken.0.clone(), taken.1));
        }
        if let Some(current) = &self.current {
            response.insert_header((header::ETAG, current.to_etag()));
        }
        let body = ProblemDetails::new()
            .with_status(self.code.status())
            .with_title(title)
            .with_detail(self.detail.clone())
            .with_extensions(Extension {
                code,
                request_id,
                errors: self.errors.clone(),
                more_errors: self.more_errors,
                members: (*self.members).clone(),
            });
        match format!("/problems/{code}").parse::<http::Uri>() {
            Ok(uri) => response.json(body.with_type(ProblemType::from(uri))),
            Err(_) => response.json(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;

    use super::*;

    fn length(problem: &Problem) -> usize {
        problem
            .error_response()
            .into_body()
            .try_into_bytes()
            .unwrap()
            .len()
    }

    #[test]
    fn problem_answers_are_bounded_for_any_content() {
        let errors = |count: usize, text: &str| {
            let error = |at| FieldError {
                pointer: format!("/{at}{text}"),
                code: "not_valid",
                detail: text.to_owned(),
            };
            (0..count).map(error).collect::<Vec<_>>()
        };
        for text in [
            "a".repeat(60_000),
            "\u{0}".repeat(60_000),
            "é\"".repeat(30_000),
            "\u{1f600}".repeat(20_000),
        ] {
            for count in [1, MAX_ERRORS, MAX_ERRORS + 1, 1000] {
                let problem = Problem::fields(errors(count, &text));
                assert!(length(&problem) <= 128 * 1024, "{}", length(&problem));
                assert_eq!(
                    (problem.errors.len(), problem.more_errors),
                    (count.min(MAX_ERRORS), count > MAX_ERRORS)
                );
            }
            assert!(length(&Problem::new(Code::MalformedRequest, text.clone())) <= 8 * 1024);
        }
        let few = Problem::fields(errors(2, "x"));
        assert_eq!(few.detail, "not valid: /0x, /1x");
    }

    #[test]
    fn stale_plan_lists_only_the_changes_that_fit() {
        let value = crate::http::shapes::plans::plan();
        let mut plan: Plan = serde_json::from_value(value).unwrap();
        assert_eq!(
            Problem::plan_stale(plan.clone(), String::new())
                .members
                .get("more_changes"),
            None
        );
        plan.changes = vec![plan.changes[0].clone(); 10_000];
        let problem = Problem::plan_stale(plan, String::new());
        assert_eq!(problem.members["more_changes"], true);
        assert!(
            (16 * 1024..40 * 1024).contains(&length(&problem)),
            "{}",
            length(&problem)
        );
    }
}
