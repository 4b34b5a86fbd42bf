//! The operations listener: metrics and health, for operators and nobody else.

use std::{net::TcpListener, num::NonZeroU32, time::Duration};

use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::{BoxBody, MessageBody},
    dev::{Server, ServiceRequest, ServiceResponse},
    http::header,
    middleware::{Next, from_fn},
    web::{self, ServiceConfig, resource},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    authority::Answered,
    edge,
    endpoint::Endpoint,
    health,
    permission::Access,
    problem::{Code, Problem},
};
use crate::{config, health::Health};

/// The most connections: those of collectors and probes, and silent ones until they are closed.
/// Further connections wait.
const CONNECTIONS: usize = 4096;

/// How long a connection may be silent. A probe sends its whole request at once.
const SILENCE: Duration = Duration::from_secs(2);

/// The number of wrong tokens in a second that are answered with 401; more are answered with 429.
/// The right token is accepted all the same: its length protects it from guesses, and a flood of
/// wrong tokens locks nobody out.
const GUESSES: Quota = Quota::per_second(NonZeroU32::MIN.saturating_add(9));

/// The paths that need no token, for probes that can send no header. Their answers contain only the
/// health of the process and the results of its checks.
const OPEN: [&str; 2] = ["/health/live", "/health/ready"];

/// Returns the server of the operations listener. It has one worker of its own, so that it answers
/// when the API's workers are busy.
pub fn ops_server(
    listener: TcpListener,
    settings: &config::Http,
    health: web::Data<Health>,
) -> std::io::Result<Server> {
    let token = web::Data::new(settings.ops_token.clone());
    let guesses = web::Data::new(RateLimiter::direct(GUESSES));
    let answered = Answered::new(
        &settings.allowed_hosts,
        !settings.ops_token.expose_secret().is_empty(),
    );
    let app = move || {
        App::new()
            .wrap(from_fn(admit))
            .app_data(token.clone())
            .app_data(guesses.clone())
            .app_data(answered.clone())
            .app_data(health.clone())
            .configure(endpoints)
    };
    let server = HttpServer::new(app)
        .disable_signals()
        .workers(1)
        .shutdown_timeout(1)
        .max_connections(CONNECTIONS)
        .keep_alive(SILENCE)
        .client_request_timeout(settings.client_header_timeout.min(SILENCE));
    Ok(server.listen(listener)?.run())
}

/// Registers the endpoints. On this listener `http.ops_token` replaces roles.
fn endpoints(config: &mut ServiceConfig) {
    let of_health = health::endpoints().into_iter();
    let public = of_health.filter(|endpoint| endpoint.access == Access::Public);
    let own = [
        Endpoint::page(health::RESILIENCE, health::resilience_on_ops),
        Endpoint::page("/metrics", health::metrics),
    ];
    for endpoint in public.chain(own) {
        config.service(resource(endpoint.path).route(endpoint.route()));
    }
}

/// Middleware: requires the operations token, if one is set.
async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_secure = request.app_config().secure();
    let misdirected = request
        .app_data::<Answered>()
        .and_then(|answered| answered.refused(&request));
    let mut response = if let Some(problem) = misdirected {
        request.error_response(problem)
    } else if OPEN.contains(&request.path()) || has_token(&request) {
        next.call(request).await?.map_into_boxed_body()
    } else if is_guessed(&request) {
        request.error_response(Problem::new(Code::TooManyRequests, "too many wrong tokens"))
    } else {
        request.into_response(
            HttpResponse::Unauthorized()
                .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
                .finish(),
        )
    };
    edge::security_headers(response.headers_mut(), is_secure);
    Ok(response)
}

/// Counts a request's wrong token, and returns whether there were too many.
fn is_guessed(request: &ServiceRequest) -> bool {
    let guesses = request.app_data::<web::Data<DefaultDirectRateLimiter>>();
    request.headers().contains_key(header::AUTHORIZATION)
        && guesses.is_some_and(|guesses| guesses.check().is_err())
}

fn has_token(request: &ServiceRequest) -> bool {
    let wanted = request
        .app_data::<web::Data<SecretString>>()
        .map_or("", |token| token.expose_secret());
    let sent = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // Compared in constant time, so that the duration does not show where the two tokens differ.
    wanted.is_empty()
        || sent.is_some_and(|sent| verify_slices_are_equal(sent, wanted.as_bytes()).is_ok())
}
