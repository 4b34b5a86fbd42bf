//! Background work: tasks that no request waits for.

pub mod access_log;
pub mod retention;
pub mod set_aside;
pub mod timeline;
pub mod upkeep;
