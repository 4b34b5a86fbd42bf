//! The pace of replays: limits how fast the leader publishes old events again.
//!
//! From time to time the leader puts a few events of a replay at the end of the outbox, behind new
//! events, and publishes them like all others. The progress is stored in Postgres, so that the next
//! leader continues where this one ends.

use std::time::{Duration, Instant};

use super::RelaySettings;
use crate::store::{
    self,
    outbox::Lease,
    replays::{self, Moved},
};

/// A step queues the events of this time span at the replay's rate, where steps are quick …
const PIECE: Duration = Duration::from_millis(100);
/// … and the events of at most this much more time, where steps are slow.
const ARREARS: Duration = Duration::from_secs(1);

/// The time when replays continue.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time until which the replay's rate covers the events queued so far: then the next step
    /// is due.
    used_until: Instant,
}

impl Pace {
    /// Creates a pace whose first step is due at once.
    pub fn new() -> Self {
        Self {
            used_until: Instant::now(),
        }
    }

    /// Returns the time until the next step is due.
    pub fn rest(&self) -> Duration {
        self.used_until.saturating_duration_since(Instant::now())
    }

    /// Moves a replay one step on, if the step is due. Returns true if events were queued, which
    /// are to be published now.
    pub async fn step(
        &mut self,
        lease: &Lease,
        settings: &RelaySettings,
    ) -> Result<bool, store::Error> {
        let (now, poll) = (Instant::now(), settings.relay.poll);
        if self.used_until > now {
            return Ok(false);
        }
        let share = PIECE + now.duration_since(self.used_until).min(ARREARS);
        let (batch, most, limit) = (
            settings.relay.batch,
            i64::from(settings.replay.max_backlog),
            settings.relay.step_timeout,
        );
        let moved = replays::step(lease, share.as_secs_f64(), batch, most, limit).await;
        // An error waits as long as a step that had nothing to do.
        self.used_until = after(
            self.used_until,
            now,
            moved.as_ref().copied().unwrap_or(Moved::Nothing),
            poll,
        );
        moved.map(|moved| matches!(moved, Moved::Queued(events, _) if events > 0))
    }
}

/// Returns the time until which the rate covers the queued events, after a step that began at
/// `now`.
fn after(used_until: Instant, now: Instant, moved: Moved, poll: Duration) -> Instant {
    match moved {
        Moved::Nothing => now + poll,
        Moved::Queued(events, rate) => {
            let since = now
                .checked_sub(ARREARS)
                .map_or(used_until, |earliest| earliest.max(used_until));
            since + Duration::from_secs_f64(events as f64 / f64::from(rate.max(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_keeps_its_rate_also_with_slow_steps() {
        let (poll, start) = (
            Duration::from_secs(1),
            Instant::now() + Duration::from_secs(60),
        );
        assert_eq!(after(start, start, Moved::Nothing, poll), start + poll);
        assert_eq!(
            after(start, start, Moved::Queued(0, 200), poll),
            start,
            "another history"
        );
        for step in [0, 250, 900].map(Duration::from_millis) {
            let (mut used_until, mut now, mut queued) = (start, start, 0.0);
            while now < start + Duration::from_secs(20) {
                now = now.max(used_until);
                let share = PIECE + now.duration_since(used_until).min(ARREARS);
                let events = (200.0 * share.as_secs_f64()) as usize;
                used_until = after(used_until, now, Moved::Queued(events, 200), poll);
                queued += events as f64;
                now += step;
            }
            let rate = queued / now.duration_since(start).as_secs_f64();
            assert!(
                (190.0..=205.0).contains(&rate),
                "{rate} a second with steps of {step:?}"
            );
        }
    }
}
