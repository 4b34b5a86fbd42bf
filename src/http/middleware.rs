//! The middleware around every request: its id, deadline, span and metrics. Turns errors of the
//! framework into problem documents.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    Error, HttpMessage as _, HttpResponse, ResponseError as _,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{self, HeaderValue},
    },
    middleware::Next,
    web,
};
use tracing::Instrument as _;

use super::{
    access_log,
    authority::Answered,
    body_drain,
    convergence::Hold,
    deadline::LONGEST_WAIT,
    denied::Denied,
    edge,
    endpoint::Template,
    endpoints::{self, EndpointMatch},
    etag::unless_seen,
    gate::{Admitted, Gate},
    headers::{self, CORRELATION_ID},
    log_limit::may_log,
    params,
    problem::{Code, Problem},
    request::RequestId,
};
use crate::{
    health::Health,
    resilience::Payer,
    service::{access::access_log::AccessLog, nodes::Nodes},
    telemetry::{self, names},
};

/// Requests slower than this are logged.
const SLOW: Duration = Duration::from_secs(1);

/// The data that the middleware needs for every request, created once.
pub struct RequestMiddleware {
    request_timeout: Duration,
    gate: Arc<Gate>,
    access_log: Arc<AccessLog>,
    nodes: Arc<Nodes>,
    polled: Vec<Polled>,
}

/// A `GET` endpoint that proxies poll, with its metrics looked up once.
struct Polled {
    path: &'static str,
    template: Template,
    seconds: metrics::Histogram,
    /// The counters by status class: 2xx, 3xx, 4xx and 5xx.
    requests: [metrics::Counter; 4],
}

impl Polled {
    fn new(path: &'static str) -> Self {
        let requests = |status| metrics::counter!(names::HTTP_REQUESTS, "method" => "GET", "endpoint" => path, "status" => status);
        Self {
            path,
            template: Template::of(path),
            seconds: metrics::histogram!(names::HTTP_SECONDS, "endpoint" => path),
            requests: ["2xx", "3xx", "4xx", "5xx"].map(requests),
        }
    }
}

impl RequestMiddleware {
    /// Creates the data. The metrics belong to the recorder that is installed now.
    pub fn new(
        request_timeout: Duration,
        gate: Arc<Gate>,
        access_log: Arc<AccessLog>,
        nodes: Arc<Nodes>,
    ) -> Self {
        let polled = endpoints::all()
            .iter()
            .filter(|endpoint| endpoint.is_polled);
        Self {
            request_timeout,
            gate,
            access_log,
            nodes,
            polled: polled.map(|endpoint| Polled::new(endpoint.path)).collect(),
        }
    }

    /// Returns what a write waits for after it is done.
    fn hold(&self, request: &mut ServiceRequest, payer: &Payer) -> Result<Option<Hold>, Problem> {
        let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
        if is_read || !request.query_string().contains("wait") {
            return Ok(None);
        }
        let path = request.match_pattern().unwrap_or_default();
        match endpoints::find(request.method().as_str(), &path) {
            EndpointMatch::Endpoint(endpoint) if endpoint.converges => {
                Hold::take(request, self.nodes.now(), payer)
            }
            _ => Ok(None),
        }
    }

    /// Returns the polled endpoint that the request is for, if it is for one.
    fn polled(&self, request: &ServiceRequest) -> Option<&Polled> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return None;
        }
        let path = request.path();
        self.polled
            .iter()
            .find(|polled| polled.template.matches(path))
    }
}

/// Middleware: checks the host and the head of a request, gets the answer, and sets the security
/// headers.
pub async fn run_middleware(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_secure = request.app_config().secure();
    let reader = body_drain::share_reader(&mut request);
    let answered = request.app_data::<Answered>();
    let refused = answered
        .and_then(|answered| answered.refused(&request))
        .or_else(|| request.app_data::<edge::Limits>()?.refused(&request));
    let refused = refused.map_or_else(|| params::normalize_path(&mut request), Err);
    let health = request.app_data::<web::Data<Health>>().cloned();
    let answer = match refused {
        Err(problem) => Ok(refuse(request, problem)),
        Ok(()) => answer(request, next).await,
    };
    match answer {
        Ok(mut response) => {
            edge::security_headers(response.headers_mut(), is_secure);
            let (request, mut response) = response.into_parts();
            let_go(request.app_data(), &mut response);
            Ok(ServiceResponse::new(
                request,
                body_drain::hold_reader(reader, response),
            ))
        }
        Err(mut error) => {
            error.add_response_mapper(move |mut response| {
                edge::security_headers(response.headers_mut(), is_secure);
                let_go(health.as_ref(), &mut response);
                body_drain::hold_reader(reader.clone(), response)
            });
            Err(error)
        }
    }
}

