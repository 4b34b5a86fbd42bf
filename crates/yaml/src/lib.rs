//! YAML: bodies of requests as JSON, files of other programs as trees with places, and documents as
//! text.
//!
//! Everything is read by the parser's events, so the memory that a text takes is limited by its
//! size. Plain scalars are read by the core schema of YAML 1.2.2 (§10.3.2), even where YAML 1.1
//! differs.

mod emit;
mod json;
mod scalar;
pub mod tree;

use std::fmt;

use granit_parser::{Marker, Options};

pub use self::{emit::document, json::as_json};

/// The deepest nesting of objects and arrays in a body. The deepest valid body has about 10 levels.
/// The limit keeps callers from using up a parser's stack.
pub const MAX_DEPTH: usize = 32;

/// The longest text of a body, in bytes as written. The longest text that any member accepts has
/// 4,096 bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// The number of characters that the parser reads ahead, and holds in memory, to find out whether
/// something is a key (YAML 1.2.2 §7.4.2).
const LOOKAHEAD: usize = 1024;

/// The place and the reason of the first part of a text that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotYaml {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The reason.
    pub why: String,
}

impl NotYaml {
    fn at(marker: &Marker, why: &str) -> Self {
        // The parser counts columns from 0.
        Self {
            line: marker.line(),
            column: marker.col() + 1,
            why: why.to_owned(),
        }
    }
}

impl fmt::Display for NotYaml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.why
        )
    }
}

impl std::error::Error for NotYaml {}

/// Returns the parser's options. Nesting that is too deep is found by its events, which come after
/// the parser has looked ahead for a key.
fn options(depth: usize) -> Options {
    let mut options: Options = granit_parser::options! {
        // Aliases and anchors come as events of their own, with their places.
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        // The parser keeps directives until the end of the document, and the versions and tags in
        // them are not accepted anyway.
        disallow_directives: true,
        simple_key_max_lookahead: LOOKAHEAD,
        flow_nesting_limit: depth + 2 * LOOKAHEAD,
        block_nesting_limit: depth + 2 * LOOKAHEAD,
    };
    options.set_emit_comments(false);
    options
}
