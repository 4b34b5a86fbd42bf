//! Callers and their keys, and the log of accesses.

pub mod access_log;
pub mod callers;
pub mod keys;
