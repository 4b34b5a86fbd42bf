//! When a queue is too long: told by how long what leaves it has waited, not by how many wait.
//!
//! Controlled delay (`CoDel`, RFC 8289) in the form that servers use (B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015): a queue that
//! empties now and then takes up a burst, and everything in it is done. One that stands holds up everybody and does no more work for
//! it: then what has waited too long is refused, at once and before it costs anything.

use std::time::{Duration, Instant};

/// The state of one queue. No clock of its own.
#[derive(Debug)]
pub struct Sojourn {
    target: Duration,
    interval: Duration,
    /// When something last left the queue that had not waited too long.
    calm: Instant,
}

impl Sojourn {
    /// A queue that is empty at `now`. Waiting for `target` is nothing unusual; a queue that makes everything wait longer for all of `interval` stands.
    pub fn new(target: Duration, interval: Duration, now: Instant) -> Self {
        Self { target, interval, calm: now }
    }

    /// Whether what has waited so long is still to be done. It has to be told of everything that leaves the queue, in that order.
    /// `step` is how long the last step took that empties the queue: whoever waits for two of them waits for nothing unusual.
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

    fn queue(start: Instant) -> Sojourn {
        Sojourn::new(50 * MS, 500 * MS, start)
    }

    #[test]
    fn a_burst_is_done_and_of_a_standing_queue_what_has_waited_too_long_is_not() {
        let start = Instant::now();
        let mut queue = queue(start);
        assert!(queue.admits(50 * MS, MS, start + 100 * MS), "within the target");
        for at in [101, 300, 600] {
            assert!(queue.admits(300 * MS, MS, start + at * MS), "a burst");
        }
        assert!(!queue.admits(300 * MS, MS, start + 601 * MS), "it stands");
        assert!(queue.admits(49 * MS, MS, start + 602 * MS), "the new are done");
        assert!(queue.admits(300 * MS, MS, start + 1102 * MS), "and then it is calm again");
        assert!(!queue.admits(300 * MS, MS, start + 1103 * MS));
    }

    #[test]
    fn slow_steps_alone_refuse_nobody() {
        let start = Instant::now();
        let mut queue = queue(start);
        for at in 1..100 {
            assert!(queue.admits(800 * MS, 400 * MS, start + at * 400 * MS));
        }
        assert!(queue.admits(801 * MS, 400 * MS, start + 40_000 * MS));
        assert!(!queue.admits(801 * MS, 400 * MS, start + 40_102 * MS));
    }
}
