//! The calls of the API: one method of [`Client`] for each operation of the OpenAPI document, with
//! its name in snake case.
//!
//! ```text
//!  operations (tables) ─► Call (options) ─► send: token, tries, times ─► outcome: Read, Write, Body, Events
//!                                             │
//!                                             └─► retry (pure): what is tried again, and when
//! ```

mod answer;
mod call;
mod client;
mod error;
mod memory;
mod operation;
mod operations;
mod outcome;
mod pages;
mod problem;
mod request;
mod retry;
mod send;
mod settings;
mod stream;
mod tag;

pub use self::{
    call::Call,
    client::Client,
    error::Error,
    operation::{Effect, Operation},
    outcome::{Conditional, Content, Outcome, Read, Text, Write},
    pages::Pages,
    problem::{FieldError, InUse, Problem, Quota, Shrink},
    request::PathParts,
    settings::{CallTimes, ClientSettings},
    stream::{Body, Events},
    tag::Tag,
};
