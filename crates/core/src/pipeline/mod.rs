//! The pure halves of the relay and of the audit consumer: records, deletable rows, batches and
//! their offsets, and what the archive's answers mean.

pub mod batch;
pub mod delivered;
pub mod document;
pub mod record;
pub mod stored;
