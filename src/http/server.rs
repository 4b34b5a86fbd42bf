//! The server of the API's listener.

use std::{net::TcpListener, sync::Arc};

use actix_web::{
    App, HttpServer,
    dev::Server,
    middleware::{Condition, from_fn},
    web,
};

use super::{
    authority::Answered,
    docs::Documents,
    document, edge, endpoints,
    fast_path::{FastPath, Tallies},
    gate::Gate,
    limits::Limits,
    middleware, plans,
    state::ApiState,
    tls::{self, Transport},
    ui::Pages,
};
use crate::{config, health::Health};

/// The parts of the API's server.
pub struct ApiServer<'a> {
    /// The bound listener.
    pub listener: TcpListener,
    /// The configuration of TLS; `None` for plain HTTP.
    pub transport: Option<Transport>,
    /// The settings of the process.
    pub settings: &'a config::Settings,
    /// The services that handlers use.
    pub state: web::Data<ApiState>,
    /// The health of the process.
    pub health: web::Data<Health>,
    /// The counts of the fast path.
    pub tallies: Arc<Tallies>,
    /// The limits of requests.
    pub limits: Arc<Limits>,
}

impl ApiServer<'_> {
    /// Starts the server. It does not handle signals: the code that runs it drains it.
    pub fn run(self) -> std::io::Result<Server> {
        let Self {
            listener,
            transport,
            settings,
            state,
            health,
            tallies,
            limits,
        } = self;
        let http = &settings.http;
        let documents = web::Data::new(Documents::new(
            document::openapi(),
            plans::document_schema(),
            &settings.kafka,
        ));
        let answered = Answered::new(
            &http.allowed_hosts,
            settings.auth.mode == config::AuthMode::Required,
        );
        let body = web::PayloadConfig::new(http.max_body_bytes);
        let head = edge::Limits::new(http);
        let origins = http.cors_origins.clone();
        let has_cors = !origins.is_empty();
        let pages = web::Data::new(Pages::embedded(settings.ui.enabled));
        let gate = Arc::new(Gate::new(
            state.callers.clone(),
            limits,
            http.trusted_proxies.clone(),
        ));
        let authentication = web::Data::from(gate.authentication());
        let middleware = web::Data::new(middleware::RequestMiddleware::new(
            state.request_timeout,
            gate.clone(),
            state.access_log.clone(),
            state.nodes.clone(),
        ));
        let app = move || {
            // Each worker has a fast path of its own, because this closure runs once in each worker.
            let fast_path = FastPath::new(
                (state.polls.clone(), state.nodes.clone()),
                gate.clone(),
                &tallies,
                health.clone(),
                answered.clone(),
                head,
            );
            App::new()
                .wrap(from_fn(middleware::run_middleware))
                // CORS adds headers to every answer, so that the fast path is within it.
                .wrap(Condition::new(has_cors, fast_path.clone()))
                .wrap(Condition::new(has_cors, edge::cors(&origins)))
                .wrap(Condition::new(
                    has_cors,
                    from_fn(middleware::finish_preflight),
                ))
                .wrap(Condition::new(!has_cors, fast_path))
                .app_data(head)
                .app_data(answered.clone())
                .app_data(body.clone())
                .app_data(middleware.clone())
                .app_data(state.clone())
                .app_data(health.clone())
                .app_data(documents.clone())
                .app_data(pages.clone())
                .app_data(authentication.clone())
                .configure(endpoints::configure)
        };
        let stall = http.write_stall;
        let trust_domain = http.tls.trust_domain.clone();
        let workers = worker_count(http.workers);
        // actix counts connections for each worker, and gives connections to its workers in turn.
        let connections = (http.max_connections / workers).max(1);
        let server = HttpServer::new(app)
            .workers(workers)
            .disable_signals()
            .shutdown_timeout(config::whole_seconds(settings.drain.requests))
            .max_connections(connections)
            .keep_alive(http.keep_alive)
            .client_request_timeout(http.client_header_timeout)
            .tls_handshake_timeout(http.client_header_timeout)
            // An abandoned handshake costs one connection, as an idle one does, and delays no other
            // client.
            .max_connection_rate(connections)
            .on_connect(move |socket, data| tls::connected(socket, data, stall, &trust_domain));
        let server = match transport {
            Some(transport) => server.listen_rustls_0_23(listener, transport.into_config())?,
            None => server.listen(listener)?,
        };
        Ok(server.run())
    }
}

/// Returns the number of workers that is set, or one for each core if the setting is 0.
fn worker_count(set: usize) -> usize {
    if set > 0 {
        set
    } else {
        std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get)
    }
}
