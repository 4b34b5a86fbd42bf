//! The composition root: the parts of each role, their start order and their drain order.
//!
//! Only this module knows all others, and no other module knows this one.

mod access_log;
pub mod commands;
mod memory;
mod pipeline;
pub mod supervise;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix_web::{dev::ServerHandle, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    audit::archive::Archive,
    auth::jwt::Verifier,
    cache::{Cache, files::Files, follower},
    config::{self, AuthMode, ConfigError, Settings, ms},
    health::{Check, CheckStatus, Health},
    http::{self, ApiServer, ApiState, Certificates, Tallies, Transport},
    relay::{self, RelayStatus},
    resilience::Dependency,
    service::{
        audit::AuditReads,
        callers::Callers,
        dead_letters::DeadLetters,
        exports::Exports,
        forced_states::ForcedStates,
        keys::Keys,
        plans::Plans,
        polls::Polls,
        privacy::Privacy,
        reads::Reads,
        replays::Replays,
        set_aside::{SetAside, SetAsideCount},
        timeline::TimelineWatch,
        unpublished::Unpublished,
        upkeep,
        writer::{OnCommit, Writer},
    },
    store::{self, Server, Visible, router::Router},
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

/// A running process: its addresses, and [`App::drain`] to end it.
pub struct App {
    /// The API's listen address; `None` in a role without the API.
    pub api: Option<SocketAddr>,
    /// The listen address of metrics and health.
    pub ops: SocketAddr,
    settings: Box<Settings>,
    health: web::Data<Health>,
    api_server: Option<ServerHandle>,
    ops_server: ServerHandle,
    // Drain order: long-polls and event streams, then the relay and the consumer, then the watchers
    // (periodic tasks).
    stop_waiters: CancellationToken,
    stop_pipeline: CancellationToken,
    stop_watchers: CancellationToken,
    pipeline: Vec<(&'static str, JoinHandle<()>)>,
    watchers: Vec<JoinHandle<()>>,
}

impl App {
    /// Binds the addresses, starts all parts of the role, and returns. Dependencies may still be
    /// unavailable: readiness shows whether the process can serve.
    pub async fn start(
        settings: Settings,
        role: Role,
        metrics: PrometheusHandle,
    ) -> Result<Self, StartError> {
        let cluster = if role.serves() || role.relays() {
            Some(cluster(&settings)?)
        } else {
            None
        };
        let transport = if role.serves() {
            Transport::of(&settings.http.tls)?
        } else {
            None
        };
        let api_listener = if role.serves() {
            Some(bind("http.listen", settings.http.listen)?)
        } else {
            None
        };
        let ops_listener = bind("http.ops_listen", settings.http.ops_listen)?;
        let ops = local_address(&ops_listener, settings.http.ops_listen);
        let mut parts = Parts {
            stop_waiters: CancellationToken::new(),
            stop_pipeline: CancellationToken::new(),
            stop_watchers: CancellationToken::new(),
            pipeline: Vec::new(),
            watchers: Vec::new(),
        };
        // Without this upkeep, histograms keep every recorded value in memory until the next
        // scrape.
        parts.watch(Duration::from_secs(5), &metrics, async |metrics| {
            metrics.run_upkeep()
        });
        parts.watch(
            Duration::from_secs(10),
            &Arc::new(memory::Kept::default()),
            async |kept| kept.give_back().await,
        );
        if let Some(transport) = &transport {
            parts.watch_certificates(transport.certificates(), ms(settings.http.tls.reload_ms));
        }
        let router = cluster.clone();
        let resident: Arc<OnceLock<Arc<Cache>>> = Arc::default();
        let held = resident.clone();
        // Snapshots in the cache are served without any database server.
        let can_serve = move || {
            router.as_ref().is_none_or(|router| {
                router.can_read() || held.get().is_some_and(|cache| cache.has_anything())
            })
        };
        let mut health = Health::new(metrics, can_serve);
        let mut state = None;
        let unpublished = Unpublished::new(&settings.audit);
        if let Some(router) = &cluster {
            watch_postgres(&settings, router, &unpublished, &mut health, &mut parts);
        }
        let relay = Arc::new(RelayStatus::default());
        let committed = Committing {
            unpublished,
            relay: Arc::default(),
            others: Arc::default(),
        };
        if let Some(router) = cluster.as_ref().filter(|_| role.serves()) {
            let files = snapshot_files(&settings.read)?;
            let cache = resident
                .get_or_init(|| Cache::new(router.clone(), &settings.read, files))
                .clone();
            let serving = serve(
                &settings,
                router,
                cache,
                &committed,
                &relay,
                &mut health,
                &mut parts,
            );
            state = Some(Box::pin(serving).await?);
        }
        if let Some(router) = cluster.as_ref().filter(|_| role.relays()) {
            pipeline::start_relay(
                &settings,
                router.primary().clone(),
                &committed,
                relay,
                &mut health,
                &mut parts,
            )?;
        }
        if role.relays() || role.audits() {
            pipeline::watch_topics(&settings, &mut health, &mut parts);
        }
        if role.audits() {
            pipeline::start_audit(&settings, &mut health, &mut parts).await?;
        }
        let limits = Arc::new(http::Limits::new(&settings.limits));
        if let Some(working) = limits.working().filter(|_| role.serves()) {
            health.shares(working);
        }
        let tallies = Arc::new(Tallies::default());
        let counted = tallies.clone();
        health.before_metrics(move || counted.add_up());
        let health = web::Data::new(health);
        parts.spawn_start(cluster, resident.get().cloned(), health.clone());
        let bound = |key, address| {
            move |source| StartError::Bind {
                key,
                address,
                source,
            }
        };
        let mut api = None;
        let mut api_server = None;
        if let (Some(listener), Some(state)) = (api_listener, state) {
            api = Some(local_address(&listener, settings.http.listen));
            parts.watch(Duration::from_secs(60), &limits, async |limits| {
                limits.retire()
            });
            let server = ApiServer {
                listener,
                transport,
                settings: &settings,
                state,
                health: health.clone(),
                tallies,
                limits,
            };
            let server = server
                .run()
                .map_err(bound("http.listen", settings.http.listen))?;
            api_server = Some(server.handle());
            tokio::spawn(server);
        }
        let server = http::ops_server(ops_listener, &settings.http, health.clone())
            .map_err(bound("http.ops_listen", settings.http.ops_listen))?;
        let ops_server = server.handle();
        tokio::spawn(server);
        let Parts {
            stop_waiters,
            stop_pipeline,
            stop_watchers,
            pipeline,
            watchers,
        } = parts;
        Ok(Self {
            api,
            ops,
            settings: Box::new(settings),
            health,
            api_server,
            ops_server,
            stop_waiters,
            stop_pipeline,
            stop_watchers,
            pipeline,
            watchers,
        })
    }

