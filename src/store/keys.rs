//! The table `api_keys`. Every change takes the next number of `api_keys_version`, whose lock puts changes in one order: whoever has seen
//! number N asks for what changed after it, and misses nothing.

use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{Error, Transaction, access, column, text};
use crate::{
    auth::{
        Grant, Reach, Role,
        key::{KeyId, TokenHash},
    },
    domain::{access::AccessEvent, event::Actor, ids::TenantName, narrowing::Narrowing, time::UtcTime},
};

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct Key {
    /// What finds it.
    pub id: KeyId,
    /// What its caller may do.
    pub grant: Grant,
    /// What it is for.
    pub description: String,
    /// Of its token.
    pub hash: TokenHash,
    /// Of the token before the last rotation, and how long that is good.
    pub previous: Option<(TokenHash, UtcTime)>,
    /// When it was made.
    pub created_at: UtcTime,
    /// By whom.
    pub created_by: String,
    /// What sort of caller that was; `None` of keys that are older than this is known.
    pub created_by_kind: Option<String>,
    /// How many tokens it has had: the number of the one that it has.
    pub tokens: u32,
    /// When its token was last replaced.
    pub rotated_at: Option<UtcTime>,
    /// By whom, and what sort of caller that was.
    pub rotated_by: Option<String>,
    /// See `created_by_kind`.
    pub rotated_by_kind: Option<String>,
    /// When it ends.
    pub expires_at: Option<UtcTime>,
    /// When it was revoked.
    pub revoked_at: Option<UtcTime>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<UtcTime>,
    /// The number of its last change.
    pub changed: i64,
}

impl Key {
    /// Whether nobody is let in with it any more.
    pub fn has_ended(&self, now: UtcTime) -> bool {
        self.revoked_at.is_some() || self.expires_at.is_some_and(|end| end <= now)
    }
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What finds it.
    pub id: KeyId,
    /// What its caller may do.
    pub grant: Grant,
    /// What it is for.
    pub description: String,
    /// Of its token.
    pub hash: TokenHash,
    /// By whom it is made.
    pub created_by: Actor,
    /// When it ends.
    pub expires_at: Option<UtcTime>,
    /// So that a retry makes no other.
    pub idempotency_key: Option<String>,
}

/// How many keys a tenant, or the platform, may have.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// That are good.
    pub good: u32,
    /// In all, with those that have ended and are not swept yet: what making and revoking them in a loop comes to.
    pub kept: u32,
}

const COLUMNS: &str = "id, tenant, roles, services, envs, description, hash, previous_hash, previous_until, created_at, created_by, \
                       created_by_kind, tokens, rotated_at, rotated_by, rotated_by_kind, expires_at, revoked_at, revoked_by, last_used_at, \
                       changed";

/// Whether the key that makes the change, `$1`, is good at this moment; what is no key has no row to look at.
const CHANGER: &str = "changer as (select $1::text as id where $1 is null or exists (select from api_keys where id = $1 \
                       and revoked_at is null and (expires_at is null or expires_at > now())))";

/// Waits for the change before, so that what follows in the transaction sees what that has left: a key that is just being revoked makes
/// no other, and no two take the last place.
async fn lock(tx: &Transaction<'_>) -> Result<(), Error> {
    let statement = tx.prepare_cached("select version from api_keys_version for update").await?;
    tx.query_one(&statement, &[]).await?;
    Ok(())
}

/// The id of the key that an actor is.
fn key_of_actor(actor: &Actor) -> Option<&str> {
    (actor.kind == Actor::KEY).then_some(actor.id.as_str())
}

