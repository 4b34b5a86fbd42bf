//! The table `installation`: what every instance shares.

use deadpool_postgres::Transaction;
use tokio_postgres::Client;

use super::{Error, column};

/// The key that list cursors are signed with.
pub async fn cursor_key(tx: &Transaction<'_>) -> Result<[u8; 32], Error> {
    let statement = tx.prepare_cached("select cursor_key from installation").await?;
    let row = tx.query_one(&statement, &[]).await?;
    let key: Vec<u8> = column(&row, "cursor_key")?;
    key.try_into().map_err(|_| Error::Corrupt("installation.cursor_key is not 32 bytes".into()))
}

/// Notes that a backup was put back, as the owner of the schema, and returns how often that was. Every tenant's history ends with it.
pub async fn restored(client: &Client) -> Result<i32, Error> {
    let row = client.query_one("update installation set restores = restores + 1 returning restores", &[]).await?;
    column(&row, "restores")
}

/// Which history of the whole database this is, and of which run of its server. Only a primary can tell.
pub async fn lineage(tx: &Transaction<'_>) -> Result<String, Error> {
    let sql = "select lineage() || ' since ' || extract(epoch from pg_postmaster_start_time()) as lineage";
    let statement = tx.prepare_cached(sql).await?;
    column(&tx.query_one(&statement, &[]).await?, "lineage")
}
