//! The table `outbox`, as the relay uses it: read in id order, deleted after the broker's
//! acknowledgement, under the lease's epoch.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{Object, Transaction};
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Row, Statement};
use tokio_util::sync::CancellationToken;

use super::{Error, PoolGeneration, Tls, Visible, column, server, text};
pub use crate::domain::write::rows::OutboxRow;
use crate::{config, domain::ids::TenantName};

/// Session lock of the relay that leads. Any constant will do; this one spells "tm-relay".
const LOCK: i64 = i64::from_be_bytes(*b"tm-relay");

/// The notification channel that wakes the leader.
pub const CHANNEL: &str = "traffic_manager_outbox";

/// The events of an outbox that their receiver (Kafka or the archive) has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Backlog {
    /// The number of events; counting stops at a hundred thousand.
    pub events: i64,
    /// The age of the oldest event, in seconds; 0 if there is none.
    pub oldest_seconds: f64,
}

/// A dedicated session, which can hold a lock and receive notifications.
pub struct Session {
    client: Client,
    tls: Tls,
    lost: CancellationToken,
}

impl Session {
    /// Opens a session. Once the session leads, every [`notify`] of any process wakes `wake`.
    pub async fn open(
        settings: &config::Postgres,
        renewed: &PoolGeneration,
        wake: Arc<Notify>,
    ) -> Result<Self, Error> {
        let tls = super::connector(settings).map_err(Error::unavailable)?;
        let (client, mut connection) = super::connect(
            "postgres.primary_url",
            &settings.primary_url,
            settings,
            &tls,
            renewed,
        )
        .await?;
        let lost = CancellationToken::new();
        let ended = lost.clone().drop_guard();
        tokio::spawn(async move {
            let _ended = ended;
            let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    wake.notify_one();
                }
            }
        });
        Ok(Self { client, tls, lost })
    }

    /// Returns whether the connection is lost.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled() || self.client.is_closed()
    }
}

/// A session that holds the relay's lock, and the fencing epoch that it took. The lock ends with
/// the session. The epoch makes sure that a leader that was stopped, lost its session and woke up
/// again deletes nothing.
pub struct Lease {
    session: Session,
    epoch: i64,
    batch: Statement,
    delete: Statement,
}

/// Tries to become the leader on a dedicated session; `Err(session)` gives the session back when
/// another relay leads. The server ends a session that is silent for longer than `silence`: the
/// process is frozen or the machine is gone. TCP notices that after two hours or never, and the
/// lock would be held as long.
pub async fn try_lead(
    session: Session,
    holder: &str,
    silence: Duration,
) -> Result<Result<Lease, Session>, Error> {
    let client = &session.client;
    // The queue's length swings between nothing and millions faster than statistics follow. A plan
    // made while the queue was empty sorts all of it for every batch (750 ms instead of 1 ms at
    // 300,000 rows); the index is right for both. The fence has no index, and so seems costly
    // enough to be compiled for every batch (50 ms).
    let settings = "select set_config('idle_session_timeout', $1, false), set_config('enable_seqscan', 'off', false), \
                    set_config('enable_bitmapscan', 'off', false), set_config('jit', 'off', false)";
    client
        .query_one(settings, &[&silence.as_millis().to_string()])
        .await?;
    // The queue is the installation's: the leader publishes the events of every tenant.
    Visible::all_tenants().show_session(client).await?;
    let locked: bool = column(
        &client
            .query_one("select pg_try_advisory_lock($1) as locked", &[&LOCK])
            .await?,
        "locked",
    )?;
    if !locked {
        return Ok(Err(session));
    }
    let sql = "update relay_lease set epoch = epoch + 1, holder = $1, acquired_at = now() returning epoch";
    let epoch = column(&client.query_one(sql, &[&holder]).await?, "epoch")?;
    client.execute(&format!("listen {CHANNEL}"), &[]).await?;
    let batch = client.prepare(&batch_sql()).await?;
    let delete = client.prepare(DELETE).await?;
    Ok(Ok(Lease {
        session,
        epoch,
        batch,
        delete,
    }))
}

