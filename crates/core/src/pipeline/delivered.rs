//! Decides which rows of the outbox may be deleted: pure, without I/O.

use std::collections::HashSet;

use crate::{ids::TenantName, write::rows::OutboxRow};

/// The results of a batch's rows, recorded in the order in which they were sent.
#[derive(Debug, Default)]
pub struct Delivered<'a> {
    deletable: Vec<i64>,
    broken: HashSet<&'a TenantName>,
}

impl<'a> Delivered<'a> {
    /// Records whether Kafka has acknowledged the row; without an acknowledgement Kafka may or may
    /// not have it.
    pub fn record(&mut self, row: &'a OutboxRow, is_acknowledged: bool) {
        if !is_acknowledged {
            self.broken.insert(&row.tenant);
        } else if !self.broken.contains(&row.tenant) {
            self.deletable.push(row.id);
        }
    }

    /// Returns the ids that may be deleted: the acknowledged rows, but for each tenant none after
    /// its first failure, so that publishing again begins where the order broke.
    pub fn deletable(self) -> Vec<i64> {
        self.deletable
    }
}

/// Returns whether another process leads now: fewer rows were deleted than asked for. The delete is
/// fenced by the lease's epoch, and nobody else deletes the rows that this leader may delete.
pub fn is_deposed(deletable: usize, deleted: u64) -> bool {
    deleted < deletable as u64
}
