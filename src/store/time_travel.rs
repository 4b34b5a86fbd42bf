//! Time travel: a tenant's routes and policies at an earlier revision of its present epoch, from
//! the history.
//!
//! The state of an object at a revision is the `after` of its last event up to then. An index by
//! object and revision serves this lookup.

use deadpool_postgres::Transaction;
use tokio_postgres::{Row, types::ToSql};

use super::{Error, column, tenants, text};
use crate::domain::{
    event::{Change, Event, versions},
    filter::RouteFilter,
    ids::{EnvName, RouteName, ServiceName, TenantName, VersionName},
    snapshot::Scope,
    tag::{Revision, VersionTag},
    time::UtcTime,
};

/// The point in time that a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionOrTime {
    /// The state after this revision.
    Revision(Revision),
    /// The state after the newest revision that was decided by then.
    Time(UtcTime),
}

/// A point in a tenant's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPoint {
    /// The tenant's newest tag.
    pub now: VersionTag,
    /// The newest revision at that point; 0 before the first.
    pub then: Revision,
}

/// An object as it was at a point in time, with the first event of its incarnation.
#[derive(Debug, Clone)]
pub struct PastObject {
    /// The object's last event up to that point.
    pub last: Event,
    /// The event that made the object.
    pub first: Event,
}

/// Resolves a point in time; `None` when there is no such tenant.
pub async fn instant(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    when: RevisionOrTime,
) -> Result<Option<HistoryPoint>, Error> {
    // Searches by revision, from the newest back: clocks of instances differ, but not by much.
    let sql = "select t.epoch, t.revision, coalesce((select h.revision from route_events h \
                   where h.tenant = t.name and h.epoch = t.epoch and h.occurred_at <= $2 order by h.revision desc limit 1), 0) as then \
               from tenants t where t.name = $1";
    let statement = tx.prepare_cached(sql).await?;
    let time = match when {
        RevisionOrTime::Time(time) => Some(time.timestamp()),
        RevisionOrTime::Revision(_) => None,
    };
    let Some(row) = tx.query_opt(&statement, &[&tenant.as_str(), &time]).await? else {
        return Ok(None);
    };
    let then = match when {
        RevisionOrTime::Time(_) => tenants::revision(&row, "then")?,
        RevisionOrTime::Revision(revision) => revision,
    };
    Ok(Some(HistoryPoint {
        now: tenants::tag(&row)?,
        then,
    }))
}

/// Returns an object at a revision of an epoch; `None` when the object did not exist then. A policy
/// has no version.
pub async fn object(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    [service, env, version]: [&str; 3],
    at: &VersionTag,
) -> Result<Option<PastObject>, Error> {
    let sql = format!(
        "select l.payload::text as last, l.type as last_type, f.payload::text as first, f.type as first_type from ( \
             select * from route_events where tenant = $1 and epoch = $2 and revision <= $3 \
               and service = $4 and env = $5 and version = $6 order by revision desc, item desc limit 1) l {FIRST}"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let (epoch, revision) = (at.epoch.as_str(), tenants::signed(at.revision)?);
    let row = tx
        .query_opt(
            &statement,
            &[
                &tenant.as_str(),
                &epoch,
                &revision,
                &service,
                &env,
                &version,
            ],
        )
        .await?;
    row.map(|row| was(&row)).transpose()
}

/// Joins the event that made the object whose last event is `l`. Leaves out objects that `l`
/// deleted.
const FIRST: &str = "cross join lateral (select payload, type from route_events h \
    where h.tenant = l.tenant and h.service = l.service and h.env = l.env and h.version = l.version and h.epoch = l.epoch \
      and (h.revision, h.item) <= (l.revision, l.item) and h.payload ->> 'before' is null \
    order by h.revision desc, h.item desc limit 1) f where l.payload ->> 'after' is not null";

/// Returns the routes and policies of a scope at a revision of an epoch.
pub async fn objects(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    at: &VersionTag,
    scope: &Scope,
) -> Result<Vec<PastObject>, Error> {
    let Scope { service, env } = scope.clone();
    let filter = RouteFilter {
        tenant: Some(tenant.clone()),
        service,
        env,
        ..RouteFilter::default()
    };
    let selection = Selection {
        tenant,
        at,
        filter: &filter,
        only_routes: false,
        after: None,
        limit: i64::MAX,
    };
    read(tx, &selection).await
}

/// Returns the routes at a revision of an epoch that match a filter of one tenant, in the order of
/// their names, after a name.
pub async fn routes(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    at: &VersionTag,
    filter: &RouteFilter,
    after: Option<&RouteName>,
    limit: i64,
) -> Result<Vec<PastObject>, Error> {
    let selection = Selection {
        tenant,
        at,
        filter,
        only_routes: true,
        after,
        limit,
    };
    read(tx, &selection).await
}

/// The objects to be read, in the order of their names.
struct Selection<'a> {
    tenant: &'a TenantName,
    at: &'a VersionTag,
    /// The tenant of the filter is ignored.
    filter: &'a RouteFilter,
    /// Leaves out policies.
    only_routes: bool,
    /// Leaves out this route and all before it.
    after: Option<&'a RouteName>,
    limit: i64,
}

