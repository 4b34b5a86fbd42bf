//! The table `scopes`: the newest revision that touched a service in an environment.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Statement;

use super::{Error, events::NewEvent, tenants, text};
use crate::domain::{
    ids::{EnvName, ServiceName, TenantName},
    tag::Revision,
};

/// Statement of [`raise`].
pub const RAISE: &str = "insert into scopes (tenant, service, env, epoch, revision) \
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) \
    on conflict (tenant, service, env) do update set epoch = excluded.epoch, revision = excluded.revision";

/// Records the revision of the newest of `events` for each scope. The events are in commit order
/// per tenant, and the tenants' rows are locked.
pub async fn raise(
    tx: &Transaction<'_>,
    raise: &Statement,
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
    tx.execute(raise, &[&tenants, &services, &envs, &epochs, &revisions])
        .await?;
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
