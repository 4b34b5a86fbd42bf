//! Raw input becomes checked values here: JSON bodies and query parameters. Every error names its
//! field.

mod body;
mod fields;
mod json;
mod numbers;
mod query;
mod readers;

#[cfg(test)]
pub use self::json::parse_json;
pub use self::{
    body::{Body, PerhapsBody},
    fields::Fields,
    json::Object,
    query::{Query, parse_query},
    readers::{Readers, format},
};

#[cfg(test)]
mod tests;
