//! The times between tries.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

/// The time before the next try after failures: random between zero and a limit that doubles with
/// each failure ("full jitter").
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    last: Duration,
    failures: u32,
}

impl Backoff {
    /// A backoff whose limit goes from `first` to `last`.
    pub fn new(first: Duration, last: Duration) -> Self {
        Self {
            first,
            last,
            failures: 0,
        }
    }

    /// The time after one more failure; `random` is from 0 to 1.
    pub fn next(&mut self, random: f64) -> Duration {
        let limit = self.first.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        limit.min(self.last).mul_f64(random)
    }

    /// Begins again: the service has answered.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(at.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_doubles_up_to_the_last_and_begins_again() {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
        let limits: Vec<_> = (0..9).map(|_| backoff.next(1.0).as_millis()).collect();
        let doubled = [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000];
        assert_eq!(limits, doubled);
        for _ in 0..100 {
            assert!(backoff.next(0.5) <= Duration::from_secs(15));
        }
        backoff.reset();
        assert_eq!(backoff.next(0.5).as_millis(), 125);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let read = |text: &str| retry_after(text, now).map(|time| time.as_secs());
        assert_eq!(read("7"), Some(7));
        assert_eq!(read(" 18446744073709551615"), Some(u64::MAX));
        assert_eq!(read("Fri, 15 Jan 2027 08:00:30 GMT"), Some(30));
        assert_eq!(read("Fri, 15 Jan 2027 07:00:00 GMT"), Some(0));
        for wrong in ["", "-1", "soon", "1.5", "18446744073709551616"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
