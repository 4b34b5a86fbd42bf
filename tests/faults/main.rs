//! Faults on real processes: kill -9, and dependencies that hang.

mod hangs;
mod kill9;
mod processes;
mod world;
