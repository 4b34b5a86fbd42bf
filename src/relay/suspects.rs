//! Decides which events are sent alone: pure, without I/O.
//!
//! A broker refuses a whole batch because of one record, and does not say which record. So after a
//! refusal for good all records of the batch are suspects. Each suspect is sent alone, so that a
//! second refusal concerns this record only.

use std::collections::BTreeSet;

use crate::store::outbox::OutboxRow;

/// The outbox ids of events that were refused together with others.
#[derive(Debug, Default)]
pub struct Suspects(BTreeSet<i64>);

impl Suspects {
    /// Adds events that were refused together.
    pub fn add(&mut self, places: &[i64]) {
        self.0.extend(places);
    }

    /// Cuts the rows to those that are sent next: a single suspect (returns true), or the rows
    /// before the first suspect.
    pub fn cut(&mut self, rows: &mut Vec<OutboxRow>) -> bool {
        let Some(first) = rows.first().map(|row| row.id) else {
            return false;
        };
        if self.0.remove(&first) {
            rows.truncate(1);
            return true;
        }
        let before = rows
            .iter()
            .take_while(|row| !self.0.contains(&row.id))
            .count();
        rows.truncate(before);
        // Rows before the first one have left the queue, so they are no longer suspects.
        self.0 = self.0.split_off(&first);
        false
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::tag::{Epoch, Revision, VersionTag};

    fn rows(ids: std::ops::RangeInclusive<i64>) -> Vec<OutboxRow> {
        let row = |id| OutboxRow {
            id,
            event_id: Uuid::nil(),
            payload: String::new(),
            ce_type: String::new(),
            tag: VersionTag {
                epoch: Epoch::from_random([1; 8]),
                revision: Revision(1),
            },
            tenant: "t".parse().unwrap(),
            subject: String::new(),
            occurred_at: jiff::Timestamp::UNIX_EPOCH.into(),
            traceparent: None,
            replay: None,
        };
        ids.map(row).collect()
    }

    fn cut(suspects: &mut Suspects, from: i64) -> (Vec<i64>, bool) {
        let mut rows = rows(from..=9);
        let is_suspect = suspects.cut(&mut rows);
        (rows.iter().map(|row| row.id).collect(), is_suspect)
    }

    #[test]
    fn suspect_is_sent_alone_and_the_others_together() {
        let mut suspects = Suspects::default();
        assert_eq!(cut(&mut suspects, 1), ((1..=9).collect(), false));
        suspects.add(&[3, 4, 8]);
        assert_eq!(cut(&mut suspects, 1), (vec![1, 2], false));
        assert_eq!(cut(&mut suspects, 3), (vec![3], true));
        assert_eq!(cut(&mut suspects, 4), (vec![4], true));
        assert_eq!(cut(&mut suspects, 5), (vec![5, 6, 7], false));
        assert_eq!(cut(&mut suspects, 8), (vec![8], true));
        assert_eq!(cut(&mut suspects, 9), (vec![9], false));
        assert!(!suspects.cut(&mut Vec::new()));
    }

    #[test]
    fn suspects_that_left_the_queue_are_forgotten() {
        let mut suspects = Suspects::default();
        suspects.add(&[1, 2, 7]);
        assert_eq!(cut(&mut suspects, 5), (vec![5, 6], false));
        assert_eq!(suspects.0.len(), 1);
    }
}
