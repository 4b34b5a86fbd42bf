//! Use cases: what the API does, without HTTP and without SQL.

pub mod access_log;
pub mod audit;
pub mod callers;
mod chain;
pub mod choices;
pub mod cursor;
pub mod dead_letters;
mod error;
pub mod exports;
pub mod forced_states;
mod freshness;
pub mod keys;
mod patterns;
pub mod plans;
pub mod polls;
pub mod privacy;
pub mod reads;
pub mod replays;
pub mod requests;
pub mod retention;
pub mod set_aside;
pub mod subscription;
pub mod time_travel;
pub mod timeline;
pub mod unpublished;
pub mod upkeep;
pub mod verify;
pub mod writer;

pub use crate::domain::write::batch;
pub use error::Error;
pub use freshness::{Freshness, Seen};
