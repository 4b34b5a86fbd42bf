//! Around every request: its id, its deadline, its span and its metrics. Errors that are not ours become problem documents here.

use std::time::{Duration, Instant};

use actix_web::{
    Error, HttpMessage as _, HttpResponse, ResponseError as _,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web,
};
use tracing::Instrument as _;

use super::{
    context::{CORRELATION_ID, RequestId},
    problem::{Code, Problem},
};
use crate::telemetry::{self, names};

/// Requests slower than this are logged, whatever they are.
const SLOW: Duration = Duration::from_secs(1);

/// Limits of every request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `http.request_timeout_ms`
    pub request_timeout: Duration,
}

/// The middleware.
pub async fn surround(
    request: ServiceRequest, next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let limit = request.app_data::<web::Data<Limits>>().map_or(Duration::from_secs(10), |limits| limits.request_timeout);
    let method = request.method().clone();
    let endpoint = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    // No span on what proxies poll: it costs more than the answer. Writes and audit queries are traced, as sampled.
    let span = if is_polled(&method, request.path()) {
        tracing::Span::none()
    } else {
        let span = tracing::info_span!(
            "http.request", http.request.method = %method, url.path = request.path(), request.id = %id.0,
            http.response.status_code = tracing::field::Empty
        );
        let header = |name| request.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        if let Some(traceparent) = header("traceparent") {
            telemetry::follow(&span, traceparent, header("tracestate"));
        }
        span
    };
    let response = match tokio::time::timeout(limit, next.call(request).instrument(span.clone())).await {
        Ok(Ok(response)) => response.map_into_boxed_body(),
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            let problem = Problem::new(Code::DeadlineExceeded, "see http.request_timeout_ms").with_request_id(&id.0);
            span.record("http.response.status_code", problem.status_code().as_u16());
            observe(&method, endpoint, problem.status_code(), started.elapsed(), &id);
            return Err(problem.into());
        }
    };
    let mut response = as_problem(response, &id);
    if let Ok(value) = header::HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(CORRELATION_ID, value);
    }
    if let Some(value) = telemetry::traceparent_of(&span).and_then(|trace| header::HeaderValue::from_str(&trace).ok()) {
        response.headers_mut().insert(header::HeaderName::from_static("traceparent"), value);
    }
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    observe(&method, endpoint, status, started.elapsed(), &id);
    Ok(response)
}

fn is_polled(method: &Method, path: &str) -> bool {
    (method == Method::GET || method == Method::HEAD)
        && (path.ends_with("/resolve") || path.ends_with("/snapshot") || path.starts_with("/health"))
}

/// An error response as a problem document with the request's id.
fn as_problem(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    let ours = response.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    let is_json =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let problem = match ours {
        Some(problem) => problem,
        // A handler's own answer, such as readiness: it is not an error of the request.
        None if is_json => return response,
        None => Problem::of_status(response.status()),
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut rebuilt: HttpResponse = problem.with_request_id(&id.0).error_response();
    if let Some(allow) = allow {
        rebuilt.headers_mut().insert(header::ALLOW, allow);
    }
    response.into_response(rebuilt)
}

fn observe(method: &Method, endpoint: String, status: StatusCode, elapsed: Duration, id: &RequestId) {
    let class = match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    if status.is_server_error() || elapsed > SLOW {
        tracing::warn!(
            http.request.method = %method, http.route = endpoint, http.response.status_code = status.as_u16(),
            duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), request.id = id.0, "request failed or was slow"
        );
    }
    metrics::histogram!(names::HTTP_SECONDS, "endpoint" => endpoint.clone()).record(elapsed.as_secs_f64());
    metrics::counter!(names::HTTP_REQUESTS, "method" => known(method), "endpoint" => endpoint, "status" => class).increment(1);
}

/// The method, if it is one that the API has: whatever else clients invent must not make metrics of its own.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
