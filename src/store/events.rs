//! The tables `route_events` (history) and, for the writer's half, `outbox`.

use deadpool_postgres::Transaction;
use serde_json::value::RawValue;
use tokio_postgres::Statement;
use uuid::Uuid;

use super::{Error, column, tenants, text};
pub use crate::domain::write::rows::NewEvent;
use crate::domain::{
    event::Change,
    hash::EventHash,
    ids::TenantName,
    snapshot::Recent,
    tag::{Epoch, Revision, VersionTag},
};

/// Statement of [`insert`].
pub const INSERT: &str = "insert into route_events \
    (tenant, epoch, revision, item, id, aggregatetype, aggregateid, type, payload, service, env, version, traceparent, occurred_at) \
    select tenant, epoch, revision, item, id, aggregatetype, tenant, type, payload::json, service, env, version, traceparent, occurred_at \
    from unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], \
                $10::text[], $11::text[], $12::timestamptz[], $13::text[]) \
      as n (tenant, epoch, revision, item, id, type, payload, service, env, version, traceparent, occurred_at, aggregatetype)";

/// Statement of [`enqueue`]. Ids are given in the order of the array, which is commit order within
/// a tenant.
pub const ENQUEUE: &str = "insert into outbox (event_id) select id from unnest($1::uuid[]) with ordinality as n (id, at) order by at";

/// Appends events to the history.
pub async fn insert(
    tx: &Transaction<'_>,
    insert: &Statement,
    events: &[NewEvent],
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let bodies: Vec<_> = events.iter().map(|new| &new.event.body).collect();
    let tenants: Vec<_> = bodies.iter().map(|b| b.tenant.as_str()).collect();
    let epochs: Vec<_> = bodies.iter().map(|b| b.epoch.as_str()).collect();
    let revisions = bodies
        .iter()
        .map(|b| tenants::signed(b.revision))
        .collect::<Result<Vec<_>, _>>()?;
    let items: Vec<_> = bodies
        .iter()
        .map(|b| i32::try_from(b.item).unwrap_or(i32::MAX))
        .collect();
    let ids: Vec<_> = bodies.iter().map(|b| b.id).collect();
    let types: Vec<_> = bodies.iter().map(|b| b.ce_type()).collect();
    let payloads: Vec<_> = events.iter().map(|new| new.payload.as_str()).collect();
    let keys: Vec<_> = bodies.iter().map(|b| key_of(&b.change)).collect();
    let services: Vec<_> = keys.iter().map(|key| key.1).collect();
    let envs: Vec<_> = keys.iter().map(|key| key.2).collect();
    let versions: Vec<_> = keys.iter().map(|key| key.3).collect();
    let kinds: Vec<_> = keys.iter().map(|key| key.0).collect();
    let traces: Vec<_> = events
        .iter()
        .map(|new| new.traceparent.as_deref())
        .collect();
    let times: Vec<_> = bodies.iter().map(|b| b.occurred_at.timestamp()).collect();
    tx.execute(
        insert,
        &[
            &tenants, &epochs, &revisions, &items, &ids, &types, &payloads, &services, &envs,
            &versions, &traces, &times, &kinds,
        ],
    )
    .await?;
    Ok(())
}

/// Returns the kind, service, environment and version of an event's object. A policy has no
/// version; a tenant has only its kind.
fn key_of(change: &Change) -> (&'static str, &str, &str, &str) {
    match change {
        Change::Route { name, .. } => (
            "route",
            name.service.as_str(),
            name.env.as_str(),
            name.version.as_str(),
        ),
        Change::Policy { name, .. } => ("policy", name.service.as_str(), name.env.as_str(), ""),
        Change::Tenant { .. } => ("tenant", "", "", ""),
    }
}

/// Queues events for the relay. The tenants' rows must be locked.
pub async fn enqueue(
    tx: &Transaction<'_>,
    enqueue: &Statement,
    events: &[NewEvent],
) -> Result<(), Error> {
    if !events.is_empty() {
        let ids: Vec<Uuid> = events.iter().map(|new| new.event.body.id).collect();
        tx.execute(enqueue, &[&ids]).await?;
    }
    Ok(())
}

