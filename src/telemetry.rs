//! Logs, traces and metrics. Names of fields and metrics stand here and nowhere else.

pub mod names;
