//! The table `set_aside_events`: events that Kafka has refused permanently. The leader fills and
//! empties it under its lease.

use std::time::Duration;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{
    Error, column,
    outbox::{COLUMNS, Lease, OutboxRow, row_of},
    server, text,
};
use crate::domain::ids::TenantName;

/// An event that Kafka has refused permanently, and the name of its error.
#[derive(Debug, Clone)]
pub struct RefusedEvent {
    /// The event's place in the queue.
    pub id: i64,
    /// The name of Kafka's error.
    pub code: String,
}

/// Moves refused events out of the queue, and returns how many: fewer than `refused` means that
/// another relay leads now.
pub async fn set_aside(
    lease: &Lease,
    refused: &[RefusedEvent],
    limit: Duration,
) -> Result<u64, Error> {
    let sql = "with fence as (select epoch from relay_lease where epoch = $3 for share), \
                    gone as (delete from outbox o using unnest($1::bigint[], $2::text[]) as r (id, code) \
                             where o.id = r.id and exists (select from fence) returning o.id, o.event_id, o.replay, r.code), \
                    kept as (insert into set_aside_events (event_id, outbox_id, replay, code) \
                             select event_id, id, replay, code from gone on conflict (event_id) do nothing) \
               select count(*) as moved from gone";
    let (ids, codes): (Vec<i64>, Vec<&str>) = refused
        .iter()
        .map(|refused| (refused.id, refused.code.as_str()))
        .unzip();
    let query = async {
        Ok(lease
            .client()
            .query_one(sql, &[&ids, &codes, &lease.epoch()])
            .await?)
    };
    let row = server::bounded(lease.client(), lease.tls(), limit, query).await?;
    Ok(column::<i64>(&row, "moved")?.unsigned_abs())
}

/// Returns the next events that were set aside, after a place in the queue.
pub async fn after(
    lease: &Lease,
    place: i64,
    count: i64,
    limit: Duration,
) -> Result<Vec<OutboxRow>, Error> {
    let sql = format!(
        "select {COLUMNS} from (select outbox_id as id, event_id, replay from set_aside_events where outbox_id > $1 \
                                order by outbox_id limit $2) o join route_events e on e.id = o.event_id order by o.id"
    );
    let query = async { Ok(lease.client().query(&sql, &[&place, &count]).await?) };
    server::bounded(lease.client(), lease.tls(), limit, query)
        .await?
        .iter()
        .map(row_of)
        .collect()
}

/// Records that events were tried again. Events that Kafka has accepted are removed from the table.
pub async fn tried(
    lease: &Lease,
    published: &[i64],
    refused: &[i64],
    limit: Duration,
) -> Result<(), Error> {
    let sql = "with fence as (select epoch from relay_lease where epoch = $3 for share), \
                    gone as (delete from set_aside_events where outbox_id = any($1) and exists (select from fence)) \
               update set_aside_events set attempts = attempts + 1, tried_at = now() \
               where outbox_id = any($2) and exists (select from fence)";
    let query = async {
        Ok(lease
            .client()
            .execute(sql, &[&published, &refused, &lease.epoch()])
            .await?)
    };
    server::bounded(lease.client(), lease.tls(), limit, query)
        .await
        .map(drop)
}

/// The number of events that are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAsideCounts {
    /// Events that Kafka does not have.
    pub events: i64,
    /// Events among them that were not copied from here to the archive either.
    pub unarchived: i64,
}

/// Counts the events that are set aside.
pub async fn standing(tx: &Transaction<'_>) -> Result<SetAsideCounts, Error> {
    let sql = "select count(*) as events, count(*) filter (where archived_at is null) as unarchived from set_aside_events";
    let row = tx.query_one(&tx.prepare_cached(sql).await?, &[]).await?;
    Ok(SetAsideCounts {
        events: column(&row, "events")?,
        unarchived: column(&row, "unarchived")?,
    })
}

/// An event that the archive must get although Kafka has refused it.
#[derive(Debug, Clone)]
pub struct Unarchived {
    /// The id of the event.
    pub event_id: Uuid,
    /// The event's place in the queue.
    pub place: i64,
    /// The tenant of the event.
    pub tenant: TenantName,
    /// The `CloudEvents` type.
    pub ce_type: String,
    /// The event's JSON, exactly as it would be published.
    pub payload: String,
}

/// Returns the next events that were not yet copied from here to the archive, after a place in the
/// queue.
pub async fn unarchived(
    tx: &Transaction<'_>,
    place: i64,
    count: i64,
) -> Result<Vec<Unarchived>, Error> {
    let sql = "select s.event_id, s.outbox_id, e.tenant, e.type, e.payload::text as payload from set_aside_events s \
               join route_events e on e.id = s.event_id where s.archived_at is null and s.outbox_id > $1 order by s.outbox_id limit $2";
    let rows = tx
        .query(&tx.prepare_cached(sql).await?, &[&place, &count])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Unarchived {
                event_id: column(row, "event_id")?,
                place: column(row, "outbox_id")?,
                tenant: text(row, "tenant")?,
                ce_type: column(row, "type")?,
                payload: column(row, "payload")?,
            })
        })
        .collect()
}

/// Records that the archive has these events.
pub async fn archived(tx: &Transaction<'_>, events: &[Uuid]) -> Result<(), Error> {
    let sql = "update set_aside_events set archived_at = now() where event_id = any($1)";
    tx.execute(&tx.prepare_cached(sql).await?, &[&events])
        .await?;
    Ok(())
}
