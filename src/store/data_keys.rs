//! The tables `data_keys` and `privacy_index`: keys of persons, wrapped under master keys that are
//! not in the database.

use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::{Error, Transaction, column};
use crate::domain::ids::TenantName;

/// A key that only the holder of a master key can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The id of the master key.
    pub master: String,
    /// The sealed key.
    pub bytes: Vec<u8>,
}

/// The person that a key belongs to, within one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The tenant in which the person acts.
    pub tenant: &'a TenantName,
    /// The kind of the actor, as in its events.
    pub kind: &'a str,
    /// The actor's id, as its HMAC under the index key.
    pub subject: &'a [u8],
}

/// A person's key.
#[derive(Debug, Clone)]
pub struct DataKey {
    /// The id of the key, as envelopes name it.
    pub id: String,
    /// The key, wrapped under a master key.
    pub wrapped: Wrapped,
    /// The actor's id, sealed: the same envelope in all of the actor's events.
    pub name: String,
}

/// A key that an envelope names.
#[derive(Debug, Clone)]
pub struct Named {
    /// The tenant that the key belongs to.
    pub tenant: String,
    /// The id of the key.
    pub id: String,
    /// The wrapped key; `None` when it was erased.
    pub wrapped: Option<Wrapped>,
}

/// Returns the key of a person; `None` if there is none or it was erased.
pub async fn of_person(
    tx: &Transaction<'_>,
    person: Subject<'_>,
) -> Result<Option<DataKey>, Error> {
    let sql = "select id, master, wrapped, name from data_keys \
               where subject = $1 and tenant = $2 and kind = $3 and erased_at is null";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx
        .query_opt(
            &statement,
            &[&person.subject, &person.tenant.as_str(), &person.kind],
        )
        .await?;
    row.map(|row| {
        Ok(DataKey {
            id: column(&row, "id")?,
            wrapped: wrapped(&row)?,
            name: column(&row, "name")?,
        })
    })
    .transpose()
}

/// Stores a new key of a person, unless another instance has just made one. Returns the key that is
/// valid now.
pub async fn keep(
    tx: &Transaction<'_>,
    person: Subject<'_>,
    key: &DataKey,
) -> Result<Option<DataKey>, Error> {
    let sql = "insert into data_keys (tenant, id, kind, subject, master, wrapped, name) values ($1, $2, $3, $4, $5, $6, $7) \
               on conflict (subject, tenant, kind) where erased_at is null do nothing";
    let statement = tx.prepare_cached(sql).await?;
    let DataKey {
        id,
        wrapped: Wrapped { master, bytes },
        name,
    } = key;
    let (tenant, kind, subject) = (person.tenant.as_str(), person.kind, person.subject);
    tx.execute(
        &statement,
        &[&tenant, id, &kind, &subject, master, bytes, name],
    )
    .await?;
    of_person(tx, person).await
}

/// Returns the keys that exist among these pairs of tenant and id.
pub async fn named(tx: &Transaction<'_>, keys: Vec<(String, String)>) -> Result<Vec<Named>, Error> {
    let sql = "select tenant, id, master, wrapped, erased_at is not null as is_erased \
               from unnest($1::text[], $2::text[]) as k (tenant, id) join data_keys using (tenant, id)";
    let statement = tx.prepare_cached(sql).await?;
    let (tenants, ids): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let rows = tx.query(&statement, &[&tenants, &ids]).await?;
    rows.iter()
        .map(|row| {
            let wrapped = if column(row, "is_erased")? {
                None
            } else {
                Some(wrapped(row)?)
            };
            Ok(Named {
                tenant: column(row, "tenant")?,
                id: column(row, "id")?,
                wrapped,
            })
        })
        .collect()
}

/// Returns the envelopes that stand for a person, for any kind of actor, in one tenant or in all:
/// at most `limit`.
pub async fn names(
    tx: &Transaction<'_>,
    tenant: Option<&TenantName>,
    subject: &[u8],
    limit: i64,
) -> Result<Vec<String>, Error> {
    let sql = "select name from data_keys where subject = $1 and ($2::text is null or tenant = $2) and erased_at is null \
               order by tenant, id limit $3";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx
        .query(
            &statement,
            &[&subject, &tenant.map(TenantName::as_str), &limit],
        )
        .await?;
    rows.iter().map(|row| column(row, "name")).collect()
}

