//! The table `access_outbox`: access events that were committed with the operation that they
//! record, and wait for the archive.

use tokio_postgres::types::Json;

use super::{Error, Transaction, column, outbox::Backlog};
use crate::domain::access::AccessEvent;

/// Adds access events, to be committed together with the operation that they record.
pub async fn insert(tx: &Transaction<'_>, accesses: &[AccessEvent]) -> Result<(), Error> {
    let statement = tx
        .prepare_cached(
            "insert into access_outbox (event) select event from unnest($1::json[]) as n (event)",
        )
        .await?;
    let events: Vec<_> = accesses.iter().map(Json).collect();
    tx.execute(&statement, &[&events]).await?;
    Ok(())
}

/// Returns the first `limit` access events after the id `after`, in the order of the queue.
pub async fn after(
    tx: &Transaction<'_>,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, AccessEvent)>, Error> {
    let statement = tx
        .prepare_cached("select id, event from access_outbox where id > $1 order by id limit $2")
        .await?;
    let rows = tx.query(&statement, &[&after, &limit]).await?;
    let waiting = rows.iter().map(|row| {
        let Json(event): Json<AccessEvent> = column(row, "event")?;
        Ok((column(row, "id")?, event))
    });
    waiting.collect()
}

/// Removes access events that are in the archive. Ignores those that another instance has removed
/// already.
pub async fn remove(tx: &Transaction<'_>, ids: &[i64]) -> Result<(), Error> {
    let statement = tx
        .prepare_cached("delete from access_outbox where id = any($1)")
        .await?;
    tx.execute(&statement, &[&ids]).await?;
    Ok(())
}

/// Returns how many access events wait, up to 100,000, and the age of the oldest.
pub async fn backlog(tx: &Transaction<'_>) -> Result<Backlog, Error> {
    let sql = "select (select count(*) from (select 1 from access_outbox limit 100000) rows) as events, \
               coalesce(extract(epoch from clock_timestamp() - (select created_at from access_outbox order by id limit 1)), 0)::float8 \
                 as oldest";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_one(&statement, &[]).await?;
    Ok(Backlog {
        events: column(&row, "events")?,
        oldest_seconds: column(&row, "oldest")?,
    })
}
