//! The consumer's numbers, for health.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use jiff::Timestamp;
use serde::Serialize;

use crate::{domain::time::UtcTime, kafka::Record};

/// The consumer's numbers, for health.
#[derive(Debug, Default)]
pub struct ConsumerStatus {
    pub(super) waits_for_archive: AtomicBool,
    pub(super) lag: AtomicI64,
    /// Whether that is the lag of partitions of its own.
    pub(super) is_assigned: AtomicBool,
    /// Whether the last measurement of both succeeded.
    pub(super) is_known: AtomicBool,
    pub(super) archived: AtomicU64,
    pub(super) dead_letters: AtomicU64,
    pub(super) restarts: AtomicU64,
    /// When the oldest event was decided that is read and not archived.
    oldest: Mutex<Option<UtcTime>>,
    last_error: Mutex<Option<String>>,
}

/// [`ConsumerStatus`] at one instant.
#[derive(Debug, Clone, Serialize)]
pub struct ConsumerReport {
    /// Records of its partitions that the archive does not have yet; while it has none, of all partitions.
    pub lag: i64,
    /// Age of the oldest of them that was read; 0 when none is. Events that were published before do not count.
    pub lag_seconds: f64,
    /// True while a batch waits for the archive to come back.
    pub waits_for_archive: bool,
    /// Events archived since the start, duplicates included.
    pub archived_total: u64,
    /// Records dead-lettered since the start.
    pub dead_letters_total: u64,
    /// Times that the consumer was made anew.
    pub restarts_total: u64,
    /// What the last step failed with; `null` once one succeeded.
    pub last_error: Option<String>,
}

impl ConsumerStatus {
    /// The numbers now.
    pub fn report(&self) -> ConsumerReport {
        ConsumerReport {
            lag: self.lag.load(Ordering::Relaxed),
            lag_seconds: self.lag_seconds(),
            waits_for_archive: self.waits_for_archive.load(Ordering::Relaxed),
            archived_total: self.archived.load(Ordering::Relaxed),
            dead_letters_total: self.dead_letters.load(Ordering::Relaxed),
            restarts_total: self.restarts.load(Ordering::Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Whether nothing waits in partitions of its own. Whatever others have to read is theirs; nobody knows while it cannot be measured.
    pub(super) fn has_nothing_to_read(&self) -> bool {
        let is_idle = self.lag.load(Ordering::Relaxed) == 0 || !self.is_assigned.load(Ordering::Relaxed);
        self.is_known.load(Ordering::Relaxed) && is_idle
    }

    /// Nothing is known of the consumer that begins now.
    pub(super) fn forget(&self) {
        self.is_known.store(false, Ordering::Relaxed);
    }

    /// How long the oldest event waits that is read and not archived.
    pub(super) fn lag_seconds(&self) -> f64 {
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.map_or(0.0, |at| Timestamp::now().duration_since(at.timestamp()).as_secs_f64().max(0.0))
    }

    /// Notes what is read and not archived yet.
    pub(super) fn reads(&self, batch: &[Record]) {
        let new = batch.iter().filter(|record| !record.is_repeated());
        let oldest = new.filter_map(|record| record.header("ce_time")?.parse::<UtcTime>().ok()).min();
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }

    /// It panicked, and is begun anew.
    pub fn panicked(&self) {
        self.failed(Some("it panicked, and was begun anew".to_owned()));
    }

    pub(super) fn failed(&self, error: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}
