//! Use cases: what the API does, without HTTP and without SQL.

pub mod audit;
pub mod batch;
mod chain;
pub mod choices;
pub mod cursor;
mod error;
pub mod exports;
pub mod feed;
mod freshness;
pub mod past;
pub mod plans;
pub mod polls;
pub mod reads;
pub mod retention;
pub mod upkeep;
pub mod verify;
pub mod writer;

pub use error::Error;
pub use freshness::Freshness;
