//! The relay: outbox → Kafka.
//!
//! At most one process leads at a time: the leader holds a session lock on a Postgres connection of
//! its own. [`Relay::publish_batch`] is one step: read in id order, send in order, await the
//! acknowledgements, delete the acknowledged rows. A crash between acknowledgement and delete
//! publishes an event again; consumers recognise it by its id. An event that Kafka refuses for good
//! is moved from the queue to `set_aside_events`, and does not stop other events. Rejected: marking
//! rows as published (the cost of a batch grows with the backlog), a cursor over ids (loses rows
//! that commit late), several relays with `SKIP LOCKED` (breaks the order per tenant).

mod replay;
mod retry;
mod sending;
mod suspects;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use rdkafka::error::KafkaError;
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use crate::domain::pipeline::delivered;

use self::{replay::Pace, retry::Retry, suspects::Suspects};
use crate::{
    config::{self, ConfigError, Settings},
    kafka::{self, Producing},
    resilience::{CallError, Dependency, pauses},
    store::{
        self, PoolGeneration, Server,
        outbox::{self, Election, Lease, Session},
        set_aside,
    },
    telemetry::names,
};

/// The result of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This number of events was acknowledged and deleted.
    Published(usize),
    /// Kafka has refused events. Events that are certain to be refused for good were set aside, the
    /// others will be tried alone: the next step is due at once.
    Sorted {
        /// The number of other events that were acknowledged and deleted.
        published: usize,
        /// The number of events that were set aside.
        set_aside: usize,
    },
    /// The queue is empty.
    Idle,
    /// Another process leads now: no row was deleted.
    Deposed,
}

/// The reason why a step did not finish. Rows that were not deleted are published again.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Postgres failed; the lease must be given up.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Kafka did not accept an event. The acknowledged events were deleted, except those after the
    /// first failure of their tenant.
    #[error("Kafka did not accept an event; {published} events were published before it")]
    Kafka {
        /// The number of events that this step published and deleted.
        published: usize,
        /// The error of the first event that failed.
        #[source]
        source: KafkaError,
    },
    /// Kafka is not called: its circuit breaker is open.
    #[error(transparent)]
    NotAsked(#[from] CallError<KafkaError>),
}

/// The relay's counters and state, for the health endpoints.
#[derive(Debug, Default)]
pub struct RelayStatus {
    leads: AtomicBool,
    lease_epoch: AtomicI64,
    published: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// [`RelayStatus`] at one instant.
#[derive(Debug, Clone, Serialize)]
pub struct RelayReport {
    /// Whether this process is the leader.
    pub leader: bool,
    /// The fencing epoch of the process's current or last lease; 0 before the first.
    pub lease_epoch: i64,
    /// The number of events published since the start.
    pub published_total: u64,
    /// The error of the last failed step; `null` once a step succeeds.
    pub last_error: Option<String>,
}

impl RelayStatus {
    /// Returns the numbers now.
    pub fn report(&self) -> RelayReport {
        RelayReport {
            leader: self.leads(),
            lease_epoch: self.lease_epoch.load(Ordering::Relaxed),
            published_total: self.published.load(Ordering::Relaxed),
            last_error: self.last_error.lock().clone(),
        }
    }

    /// Returns whether this process is the leader.
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    fn set_leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
        metrics::gauge!(names::RELAY_LEADER).set(f64::from(u8::from(leads)));
    }

    /// Records that the relay panicked and is restarted.
    pub fn panicked(&self) {
        self.set_leads(false);
        *self.last_error.lock() = Some("the relay panicked and was restarted".to_owned());
    }

    fn failed(&self, error: Option<&dyn std::error::Error>) {
        *self.last_error.lock() = error.map(|error| match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        });
    }
}

/// The settings that the relay uses.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    relay: config::Relay,
    replay: config::Replay,
    kafka: config::Kafka,
    postgres: config::Postgres,
    /// The policy for calls to Kafka.
    policy: config::CallPolicy,
    /// The longest time that a flush of the producers may take at the end.
    flush: Duration,
}

impl From<&Settings> for RelaySettings {
    fn from(settings: &Settings) -> Self {
        Self {
            relay: settings.relay.clone(),
            replay: settings.replay.clone(),
            kafka: settings.kafka.clone(),
            postgres: settings.postgres.clone(),
            policy: settings.resilience.policy(&settings.resilience.kafka),
            flush: settings.drain.step,
        }
    }
}

