//! The only actix code: the endpoint table, extractors, the problem table, one file per resource.
//!
//! A handler extracts its input, calls one service, and responds. Its signature states all that the
//! handler requires.

pub mod access;
pub mod asyncapi;
mod audit;
mod authority;
mod bulk;
mod compression;
mod context;
mod dead_letters;
pub mod docs;
mod drills;
mod edge;
mod event_schema;
mod exports;
mod extract;
mod gate;
mod headers;
mod health;
mod keys;
mod limits;
mod middleware;
pub mod openapi;
mod ops;
mod params;
mod past;
mod plans;
mod policies;
mod polling;
mod problem;
mod quick;
mod readers;
mod replays;
mod resolve;
mod respond;
mod returned;
mod routes;
mod streams;
mod tenants;
mod tls;
mod trail;
mod unread;
mod yaml;

use std::{net::TcpListener, sync::Arc};

use actix_web::{
    App, HttpServer,
    dev::Server,
    guard,
    middleware::{Condition, from_fn},
    web::{self, ServiceConfig, delete, get, patch, post, put, resource},
};
pub use bulk::Limits as BulkLimits;
pub use health::{Check, CheckStatus, Health};
pub use limits::Limits;
pub use ops::ops_server;
pub use quick::Tallies;
pub use tls::{Certificates, Transport};

use self::{gate::Gate, quick::Quick};
use crate::{
    config,
    resilience::Workers,
    service::{
        access::{callers::Callers, keys::Keys, trail::Trail},
        admin::{dead_letters::DeadLetters, drills::Drills, replays::Replays},
        history::{audit::AuditReads, exports::Exports},
        read::{polls::Polls, reads::Reads},
        write::{plans::Plans, writer::Writer},
    },
};

/// The services that handlers use.
pub struct ApiState {
    /// The write path.
    pub writer: Arc<Writer>,
    /// Reads from Postgres.
    pub reads: Arc<Reads>,
    /// Plans, batches and rollbacks: many changes at once.
    pub plans: Plans,
    /// The read path of proxies.
    pub polls: Arc<Polls>,
    /// Reads of the archive.
    pub audit: Arc<AuditReads>,
    /// Exports of the archive.
    pub exports: Exports,
    /// API keys: their creation, rotation and revocation.
    pub keys: Keys,
    /// Forced breaker states of this instance.
    pub drills: Drills,
    /// Dead letters: records that could not be archived.
    pub dead_letters: DeadLetters,
    /// Replays: parts of the history that are published again.
    pub replays: Replays,
    /// Authentication: finds the caller of a token.
    pub callers: Arc<Callers>,
    /// The access log, for refusals and sensitive reads.
    pub trail: Arc<Trail>,
    /// The worker threads, for large bodies and answers.
    pub workers: Arc<Workers>,
    /// Limits of the memory that large bodies may hold.
    pub bulk: BulkLimits,
}

/// `GET` and `HEAD` (RFC 9110 §9.3.2): the server sends the same head, and no body.
fn read() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Compresses the answers of a route, for clients that accept compression.
fn compressed(route: actix_web::Route) -> actix_web::Route {
    route.wrap(from_fn(compression::compress))
}

