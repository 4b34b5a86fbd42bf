//! The operations listener: metrics and health, for operators and nobody else.

use std::net::TcpListener;

use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::{BoxBody, MessageBody},
    dev::{Server, ServiceRequest, ServiceResponse},
    http::header,
    middleware::{Next, from_fn},
    web::{self, resource},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::{ExposeSecret as _, SecretString};

use super::{edge, health, health_endpoints, read};
use crate::config::{self, ms};

/// Collectors and probes; more wait.
const CONNECTIONS: usize = 256;

/// What a probe asks that can send no header. They tell no more than whether the process works.
const OPEN: [&str; 2] = ["/health/live", "/health/ready"];

/// The operations' server. One worker, so that it answers when the API's are busy.
pub fn ops_server(listener: TcpListener, settings: &config::Http, health: web::Data<health::Health>) -> std::io::Result<Server> {
    let token = web::Data::new(settings.ops_token.clone());
    let app = move || {
        App::new()
            .wrap(from_fn(admit))
            .app_data(token.clone())
            .app_data(health.clone())
            .service(resource("/metrics").route(read().to(health::metrics)))
            .configure(health_endpoints)
    };
    let server = HttpServer::new(app)
        .disable_signals()
        .workers(1)
        .shutdown_timeout(1)
        .max_connections(CONNECTIONS)
        .client_request_timeout(ms(settings.client_header_timeout_ms));
    Ok(server.listen(listener)?.run())
}

/// Asks for the token, if there is one.
async fn admit(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_secure = request.app_config().secure();
    let is_admitted = OPEN.contains(&request.path()) || has_token(&request);
    let mut response = if is_admitted {
        next.call(request).await?.map_into_boxed_body()
    } else {
        request.into_response(HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Bearer")).finish())
    };
    edge::caution(response.headers_mut(), is_secure);
    Ok(response)
}

fn has_token(request: &ServiceRequest) -> bool {
    let wanted = request.app_data::<web::Data<SecretString>>().map_or("", |token| token.expose_secret());
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // In a time that says nothing about where they differ.
    wanted.is_empty() || sent.is_some_and(|sent| verify_slices_are_equal(sent, wanted.as_bytes()).is_ok())
}
