//! The table `routes`.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::{Row, Statement};

use super::{Error, column, tenants, text};
use crate::domain::{
    command::MAX_ENDED,
    filter::RouteFilter,
    ids::{EnvName, PolicyName, RouteKey, RouteName, ServiceName, TenantName, VersionName},
    route::{Description, Labels, Route, RouteSpec, RouteUrl},
    snapshot::{Scope, SnapshotPolicy, SnapshotRoute, TenantContent},
    tag::VersionTag,
};

/// Statement of [`find`].
pub const FIND: &str = "select r.* from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as k (tenant, service, env, version) \
    join routes r using (tenant, service, env, version)";

/// Returns the named routes that exist.
pub async fn find(
    tx: &Transaction<'_>,
    find: &Statement,
    keys: &[&RouteKey],
) -> Result<Vec<(TenantName, Route)>, Error> {
    let [tenants, services, envs, versions] = key_columns(keys.iter().copied());
    let rows = tx
        .query(find, &[&tenants, &services, &envs, &versions])
        .await?;
    rows.iter().map(owned).collect()
}

/// Statement of [`of`].
pub const OF: &str = "select * from routes where tenant = any($1)";

/// Returns every route of the tenants.
pub async fn of(
    tx: &Transaction<'_>,
    of: &Statement,
    tenants: &[TenantName],
) -> Result<Vec<(TenantName, Route)>, Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
    tx.query(of, &[&names]).await?.iter().map(owned).collect()
}

/// Statement of [`first`].
pub const FIRST: &str = "select r.* from unnest($1::text[]) as t (tenant) cross join lateral \
    (select * from routes where tenant = t.tenant order by service, env, version limit $2) r";

/// Returns the first routes of tenants that are being deleted: of each tenant as many as one
/// revision may take.
pub async fn first(
    tx: &Transaction<'_>,
    first: &Statement,
    tenants: &[TenantName],
) -> Result<Vec<(TenantName, Route)>, Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
    tx.query(first, &[&names, &(MAX_ENDED as i64)])
        .await?
        .iter()
        .map(owned)
        .collect()
}

/// Returns every route of one tenant's scope.
pub async fn in_scope(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    scope: &Scope,
) -> Result<Vec<Route>, Error> {
    let sql = "select * from routes where tenant = $1 and ($2::text is null or service = $2) and ($3::text is null or env = $3)";
    let statement = tx.prepare_cached(sql).await?;
    let (service, env) = (
        scope.service.as_ref().map(ServiceName::as_str),
        scope.env.as_ref().map(EnvName::as_str),
    );
    tx.query(&statement, &[&tenant.as_str(), &service, &env])
        .await?
        .iter()
        .map(route)
        .collect()
}

/// Reads a route with its tenant.
pub(super) fn owned(row: &Row) -> Result<(TenantName, Route), Error> {
    Ok((text(row, "tenant")?, route(row)?))
}

/// Statement of [`active`].
pub const ACTIVE: &str = "select tenant, count(*) as active from routes where tenant = any($1) and is_active group by tenant";

/// Returns the number of active routes of tenants. Tenants without any are left out.
pub async fn active(
    tx: &Transaction<'_>,
    active: &Statement,
    tenants: &[TenantName],
) -> Result<Vec<(TenantName, u32)>, Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
    let rows = tx.query(active, &[&names]).await?;
    rows.iter()
        .map(|row| {
            Ok((
                text(row, "tenant")?,
                u32::try_from(column::<i64>(row, "active")?).unwrap_or(u32::MAX),
            ))
        })
        .collect()
}

/// Statement of [`upsert`].
pub const UPSERT: &str = "insert into routes \
    (tenant, service, env, version, url, is_active, labels, description, revision, created_at, created_by, updated_at, updated_by) \
    select tenant, service, env, version, url, is_active, labels::jsonb, description, revision, \
           created_at, created_by, updated_at, updated_by \
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::text[], $8::text[], $9::bigint[], \
                $10::timestamptz[], $11::text[], $12::timestamptz[], $13::text[]) \
      as n (tenant, service, env, version, url, is_active, labels, description, revision, \
            created_at, created_by, updated_at, updated_by) \
    on conflict (tenant, service, env, version) do update set \
      url = excluded.url, is_active = excluded.is_active, labels = excluded.labels, description = excluded.description, \
      revision = excluded.revision, created_at = excluded.created_at, created_by = excluded.created_by, \
      updated_at = excluded.updated_at, updated_by = excluded.updated_by";

