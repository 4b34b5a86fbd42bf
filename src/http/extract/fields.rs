//! Collects the errors of fields.

use crate::{
    domain::Invalid,
    http::problem::{FieldError, Problem},
};

/// Collects the errors of several fields, so that a client sees all of them at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// Parses a field that must be there.
    pub fn required<T: TryFrom<String, Error = Invalid>>(
        &mut self,
        pointer: &str,
        raw: Option<String>,
    ) -> Option<T> {
        match raw {
            Some(raw) => self.check(pointer, T::try_from(raw)),
            None => self.check(pointer, Err(Invalid::new("required", "is required"))),
        }
    }

    /// Parses a field that may be missing.
    pub fn optional<T: TryFrom<String, Error = Invalid>>(
        &mut self,
        pointer: &str,
        raw: Option<String>,
    ) -> Option<T> {
        raw.and_then(|raw| self.check(pointer, T::try_from(raw)))
    }

    /// Returns the value, or records the error of the field.
    pub fn check<T>(&mut self, pointer: &str, result: Result<T, Invalid>) -> Option<T> {
        result
            .map_err(|Invalid { code, detail }| {
                self.0.push(FieldError {
                    pointer: pointer.to_owned(),
                    code,
                    detail,
                })
            })
            .ok()
    }

    /// Returns the recorded errors.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.0
    }

    /// Records an error if the range from `from` (inclusive) to `to` (exclusive) is empty.
    /// Otherwise a caller that swaps the two would read that there is nothing.
    pub fn ordered<T: PartialOrd>(&mut self, from: Option<T>, pointer: &str, to: Option<T>) {
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            self.check::<()>(
                pointer,
                Err(Invalid::new(
                    "empty_range",
                    "must be after the beginning of the range",
                )),
            );
        }
    }

    /// Returns `all`, or a problem with the recorded errors. `all` must be `Some` if no error was
    /// recorded.
    pub fn finish<T>(self, all: Option<T>) -> Result<T, Problem> {
        match all {
            Some(all) if self.0.is_empty() => Ok(all),
            _ => Err(Problem::fields(self.0)),
        }
    }
}
