//! One Postgres server: its pool, its policy, and dedicated connections for those who need a session of their own.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, RecyclingMethod, Runtime, Timeouts, Transaction,
};
use futures_util::try_join;
use secrecy::SecretString;
use tokio_postgres::{CancelToken, Client, IsolationLevel};

use super::{
    Error, Visible,
    connecting::{self, InTurn, Renewed, Tls, connector},
    group,
};
use crate::{
    config::{self, ConfigError, ms},
    resilience::{CallError, Dependency, Payer, Place, Shares, Sojourn},
    telemetry::names,
};

/// Session settings of the write path. Its statements find rows by their keys, so one plan serves every call, and planning anew costs as
/// much as running them. But a plan that is made while a table is empty scans it: so the other ways are not offered to the planner. What it does
/// take of them seems so costly to it that it would compile the plan (jit), which costs a hundred times as much as running it.
const PLANNED_ONCE: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off \
     -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// A server with its pools and its policy.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    pool: Pool,
    /// Connections of the write path, and of who looks after the server.
    writing: Pool,
    tls: Tls,
    policy: Arc<Dependency>,
    read_timeout: Duration,
    /// A turn for each connection of the pool, and how long it may be waited for.
    turns: Arc<Shares>,
    longest_wait: Duration,
    waits: Mutex<Sojourn>,
    renewed: Renewed,
    lifetime: Duration,
}

/// Connections for who looks after a server, beside those that the writer's lanes keep.
const LOOKS: usize = 8;

impl Server {
    /// A server from its URL; connects when first used.
    pub fn new(
        name: &'static str, key: &str, url: &SecretString, settings: &config::Postgres, policy: config::Policy,
    ) -> Result<Self, ConfigError> {
        let tls = connector(settings)?;
        let renewed = Renewed::now();
        let lifetime = ms(settings.max_lifetime_ms);
        let pool = |options: &str, size: usize| {
            let hosts = connecting::hosts(key, url, settings, options)?;
            let manager = Manager::from_connect(
                hosts[0].clone(),
                InTurn::new(hosts, tls.clone(), ms(settings.connect_timeout_ms), renewed.clone()),
                // A connection whose last user gave up is checked before it is lent again; one that hangs is thrown away.
                ManagerConfig { recycling_method: RecyclingMethod::Verified },
            );
            let renewed = renewed.clone();
            let is_old = Hook::sync_fn(move |_, metrics| match is_old(&renewed, lifetime, metrics) {
                true => Err(HookError::message("the connection is too old")),
                false => Ok(()),
            });
            let timeouts = Timeouts {
                wait: Some(ms(settings.acquire_timeout_ms)),
                create: Some(ms(settings.connect_timeout_ms)),
                recycle: Some(ms(settings.recycle_timeout_ms)),
            };
            let pool =
                Pool::builder(manager).max_size(size).timeouts(timeouts).runtime(Runtime::Tokio1).pre_recycle(is_old).build();
            pool.map_err(|error| ConfigError::Invalid { key: key.to_owned(), reason: error.to_string() })
        };
        // There are at most as many lanes, and each keeps its connection.
        let (pool, writing) = (pool("", settings.pool_size)?, pool(PLANNED_ONCE, settings.pool_size + LOOKS)?);
        let read_timeout = policy.timeout;
        // The whole call: with waiting for a connection, making or checking it.
        let timeout =
            read_timeout + ms(settings.acquire_timeout_ms) + ms(settings.connect_timeout_ms) + ms(settings.recycle_timeout_ms);
        let policy = Dependency::new(name, config::Policy { timeout, ..policy });
        let waits = Mutex::new(Sojourn::new(policy.target_wait(), policy.standing(), Instant::now()));
        let turns = Shares::new(name, "connections", settings.pool_size, policy.share());
        let longest_wait = ms(settings.acquire_timeout_ms);
        Ok(Self { name, pool, writing, tls, policy, read_timeout, turns, longest_wait, waits, renewed, lifetime })
    }

