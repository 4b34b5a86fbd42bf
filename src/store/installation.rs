//! The table `installation`: values that all instances share.

use deadpool_postgres::Transaction;
use tokio_postgres::Client;

use super::{Error, column};

/// Returns the key that signs list cursors.
pub async fn cursor_key(tx: &Transaction<'_>) -> Result<[u8; 32], Error> {
    let statement = tx
        .prepare_cached("select cursor_key from installation")
        .await?;
    let row = tx.query_one(&statement, &[]).await?;
    let key: Vec<u8> = column(&row, "cursor_key")?;
    key.try_into()
        .map_err(|_| Error::Corrupt("installation.cursor_key is not 32 bytes".into()))
}

/// Records that a backup was restored, and returns how often that has happened. Needs the owner of
/// the schema. A restore ends every tenant's epoch.
pub async fn restored(client: &Client) -> Result<i32, Error> {
    let row = client
        .query_one(
            "update installation set restores = restores + 1 returning restores",
            &[],
        )
        .await?;
    column(&row, "restores")
}

/// Returns the timeline of the whole database, and the start time of its server. Only a primary can
/// answer.
pub async fn timeline(tx: &Transaction<'_>) -> Result<String, Error> {
    let sql = "select lineage() || ' since ' || extract(epoch from pg_postmaster_start_time()) as lineage";
    let statement = tx.prepare_cached(sql).await?;
    column(&tx.query_one(&statement, &[]).await?, "lineage")
}
