//! Use cases: what the API does, without HTTP and without SQL.

pub mod access;
pub mod admin;
mod error;
pub mod history;
pub mod nodes;
pub mod privacy;
pub mod quarantine;
pub mod read;
pub mod write;

pub use crate::domain::write::batch;
pub use error::Error;
pub use read::freshness::Freshness;
