//! The table `tenants`.

use deadpool_postgres::Transaction;
use tokio_postgres::{Row, Statement};

use super::{Error, column, text};
pub use crate::domain::write::rows::LockedTenant;
use crate::domain::{
    hash::EventHash,
    ids::TenantName,
    removal::ConfirmedRemoval,
    tag::{Revision, VersionTag},
    tenant::{Ending, Quotas, Tenant},
};

const COLUMNS: &str = "name, epoch, revision, chain_head, routes, policies, quotas, allowed_hosts, paid_until, ending, confirmed, created_at, created_by, updated_at, updated_by";

/// Whether a tenant's newest revision is of another timeline of the database: from before a restore
/// or a promotion.
const IS_ON_OTHER_TIMELINE: &str = "lineage is distinct from (select lineage())";

/// Statement of [`lock`]. Rows are locked in name order, so that two groups never deadlock;
/// `no key update` lets other transactions' foreign keys through.
pub fn lock_sql() -> String {
    format!(
        "select {COLUMNS}, {IS_ON_OTHER_TIMELINE} as is_of_other_timeline from tenants where name = any($1) order by name for no key update"
    )
}

/// Locks the tenants that exist among `names`, and reads them.
pub async fn lock(
    tx: &Transaction<'_>,
    lock: &Statement,
    names: &[&str],
) -> Result<Vec<LockedTenant>, Error> {
    let locked = |row| {
        Ok(LockedTenant {
            tenant: tenant(row)?,
            chain_head: text(row, "chain_head")?,
            is_of_other_timeline: column(row, "is_of_other_timeline")?,
        })
    };
    tx.query(lock, &[&names])
        .await?
        .iter()
        .map(locked)
        .collect()
}

