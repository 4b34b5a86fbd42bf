//! The table `plans`: changes that were worked out and wait to be applied.

use deadpool_postgres::Transaction;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{Error, column, tenants};
use crate::domain::{document::Document, ids::TenantName, plan::Plan, time::UtcTime};

/// A plan with what it was worked out from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The plan.
    pub plan: Plan,
    /// What was desired.
    pub desired: Document,
    /// SHA-256 of the request, in hex: what an `Idempotency-Key` is bound to.
    pub fingerprint: String,
}

/// A place in a list of plans, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Position {
    /// When the last one seen was made.
    pub created_at: UtcTime,
    /// Its id.
    pub id: Uuid,
}

/// Keeps a plan, unless the tenant has `limit` of them; then `false`.
pub async fn insert(tx: &Transaction<'_>, kept: &Kept, limit: i64) -> Result<bool, Error> {
    let sql = "insert into plans (tenant, id, epoch, revision, hash, plan, created_at, created_by, expires_at) \
               select $1, $2, $3, $4, $5, $6, $7, $8, $9 \
               where (select count(*) from plans where tenant = $1 and expires_at > now()) < $10";
    let statement = tx.prepare_cached(sql).await?;
    let plan = &kept.plan;
    let (epoch, revision) = (plan.base.epoch.as_str(), tenants::signed(plan.base.revision)?);
    let (made, ends) = (plan.created_at.timestamp(), plan.expires_at.timestamp());
    let body = serde_json::to_value(kept).map_err(|e| Error::Corrupt(e.to_string()))?;
    let inserted = tx
        .execute(
            &statement,
            &[
                &plan.tenant.as_str(),
                &plan.id,
                &epoch,
                &revision,
                &plan.hash.to_string(),
                &Json(body),
                &made,
                &plan.created_by,
                &ends,
                &limit,
            ],
        )
        .await?;
    Ok(inserted > 0)
}

/// A plan that has not expired.
pub async fn get(tx: &Transaction<'_>, tenant: &TenantName, id: Uuid) -> Result<Option<Kept>, Error> {
    let sql = "select plan::text as plan from plans where tenant = $1 and id = $2 and expires_at > now()";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, &[&tenant.as_str(), &id]).await?;
    row.map(|row| serde_json::from_str(column::<&str>(&row, "plan")?).map_err(|e| Error::Corrupt(format!("plan: {e}"))))
        .transpose()
}

/// Plans that have not expired, newest first, after a place.
pub async fn list(tx: &Transaction<'_>, tenant: &TenantName, after: Option<&Position>, limit: i64) -> Result<Vec<Plan>, Error> {
    let sql = "select (plan -> 'plan')::text as plan from plans where tenant = $1 and expires_at > now() \
               and ($2::timestamptz is null or (created_at, id) < ($2, $3)) order by created_at desc, id desc limit $4";
    let statement = tx.prepare_cached(sql).await?;
    let (at, id) = after.map(|after| (after.created_at.timestamp(), after.id)).unzip();
    let rows = tx.query(&statement, &[&tenant.as_str(), &at, &id, &limit]).await?;
    rows.iter()
        .map(|row| serde_json::from_str(column::<&str>(row, "plan")?).map_err(|e| Error::Corrupt(format!("plan: {e}"))))
        .collect()
}

/// Forgets a plan; `false` when there was none.
pub async fn delete(tx: &Transaction<'_>, tenant: &TenantName, id: Uuid) -> Result<bool, Error> {
    let statement = tx.prepare_cached("delete from plans where tenant = $1 and id = $2").await?;
    Ok(tx.execute(&statement, &[&tenant.as_str(), &id]).await? > 0)
}

/// Forgets at most `limit` plans that have expired, and returns how many.
pub async fn sweep(tx: &Transaction<'_>, limit: i64) -> Result<u64, Error> {
    let sql = "delete from plans where ctid = any(array(select ctid from plans where expires_at < now() limit $1))";
    let statement = tx.prepare_cached(sql).await?;
    Ok(tx.execute(&statement, &[&limit]).await?)
}