/// Registers every endpoint of the API, in one place.
fn api(config: &mut ServiceConfig, bulk: &bulk::Limits) {
    const ROUTE: &str = "/routes/{tenant}/{service}/{env}/{version}";
    const POLICY: &str = "/policies/{tenant}/{service}/{env}";
    let route = |rest: &str| resource(format!("{ROUTE}{rest}"));
    config.service(
        web::scope("/api/v1")
            .service(
                resource("/routes")
                    .route(compressed(read().to(routes::list)))
                    .route(post().to(routes::upsert)),
            )
            .service(resource("/routes/resolve").route(read().to(resolve::resolve)))
            .service(resource("/routes/activate").route(post().to(routes::activate_by_body)))
            .service(resource("/routes/deactivate").route(post().to(routes::deactivate_by_body)))
            .service(
                route("")
                    .route(read().to(routes::get))
                    .route(put().to(routes::put))
                    .route(patch().to(routes::patch))
                    .route(delete().to(routes::delete)),
            )
            .service(route("/activate").route(post().to(routes::activate)))
            .service(route("/deactivate").route(post().to(routes::deactivate)))
            .service(route("/history").route(compressed(read().to(routes::history))))
            .service(route("/blame").route(read().to(past::blame)))
            .service(resource("/policies").route(compressed(read().to(policies::list))))
            .service(
                resource(POLICY)
                    .route(read().to(policies::get))
                    .route(put().to(policies::put))
                    .route(patch().to(policies::patch))
                    .route(delete().to(policies::delete)),
            )
            .service(
                resource(format!("{POLICY}/history"))
                    .route(compressed(read().to(policies::history))),
            )
            .service(
                resource("/tenants")
                    .route(compressed(read().to(tenants::list)))
                    .route(post().to(tenants::create)),
            )
            .service(
                resource("/tenants/{tenant}")
                    .route(read().to(tenants::get))
                    .route(patch().to(tenants::patch))
                    .route(delete().to(tenants::delete)),
            )
            .service(
                resource("/tenants/{tenant}/plans")
                    .app_data(bulk.clone())
                    .route(compressed(read().to(plans::list)))
                    .route(post().to(plans::create)),
            )
            .service(
                resource("/tenants/{tenant}/plans/{id}")
                    .route(compressed(read().to(plans::get)))
                    .route(delete().to(plans::delete)),
            )
            .service(resource("/tenants/{tenant}/plans/{id}/apply").route(post().to(plans::apply)))
            .service(
                resource("/tenants/{tenant}/batch")
                    .app_data(bulk.clone())
                    .route(post().to(plans::batch)),
            )
            .service(resource("/tenants/{tenant}/rollback").route(post().to(plans::rollback)))
            .service(
                resource("/tenants/{tenant}/export").route(compressed(read().to(plans::export))),
            )
            .service(resource("/tenants/{tenant}/diff").route(compressed(read().to(past::diff))))
            .service(resource("/tenants/{tenant}/snapshot").route(read().to(polling::snapshot)))
            .service(resource("/tenants/{tenant}/changes").route(read().to(polling::changes)))
            .service(resource("/tenants/{tenant}/stream").route(get().to(streams::stream)))
            .service(resource("/stream").route(get().to(streams::all)))
            .service(resource("/audit/route").route(compressed(read().to(audit::route))))
            .service(resource("/audit/recent").route(compressed(read().to(audit::recent))))
            .service(resource("/audit/action").route(compressed(read().to(audit::action))))
            .service(resource("/audit/time-range").route(compressed(read().to(audit::time_range))))
            .service(resource("/audit/events").route(compressed(read().to(audit::events))))
            .service(resource("/audit/export").route(get().to(exports::export)))
            .service(resource("/audit/verify").route(read().to(audit::verify)))
            .service(resource("/audit/access").route(compressed(read().to(audit::access::list))))
            .service(resource("/audit/status").route(read().to(audit::status)))
            .service(resource("/dead-letters").route(compressed(read().to(dead_letters::list))))
            .service(resource("/dead-letters/redrive").route(post().to(dead_letters::redrive_many)))
            .service(
                resource("/dead-letters/{letter_id}")
                    .route(compressed(read().to(dead_letters::get))),
            )
            .service(
                resource("/dead-letters/{letter_id}/redrive")
                    .route(post().to(dead_letters::redrive)),
            )
            .service(
                resource("/dead-letters/{letter_id}/discard")
                    .route(post().to(dead_letters::discard)),
            )
            .service(
                resource("/replays")
                    .route(compressed(read().to(replays::list)))
                    .route(post().to(replays::create)),
            )
            .service(
                resource("/replays/{replay_id}")
                    .route(read().to(replays::get))
                    .route(delete().to(replays::cancel)),
            )
            .service(
                resource("/keys")
                    .route(compressed(read().to(keys::list)))
                    .route(post().to(keys::create)),
            )
            .service(
                resource("/keys/{key_id}")
                    .route(read().to(keys::get))
                    .route(delete().to(keys::revoke)),
            )
            .service(resource("/keys/{key_id}/rotate").route(post().to(keys::rotate)))
            .service(
                resource("/resilience/{dependency}/drill")
                    .route(post().to(drills::begin))
                    .route(delete().to(drills::end)),
            )
            .service(resource("/openapi.json").route(read().to(docs::openapi))),
    );
}

