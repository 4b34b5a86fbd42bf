//! The pure half of the write path: the decision of a group of commands, and the rows that it reads
//! and writes.

pub mod batch;
pub mod rows;