async fn read(tx: &Transaction<'_>, selection: &Selection<'_>) -> Result<Vec<PastObject>, Error> {
    let Selection {
        tenant,
        at,
        filter,
        only_routes,
        after,
        limit,
    } = selection;
    let sql = format!(
        "select l.payload::text as last, l.type as last_type, f.payload::text as first, f.type as first_type from ( \
             select distinct on (service, env, version) * from route_events \
             where tenant = $1 and epoch = $2 and revision <= $3 and service <> '' and (not $4 or version <> '') \
               and ($5::text is null or service = $5) and ($6::text is null or env = $6) and ($7::text is null or version = $7) \
               and ($8::text is null or (service, env, version) > ($8, $9, $10)) \
             order by service, env, version, revision desc, item desc) l {FIRST} \
           and ($11::text is null or l.payload -> 'after' ->> 'is_active' = $11) \
           and ($12::text is null or l.payload -> 'after' -> 'labels' ->> $12 = $13) \
           and ($15::text is null or strpos(lower(concat_ws(' ', l.service, l.env, l.version, l.payload -> 'after' ->> 'url')), lower($15)) > 0) \
         order by l.service, l.env, l.version limit $14"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let (epoch, revision) = (at.epoch.as_str(), tenants::signed(at.revision)?);
    let RouteFilter {
        tenant: _,
        service,
        env,
        version,
        is_active,
        label,
        search,
    } = filter;
    let (service, env) = (
        service.as_ref().map(ServiceName::as_str),
        env.as_ref().map(EnvName::as_str),
    );
    let version = version.as_ref().map(VersionName::as_str);
    let is_active = is_active.map(|is_active| is_active.to_string());
    let (label, value) = label
        .as_ref()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .unzip();
    let after = after.map(|name| {
        [
            name.service.as_str(),
            name.env.as_str(),
            name.version.as_str(),
        ]
    });
    let (a, b, c) = (
        after.map(|key| key[0]),
        after.map(|key| key[1]),
        after.map(|key| key[2]),
    );
    let parameters: [&(dyn ToSql + Sync); 15] = [
        &tenant.as_str(),
        &epoch,
        &revision,
        only_routes,
        &service,
        &env,
        &version,
        &a,
        &b,
        &c,
        &is_active,
        &label,
        &value,
        limit,
        search,
    ];
    tx.query(&statement, &parameters)
        .await?
        .iter()
        .map(was)
        .collect()
}

/// Returns the newest revision of each service and environment up to a revision of an epoch.
pub async fn scopes(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    at: &VersionTag,
) -> Result<Vec<(ServiceName, EnvName, Revision)>, Error> {
    let sql = "select service, env, max(revision) as revision from route_events \
               where tenant = $1 and epoch = $2 and revision <= $3 and service <> '' group by service, env";
    let statement = tx.prepare_cached(sql).await?;
    let (epoch, revision) = (at.epoch.as_str(), tenants::signed(at.revision)?);
    let rows = tx
        .query(&statement, &[&tenant.as_str(), &epoch, &revision])
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                text(row, "service")?,
                text(row, "env")?,
                tenants::revision(row, "revision")?,
            ))
        })
        .collect()
}

/// Returns the net change of each object of a scope between two revisions of an epoch, in the order
/// of their names: at most `limit`.
pub async fn between(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    from: Revision,
    to: &VersionTag,
    scope: &Scope,
    limit: i64,
) -> Result<Vec<Change>, Error> {
    let sql = "with h as (select * from route_events where tenant = $1 and epoch = $2 and revision > $3 and revision <= $4 \
                   and service <> '' and ($5::text is null or service = $5) and ($6::text is null or env = $6)), \
                 f as (select distinct on (service, env, version) * from h order by service, env, version, revision, item), \
                 l as (select distinct on (service, env, version) * from h order by service, env, version, revision desc, item desc) \
               select f.payload::text as first, f.type as first_type, l.payload::text as last, l.type as last_type from f join l using (service, env, version) \
               order by service, env, version limit $7";
    let statement = tx.prepare_cached(sql).await?;
    let (epoch, from, upto) = (
        to.epoch.as_str(),
        tenants::signed(from)?,
        tenants::signed(to.revision)?,
    );
    let (service, env) = (
        scope.service.as_ref().map(ServiceName::as_str),
        scope.env.as_ref().map(EnvName::as_str),
    );
    let rows = tx
        .query(
            &statement,
            &[
                &tenant.as_str(),
                &epoch,
                &from,
                &upto,
                &service,
                &env,
                &limit,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let PastObject { first, last } = was(row)?;
            Ok(match (first.body.change, last.body.change) {
                (Change::Route { name, before, .. }, Change::Route { after, .. }) => {
                    Change::Route {
                        name,
                        before,
                        after,
                    }
                }
                (Change::Policy { name, before, .. }, Change::Policy { after, .. }) => {
                    Change::Policy {
                        name,
                        before,
                        after,
                    }
                }
                (_, other) => other,
            })
        })
        .collect()
}

/// Returns the events of one object up to a revision of an epoch, newest first, at most `limit`.
pub async fn events(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    [service, env, version]: [&str; 3],
    at: &VersionTag,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let sql = "select payload::text as payload, type as payload_type from route_events where tenant = $1 and epoch = $2 and revision <= $3 \
               and service = $4 and env = $5 and version = $6 order by revision desc, item desc limit $7";
    let statement = tx.prepare_cached(sql).await?;
    let (epoch, revision) = (at.epoch.as_str(), tenants::signed(at.revision)?);
    let rows = tx
        .query(
            &statement,
            &[
                &tenant.as_str(),
                &epoch,
                &revision,
                &service,
                &env,
                &version,
                &limit,
            ],
        )
        .await?;
    rows.iter().map(|row| event(row, "payload")).collect()
}

fn was(row: &Row) -> Result<PastObject, Error> {
    Ok(PastObject {
        last: event(row, "last")?,
        first: event(row, "first")?,
    })
}

fn event(row: &Row, name: &str) -> Result<Event, Error> {
    let (ce_type, json): (&str, &str) = (column(row, &format!("{name}_type"))?, column(row, name)?);
    versions::read(ce_type, json.as_bytes()).map_err(|e| Error::Corrupt(format!("{name}: {e}")))
}