    /// Its name in logs, metrics and health.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its policy.
    pub fn policy(&self) -> &Arc<Dependency> {
        &self.policy
    }

    /// How its connections are encrypted: what it takes to cancel a statement.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// A pooled connection, in a bounded time. For those who bring their own policy.
    pub async fn connection(&self) -> Result<Object, Error> {
        Ok(self.pool.get().await?)
    }

    /// The same for the write path, whose statements are planned once.
    pub async fn writing_connection(&self) -> Result<Object, Error> {
        Ok(self.writing.get().await?)
    }

    /// Whether a connection of ours that was kept may be used again, as far as its age goes.
    pub fn may_use_again(&self, kept: &Object) -> bool {
        !is_old(&self.renewed, self.lifetime, Object::metrics(kept))
    }

    /// Runs one read of these tenants' rows under the policy. A read that takes too long is cancelled on the server too.
    pub async fn read<T>(
        &self, visible: &Visible, read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.read_by(Way::Queue, visible, read).await
    }

    /// The same for who looks after the others: it waits for none of them, and uses connections that requests do not.
    pub async fn read_apart<T>(
        &self, visible: &Visible, read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.read_by(Way::Apart, visible, read).await
    }

    pub(super) async fn read_by<T>(
        &self, way: Way, visible: &Visible, read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(way, Kind::Read, visible, read).await
    }

    /// Runs several reads that all see one instant, under the policy.
    pub async fn read_at_once<T>(
        &self, visible: &Visible, read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(Way::Queue, Kind::ReadAtOnce, visible, read).await
    }

    /// Runs a write beside the write path, of what is no part of the history, under the policy, and commits it.
    pub async fn write<T>(
        &self, visible: &Visible, write: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        self.run(Way::Queue, Kind::Write, visible, write).await
    }

    async fn run<T>(
        &self, way: Way, kind: Kind, visible: &Visible, operation: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        // Large, and otherwise a part of every future that reads.
        let operation = Box::pin(async {
            let (_turn, client) = match way {
                Way::Queue => (Some(self.turn().await?), self.connection().await?),
                Way::Apart => (None, self.writing_connection().await?),
            };
            let mut lent = Lent(None);
            let result = transact(lent.0.insert(client), &self.tls, self.read_timeout, kind, visible, operation).await;
            if !result.as_ref().is_err_and(Error::spoils_connection) {
                lent.give_back();
            }
            result
        });
        let permit = match way {
            Way::Queue => self.policy.enter()?,
            Way::Apart => self.policy.enter_apart(&Payer::current())?,
        };
        match self.policy.call_with(permit, Error::outcome, operation).await {
            Err(CallError::Failed(Error::Busy)) => Err(CallError::Full(self.name)),
            other => other,
        }
    }

    /// One of the pool's connections is there to be taken, unless that comes too late. Who is refused has not touched one: checking a
    /// connection that is lent costs the server as much as a small read. How long a payer waits for its own share says nothing about the
    /// queue that all wait in.
    async fn turn(&self) -> Result<Place, Error> {
        let turn = tokio::time::timeout(self.longest_wait, self.turns.take(&Payer::current())).await;
        let turn = turn.ok().flatten().ok_or(Error::Busy)?;
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.admits(turn.waited(), Duration::ZERO, Instant::now()) { Ok(turn) } else { Err(Error::Busy) }
    }

    /// The turns of its connections for reads.
    pub fn turns(&self) -> &Arc<Shares> {
        &self.turns
    }

    /// What all who connect to it share.
    pub fn renewed(&self) -> &Renewed {
        &self.renewed
    }

    /// Lends none of the present connections again: they lead to a server that is not what it was.
    pub fn renew(&self) {
        self.renewed.renew();
    }

    /// Closes idle connections that are past their lifetime. A connection's buffers never shrink: after a plan they hold megabytes. Recycling
    /// alone would close it only when a request asks for it.
    pub fn close_old(&self) {
        for pool in [&self.pool, &self.writing] {
            pool.retain(|_, metrics| !is_old(&self.renewed, self.lifetime, &metrics));
        }
    }

