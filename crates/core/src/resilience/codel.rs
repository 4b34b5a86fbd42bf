//! Detects an overloaded queue by how long items have waited in it, not by how many items wait.
//!
//! Controlled delay (`CoDel`, RFC 8289) in the form that servers use (B. Maurer, "Fail at Scale",
//! ACM Queue 13(8), 2015). A queue that empties now and then only absorbs a burst, and all its
//! items are processed. A standing queue delays everybody and gets no more work done. Items that
//! have waited too long are then refused, at once and before they cost anything.

use std::time::{Duration, Instant};

/// The `CoDel` state of one queue. It has no clock of its own.
#[derive(Debug)]
pub struct CoDel {
    target: Duration,
    interval: Duration,
    /// The last time that an item left the queue without having waited too long.
    calm: Instant,
}

impl CoDel {
    /// Creates the state of a queue that is empty at `now`. A wait of up to `target` is normal. The
    /// queue is standing when every item has waited longer for all of `interval`.
    pub fn new(target: Duration, interval: Duration, now: Instant) -> Self {
        Self {
            target,
            interval,
            calm: now,
        }
    }

    /// Returns whether an item that has `waited` this long should still be processed. Call it for
    /// each item that leaves the queue, in order. `step` is the duration of the last step that
    /// emptied the queue: a wait of up to two steps is normal.
    pub fn admits(&mut self, waited: Duration, step: Duration, now: Instant) -> bool {
        if waited <= self.target.max(step * 2) {
            self.calm = now;
            return true;
        }
        now.saturating_duration_since(self.calm) <= self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn queue(start: Instant) -> CoDel {
        CoDel::new(50 * MS, 500 * MS, start)
    }

    #[test]
    fn codel_admits_bursts_and_drops_from_a_standing_queue() {
        let start = Instant::now();
        let mut queue = queue(start);
        assert!(
            queue.admits(50 * MS, MS, start + 100 * MS),
            "within the target"
        );
        for at in [101, 300, 600] {
            assert!(queue.admits(300 * MS, MS, start + at * MS), "a burst");
        }
        assert!(
            !queue.admits(300 * MS, MS, start + 601 * MS),
            "a standing queue"
        );
        assert!(
            queue.admits(49 * MS, MS, start + 602 * MS),
            "recent items are admitted"
        );
        assert!(
            queue.admits(300 * MS, MS, start + 1102 * MS),
            "the queue has recovered"
        );
        assert!(!queue.admits(300 * MS, MS, start + 1103 * MS));
    }

    #[test]
    fn codel_drops_nothing_for_slow_steps_alone() {
        let start = Instant::now();
        let mut queue = queue(start);
        for at in 1..100 {
            assert!(queue.admits(800 * MS, 400 * MS, start + at * 400 * MS));
        }
        assert!(queue.admits(801 * MS, 400 * MS, start + 40_000 * MS));
        assert!(!queue.admits(801 * MS, 400 * MS, start + 40_102 * MS));
    }
}