/// Registers the health endpoints, which both listeners have.
fn health_endpoints(config: &mut ServiceConfig) {
    config
        .service(resource("/health").route(read().to(health::process)))
        .service(resource("/health/live").route(read().to(health::process)))
        .service(resource("/health/ready").route(read().to(health::ready)))
        .service(resource("/health/resilience").route(read().to(health::resilience)));
}

/// Registers the endpoints of the API's own documentation.
fn documents(config: &mut ServiceConfig) {
    config
        .service(resource("/problems/{code}").route(read().to(docs::problem)))
        .service(resource("/docs").route(read().to(docs::home)))
        .service(resource("/docs/events").route(read().to(docs::events)))
        .service(resource("/docs/events/route-event.v1.json").route(read().to(docs::event_schema)))
        .service(resource("/docs/tenant-document.v1.json").route(read().to(docs::tenant_schema)))
        .service(resource("/docs/{file:.*}").route(read().to(docs::page)));
}

/// Registers everything on the API's listener. `bulk` limits the bodies of plans and batches.
fn endpoints(bulk: &bulk::Limits) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        api(config, bulk);
        health_endpoints(config);
        documents(config);
    }
}

/// Returns the API's server on a bound listener, over TLS if there is a `transport`. The server
/// does not handle signals: the code that runs it drains it.
pub fn api_server(
    listener: TcpListener,
    transport: Option<Transport>,
    settings: &config::Settings,
    state: web::Data<ApiState>,
    health: web::Data<Health>,
    tallies: Arc<Tallies>,
    limits: Arc<Limits>,
) -> std::io::Result<Server> {
    let documents = web::Data::new(docs::Documents::new(&settings.kafka));
    let config::Settings {
        http: settings,
        drain,
        auth,
        ..
    } = settings;
    let answered = authority::Answered::new(
        &settings.allowed_hosts,
        auth.mode == config::AuthMode::Required,
    );
    let body = web::PayloadConfig::new(settings.max_body_bytes);
    let gate = Arc::new(Gate::new(
        state.callers.clone(),
        limits,
        settings.trusted_proxies.clone(),
    ));
    let bulk = state.bulk.clone();
    let limits = edge::Limits::new(settings);
    let (origins, has_cors) = (
        settings.cors_origins.clone(),
        !settings.cors_origins.is_empty(),
    );
    let around = web::Data::new(middleware::Around::new(
        settings.request_timeout,
        gate.clone(),
        state.trail.clone(),
    ));
    let app = move || {
        App::new()
            .wrap(from_fn(middleware::surround))
            .wrap(Condition::new(has_cors, edge::cors(&origins)))
            .wrap(Condition::new(
                has_cors,
                from_fn(middleware::finish_preflight),
            ))
            .app_data(limits)
            .app_data(answered.clone())
            .app_data(body.clone())
            .app_data(around.clone())
            // Each worker has a `Quick` of its own, because this closure runs once in each worker.
            .app_data(web::Data::new(Quick::new(
                state.polls.clone(),
                gate.clone(),
                &tallies,
            )))
            .app_data(state.clone())
            .app_data(health.clone())
            .app_data(documents.clone())
            .configure(endpoints(&bulk))
    };
    let stall = settings.write_stall;
    let trust_domain = settings.tls.trust_domain.clone();
    let workers = worker_count(settings.workers);
    // actix counts connections for each worker, and gives connections to its workers in turn.
    let connections = (settings.max_connections / workers).max(1);
    let server = HttpServer::new(app)
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(whole_seconds(drain.requests))
        .max_connections(connections)
        .keep_alive(settings.keep_alive)
        .client_request_timeout(settings.client_header_timeout)
        .tls_handshake_timeout(settings.client_header_timeout)
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

/// Rounds up to whole seconds.
fn whole_seconds(time: std::time::Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Returns the number of workers that is set, or one for each core if the setting is 0.
fn worker_count(set: usize) -> usize {
    if set > 0 {
        set
    } else {
        std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get)
    }
}
