//! The tables `policies` and `policy_hosts`.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{Row, Statement, types::Json};

use super::{Error, column, routes, tenants, text};
use crate::domain::{
    command,
    host::{Host, claims::Claims},
    ids::{EnvName, PolicyKey, PolicyName, ServiceName, TenantName},
    policy::{Policy, pattern},
    route::Route,
    snapshot::Scope,
    tag::VersionTag,
};

const FIND: &str = "select p.* from unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    join policies p using (tenant, service, env) \
    union all select * from policies where tenant = any($4)";

const ROUTES: &str = "select r.* from unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    join routes r using (tenant, service, env)";

/// For tenants that are not visible, `taken_hosts` returns only that a claim exists.
const TAKEN: &str = "with wanted as ( \
        select * from unnest($1::text[], $2::text[]) as w (tenant, host) union \
        select h.tenant, h.host from unnest($3::text[], $4::text[], $5::text[]) as k (tenant, service, env) \
        join policy_hosts h using (tenant, service, env)) \
    select t.* from (select array_agg(tenant) as tenants, array_agg(host) as hosts from wanted) w, taken_hosts(w.tenants, w.hosts) t";

const FIRST: &str = "select p.* from unnest($1::text[]) as t (tenant) cross join lateral \
        (select * from policies where tenant = t.tenant order by service, env limit $2) p";

/// The statements that read policies under the tenants' locks.
pub struct Reading {
    find: Statement,
    first: Statement,
    routes: Statement,
    taken: Statement,
}

impl Reading {
    /// Prepares the statements for reading.
    pub async fn prepare(client: &Object) -> Result<Self, Error> {
        Ok(Self {
            find: client.prepare_cached(FIND).await?,
            first: client.prepare_cached(FIRST).await?,
            routes: client.prepare_cached(ROUTES).await?,
            taken: client.prepare_cached(TAKEN).await?,
        })
    }

    /// Returns the named policies that exist, and every policy of the tenants in `whole`.
    pub async fn find(
        &self,
        tx: &Transaction<'_>,
        keys: &[PolicyKey],
        whole: &[TenantName],
    ) -> Result<Vec<(TenantName, Policy)>, Error> {
        if keys.is_empty() && whole.is_empty() {
            return Ok(Vec::new());
        }
        let [tenants, services, envs] = columns(keys.iter().map(|key| (&key.tenant, &key.name)));
        let whole: Vec<_> = whole.iter().map(TenantName::as_str).collect();
        let rows = tx
            .query(&self.find, &[&tenants, &services, &envs, &whole])
            .await?;
        rows.iter()
            .map(|row| Ok((text(row, "tenant")?, policy(row)?)))
            .collect()
    }

    /// Returns the first policies of tenants that are being deleted: of each tenant as many as one
    /// revision may take.
    pub async fn first(
        &self,
        tx: &Transaction<'_>,
        tenants: &[TenantName],
    ) -> Result<Vec<(TenantName, Policy)>, Error> {
        if tenants.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
        let rows = tx
            .query(&self.first, &[&names, &(command::MAX_ENDED as i64)])
            .await?;
        rows.iter()
            .map(|row| Ok((text(row, "tenant")?, policy(row)?)))
            .collect()
    }

    /// Returns every route of the services that these policies belong to.
    pub async fn routes(
        &self,
        tx: &Transaction<'_>,
        policies: &[(TenantName, Policy)],
    ) -> Result<Vec<(TenantName, Route)>, Error> {
        let [tenants, services, envs] = columns(
            policies
                .iter()
                .map(|(tenant, policy)| (tenant, &policy.name)),
        );
        let rows = tx
            .query(&self.routes, &[&tenants, &services, &envs])
            .await?;
        rows.iter().map(routes::owned).collect()
    }

    /// Returns the claims on the wanted hosts, and on the hosts of the policies in `keys`: on the
    /// hosts themselves with any path prefix, and on overlapping hosts of other tenants.
    pub async fn taken(
        &self,
        tx: &Transaction<'_>,
        wanted: &[(TenantName, Host)],
        keys: &[PolicyKey],
    ) -> Result<Claims, Error> {
        let mut claims = Claims::default();
        if wanted.is_empty() && keys.is_empty() {
            return Ok(claims);
        }
        let (of, hosts): (Vec<_>, Vec<_>) = wanted
            .iter()
            .map(|(tenant, host)| (tenant.as_str(), host.as_str()))
            .unzip();
        let [tenants, services, envs] = columns(keys.iter().map(|key| (&key.tenant, &key.name)));
        for row in tx
            .query(&self.taken, &[&of, &hosts, &tenants, &services, &envs])
            .await?
        {
            if column::<Option<&str>>(&row, "tenant")?.is_some() {
                claims.insert(
                    &host(&row, "host")?,
                    &text(&row, "path_prefix")?,
                    &text(&row, "tenant")?,
                    &name(&row)?,
                );
            } else {
                claims.insert_unseen(host(&row, "wanted")?);
            }
        }
        Ok(claims)
    }
}

