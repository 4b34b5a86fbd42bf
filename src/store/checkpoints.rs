//! The table `audit_checkpoints`: the point up to which a chain of the archive was proven and then
//! removed.

use deadpool_postgres::{Object, Transaction};
use serde::Serialize;

use super::{Error, column, tenants, text};
use crate::domain::{
    hash::EventHash,
    ids::TenantName,
    tag::{Epoch, Revision},
    time::UtcTime,
};

/// Session lock that allows one retention at a time. Any constant will do; this one spells
/// "tm-retai".
const LOCK: i64 = i64::from_be_bytes(*b"tm-retai");

/// A part of a chain that was proven, from the chain's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// The last revision of the part.
    pub revision: Revision,
    /// The hash of the part's last event.
    pub hash: EventHash,
    /// The number of events since the beginning of the chain.
    pub events: u64,
    /// When the last event was decided.
    pub occurred_at: UtcTime,
}

/// The point where a chain of the archive begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// The last revision that was removed.
    pub revision: Revision,
    /// The hash of the last event that was removed. The first event that remains must name it.
    pub hash: EventHash,
    /// The number of events removed since the beginning of the chain.
    #[serde(skip)]
    pub events: u64,
    /// When the checkpoint was made.
    pub made_at: UtcTime,
}

/// Returns the newest checkpoint of a chain.
pub async fn newest(
    tx: &Transaction<'_>,
    tenant: &str,
    epoch: &str,
) -> Result<Option<Checkpoint>, Error> {
    let sql = "select revision, hash, events, made_at from audit_checkpoints where tenant = $1 and epoch = $2 \
               order by revision desc limit 1";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, &[&tenant, &epoch]).await?;
    row.map(|row| {
        Ok(Checkpoint {
            revision: tenants::revision(&row, "revision")?,
            hash: text(&row, "hash")?,
            events: tenants::revision(&row, "events")?.0,
            made_at: column::<jiff::Timestamp>(&row, "made_at")?.into(),
        })
    })
    .transpose()
}

/// Returns the revision of each chain's newest checkpoint. Chains without a checkpoint are left
/// out.
pub async fn newest_of(
    tx: &Transaction<'_>,
    chains: &[(&TenantName, &Epoch)],
) -> Result<Vec<(TenantName, Revision)>, Error> {
    let sql = "select tenant, max(revision) as revision from audit_checkpoints \
               join unnest($1::text[], $2::text[]) as c (tenant, epoch) using (tenant, epoch) group by tenant";
    let statement = tx.prepare_cached(sql).await?;
    let (tenants, epochs): (Vec<_>, Vec<_>) = chains
        .iter()
        .map(|(tenant, epoch)| (tenant.as_str(), epoch.as_str()))
        .unzip();
    let rows = tx.query(&statement, &[&tenants, &epochs]).await?;
    rows.iter()
        .map(|row| Ok((text(row, "tenant")?, tenants::revision(row, "revision")?)))
        .collect()
}

/// Adds a checkpoint to a chain.
pub async fn insert(
    tx: &Transaction<'_>,
    tenant: &str,
    epoch: &str,
    proven: &Proven,
) -> Result<(), Error> {
    let sql = "insert into audit_checkpoints (tenant, epoch, revision, hash, events, occurred_at) values ($1, $2, $3, $4, $5, $6)";
    let statement = tx.prepare_cached(sql).await?;
    let Proven {
        revision,
        hash,
        events,
        occurred_at,
    } = proven;
    let (revision, events) = (
        tenants::signed(*revision)?,
        tenants::signed(Revision(*events))?,
    );
    tx.execute(
        &statement,
        &[
            &tenant,
            &epoch,
            &revision,
            &hash.to_string(),
            &events,
            &occurred_at.timestamp(),
        ],
    )
    .await?;
    Ok(())
}

/// Takes the lock that allows one retention at a time, until this session ends. Returns false when
/// another session has the lock.
pub async fn lock(client: &Object) -> Result<bool, Error> {
    column(
        &client
            .query_one("select pg_try_advisory_lock($1) as locked", &[&LOCK])
            .await?,
        "locked",
    )
}

/// Releases the lock of [`lock`].
pub async fn unlock(client: &Object) -> Result<(), Error> {
    client
        .execute("select pg_advisory_unlock($1)", &[&LOCK])
        .await?;
    Ok(())
}
