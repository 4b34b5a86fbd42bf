//! Interprets the archive's answer to a bulk insert of events: pure, without I/O.

use std::collections::HashMap;

use super::document::Archivable;

/// The error code of a key that is in the collection already.
pub const DUPLICATE_KEY: i32 = 11000;
/// The error code of a document that is no valid BSON.
pub const INVALID_BSON: i32 = 22;
/// The error code of a document that is too large.
pub const TOO_LARGE: i32 = 10334;
/// Error codes that concern the document: `BadValue`, `TypeMismatch`, `InvalidBSON`,
/// `DollarPrefixedFieldName`, `DottedFieldName`, `DocumentValidationFailure`, `BSONObjectTooLarge`.
/// Any other code (a full disk, a primary that steps down in the middle of a bulk) means that the
/// server cannot store the document now. The consumer then waits, because a dead letter is an event
/// that auditors miss.
pub const ABOUT_THE_DOCUMENT: [i32; 7] = [2, 14, INVALID_BSON, 52, 57, 121, TOO_LARGE];

/// The archive's result for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The event was inserted.
    Inserted,
    /// The event was in the archive already, with the same hash.
    Duplicate,
    /// The archive has another event there: the same id or the same position in the history, but
    /// another hash.
    Contradiction,
    /// The archive refuses the event and will refuse it again (because of its validator, for
    /// instance). Holds the server's message.
    Refused(String),
}

/// The server cannot store an event now, for a reason that has nothing to do with the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mongodb cannot store events: {message} (code {code})")]
pub struct CannotStore {
    /// The server's error code.
    pub code: i32,
    /// The server's error message.
    pub message: String,
}

/// The result of an unordered bulk insert, event by event.
#[derive(Debug)]
pub struct Bulk<'a> {
    events: &'a [Archivable],
    stored: Vec<Stored>,
    doubled: Vec<usize>,
}

impl<'a> Bulk<'a> {
    /// Evaluates the errors of a bulk: for each its index in `events`, its code and its message.
    pub fn new(
        events: &'a [Archivable],
        errors: impl IntoIterator<Item = (usize, i32, String)>,
    ) -> Result<Self, CannotStore> {
        let mut stored = vec![Stored::Inserted; events.len()];
        let mut doubled = Vec::new();
        for (at, code, message) in errors {
            let Some(slot) = stored.get_mut(at) else {
                continue;
            };
            if code == DUPLICATE_KEY {
                doubled.push(at);
            } else if ABOUT_THE_DOCUMENT.contains(&code) {
                *slot = Stored::Refused(message);
            } else {
                return Err(CannotStore { code, message });
            }
        }
        Ok(Self {
            events,
            stored,
            doubled,
        })
    }

    /// Returns the ids for which the stored hash is needed: those with a duplicate-key error.
    pub fn asks(&self) -> Vec<&str> {
        self.doubled
            .iter()
            .map(|at| self.events[*at].id.as_str())
            .collect()
    }

    /// Returns the result of each event. `hashes` holds the stored hashes of the ids from
    /// [`Bulk::asks`].
    pub fn settled(mut self, hashes: &HashMap<String, String>) -> Vec<Stored> {
        for at in self.doubled {
            let event = &self.events[at];
            // If the id is not found, another event has the same position in the history.
            let same = hashes
                .get(&event.id)
                .is_some_and(|hash| *hash == event.hash.to_string());
            self.stored[at] = if same {
                Stored::Duplicate
            } else {
                Stored::Contradiction
            };
        }
        self.stored
    }
}

/// The consequence for a record after the archive's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// This attempt stored the event.
    Inserted,
    /// The archive had the event already.
    Duplicate,
    /// The record becomes a dead letter, with this reason.
    DeadLetter(&'static str),
    /// The record is tried again.
    Again,
}

impl Stored {
    /// Returns the consequence for the record after this number of attempts.
    pub fn fate(&self, attempts: u32, max_attempts: u32) -> Fate {
        match self {
            Self::Inserted => Fate::Inserted,
            Self::Duplicate => Fate::Duplicate,
            Self::Contradiction => Fate::DeadLetter("contradiction"),
            Self::Refused(_) if attempts >= max_attempts => Fate::DeadLetter("refused"),
            Self::Refused(_) => Fate::Again,
        }
    }
}
