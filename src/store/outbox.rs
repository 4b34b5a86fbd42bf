//! The table `outbox`, seen by the relay: read in id order, deleted after the broker's acknowledgement, under the lease's epoch.

use std::time::Duration;

use deadpool_postgres::Object;
use serde::Serialize;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::{Error, column, text};
use crate::domain::{
    ids::{RouteKey, RouteName},
    tag::VersionTag,
    time::UtcTime,
};

/// Session lock of the one relay that leads. Any constant will do; this one spells "tm-relay".
const LOCK: i64 = i64::from_be_bytes(*b"tm-relay");

/// The channel that wakes the leader.
pub const CHANNEL: &str = "traffic_manager_outbox";

/// One event that waits to be published.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// Its place in the queue.
    pub id: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// The event's JSON, exactly as it is published.
    pub payload: String,
    /// The `CloudEvents` type.
    pub ce_type: String,
    /// The tag that it made.
    pub tag: VersionTag,
    /// What it is about.
    pub route: RouteKey,
    /// When it was decided.
    pub occurred_at: UtcTime,
    /// W3C trace context of its request.
    pub traceparent: Option<String>,
}

/// What Kafka has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Backlog {
    /// How many events; counting stops at a million.
    pub events: i64,
    /// Age of the oldest.
    pub oldest_seconds: f64,
}

/// A session that holds the relay's lock, and the fencing epoch that it took. The lock ends with the session; the epoch makes sure
/// that a leader which was stopped, lost its session and woke up again deletes nothing.
#[derive(Debug)]
pub struct Lease {
    client: Client,
    epoch: i64,
    batch: Statement,
    delete: Statement,
}

/// Tries to become the leader on a session of its own; `Err(client)` gives the session back when another leads. A session that is
/// silent for longer than `silence` is ended by the server: its process is frozen or its machine is gone, which TCP notices after
/// two hours or never, and the lock would be held as long.
pub async fn try_lead(client: Client, holder: &str, silence: Duration) -> Result<Result<Lease, Client>, Error> {
    // The queue's length swings between nothing and millions faster than statistics follow. A plan made while it was empty sorts all
    // of it for every batch (750 ms instead of 1 ms at 300,000 rows); the index is right for both.
    let session = "select set_config('idle_session_timeout', $1, false), set_config('enable_seqscan', 'off', false), \
                   set_config('enable_bitmapscan', 'off', false)";
    client.query_one(session, &[&silence.as_millis().to_string()]).await?;
    let locked: bool = column(&client.query_one("select pg_try_advisory_lock($1) as locked", &[&LOCK]).await?, "locked")?;
    if !locked {
        return Ok(Err(client));
    }
    let sql = "update relay_lease set epoch = epoch + 1, holder = $1, acquired_at = now() returning epoch";
    let epoch = column(&client.query_one(sql, &[&holder]).await?, "epoch")?;
    client.execute(&format!("listen {CHANNEL}"), &[]).await?;
    let batch = client
        .prepare(
            "select o.id, o.event_id, e.payload::text as payload, e.type, e.tenant, e.epoch, e.revision, \
                    e.service, e.env, e.version, e.occurred_at, e.traceparent \
             from (select id, event_id from outbox order by id limit $1) o join route_events e on e.id = o.event_id order by o.id",
        )
        .await?;
    // The lease's row is locked, so that a new leader cannot raise the epoch between the check and the delete.
    let delete = client
        .prepare(
            "with fence as (select epoch from relay_lease where epoch = $2 for share) \
             delete from outbox where id = any($1) and exists (select from fence)",
        )
        .await?;
    Ok(Ok(Lease { client, epoch, batch, delete }))
}

impl Lease {
    /// The fencing epoch.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The session.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The first `limit` events of the queue.
    pub async fn batch(&self, limit: usize) -> Result<Vec<OutboxRow>, Error> {
        let rows = self.client.query(&self.batch, &[&i64::try_from(limit).unwrap_or(i64::MAX)]).await?;
        rows.iter()
            .map(|row| {
                Ok(OutboxRow {
                    id: column(row, "id")?,
                    event_id: column(row, "event_id")?,
                    payload: column(row, "payload")?,
                    ce_type: column(row, "type")?,
                    tag: super::tenants::tag(row)?,
                    route: RouteKey {
                        tenant: text(row, "tenant")?,
                        name: RouteName {
                            service: text(row, "service")?,
                            env: text(row, "env")?,
                            version: text(row, "version")?,
                        },
                    },
                    occurred_at: column::<jiff::Timestamp>(row, "occurred_at")?.into(),
                    traceparent: column(row, "traceparent")?,
                })
            })
            .collect()
    }

    /// Removes published events from the queue, and returns how many: fewer than `ids` means that another leads now.
    pub async fn delete(&self, ids: &[i64]) -> Result<u64, Error> {
        Ok(self.client.execute(&self.delete, &[&ids, &self.epoch]).await?)
    }
}

/// Samples the backlog.
pub async fn backlog(client: &Object) -> Result<Backlog, Error> {
    let sql = "select (select count(*) from (select 1 from outbox limit 1000000) rows) as events, \
               coalesce(extract(epoch from clock_timestamp() - (select created_at from outbox order by id limit 1)), 0)::float8 \
                 as oldest";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_one(&statement, &[]).await?;
    Ok(Backlog { events: column(&row, "events")?, oldest_seconds: column(&row, "oldest")? })
}

/// Tells the relays of other processes that there is something to publish. Never inside a write's transaction: it would serialise
/// commits.
pub async fn notify(client: &Object) -> Result<(), Error> {
    let statement = client.prepare_cached("select pg_notify($1, '')").await?;
    client.query_one(&statement, &[&CHANNEL]).await?;
    Ok(())
}