/// Statement of [`patterns`]. Most policies have no patterns, and are not in the index that serves
/// this statement.
pub const PATTERNS: &str = "select tenant, sum(patterns) as patterns from policies where tenant = any($1) and patterns > 0 group by tenant";

/// Returns the number of patterns in the policies of tenants. Tenants without any are left out.
pub async fn patterns(
    tx: &Transaction<'_>,
    patterns: &Statement,
    tenants: &[TenantName],
) -> Result<Vec<(TenantName, u32)>, Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
    let rows = tx.query(patterns, &[&names]).await?;
    rows.iter()
        .map(|row| {
            Ok((
                text(row, "tenant")?,
                u32::try_from(column::<i64>(row, "patterns")?).unwrap_or(u32::MAX),
            ))
        })
        .collect()
}

const UPSERT: &str = "insert into policies \
      (tenant, service, env, spec, revision, created_at, created_by, updated_at, updated_by, patterns) \
    select tenant, service, env, spec::json, revision, created_at, created_by, updated_at, updated_by, patterns \
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::text[], $8::timestamptz[], \
                $9::text[], $10::integer[]) \
      as n (tenant, service, env, spec, revision, created_at, created_by, updated_at, updated_by, patterns) \
    on conflict (tenant, service, env) do update set \
      spec = excluded.spec, revision = excluded.revision, patterns = excluded.patterns, \
      created_at = excluded.created_at, created_by = excluded.created_by, updated_at = excluded.updated_at, \
      updated_by = excluded.updated_by";

/// The hosts of these policies are deleted with them.
const DELETE: &str = "delete from policies p using unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    where (p.tenant, p.service, p.env) = (k.tenant, k.service, k.env)";

/// Rows that stay are left alone: a host that is claimed anew is checked against the hosts of all
/// other tenants once more (migrations/V10).
const RELEASE: &str = "delete from policy_hosts h using unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    where (h.tenant, h.service, h.env) = (k.tenant, k.service, k.env) and (h.tenant, h.service, h.env, h.host, h.path_prefix) not in ( \
      select * from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[]))";

/// Inserts in the order of the key, so that two groups that claim the same hosts do not deadlock.
const CLAIM: &str = "insert into policy_hosts (tenant, service, env, host, path_prefix) \
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as n (tenant, service, env, host, path_prefix) \
    where not exists (select from policy_hosts h \
      where (h.host, h.path_prefix, h.tenant, h.service, h.env) = (n.host, n.path_prefix, n.tenant, n.service, n.env)) \
    order by host, path_prefix";

/// The names of the constraints that decide between two concurrent claims on a host: the key, and
/// the rule that a host belongs to one tenant.
pub const HOST_CONSTRAINTS: [&str; 2] = ["policy_hosts_pkey", "hosts_of_one_tenant"];

/// The hosts of policies in their new state, as columns.
#[derive(Default)]
struct HostColumns<'a> {
    policies: [Vec<&'a str>; 3],
    claims: [Vec<&'a str>; 5],
}

fn host_columns(policies: &[(TenantName, Policy)]) -> HostColumns<'_> {
    let mut all = HostColumns {
        policies: columns(policies.iter().map(|(tenant, p)| (tenant, &p.name))),
        ..HostColumns::default()
    };
    for (tenant, policy) in policies {
        for (host, prefix) in policy.spec.claims() {
            let PolicyName { service, env } = &policy.name;
            let row = [
                tenant.as_str(),
                service.as_str(),
                env.as_str(),
                host.as_str(),
                prefix.as_str(),
            ];
            all.claims
                .iter_mut()
                .zip(row)
                .for_each(|(column, value)| column.push(value));
        }
    }
    all
}

/// The statements that write policies and their hosts.
pub struct Writing {
    upsert: Statement,
    delete: Statement,
    release: Statement,
    claim: Statement,
}

impl Writing {
    /// Prepares the statements for writing.
    pub async fn prepare(client: &Object) -> Result<Self, Error> {
        Ok(Self {
            upsert: client.prepare_cached(UPSERT).await?,
            delete: client.prepare_cached(DELETE).await?,
            release: client.prepare_cached(RELEASE).await?,
            claim: client.prepare_cached(CLAIM).await?,
        })
    }

