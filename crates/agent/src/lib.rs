//! The agent on a proxy's machine. It follows a tenant, keeps the last good state on disk, renders
//! it, gives it to the proxy, and asks the proxy what it runs.

pub mod command;
pub mod config;
pub mod plan;
