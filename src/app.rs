//! The composition root: the parts of each role, their start order and their drain order.
//!
//! Only this module knows all others, and no other module knows this one.

mod access_log;
pub mod commands;
mod memory;
mod parts;
mod pipeline;
mod postgres;
pub mod services;
pub mod supervise;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{dev::ServerHandle, web};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::{Instant, timeout_at};

use self::{parts::Parts, services::Base};
use crate::{
    cache::{Cache, files::Files},
    config::{self, ConfigError, Settings},
    health::Health,
    http::{self, ApiServer, ApiState, Tallies, Transport},
    relay::RelayStatus,
    service::write::{after_commit::RelayWakes, unpublished::Unpublished},
    signing::SigningKey,
    store::router::Router,
    telemetry::names,
};

/// The role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves the API.
    Serve,
    /// Publishes the outbox to Kafka.
    Relay,
    /// Archives events from Kafka in MongoDB.
    Audit,
    /// All three roles in one process.
    All,
}

impl Role {
    fn serves(self) -> bool {
        matches!(self, Self::Serve | Self::All)
    }

    fn relays(self) -> bool {
        matches!(self, Self::Relay | Self::All)
    }

    fn uses_postgres(self) -> bool {
        self.serves() || self.relays()
    }

    fn audits(self) -> bool {
        matches!(self, Self::Audit | Self::All)
    }
}

/// The reason why a process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong or missing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address could not be bound.
    #[error("configuration: {key}: {address} cannot be bound")]
    Bind {
        /// The settings key of the address.
        key: &'static str,
        /// The address and port that could not be bound.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

impl StartError {
    fn cannot_bind(key: &'static str, address: SocketAddr) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Bind {
            key,
            address,
            source,
        }
    }
}

/// A running process: its addresses, and [`App::drain`] to end it.
pub struct App {
    /// The API's listen address; `None` in a role without the API.
    pub api: Option<SocketAddr>,
    /// The listen address of metrics and health.
    pub ops: SocketAddr,
    settings: config::Drain,
    health: web::Data<Health>,
    api_server: Option<ServerHandle>,
    ops_server: ServerHandle,
    parts: Parts,
}

impl App {
    /// Binds the addresses, starts all parts of the role, and returns. Dependencies may still be
    /// unavailable: readiness shows whether the process can serve.
    pub async fn start(
        settings: Settings,
        role: Role,
        metrics: PrometheusHandle,
    ) -> Result<Self, StartError> {
        let cluster = role
            .uses_postgres()
            .then(|| Router::connect(&settings.postgres, &settings.resilience).map(Arc::new))
            .transpose()?;
        let listeners = Listeners::bind(&settings.http, role)?;
        let mut parts = Parts::default();
        watch_process(&metrics, &mut parts);
        let mut cache = None;
        if let Some(router) = cluster.as_ref().filter(|_| role.serves()) {
            let files = snapshot_files(&settings.read)?;
            let keys = SigningKey::read_all(&settings.dataplane.signing_keys)?;
            for key in &keys {
                metrics::gauge!(names::SIGNING_KEY, "key" => key.id().to_string()).set(1.0);
            }
            cache = Some(Cache::new(router.clone(), &settings.read, files, keys));
        }
        let mut health = Health::new(metrics, can_serve(cluster.clone(), cache.clone()));
        let state = Box::pin(start_role(
            &settings,
            role,
            cluster.as_ref(),
            cache.clone(),
            &mut health,
            &mut parts,
        ))
        .await?;
        let limits = Arc::new(http::Limits::new(&settings.limits));
        if let Some(working) = limits.working().filter(|_| role.serves()) {
            health.shares(working);
        }
        let tallies = Arc::new(Tallies::default());
        let counted = tallies.clone();
        health.before_metrics(move || counted.add_up());
        let health = web::Data::new(health);
        parts.spawn_start(cluster, cache, health.clone().into_inner());
        let served = state.map(|state| Served {
            state: web::Data::new(state),
            limits,
            tallies,
        });
        let Servers { api, ops } = listeners.serve(&settings, served, &health, &mut parts)?;
        let (api, api_server) = api.unzip();
        let (ops, ops_server) = ops;
        Ok(Self {
            api,
            ops,
            settings: settings.drain,
            health,
            api_server,
            ops_server,
            parts,
        })
    }

