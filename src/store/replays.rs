//! The table `replays`: parts of the history that are published again.
//!
//! The API makes and cancels replays. The relay's leader advances them under its lease: it puts
//! their events into the queue a few at a time.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::{
    Error, Transaction, column,
    outbox::Lease,
    server,
    tenants::{revision, signed},
};
use crate::domain::{
    access::AccessEvent,
    ids::TenantName,
    tag::{Epoch, Revision},
    time::UtcTime,
};

/// The most events that are counted when a replay is made.
const COUNTED: i64 = 100_000;

/// The part of the history that is published again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRange {
    /// The tenant; `None` for every tenant.
    pub tenant: Option<TenantName>,
    /// The epoch; `None` for every epoch.
    pub epoch: Option<Epoch>,
    /// The first revision, in each epoch.
    pub from: Revision,
    /// The last revision; `None` for the newest one at the time when the replay reaches the epoch.
    pub to: Option<Revision>,
    /// Whether to include events that retention has removed from the archive.
    pub include_removed: bool,
    /// The most events that are published in a second.
    pub events_per_second: u32,
}

/// A replay to be made.
#[derive(Debug, Clone)]
pub struct NewReplay {
    /// The id of the replay.
    pub id: Uuid,
    /// The part of the history to publish.
    pub piece: ReplayRange,
    /// The reason for the replay.
    pub reason: String,
    /// The caller that makes it.
    pub created_by: String,
    /// Identifies a retry, so that it makes no second replay.
    pub idempotency_key: Option<String>,
}

/// A replay in its present state.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The id of the replay.
    pub id: Uuid,
    /// The part of the history to publish.
    pub piece: ReplayRange,
    /// The reason for the replay.
    pub reason: String,
    /// `running`, `done` or `cancelled`.
    pub state: String,
    /// The number of events when the replay was made; `None` when there were more than 100,000.
    pub events_total: Option<i64>,
    /// The number of events that were put into the queue so far.
    pub queued: i64,
    /// The place that the replay has reached; `None` before it begins.
    pub at: Option<ReplayPosition>,
    /// The caller that made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: UtcTime,
    /// When the replay last advanced or changed its state.
    pub changed_at: UtcTime,
    /// When it was done or cancelled; `None` while it runs.
    pub ended_at: Option<UtcTime>,
    /// The caller that cancelled it.
    pub ended_by: Option<String>,
}

/// A place in a tenant's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPosition {
    /// The tenant of the history.
    pub tenant: TenantName,
    /// The epoch of the tenant.
    pub epoch: Epoch,
    /// The revision within the epoch; 0 before the first.
    pub revision: Revision,
}

const COLUMNS: &str = "id, tenant, epoch, from_revision, to_revision, include_removed, events_per_second, events_total, reason, state, \
                       at_tenant, at_epoch, at_until, at_revision, at_item, queued, created_by, created_at, changed_at, ended_at, ended_by";

