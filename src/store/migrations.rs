//! Schema migrations: refinery, under an advisory lock that refinery itself does not take.

use refinery::Migration;
use tokio_postgres::Client;

use super::{Error, Visible};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Session lock that allows one migrator at a time. Any constant will do; this one spells
/// "tm-migra".
const LOCK: i64 = i64::from_be_bytes(*b"tm-migra");

/// The reason why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement outside the migrations failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// A migration failed.
    #[error("migration failed")]
    Migration(#[from] refinery::Error),
}

/// Returns a hash of the migrations: of their names and their SQL. Another schema has another one.
pub fn fingerprint() -> u64 {
    let runner = embedded::migrations::runner();
    let checksums = runner.get_migrations().iter().map(Migration::checksum);
    checksums.fold(0, |hash: u64, checksum| hash.rotate_left(1) ^ checksum)
}

/// Brings the schema up to date, and returns the names of the migrations that were applied.
/// Concurrent callers wait for one another for up to two minutes; the lock ends with the
/// connection.
pub async fn run(client: &mut Client) -> Result<Vec<String>, MigrateError> {
    for setting in [
        "set statement_timeout = '120s'",
        "set lock_timeout = '120s'",
    ] {
        client.execute(setting, &[]).await.map_err(Error::from)?;
    }
    // A migration that changes rows has to see them all: row-level security holds for the owner
    // too.
    Visible::all_tenants().show_session(client).await?;
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(Error::from)?;
    let report = embedded::migrations::runner()
        .set_grouped(true)
        .run_async(client)
        .await;
    client
        .execute("select pg_advisory_unlock($1)", &[&LOCK])
        .await
        .map_err(Error::from)?;
    Ok(report?
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect())
}
