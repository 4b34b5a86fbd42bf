//! The table `api_keys`. Every change takes the next number of `api_keys_version`, whose lock puts
//! changes in one order. A reader that has seen number N asks for the changes after N, and misses
//! none.

use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{Error, Transaction, access_log, column, text};
use crate::domain::{
    access::{AccessEvent, Grant, KeyId, Role, TenantScope, TokenHash},
    event::Actor,
    ids::TenantName,
    resource_scope::ResourceScope,
    time::UtcTime,
};

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The public id of the key, used to look it up.
    pub id: KeyId,
    /// The roles, tenant scope and resource scope of the key's caller.
    pub grant: Grant,
    /// The purpose of the key.
    pub description: String,
    /// The hash of its present token.
    pub hash: TokenHash,
    /// The hash of the token before the last rotation, and the end of that token's validity.
    pub previous: Option<(TokenHash, UtcTime)>,
    /// When the key was made.
    pub created_at: UtcTime,
    /// The id of the actor that made it.
    pub created_by: String,
    /// The kind of the actor that made it; `None` for keys from before the kind was recorded.
    pub created_by_kind: Option<String>,
    /// The number of tokens that the key has had, which is the number of its present token.
    pub tokens: u32,
    /// When its token was last replaced.
    pub rotated_at: Option<UtcTime>,
    /// The id of the actor that last rotated it.
    pub rotated_by: Option<String>,
    /// The kind of the actor that last rotated it.
    pub rotated_by_kind: Option<String>,
    /// When the key expires; `None` if it does not.
    pub expires_at: Option<UtcTime>,
    /// When the key was revoked; `None` if it was not.
    pub revoked_at: Option<UtcTime>,
    /// The actor that revoked it.
    pub revoked_by: Option<String>,
    /// When the key was last used, to the minute or so.
    pub last_used_at: Option<UtcTime>,
    /// The number of its last change, from `api_keys_version`.
    pub changed: i64,
}

impl ApiKey {
    /// Returns whether the key has been revoked or has expired, so that it admits no caller.
    pub fn has_ended(&self, now: UtcTime) -> bool {
        self.revoked_at.is_some() || self.expires_at.is_some_and(|end| end <= now)
    }
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The public id of the key, used to look it up.
    pub id: KeyId,
    /// The roles, tenant scope and resource scope of the key's caller.
    pub grant: Grant,
    /// The purpose of the key.
    pub description: String,
    /// The hash of its token.
    pub hash: TokenHash,
    /// The actor that makes it.
    pub created_by: Actor,
    /// When the key expires; `None` if it does not.
    pub expires_at: Option<UtcTime>,
    /// Identifies a retry, so that it makes no second key.
    pub idempotency_key: Option<String>,
}

/// The number of keys that a tenant, or the platform, may have.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Keys that are neither revoked nor expired.
    pub good: u32,
    /// All keys, including those that have ended and are not swept yet. Limits the keys that a loop
    /// of making and revoking can leave.
    pub kept: u32,
}

const COLUMNS: &str = "id, tenant, roles, services, envs, description, hash, previous_hash, previous_until, created_at, created_by, \
                       created_by_kind, tokens, rotated_at, rotated_by, rotated_by_kind, expires_at, revoked_at, revoked_by, last_used_at, \
                       changed";

/// Checks that the key that makes the change, `$1`, is valid at this moment. An actor that is no
/// key has no row to check.
const CHANGER: &str = "changer as (select $1::text as id where $1 is null or exists (select from api_keys where id = $1 \
                       and revoked_at is null and (expires_at is null or expires_at > now())))";

/// Waits for the previous change, so that the rest of the transaction sees its result: a key that
/// is just being revoked makes no other, and two transactions never take the same last place.
async fn lock(tx: &Transaction<'_>) -> Result<(), Error> {
    let statement = tx
        .prepare_cached("select version from api_keys_version for update")
        .await?;
    tx.query_one(&statement, &[]).await?;
    Ok(())
}

/// Returns the id of the actor's key; `None` if the actor is no key.
fn key_of_actor(actor: &Actor) -> Option<&str> {
    (actor.kind == Actor::KEY).then_some(actor.id.as_str())
}

