//! Faults on real processes: kill -9, SIGTERM, dependencies that hang, connections that are lost at the worst moment.

mod backwards;
mod canary;
mod cluster;
mod commit;
mod drain;
mod exports;
mod hangs;
mod kill9;
mod moved;
mod neighbours;
mod oversize;
mod processes;
mod proxy;
#[path = "../support/mod.rs"]
mod support;
mod traces;