    /// Writes the pool's numbers into the metrics.
    pub fn report_pool(&self) {
        let (status, writing) = (self.pool.status(), self.writing.status());
        let available = status.available + writing.available;
        let in_use = (status.size + writing.size).saturating_sub(available);
        for (state, number) in [("in_use", in_use), ("idle", available)] {
            metrics::gauge!(names::POOL_CONNECTIONS, "server" => self.name, "state" => state).set(number as f64);
        }
    }

    /// Closes the pools.
    pub fn close(&self) {
        self.pool.close();
        self.writing.close();
    }
}

fn is_old(renewed: &Renewed, lifetime: Duration, metrics: &Metrics) -> bool {
    renewed.is_after(metrics.created) || metrics.age() > lifetime
}

/// A connection that the pool lends again only when it is given back. One whose user goes in the middle of a statement is thrown away: the
/// statement's cancellation would meet whoever came next.
struct Lent(Option<Object>);

impl Lent {
    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// How a call gets its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In turn, as requests do.
    Queue,
    /// Beside them: for who looks after what is served, and waits for no request.
    Apart,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads.
    Read,
    /// Reads that all see one instant.
    ReadAtOnce,
    /// Writes, which are committed.
    Write,
}

/// Runs `operation` in a transaction that sees the rows of these tenants; past `limit`, what runs is cancelled. Any error but
/// [`Error::CommitUnknown`] means that nothing was written.
pub async fn transact<T>(
    client: &mut Object, tls: &Tls, limit: Duration, kind: Kind, visible: &Visible,
    operation: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let (canceller, until) = (client.cancel_token(), Instant::now() + limit);
    let transaction = async move {
        let show = Visible::statement(client).await?;
        let transaction = client.build_transaction();
        let transaction = match kind {
            Kind::Read => transaction.read_only(true),
            Kind::ReadAtOnce => transaction.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
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
    // What was only read is rolled back when it is dropped, and nobody waits for that.
    Ok(value)
}

/// Waits for `operation` for at most `limit`. Past it, and when whoever waits is gone before (a request past its deadline), the server is
/// asked to cancel what runs on that connection, because a dropped future frees the caller but not the connection. A server that then
/// says in time that it has done so is slow, and not away. The connection of what was cancelled must not be used by others: nobody knows
/// when the cancellation arrives.
pub async fn cancelled_after<T>(
    limit: Duration, token: CancelToken, tls: &Tls, operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut running = Running(Some((token, tls.clone())));
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

/// A statement that is cancelled when this is dropped with its token.
struct Running(Option<(CancelToken, Tls)>);

/// How long a server may take to hear that a statement is cancelled.
const CANCELLING: Duration = Duration::from_secs(1);

/// How long it is waited for that it says so.
const CONFIRMING: Duration = Duration::from_millis(500);

impl Drop for Running {
    fn drop(&mut self) {
        // Without a runtime nothing is left to spare.
        if let (Some((token, tls)), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { tokio::time::timeout(CANCELLING, token.cancel_query(tls.0)).await });
        }
    }
}

/// [`cancelled_after`] for a plain client.
pub async fn bounded<T>(
    client: &Client, tls: &Tls, limit: Duration, operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    cancelled_after(limit, client.cancel_token(), tls, operation).await
}

/// Lets the statements of a transaction, and the pauses between them, take up to `limit` on the server.
pub(super) async fn lift_limits(tx: &Transaction<'_>, limit: Duration) -> Result<(), Error> {
    let settings = ["statement_timeout", "idle_in_transaction_session_timeout"];
    let lift = tx.prepare_cached("select set_config(name, $2, true) from unnest($1::text[]) as name").await?;
    tx.query(&lift, &[&settings.as_slice(), &limit.as_millis().to_string()]).await?;
    Ok(())
}
