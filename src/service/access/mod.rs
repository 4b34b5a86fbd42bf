//! Callers and their keys, and the log of accesses.

pub mod callers;
pub mod keys;
pub mod trail;