    /// Ends all parts in order, by one deadline. Readiness becomes 503; load balancers get a grace
    /// period; the server accepts no new connections and running requests end; the relay, the
    /// consumer and the access log finish their step and flush; then the watchers end. Parts that
    /// still run at the deadline are abandoned.
    pub async fn drain(self) {
        tracing::info!("draining");
        let deadline = Instant::now() + self.settings.deadline;
        // A part that hangs leaves the next ones the time of one step.
        let last_step = deadline - self.settings.step;
        self.health.draining();
        if let Some(server) = &self.api_server {
            tokio::time::sleep(self.settings.ready_grace).await;
            self.parts.stop_waiters.cancel();
            // The server itself limits this to `drain.requests_ms`.
            if timeout_at(last_step, server.stop(true)).await.is_err() {
                tracing::warn!(part = "api", "a part of the process did not stop in time");
            }
        }
        self.parts.pipeline.end(last_step).await;
        self.parts.watchers.end(deadline).await;
        self.ops_server.stop(false).await;
        tracing::info!("drained");
    }
}

/// The bound addresses of a process.
struct Listeners {
    /// The API's, in a role that serves it, with its certificates.
    api: Option<(TcpListener, Option<Transport>)>,
    /// That for Envoys, if the API is served and there is one.
    ads: Option<TcpListener>,
    ops: TcpListener,
}

/// The services of the API, with the limits of their callers and the counts of the fast path.
struct Served {
    state: web::Data<ApiState>,
    limits: Arc<http::Limits>,
    tallies: Arc<Tallies>,
}

/// The running servers of a process, each with its address.
struct Servers {
    api: Option<(SocketAddr, ServerHandle)>,
    ops: (SocketAddr, ServerHandle),
}

impl Listeners {
    fn bind(http: &config::Http, role: Role) -> Result<Self, StartError> {
        let (mut api, mut ads) = (None, None);
        if role.serves() {
            let transport = Transport::of(&http.tls)?;
            api = Some((bind("http.listen", http.listen)?, transport));
            let listen = http.ads_listen;
            ads = listen
                .map(|address| bind("http.ads_listen", address))
                .transpose()?;
        }
        let ops = bind("http.ops_listen", http.ops_listen)?;
        Ok(Self { api, ads, ops })
    }

    /// Starts the servers: that of the API if there are services to be `served`.
    fn serve(
        self,
        settings: &Settings,
        served: Option<Served>,
        health: &web::Data<Health>,
        parts: &mut Parts,
    ) -> Result<Servers, StartError> {
        let http = &settings.http;
        let mut api = None;
        if let (Some((listener, transport)), Some(served)) = (self.api, served) {
            if let Some(transport) = &transport {
                parts.watch_certificates(transport.certificates(), http.tls.reload);
            }
            let Served {
                state,
                limits,
                tallies,
            } = served;
            parts.watch("limits", Duration::from_secs(60), &limits, async |limits| {
                limits.retire()
            });
            let address = local_address(&listener, http.listen);
            if let (Some(listener), Some(asked)) = (self.ads, http.ads_listen) {
                let tls = transport.as_ref().map(Transport::for_streams);
                let server = http::AdsServer::new(
                    listener,
                    tls,
                    settings,
                    state.clone().into_inner(),
                    limits.clone(),
                )
                .map_err(StartError::cannot_bind("http.ads_listen", asked))?;
                parts.serve_envoys(server);
            }
            let server = ApiServer {
                listener,
                transport,
                settings,
                state,
                health: health.clone(),
                tallies,
                limits,
            };
            let server = server
                .run()
                .map_err(StartError::cannot_bind("http.listen", http.listen))?;
            api = Some((address, server.handle()));
            tokio::spawn(server);
        }
        let address = local_address(&self.ops, http.ops_listen);
        let server = http::ops_server(self.ops, http, health.clone())
            .map_err(StartError::cannot_bind("http.ops_listen", http.ops_listen))?;
        let ops = (address, server.handle());
        tokio::spawn(server);
        Ok(Servers { api, ops })
    }
}

