//! Dead letters: records of events that the archive could not take.

use crate::{
    calls::{Read, Write, operation::operations},
    types::{
        DeadLetter, DeadLetterDetails, DeadLetterFilter, DiscardDeadLetter, Page,
        RedriveDeadLetters, RedriveResult,
    },
};

operations! {
    /// Lists dead letters, newest first.
    Read list_dead_letters: GET "/api/v1/dead-letters" (filter: &DeadLetterFilter => query) -> Read<Page<DeadLetter>>;
    /// Sends dead letters again, a page at a time.
    Write redrive_dead_letters: POST "/api/v1/dead-letters/redrive" (which: &RedriveDeadLetters => json) -> Write<RedriveResult>;
    /// Returns a dead letter with its record.
    Read get_dead_letter: GET "/api/v1/dead-letters/{letter_id}" (id: &str => path) -> Read<DeadLetterDetails>;
    /// Marks a dead letter as not needed.
    Write discard_dead_letter: POST "/api/v1/dead-letters/{letter_id}/discard" (id: &str => path, reason: &DiscardDeadLetter => json) -> Write<DeadLetter>;
    /// Sends a dead letter again.
    Write redrive_dead_letter: POST "/api/v1/dead-letters/{letter_id}/redrive" (id: &str => path) -> Write<DeadLetter>;
}
