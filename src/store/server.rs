//! A Postgres server: its pools of connections, its policy, and the time limits of its
//! transactions.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, RecyclingMethod, Runtime,
    Timeouts, Transaction,
};
use futures_util::try_join;
use secrecy::SecretString;
use tokio_postgres::{CancelToken, Client, IsolationLevel};

use super::{
    Error, Visible,
    connecting::{self, MultiHostConnector, PoolGeneration, Tls, connector},
    group,
};
use crate::{
    config::{self, ConfigError, ms},
    resilience::{CallError, CoDel, Dependency, Payer, PoolPlace, Shares},
    telemetry::names,
};

/// Session settings of the write path. Its statements find rows by their keys, so one plan serves
/// every call, and planning anew costs as much as running them. But a plan that is made while a
/// table is empty scans the table, so the planner is not offered the other ways. The remaining ways
/// seem so costly to the planner that it would compile the plan (jit), which costs a hundred times
/// as much as running it.
const PLANNED_ONCE: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off \
     -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// A server with its pools and its policy.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    pool: Pool,
    /// Connections of the write path, and of maintenance tasks.
    writing: Pool,
    tls: Tls,
    policy: Arc<Dependency>,
    read_timeout: Duration,
    /// A turn for each connection of the pool. `longest_wait` limits the wait for a turn.
    turns: Arc<Shares>,
    longest_wait: Duration,
    waits: Mutex<CoDel>,
    renewed: PoolGeneration,
    lifetime: Duration,
}

/// Connections for maintenance tasks, beside those that the writer's lanes keep.
const LOOKS: usize = 8;

impl Server {
    /// Creates a server from its URL. It connects when first used.
    pub fn new(
        name: &'static str,
        key: &str,
        url: &SecretString,
        settings: &config::Postgres,
        policy: config::CallPolicy,
    ) -> Result<Self, ConfigError> {
        let tls = connector(settings)?;
        let renewed = PoolGeneration::now();
        let lifetime = ms(settings.max_lifetime_ms);
        let pool = |options: &str, size: usize| {
            let hosts = connecting::hosts(key, url, settings, options)?;
            let manager = Manager::from_connect(
                hosts[0].clone(),
                MultiHostConnector::new(
                    hosts,
                    tls.clone(),
                    ms(settings.connect_timeout_ms),
                    renewed.clone(),
                ),
                // A connection whose last user gave up is checked before it is lent again. A
                // connection that hangs is thrown away.
                ManagerConfig {
                    recycling_method: RecyclingMethod::Verified,
                },
            );
            let renewed = renewed.clone();
            let is_old =
                Hook::sync_fn(
                    move |_, metrics| match is_old(&renewed, lifetime, metrics) {
                        true => Err(HookError::message("the connection is too old")),
                        false => Ok(()),
                    },
                );
            let timeouts = Timeouts {
                wait: Some(ms(settings.acquire_timeout_ms)),
                create: Some(ms(settings.connect_timeout_ms)),
                recycle: Some(ms(settings.recycle_timeout_ms)),
            };
            let pool = Pool::builder(manager)
                .max_size(size)
                .timeouts(timeouts)
                .runtime(Runtime::Tokio1)
                .pre_recycle(is_old)
                .build();
            pool.map_err(|error| ConfigError::Invalid {
                key: key.to_owned(),
                reason: error.to_string(),
            })
        };
        // There are at most `pool_size` lanes, and each keeps its connection.
        let (pool, writing) = (
            pool("", settings.pool_size)?,
            pool(PLANNED_ONCE, settings.pool_size + LOOKS)?,
        );
        let read_timeout = policy.timeout;
        // The limit of the whole call, which includes waiting for a connection and making or
        // checking it.
        let timeout = read_timeout
            + ms(settings.acquire_timeout_ms)
            + ms(settings.connect_timeout_ms)
            + ms(settings.recycle_timeout_ms);
        let policy = Dependency::new(name, config::CallPolicy { timeout, ..policy });
        let waits = Mutex::new(CoDel::new(
            policy.target_wait(),
            policy.standing(),
            Instant::now(),
        ));
        let turns = Shares::new(name, "connections", settings.pool_size, policy.share());
        let longest_wait = ms(settings.acquire_timeout_ms);
        Ok(Self {
            name,
            pool,
            writing,
            tls,
            policy,
            read_timeout,
            turns,
            longest_wait,
            waits,
            renewed,
            lifetime,
        })
    }

    /// Returns the server's name in logs, metrics and health.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the policy for calls to the server, with its circuit breaker.
    pub fn policy(&self) -> &Arc<Dependency> {
        &self.policy
    }

