//! Traffic Manager
#![recursion_limit = "256"]
pub mod config;
pub mod domain;
pub mod resilience;
pub mod store;
pub mod telemetry;
