//! The table `plans`: computed changes that wait to be applied.

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

/// A stored plan, with the document that it was computed from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredPlan {
    /// The computed changes.
    pub plan: Plan,
    /// The document with the desired state.
    pub desired: Document,
    /// SHA-256 of the request, in hex. An `Idempotency-Key` is bound to it.
    pub fingerprint: String,
}

/// A place in a list of plans, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Position {
    /// When the last plan seen was made.
    pub created_at: UtcTime,
    /// The id of the last plan seen.
    pub id: Uuid,
}

/// The same as [`StoredPlan`], borrowed for writing.
#[derive(Debug, Serialize)]
pub struct Written<'a> {
    /// The computed changes.
    pub plan: &'a Plan,
    /// The document with the desired state.
    pub desired: &'a Document,
    /// SHA-256 of the request, as in [`StoredPlan`].
    pub fingerprint: &'a str,
}

/// The columns of a plan other than its text.
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
    /// Returns the columns of a plan.
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

/// The result of storing a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The plan is stored.
    Kept,
    /// The tenant has as many plans as it may have.
    TooMany,
    /// With this plan, the tenant's plans would take more bytes than they may.
    TooLarge,
}

/// Stores a plan, whose text is that of a [`Written`]. `limits` are the number of plans that the
/// tenant may have, and the bytes of these plans as stored (after compression).
pub async fn insert(
    tx: &Transaction<'_>,
    row: &Row,
    text: &str,
    limits: (i64, i64),
) -> Result<Inserted, Error> {
    let sql = "insert into plans (tenant, id, epoch, revision, hash, plan, created_at, created_by, expires_at, summary) \
               select $1, $2, $3, $4, $5, $6::text::json, $7, $8, $9, $11 \
               where (select count(*) from plans where tenant = $1 and expires_at > now()) < $10";
    let statement = tx.prepare_cached(sql).await?;
    let Row {
        tenant,
        id,
        base,
        hash,
        created_at,
        created_by,
        expires_at,
        summary,
    } = row;
    let (epoch, revision) = (base.epoch.as_str(), tenants::signed(base.revision)?);
    let (made, ends) = (created_at.timestamp(), expires_at.timestamp());
    let (most, most_bytes) = limits;
    let inserted = tx
        .execute(
            &statement,
            &[
                &tenant.as_str(),
                id,
                &epoch,
                &revision,
                hash,
                &text,
                &made,
                created_by,
                &ends,
                &most,
                &Json(summary),
            ],
        )
        .await?;
    if inserted == 0 {
        return Ok(Inserted::TooMany);
    }
    let sql = "select coalesce(sum(pg_column_size(plan)), 0)::bigint as bytes from plans where tenant = $1 and expires_at > now()";
    let statement = tx.prepare_cached(sql).await?;
    let bytes: i64 = column(
        &tx.query_one(&statement, &[&tenant.as_str()]).await?,
        "bytes",
    )?;
    if bytes > most_bytes {
        delete(tx, tenant, *id).await?;
        return Ok(Inserted::TooLarge);
    }
    Ok(Inserted::Kept)
}

/// Returns the text of a plan that has not expired.
pub async fn get(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    id: Uuid,
) -> Result<Option<String>, Error> {
    let sql =
        "select plan::text as plan from plans where tenant = $1 and id = $2 and expires_at > now()";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, &[&tenant.as_str(), &id]).await?;
    row.map(|row| column::<String>(&row, "plan")).transpose()
}

/// Parses the text of a plan. Uses the processor for a time that grows with the text.
pub fn parse(text: &str) -> Result<StoredPlan, Error> {
    serde_json::from_str(text).map_err(|e| Error::Corrupt(format!("plan: {e}")))
}

/// Returns the services and environments in which a plan changes something; `None` when there is no
/// such plan.
pub async fn places(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    id: Uuid,
) -> Result<Option<Vec<(ServiceName, EnvName)>>, Error> {
    let sql = "select distinct change -> 'key' ->> 'service' as service, change -> 'key' ->> 'env' as env from plans \
               left join lateral json_array_elements(plan -> 'plan' -> 'changes') change on true where tenant = $1 and id = $2";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, &[&tenant.as_str(), &id]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut places = Vec::with_capacity(rows.len());
    for row in &rows {
        let (service, env) = (
            column::<Option<String>>(row, "service")?,
            column::<Option<String>>(row, "env")?,
        );
        if let (Some(service), Some(env)) = (service, env) {
            let corrupt = |invalid: Invalid| Error::Corrupt(format!("plan: {}", invalid.detail));
            places.push((
                service.try_into().map_err(corrupt)?,
                env.try_into().map_err(corrupt)?,
            ));
        }
    }
    Ok(Some(places))
}

/// Returns plans that have not expired, without their changes, newest first, after a place.
pub async fn list(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Plan>, Error> {
    // Plans from before summaries were stored expire within limits.plan_ttl_hours.
    let sql = "select coalesce(summary, ((plan::jsonb -> 'plan') || '{\"changes\": []}'::jsonb)::json)::text as plan from plans where tenant = $1 and expires_at > now() \
               and ($2::timestamptz is null or (created_at, id) < ($2, $3)) order by created_at desc, id desc limit $4";
    let statement = tx.prepare_cached(sql).await?;
    let (at, id) = after
        .map(|after| (after.created_at.timestamp(), after.id))
        .unzip();
    let rows = tx
        .query(&statement, &[&tenant.as_str(), &at, &id, &limit])
        .await?;
    rows.iter()
        .map(|row| {
            serde_json::from_str(column::<&str>(row, "plan")?)
                .map_err(|e| Error::Corrupt(format!("plan: {e}")))
        })
        .collect()
}

/// Deletes a plan; returns `false` when there was none.
pub async fn delete(tx: &Transaction<'_>, tenant: &TenantName, id: Uuid) -> Result<bool, Error> {
    let statement = tx
        .prepare_cached("delete from plans where tenant = $1 and id = $2")
        .await?;
    Ok(tx.execute(&statement, &[&tenant.as_str(), &id]).await? > 0)
}

/// Deletes at most `limit` plans that have expired, and returns how many.
pub async fn sweep(tx: &Transaction<'_>, limit: i64) -> Result<u64, Error> {
    let sql = "delete from plans where ctid = any(array(select ctid from plans where expires_at < now() limit $1))";
    let statement = tx.prepare_cached(sql).await?;
    Ok(tx.execute(&statement, &[&limit]).await?)
}