/// Makes a key, with the access that tells of it; `None` when there is no such tenant, its creator is a key that has ended, or there are as
/// many keys as there may be.
pub async fn insert(tx: &Transaction<'_>, key: &NewKey, limit: Limit, told: &AccessEvent) -> Result<Option<Key>, Error> {
    // The tenant's lock keeps it from being deleted before the key is there to be revoked with it. Its end takes this one first, too.
    let statement = tx.prepare_cached("select from tenants where name = $1 for key share").await?;
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
    let NewKey { id, grant, description, hash, created_by, expires_at, idempotency_key } = key;
    let roles: Vec<_> = grant.roles().iter().map(|role| role.as_str()).collect();
    let services: Vec<_> = grant.narrowing().services.iter().map(|service| service.as_str()).collect();
    let envs: Vec<_> = grant.narrowing().envs.iter().map(|env| env.as_str()).collect();
    let (tenant, ends, hash) = (tenant_of(grant), expires_at.map(UtcTime::timestamp), &hash.0[..]);
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
        &Json(told),
    ];
    tx.query_opt(&statement, &parameters).await?.map(|row| key_of(&row)).transpose()
}

/// The key that this caller made with this idempotency key.
pub async fn made_before(tx: &Transaction<'_>, created_by: &str, idempotency_key: &str) -> Result<Option<Key>, Error> {
    let sql = format!("select {COLUMNS} from api_keys where created_by = $1 and idempotency_key = $2");
    let statement = tx.prepare_cached(&sql).await?;
    tx.query_opt(&statement, &[&created_by, &idempotency_key]).await?.map(|row| key_of(&row)).transpose()
}

/// How many keys of this reach are good, and how many there are in all.
pub async fn count(tx: &Transaction<'_>, reach: &Reach) -> Result<(i64, i64), Error> {
    let sql = "select count(*) filter (where revoked_at is null and (expires_at is null or expires_at > now())) as good, \
                      count(*) as kept from api_keys where tenant is not distinct from $1";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_one(&statement, &[&reach.tenant().map(TenantName::as_str)]).await?;
    Ok((column(&row, "good")?, column(&row, "kept")?))
}

/// One key, whatever its state, if `reach` holds for it.
pub async fn get(tx: &Transaction<'_>, id: KeyId, reach: &Reach) -> Result<Option<Key>, Error> {
    let sql = format!("select {COLUMNS} from api_keys where id = $1 and ($2::text is null or tenant = $2)");
    let statement = tx.prepare_cached(&sql).await?;
    let tenant = reach.tenant().map(TenantName::as_str);
    tx.query_opt(&statement, &[&id.as_str(), &tenant]).await?.map(|row| key_of(&row)).transpose()
}

/// Keys in the order of their ids, those of one tenant or all.
pub async fn list(tx: &Transaction<'_>, tenant: Option<&TenantName>, after: Option<&str>, limit: i64) -> Result<Vec<Key>, Error> {
    let sql = format!(
        "select {COLUMNS} from api_keys where ($1::text is null or tenant = $1) and ($2::text is null or id > $2) order by id limit $3"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let rows = tx.query(&statement, &[&tenant.map(TenantName::as_str), &after, &limit]).await?;
    rows.iter().map(key_of).collect()
}

/// Gives a key another token; the one that it has stays good until `previous_until`. `None` when there is no such key that is good, or the
/// key that does it is good no more. Another key that does it has seen the token, so it is remembered with it.
pub async fn rotate(
    tx: &Transaction<'_>, id: KeyId, reach: &Reach, hash: &TokenHash, previous_until: UtcTime, by: &Actor, told: &AccessEvent,
) -> Result<Option<Key>, Error> {
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
    let (tenant, until, hash) = (reach.tenant().map(TenantName::as_str), previous_until.timestamp(), &hash.0[..]);
    let parameters: [&(dyn ToSql + Sync); 8] =
        [&key_of_actor(by), &id.as_str(), &tenant, &hash, &until, &by.id, &by.kind, &Json(told)];
    tx.query_opt(&statement, &parameters).await?.map(|row| key_of(&row)).transpose()
}

/// Revokes a key, and unless they shall be kept all that came of it: the keys that it made, those of which it was shown a token because it
/// rotated them, and so on. `told` tells of each. Returns those that were not revoked before.
pub async fn revoke(
    tx: &Transaction<'_>, id: KeyId, reach: &Reach, by: &str, with_descendants: bool, told: impl Fn(&Key) -> AccessEvent,
) -> Result<Vec<Key>, Error> {
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
    let tenant = reach.tenant().map(TenantName::as_str);
    let rows = tx.query(&statement, &[&id.as_str(), &tenant, &by, &with_descendants]).await?;
    let revoked = rows.iter().map(key_of).collect::<Result<Vec<_>, _>>()?;
    access::insert(tx, &revoked.iter().map(told).collect::<Vec<_>>()).await?;
    Ok(revoked)
}

/// Forgets at most `limit` keys that ended more than `days` ago, and returns how many. That they were there stands in the audit.
pub async fn sweep(tx: &Transaction<'_>, days: u32, limit: i64) -> Result<u64, Error> {
    let sql = "delete from api_keys where id = any(array( \
               select id from api_keys where least(revoked_at, expires_at) < now() - make_interval(days => $1) \
               order by least(revoked_at, expires_at) limit $2))";
    let statement = tx.prepare_cached(sql).await?;
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    Ok(tx.execute(&statement, &[&days, &limit]).await?)
}

/// The last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// In which history of the whole database: those of another gave the same numbers to other changes.
    pub lineage: String,
    /// Its number.
    pub number: i64,
}

