//! The tables `policies` and `policy_hosts`.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{Row, Statement, types::Json};

use super::{Error, column, routes, tenants, text};
use crate::domain::{
    command,
    ids::{EnvName, PolicyKey, PolicyName, ServiceName, TenantName},
    policy::{Host, PathPrefix, Policy},
    route::Route,
    snapshot::Scope,
    tag::VersionTag,
};

/// A host with a path prefix, and the policy that owns it; `None` when that is of a tenant that is not seen.
pub type Owned = ((Host, PathPrefix), Option<(TenantName, PolicyName)>);

const FIND: &str = "select p.* from unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    join policies p using (tenant, service, env) \
    union all select * from policies where tenant = any($4)";

const ROUTES: &str = "select r.* from unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    join routes r using (tenant, service, env)";

/// `owned_prefixes` tells of every tenant's, `policy_hosts` only of those that are seen.
const OWNERS: &str = "select o.host, o.path_prefix, h.tenant, h.service, h.env from owned_prefixes(array( \
        select unnest($1::text[]) union \
        select h.host from unnest($2::text[], $3::text[], $4::text[]) as k (tenant, service, env) \
        join policy_hosts h using (tenant, service, env))) o left join policy_hosts h using (host, path_prefix)";

const FIRST: &str = "select p.* from unnest($1::text[]) as t (tenant) cross join lateral \
        (select * from policies where tenant = t.tenant order by service, env limit $2) p";

/// The statements that read under the tenants' locks.
pub struct Reading {
    find: Statement,
    first: Statement,
    routes: Statement,
    owners: Statement,
}

impl Reading {
    /// Prepares them.
    pub async fn prepare(client: &Object) -> Result<Self, Error> {
        Ok(Self {
            find: client.prepare_cached(FIND).await?,
            first: client.prepare_cached(FIRST).await?,
            routes: client.prepare_cached(ROUTES).await?,
            owners: client.prepare_cached(OWNERS).await?,
        })
    }

    /// Those of the named policies that exist, and every policy of `whole` tenants.
    pub async fn find(
        &self, tx: &Transaction<'_>, keys: &[PolicyKey], whole: &[TenantName],
    ) -> Result<Vec<(TenantName, Policy)>, Error> {
        if keys.is_empty() && whole.is_empty() {
            return Ok(Vec::new());
        }
        let [tenants, services, envs] = columns(keys.iter().map(|key| (&key.tenant, &key.name)));
        let whole: Vec<_> = whole.iter().map(TenantName::as_str).collect();
        let rows = tx.query(&self.find, &[&tenants, &services, &envs, &whole]).await?;
        rows.iter().map(|row| Ok((text(row, "tenant")?, policy(row)?))).collect()
    }

    /// The first policies of tenants that are being deleted: of each as many as one revision may take.
    pub async fn first(&self, tx: &Transaction<'_>, tenants: &[TenantName]) -> Result<Vec<(TenantName, Policy)>, Error> {
        if tenants.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
        let rows = tx.query(&self.first, &[&names, &(command::MAX_ENDED as i64)]).await?;
        rows.iter().map(|row| Ok((text(row, "tenant")?, policy(row)?))).collect()
    }

    /// Every route of the services that policies are of.
    pub async fn routes(
        &self, tx: &Transaction<'_>, policies: &[(TenantName, Policy)],
    ) -> Result<Vec<(TenantName, Route)>, Error> {
        let [tenants, services, envs] = columns(policies.iter().map(|(tenant, policy)| (tenant, &policy.name)));
        let rows = tx.query(&self.routes, &[&tenants, &services, &envs]).await?;
        rows.iter().map(routes::owned).collect()
    }