/// The relay of one process.
pub struct Relay {
    settings: RelaySettings,
    producer: Producing,
    /// Publishes events that Kafka may refuse, one at a time.
    careful: Producing,
    suspects: Mutex<Suspects>,
    policy: Arc<Dependency>,
    wake: Arc<Notify>,
    status: Arc<RelayStatus>,
    renewed: PoolGeneration,
}

impl Relay {
    /// Creates a relay. `wake` wakes it when there are new events.
    pub fn new(
        settings: RelaySettings,
        wake: Arc<Notify>,
        status: Arc<RelayStatus>,
    ) -> Result<Self, ConfigError> {
        let producer = Producing::new("relay", &settings.kafka, kafka::producer)?;
        let careful = Producing::new("relay_careful", &settings.kafka, kafka::careful_producer)?;
        let policy = Dependency::new("kafka", settings.policy.clone());
        Ok(Self {
            settings,
            producer,
            careful,
            suspects: Mutex::default(),
            policy,
            wake,
            status,
            renewed: PoolGeneration::now(),
        })
    }

    /// Returns the relay with the given policy and its circuit breaker, so that a restarted relay
    /// keeps the breaker's state.
    #[must_use]
    pub fn with_policy(self, policy: Arc<Dependency>) -> Self {
        Self { policy, ..self }
    }

    /// Returns the relay, which then looks for the primary where this process has found it last.
    #[must_use]
    pub fn with_primary(self, primary: &Server) -> Self {
        Self {
            renewed: primary.renewed().clone(),
            ..self
        }
    }

    /// Returns the policy for calls to Kafka.
    pub fn policy(&self) -> &Arc<Dependency> {
        &self.policy
    }

    /// Stands for election, leads while it holds the lease, and repeats both until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut standby = None;
        let mut waits = pauses();
        while !stop.is_cancelled() {
            let wait = match self.elect(standby.take()).await {
                Ok(Election::Won(lease)) => {
                    waits = pauses();
                    self.lead(&lease, &stop).await;
                    self.settings.relay.election
                }
                Ok(Election::Lost(session)) => {
                    waits = pauses();
                    self.status.failed(None);
                    standby = Some(session);
                    self.settings.relay.election
                }
                Err(error) => {
                    self.report_error("election", &error);
                    waits.next().unwrap_or(Duration::from_secs(2))
                }
            };
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
        let limit = self.settings.flush;
        tokio::join!(self.producer.flush(limit), self.careful.flush(limit));
    }

    /// Tries to become the leader, on `session` if it is still connected.
    pub async fn elect(&self, session: Option<Session>) -> Result<Election, store::Error> {
        let session = match session.filter(|session| !session.is_lost()) {
            Some(session) => session,
            None => {
                Session::open(&self.settings.postgres, &self.renewed, self.wake.clone()).await?
            }
        };
        let holder = format!(
            "{}/{}",
            std::env::var("HOSTNAME").unwrap_or_default(),
            std::process::id()
        );
        let limit = self.settings.relay.step_timeout;
        let election =
            tokio::time::timeout(limit, outbox::try_lead(session, &holder, self.silence()))
                .await
                .unwrap_or(Err(store::Error::Timeout))?;
        if let Election::Won(lease) = &election {
            tracing::info!(
                relay.lease_epoch = lease.epoch(),
                "this process leads the relay"
            );
            self.status
                .lease_epoch
                .store(lease.epoch(), Ordering::Relaxed);
        }
        Ok(election)
    }

    /// Returns a time longer than a working leader or standby is ever silent on its session: while
    /// it awaits Kafka, or between two polls.
    fn silence(&self) -> Duration {
        let relay = &self.settings.relay;
        self.producer.patience() + relay.step_timeout + relay.poll.max(relay.election)
    }