/// Returns tenants after `after` whose newest revision is of another timeline of the database, in
/// name order. Only a primary can answer.
pub async fn on_other_timeline(
    tx: &Transaction<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<TenantName>, Error> {
    let sql = format!(
        "select name from tenants where {IS_ON_OTHER_TIMELINE} and ($1::text is null or name > $1) order by name limit $2"
    );
    let statement = tx.prepare_cached(&sql).await?;
    tx.query(&statement, &[&after, &limit])
        .await?
        .iter()
        .map(|row| text(row, "name"))
        .collect()
}

/// Returns tenants whose deletion has begun and is not done, in name order.
pub async fn ending(tx: &Transaction<'_>, limit: i64) -> Result<Vec<TenantName>, Error> {
    let statement = tx
        .prepare_cached("select name from tenants where ending is not null order by name limit $1")
        .await?;
    tx.query(&statement, &[&limit])
        .await?
        .iter()
        .map(|row| text(row, "name"))
        .collect()
}

/// Statement of [`write()`] for tenants that do not exist yet.
pub const INSERT: &str = "insert into tenants \
    (name, epoch, revision, chain_head, routes, policies, quotas, allowed_hosts, paid_until, created_at, created_by, updated_at, updated_by, \
     ending, confirmed) \
    select name, epoch, revision, chain_head, routes, policies, quotas::jsonb, allowed_hosts::jsonb, paid_until, created_at, created_by, \
           updated_at, updated_by, ending::jsonb, confirmed::jsonb \
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::int[], $7::text[], $8::timestamptz[], \
                $9::timestamptz[], $10::text[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::text[]) \
      as n (name, epoch, revision, chain_head, routes, policies, quotas, paid_until, created_at, created_by, updated_at, updated_by, \
            allowed_hosts, ending, confirmed)";

/// Statement of [`write()`] for tenants that are locked. An epoch is of the timeline that it began
/// in: if a restore is recorded after the lock, a revision that was decided before does not yet
/// repair the tenant's timeline.
pub const UPDATE: &str = "update tenants t set lineage = case when t.epoch = n.epoch then t.lineage else (select lineage()) end, epoch = n.epoch, revision = n.revision, chain_head = n.chain_head, routes = n.routes, \
    policies = n.policies, quotas = n.quotas::jsonb, allowed_hosts = n.allowed_hosts::jsonb, paid_until = n.paid_until, ending = n.ending::jsonb, confirmed = n.confirmed::jsonb, \
    created_at = n.created_at, created_by = n.created_by, updated_at = n.updated_at, updated_by = n.updated_by \
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::int[], $7::text[], $8::timestamptz[], \
                $9::timestamptz[], $10::text[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::text[]) \
      as n (name, epoch, revision, chain_head, routes, policies, quotas, paid_until, created_at, created_by, updated_at, updated_by, \
            allowed_hosts, ending, confirmed) \
    where t.name = n.name";

/// Writes tenants with [`INSERT`] (they must not exist: a violation of `tenants_pkey` means that
/// another instance made one in the meantime) or [`UPDATE`] (they must be locked).
pub async fn write(
    tx: &Transaction<'_>,
    statement: &Statement,
    tenants: &[(&Tenant, EventHash)],
) -> Result<(), Error> {
    if tenants.is_empty() {
        return Ok(());
    }
    let all = |f: fn(&Tenant) -> String| tenants.iter().map(|(t, _)| f(t)).collect::<Vec<_>>();
    let names = all(|t| t.name.to_string());
    let epochs = all(|t| t.epoch.to_string());
    let revisions = tenants
        .iter()
        .map(|(t, _)| signed(t.revision))
        .collect::<Result<Vec<_>, _>>()?;
    let heads: Vec<_> = tenants.iter().map(|(_, head)| head.to_string()).collect();
    let routes: Vec<_> = tenants
        .iter()
        .map(|(t, _)| i32::try_from(t.routes).unwrap_or(i32::MAX))
        .collect();
    let policies: Vec<_> = tenants
        .iter()
        .map(|(t, _)| i32::try_from(t.policies).unwrap_or(i32::MAX))
        .collect();
    let quotas = tenants
        .iter()
        .map(|(t, _)| serde_json::to_string(&t.quotas).map_err(|e| Error::Corrupt(e.to_string())));
    let quotas = quotas.collect::<Result<Vec<_>, _>>()?;
    let allowed = tenants.iter().map(|(t, _)| {
        serde_json::to_string(&t.allowed_hosts).map_err(|e| Error::Corrupt(e.to_string()))
    });
    let allowed = allowed.collect::<Result<Vec<_>, _>>()?;
    let paid: Vec<_> = tenants
        .iter()
        .map(|(t, _)| t.paid_until.map(|paid| paid.timestamp()))
        .collect();
    let created_at: Vec<_> = tenants
        .iter()
        .map(|(t, _)| t.created_at.timestamp())
        .collect();
    let created_by = all(|t| t.created_by.clone());
    let updated_at: Vec<_> = tenants
        .iter()
        .map(|(t, _)| t.updated_at.timestamp())
        .collect();
    let updated_by = all(|t| t.updated_by.clone());
    let ending = tenants
        .iter()
        .map(|(t, _)| t.ending.as_ref().map(serde_json::to_string).transpose());
    let ending = ending
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::Corrupt(e.to_string()))?;
    let confirmed = tenants.iter().map(|(t, _)| {
        let json = t.confirmed.as_ref().map(serde_json::to_string);
        json.transpose().map_err(|e| Error::Corrupt(e.to_string()))
    });
    let confirmed = confirmed.collect::<Result<Vec<_>, _>>()?;
    tx.execute(
        statement,
        &[
            &names,
            &epochs,
            &revisions,
            &heads,
            &routes,
            &policies,
            &quotas,
            &paid,
            &created_at,
            &created_by,
            &updated_at,
            &updated_by,
            &allowed,
            &ending,
            &confirmed,
        ],
    )
    .await?;
    Ok(())
}

/// Statement of [`delete`].
pub const DELETE: &str = "with scope as (delete from scopes where tenant = any($1)) delete from tenants where name = any($1)";

/// Removes tenants, with the rows of their scopes. The tenants must be locked and have no routes.
pub async fn delete(tx: &Transaction<'_>, delete: &Statement, names: &[&str]) -> Result<(), Error> {
    if !names.is_empty() {
        tx.execute(delete, &[&names]).await?;
    }
    Ok(())
}

