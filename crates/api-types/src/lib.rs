//! What the API and its clients have in common: the codes of problems.

mod code;

pub use self::code::Code;
