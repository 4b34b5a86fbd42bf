//! Reads: polls, streams, lists and single objects, from the cache and from Postgres.

pub mod choices;
pub mod cursor;
pub(crate) mod freshness;
pub mod offers;
pub mod polls;
pub mod reads;
pub mod subscription;