    /// Publishes while the lease is held. It is woken in the process, by NOTIFY, or by the safety
    /// poll, because wake-ups are only hints and can be lost.
    async fn lead(&self, lease: &Lease, stop: &CancellationToken) {
        self.status.set_leads(true);
        let mut waits = pauses();
        let mut pace = Pace::new();
        let mut retry = Retry::new();
        while !stop.is_cancelled() && !lease.lost().is_cancelled() {
            let started = Instant::now();
            match self.publish_batch(lease).await {
                Ok(Step::Deposed) => {
                    tracing::warn!(
                        relay.lease_epoch = lease.epoch(),
                        "another process leads the relay now"
                    );
                    break;
                }
                Ok(step) => {
                    waits = pauses();
                    self.status.failed(None);
                    if let Step::Published(_) = step {
                        metrics::histogram!(names::RELAY_BATCH_SECONDS)
                            .record(started.elapsed().as_secs_f64());
                    }
                    if let Err(error) = self.try_again(lease, &mut retry).await {
                        self.report_error("set_aside", &error);
                    }
                    if matches!(step, Step::Sorted { .. })
                        || matches!(step, Step::Published(n) if n >= self.settings.relay.batch)
                    {
                        continue;
                    }
                    match pace.step(lease, &self.settings).await {
                        Ok(true) => continue,
                        Ok(false) => {}
                        // New events are published all the same.
                        Err(error) => self.report_error("replay", &error),
                    }
                    let rest = self.settings.relay.poll.min(pace.rest()).min(retry.rest());
                    let poll = tokio::time::timeout(rest, self.wake.notified());
                    tokio::select! {
                        _ = poll => {}
                        () = lease.lost().cancelled() => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(error @ RelayError::Store(_)) => {
                    self.report_error("postgres", &error);
                    break;
                }
                Err(error @ (RelayError::Kafka { .. } | RelayError::NotAsked(_))) => {
                    self.report_error("kafka", &error);
                    let wait = waits.next().unwrap_or(Duration::from_secs(2));
                    stop.run_until_cancelled(tokio::time::sleep(wait)).await;
                }
            }
        }
        self.status.set_leads(false);
    }

    fn report_error(&self, reason: &'static str, error: &dyn std::error::Error) {
        self.status.failed(Some(error));
        metrics::counter!(names::RELAY_ERRORS, "reason" => reason).increment(1);
        tracing::warn!(reason, error = %error, cause = ?error.source(), "a relay step failed; it will be retried");
    }

    /// Runs one step: publishes the first batch of the queue, and deletes the rows that Kafka
    /// acknowledged. After failures of Kafka, only the first event is sent, as a probe. An event
    /// that Kafka refuses for good is set aside.
    pub async fn publish_batch(&self, lease: &Lease) -> Result<Step, RelayError> {
        let limit = self.settings.relay.step_timeout;
        let mut rows = lease.batch(self.settings.relay.batch, limit).await?;
        let Some(first) = rows.first() else {
            self.producer.delivered();
            return Ok(Step::Idle);
        };
        self.producer.sends(first.id);
        let permit = self.policy.enter()?;
        if permit.is_probe() {
            rows.truncate(1);
        }
        let is_suspect = self.suspects().cut(&mut rows);
        let sent = match rows.as_slice() {
            [suspect] if is_suspect => self.send_alone(suspect, permit).await,
            rows => self.send(rows, permit).await,
        };
        let set_aside = set_aside::set_aside(lease, &sent.refused, limit).await?;
        let deleted = lease.delete(&sent.acknowledged, limit).await?;
        if delivered::is_deposed(sent.acknowledged.len(), deleted)
            || delivered::is_deposed(sent.refused.len(), set_aside)
        {
            return Ok(Step::Deposed);
        }
        self.suspects().add(&sent.suspects);
        let published = sent.acknowledged.len();
        self.status
            .published
            .fetch_add(published as u64, Ordering::Relaxed);
        metrics::counter!(names::RELAY_PUBLISHED).increment(published as u64);
        match sent.failure {
            Some(source) => Err(RelayError::Kafka { published, source }),
            None if sent.refused.is_empty() && sent.suspects.is_empty() => {
                Ok(Step::Published(published))
            }
            None => Ok(Step::Sorted {
                published,
                set_aside: sent.refused.len(),
            }),
        }
    }

    fn suspects(&self) -> MutexGuard<'_, Suspects> {
        self.suspects.lock()
    }
}

/// Wakes the relays of other processes after commits here, by a NOTIFY, at most once per interval
/// `every` (`relay.notify_ms`). The relay in this process is woken directly. If a NOTIFY is lost,
/// the event only waits for the safety poll.
pub async fn wake_others(
    primary: Arc<Server>,
    committed: Arc<Notify>,
    status: Arc<RelayStatus>,
    every: Duration,
    stop: CancellationToken,
) {
    while stop
        .run_until_cancelled(committed.notified())
        .await
        .is_some()
    {
        if !status.leads() {
            let notified = async { outbox::notify(&primary.connection().await?).await };
            if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), notified).await {
                tracing::debug!(error = %error, "other relays could not be notified; they find the events at their next poll");
            }
        }
        tokio::time::sleep(every).await;
    }
}
