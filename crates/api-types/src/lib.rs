//! The codes of problems, which the API and its clients share.

mod code;

pub use self::code::Code;
