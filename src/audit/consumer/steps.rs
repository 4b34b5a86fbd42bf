//! The number of records that are archived in one step.
//!
//! A step that timed out would time out again when it is repeated, and the documents that it did
//! store make the next attempt longer: with a slow archive the consumer would never get further. So
//! a step that takes too long halves the next one, and a step that succeeds lets the next one grow
//! a little (additive increase, multiplicative decrease, as in TCP: RFC 5681).

use std::sync::atomic::{AtomicUsize, Ordering};

/// The size of the next step.
#[derive(Debug)]
pub(super) struct Steps {
    size: AtomicUsize,
    most: usize,
}

impl Steps {
    /// Creates steps of at most `most` records; the first step has this size.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            size: AtomicUsize::new(most),
            most,
        }
    }

    /// Returns the number of records in the next step, at least one.
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Halves the size after a step that took too long.
    pub fn too_long(&self) {
        self.size.store((self.size() / 2).max(1), Ordering::Relaxed);
    }

    /// Grows the size after a step that succeeded, by 1/32 of the maximum.
    pub fn done(&self) {
        self.size.store(
            (self.size() + self.most.div_ceil(32)).min(self.most),
            Ordering::Relaxed,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_size_halves_down_to_one_and_grows_to_the_maximum() {
        let steps = Steps::new(500);
        let mut sizes = Vec::new();
        for _ in 0..10 {
            sizes.push(steps.size());
            steps.too_long();
        }
        assert_eq!(sizes, [500, 250, 125, 62, 31, 15, 7, 3, 1, 1]);
        steps.done();
        assert_eq!(steps.size(), 17);
        for _ in 0..31 {
            steps.done();
        }
        assert_eq!(steps.size(), 500);
        assert_eq!(Steps::new(0).size(), 1, "a step has at least one record");
    }
}
