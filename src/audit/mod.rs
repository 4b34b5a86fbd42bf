//! The audit trail: Kafka → MongoDB, and reading it back.

pub mod access_log;
pub mod archive;
pub mod consumer;
pub mod dead_letters;

pub use crate::domain::pipeline::{batch, document};
