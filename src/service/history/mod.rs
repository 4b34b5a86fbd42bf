//! The history: audit queries, exports, verification and time travel.

pub mod audit;
pub(crate) mod chain;
pub mod exports;
pub mod time_travel;
pub mod verify;
