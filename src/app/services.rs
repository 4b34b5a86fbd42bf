//! Builds the services behind the API, and starts the tasks that work for them.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use serde_json::json;
use tokio::task::JoinHandle;

use super::{access_log, parts::Parts};
use crate::{
    audit::archive::Archive,
    auth::{jwt::Verifier, oidc::Provider, session::Sessions},
    cache::{Cache, follower},
    config::{AuthMode, ConfigError, OneDependency, Settings},
    health::Health,
    http::{self, ApiState},
    ledger::{Exchange, Ledger},
    relay::{self, RelayStatus},
    resilience::{Dependency, Shares},
    service::{
        access::{access_log::AccessLog, callers::Callers, keys::Keys},
        admin::{dead_letters::DeadLetters, forced_states::ForcedStates, replays::Replays},
        history::{audit::AuditReads, exports::Exports},
        nodes::Nodes,
        privacy::Privacy,
        quarantine::Quarantine,
        read::{polls::Polls, reads::Reads},
        write::{
            after_commit::{RelayWakes, after_commit},
            plans::Plans,
            unpublished::Unpublished,
            writer::{OnCommit, Writer},
        },
    },
    store::router::Router,
    workers::{set_aside::SetAside, timeline::TimelineWatch, upkeep},
};

/// The write path of a process.
pub struct WritePath {
    /// The entry to the write path.
    pub writer: Arc<Writer>,
    /// Seals the personal data of each command.
    pub privacy: Arc<Privacy>,
    /// The writer's lanes. They end when the last owner of the writer drops it.
    pub lanes: Vec<JoinHandle<()>>,
}

impl WritePath {
    /// Starts the write path on the primary of `router`. `unpublished` may refuse writes.
    pub fn start(
        settings: &Settings,
        router: &Arc<Router>,
        unpublished: Arc<Unpublished>,
        on_commit: OnCommit,
    ) -> Result<Self, ConfigError> {
        let privacy = Arc::new(Privacy::new(&settings.privacy, router.clone())?);
        let (writer, lanes) = Writer::start(
            router.primary().clone(),
            &settings.write,
            &settings.limits,
            privacy.clone(),
            unpublished,
            on_commit,
        );
        Ok(Self {
            writer: Arc::new(writer),
            privacy,
            lanes,
        })
    }
}

/// The parts of a process that its services are built on.
pub(super) struct Base<'a> {
    pub settings: &'a Settings,
    pub router: &'a Arc<Router>,
    pub cache: Arc<Cache>,
    pub unpublished: Arc<Unpublished>,
    pub wakes: RelayWakes,
    pub relay: Arc<RelayStatus>,
}