/// Starts the work of a role: its services and tasks. Returns the services of the API, if the role
/// serves it.
async fn start_role(
    settings: &Settings,
    role: Role,
    cluster: Option<&Arc<Router>>,
    cache: Option<Arc<Cache>>,
    health: &mut Health,
    parts: &mut Parts,
) -> Result<Option<ApiState>, ConfigError> {
    let mut state = None;
    if let Some(router) = cluster {
        let unpublished = Unpublished::new(&settings.audit);
        postgres::watch_outbox(router.primary(), &unpublished, health, parts);
        postgres::watch(&settings.postgres, router, health, parts);
        let wakes = RelayWakes::default();
        let relay = Arc::new(RelayStatus::default());
        if let Some(cache) = cache {
            let base = Base {
                settings,
                router,
                cache,
                unpublished,
                wakes: wakes.clone(),
                relay: relay.clone(),
            };
            state = Some(base.start(health, parts).await?);
        }
        if role.relays() {
            let primary = router.primary().clone();
            pipeline::start_relay(settings, primary, wakes.own, relay, health, parts)?;
        }
    }
    if role.relays() || role.audits() {
        pipeline::watch_topics(settings, health, parts);
    }
    if role.audits() {
        pipeline::start_audit(settings, health, parts).await?;
    }
    Ok(state)
}

/// Starts the upkeep of the process's own memory.
fn watch_process(metrics: &PrometheusHandle, parts: &mut Parts) {
    // Without this upkeep, histograms keep every recorded value in memory until the next scrape.
    parts.watch(
        "metrics",
        Duration::from_secs(5),
        metrics,
        async |metrics| metrics.run_upkeep(),
    );
    let kept = Arc::new(memory::Kept::default());
    parts.watch("memory", Duration::from_secs(10), &kept, async |kept| {
        kept.give_back().await
    });
}

/// Returns the condition of readiness: a server answers reads, or the cache holds snapshots, which
/// are served without any server. A role without Postgres is always ready.
fn can_serve(
    cluster: Option<Arc<Router>>,
    cache: Option<Arc<Cache>>,
) -> impl Fn() -> bool + Send + Sync + 'static {
    move || {
        cluster.as_ref().is_none_or(|router| {
            router.can_read() || cache.as_ref().is_some_and(|cache| cache.has_anything())
        })
    }
}

/// Opens the directory for snapshots of resident tenants; `None` if no directory is set.
fn snapshot_files(settings: &config::Read) -> Result<Option<Files>, ConfigError> {
    if settings.snapshot_dir.is_empty() {
        return Ok(None);
    }
    let wrong = |error: std::io::Error| ConfigError::Invalid {
        key: "read.snapshot_dir".into(),
        reason: format!("{} cannot be written to: {error}", settings.snapshot_dir),
    };
    Files::open(settings.snapshot_dir.as_ref())
        .map(Some)
        .map_err(wrong)
}

fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(StartError::cannot_bind(key, address))
}

/// Returns the listener's address, with the port that the system chose if `asked` has port 0.
fn local_address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[tokio::test]
    async fn hanging_part_does_not_delay_the_drain_beyond_its_deadline() {
        let overrides = [
            "http.ops_listen=127.0.0.1:0",
            "postgres.primary_url=postgres://127.0.0.1:1/d",
            "kafka.bootstrap_servers=127.0.0.1:1",
        ];
        let mut settings = Settings::without_environment(&overrides.map(str::to_owned)).unwrap();
        settings.drain.deadline = Duration::from_millis(600);
        settings.drain.step = Duration::from_millis(200);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let mut app = App::start(settings, Role::Relay, metrics).await.unwrap();
        for _ in 0..20 {
            app.parts.pipeline.spawn("stuck", std::future::pending());
            app.parts.watchers.spawn("stuck", std::future::pending());
        }
        let began = Instant::now();
        app.drain().await;
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(600), "{took:?}");
        assert!(took < Duration::from_millis(2000), "{took:?}");
    }
}