    /// Who owns hosts, whatever the path prefix: the named ones, and those of policies.
    pub async fn owners(&self, tx: &Transaction<'_>, hosts: &[String], keys: &[PolicyKey]) -> Result<Vec<Owned>, Error> {
        if hosts.is_empty() && keys.is_empty() {
            return Ok(Vec::new());
        }
        let [tenants, services, envs] = columns(keys.iter().map(|key| (&key.tenant, &key.name)));
        let rows = tx.query(&self.owners, &[&hosts, &tenants, &services, &envs]).await?;
        rows.iter()
            .map(|row| {
                let is_seen = column::<Option<&str>>(row, "tenant")?.is_some();
                let owner = if is_seen { Some((text(row, "tenant")?, name(row)?)) } else { None };
                Ok(((text(row, "host")?, text(row, "path_prefix")?), owner))
            })
            .collect()
    }
}

const UPSERT: &str = "insert into policies (tenant, service, env, spec, revision, created_at, created_by, updated_at, updated_by) \
    select tenant, service, env, spec::json, revision, created_at, created_by, updated_at, updated_by \
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::text[], $8::timestamptz[], \
                $9::text[]) as n (tenant, service, env, spec, revision, created_at, created_by, updated_at, updated_by) \
    on conflict (tenant, service, env) do update set spec = excluded.spec, revision = excluded.revision, \
      created_at = excluded.created_at, created_by = excluded.created_by, updated_at = excluded.updated_at, \
      updated_by = excluded.updated_by";

/// What they own goes with them.
const DELETE: &str = "delete from policies p using unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    where (p.tenant, p.service, p.env) = (k.tenant, k.service, k.env)";

const RELEASE: &str = "delete from policy_hosts h using unnest($1::text[], $2::text[], $3::text[]) as k (tenant, service, env) \
    where (h.tenant, h.service, h.env) = (k.tenant, k.service, k.env)";

const CLAIM: &str = "insert into policy_hosts (tenant, service, env, host, path_prefix) \
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])";

/// The name of the constraint that decides between two who claim a host at the same time.
pub const HOST_CONSTRAINT: &str = "policy_hosts_pkey";

/// The statements that write.
pub struct Writing {
    upsert: Statement,
    delete: Statement,
    release: Statement,
    claim: Statement,
}

impl Writing {
    /// Prepares them.
    pub async fn prepare(client: &Object) -> Result<Self, Error> {
        Ok(Self {
            upsert: client.prepare_cached(UPSERT).await?,
            delete: client.prepare_cached(DELETE).await?,
            release: client.prepare_cached(RELEASE).await?,
            claim: client.prepare_cached(CLAIM).await?,
        })
    }

    /// Removes policies with what they own.
    pub async fn delete(&self, tx: &Transaction<'_>, keys: &[PolicyKey]) -> Result<(), Error> {
        if !keys.is_empty() {
            let [tenants, services, envs] = columns(keys.iter().map(|key| (&key.tenant, &key.name)));
            tx.execute(&self.delete, &[&tenants, &services, &envs]).await?;
        }
        Ok(())
    }

    /// Writes policies as they shall be, each once, with the hosts that they shall own.
    pub async fn upsert(&self, tx: &Transaction<'_>, policies: &[(TenantName, Policy)]) -> Result<(), Error> {
        if policies.is_empty() {
            return Ok(());
        }
        let [tenants, services, envs] = columns(policies.iter().map(|(tenant, policy)| (tenant, &policy.name)));
        let specs = policies.iter().map(|(_, p)| serde_json::to_string(&p.spec).map_err(|e| Error::Corrupt(e.to_string())));
        let specs = specs.collect::<Result<Vec<_>, _>>()?;
        let revisions = policies.iter().map(|(_, p)| tenants::signed(p.revision)).collect::<Result<Vec<_>, _>>()?;
        let created_at: Vec<_> = policies.iter().map(|(_, p)| p.created_at.timestamp()).collect();
        let created_by: Vec<_> = policies.iter().map(|(_, p)| p.created_by.as_str()).collect();
        let updated_at: Vec<_> = policies.iter().map(|(_, p)| p.updated_at.timestamp()).collect();
        let updated_by: Vec<_> = policies.iter().map(|(_, p)| p.updated_by.as_str()).collect();
        tx.execute(
            &self.upsert,
            &[&tenants, &services, &envs, &specs, &revisions, &created_at, &created_by, &updated_at, &updated_by],
        )
        .await?;
        tx.execute(&self.release, &[&tenants, &services, &envs]).await?;
        let claims: Vec<_> =
            policies.iter().flat_map(|(tenant, p)| p.spec.hosts.iter().map(move |host| (tenant, &p.name, host, p))).collect();
        if !claims.is_empty() {
            let [tenants, services, envs] = columns(claims.iter().map(|(tenant, name, ..)| (*tenant, *name)));
            let hosts: Vec<_> = claims.iter().map(|(_, _, host, _)| host.as_str()).collect();
            let prefixes: Vec<_> = claims.iter().map(|(.., p)| p.spec.path_prefix.as_str()).collect();
            tx.execute(&self.claim, &[&tenants, &services, &envs, &hosts, &prefixes]).await?;
        }
        Ok(())
    }
}

