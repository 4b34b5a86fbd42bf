//! The commands, one module for each.

pub mod apply;
pub mod audit;
pub mod auth;
pub mod change;
pub mod context;
pub mod doctor;
pub mod edit;
pub mod explain;
pub mod get;
pub mod keys;
pub mod log;
pub mod man;
pub mod nodes;
pub mod resolve;
pub mod rollout;
pub mod tenant;
pub mod wait;
pub mod watch;
