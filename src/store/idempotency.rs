//! The table `idempotency_keys`: the first answer to each key, written in the transaction of the
//! command itself, so that a retry after a lost reply reads what really happened.

use deadpool_postgres::Transaction;
use tokio_postgres::Statement;

use super::{Error, column, text};
use crate::domain::command::Outcome;
pub use crate::domain::write::rows::{Answer, IdempotencyKey};

/// Statement of [`find`].
pub const FIND: &str = "select i.tenant, i.actor, i.key, i.fingerprint, i.outcome \
    from unnest($1::text[], $2::text[], $3::text[]) as k (tenant, actor, key) join idempotency_keys i using (tenant, actor, key)";

/// Returns the keys that were used before, with their answers.
pub async fn find(
    tx: &Transaction<'_>,
    find: &Statement,
    keys: &[&IdempotencyKey],
) -> Result<Vec<(IdempotencyKey, Answer)>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let [tenants, actors, texts] = columns(keys.iter().copied());
    let rows = tx.query(find, &[&tenants, &actors, &texts]).await?;
    rows.iter()
        .map(|row| {
            let key = IdempotencyKey {
                tenant: text(row, "tenant")?,
                actor: column(row, "actor")?,
                key: column(row, "key")?,
            };
            let outcome: tokio_postgres::types::Json<Outcome> = column(row, "outcome")?;
            Ok((
                key,
                Answer {
                    fingerprint: column(row, "fingerprint")?,
                    outcome: outcome.0,
                },
            ))
        })
        .collect()
}

/// Statement of [`insert`].
pub const INSERT: &str = "insert into idempotency_keys (tenant, actor, key, fingerprint, outcome) \
    select tenant, actor, key, fingerprint, outcome::json \
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as n (tenant, actor, key, fingerprint, outcome)";

/// Stores the first answers to keys.
pub async fn insert(
    tx: &Transaction<'_>,
    insert: &Statement,
    answers: &[(IdempotencyKey, Answer)],
) -> Result<(), Error> {
    if answers.is_empty() {
        return Ok(());
    }
    let [tenants, actors, texts] = columns(answers.iter().map(|(key, _)| key));
    let fingerprints: Vec<_> = answers
        .iter()
        .map(|(_, answer)| answer.fingerprint.as_str())
        .collect();
    let outcomes = answers
        .iter()
        .map(|(_, answer)| {
            serde_json::to_string(&answer.outcome).map_err(|e| Error::Corrupt(e.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    tx.execute(
        insert,
        &[&tenants, &actors, &texts, &fingerprints, &outcomes],
    )
    .await?;
    Ok(())
}

/// Deletes at most `limit` keys older than `hours`, and returns how many.
pub async fn sweep(tx: &Transaction<'_>, hours: u32, limit: i64) -> Result<u64, Error> {
    let sql = "delete from idempotency_keys where ctid = any(array( \
               select ctid from idempotency_keys where created_at < now() - make_interval(hours => $1) \
               order by created_at limit $2))";
    let statement = tx.prepare_cached(sql).await?;
    let hours = i32::try_from(hours).unwrap_or(i32::MAX);
    Ok(tx.execute(&statement, &[&hours, &limit]).await?)
}

fn columns<'a>(keys: impl Iterator<Item = &'a IdempotencyKey>) -> [Vec<&'a str>; 3] {
    let mut columns = [const { Vec::new() }; 3];
    for key in keys {
        columns[0].push(key.tenant.as_str());
        columns[1].push(key.actor.as_str());
        columns[2].push(key.key.as_str());
    }
    columns
}