/// While the process drains, each answer closes its connection, and says so in a header: the
/// client's next request goes to another instance. Without that header, the client might send a
/// request just when the connection is closed, and the request would be lost.
fn let_go<B>(health: Option<&web::Data<Health>>, response: &mut HttpResponse<B>) {
    if health.is_some_and(|health| health.is_draining()) {
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
}

/// Middleware around CORS, which answers preflights by itself. Gives these answers an id, security
/// headers and metrics, as all answers have.
pub async fn finish_preflight(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (id, is_secure) = (
        RequestId::of(request.headers()),
        request.app_config().secure(),
    );
    let response = next.call(request).await?.map_into_boxed_body();
    if response.headers().contains_key(CORRELATION_ID) {
        return Ok(response);
    }
    let mut response = as_problem(response, &id);
    set_id(&mut response, &id);
    edge::security_headers(response.headers_mut(), is_secure);
    observe(
        &Method::OPTIONS,
        "none".to_owned(),
        response.status(),
        Duration::ZERO,
        &id,
    );
    Ok(response)
}

fn refuse(request: ServiceRequest, problem: Problem) -> ServiceResponse<BoxBody> {
    let id = RequestId::of(request.headers());
    observe(
        request.method(),
        "none".to_owned(),
        problem.status_code(),
        Duration::ZERO,
        &id,
    );
    request.into_response(problem.with_request_id(&id.0).error_response())
}

async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(middleware) = request.app_data::<web::Data<RequestMiddleware>>().cloned() else {
        return Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into());
    };
    let limit = middleware.request_timeout;
    let is_plain = request.method() == Method::GET
        && !telemetry::is_sampled(
            request
                .headers()
                .get("traceparent")
                .map(HeaderValue::as_bytes),
        );
    match middleware.polled(&request) {
        // No span and no deadline here: either costs more than the answer. The handlers have
        // deadlines of their own.
        Some(polled) if is_plain => answer_polled(&middleware, polled, request, next).await,
        Some(_) => answer_other(&middleware, limit + LONGEST_WAIT, request, next).await,
        None => answer_other(&middleware, limit, request, next).await,
    }
}

