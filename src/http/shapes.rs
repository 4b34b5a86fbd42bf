//! Schemas that several resources share, with examples.

pub mod archive;
pub mod choice;
pub mod dependency;
pub mod nodes;
pub mod plans;
pub mod policies;
pub mod role;
pub mod snapshot;
pub mod tenants;