/// One policy with its tenant's tag, read in one statement: `None` when there is no such tenant.
pub async fn get(tx: &Transaction<'_>, key: &PolicyKey) -> Result<Option<(VersionTag, Option<Policy>)>, Error> {
    let sql = "select t.epoch, t.revision as tenant_revision, p.* from tenants t left join policies p \
               on p.tenant = t.name and p.service = $2 and p.env = $3 where t.name = $1";
    let statement = tx.prepare_cached(sql).await?;
    let PolicyKey { tenant, name: PolicyName { service, env } } = key;
    let Some(row) = tx.query_opt(&statement, &[&tenant.as_str(), &service.as_str(), &env.as_str()]).await? else {
        return Ok(None);
    };
    let tag = VersionTag { epoch: text(&row, "epoch")?, revision: tenants::revision(&row, "tenant_revision")? };
    let exists = column::<Option<String>>(&row, "tenant")?.is_some();
    Ok(Some((tag, if exists { Some(policy(&row)?) } else { None })))
}

/// A tenant's policies after `after` in the order of their names, with its tag: `None` when there is no such tenant.
pub async fn list(
    tx: &Transaction<'_>, tenant: &TenantName, after: Option<&PolicyName>, limit: i64,
) -> Result<Option<(VersionTag, Vec<Policy>)>, Error> {
    let sql = "select t.epoch, t.revision as tenant_revision, p.* from tenants t left join lateral \
                 (select * from policies where tenant = t.name and ($2::text is null or (service, env) > ($2, $3)) \
                  order by service, env limit $4) p on true \
               where t.name = $1 order by p.service, p.env";
    let statement = tx.prepare_cached(sql).await?;
    let (service, env) = after.map(|name| (name.service.as_str(), name.env.as_str())).unzip();
    let rows = tx.query(&statement, &[&tenant.as_str(), &service, &env, &limit]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let tag = VersionTag { epoch: text(first, "epoch")?, revision: tenants::revision(first, "tenant_revision")? };
    let mut policies = Vec::with_capacity(rows.len());
    for row in &rows {
        if column::<Option<String>>(row, "tenant")?.is_some() {
            policies.push(policy(row)?);
        }
    }
    Ok(Some((tag, policies)))
}

/// Every policy of a tenant's scope.
pub async fn in_scope(tx: &Transaction<'_>, tenant: &TenantName, scope: &Scope) -> Result<Vec<Policy>, Error> {
    let sql =
        "select * from policies where tenant = $1 and ($2::text is null or service = $2) and ($3::text is null or env = $3)";
    let statement = tx.prepare_cached(sql).await?;
    let (service, env) = (scope.service.as_ref().map(ServiceName::as_str), scope.env.as_ref().map(EnvName::as_str));
    tx.query(&statement, &[&tenant.as_str(), &service, &env]).await?.iter().map(policy).collect()
}

fn name(row: &Row) -> Result<PolicyName, Error> {
    Ok(PolicyName { service: text(row, "service")?, env: text(row, "env")? })
}

/// A row of the table.
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