/// Returns the handler's answer, or the gate's refusal, and what to wait for before it is sent.
async fn admitted(
    middleware: &RequestMiddleware,
    id: &RequestId,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<(ServiceResponse<BoxBody>, Option<Hold>), Error> {
    let mut hold = None;
    let mut renewed = None;
    let (response, rate_limit) = match middleware.gate.admit(&request).await {
        Ok(Admitted {
            rate_limit,
            place: _place,
            payer,
            endpoint,
            renewed: cookie,
        }) => {
            renewed = cookie;
            let response = match middleware.hold(&mut request, &payer) {
                Ok(taken) => {
                    hold = taken;
                    payer.scope(next.call(request)).await?.map_into_boxed_body()
                }
                Err(problem) => request.error_response(problem),
            };
            access_log::answered(&middleware.access_log, endpoint, &response, id);
            (response, rate_limit)
        }
        Err(denied) => {
            metrics::counter!(names::AUTH_DENIED, "reason" => denied.reason).increment(1);
            access_log::denied(&middleware.access_log, request.request(), &denied, id);
            let Denied {
                problem,
                rate_limit,
                ..
            } = denied;
            (request.error_response(problem), rate_limit)
        }
    };
    let mut response = unless_seen(as_problem(response, id));
    if let Some(rate_limit) = rate_limit {
        rate_limit.write_headers(response.headers_mut());
    }
    if let Some(cookie) = renewed {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok((response, hold))
}

async fn answer_polled(
    middleware: &RequestMiddleware,
    polled: &Polled,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let may_wait =
        request.query_string().contains("wait=") || request.headers().contains_key("prefer");
    let (mut response, _) = admitted(middleware, &id, request, next).await?;
    set_id(&mut response, &id);
    let (status, elapsed) = (response.status(), started.elapsed());
    if let Some(requests) = polled
        .requests
        .get(usize::from(status.as_u16() / 100).wrapping_sub(2))
    {
        requests.increment(1);
    }
    if !may_wait {
        polled.seconds.record(elapsed.as_secs_f64());
    }
    log_if_worth_it(
        &Method::GET,
        polled.path,
        status,
        if may_wait { Duration::ZERO } else { elapsed },
        &id,
    );
    Ok(response)
}

async fn answer_other(
    middleware: &RequestMiddleware,
    limit: Duration,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let endpoint = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let span = if request.path().starts_with("/health") {
        tracing::Span::none()
    } else {
        span(&request, &id)
    };
    let admitted = admitted(middleware, &id, request, next).instrument(span.clone());
    let (mut response, hold) = match tokio::time::timeout(limit, admitted).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            let problem = Problem::new(Code::DeadlineExceeded, "see http.request_timeout_ms")
                .with_request_id(&id.0);
            span.record("http.response.status_code", problem.status_code().as_u16());
            observe(
                &method,
                endpoint,
                problem.status_code(),
                started.elapsed(),
                &id,
            );
            return Err(problem.into());
        }
    };
    set_id(&mut response, &id);
    if let Some(value) = telemetry::traceparent_of(&span)
        .and_then(|trace| header::HeaderValue::from_str(&trace).ok())
    {
        response
            .headers_mut()
            .insert(header::HeaderName::from_static("traceparent"), value);
    }
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    observe(&method, endpoint, status, started.elapsed(), &id);
    // The request is done: it holds no place any more, and its time is that of the write.
    Ok(match hold {
        Some(hold) => hold.wait(&middleware.nodes, response).await,
        None => response,
    })
}

fn span(request: &ServiceRequest, id: &RequestId) -> tracing::Span {
    let span = tracing::info_span!(
        "http.request", http.request.method = %request.method(), url.path = request.path(), request.id = %id.0,
        http.response.status_code = tracing::field::Empty
    );
    let header =
        |name| headers::only(request.headers(), name).and_then(|value| value.to_str().ok());
    if let Some(traceparent) = header("traceparent") {
        telemetry::follow(&span, traceparent, header("tracestate"));
    }
    span
}

fn set_id(response: &mut ServiceResponse<BoxBody>, id: &RequestId) {
    if let Ok(value) = header::HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(CORRELATION_ID, value);
    }
}

/// Turns an error response into a problem document with the request's id.
fn as_problem(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    let ours = response
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>())
        .cloned();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let problem = match ours {
        Some(problem) => problem,
        // This is a handler's own answer, such as readiness, and not an error of the request.
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

fn observe(
    method: &Method,
    endpoint: String,
    status: StatusCode,
    elapsed: Duration,
    id: &RequestId,
) {
    let class = match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    log_if_worth_it(method, &endpoint, status, elapsed, id);
    metrics::histogram!(names::HTTP_SECONDS, "endpoint" => endpoint.clone())
        .record(elapsed.as_secs_f64());
    metrics::counter!(names::HTTP_REQUESTS, "method" => known(method), "endpoint" => endpoint, "status" => class).increment(1);
}

/// Logs server errors and slow requests, up to the limit of [`may_log`]. The metrics count all of
/// them.
fn log_if_worth_it(
    method: &Method,
    endpoint: &str,
    status: StatusCode,
    elapsed: Duration,
    id: &RequestId,
) {
    if (status.is_server_error() || elapsed > SLOW) && may_log() {
        tracing::warn!(
            http.request.method = %method, http.route = endpoint, http.response.status_code = status.as_u16(),
            duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), request.id = id.0, "request failed or was slow"
        );
    }
}

/// Returns the method's name, or `other` if the API does not have the method: methods that clients
/// make up must not create metrics.
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