    /// Ends all parts in order. Readiness becomes 503; load balancers get a grace period; the
    /// server accepts no new connections; running requests end; the relay and the consumer finish
    /// their step and flush; then the watchers end. Each step has a time limit.
    pub async fn drain(self) {
        tracing::info!("draining");
        self.health.draining();
        if let Some(server) = &self.api_server {
            tokio::time::sleep(ms(self.settings.drain.ready_grace_ms)).await;
            self.stop_waiters.cancel();
            // Bounded by the server's own shutdown timeout (drain.requests_ms).
            server.stop(true).await;
        }
        self.stop_pipeline.cancel();
        for (name, task) in self.pipeline {
            if tokio::time::timeout(ms(self.settings.drain.step_ms), task)
                .await
                .is_err()
            {
                tracing::warn!(part = name, "a part of the process did not stop in time");
            }
        }
        self.stop_watchers.cancel();
        for task in self.watchers {
            let _ = tokio::time::timeout(ms(self.settings.drain.step_ms), task).await;
        }
        self.ops_server.stop(false).await;
        tracing::info!("drained");
    }
}

/// The parts of a process that is starting.
struct Parts {
    stop_waiters: CancellationToken,
    stop_pipeline: CancellationToken,
    stop_watchers: CancellationToken,
    pipeline: Vec<(&'static str, JoinHandle<()>)>,
    watchers: Vec<JoinHandle<()>>,
}

impl Parts {
    /// Runs `step` with `what` once per `every`, until the watchers are stopped.
    fn watch<T: Clone + Send + 'static, F: Future<Output = ()> + Send>(
        &mut self,
        every: Duration,
        what: &T,
        step: impl Fn(T) -> F + Send + 'static,
    ) {
        let (stop, what) = (self.stop_watchers.clone(), what.clone());
        self.watchers.push(tokio::spawn(async move {
            let mut tick = tokio::time::interval(every);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while stop.run_until_cancelled(tick.tick()).await.is_some() {
                if stop.run_until_cancelled(step(what.clone())).await.is_none() {
                    return;
                }
            }
        }));
    }

