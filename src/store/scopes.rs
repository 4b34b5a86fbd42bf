//! The table `scopes`: the newest revision that touched a service in an environment.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Statement;

use super::{Error, events::NewEvent, tenants};

/// Statement of [`raise`].
pub const RAISE: &str = "insert into scopes (tenant, service, env, epoch, revision) \
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) \
    on conflict (tenant, service, env) do update set epoch = excluded.epoch, revision = excluded.revision";

/// Notes the newest of `events` for each scope; they are in commit order per tenant, whose rows are locked.
pub async fn raise(tx: &Transaction<'_>, raise: &Statement, events: &[NewEvent]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let newest: BTreeMap<_, _> = events
        .iter()
        .map(|new| &new.event.body)
        .map(|body| ((body.tenant.as_str(), body.route.service.as_str(), body.route.env.as_str()), body))
        .collect();
    let tenants: Vec<_> = newest.keys().map(|key| key.0).collect();
    let services: Vec<_> = newest.keys().map(|key| key.1).collect();
    let envs: Vec<_> = newest.keys().map(|key| key.2).collect();
    let epochs: Vec<_> = newest.values().map(|body| body.epoch.as_str()).collect();
    let revisions = newest.values().map(|body| tenants::signed(body.revision)).collect::<Result<Vec<_>, _>>()?;
    tx.execute(raise, &[&tenants, &services, &envs, &epochs, &revisions]).await?;
    Ok(())
}
