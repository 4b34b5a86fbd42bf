//! What the API takes and answers.
//!
//! Answers are open: members that this version does not know are kept in `other`, and values that
//! may grow in number, such as states and actions, are texts.

mod audit;
mod dead_letter;
mod event;
mod feed;
mod filter;
mod health;
mod key;
mod name;
mod node;
mod plan;
mod policy;
mod replay;
mod route;
mod tenant;

use serde::{Deserialize, Serialize};

pub use self::{
    audit::*, dead_letter::*, event::*, feed::*, filter::*, health::*, key::*, name::*, node::*,
    plan::*, policy::*, replay::*, route::*, tenant::*,
};

/// The members of an object that this version of the client does not know.
pub type Members = serde_json::Map<String, serde_json::Value>;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last one.
    pub next_cursor: Option<String>,
}
