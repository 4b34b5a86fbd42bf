//! The operations listener: metrics and health, for operators and nobody else.

use std::{net::TcpListener, num::NonZeroU32, time::Duration};

use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::{BoxBody, MessageBody},
    dev::{Server, ServiceRequest, ServiceResponse},
    http::header,
    middleware::{Next, from_fn},
    web::{self, resource},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    authority::Answered,
    edge, health, health_endpoints,
    problem::{Code, Problem},
    read,
};
use crate::config::{self, ms};

/// Collectors, probes, and connections that say nothing until they are closed; more wait.
const CONNECTIONS: usize = 4096;

/// How long a connection may say nothing. A probe says all of its request at once.
const SILENCE: Duration = Duration::from_secs(2);

/// Wrong tokens that are answered 401 in a second; more are answered 429. The right token is taken all the same: to find it is a matter of
/// its length, and a flood of wrong ones locks nobody out.
const GUESSES: Quota = Quota::per_second(NonZeroU32::MIN.saturating_add(9));

/// What a probe asks that can send no header. They tell no more than whether the process works.
const OPEN: [&str; 2] = ["/health/live", "/health/ready"];

/// The operations' server. One worker, so that it answers when the API's are busy.
pub fn ops_server(listener: TcpListener, settings: &config::Http, health: web::Data<health::Health>) -> std::io::Result<Server> {
    let token = web::Data::new(settings.ops_token.clone());
    let guesses = web::Data::new(RateLimiter::direct(GUESSES));
    let answered = Answered::new(&settings.allowed_hosts, !settings.ops_token.expose_secret().is_empty());
    let app = move || {
        App::new()
            .wrap(from_fn(admit))
            .app_data(token.clone())
            .app_data(guesses.clone())
            .app_data(answered.clone())
            .app_data(health.clone())
            .service(resource("/metrics").route(read().to(health::metrics)))
            .configure(health_endpoints)
    };
    let server = HttpServer::new(app)
        .disable_signals()
        .workers(1)
        .shutdown_timeout(1)
        .max_connections(CONNECTIONS)
        .keep_alive(SILENCE)
        .client_request_timeout(ms(settings.client_header_timeout_ms).min(SILENCE));
    Ok(server.listen(listener)?.run())
}

/// Asks for the token, if there is one.
async fn admit(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_secure = request.app_config().secure();
    let misdirected = request.app_data::<Answered>().and_then(|answered| answered.refused(&request));
    let mut response = if let Some(problem) = misdirected {
        request.error_response(problem)
    } else if OPEN.contains(&request.path()) || has_token(&request) {
        next.call(request).await?.map_into_boxed_body()
    } else if is_guessed(&request) {
        request.error_response(Problem::new(Code::TooManyRequests, "too many wrong tokens"))
    } else {
        request.into_response(HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Bearer")).finish())
    };
    edge::caution(response.headers_mut(), is_secure);
    Ok(response)
}

/// Whether a request brings one wrong token too many.
fn is_guessed(request: &ServiceRequest) -> bool {
    let guesses = request.app_data::<web::Data<DefaultDirectRateLimiter>>();
    request.headers().contains_key(header::AUTHORIZATION) && guesses.is_some_and(|guesses| guesses.check().is_err())
}

fn has_token(request: &ServiceRequest) -> bool {
    let wanted = request.app_data::<web::Data<SecretString>>().map_or("", |token| token.expose_secret());
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // In a time that says nothing about where they differ.
    wanted.is_empty() || sent.is_some_and(|sent| verify_slices_are_equal(sent, wanted.as_bytes()).is_ok())
}
