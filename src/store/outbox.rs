//! The table `outbox`.

use deadpool_postgres::Object;
use serde::Serialize;

use super::{Error, column};

/// What Kafka has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Backlog {
    /// How many events; counting stops at a million.
    pub events: i64,
    /// Age of the oldest.
    pub oldest_seconds: f64,
}

/// Samples the backlog.
pub async fn backlog(client: &Object) -> Result<Backlog, Error> {
    let sql = "select (select count(*) from (select 1 from outbox limit 1000000) rows) as events, \
               coalesce(extract(epoch from clock_timestamp() - (select created_at from outbox order by id limit 1)), 0)::float8 as oldest";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_one(&statement, &[]).await?;
    Ok(Backlog { events: column(&row, "events")?, oldest_seconds: column(&row, "oldest")? })
}
