//! What the archive's answer to a bulk of events means: pure.

use std::collections::HashMap;

use crate::audit::document::Archivable;

pub(super) const DUPLICATE_KEY: i32 = 11000;
pub(super) const INVALID_BSON: i32 = 22;
pub(super) const TOO_LARGE: i32 = 10334;
/// Codes that are about the document: `BadValue`, `TypeMismatch`, `InvalidBSON`, `DollarPrefixedFieldName`, `DottedFieldName`,
/// `DocumentValidationFailure`, `BSONObjectTooLarge`. Any other (a full disk, a primary that steps down in the middle of a bulk) says
/// that the server cannot store it now: waited for, because a dead letter is an event that auditors miss.
pub(super) const ABOUT_THE_DOCUMENT: [i32; 7] = [2, 14, INVALID_BSON, 52, 57, 121, TOO_LARGE];

/// What the archive did with one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is there now.
    Inserted,
    /// It was there already, with the same hash.
    Duplicate,
    /// Another event stands in its place: same id or same place in the history, other hash.
    Contradiction,
    /// The archive refuses it, and will again (its validator, for instance).
    Refused(String),
}

/// The server cannot store an event now, for a reason that is not the event's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mongodb cannot store events: {message} (code {code})")]
pub struct CannotStore {
    /// The server's code.
    pub code: i32,
    /// The server's words.
    pub message: String,
}

/// What an unordered bulk came to, event by event.
#[derive(Debug)]
pub struct Bulk<'a> {
    events: &'a [Archivable],
    stored: Vec<Stored>,
    doubled: Vec<usize>,
}

impl<'a> Bulk<'a> {
    /// What the server said of a bulk: the place, the code and the words of each error.
    pub fn new(events: &'a [Archivable], errors: impl IntoIterator<Item = (usize, i32, String)>) -> Result<Self, CannotStore> {
        let mut stored = vec![Stored::Inserted; events.len()];
        let mut doubled = Vec::new();
        for (at, code, message) in errors {
            let Some(slot) = stored.get_mut(at) else { continue };
            if code == DUPLICATE_KEY {
                doubled.push(at);
            } else if ABOUT_THE_DOCUMENT.contains(&code) {
                *slot = Stored::Refused(message);
            } else {
                return Err(CannotStore { code, message });
            }
        }
        Ok(Self { events, stored, doubled })
    }

    /// The ids whose stored hashes must be known.
    pub fn asks(&self) -> Vec<&str> {
        self.doubled.iter().map(|at| self.events[*at].id.as_str()).collect()
    }

    /// What became of each event, with the hashes that are stored under the ids asked for.
    pub fn settled(mut self, hashes: &HashMap<String, String>) -> Vec<Stored> {
        for at in self.doubled {
            let event = &self.events[at];
            // One that is not found by its id stands for another event in the same place of the history.
            let same = hashes.get(&event.id).is_some_and(|hash| *hash == event.hash.to_string());
            self.stored[at] = if same { Stored::Duplicate } else { Stored::Contradiction };
        }
        self.stored
    }
}

/// What becomes of a record whose event the archive has answered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in the archive, by this attempt.
    Inserted,
    /// It was in the archive.
    Duplicate,
    /// It is a dead letter, for this reason.
    DeadLetter(&'static str),
    /// It is tried again.
    Again,
}

impl Stored {
    /// What becomes of the record after so many attempts.
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