    /// Returns the TLS settings of the server's connections. They are needed to cancel a statement.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Returns a pooled connection, in a bounded time. For callers that bring their own policy.
    pub async fn connection(&self) -> Result<Object, Error> {
        Ok(self.pool.get().await?)
    }

    /// Returns a pooled connection of the write path, whose statements are planned once.
    pub async fn writing_connection(&self) -> Result<Object, Error> {
        Ok(self.writing.get().await?)
    }

    /// Returns whether a connection that was kept may be used again, as far as its age goes.
    pub fn may_use_again(&self, kept: &Object) -> bool {
        !is_old(&self.renewed, self.lifetime, Object::metrics(kept))
    }

    /// Runs a read of these tenants' rows under the policy. A read that takes too long is cancelled
    /// on the server too.
    pub async fn read<T>(
        &self,
        visible: &Visible,
        read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.read_by(Way::Queue, visible, read).await
    }

    /// Runs a read of a maintenance task. It waits for no request, and uses connections that
    /// requests do not use.
    pub async fn read_background<T>(
        &self,
        visible: &Visible,
        read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.read_by(Way::Background, visible, read).await
    }

    pub(super) async fn read_by<T>(
        &self,
        way: Way,
        visible: &Visible,
        read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(way, Kind::Read, visible, read).await
    }

    /// Runs several reads that all see the same instant, under the policy.
    pub async fn read_at_once<T>(
        &self,
        visible: &Visible,
        read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(Way::Queue, Kind::ReadAtOnce, visible, read).await
    }

    /// Runs a write outside the write path, under the policy, and commits it. For rows that are no
    /// part of the history.
    pub async fn write<T>(
        &self,
        visible: &Visible,
        write: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(Way::Queue, Kind::Write, visible, write).await
    }

    async fn run<T>(
        &self,
        way: Way,
        kind: Kind,
        visible: &Visible,
        operation: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        // Large, so boxed: otherwise it would be a part of every future that reads.
        let operation = Box::pin(async {
            let (_turn, client) = match way {
                Way::Queue => (Some(self.turn().await?), self.connection().await?),
                Way::Background => (None, self.writing_connection().await?),
            };
            let mut lent = PooledGuard(None);
            let result = transact(
                lent.0.insert(client),
                &self.tls,
                self.read_timeout,
                kind,
                visible,
                operation,
            )
            .await;
            if !result.as_ref().is_err_and(Error::spoils_connection) {
                lent.give_back();
            }
            result
        });
        let permit = match way {
            Way::Queue => self.policy.enter()?,
            Way::Background => self.policy.enter_background(&Payer::current())?,
        };
        match self
            .policy
            .call_with(permit, Error::outcome, operation)
            .await
        {
            Err(CallError::Failed(Error::Busy)) => Err(CallError::Full(self.name)),
            other => other,
        }
    }

    /// Waits for a turn: one of the pool's connections is then free. Refuses if the turn comes too
    /// late. A refused caller has not touched a connection: checking a connection that is lent
    /// costs the server as much as a small read. The time that a payer waits for its own share does
    /// not count, because it says nothing about the common queue.
    async fn turn(&self) -> Result<PoolPlace, Error> {
        let turn =
            tokio::time::timeout(self.longest_wait, self.turns.take(&Payer::current())).await;
        let turn = turn.ok().flatten().ok_or(Error::Busy)?;
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.admits(turn.waited(), Duration::ZERO, Instant::now()) {
            Ok(turn)
        } else {
            Err(Error::Busy)
        }
    }

    /// Returns the turns of the server's connections for reads.
    pub fn turns(&self) -> &Arc<Shares> {
        &self.turns
    }

    /// Returns the state that all connectors of the server share.
    pub fn renewed(&self) -> &PoolGeneration {
        &self.renewed
    }

    /// Stops lending the present connections: they lead to a server whose role has changed.
    pub fn renew(&self) {
        self.renewed.renew();
    }

    /// Closes idle connections that are past their lifetime. A connection's buffers never shrink:
    /// after a plan they hold megabytes. Recycling alone would close such a connection only when a
    /// request asks for it.
    pub fn close_old(&self) {
        for pool in [&self.pool, &self.writing] {
            pool.retain(|_, metrics| !is_old(&self.renewed, self.lifetime, &metrics));
        }
    }

    /// Records the numbers of connections in use and idle as metrics.
    pub fn report_pool(&self) {
        let (status, writing) = (self.pool.status(), self.writing.status());
        let available = status.available + writing.available;
        let in_use = (status.size + writing.size).saturating_sub(available);
        for (state, number) in [("in_use", in_use), ("idle", available)] {
            metrics::gauge!(names::POOL_CONNECTIONS, "server" => self.name, "state" => state)
                .set(number as f64);
        }
    }

