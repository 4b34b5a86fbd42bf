//! What may leave the queue: pure.

use std::collections::HashSet;

use crate::{domain::ids::TenantName, store::outbox::OutboxRow};

/// The fates of a batch's rows, told in the order in which they were sent.
#[derive(Debug, Default)]
pub struct Delivered<'a> {
    deletable: Vec<i64>,
    broken: HashSet<&'a TenantName>,
}

impl<'a> Delivered<'a> {
    /// Kafka has the row, or may not have it.
    pub fn tell(&mut self, row: &'a OutboxRow, is_acknowledged: bool) {
        if !is_acknowledged {
            self.broken.insert(&row.tenant);
        } else if !self.broken.contains(&row.tenant) {
            self.deletable.push(row.id);
        }
    }

    /// The ids that may be deleted: those acknowledged, but of each tenant none after its first failure, so that what is published again
    /// begins where the order broke.
    pub fn deletable(self) -> Vec<i64> {
        self.deletable
    }
}

/// Whether another leads: the delete is fenced by the lease's epoch, and nobody else deletes what this leader may.
pub fn is_deposed(deletable: usize, deleted: u64) -> bool {
    deleted < deletable as u64
}