/// Makes a key and records it in the access log. `None` when there is no such tenant, the creator
/// is a key that has ended, or the limit is reached.
pub async fn insert(
    tx: &Transaction<'_>,
    key: &NewKey,
    limit: Limit,
    access_event: &AccessEvent,
) -> Result<Option<ApiKey>, Error> {
    // The tenant's lock keeps the tenant from being deleted before the key exists and can be
    // revoked with it. The deletion of a tenant takes this lock first, too.
    let statement = tx
        .prepare_cached("select from tenants where name = $1 for key share")
        .await?;
    tx.query_opt(&statement, &[&tenant_of(&key.grant)]).await?;
    lock(tx).await?;
    let sql = format!(
        "with {CHANGER}, \
              t as (select name from tenants where name = $3), \
              n as (select count(*) filter (where revoked_at is null and (expires_at is null or expires_at > now())) as good, \
                           count(*) as kept from api_keys where tenant is not distinct from $3), \
              v as (update api_keys_version set version = version + 1 from changer, n \
                    where ($3::text is null or exists (select from t)) and n.good < $12 and n.kept < $13 returning version), \
              k as (insert into api_keys (id, tenant, roles, services, envs, description, hash, created_by, created_by_kind, expires_at, \
                      idempotency_key, changed) \
                    select $2, $3, $4, $5, $6, $7, $8, $9, $14, $10, $11, version from v returning {COLUMNS}), \
              a as (insert into access_outbox (event) select $15 from k) \
         select {COLUMNS} from k"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let NewKey {
        id,
        grant,
        description,
        hash,
        created_by,
        expires_at,
        idempotency_key,
    } = key;
    let roles: Vec<_> = grant.roles().iter().map(|role| role.as_str()).collect();
    let services: Vec<_> = grant
        .resource_scope()
        .services
        .iter()
        .map(|service| service.as_str())
        .collect();
    let envs: Vec<_> = grant
        .resource_scope()
        .envs
        .iter()
        .map(|env| env.as_str())
        .collect();
    let (tenant, ends, hash) = (
        tenant_of(grant),
        expires_at.map(UtcTime::timestamp),
        &hash.0[..],
    );
    let (good, kept) = (i64::from(limit.good), i64::from(limit.kept));
    let parameters: [&(dyn ToSql + Sync); 15] = [
        &key_of_actor(created_by),
        &id.as_str(),
        &tenant,
        &roles,
        &services,
        &envs,
        description,
        &hash,
        &created_by.id,
        &ends,
        idempotency_key,
        &good,
        &kept,
        &created_by.kind,
        &Json(access_event),
    ];
    tx.query_opt(&statement, &parameters)
        .await?
        .map(|row| key_of(&row))
        .transpose()
}

/// Returns the key that this caller made with this idempotency key.
pub async fn made_before(
    tx: &Transaction<'_>,
    created_by: &str,
    idempotency_key: &str,
) -> Result<Option<ApiKey>, Error> {
    let sql =
        format!("select {COLUMNS} from api_keys where created_by = $1 and idempotency_key = $2");
    let statement = tx.prepare_cached(&sql).await?;
    tx.query_opt(&statement, &[&created_by, &idempotency_key])
        .await?
        .map(|row| key_of(&row))
        .transpose()
}

/// Returns how many keys of this reach are valid, and how many there are in all.
pub async fn count(tx: &Transaction<'_>, tenant_scope: &TenantScope) -> Result<(i64, i64), Error> {
    let sql = "select count(*) filter (where revoked_at is null and (expires_at is null or expires_at > now())) as good, \
                      count(*) as kept from api_keys where tenant is not distinct from $1";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx
        .query_one(
            &statement,
            &[&tenant_scope.tenant().map(TenantName::as_str)],
        )
        .await?;
    Ok((column(&row, "good")?, column(&row, "kept")?))
}

/// Returns a key in any state, if `tenant_scope` holds for its tenant.
pub async fn get(
    tx: &Transaction<'_>,
    id: KeyId,
    tenant_scope: &TenantScope,
) -> Result<Option<ApiKey>, Error> {
    let sql = format!(
        "select {COLUMNS} from api_keys where id = $1 and ($2::text is null or tenant = $2)"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let tenant = tenant_scope.tenant().map(TenantName::as_str);
    tx.query_opt(&statement, &[&id.as_str(), &tenant])
        .await?
        .map(|row| key_of(&row))
        .transpose()
}

/// Returns keys in the order of their ids, of one tenant or of all.
pub async fn list(
    tx: &Transaction<'_>,
    tenant: Option<&TenantName>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ApiKey>, Error> {
    let sql = format!(
        "select {COLUMNS} from api_keys where ($1::text is null or tenant = $1) and ($2::text is null or id > $2) order by id limit $3"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let rows = tx
        .query(
            &statement,
            &[&tenant.map(TenantName::as_str), &after, &limit],
        )
        .await?;
    rows.iter().map(key_of).collect()
}

/// Gives a key a new token; the present one stays valid until `previous_until`. `None` when there
/// is no such valid key, or the key that makes the change is no longer valid. If another key makes
/// the change, that key has seen the token, so its id is stored with the rotated key.
pub async fn rotate(
    tx: &Transaction<'_>,
    id: KeyId,
    tenant_scope: &TenantScope,
    hash: &TokenHash,
    previous_until: UtcTime,
    by: &Actor,
    access_event: &AccessEvent,
) -> Result<Option<ApiKey>, Error> {
    lock(tx).await?;
    let sql = format!(
        "with {CHANGER}, \
              v as (update api_keys_version set version = version + 1 from changer returning version), \
              k as (update api_keys set previous_hash = hash, previous_until = $5, hash = $4, tokens = tokens + 1, rotated_at = now(), \
                      rotated_by = $6, rotated_by_kind = $7, shown_to = case when $1 <> id then $1 else shown_to end, changed = version \
                    from v where id = $2 and ($3::text is null or tenant = $3) and revoked_at is null \
                    and (expires_at is null or expires_at > now()) returning {COLUMNS}), \
              a as (insert into access_outbox (event) select $8 from k) \
         select {COLUMNS} from k"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let (tenant, until, hash) = (
        tenant_scope.tenant().map(TenantName::as_str),
        previous_until.timestamp(),
        &hash.0[..],
    );
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &key_of_actor(by),
        &id.as_str(),
        &tenant,
        &hash,
        &until,
        &by.id,
        &by.kind,
        &Json(access_event),
    ];
    tx.query_opt(&statement, &parameters)
        .await?
        .map(|row| key_of(&row))
        .transpose()
}

/// Revokes a key. `with_descendants` also revokes every key that came of it: the keys it made, the
/// keys it rotated (it was shown their token), and so on. `access_event` makes the access event of
/// each. Returns the keys that were not revoked before.
pub async fn revoke(
    tx: &Transaction<'_>,
    id: KeyId,
    tenant_scope: &TenantScope,
    by: &str,
    with_descendants: bool,
    access_event: impl Fn(&ApiKey) -> AccessEvent,
) -> Result<Vec<ApiKey>, Error> {
    lock(tx).await?;
    let sql = format!(
        "with recursive ended (id) as ( \
           select id from api_keys where id = $1 and ($2::text is null or tenant = $2) \
           union \
           select made.id from ended cross join lateral ( \
             select k.id from api_keys k where k.created_by = ended.id and k.created_by_kind = 'key' \
             union all select k.id from api_keys k where k.shown_to = ended.id) as made where $4), \
         v as (update api_keys_version set version = version + 1 returning version) \
         update api_keys set revoked_at = now(), revoked_by = $3, changed = version from v \
         where id in (select ended.id from ended) and revoked_at is null returning {COLUMNS}"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let tenant = tenant_scope.tenant().map(TenantName::as_str);
    let rows = tx
        .query(&statement, &[&id.as_str(), &tenant, &by, &with_descendants])
        .await?;
    let revoked = rows.iter().map(key_of).collect::<Result<Vec<_>, _>>()?;
    access_log::insert(tx, &revoked.iter().map(access_event).collect::<Vec<_>>()).await?;
    Ok(revoked)
}

/// Deletes at most `limit` keys that ended more than `days` ago, and returns how many. The access
/// log keeps the record of these keys.
pub async fn sweep(tx: &Transaction<'_>, days: u32, limit: i64) -> Result<u64, Error> {
    let sql = "delete from api_keys where id = any(array( \
               select id from api_keys where least(revoked_at, expires_at) < now() - make_interval(days => $1) \
               order by least(revoked_at, expires_at) limit $2))";
    let statement = tx.prepare_cached(sql).await?;
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    Ok(tx.execute(&statement, &[&days, &limit]).await?)
}

/// The last change of any key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The timeline of the whole database. Another timeline gave the same numbers to other changes.
    pub timeline: String,
    /// The number of the change.
    pub number: i64,
}

/// Returns the last change of any key.
pub async fn version(tx: &Transaction<'_>) -> Result<Version, Error> {
    let statement = tx
        .prepare_cached("select lineage() as lineage, version from api_keys_version")
        .await?;
    let row = tx.query_one(&statement, &[]).await?;
    Ok(Version {
        timeline: column(&row, "lineage")?,
        number: column(&row, "version")?,
    })
}

/// Returns the keys that changed after that number, in the order of their changes.
pub async fn changed_after(tx: &Transaction<'_>, version: i64) -> Result<Vec<ApiKey>, Error> {
    let sql = format!("select {COLUMNS} from api_keys where changed > $1 order by changed");
    let statement = tx.prepare_cached(&sql).await?;
    tx.query(&statement, &[&version])
        .await?
        .iter()
        .map(key_of)
        .collect()
}

/// Records when keys were last used. This does not count as a change of the keys.
pub async fn used(tx: &Transaction<'_>, keys: &[(KeyId, UtcTime)]) -> Result<(), Error> {
    let sql = "update api_keys set last_used_at = greatest(last_used_at, u.at) \
               from unnest($1::text[], $2::timestamptz[]) as u (id, at) where api_keys.id = u.id";
    let statement = tx.prepare_cached(sql).await?;
    let (ids, times): (Vec<&str>, Vec<Timestamp>) = keys
        .iter()
        .map(|(id, at)| (id.as_str(), at.timestamp()))
        .unzip();
    tx.execute(&statement, &[&ids, &times]).await?;
    Ok(())
}

fn tenant_of(grant: &Grant) -> Option<&str> {
    grant.tenant_scope().tenant().map(TenantName::as_str)
}

fn key_of(row: &Row) -> Result<ApiKey, Error> {
    let previous: Option<&[u8]> = column(row, "previous_hash")?;
    let previous = previous
        .map(|hash| hash_of("previous_hash", hash))
        .transpose()?;
    Ok(ApiKey {
        id: text(row, "id")?,
        grant: grant_of(row)?,
        description: column(row, "description")?,
        hash: hash_of("hash", column(row, "hash")?)?,
        previous: previous.zip(time(row, "previous_until")?),
        created_at: column::<Timestamp>(row, "created_at")?.into(),
        created_by: column(row, "created_by")?,
        created_by_kind: column(row, "created_by_kind")?,
        tokens: u32::try_from(column::<i32>(row, "tokens")?).unwrap_or(1),
        rotated_at: time(row, "rotated_at")?,
        rotated_by: column(row, "rotated_by")?,
        rotated_by_kind: column(row, "rotated_by_kind")?,
        expires_at: time(row, "expires_at")?,
        revoked_at: time(row, "revoked_at")?,
        revoked_by: column(row, "revoked_by")?,
        last_used_at: time(row, "last_used_at")?,
        changed: column(row, "changed")?,
    })
}

fn grant_of(row: &Row) -> Result<Grant, Error> {
    let tenant: Option<String> = column(row, "tenant")?;
    let tenant_scope = match tenant {
        Some(tenant) => TenantScope::Tenant(parse("tenant", tenant)?),
        None => TenantScope::Platform,
    };
    let roles: Vec<Role> = each(row, "roles")?;
    let resource_scope = ResourceScope {
        services: each(row, "services")?,
        envs: each(row, "envs")?,
    };
    Grant::new(roles, tenant_scope, resource_scope)
        .map_err(|invalid| Error::Corrupt(format!("grant: {invalid}")))
}

fn each<T: TryFrom<String, Error = crate::domain::Invalid>>(
    row: &Row,
    name: &str,
) -> Result<Vec<T>, Error> {
    column::<Vec<String>>(row, name)?
        .into_iter()
        .map(|raw| parse(name, raw))
        .collect()
}

fn parse<T: TryFrom<String, Error = crate::domain::Invalid>>(
    name: &str,
    raw: String,
) -> Result<T, Error> {
    T::try_from(raw).map_err(|invalid| Error::Corrupt(format!("{name}: {invalid}")))
}

fn hash_of(name: &str, bytes: &[u8]) -> Result<TokenHash, Error> {
    bytes
        .try_into()
        .map(TokenHash)
        .map_err(|_| Error::Corrupt(format!("{name}: {} bytes", bytes.len())))
}

fn time(row: &Row, name: &str) -> Result<Option<UtcTime>, Error> {
    Ok(column::<Option<Timestamp>>(row, name)?.map(UtcTime::from))
}
