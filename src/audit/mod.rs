//! The audit trail: Kafka → MongoDB, and reading it back.

pub mod access;
pub mod archive;
pub mod batch;
pub mod consumer;
pub mod dead_letters;
pub mod document;