/// Destroys the keys of a person in a tenant, or of everybody in the tenant, and returns how many.
/// Needs the owner of the schema.
pub async fn erase(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    subject: Option<&[u8]>,
) -> Result<u64, Error> {
    let sql = "update data_keys set subject = null, master = null, wrapped = null, name = null, erased_at = now() \
               where tenant = $1 and ($2::bytea is null or subject = $2) and erased_at is null";
    let statement = tx.prepare_cached(sql).await?;
    Ok(tx
        .execute(&statement, &[&tenant.as_str(), &subject])
        .await?)
}

/// Removes the old versions of the rows from the table (VACUUM). Needs the owner of the schema.
pub async fn forget_old_rows(client: &Object) -> Result<(), Error> {
    client.execute("vacuum data_keys", &[]).await?;
    Ok(())
}

/// Returns keys that are wrapped under a master key other than this one, at most `limit`.
pub async fn not_under(
    tx: &Transaction<'_>,
    master: &str,
    limit: i64,
) -> Result<Vec<(String, String, Wrapped)>, Error> {
    let sql = "select tenant, id, master, wrapped from data_keys where master <> $1 and erased_at is null order by tenant, id limit $2";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, &[&master, &limit]).await?;
    rows.iter()
        .map(|row| Ok((column(row, "tenant")?, column(row, "id")?, wrapped(row)?)))
        .collect()
}

/// Replaces wrapped keys, except those that were erased meanwhile, and returns how many. Needs the
/// owner of the schema.
pub async fn rewrap(
    tx: &Transaction<'_>,
    keys: &[(String, String, Wrapped)],
) -> Result<u64, Error> {
    let sql = "update data_keys d set master = k.master, wrapped = k.wrapped \
               from unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) as k (tenant, id, master, wrapped) \
               where d.tenant = k.tenant and d.id = k.id and d.erased_at is null";
    let statement = tx.prepare_cached(sql).await?;
    let tenants: Vec<_> = keys.iter().map(|(tenant, _, _)| tenant.as_str()).collect();
    let ids: Vec<_> = keys.iter().map(|(_, id, _)| id.as_str()).collect();
    let master_keys: Vec<_> = keys
        .iter()
        .map(|(_, _, wrapped)| wrapped.master.as_str())
        .collect();
    let bytes: Vec<_> = keys
        .iter()
        .map(|(_, _, wrapped)| wrapped.bytes.as_slice())
        .collect();
    Ok(tx
        .execute(&statement, &[&tenants, &ids, &master_keys, &bytes])
        .await?)
}

/// Returns the index key; `None` before it is made.
pub async fn index(tx: &Transaction<'_>) -> Result<Option<Wrapped>, Error> {
    let statement = tx
        .prepare_cached("select master, wrapped from privacy_index")
        .await?;
    tx.query_opt(&statement, &[])
        .await?
        .map(|row| wrapped(&row))
        .transpose()
}

/// Stores a new index key, unless another instance has just made one. Returns the key that is valid
/// now.
pub async fn keep_index(tx: &Transaction<'_>, key: &Wrapped) -> Result<Option<Wrapped>, Error> {
    let sql = "insert into privacy_index (master, wrapped) values ($1, $2) on conflict do nothing";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&key.master, &key.bytes]).await?;
    index(tx).await
}

/// Replaces the wrapped index key. Needs the owner of the schema.
pub async fn rewrap_index(tx: &Transaction<'_>, key: &Wrapped) -> Result<(), Error> {
    let statement = tx
        .prepare_cached("update privacy_index set master = $1, wrapped = $2")
        .await?;
    tx.execute(&statement, &[&key.master, &key.bytes]).await?;
    Ok(())
}

fn wrapped(row: &Row) -> Result<Wrapped, Error> {
    Ok(Wrapped {
        master: column(row, "master")?,
        bytes: column(row, "wrapped")?,
    })
}