    /// Checks once per `every` whether the API's certificate files have been replaced.
    fn watch_certificates(&mut self, certificates: Arc<Certificates>, every: Duration) {
        self.watch(every, &certificates, async |certificates| {
            // File access may block. `reload` logs its result.
            let _ = tokio::task::spawn_blocking(move || certificates.reload()).await;
        });
    }

    /// Reports the process as started once the schema can be read, or once the cache has snapshots
    /// to serve.
    fn spawn_start(
        &mut self,
        cluster: Option<Arc<Router>>,
        cache: Option<Arc<Cache>>,
        health: web::Data<Health>,
    ) {
        let stop = self.stop_watchers.clone();
        let started = async move {
            let Some(router) = cluster else {
                return health.started();
            };
            loop {
                match router
                    .read(
                        &Visible::no_tenants(),
                        |_| true,
                        store::installation::cursor_key,
                    )
                    .await
                {
                    Ok(_) => return health.started(),
                    Err(_) if cache.as_ref().is_some_and(|cache| cache.has_anything()) => {
                        return health.started();
                    }
                    Err(error) => {
                        tracing::warn!(error = %error, "the database schema cannot be read yet; has `migrate` run?")
                    }
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        self.watchers.push(tokio::spawn(async move {
            stop.run_until_cancelled(Box::pin(started)).await;
        }));
    }
}

/// Shared state of commits: the limit of unpublished events, and the wake-ups of the relay in this
/// process and of the notifier that wakes the relays of other processes.
#[derive(Clone)]
struct Committing {
    unpublished: Arc<Unpublished>,
    relay: Arc<Notify>,
    others: Arc<Notify>,
}

/// Makes the router over the Postgres servers of the settings. Servers connect when first used.
fn cluster(settings: &Settings) -> Result<Arc<Router>, ConfigError> {
    const REPLICAS: [&str; 8] = [
        "postgres_replica_1",
        "postgres_replica_2",
        "postgres_replica_3",
        "postgres_replica_4",
        "postgres_replica_5",
        "postgres_replica_6",
        "postgres_replica_7",
        "postgres_replica_8",
    ];
    let postgres = &settings.postgres;
    let resilience = &settings.resilience;
    let server = |name, key, url, policy| {
        Server::new(name, key, url, postgres, resilience.policy(policy)).map(Arc::new)
    };
    let primary = server(
        "postgres_primary",
        "postgres.primary_url",
        &postgres.primary_url,
        &resilience.postgres_primary,
    )?;
    if postgres.replica_urls.len() > REPLICAS.len() {
        let reason = format!("may name at most {} replicas", REPLICAS.len());
        return Err(ConfigError::Invalid {
            key: store::REPLICA_URLS.into(),
            reason,
        });
    }
    let replicas = postgres
        .replica_urls
        .iter()
        .zip(REPLICAS)
        .map(|(url, name)| server(name, store::REPLICA_URLS, url, &resilience.postgres_replica));
    Ok(Arc::new(Router::new(
        primary,
        replicas.collect::<Result<_, _>>()?,
        postgres.replica_max_lag_bytes,
    )))
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

/// Watches the Postgres servers and the outbox, and adds their checks and sections to `health`.
fn watch_postgres(
    settings: &Settings,
    router: &Arc<Router>,
    unpublished: &Arc<Unpublished>,
    health: &mut Health,
    parts: &mut Parts,
) {
    parts.watch(
        ms(settings.postgres.replica_check_ms),
        router,
        async |router| {
            router.check().await;
            router.servers().for_each(|server| {
                server.close_old();
                server.report_pool();
            });
        },
    );
    let sampled = (unpublished.clone(), router.primary().clone());
    parts.watch(
        Duration::from_secs(1),
        &sampled,
        async |(unpublished, primary)| unpublished.sample(&primary).await,
    );
    let counted = (Arc::new(SetAsideCount::default()), router.primary().clone());
    parts.watch(
        Duration::from_secs(1),
        &counted,
        async |(count, primary)| count.sample(&primary).await,
    );
    health.check("set_aside", move || match counted.0.alarm() {
        None => Check::of(true, CheckStatus::Healthy, ""),
        Some(alarm) => Check::of(false, CheckStatus::Degraded, &alarm),
    });
    let backlog = unpublished.clone();
    health.section("backlog", move || json!(backlog.newest()));
    if unpublished.fails_closed() {
        let checked = unpublished.clone();
        health.check("audit_backlog", move || match checked.admits() {
            Ok(()) => Check::of(true, CheckStatus::Healthy, ""),
            Err(closed) => Check::of(
                false,
                CheckStatus::Degraded,
                &format!("writes are refused: {closed}"),
            ),
        });
    }
    let reported = router.clone();
    health.section("replicas", move || json!(reported.report()));
    for server in router.servers() {
        health.dependency(server.policy().clone());
        health.shares(server.turns());
    }
    let checked = router.clone();
    health.check("postgres_primary", move || {
        Check::of(
            checked.primary_answers(),
            CheckStatus::Unhealthy,
            "does not answer",
        )
    });
    if !settings.postgres.replica_urls.is_empty() {
        let checked = router.clone();
        health.check("postgres_replicas", move || {
            let fresh = checked.report().iter().all(|replica| replica.is_fresh);
            Check::of(
                fresh,
                CheckStatus::Degraded,
                "a replica is behind or does not answer; the primary reads for it",
            )
        });
    }
}

/// Starts the write path, the read path and the audit reads of the API.
async fn serve(
    settings: &Settings,
    router: &Arc<Router>,
    cache: Arc<Cache>,
    committed: &Committing,
    relay: &Arc<RelayStatus>,
    health: &mut Health,
    parts: &mut Parts,
) -> Result<web::Data<ApiState>, ConfigError> {
    parts.watch(ms(settings.read.refresh_ms), &cache, async |cache| {
        cache.refresh().await
    });
    parts.watch(ms(settings.read.snapshot_every_ms), &cache, async |cache| {
        cache.save().await
    });
    parts.watch(Duration::from_secs(60), &cache, async |cache| {
        cache.prune().await
    });
    parts.watch(Duration::from_secs(10), &cache, async |cache| {
        cache.bodies.drop_idle().await
    });
    if !settings.kafka.bootstrap_servers.is_empty() {
        let following = follower::follow(
            cache.clone(),
            settings.kafka.clone(),
            parts.stop_watchers.clone(),
        );
        parts.watchers.push(tokio::spawn(following));
    }
    let (written, wake) = (cache.clone(), committed.clone());
    let on_commit: OnCommit = Arc::new(move |committed| {
        for (tenant, tag) in &committed.new_tenants {
            written.begin(tenant, tag);
        }
        for (tenant, events) in committed.by_tenant() {
            written.apply(tenant, &events);
        }
        for tenant in &committed.deleted_tenants {
            written.forget(tenant);
        }
        if !committed.events.is_empty() {
            wake.relay.notify_one();
            wake.others.notify_one();
        }
    });
    let primary = router.primary();
    let privacy = Arc::new(Privacy::new(&settings.privacy, router.clone())?);
    let unpublished = committed.unpublished.clone();
    let (writer, lanes) = Writer::start(
        primary.clone(),
        &settings.write,
        &settings.limits,
        privacy.clone(),
        unpublished.clone(),
        on_commit,
    );
    parts.watchers.extend(lanes);
    health.shares(writer.queue());
    let writer = Arc::new(writer);
    let timeline = Arc::new(TimelineWatch::new(
        primary.clone(),
        writer.clone(),
        unpublished,
    ));
    parts.watch(
        ms(settings.write.timeline_check_ms),
        &timeline,
        async |timeline| timeline.look().await,
    );
    parts.watch(
        Duration::from_secs(1),
        &(primary.clone(), writer.clone()),
        async |(primary, writer)| {
            upkeep::end_tenants(primary, writer).await;
        },
    );
    let every = ms(settings.relay.notify_ms);
    let notifier = relay::wake_others(
        primary.clone(),
        committed.others.clone(),
        relay.clone(),
        every,
        parts.stop_watchers.clone(),
    );
    parts.watchers.push(tokio::spawn(notifier));
    let (hours, days) = (
        settings.write.idempotency_ttl_hours,
        settings.auth.ended_keys_days,
    );
    parts.watch(Duration::from_secs(60), primary, move |primary| {
        upkeep::sweep(primary, hours, days)
    });
    let reads = Arc::new(Reads::new(router.clone(), cache.clone(), privacy));
    let resilience = &settings.resilience;
    let mongodb = Dependency::new(
        "mongodb_queries",
        resilience.policy(&resilience.mongodb_queries),
    );
    health.dependency(mongodb.clone());
    let archive = Archive::new(&settings.mongo, mongodb.timeout()).await?;
    let access_log = access_log::start(settings, &archive, primary, health, parts);
    let audit = Arc::new(AuditReads::new(
        archive,
        mongodb,
        router.clone(),
        reads.clone(),
    ));
    let set_aside = Arc::new(SetAside::new(primary.clone(), audit.clone()));
    parts.watch(
        ms(settings.access_log.poll_ms),
        &set_aside,
        async |set_aside| set_aside.step().await,
    );
    let exports = Exports::new(audit.clone(), &settings.audit, parts.stop_waiters.clone());
    health.shares(exports.places());
    health.shares(cache.waiters.places());
    health.shares(cache.workers.shares());
    let bulk = http::BodyLimits::new(&settings.http, settings.resilience.share());
    health.shares(bulk.shares());
    let workers = cache.workers.clone();
    for at in 0..cache.held_bytes().len() {
        let held = cache.clone();
        health.pool(move || held.held_bytes()[at].clone());
    }
    let reported = cache.clone();
    health.section(
        "cache",
        move || json!({ "tenants": reported.len(), "stale_seconds": reported.stale_for().map(|age| age.as_secs()) }),
    );
    let tokens = Verifier::new(&settings.auth.jwt, resilience.policy(&resilience.jwks))?
        .filter(|_| settings.auth.mode == AuthMode::Required);
    if let Some(tokens) = &tokens {
        health.dependency(tokens.policy().clone());
        parts.watchers.push(tokio::spawn(
            tokens.clone().keep_fresh(parts.stop_watchers.clone()),
        ));
    }
    let callers = Arc::new(Callers::new(&settings.auth, primary.clone(), tokens)?);
    parts.watch(
        ms(settings.auth.key_refresh_ms),
        &callers,
        async |callers| callers.refresh().await,
    );
    let keys = Keys::new(
        primary.clone(),
        callers.pepper(),
        settings.auth.keys_per_tenant,
    );
    let policy = Dependency::new(
        "kafka_dead_letters",
        resilience.policy(&resilience.kafka_dead_letters),
    );
    let dead_letters = DeadLetters::new(
        settings.kafka.clone(),
        &settings.dead_letters,
        policy.clone(),
        primary.clone(),
        reads.clone(),
    );
    health.dependency(policy);
    let replays = Replays::new(primary.clone(), reads.clone(), settings.replay.clone());
    let plans = Plans::new(reads.clone(), &settings.limits, &writer);
    let polls = Arc::new(Polls::new(
        cache,
        router.clone(),
        settings.read.clone(),
        parts.stop_waiters.clone(),
        &writer,
    ));
    let forced_states = ForcedStates::new(primary.clone(), access_log.clone());
    Ok(web::Data::new(ApiState {
        writer,
        reads,
        plans,
        polls,
        audit,
        exports,
        keys,
        dead_letters,
        replays,
        forced_states,
        callers,
        access_log,
        workers,
        bulk,
        request_timeout: ms(settings.http.request_timeout_ms),
    }))
}

fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|source| StartError::Bind {
        key,
        address,
        source,
    })
}

/// Returns the listener's address, with the port that the system chose if `asked` has port 0.
fn local_address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}
