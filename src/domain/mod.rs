//! Pure types and rules: no I/O, no async, no clock, no randomness.
//!
//! ```text
//!  raw input ─► ids, route (parsed once) ─► Command ─┐
//!                                                    ├─► decide ─► Event (sealed: chain) ─► evolve ─► TenantState
//!  rows under the tenant's lock ─► TenantState ──────┘                     │
//!                                                                          └─► snapshot.apply ─► what proxies poll
//! ```
//!
//! Whatever a function here needs from the world (time, ids, the actor) is an argument, so the model tests and a
//! simulator drive the same code that runs in production.

pub mod access;
pub mod blame;
pub mod chain;
pub mod command;
pub mod dead_letter;
pub mod decide;
pub mod document;
pub mod event;
pub mod filter;
pub mod hash;
pub mod host;
pub mod ids;
pub mod narrowing;
pub mod plan;
pub mod policy;
pub mod route;
pub mod snapshot;
pub mod tag;
pub mod tenant;
pub mod time;
pub mod walk;

/// Why a piece of raw input is not what it should be: a stable `code` for programs and a `detail` for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// One sentence that says what is expected; never repeats secrets.
    pub detail: String,
}

impl Invalid {
    /// An error with its stable code and a sentence for people.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Accepts text of at most `max` bytes without control characters (Unicode `Cc`), and refuses the rest by name.
pub(crate) fn plain_text(raw: &str, max: usize, what: &str) -> Result<(), Invalid> {
    if raw.len() > max {
        return Err(Invalid::new("too_long", format!("{what} may have at most {max} bytes")));
    }
    if raw.chars().any(char::is_control) {
        return Err(Invalid::new("control_character", format!("{what} may not contain control characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_a_length_and_no_control_characters() {
        let code = |raw: &str| plain_text(raw, 4, "it").err().map(|invalid| invalid.code);
        assert_eq!((code(""), code("abcd"), code("äö")), (None, None, None));
        assert_eq!((code("abcde"), code("äöü"), code("a\nb")), (Some("too_long"), Some("too_long"), Some("control_character")));
    }
}
