//! The only tokio-postgres code: servers and their pools, transactions, and one file of statements per table.
//!
//! Functions take the client or transaction that they run on, so that the caller decides what commits together. Errors are
//! classified by SQLSTATE and constraint name, never by message.

mod error;
pub mod events;
pub mod idempotency;
pub mod installation;
pub mod migrations;
pub mod outbox;
pub mod router;
pub mod routes;
pub mod server;
pub mod tenants;

pub use error::Error;
pub use server::{Server, connect};
