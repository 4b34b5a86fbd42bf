//! The only tokio-postgres code: servers and their pools, transactions, and one file of statements
//! per table.
//!
//! Functions take the transaction that they run on. So the caller decides which changes commit
//! together, and which tenants are visible. Errors are classified by SQLSTATE and constraint name,
//! never by message.

pub mod access_log;
pub mod checkpoints;
mod connecting;
pub mod data_keys;
pub mod dead_letters;
mod error;
pub mod events;
pub mod group;
pub mod idempotency;
pub mod installation;
pub mod keys;
pub mod migrations;
pub mod outbox;
pub mod plans;
pub mod policies;
pub mod quarantine;
pub mod replays;
pub mod router;
pub mod routes;
pub mod scopes;
pub mod server;
pub mod set_aside;
pub mod tenants;
pub mod time_travel;
mod visible;

pub use connecting::{PoolGeneration, REPLICA_URLS, Tls, connect, connector};
pub use error::Error;
pub use server::{Server, Way};
pub use tokio_postgres::Client;
pub use visible::Visible;

/// A transaction on a pooled connection.
pub type Transaction<'a> = deadpool_postgres::Transaction<'a>;

/// A pooled connection.
pub type Connection = deadpool_postgres::Object;

use tokio_postgres::{Row, types::FromSql};

/// Reads a column by name.
fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Error> {
    row.try_get(name)
        .map_err(|error| Error::Corrupt(format!("{name}: {error}")))
}

/// Reads a text column as the domain type that it was written from.
fn text<T: TryFrom<String, Error = crate::domain::Invalid>>(
    row: &Row,
    name: &str,
) -> Result<T, Error> {
    let raw: String = column(row, name)?;
    T::try_from(raw).map_err(|invalid| Error::Corrupt(format!("{name}: {invalid}")))
}
