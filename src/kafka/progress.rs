//! Decides when a Kafka client is stalled and must be replaced: pure, without I/O.
//!
//! A client library may run for ever without doing anything and without reporting an error. So a
//! client that has something to do and makes no progress for a bounded time is replaced, whatever
//! the library reports.

use std::time::{Duration, Instant};

/// Remembers what a client waits for, and since when.
#[derive(Debug, Default)]
pub struct Progress<T> {
    waiting: Option<(T, Instant)>,
}

impl<T: PartialEq> Progress<T> {
    /// Creates a client state that waits for nothing.
    pub fn new() -> Self {
        Self { waiting: None }
    }

    /// Records that there is something to do, and the position: another position than before is
    /// progress.
    pub fn waits(&mut self, at: T, now: Instant) {
        if self
            .waiting
            .as_ref()
            .is_none_or(|(before, _)| *before != at)
        {
            self.waiting = Some((at, now));
        }
    }

    /// Records that the client made progress, or has nothing to do.
    pub fn moves(&mut self) {
        self.waiting = None;
    }

    /// Returns whether the client has waited at the same position for `limit`.
    pub fn is_stalled(&self, now: Instant, limit: Duration) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|(_, since)| now.saturating_duration_since(*since) >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn waiting_at_one_offset_for_the_limit_is_a_stall() {
        let (start, mut progress) = (Instant::now(), Progress::new());
        for (seconds, stalled) in [(0, false), (5, false), (19, false), (20, true), (300, true)] {
            progress.waits(7, after(start, seconds));
            assert_eq!(
                progress.is_stalled(after(start, seconds), LIMIT),
                stalled,
                "after {seconds} s"
            );
        }
    }

    #[test]
    fn new_offset_or_idle_time_resets_the_stall_timer() {
        let (start, mut progress) = (Instant::now(), Progress::new());
        progress.waits(7, start);
        progress.waits(8, after(start, 15));
        assert!(
            !progress.is_stalled(after(start, 34), LIMIT)
                && progress.is_stalled(after(start, 35), LIMIT)
        );
        progress.moves();
        assert!(
            !progress.is_stalled(after(start, 1000), LIMIT),
            "idle for long is no stall"
        );
        progress.waits(8, after(start, 1000));
        assert!(
            !progress.is_stalled(after(start, 1019), LIMIT),
            "the time without work does not count"
        );
        assert!(progress.is_stalled(after(start, 1020), LIMIT));
    }

    #[test]
    fn clock_that_goes_back_is_no_stall() {
        let (start, mut progress) = (Instant::now(), Progress::new());
        progress.waits((), after(start, 100));
        assert!(!progress.is_stalled(start, LIMIT));
    }
}
