//! The parts of the OpenAPI document, built from the types that the handlers read and write.
//!
//! Each resource describes its operations beside its handlers (`<resource>/operations.rs`), in a
//! few words. Headers, errors and schemas that several resources share are described here once.

mod generate;
mod operation;
mod problems;
pub mod schemas;
mod shared;
mod texts;

pub use self::{
    generate::{Schemas, alone, alone_read},
    operation::{Answer, Operation, Served},
};
