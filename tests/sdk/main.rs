//! The packages for programs, in Rust, TypeScript and Python, against the real service.
//!
//! `make test` runs the core of each: generated files, conformance cases, the live walk. `make test-sdk` sets
//! `TM_SDK_FULL=1`, for all tests of the packages after a clean installation.

mod examples;
mod live;
mod operations;
mod packages;
mod quick_starts;
mod scene;
mod sign_in;
mod terminal;

use test_support as support;