    /// Removes policies with the hosts that they own.
    pub async fn delete(&self, tx: &Transaction<'_>, keys: &[PolicyKey]) -> Result<(), Error> {
        if !keys.is_empty() {
            let [tenants, services, envs] =
                columns(keys.iter().map(|key| (&key.tenant, &key.name)));
            tx.execute(&self.delete, &[&tenants, &services, &envs])
                .await?;
        }
        Ok(())
    }

    /// Writes policies in their new state, each once, without their hosts.
    pub async fn upsert(
        &self,
        tx: &Transaction<'_>,
        policies: &[(TenantName, Policy)],
    ) -> Result<(), Error> {
        if policies.is_empty() {
            return Ok(());
        }
        let [tenants, services, envs] = columns(
            policies
                .iter()
                .map(|(tenant, policy)| (tenant, &policy.name)),
        );
        let specs = policies.iter().map(|(_, p)| {
            serde_json::to_string(&p.spec).map_err(|e| Error::Corrupt(e.to_string()))
        });
        let specs = specs.collect::<Result<Vec<_>, _>>()?;
        let revisions = policies
            .iter()
            .map(|(_, p)| tenants::signed(p.revision))
            .collect::<Result<Vec<_>, _>>()?;
        let created_at: Vec<_> = policies
            .iter()
            .map(|(_, p)| p.created_at.timestamp())
            .collect();
        let created_by: Vec<_> = policies
            .iter()
            .map(|(_, p)| p.created_by.as_str())
            .collect();
        let updated_at: Vec<_> = policies
            .iter()
            .map(|(_, p)| p.updated_at.timestamp())
            .collect();
        let updated_by: Vec<_> = policies
            .iter()
            .map(|(_, p)| p.updated_by.as_str())
            .collect();
        let patterns: Vec<_> = policies
            .iter()
            .map(|(_, p)| i32::try_from(pattern::count(&p.spec.rules)).unwrap_or(i32::MAX))
            .collect();
        tx.execute(
            &self.upsert,
            &[
                &tenants,
                &services,
                &envs,
                &specs,
                &revisions,
                &created_at,
                &created_by,
                &updated_at,
                &updated_by,
                &patterns,
            ],
        )
        .await?;
        Ok(())
    }

    /// Removes the hosts that these policies no longer have.
    pub async fn release(
        &self,
        tx: &Transaction<'_>,
        policies: &[(TenantName, Policy)],
    ) -> Result<(), Error> {
        if policies.is_empty() {
            return Ok(());
        }
        let HostColumns {
            policies: [tenants, services, envs],
            claims: [a, b, c, d, e],
        } = host_columns(policies);
        tx.execute(
            &self.release,
            &[&tenants, &services, &envs, &a, &b, &c, &d, &e],
        )
        .await?;
        Ok(())
    }

    /// Adds the hosts that these policies have. Must come after everything else that a transaction
    /// may have to wait for: the claims block other transactions until this one ends.
    pub async fn claim(
        &self,
        tx: &Transaction<'_>,
        policies: &[(TenantName, Policy)],
    ) -> Result<(), Error> {
        let HostColumns {
            claims: [tenants, services, envs, hosts, prefixes],
            ..
        } = host_columns(policies);
        if !hosts.is_empty() {
            tx.execute(
                &self.claim,
                &[&tenants, &services, &envs, &hosts, &prefixes],
            )
            .await?;
        }
        Ok(())
    }
}

/// Returns a policy with its tenant's tag, read in one statement: `None` when there is no such
/// tenant.
pub async fn get(
    tx: &Transaction<'_>,
    key: &PolicyKey,
) -> Result<Option<(VersionTag, Option<Policy>)>, Error> {
    let sql = "select t.epoch, t.revision as tenant_revision, p.* from tenants t left join policies p \
               on p.tenant = t.name and p.service = $2 and p.env = $3 where t.name = $1";
    let statement = tx.prepare_cached(sql).await?;
    let PolicyKey {
        tenant,
        name: PolicyName { service, env },
    } = key;
    let Some(row) = tx
        .query_opt(
            &statement,
            &[&tenant.as_str(), &service.as_str(), &env.as_str()],
        )
        .await?
    else {
        return Ok(None);
    };
    let tag = VersionTag {
        epoch: text(&row, "epoch")?,
        revision: tenants::revision(&row, "tenant_revision")?,
    };
    let exists = column::<Option<String>>(&row, "tenant")?.is_some();
    Ok(Some((tag, if exists { Some(policy(&row)?) } else { None })))
}