/// An object's history, with its tenant's newest tag.
pub struct History {
    /// The tenant's tag at the same instant.
    pub tag: VersionTag,
    /// Events as they were published, newest first.
    pub events: Vec<Box<RawValue>>,
    /// The revision of the last event in `events`; `None` if there are no events.
    pub last: Option<Revision>,
}

/// Returns the events of a route, or of a policy (which has no version), in its tenant's present
/// epoch, newest first, before revision `before`. `None` when there is no such tenant. An object
/// has one event in a revision.
pub async fn history(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    [service, env, version]: [&str; 3],
    epoch: Option<&Epoch>,
    before: Option<Revision>,
    limit: i64,
) -> Result<Option<History>, Error> {
    let sql = "select t.epoch, t.revision as tenant_revision, e.payload, e.revision \
         from tenants t left join lateral \
           (select payload, revision from route_events h \
             where h.tenant = t.name and h.service = $2 and h.env = $3 and h.version = $4 and h.epoch = t.epoch \
               and ($5::text is null or h.epoch = $5) and ($6::bigint is null or h.revision < $6) \
             order by h.revision desc, h.item desc limit $7) e on true \
         where t.name = $1 order by e.revision desc nulls last";
    let statement = tx.prepare_cached(sql).await?;
    let before = before.map(tenants::signed).transpose()?;
    let epoch = epoch.map(Epoch::as_str);
    let rows = tx
        .query(
            &statement,
            &[
                &tenant.as_str(),
                &service,
                &env,
                &version,
                &epoch,
                &before,
                &limit,
            ],
        )
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let tag = VersionTag {
        epoch: text(first, "epoch")?,
        revision: tenants::revision(first, "tenant_revision")?,
    };
    let mut history = History {
        tag,
        events: Vec::with_capacity(rows.len()),
        last: None,
    };
    for row in &rows {
        if column::<Option<i64>>(row, "revision")?.is_some() {
            let payload: tokio_postgres::types::Json<&RawValue> = column(row, "payload")?;
            history.events.push(payload.0.to_owned());
            history.last = Some(tenants::revision(row, "revision")?);
        }
    }
    Ok(Some(history))
}

/// Returns a tenant's events after a revision of an epoch, in their order: at least `limit` if
/// there are so many, and whole revisions.
pub async fn after(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    after: &VersionTag,
    limit: i64,
) -> Result<Vec<Recent>, Error> {
    let sql = "select revision, service, env, payload::text as payload from route_events \
               where tenant = $1 and epoch = $2 and revision > $3 and revision <= coalesce( \
                   (select revision from route_events where tenant = $1 and epoch = $2 and revision > $3 \
                    order by revision, item offset $4::bigint - 1 limit 1), 9223372036854775807) \
               order by revision, item";
    let statement = tx.prepare_cached(sql).await?;
    let revision = tenants::signed(after.revision)?;
    let rows = tx
        .query(
            &statement,
            &[
                &tenant.as_str(),
                &after.epoch.as_str(),
                &revision,
                &limit.max(1),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let of_tenant = column::<&str>(row, "service")?.is_empty();
            Ok(Recent {
                revision: tenants::revision(row, "revision")?,
                place: if of_tenant {
                    None
                } else {
                    Some((text(row, "service")?, text(row, "env")?))
                },
                json: column::<String>(row, "payload")?.into(),
            })
        })
        .collect()
}

/// A place in a tenant's whole history: epoch, revision, item.
pub type EventPlace = (String, i64, i32);