/// Makes a replay and records it in the access log, in one transaction; `None` when `limit` replays
/// are running.
pub async fn insert(
    tx: &Transaction<'_>,
    new: &NewReplay,
    limit: i64,
    access_event: &AccessEvent,
) -> Result<Option<Replay>, Error> {
    let sql = format!(
        "with n as (select count(*) from (select from route_events where ($2::text is null or tenant = $2) and ($3::text is null or epoch = $3) \
                    and revision >= $4 and ($5::bigint is null or revision <= $5) limit {COUNTED} + 1) rows), \
              r as (insert into replays (id, tenant, epoch, from_revision, to_revision, include_removed, events_per_second, events_total, \
                      reason, created_by, idempotency_key) \
                    select $1, $2, $3, $4, $5, $6, $7, case when n.count <= {COUNTED} then n.count end, $8, $9, $10 from n \
                    where (select count(*) from replays where state = 'running') < $11 returning {COLUMNS}), \
              a as (insert into access_outbox (event) select $12 from r) \
         select {COLUMNS} from r"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let NewReplay {
        id,
        piece,
        reason,
        created_by,
        idempotency_key,
    } = new;
    let (tenant, epoch) = (
        piece.tenant.as_ref().map(TenantName::as_str),
        piece.epoch.as_ref().map(Epoch::as_str),
    );
    let (from, to, rate) = (
        signed(piece.from)?,
        piece.to.map(signed).transpose()?,
        number(piece.events_per_second),
    );
    let parameters: [&(dyn ToSql + Sync); 12] = [
        id,
        &tenant,
        &epoch,
        &from,
        &to,
        &piece.include_removed,
        &rate,
        reason,
        created_by,
        idempotency_key,
        &limit,
        &Json(access_event),
    ];
    tx.query_opt(&statement, &parameters)
        .await?
        .map(|row| replay_of(&row))
        .transpose()
}

/// Returns the replay that this caller made with this idempotency key.
pub async fn made_before(
    tx: &Transaction<'_>,
    created_by: &str,
    idempotency_key: &str,
) -> Result<Option<Replay>, Error> {
    let sql =
        format!("select {COLUMNS} from replays where created_by = $1 and idempotency_key = $2");
    let statement = tx.prepare_cached(&sql).await?;
    tx.query_opt(&statement, &[&created_by, &idempotency_key])
        .await?
        .map(|row| replay_of(&row))
        .transpose()
}

/// Returns a replay by its id.
pub async fn get(tx: &Transaction<'_>, id: Uuid) -> Result<Option<Replay>, Error> {
    let statement = tx
        .prepare_cached(&format!("select {COLUMNS} from replays where id = $1"))
        .await?;
    tx.query_opt(&statement, &[&id])
        .await?
        .map(|row| replay_of(&row))
        .transpose()
}

/// Returns replays before an id, newest first: ids are in the order of the clocks that made them.
pub async fn list(
    tx: &Transaction<'_>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Replay>, Error> {
    let sql = format!(
        "select {COLUMNS} from replays where $1::uuid is null or id < $1 order by id desc limit $2"
    );
    let statement = tx.prepare_cached(&sql).await?;
    tx.query(&statement, &[&before, &limit])
        .await?
        .iter()
        .map(replay_of)
        .collect()
}

/// Cancels a running replay and records it in the access log, in one transaction. `None` when the
/// replay is not running.
pub async fn cancel(
    tx: &Transaction<'_>,
    id: Uuid,
    by: &str,
    access_event: &AccessEvent,
) -> Result<Option<Replay>, Error> {
    let sql = format!(
        "with r as (update replays set state = 'cancelled', ended_at = now(), ended_by = $2, changed_at = now() \
                    where id = $1 and state = 'running' returning {COLUMNS}), \
              a as (insert into access_outbox (event) select $3 from r) \
         select {COLUMNS} from r"
    );
    let statement = tx.prepare_cached(&sql).await?;
    tx.query_opt(&statement, &[&id, &by, &Json(access_event)])
        .await?
        .map(|row| replay_of(&row))
        .transpose()
}

/// Returns whether a tenant, or one epoch of it, has events.
pub async fn has_history(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    epoch: Option<&Epoch>,
) -> Result<bool, Error> {
    let sql = "select exists (select from route_events where tenant = $1 and ($2::text is null or epoch = $2)) as found";
    let statement = tx.prepare_cached(sql).await?;
    column(
        &tx.query_one(&statement, &[&tenant.as_str(), &epoch.map(Epoch::as_str)])
            .await?,
        "found",
    )
}

/// The progress that a leader has made in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Nothing was queued: no replay is running, the queue is too long, the replay was cancelled,
    /// or another relay leads.
    Nothing,
    /// The number of events queued, and the replay's rate in events per second. Zero events: the
    /// replay has reached another epoch or its end.
    Queued(usize, u32),
}

/// The epoch that a replay is in, and how far the replay has come in it.
struct Chain {
    tenant: String,
    epoch: String,
    until: i64,
    revision: i64,
    item: i32,
}

/// Advances the oldest running replay by one step: puts its next events into the queue, at most
/// `share` seconds' worth and never more than `max_batch`. Does nothing while `max_backlog` events
/// wait there, or when the lease is over.
pub async fn step(
    lease: &Lease,
    share: f64,
    max_batch: usize,
    max_backlog: i64,
    limit: Duration,
) -> Result<Moved, Error> {
    server::bounded(
        lease.client(),
        lease.tls(),
        limit,
        step_unbounded(lease, share, max_batch, max_backlog),
    )
    .await
}