/// Writes routes in their new state. Each key may occur only once.
pub async fn upsert(
    tx: &Transaction<'_>,
    upsert: &Statement,
    routes: &[(&TenantName, &Route)],
) -> Result<(), Error> {
    if routes.is_empty() {
        return Ok(());
    }
    let keys: Vec<RouteKey> = routes
        .iter()
        .map(|(tenant, route)| RouteKey {
            tenant: (*tenant).clone(),
            name: route.name.clone(),
        })
        .collect();
    let [tenants, services, envs, versions] = key_columns(keys.iter());
    let urls: Vec<_> = routes.iter().map(|(_, r)| r.spec.url.as_str()).collect();
    let active: Vec<_> = routes.iter().map(|(_, r)| r.spec.is_active).collect();
    let labels = routes
        .iter()
        .map(|(_, r)| json_text(&r.spec.labels))
        .collect::<Result<Vec<_>, _>>()?;
    let descriptions: Vec<_> = routes
        .iter()
        .map(|(_, r)| r.spec.description.as_ref().map(Description::as_str))
        .collect();
    let revisions = routes
        .iter()
        .map(|(_, r)| tenants::signed(r.revision))
        .collect::<Result<Vec<_>, _>>()?;
    let created_at: Vec<_> = routes
        .iter()
        .map(|(_, r)| r.created_at.timestamp())
        .collect();
    let created_by: Vec<_> = routes.iter().map(|(_, r)| r.created_by.as_str()).collect();
    let updated_at: Vec<_> = routes
        .iter()
        .map(|(_, r)| r.updated_at.timestamp())
        .collect();
    let updated_by: Vec<_> = routes.iter().map(|(_, r)| r.updated_by.as_str()).collect();
    tx.execute(
        upsert,
        &[
            &tenants,
            &services,
            &envs,
            &versions,
            &urls,
            &active,
            &labels,
            &descriptions,
            &revisions,
            &created_at,
            &created_by,
            &updated_at,
            &updated_by,
        ],
    )
    .await?;
    Ok(())
}

/// Statement of [`delete`].
pub const DELETE: &str = "delete from routes r using unnest($1::text[], $2::text[], $3::text[], $4::text[]) \
    as k (tenant, service, env, version) \
    where (r.tenant, r.service, r.env, r.version) = (k.tenant, k.service, k.env, k.version)";

/// Removes the routes with these keys.
pub async fn delete(
    tx: &Transaction<'_>,
    delete: &Statement,
    keys: &[&RouteKey],
) -> Result<(), Error> {
    if !keys.is_empty() {
        let [tenants, services, envs, versions] = key_columns(keys.iter().copied());
        tx.execute(delete, &[&tenants, &services, &envs, &versions])
            .await?;
    }
    Ok(())
}

/// Returns a route with its tenant's tag, read in one statement: `None` when there is no such
/// tenant.
pub async fn get(
    tx: &Transaction<'_>,
    key: &RouteKey,
) -> Result<Option<(VersionTag, Option<Route>)>, Error> {
    let sql = "select t.epoch, t.revision as tenant_revision, r.* from tenants t left join routes r \
               on r.tenant = t.name and r.service = $2 and r.env = $3 and r.version = $4 where t.name = $1";
    let statement = tx.prepare_cached(sql).await?;
    let RouteKey { tenant, name } = key;
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [
        &tenant.as_str(),
        &name.service.as_str(),
        &name.env.as_str(),
        &name.version.as_str(),
    ];
    let Some(row) = tx.query_opt(&statement, &parameters).await? else {
        return Ok(None);
    };
    let tag = VersionTag {
        epoch: text(&row, "epoch")?,
        revision: tenants::revision(&row, "tenant_revision")?,
    };
    let exists = column::<Option<String>>(&row, "tenant")?.is_some();
    Ok(Some((tag, if exists { Some(route(&row)?) } else { None })))
}