    /// Closes the pools.
    pub fn close(&self) {
        self.pool.close();
        self.writing.close();
    }
}

fn is_old(renewed: &PoolGeneration, lifetime: Duration, metrics: &Metrics) -> bool {
    renewed.is_after(metrics.created) || metrics.age() > lifetime
}

/// A connection that the pool lends again only when it is given back. If its user goes in the
/// middle of a statement, the connection is thrown away: the statement's cancellation would meet
/// the next user.
struct PooledGuard(Option<Object>);

impl PooledGuard {
    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for PooledGuard {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// The way in which a call gets its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The queue of requests: the call waits for its turn.
    Queue,
    /// Maintenance connections, for tasks that keep the service running: the call waits for no
    /// request.
    Background,
}

/// The kind of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads; each statement sees its own instant.
    Read,
    /// Reads that all see the same instant.
    ReadAtOnce,
    /// Writes, which are committed at the end.
    Write,
}

/// Runs `operation` in a transaction that sees the rows of these tenants. A statement that runs
/// when `limit` has passed is cancelled. Any error but [`Error::CommitUnknown`] means that nothing
/// was written.
pub async fn transact<T>(
    client: &mut Object,
    tls: &Tls,
    limit: Duration,
    kind: Kind,
    visible: &Visible,
    operation: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let (canceller, until) = (client.cancel_token(), Instant::now() + limit);
    let transaction = async move {
        let show = Visible::statement(client).await?;
        let transaction = client.build_transaction();
        let transaction = match kind {
            Kind::Read => transaction.read_only(true),
            Kind::ReadAtOnce => transaction
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true),
            Kind::Write => transaction,
        };
        let tx = transaction.start().await?;
        // Pipelined: the first statement of `operation` follows without waiting for an answer.
        let ((), value) = try_join!(visible.show(&tx, &show), operation(&tx))?;
        Ok((tx, value))
    };
    let (tx, value) = cancelled_after(limit, canceller, tls, transaction).await?;
    if kind == Kind::Write {
        group::commit_or_unknown(tx, until.saturating_duration_since(Instant::now())).await?;
    }
    // A transaction that only read is rolled back when it is dropped, and nobody waits for that.
    Ok(value)
}

/// Waits for `operation` for at most `limit`. After that, or when the caller is gone before (a
/// request past its deadline), asks the server to cancel the statement on that connection, because
/// a dropped future frees the caller but not the connection. A server that confirms the
/// cancellation in time is slow, not away. The connection must not be used by others after a
/// cancellation: nobody knows when the cancellation arrives.
pub async fn cancelled_after<T>(
    limit: Duration,
    token: CancelToken,
    tls: &Tls,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut running = CancelOnDrop(Some((token, tls.clone())));
    let mut operation = pin!(operation);
    if let Ok(result) = tokio::time::timeout(limit, &mut operation).await {
        running.0 = None;
        return result;
    }
    drop(running);
    match tokio::time::timeout(CONFIRMING, operation).await {
        Ok(Err(error)) if error.is_dependency_failure() => Err(error),
        Ok(_) => Err(Error::TooSlow),
        Err(_) => Err(Error::Timeout),
    }
}

/// A running statement. It is cancelled when this is dropped with its token.
struct CancelOnDrop(Option<(CancelToken, Tls)>);

/// The time limit for sending a cancellation to the server.
const CANCELLING: Duration = Duration::from_secs(1);

/// The time limit for the server to confirm a cancellation.
const CONFIRMING: Duration = Duration::from_millis(500);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        // Without a runtime nothing is left to spare.
        if let (Some((token, tls)), Ok(runtime)) =
            (self.0.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move {
                tokio::time::timeout(CANCELLING, token.cancel_query(tls.0)).await
            });
        }
    }
}

/// Does the same as [`cancelled_after`] for a plain client.
pub async fn bounded<T>(
    client: &Client,
    tls: &Tls,
    limit: Duration,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    cancelled_after(limit, client.cancel_token(), tls, operation).await
}

/// Lets the statements of a transaction, and the pauses between them, take up to `limit` on the
/// server.
pub(super) async fn lift_limits(tx: &Transaction<'_>, limit: Duration) -> Result<(), Error> {
    let settings = ["statement_timeout", "idle_in_transaction_session_timeout"];
    let lift = tx
        .prepare_cached("select set_config(name, $2, true) from unnest($1::text[]) as name")
        .await?;
    tx.query(
        &lift,
        &[&settings.as_slice(), &limit.as_millis().to_string()],
    )
    .await?;
    Ok(())
}
