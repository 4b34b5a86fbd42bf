//! The table `quarantined_policies`: policies of which a proxy refused a form.

use deadpool_postgres::Transaction;
use jiff::Timestamp;

use super::{Error, column, tenants, text};
use crate::domain::{
    ids::{PolicyName, TenantName},
    tag::{Epoch, Revision},
    time::UtcTime,
};

/// A policy of which a proxy refused a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The policy's tenant.
    pub tenant: TenantName,
    /// The policy.
    pub name: PolicyName,
    /// The kind of proxy.
    pub dialect: String,
    /// The hash of the refused form.
    pub form: String,
    /// The tenant's epoch at the time.
    pub epoch: Epoch,
    /// The revision of the policy's last change then.
    pub revision: Revision,
    /// The tenant's revision at which the form that the proxies have instead was the present one;
    /// `None` if they have none, and answer the policy's requests with 503.
    pub instead: Option<Revision>,
    /// The proxy's words.
    pub reason: String,
    /// The node that refused.
    pub node: String,
    /// The version of the proxy.
    pub program: String,
    /// When that was.
    pub since: UtcTime,
}

/// Records a refusal. Returns whether it is news: of the same form it is not.
pub async fn put(tx: &Transaction<'_>, refused: &Quarantined) -> Result<bool, Error> {
    let sql = "insert into quarantined_policies as q (tenant, service, env, dialect, form, epoch, revision, instead, reason, node, program) \
               select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 from tenants where name = $1 and epoch = $6 \
               on conflict (tenant, service, env, dialect) do update set form = excluded.form, epoch = excluded.epoch, \
                 revision = excluded.revision, instead = coalesce(excluded.instead, case when q.epoch = excluded.epoch then q.instead end), \
                 reason = excluded.reason, node = excluded.node, program = excluded.program, since = now() \
               where (q.form, q.epoch) <> (excluded.form, excluded.epoch)";
    let statement = tx.prepare_cached(sql).await?;
    let instead = refused.instead.map(tenants::signed).transpose()?;
    let changed = tx
        .execute(
            &statement,
            &[
                &refused.tenant.as_str(),
                &refused.name.service.as_str(),
                &refused.name.env.as_str(),
                &refused.dialect,
                &refused.form,
                &refused.epoch.as_str(),
                &tenants::signed(refused.revision)?,
                &instead,
                &refused.reason,
                &refused.node,
                &refused.program,
            ],
        )
        .await?;
    Ok(changed > 0)
}

/// Forgets that these forms of a policy were refused. Returns whether there was something.
pub async fn release(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    name: &PolicyName,
    dialect: &str,
    forms: &[String],
) -> Result<bool, Error> {
    let sql = "delete from quarantined_policies where tenant = $1 and service = $2 and env = $3 and dialect = $4 and form = any($5)";
    let statement = tx.prepare_cached(sql).await?;
    let (service, env) = (name.service.as_str(), name.env.as_str());
    let deleted = tx
        .execute(
            &statement,
            &[&tenant.as_str(), &service, &env, &dialect, &forms],
        )
        .await?;
    Ok(deleted > 0)
}

/// Returns the refusals of a tenant's present epoch, in the order of the policies' names.
pub async fn of(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    dialect: &str,
) -> Result<Vec<Quarantined>, Error> {
    let sql = "select q.* from quarantined_policies q join tenants t on t.name = q.tenant and t.epoch = q.epoch \
               where q.tenant = $1 and q.dialect = $2 order by q.service, q.env";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, &[&tenant.as_str(), &dialect]).await?;
    rows.iter()
        .map(|row| {
            let instead: Option<i64> = column(row, "instead")?;
            Ok(Quarantined {
                tenant: text(row, "tenant")?,
                name: PolicyName {
                    service: text(row, "service")?,
                    env: text(row, "env")?,
                },
                dialect: column(row, "dialect")?,
                form: column(row, "form")?,
                epoch: text(row, "epoch")?,
                revision: tenants::revision(row, "revision")?,
                instead: instead.map(|revision| Revision(revision.unsigned_abs())),
                reason: column(row, "reason")?,
                node: column(row, "node")?,
                program: column(row, "program")?,
                since: column::<Timestamp>(row, "since")?.into(),
            })
        })
        .collect()
}