/// The columns of an [`OutboxRow`], from its place `o` in a queue and its event `e`.
pub(super) const COLUMNS: &str = "o.id, o.event_id, e.payload::text as payload, e.type, e.tenant, e.epoch, e.revision, \
    rtrim(e.tenant || '/' || e.service || '/' || e.env || '/' || e.version, '/') as subject, e.occurred_at, e.traceparent, o.replay";

fn batch_sql() -> String {
    format!(
        "select {COLUMNS} from (select id, event_id, replay from outbox order by id limit $1) o \
         join route_events e on e.id = o.event_id order by o.id"
    )
}

/// The lease's row is locked, so that a new leader cannot raise the epoch between the check and the
/// delete.
const DELETE: &str = "with fence as (select epoch from relay_lease where epoch = $2 for share) \
    delete from outbox where id = any($1) and exists (select from fence)";

impl Lease {
    /// The fencing epoch.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Returns the lease's session, for other work under the lease.
    pub(super) fn client(&self) -> &Client {
        &self.session.client
    }

    /// Returns the TLS settings of the lease's session.
    pub(super) fn tls(&self) -> &Tls {
        &self.session.tls
    }

    /// Returns a token that is cancelled when the session's connection is lost, and the lock with
    /// it.
    pub fn lost(&self) -> &CancellationToken {
        &self.session.lost
    }

    /// Returns the first `count` events of the queue. A statement that exceeds `limit` is
    /// cancelled.
    pub async fn batch(&self, count: usize, limit: Duration) -> Result<Vec<OutboxRow>, Error> {
        let client = &self.session.client;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = server::bounded(client, &self.session.tls, limit, async {
            Ok(client.query(&self.batch, &[&count]).await?)
        })
        .await?;
        rows.iter().map(row_of).collect()
    }

    /// Removes published events from the queue, and returns how many: fewer than `ids` means that
    /// another relay leads now.
    pub async fn delete(&self, ids: &[i64], limit: Duration) -> Result<u64, Error> {
        let client = &self.session.client;
        server::bounded(client, &self.session.tls, limit, async {
            Ok(client.execute(&self.delete, &[&ids, &self.epoch]).await?)
        })
        .await
    }
}

/// Reads a row of [`COLUMNS`].
pub(super) fn row_of(row: &Row) -> Result<OutboxRow, Error> {
    Ok(OutboxRow {
        id: column(row, "id")?,
        event_id: column(row, "event_id")?,
        payload: column(row, "payload")?,
        ce_type: column(row, "type")?,
        tag: super::tenants::tag(row)?,
        tenant: text(row, "tenant")?,
        subject: column(row, "subject")?,
        occurred_at: column::<jiff::Timestamp>(row, "occurred_at")?.into(),
        traceparent: column(row, "traceparent")?,
        replay: column(row, "replay")?,
    })
}

/// Samples the backlog of new events. Events that a replay publishes again do not count, because
/// Kafka knows them already.
pub async fn backlog(tx: &Transaction<'_>) -> Result<Backlog, Error> {
    let sql = "select (select count(*) from (select 1 from outbox where replay is null limit 100000) rows) as events, \
               coalesce(extract(epoch from clock_timestamp() \
                 - (select created_at from outbox where replay is null order by id limit 1)), 0)::float8 \
                 as oldest";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_one(&statement, &[]).await?;
    Ok(Backlog {
        events: column(&row, "events")?,
        oldest_seconds: column(&row, "oldest")?,
    })
}

/// Samples the backlog of one tenant's new events.
pub async fn backlog_of(tx: &Transaction<'_>, tenant: &TenantName) -> Result<Backlog, Error> {
    let sql = "with waiting as (select o.created_at from outbox o join route_events e on e.id = o.event_id \
                                where o.replay is null and e.tenant = $1 limit 100000) \
               select count(*) as events, coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as oldest \
               from waiting";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_one(&statement, &[&tenant.as_str()]).await?;
    Ok(Backlog {
        events: column(&row, "events")?,
        oldest_seconds: column(&row, "oldest")?,
    })
}

/// Wakes the relays of other processes, because there is something to publish. Never inside a
/// write's transaction: it would serialise commits.
pub async fn notify(client: &Object) -> Result<(), Error> {
    let statement = client.prepare_cached("select pg_notify($1, '')").await?;
    client.query_one(&statement, &[&CHANNEL]).await?;
    Ok(())
}
