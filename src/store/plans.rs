//! The table `plans`: changes that were worked out and wait to be applied.

use deadpool_postgres::Transaction;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{Error, column, tenants};
use crate::domain::{
    Invalid,
    document::Document,
    ids::{EnvName, ServiceName, TenantName},
    plan::Plan,
    tag::VersionTag,
    time::UtcTime,
};

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

/// The same, to be written.
#[derive(Debug, Serialize)]
pub struct Written<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was desired.
    pub desired: &'a Document,
    /// As in [`Kept`].
    pub fingerprint: &'a str,
}

/// The columns of a plan beside its text.
#[derive(Debug)]
pub struct Row {
    tenant: TenantName,
    id: Uuid,
    base: VersionTag,
    hash: String,
    created_at: UtcTime,
    created_by: String,
    expires_at: UtcTime,
    summary: Plan,
}

impl Row {
    /// The columns of a plan.
    pub fn of(plan: &Plan) -> Self {
        let summary = Plan {
            changes: Vec::new(),
            warnings: plan.warnings.clone(),
            reason: plan.reason.clone(),
            created_by: plan.created_by.clone(),
            hash: plan.hash,
            tenant: plan.tenant.clone(),
            base: plan.base.clone(),
            scope: plan.scope.clone(),
            ..*plan
        };
        Self {
            summary,
            tenant: plan.tenant.clone(),
            id: plan.id,
            base: plan.base.clone(),
            hash: plan.hash.to_string(),
            created_at: plan.created_at,
            created_by: plan.created_by.clone(),
            expires_at: plan.expires_at,
        }
    }
}

/// What became of a plan that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept.
    Kept,
    /// The tenant has as many as it may have.
    TooMany,
    /// With it, the tenant's plans would take more bytes than they may.
    TooLarge,
}

/// Keeps a plan, whose text is that of a [`Written`]. `limits` are how many the tenant may have, and how many bytes they may take as they
/// are stored, which is after compression.
pub async fn insert(tx: &Transaction<'_>, row: &Row, text: &str, limits: (i64, i64)) -> Result<Inserted, Error> {
    let sql = "insert into plans (tenant, id, epoch, revision, hash, plan, created_at, created_by, expires_at, summary) \
               select $1, $2, $3, $4, $5, $6::text::json, $7, $8, $9, $11 \
               where (select count(*) from plans where tenant = $1 and expires_at > now()) < $10";
    let statement = tx.prepare_cached(sql).await?;
    let Row { tenant, id, base, hash, created_at, created_by, expires_at, summary } = row;
    let (epoch, revision) = (base.epoch.as_str(), tenants::signed(base.revision)?);
    let (made, ends) = (created_at.timestamp(), expires_at.timestamp());
    let (most, most_bytes) = limits;
    let inserted = tx
        .execute(
            &statement,
            &[&tenant.as_str(), id, &epoch, &revision, hash, &text, &made, created_by, &ends, &most, &Json(summary)],
        )
        .await?;
    if inserted == 0 {
        return Ok(Inserted::TooMany);
    }
    let sql =
        "select coalesce(sum(pg_column_size(plan)), 0)::bigint as bytes from plans where tenant = $1 and expires_at > now()";
    let statement = tx.prepare_cached(sql).await?;
    let bytes: i64 = column(&tx.query_one(&statement, &[&tenant.as_str()]).await?, "bytes")?;
    if bytes > most_bytes {
        delete(tx, tenant, *id).await?;
        return Ok(Inserted::TooLarge);
    }
    Ok(Inserted::Kept)
}

/// The text of a plan that has not expired.
pub async fn get(tx: &Transaction<'_>, tenant: &TenantName, id: Uuid) -> Result<Option<String>, Error> {
    let sql = "select plan::text as plan from plans where tenant = $1 and id = $2 and expires_at > now()";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, &[&tenant.as_str(), &id]).await?;
    row.map(|row| column::<String>(&row, "plan")).transpose()
}

/// The plan of a text. Takes a processor for as long as the text is.
pub fn parse(text: &str) -> Result<Kept, Error> {
    serde_json::from_str(text).map_err(|e| Error::Corrupt(format!("plan: {e}")))
}

/// The services and environments in which a plan changes something; `None` when there is no such plan.
pub async fn places(tx: &Transaction<'_>, tenant: &TenantName, id: Uuid) -> Result<Option<Vec<(ServiceName, EnvName)>>, Error> {
    let sql = "select distinct change -> 'key' ->> 'service' as service, change -> 'key' ->> 'env' as env from plans \
               left join lateral json_array_elements(plan -> 'plan' -> 'changes') change on true where tenant = $1 and id = $2";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, &[&tenant.as_str(), &id]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut places = Vec::with_capacity(rows.len());
    for row in &rows {
        let (service, env) = (column::<Option<String>>(row, "service")?, column::<Option<String>>(row, "env")?);
        if let (Some(service), Some(env)) = (service, env) {
            let corrupt = |invalid: Invalid| Error::Corrupt(format!("plan: {}", invalid.detail));
            places.push((service.try_into().map_err(corrupt)?, env.try_into().map_err(corrupt)?));
        }
    }
    Ok(Some(places))
}

/// Plans that have not expired, newest first, after a place, without their changes.
pub async fn list(tx: &Transaction<'_>, tenant: &TenantName, after: Option<&Position>, limit: i64) -> Result<Vec<Plan>, Error> {
    // Those of before there were summaries are gone within limits.plan_ttl_hours.
    let sql = "select coalesce(summary, ((plan::jsonb -> 'plan') || '{\"changes\": []}'::jsonb)::json)::text as plan from plans where tenant = $1 and expires_at > now() \
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
