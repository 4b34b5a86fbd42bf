//! The one rule for when a client of Kafka is given up: pure.
//!
//! A client library may go on for ever without doing anything and without saying that it is broken. So whoever has something to do and has
//! not moved for a bounded time is given up and made anew, whatever the library says.

use std::time::{Duration, Instant};

/// The time since which a client waits for the same thing.
#[derive(Debug, Default)]
pub struct Progress<T> {
    waiting: Option<(T, Instant)>,
}

impl<T: PartialEq> Progress<T> {
    /// Nothing is waited for.
    pub fn new() -> Self {
        Self { waiting: None }
    }

    /// Notes that there is something to do, and where it stands: another place than before is progress.
    pub fn waits(&mut self, at: T, now: Instant) {
        if self.waiting.as_ref().is_none_or(|(before, _)| *before != at) {
            self.waiting = Some((at, now));
        }
    }

    /// Notes that it has moved, or that there is nothing to do.
    pub fn moves(&mut self) {
        self.waiting = None;
    }

    /// Whether it has waited at the same place for `limit`.
    pub fn is_stalled(&self, now: Instant, limit: Duration) -> bool {
        self.waiting.as_ref().is_some_and(|(_, since)| now.saturating_duration_since(*since) >= limit)
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
    fn waiting_at_one_place_for_the_limit_is_a_stall() {
        let (start, mut progress) = (Instant::now(), Progress::new());
        for (seconds, stalled) in [(0, false), (5, false), (19, false), (20, true), (300, true)] {
            progress.waits(7, after(start, seconds));
            assert_eq!(progress.is_stalled(after(start, seconds), LIMIT), stalled, "after {seconds} s");
        }
    }

    #[test]
    fn another_place_and_nothing_to_do_begin_again() {
        let (start, mut progress) = (Instant::now(), Progress::new());
        progress.waits(7, start);
        progress.waits(8, after(start, 15));
        assert!(!progress.is_stalled(after(start, 34), LIMIT) && progress.is_stalled(after(start, 35), LIMIT));
        progress.moves();
        assert!(!progress.is_stalled(after(start, 1000), LIMIT), "idle for long is no stall");
        progress.waits(8, after(start, 1000));
        assert!(!progress.is_stalled(after(start, 1019), LIMIT), "the time without work does not count");
        assert!(progress.is_stalled(after(start, 1020), LIMIT));
    }

    #[test]
    fn a_clock_that_goes_back_is_no_stall() {
        let (start, mut progress) = (Instant::now(), Progress::new());
        progress.waits((), after(start, 100));
        assert!(!progress.is_stalled(start, LIMIT));
    }
}
