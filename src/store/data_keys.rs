//! The tables `data_keys` and `privacy_index`: keys of persons, wrapped under master keys that are not in the database.

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

/// Whose key it is.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// In which tenant.
    pub tenant: &'a TenantName,
    /// What sort of actor.
    pub kind: &'a str,
    /// Who, as the index tells it.
    pub subject: &'a [u8],
}

/// A person's key.
#[derive(Debug, Clone)]
pub struct DataKey {
    /// Its id.
    pub id: String,
    /// The key.
    pub wrapped: Wrapped,
    /// The person's name in an envelope.
    pub name: String,
}

/// A key that an envelope names.
#[derive(Debug, Clone)]
pub struct Named {
    /// Of which tenant.
    pub tenant: String,
    /// Its id.
    pub id: String,
    /// The key; `None` when it was erased.
    pub wrapped: Option<Wrapped>,
}

/// The key of a person, unless there is none or it was erased.
pub async fn of_person(tx: &Transaction<'_>, person: Subject<'_>) -> Result<Option<DataKey>, Error> {
    let sql = "select id, master, wrapped, name from data_keys \
               where subject = $1 and tenant = $2 and kind = $3 and erased_at is null";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, &[&person.subject, &person.tenant.as_str(), &person.kind]).await?;
    row.map(|row| Ok(DataKey { id: column(&row, "id")?, wrapped: wrapped(&row)?, name: column(&row, "name")? })).transpose()
}

/// Keeps a new key of a person, unless another instance has just made one; and returns the one that counts.
pub async fn keep(tx: &Transaction<'_>, person: Subject<'_>, key: &DataKey) -> Result<Option<DataKey>, Error> {
    let sql = "insert into data_keys (tenant, id, kind, subject, master, wrapped, name) values ($1, $2, $3, $4, $5, $6, $7) \
               on conflict (subject, tenant, kind) where erased_at is null do nothing";
    let statement = tx.prepare_cached(sql).await?;
    let DataKey { id, wrapped: Wrapped { master, bytes }, name } = key;
    let (tenant, kind, subject) = (person.tenant.as_str(), person.kind, person.subject);
    tx.execute(&statement, &[&tenant, id, &kind, &subject, master, bytes, name]).await?;
    of_person(tx, person).await
}

/// Those of the keys that are known, by tenant and id.
pub async fn named(tx: &Transaction<'_>, keys: Vec<(String, String)>) -> Result<Vec<Named>, Error> {
    let sql = "select tenant, id, master, wrapped, erased_at is not null as is_erased \
               from unnest($1::text[], $2::text[]) as k (tenant, id) join data_keys using (tenant, id)";
    let statement = tx.prepare_cached(sql).await?;
    let (tenants, ids): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let rows = tx.query(&statement, &[&tenants, &ids]).await?;
    rows.iter()
        .map(|row| {
            let wrapped = if column(row, "is_erased")? { None } else { Some(wrapped(row)?) };
            Ok(Named { tenant: column(row, "tenant")?, id: column(row, "id")?, wrapped })
        })
        .collect()
}

/// The envelopes that stand for a person, whatever kind of actor, in a tenant or in all: at most `limit`.
pub async fn names(tx: &Transaction<'_>, tenant: Option<&TenantName>, subject: &[u8], limit: i64) -> Result<Vec<String>, Error> {
    let sql = "select name from data_keys where subject = $1 and ($2::text is null or tenant = $2) and erased_at is null \
               order by tenant, id limit $3";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, &[&subject, &tenant.map(TenantName::as_str), &limit]).await?;
    rows.iter().map(|row| column(row, "name")).collect()
}

/// Destroys the keys of a person in a tenant, or of everybody in it, and returns how many. Needs the owner of the schema.
pub async fn erase(tx: &Transaction<'_>, tenant: &TenantName, subject: Option<&[u8]>) -> Result<u64, Error> {
    let sql = "update data_keys set subject = null, master = null, wrapped = null, name = null, erased_at = now() \
               where tenant = $1 and ($2::bytea is null or subject = $2) and erased_at is null";
    let statement = tx.prepare_cached(sql).await?;
    Ok(tx.execute(&statement, &[&tenant.as_str(), &subject]).await?)
}

/// Lets the server forget the rows as they were before. Needs the owner of the schema.
pub async fn forget_old_rows(client: &Object) -> Result<(), Error> {
    client.execute("vacuum data_keys", &[]).await?;
    Ok(())
}

/// Keys that other master keys than this one wrap, at most `limit`.
pub async fn not_under(tx: &Transaction<'_>, master: &str, limit: i64) -> Result<Vec<(String, String, Wrapped)>, Error> {
    let sql =
        "select tenant, id, master, wrapped from data_keys where master <> $1 and erased_at is null order by tenant, id limit $2";
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, &[&master, &limit]).await?;
    rows.iter().map(|row| Ok((column(row, "tenant")?, column(row, "id")?, wrapped(row)?))).collect()
}

/// Wraps keys anew, except those that were erased meanwhile. Needs the owner of the schema.
pub async fn rewrap(tx: &Transaction<'_>, keys: &[(String, String, Wrapped)]) -> Result<u64, Error> {
    let sql = "update data_keys d set master = k.master, wrapped = k.wrapped \
               from unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) as k (tenant, id, master, wrapped) \
               where d.tenant = k.tenant and d.id = k.id and d.erased_at is null";
    let statement = tx.prepare_cached(sql).await?;
    let tenants: Vec<_> = keys.iter().map(|(tenant, _, _)| tenant.as_str()).collect();
    let ids: Vec<_> = keys.iter().map(|(_, id, _)| id.as_str()).collect();
    let masters: Vec<_> = keys.iter().map(|(_, _, wrapped)| wrapped.master.as_str()).collect();
    let bytes: Vec<_> = keys.iter().map(|(_, _, wrapped)| wrapped.bytes.as_slice()).collect();
    Ok(tx.execute(&statement, &[&tenants, &ids, &masters, &bytes]).await?)
}

/// The index key, once it was made.
pub async fn index(tx: &Transaction<'_>) -> Result<Option<Wrapped>, Error> {
    let statement = tx.prepare_cached("select master, wrapped from privacy_index").await?;
    tx.query_opt(&statement, &[]).await?.map(|row| wrapped(&row)).transpose()
}

/// Keeps a new index key, unless another instance has just made one; and returns the one that counts.
pub async fn keep_index(tx: &Transaction<'_>, key: &Wrapped) -> Result<Option<Wrapped>, Error> {
    let sql = "insert into privacy_index (master, wrapped) values ($1, $2) on conflict do nothing";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&key.master, &key.bytes]).await?;
    index(tx).await
}

/// Wraps the index key anew. Needs the owner of the schema.
pub async fn rewrap_index(tx: &Transaction<'_>, key: &Wrapped) -> Result<(), Error> {
    let statement = tx.prepare_cached("update privacy_index set master = $1, wrapped = $2").await?;
    tx.execute(&statement, &[&key.master, &key.bytes]).await?;
    Ok(())
}

fn wrapped(row: &Row) -> Result<Wrapped, Error> {
    Ok(Wrapped { master: column(row, "master")?, bytes: column(row, "wrapped")? })
}
