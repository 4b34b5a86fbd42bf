//! The audit consumer's counters and state, for the health endpoints.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use crate::{domain::time::UtcTime, kafka::Record};

/// The consumer's counters and state, updated while it runs.
#[derive(Debug, Default)]
pub struct ConsumerStatus {
    pub(super) waits_for_archive: AtomicBool,
    pub(super) lag: AtomicI64,
    /// Whether `lag` counts only partitions that are assigned to this consumer.
    pub(super) is_assigned: AtomicBool,
    /// Whether the last measurement of `lag` and `is_assigned` succeeded.
    pub(super) is_known: AtomicBool,
    pub(super) archived: AtomicU64,
    pub(super) dead_letters: AtomicU64,
    pub(super) restarts: AtomicU64,
    /// The decision time of the oldest event that is read but not archived.
    oldest: Mutex<Option<UtcTime>>,
    last_error: Mutex<Option<String>>,
}

/// [`ConsumerStatus`] at one instant.
#[derive(Debug, Clone, Serialize)]
pub struct ConsumerReport {
    /// The number of records that the archive does not have yet, in the partitions of this
    /// consumer; in all partitions while it has none.
    pub lag: i64,
    /// The age of the oldest event that is read but not archived, in seconds; 0 when there is none.
    /// Events that were published before (replays, redriven dead letters) do not count.
    pub lag_seconds: f64,
    /// True while a batch waits for the archive to come back.
    pub waits_for_archive: bool,
    /// The number of events archived since the start, duplicates included.
    pub archived_total: u64,
    /// The number of records dead-lettered since the start.
    pub dead_letters_total: u64,
    /// The number of times that the consumer was restarted.
    pub restarts_total: u64,
    /// The error of the last failed step; `null` once a step succeeds.
    pub last_error: Option<String>,
}

impl ConsumerStatus {
    /// Returns the numbers now.
    pub fn report(&self) -> ConsumerReport {
        ConsumerReport {
            lag: self.lag.load(Ordering::Relaxed),
            lag_seconds: self.lag_seconds(),
            waits_for_archive: self.waits_for_archive.load(Ordering::Relaxed),
            archived_total: self.archived.load(Ordering::Relaxed),
            dead_letters_total: self.dead_letters.load(Ordering::Relaxed),
            restarts_total: self.restarts.load(Ordering::Relaxed),
            last_error: self.last_error.lock().clone(),
        }
    }

    /// Returns whether the consumer's own partitions have no unread records. Records in the
    /// partitions of other consumers do not count. False while the lag is unknown.
    pub(super) fn has_nothing_to_read(&self) -> bool {
        let is_idle =
            self.lag.load(Ordering::Relaxed) == 0 || !self.is_assigned.load(Ordering::Relaxed);
        self.is_known.load(Ordering::Relaxed) && is_idle
    }

    /// Marks the lag as unknown, for a consumer that starts now.
    pub(super) fn forget(&self) {
        self.is_known.store(false, Ordering::Relaxed);
    }

    /// Returns the age in seconds of the oldest event that is read but not archived.
    pub(super) fn lag_seconds(&self) -> f64 {
        let oldest = *self.oldest.lock();
        oldest.map_or(0.0, |at| {
            Timestamp::now()
                .duration_since(at.timestamp())
                .as_secs_f64()
                .max(0.0)
        })
    }

    /// Records which events are read but not archived yet.
    pub(super) fn reads(&self, batch: &[Record]) {
        let new = batch.iter().filter(|record| !record.is_repeated());
        let oldest = new
            .filter_map(|record| record.header("ce_time")?.parse::<UtcTime>().ok())
            .min();
        *self.oldest.lock() = oldest;
    }

    /// Records that the consumer panicked and is restarted.
    pub fn panicked(&self) {
        self.failed(Some(
            "the audit consumer panicked and was restarted".to_owned(),
        ));
    }

    pub(super) fn failed(&self, error: Option<String>) {
        *self.last_error.lock() = error;
    }
}