impl Base<'_> {
    /// Builds the services, starts their tasks, and adds their checks to `health`.
    pub async fn start(
        self,
        health: &mut Health,
        parts: &mut Parts,
    ) -> Result<ApiState, ConfigError> {
        let Self {
            settings, router, ..
        } = self;
        let primary = router.primary();
        self.watch_cache(health, parts);
        let WritePath {
            writer, privacy, ..
        } = self.start_write_path(health, parts)?;
        let reads = Arc::new(Reads::new(router.clone(), self.cache.clone(), privacy));
        let (audit, access_log) = self.start_audit(&reads, health, parts).await?;
        let (callers, provider) = self.start_callers(health, parts)?;
        let exports = Exports::new(audit.clone(), &settings.audit, parts.stop_waiters.clone());
        health.shares(exports.places());
        let bulk = http::BodyLimits::new(&settings.http, settings.resilience.share());
        health.shares(bulk.shares());
        let keys = Keys::new(
            primary.clone(),
            callers.pepper(),
            settings.auth.keys_per_tenant,
        );
        let polls = Arc::new(Polls::new(
            self.cache.clone(),
            router.clone(),
            settings.read.clone(),
            parts.stop_waiters.clone(),
            &writer,
        ));
        let nodes = self.start_nodes(&polls, &reads, health, parts)?;
        let streams = Shares::new(
            "envoy_streams",
            "streams",
            settings.dataplane.max_streams as usize,
            settings.resilience.share(),
        );
        health.shares(&streams);
        let own = traffic_manager_dataplane::Settings {
            ca_file: settings.dataplane.ca_file.clone(),
            listen: settings.dataplane.listen.to_string(),
            admin: settings.dataplane.admin.to_string(),
        };
        let quarantine = Quarantine::new(
            primary.clone(),
            reads.clone(),
            own.clone(),
            self.cache.workers.clone(),
        );
        let dataplane = http::Dataplane {
            streams,
            quarantine: Arc::new(quarantine),
            settings: own,
            ads_port: settings.http.ads_listen.map(|address| address.port()),
        };
        Ok(ApiState {
            dataplane,
            plans: Plans::new(reads.clone(), &settings.limits, &writer),
            polls,
            nodes,
            exports,
            keys,
            dead_letters: self.dead_letters(&reads, health),
            replays: Replays::new(primary.clone(), reads.clone(), settings.replay.clone()),
            forced_states: ForcedStates::new(primary.clone(), access_log.clone()),
            workers: self.cache.workers.clone(),
            writer,
            reads,
            audit,
            callers,
            provider,
            access_log,
            bulk,
            request_timeout: settings.http.request_timeout,
        })
    }

    /// Starts the ledger of nodes, and its exchange with the other instances.
    fn start_nodes(
        &self,
        polls: &Arc<Polls>,
        reads: &Arc<Reads>,
        health: &mut Health,
        parts: &mut Parts,
    ) -> Result<Arc<Nodes>, ConfigError> {
        let kafka = &self.settings.kafka;
        let ledger = Arc::new(Ledger::new(&self.settings.nodes));
        let workers = self.cache.workers.clone();
        let nodes = Nodes::new(ledger.clone(), polls.clone(), reads.clone(), workers);
        let nodes = Arc::new(nodes);
        let mut exchange = None;
        if !kafka.bootstrap_servers.is_empty() {
            let made = Arc::new(Exchange::new(ledger.clone(), kafka)?);
            let following = made.clone().follow(parts.watchers.stopped());
            parts.watchers.spawn("nodes", following);
            parts.watch("nodes_beat", Duration::from_secs(1), &made, async |made| {
                made.beat().await
            });
            exchange = Some(made);
        }
        let step = (ledger.clone(), exchange);
        parts.watch(
            "nodes_step",
            Duration::from_millis(50),
            &step,
            async |(ledger, exchange)| {
                ledger.flush();
                if let Some(exchange) = exchange {
                    exchange.tell();
                }
            },
        );
        parts.watch(
            "nodes_measure",
            Duration::from_millis(100),
            &nodes,
            async |nodes| nodes.measure(),
        );
        let swept = (ledger.clone(), self.cache.clone());
        parts.watch(
            "nodes_sweep",
            Duration::from_secs(1),
            &swept,
            async |(ledger, cache)| {
                for (tenant, at) in cache.take_ended() {
                    ledger.forget(&tenant, ledger.ago(at.elapsed()));
                }
                ledger.sweep();
            },
        );
        parts.watch(
            "nodes_minute",
            Duration::from_secs(60),
            &ledger,
            async |ledger| ledger.turn_minute(),
        );
        parts.watch(
            "nodes_shown",
            Duration::from_secs(5),
            &nodes,
            async |nodes| {
                nodes.show();
            },
        );
        let reported = ledger.clone();
        health.section("nodes", move || json!(reported.link()));
        health.pool(move || ledger.held_bytes());
        Ok(nodes)
    }

    /// Starts the tasks that keep the cache current, small and saved.
    fn watch_cache(&self, health: &mut Health, parts: &mut Parts) {
        let (cache, settings) = (&self.cache, self.settings);
        parts.watch(
            "cache_refresh",
            settings.read.refresh,
            cache,
            async |cache| cache.refresh().await,
        );
        parts.watch(
            "cache_save",
            settings.read.snapshot_every,
            cache,
            async |cache| cache.save().await,
        );
        parts.watch(
            "cache_prune",
            Duration::from_secs(60),
            cache,
            async |cache| cache.prune().await,
        );
        parts.watch(
            "cache_bodies",
            Duration::from_secs(10),
            cache,
            async |cache| {
                cache.bodies.drop_idle().await;
                cache.offers.drop_idle().await;
                if let Some(signer) = &cache.signer {
                    signer.drop_idle();
                }
            },
        );
        if !settings.kafka.bootstrap_servers.is_empty() {
            let following = follower::follow(
                cache.clone(),
                settings.kafka.clone(),
                parts.watchers.stopped(),
            );
            parts.watchers.spawn("follower", following);
        }
        health.shares(cache.waiters.places());
        health.shares(cache.workers.shares());
        for at in 0..cache.held_bytes().len() {
            let held = cache.clone();
            health.pool(move || held.held_bytes()[at].clone());
        }
        let reported = cache.clone();
        health.section(
            "cache",
            move || json!({ "tenants": reported.len(), "stale_seconds": reported.stale_for().map(|age| age.as_secs()) }),
        );
    }

    /// Starts the writer, and the tasks that write for the service itself.
    fn start_write_path(
        &self,
        health: &mut Health,
        parts: &mut Parts,
    ) -> Result<WritePath, ConfigError> {
        let (settings, primary) = (self.settings, self.router.primary());
        let (cache, wakes) = (self.cache.clone(), self.wakes.clone());
        let on_commit: OnCommit =
            Arc::new(move |committed| after_commit(&cache, &wakes, committed));
        let unpublished = self.unpublished.clone();
        let mut path = WritePath::start(settings, self.router, unpublished.clone(), on_commit)?;
        for lane in path.lanes.drain(..) {
            // A lane that is late goes on until the process ends: it may be about to commit.
            parts.watchers.spawn("lane", lane.map(drop));
        }
        let writer = &path.writer;
        health.shares(writer.queue());
        let timeline = Arc::new(TimelineWatch::new(
            primary.clone(),
            writer.clone(),
            unpublished,
        ));
        let every = settings.write.timeline_check;
        parts.watch("timeline", every, &timeline, async |timeline| {
            timeline.look().await
        });
        let ending = (primary.clone(), writer.clone());
        parts.watch(
            "end_tenants",
            Duration::from_secs(1),
            &ending,
            async |(primary, writer)| upkeep::end_tenants(primary, writer).await,
        );
        let hours = settings.write.idempotency_ttl_hours;
        let days = settings.auth.ended_keys_days;
        parts.watch("sweep", Duration::from_secs(60), primary, move |primary| {
            upkeep::sweep(primary, hours, days)
        });
        let notifier = relay::wake_others(
            primary.clone(),
            self.wakes.others.clone(),
            self.relay.clone(),
            settings.relay.notify,
            parts.watchers.stopped(),
        );
        parts.watchers.spawn("notifier", notifier);
        Ok(path)
    }

    /// Starts the reads of the archive, and the access log.
    async fn start_audit(
        &self,
        reads: &Arc<Reads>,
        health: &mut Health,
        parts: &mut Parts,
    ) -> Result<(Arc<AuditReads>, Arc<AccessLog>), ConfigError> {
        let settings = self.settings;
        let mongodb = self.dependency(
            "mongodb_queries",
            &settings.resilience.mongodb_queries,
            health,
        );
        let archive = Archive::new(&settings.mongo, mongodb.timeout()).await?;
        let primary = self.router.primary();
        let access_log = access_log::start(settings, &archive, primary, health, parts);
        let audit = Arc::new(AuditReads::new(
            archive,
            mongodb,
            self.router.clone(),
            reads.clone(),
        ));
        let set_aside = Arc::new(SetAside::new(primary.clone(), audit.clone()));
        parts.watch(
            "set_aside",
            settings.access_log.poll,
            &set_aside,
            async |set_aside| set_aside.step().await,
        );
        Ok((audit, access_log))
    }

    /// Starts the authentication: the keys, the tokens of an external issuer, the sessions of the web
    /// page, and the client of the identity provider that signs people in there.
    fn start_callers(
        &self,
        health: &mut Health,
        parts: &mut Parts,
    ) -> Result<(Arc<Callers>, Option<Provider>), ConfigError> {
        let (auth, resilience) = (&self.settings.auth, &self.settings.resilience);
        let tokens = Verifier::new(&auth.jwt, resilience.policy(&resilience.jwks))?
            .filter(|_| auth.mode == AuthMode::Required);
        if let Some(tokens) = &tokens {
            health.dependency(tokens.policy().clone());
            let fresh = tokens.clone().keep_fresh(parts.watchers.stopped());
            parts.watchers.spawn("jwks", fresh);
        }
        let asks = auth.mode == AuthMode::Required;
        let sessions = match asks {
            true => Sessions::new(&self.settings.ui)?.map(Arc::new),
            false => None,
        };
        let primary = self.router.primary().clone();
        let callers = Arc::new(Callers::new(auth, primary, tokens.clone(), sessions)?);
        parts.watch("keys", auth.key_refresh, &callers, async |callers| {
            callers.refresh().await
        });
        let oidc = &self.settings.ui.oidc;
        let provider = match tokens.filter(|_| self.settings.ui.enabled && oidc.is_on()) {
            Some(tokens) => {
                let policy = self.dependency("oidc", &resilience.oidc, health);
                Provider::new(oidc, &auth.jwt, policy, tokens)?
            }
            None => None,
        };
        Ok((callers, provider))
    }

    fn dead_letters(&self, reads: &Arc<Reads>, health: &mut Health) -> DeadLetters {
        let settings = self.settings;
        let kafka = self.dependency(
            "kafka_dead_letters",
            &settings.resilience.kafka_dead_letters,
            health,
        );
        DeadLetters::new(
            settings.kafka.clone(),
            &settings.dead_letters,
            kafka,
            self.router.primary().clone(),
            reads.clone(),
        )
    }

    /// Creates a dependency, and adds it to `health`.
    fn dependency(
        &self,
        name: &'static str,
        settings: &OneDependency,
        health: &mut Health,
    ) -> Arc<Dependency> {
        let dependency = Dependency::new(name, self.settings.resilience.policy(settings));
        health.dependency(dependency.clone());
        dependency
    }
}