/// Returns a tenant's policies after `after` in the order of their names, with its tag: `None` when
/// there is no such tenant.
pub async fn list(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    after: Option<&PolicyName>,
    limit: i64,
) -> Result<Option<(VersionTag, Vec<Policy>)>, Error> {
    let sql = "select t.epoch, t.revision as tenant_revision, p.* from tenants t left join lateral \
                 (select * from policies where tenant = t.name and ($2::text is null or (service, env) > ($2, $3)) \
                  order by service, env limit $4) p on true \
               where t.name = $1 order by p.service, p.env";
    let statement = tx.prepare_cached(sql).await?;
    let (service, env) = after
        .map(|name| (name.service.as_str(), name.env.as_str()))
        .unzip();
    let rows = tx
        .query(&statement, &[&tenant.as_str(), &service, &env, &limit])
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let tag = VersionTag {
        epoch: text(first, "epoch")?,
        revision: tenants::revision(first, "tenant_revision")?,
    };
    let mut policies = Vec::with_capacity(rows.len());
    for row in &rows {
        if column::<Option<String>>(row, "tenant")?.is_some() {
            policies.push(policy(row)?);
        }
    }
    Ok(Some((tag, policies)))
}

/// Returns every policy of a tenant's scope.
pub async fn in_scope(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    scope: &Scope,
) -> Result<Vec<Policy>, Error> {
    let sql = "select * from policies where tenant = $1 and ($2::text is null or service = $2) and ($3::text is null or env = $3)";
    let statement = tx.prepare_cached(sql).await?;
    let (service, env) = (
        scope.service.as_ref().map(ServiceName::as_str),
        scope.env.as_ref().map(EnvName::as_str),
    );
    tx.query(&statement, &[&tenant.as_str(), &service, &env])
        .await?
        .iter()
        .map(policy)
        .collect()
}

fn host(row: &Row, column_name: &str) -> Result<Host, Error> {
    Host::read(column(row, column_name)?)
        .map_err(|invalid| Error::Corrupt(format!("{column_name}: {invalid}")))
}

fn name(row: &Row) -> Result<PolicyName, Error> {
    Ok(PolicyName {
        service: text(row, "service")?,
        env: text(row, "env")?,
    })
}

/// Reads a row of the table `policies`.
pub(super) fn policy(row: &Row) -> Result<Policy, Error> {
    Ok(Policy {
        name: name(row)?,
        spec: column::<Json<_>>(row, "spec")?.0,
        revision: tenants::revision(row, "revision")?,
        created_at: column::<jiff::Timestamp>(row, "created_at")?.into(),
        created_by: column(row, "created_by")?,
        updated_at: column::<jiff::Timestamp>(row, "updated_at")?.into(),
        updated_by: column(row, "updated_by")?,
    })
}

fn columns<'a>(names: impl Iterator<Item = (&'a TenantName, &'a PolicyName)>) -> [Vec<&'a str>; 3] {
    let mut columns = [const { Vec::new() }; 3];
    for (tenant, name) in names {
        columns[0].push(tenant.as_str());
        columns[1].push(name.service.as_str());
        columns[2].push(name.env.as_str());
    }
    columns
}

/// A policy's host that violates the rule that a host belongs to one tenant. The claim is older
/// than the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The policy that has the host: tenant, service and environment.
    pub policy: [String; 3],
    /// The host that overlaps.
    pub host: String,
    /// The conflicting policy of another tenant, and that policy's host.
    pub other: ([String; 3], String),
}

/// Returns the first `limit` conflicts between hosts of two tenants, in the order of the tenants'
/// names. Each of the two has its own entry. The session must see all tenants.
pub async fn conflicts(
    client: &tokio_postgres::Client,
    limit: i64,
) -> Result<Vec<Conflict>, Error> {
    let sql = "select h.tenant, h.service, h.env, h.host, o.tenant as other_tenant, o.service as other_service, o.env as other_env, \
                 o.host as other_host from policy_hosts h, lateral host_span(h.host) s, \
                 lateral overlapping_hosts(s.place, s.above, s.under_from, s.under_to) o where o.tenant <> h.tenant \
               order by h.tenant, h.service, h.env, h.host, o.tenant, o.service, o.env, o.host limit $1";
    let conflict = |row: &Row| {
        Ok(Conflict {
            policy: [
                column(row, "tenant")?,
                column(row, "service")?,
                column(row, "env")?,
            ],
            host: column(row, "host")?,
            other: (
                [
                    column(row, "other_tenant")?,
                    column(row, "other_service")?,
                    column(row, "other_env")?,
                ],
                column(row, "other_host")?,
            ),
        })
    };
    client
        .query(sql, &[&limit])
        .await?
        .iter()
        .map(conflict)
        .collect()
}