async fn step_unbounded(
    lease: &Lease,
    share: f64,
    max_batch: usize,
    max_backlog: i64,
) -> Result<Moved, Error> {
    let client = lease.client();
    let sql = format!(
        "select {COLUMNS}, (select count(*) from (select from outbox limit $1) rows) as waiting from replays \
         where state = 'running' order by created_at, id limit 1"
    );
    let Some(row) = client.query_opt(&sql, &[&max_backlog]).await? else {
        return Ok(Moved::Nothing);
    };
    if column::<i64>(&row, "waiting")? >= max_backlog {
        return Ok(Moved::Nothing);
    }
    let replay = replay_of(&row)?;
    let count =
        (f64::from(replay.piece.events_per_second) * share).clamp(1.0, max_batch as f64) as i64;
    let rate = replay.piece.events_per_second;
    let chain = match &replay.at {
        Some(at) => Some(Chain {
            tenant: at.tenant.to_string(),
            epoch: at.epoch.to_string(),
            until: column(&row, "at_until")?,
            revision: column(&row, "at_revision")?,
            item: column(&row, "at_item")?,
        }),
        None => None,
    };
    if let Some(chain) = &chain {
        let sql = "select id, revision, item from route_events where tenant = $1 and epoch = $2 and (revision, item) > ($3, $4) \
                   and revision <= $5 order by revision, item limit $6";
        let Chain {
            tenant,
            epoch,
            until,
            revision,
            item,
        } = chain;
        let rows = client
            .query(sql, &[tenant, epoch, revision, item, until, &count])
            .await?;
        if let Some(last) = rows.last() {
            let ids = rows
                .iter()
                .map(|row| column(row, "id"))
                .collect::<Result<Vec<Uuid>, _>>()?;
            let reached = Chain {
                tenant: tenant.clone(),
                epoch: epoch.clone(),
                until: *until,
                revision: column(last, "revision")?,
                item: column(last, "item")?,
            };
            return Ok(if advance(lease, replay.id, Some(&reached), &ids).await? {
                Moved::Queued(ids.len(), rate)
            } else {
                Moved::Nothing
            });
        }
    }
    let next = next_chain(lease, &replay.piece, chain.as_ref()).await?;
    Ok(if advance(lease, replay.id, next.as_ref(), &[]).await? {
        Moved::Queued(0, rate)
    } else {
        Moved::Nothing
    })
}

/// Returns the next epoch after `chain`, in the order of tenants and epochs. It ends where the
/// epoch ends now: events that are committed later are published anyway, as new events.
async fn next_chain(
    lease: &Lease,
    piece: &ReplayRange,
    chain: Option<&Chain>,
) -> Result<Option<Chain>, Error> {
    let client = lease.client();
    let after = match (chain, &piece.tenant) {
        (Some(_), Some(_)) if piece.epoch.is_some() => return Ok(None),
        (Some(chain), _) => (chain.tenant.clone(), chain.epoch.clone()),
        (None, Some(tenant)) => (tenant.to_string(), String::new()),
        (None, None) => Default::default(),
    };
    let (mut tenant, mut epoch) = after;
    if let (Some(wanted), Some(only)) = (&piece.tenant, &piece.epoch) {
        (tenant, epoch) = (wanted.to_string(), only.to_string());
    } else {
        let sql = "select tenant, epoch from route_events where (tenant, epoch) > ($1, $2) order by tenant, epoch limit 1";
        let Some(row) = client.query_opt(sql, &[&tenant, &epoch]).await? else {
            return Ok(None);
        };
        (tenant, epoch) = (column(&row, "tenant")?, column(&row, "epoch")?);
        if piece
            .tenant
            .as_ref()
            .is_some_and(|wanted| wanted.as_str() != tenant)
        {
            return Ok(None);
        }
    }
    let sql = "select coalesce((select max(revision) from route_events where tenant = $1 and epoch = $2), 0) as newest, \
                      coalesce((select max(revision) from audit_checkpoints where tenant = $1 and epoch = $2), 0) as removed";
    let row = client.query_one(sql, &[&tenant, &epoch]).await?;
    let (newest, removed): (i64, i64) = (column(&row, "newest")?, column(&row, "removed")?);
    let until = piece
        .to
        .map(signed)
        .transpose()?
        .map_or(newest, |to| to.min(newest));
    let from = signed(piece.from)? - 1;
    let revision = if piece.include_removed {
        from
    } else {
        from.max(removed)
    };
    // Items count from 0, so this item is behind all items of its revision.
    Ok(Some(Chain {
        tenant,
        epoch,
        until,
        revision,
        item: i32::MAX,
    }))
}