/// The conditions of a filter in [`list`], without its tenant.
const MATCHES: &str = "and ($2::text is null or service = $2) and ($3::text is null or env = $3) \
    and ($4::text is null or version = $4) and ($5::bool is null or is_active = $5) \
    and ($6::text is null or labels ->> $6 = $7) \
    and ($13::text is null or strpos(lower(concat_ws(' ', service, env, version, url)), lower($13)) > 0)";

/// What is known about the tenant of a list, at the instant of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTenant {
    /// The tenant's tag.
    pub tag: VersionTag,
    /// The number of its routes that match the filter, if it was asked for.
    pub count: Option<u64>,
}

/// Returns routes after `after` in key order, and the tenant's tag at the same instant when the
/// filter names a tenant that exists; with `count`, the number of all its routes that match too.
pub async fn list(
    tx: &Transaction<'_>,
    filter: &RouteFilter,
    count: bool,
    after: Option<&RouteKey>,
    limit: i64,
) -> Result<(Option<ListedTenant>, Vec<(TenantName, Route)>), Error> {
    // A single statement sees one instant: the tag and the routes belong together. The two
    // predicates that an index can serve stand alone. A generic plan cannot see through an "is null
    // or" in front of them.
    let of_tenant = if filter.tenant.is_some() {
        "tenant = $1"
    } else {
        "$1::text is null"
    };
    let after_key = if after.is_some() {
        "(tenant, service, env, version) > ($8, $9, $10, $11)"
    } else {
        "coalesce($8, $9, $10, $11) is null"
    };
    let sql = format!(
        "with t as (select name, epoch, revision, \
           case when $14 then (select count(*) from routes where {of_tenant} {MATCHES}) end as matching from tenants where name = $1), \
         page as (select * from routes where {of_tenant} {MATCHES} and {after_key} order by tenant, service, env, version limit $12) \
       select t.epoch, t.revision as tenant_revision, t.matching, page.* from page full join t on false \
       order by page.tenant, page.service, page.env, page.version"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let tenant = filter.tenant.as_ref().map(TenantName::as_str);
    let service = filter.service.as_ref().map(ServiceName::as_str);
    let env = filter.env.as_ref().map(EnvName::as_str);
    let version = filter.version.as_ref().map(VersionName::as_str);
    let (label, value) = filter
        .label
        .as_ref()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .unzip();
    let after = after.map(|key| {
        let RouteKey { tenant, name } = key;
        (
            tenant.as_str(),
            name.service.as_str(),
            name.env.as_str(),
            name.version.as_str(),
        )
    });
    let (a, b, c, d) = (
        after.map(|k| k.0),
        after.map(|k| k.1),
        after.map(|k| k.2),
        after.map(|k| k.3),
    );
    let rows = tx
        .query(
            &statement,
            &[
                &tenant,
                &service,
                &env,
                &version,
                &filter.is_active,
                &label,
                &value,
                &a,
                &b,
                &c,
                &d,
                &limit,
                &filter.search,
                &count,
            ],
        )
        .await?;
    let mut listed = None;
    let mut routes = Vec::with_capacity(rows.len());
    for row in &rows {
        if column::<Option<String>>(row, "tenant")?.is_some() {
            routes.push((text(row, "tenant")?, route(row)?));
        } else {
            let tag = VersionTag {
                epoch: text(row, "epoch")?,
                revision: tenants::revision(row, "tenant_revision")?,
            };
            let count = column::<Option<i64>>(row, "matching")?;
            listed = Some(ListedTenant {
                tag,
                count: count.and_then(|count| count.try_into().ok()),
            });
        }
    }
    Ok((listed, routes))
}

/// Returns all of a tenant's routes, policies and scopes with its tag, read in one statement:
/// `None` when there is no such tenant.
pub async fn snapshot(
    tx: &Transaction<'_>,
    tenant: &TenantName,
) -> Result<Option<TenantContent>, Error> {
    let sql = "select t.epoch, t.revision as tenant_revision, (t.quotas ->> 'waiters')::int as waiters, t.confirmed, \
                   r.service, r.env, r.version, r.url, r.is_active, r.labels, r.spec, r.revision \
               from tenants t left join ( \
                   select service, env, version, url, is_active, labels::text as labels, null as spec, revision, null as epoch \
                   from routes where tenant = $1 \
                   union all \
                   select service, env, null, null, null, null, spec::text, revision, null from policies where tenant = $1 \
                   union all \
                   select service, env, null, null, null, null, null, revision, epoch from scopes where tenant = $1 \
               ) r on r.epoch is null or r.epoch = t.epoch \
               where t.name = $1";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, &[&tenant.as_str()]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let tag = VersionTag {
        epoch: text(first, "epoch")?,
        revision: tenants::revision(first, "tenant_revision")?,
    };
    let waiters =
        column::<Option<i32>>(first, "waiters")?.and_then(|waiters| u32::try_from(waiters).ok());
    let routes = Vec::with_capacity(rows.len());
    let mut content = TenantContent {
        tag,
        routes,
        policies: Vec::new(),
        scopes: Vec::new(),
        waiters,
        confirmed: tenants::confirmed(first)?,
    };
    for row in &rows {
        if column::<Option<String>>(row, "version")?.is_some() {
            let labels: String = column(row, "labels")?;
            content.routes.push(SnapshotRoute {
                name: name(row)?,
                url: RouteUrl::stored(column(row, "url")?),
                is_active: column(row, "is_active")?,
                labels: serde_json::from_str(&labels)
                    .map_err(|e| Error::Corrupt(format!("labels: {e}")))?,
                revision: tenants::revision(row, "revision")?,
            });
        } else if let Some(spec) = column::<Option<String>>(row, "spec")? {
            content.policies.push(SnapshotPolicy {
                name: PolicyName {
                    service: text(row, "service")?,
                    env: text(row, "env")?,
                },
                spec: serde_json::from_str(&spec)
                    .map_err(|e| Error::Corrupt(format!("spec: {e}")))?,
                revision: tenants::revision(row, "revision")?,
            });
        } else if column::<Option<String>>(row, "service")?.is_some() {
            content.scopes.push((
                text(row, "service")?,
                text(row, "env")?,
                tenants::revision(row, "revision")?,
            ));
        }
    }
    Ok(Some(content))
}

fn name(row: &Row) -> Result<RouteName, Error> {
    Ok(RouteName {
        service: text(row, "service")?,
        env: text(row, "env")?,
        version: text(row, "version")?,
    })
}

fn route(row: &Row) -> Result<Route, Error> {
    let labels: tokio_postgres::types::Json<BTreeMap<String, String>> = column(row, "labels")?;
    let description = column::<Option<String>>(row, "description")?;
    Ok(Route {
        name: name(row)?,
        spec: RouteSpec {
            url: RouteUrl::stored(column(row, "url")?),
            is_active: column(row, "is_active")?,
            labels: Labels::stored(labels.0),
            description: description.map(Description::stored),
        },
        revision: tenants::revision(row, "revision")?,
        created_at: column::<jiff::Timestamp>(row, "created_at")?.into(),
        created_by: column(row, "created_by")?,
        updated_at: column::<jiff::Timestamp>(row, "updated_at")?.into(),
        updated_by: column(row, "updated_by")?,
    })
}

fn json_text(labels: &Labels) -> Result<String, Error> {
    serde_json::to_string(labels).map_err(|e| Error::Corrupt(e.to_string()))
}

fn key_columns<'a>(keys: impl Iterator<Item = &'a RouteKey>) -> [Vec<&'a str>; 4] {
    let mut columns = [const { Vec::new() }; 4];
    for RouteKey { tenant, name } in keys {
        columns[0].push(tenant.as_str());
        columns[1].push(name.service.as_str());
        columns[2].push(name.env.as_str());
        columns[3].push(name.version.as_str());
    }
    columns
}
