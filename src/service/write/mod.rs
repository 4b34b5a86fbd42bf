//! The write path: from a command to its commit, and the work right after it.

pub mod after_commit;
pub(crate) mod patterns;
pub mod plans;
pub mod requests;
pub mod unpublished;
pub mod writer;