/// Returns a tenant, if it exists.
pub async fn get(tx: &Transaction<'_>, name: &TenantName) -> Result<Option<Tenant>, Error> {
    let statement = tx
        .prepare_cached(&format!("select {COLUMNS} from tenants where name = $1"))
        .await?;
    tx.query_opt(&statement, &[&name.as_str()])
        .await?
        .as_ref()
        .map(tenant)
        .transpose()
}

/// Returns a tenant's newest tag, and the hash of its newest event, where its hash chain ends.
pub async fn head(
    tx: &Transaction<'_>,
    name: &TenantName,
) -> Result<Option<(VersionTag, EventHash)>, Error> {
    let statement = tx
        .prepare_cached("select epoch, revision, chain_head from tenants where name = $1")
        .await?;
    let row = tx.query_opt(&statement, &[&name.as_str()]).await?;
    row.map(|row| Ok((tag(&row)?, text(&row, "chain_head")?)))
        .transpose()
}

/// Returns tenants after `after` in name order.
pub async fn list(
    tx: &Transaction<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Tenant>, Error> {
    let sql = format!(
        "select {COLUMNS} from tenants where ($1::text is null or name > $1) order by name limit $2"
    );
    let statement = tx.prepare_cached(&sql).await?;
    tx.query(&statement, &[&after, &limit])
        .await?
        .iter()
        .map(tenant)
        .collect()
}

/// Returns the newest tags of the tenants that exist among `names`.
pub async fn tags(
    tx: &Transaction<'_>,
    names: &[&str],
) -> Result<Vec<(TenantName, VersionTag)>, Error> {
    let statement = tx
        .prepare_cached("select name, epoch, revision from tenants where name = any($1)")
        .await?;
    let rows = tx.query(&statement, &[&names]).await?;
    rows.iter()
        .map(|row| Ok((text(row, "name")?, tag(row)?)))
        .collect()
}

/// Reads the columns `epoch` and `revision` of a row.
pub(super) fn tag(row: &Row) -> Result<VersionTag, Error> {
    Ok(VersionTag {
        epoch: text(row, "epoch")?,
        revision: revision(row, "revision")?,
    })
}

/// Reads a revision column.
pub(super) fn revision(row: &Row, name: &str) -> Result<Revision, Error> {
    let value: i64 = column(row, name)?;
    u64::try_from(value)
        .map(Revision)
        .map_err(|_| Error::Corrupt(format!("{name} is negative")))
}

/// Converts a revision to the type of its column.
pub(super) fn signed(revision: Revision) -> Result<i64, Error> {
    i64::try_from(revision.0).map_err(|_| Error::Corrupt("a revision exceeds 63 bits".into()))
}

/// Reads the column `confirmed` of a row.
pub(super) fn confirmed(row: &Row) -> Result<Option<ConfirmedRemoval>, Error> {
    let stored: Option<tokio_postgres::types::Json<_>> = column(row, "confirmed")?;
    Ok(stored.map(|stored| stored.0))
}

fn tenant(row: &Row) -> Result<Tenant, Error> {
    let tag = tag(row)?;
    let count = |n: i32| u32::try_from(n).map_err(|_| Error::Corrupt("a count is negative".into()));
    Ok(Tenant {
        name: text(row, "name")?,
        epoch: tag.epoch,
        revision: tag.revision,
        quotas: column::<tokio_postgres::types::Json<Quotas>>(row, "quotas")?.0,
        allowed_hosts: column::<tokio_postgres::types::Json<_>>(row, "allowed_hosts")?.0,
        routes: count(column(row, "routes")?)?,
        policies: count(column(row, "policies")?)?,
        paid_until: column::<Option<jiff::Timestamp>>(row, "paid_until")?.map(Into::into),
        ending: column::<Option<tokio_postgres::types::Json<Box<Ending>>>>(row, "ending")?
            .map(|ending| ending.0),
        confirmed: confirmed(row)?.map(Box::new),
        created_at: column::<jiff::Timestamp>(row, "created_at")?.into(),
        created_by: column(row, "created_by")?,
        updated_at: column::<jiff::Timestamp>(row, "updated_at")?.into(),
        updated_by: column(row, "updated_by")?,
    })
}