/// The last change of all.
pub async fn version(tx: &Transaction<'_>) -> Result<Version, Error> {
    let statement = tx.prepare_cached("select lineage() as lineage, version from api_keys_version").await?;
    let row = tx.query_one(&statement, &[]).await?;
    Ok(Version { lineage: column(&row, "lineage")?, number: column(&row, "version")? })
}

/// What changed after that number.
pub async fn changed_after(tx: &Transaction<'_>, version: i64) -> Result<Vec<Key>, Error> {
    let sql = format!("select {COLUMNS} from api_keys where changed > $1 order by changed");
    let statement = tx.prepare_cached(&sql).await?;
    tx.query(&statement, &[&version]).await?.iter().map(key_of).collect()
}

/// Notes when keys were last used. It is no change of them.
pub async fn used(tx: &Transaction<'_>, keys: &[(KeyId, UtcTime)]) -> Result<(), Error> {
    let sql = "update api_keys set last_used_at = greatest(last_used_at, u.at) \
               from unnest($1::text[], $2::timestamptz[]) as u (id, at) where api_keys.id = u.id";
    let statement = tx.prepare_cached(sql).await?;
    let (ids, times): (Vec<&str>, Vec<Timestamp>) = keys.iter().map(|(id, at)| (id.as_str(), at.timestamp())).unzip();
    tx.execute(&statement, &[&ids, &times]).await?;
    Ok(())
}

fn tenant_of(grant: &Grant) -> Option<&str> {
    grant.reach().tenant().map(TenantName::as_str)
}

fn key_of(row: &Row) -> Result<Key, Error> {
    let previous: Option<&[u8]> = column(row, "previous_hash")?;
    let previous = previous.map(|hash| hash_of("previous_hash", hash)).transpose()?;
    Ok(Key {
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
    let reach = match tenant {
        Some(tenant) => Reach::Tenant(parse("tenant", tenant)?),
        None => Reach::Platform,
    };
    let roles: Vec<Role> = each(row, "roles")?;
    let narrowing = Narrowing { services: each(row, "services")?, envs: each(row, "envs")? };
    Grant::new(roles, reach, narrowing).map_err(|invalid| Error::Corrupt(format!("grant: {invalid}")))
}

fn each<T: TryFrom<String, Error = crate::domain::Invalid>>(row: &Row, name: &str) -> Result<Vec<T>, Error> {
    column::<Vec<String>>(row, name)?.into_iter().map(|raw| parse(name, raw)).collect()
}

fn parse<T: TryFrom<String, Error = crate::domain::Invalid>>(name: &str, raw: String) -> Result<T, Error> {
    T::try_from(raw).map_err(|invalid| Error::Corrupt(format!("{name}: {invalid}")))
}

fn hash_of(name: &str, bytes: &[u8]) -> Result<TokenHash, Error> {
    bytes.try_into().map(TokenHash).map_err(|_| Error::Corrupt(format!("{name}: {} bytes", bytes.len())))
}

fn time(row: &Row, name: &str) -> Result<Option<UtcTime>, Error> {
    Ok(column::<Option<Timestamp>>(row, name)?.map(UtcTime::from))
}