/// Returns the events of a tenant's history, epoch by epoch, that one of these actors caused, each
/// with its type. Reads at most `looked_at` events. Also returns the place of the last event that
/// was read; `None` at the end of the history.
pub async fn of_actors(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    actors: &[String],
    after: Option<&EventPlace>,
    looked_at: i64,
) -> Result<(Vec<(String, String)>, Option<EventPlace>), Error> {
    let sql = "select epoch, revision, item, type, case when payload #>> '{actor,id}' = any($2) then payload::text end as payload \
               from route_events where tenant = $1 and ($3::text is null or (epoch, revision, item) > ($3, $4, $5)) \
               order by epoch, revision, item limit $6";
    let statement = tx.prepare_cached(sql).await?;
    let (epoch, revision, item) = match after {
        Some((epoch, revision, item)) => (Some(epoch.as_str()), *revision, *item),
        None => (None, 0, 0),
    };
    let rows = tx
        .query(
            &statement,
            &[
                &tenant.as_str(),
                &actors,
                &epoch,
                &revision,
                &item,
                &looked_at,
            ],
        )
        .await?;
    let payload = |row| {
        Ok(column::<Option<String>>(row, "payload")?
            .map(|payload| (column::<String>(row, "type"), payload)))
    };
    let payloads = rows.iter().filter_map(|row| payload(row).transpose());
    let payloads = payloads.map(|found: Result<_, Error>| {
        found.and_then(|(ce_type, payload)| Ok((ce_type?, payload)))
    });
    let last = rows.last().map(|row| {
        Ok::<_, Error>((
            column(row, "epoch")?,
            column(row, "revision")?,
            column(row, "item")?,
        ))
    });
    Ok((payloads.collect::<Result<_, _>>()?, last.transpose()?))
}

/// Returns the hash of the last event of a revision.
pub async fn hash_of(
    tx: &Transaction<'_>,
    tenant: &str,
    epoch: &str,
    revision: Revision,
) -> Result<Option<EventHash>, Error> {
    let sql = "select payload->>'hash' as hash from route_events where tenant = $1 and epoch = $2 and revision = $3 \
               order by item desc limit 1";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx
        .query_opt(&statement, &[&tenant, &epoch, &tenants::signed(revision)?])
        .await?;
    row.map(|row| text(&row, "hash")).transpose()
}

/// Returns the revision where an epoch was left when a backup was restored, and the hash of the
/// last event there. The first event of a later epoch names that revision.
pub async fn left(
    tx: &Transaction<'_>,
    tenant: &str,
    epoch: &str,
) -> Result<Option<(Revision, EventHash)>, Error> {
    let sql = "select l.revision, l.payload->>'hash' as hash from (select * from route_events where tenant = $1 and epoch = $2 \
                 order by revision desc, item desc limit 1) l \
               where exists (select from route_events n where n.tenant = $1 and n.revision = 1 and n.item = 0 and n.epoch <> $2 \
                 and n.payload->'actor'->>'kind' = 'system' and n.payload->>'reason' like '% continues ' || $2 || '.' || l.revision)";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, &[&tenant, &epoch]).await?;
    row.map(|row| {
        Ok((
            super::tenants::revision(&row, "revision")?,
            text(&row, "hash")?,
        ))
    })
    .transpose()
}

/// Returns when the oldest event of each tenant after a revision of its epoch was decided. Tenants
/// without such an event are left out.
pub async fn oldest_after(
    tx: &Transaction<'_>,
    behind: &[(TenantName, Epoch, i64)],
) -> Result<Vec<(TenantName, jiff::Timestamp)>, Error> {
    let sql = "select k.tenant, e.occurred_at from unnest($1::text[], $2::text[], $3::bigint[]) as k (tenant, epoch, revision) \
               cross join lateral (select occurred_at from route_events e \
                 where e.tenant = k.tenant and e.epoch = k.epoch and e.revision > k.revision order by e.revision limit 1) e";
    let statement = tx.prepare_cached(sql).await?;
    let tenants: Vec<_> = behind
        .iter()
        .map(|(tenant, _, _)| tenant.as_str())
        .collect();
    let epochs: Vec<_> = behind.iter().map(|(_, epoch, _)| epoch.as_str()).collect();
    let revisions: Vec<_> = behind.iter().map(|(_, _, revision)| *revision).collect();
    let rows = tx
        .query(&statement, &[&tenants, &epochs, &revisions])
        .await?;
    rows.iter()
        .map(|row| Ok((text(row, "tenant")?, column(row, "occurred_at")?)))
        .collect()
}