/// Queues events of a replay and records its progress. Without a chain, records that the replay is
/// done. Writes all of it or nothing. Returns false when the replay was cancelled, or another relay
/// leads now.
async fn advance(
    lease: &Lease,
    id: Uuid,
    reached: Option<&Chain>,
    events: &[Uuid],
) -> Result<bool, Error> {
    // The lease's row is locked, as it is when published events are deleted from the queue.
    let sql = "with fence as (select epoch from relay_lease where epoch = $1 for share), \
                    moved as (update replays set changed_at = now(), queued = queued + cardinality($3::uuid[]), \
                        at_tenant = coalesce($4, at_tenant), at_epoch = coalesce($5, at_epoch), at_until = coalesce($6, at_until), \
                        at_revision = coalesce($7, at_revision), at_item = coalesce($8, at_item), \
                        state = case when $4::text is null then 'done' else state end, \
                        ended_at = case when $4::text is null then now() end \
                      where id = $2 and state = 'running' and exists (select from fence) returning id), \
                    queued as (insert into outbox (event_id, replay) \
                      select e.id, moved.id from moved, unnest($3::uuid[]) with ordinality as e (id, at) order by e.at) \
               select exists (select from moved) as moved";
    let (tenant, epoch) = reached.map(|chain| (&chain.tenant, &chain.epoch)).unzip();
    let (until, revision) = reached.map(|chain| (chain.until, chain.revision)).unzip();
    let item = reached.map(|chain| chain.item);
    let row = lease
        .client()
        .query_one(
            sql,
            &[
                &lease.epoch(),
                &id,
                &events,
                &tenant,
                &epoch,
                &until,
                &revision,
                &item,
            ],
        )
        .await?;
    column(&row, "moved")
}

fn number(of: u32) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

fn replay_of(row: &Row) -> Result<Replay, Error> {
    let optional = |name: &str| column::<Option<String>>(row, name);
    let tenant = |name: &str| {
        let parsed = |raw: String| {
            TenantName::try_from(raw)
                .map_err(|invalid| Error::Corrupt(format!("{name}: {invalid}")))
        };
        optional(name)?.map(parsed).transpose()
    };
    let epoch = |name: &str| {
        let parsed = |raw: String| {
            Epoch::try_from(raw).map_err(|invalid| Error::Corrupt(format!("{name}: {invalid}")))
        };
        optional(name)?.map(parsed).transpose()
    };
    let time = |name: &str| Ok::<UtcTime, Error>(column::<Timestamp>(row, name)?.into());
    let at = match tenant("at_tenant")?.zip(epoch("at_epoch")?) {
        Some((tenant, epoch)) => Some(ReplayPosition {
            tenant,
            epoch,
            revision: revision(row, "at_revision")?,
        }),
        None => None,
    };
    let to = column::<Option<i64>>(row, "to_revision")?.map(|to| Revision(to.unsigned_abs()));
    Ok(Replay {
        id: column(row, "id")?,
        piece: ReplayRange {
            tenant: tenant("tenant")?,
            epoch: epoch("epoch")?,
            from: revision(row, "from_revision")?,
            to,
            include_removed: column(row, "include_removed")?,
            events_per_second: column::<i32>(row, "events_per_second")?.unsigned_abs(),
        },
        reason: column(row, "reason")?,
        state: column(row, "state")?,
        events_total: column(row, "events_total")?,
        queued: column(row, "queued")?,
        at,
        created_by: column(row, "created_by")?,
        created_at: time("created_at")?,
        changed_at: time("changed_at")?,
        ended_at: column::<Option<Timestamp>>(row, "ended_at")?.map(UtcTime::from),
        ended_by: column(row, "ended_by")?,
    })
}
