//! Pure types and rules: no I/O, no async, no clock, no randomness.
//!
//! ```text
//!  raw input ─► ids, route (parsed once) ─► Command ─┐
//!                                                    ├─► decide ─► Event (sealed: chain) ─► evolve ─► TenantState
//!  rows under the tenant's lock ─► TenantState ──────┘                     │
//!                                                                          └─► snapshot.apply ─► what proxies poll
//! ```
//!
//! Everything that a function here needs from the world (time, ids, the actor) is an argument, so
//! the model tests and a simulator drive the same code that runs in production.

pub mod access;
pub mod blame;
pub mod cache;
pub mod chain;
pub mod command;
pub mod dead_letter;
pub mod decide;
pub mod document;
pub mod etag;
pub mod event;
pub mod filter;
pub mod given;
pub mod hash;
pub mod host;
pub mod ids;
pub mod ledger;
pub mod pipeline;
pub mod plan;
pub mod policy;
pub mod removal;
pub mod resilience;
pub mod resource_scope;
pub mod route;
pub mod snapshot;
pub mod tag;
pub mod tenant;
mod text;
pub mod time;
pub mod url;
pub mod walk;
pub mod whole;
pub mod write;

pub use self::text::plain_text;

/// The reason why raw input is refused: a stable `code` for programs and a `detail` for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// The stable code, in `snake_case`.
    pub code: &'static str,
    /// A sentence that names the expected form; never repeats secrets.
    pub detail: String,
}

impl Invalid {
    /// An error with its stable code and a sentence for people.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}
