//! The table `scopes`: the newest revision that touched a service in an environment.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::{Statement, types::ToSql};

use super::{Error, events::NewEvent, tenants, text};
use crate::domain::{
    ids::{EnvName, ServiceName, TenantName},
    tag::Revision,
};

/// Statement of [`raise`].
pub const RAISE: &str = "update scopes s set epoch = n.epoch, revision = n.revision \
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as n (tenant, service, env, epoch, revision) \
    where (s.tenant, s.service, s.env) = (n.tenant, n.service, n.env)";

/// Statement of [`raise`], for scopes that [`RAISE`] did not find.
pub const INSERT: &str = "insert into scopes (tenant, service, env, epoch, revision) \
    select tenant, service, env, epoch, revision \
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as n (tenant, service, env, epoch, revision) \
    where not exists (select from scopes s where (s.tenant, s.service, s.env) = (n.tenant, n.service, n.env))";

/// Records the revision of the newest of `events` for each scope. The events are in commit order
/// per tenant, and the tenants' rows are locked.
pub async fn raise(
    tx: &Transaction<'_>,
    [raise, insert]: [&Statement; 2],
    events: &[NewEvent],
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let newest: BTreeMap<_, _> = events
        .iter()
        .map(|new| &new.event.body)
        .filter_map(|body| {
            body.change.place().map(|(service, env)| {
                ((body.tenant.as_str(), service.as_str(), env.as_str()), body)
            })
        })
        .collect();
    if newest.is_empty() {
        return Ok(());
    }
    let tenants: Vec<_> = newest.keys().map(|key| key.0).collect();
    let services: Vec<_> = newest.keys().map(|key| key.1).collect();
    let envs: Vec<_> = newest.keys().map(|key| key.2).collect();
    let epochs: Vec<_> = newest.values().map(|body| body.epoch.as_str()).collect();
    let revisions = newest
        .values()
        .map(|body| tenants::signed(body.revision))
        .collect::<Result<Vec<_>, _>>()?;
    let values: [&(dyn ToSql + Sync); 5] = [&tenants, &services, &envs, &epochs, &revisions];
    let raised = tx.execute(raise, &values).await?;
    if raised < newest.len() as u64 {
        tx.execute(insert, &values).await?;
    }
    Ok(())
}

/// Statement of [`of`].
pub const OF: &str = "select s.tenant, s.service, s.env, s.revision \
    from scopes s join tenants t on t.name = s.tenant and t.epoch = s.epoch where s.tenant = any($1)";

/// Returns the newest revision of each scope of the tenants.
pub async fn of(
    tx: &Transaction<'_>,
    of: &Statement,
    names: &[TenantName],
) -> Result<Vec<(TenantName, (ServiceName, EnvName), Revision)>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = names.iter().map(TenantName::as_str).collect();
    let rows = tx.query(of, &[&names]).await?;
    rows.iter()
        .map(|row| {
            Ok((
                text(row, "tenant")?,
                (text(row, "service")?, text(row, "env")?),
                tenants::revision(row, "revision")?,
            ))
        })
        .collect()
}
