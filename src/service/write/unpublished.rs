//! Counts committed events that Kafka does not have yet, and refuses writes if there are too many
//! (`audit.fail_closed`).
//!
//! The outbox is counted each second, not with each write, so the writes between two samples may
//! exceed a limit. If the newest count is too old, the number is unknown, and writes are refused as
//! if there were too many.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    config,
    store::{self, Server, Visible, outbox::Backlog},
    telemetry::{self, names},
};

/// A sample older than this is not used. Samples are a second apart, and one may take as long as a
/// read may.
const TOO_OLD: Duration = Duration::from_secs(5);

/// The reason why writes are refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Closed {
    /// More events wait than the limit: their number, and the limit.
    #[error("{0} events are not published yet, limit {1}")]
    Events(i64, u32),
    /// The oldest event waits for longer than the limit: both times in seconds.
    #[error("the oldest unpublished event is {0:.0} s old, limit {1} s")]
    Seconds(f64, u64),
    /// There is no sample that is new enough.
    #[error("the number of unpublished events is unknown")]
    Unknown,
}

/// The newest sample of the outbox, and the limits.
#[derive(Debug)]
pub struct Unpublished {
    fail_closed: bool,
    max_events: u32,
    max_age: Duration,
    newest: Mutex<Option<(Backlog, Instant)>>,
}

impl Unpublished {
    /// Uses the limits of the settings. There is no sample yet.
    pub fn new(settings: &config::Audit) -> Arc<Self> {
        let config::Audit {
            fail_closed,
            max_unpublished_events,
            max_unpublished_age,
            ..
        } = *settings;
        Arc::new(Self {
            fail_closed,
            max_events: max_unpublished_events,
            max_age: max_unpublished_age,
            newest: Mutex::default(),
        })
    }

    /// Returns true if writes may be refused at all.
    pub fn fails_closed(&self) -> bool {
        self.fail_closed
    }

    /// Counts the outbox, and sets the metrics.
    pub async fn sample(&self, primary: &Server) {
        match primary
            .read_background(&Visible::no_tenants(), store::outbox::backlog)
            .await
        {
            Ok(sample) => {
                metrics::gauge!(names::OUTBOX_BACKLOG).set(sample.events as f64);
                metrics::gauge!(names::OUTBOX_AGE_SECONDS).set(sample.oldest_seconds);
                telemetry::observed("outbox");
                self.set(sample, Instant::now());
            }
            Err(error) => tracing::debug!(error = %error, "the outbox could not be counted"),
        }
        metrics::gauge!(names::WRITES_BLOCKED).set(if self.admits().is_ok() { 0.0 } else { 1.0 });
    }

    fn set(&self, sample: Backlog, at: Instant) {
        *self.newest.lock() = Some((sample, at));
    }

    /// Returns the newest sample, unless it is too old.
    pub fn newest(&self) -> Option<Backlog> {
        let newest = *self.newest.lock();
        newest
            .filter(|(_, at)| at.elapsed() < TOO_OLD)
            .map(|(sample, _)| sample)
    }

    /// Returns true if background writes may go on. They may use at most half of each limit; the
    /// other half is left to writes with a waiting caller.
    pub fn has_room(&self) -> bool {
        let is_half = |sample: Backlog| {
            sample.events <= i64::from(self.max_events) / 2
                && sample.oldest_seconds <= self.max_age.as_secs_f64() / 2.0
        };
        !self.fail_closed || self.newest().is_some_and(is_half)
    }

    /// Returns an error if a write must be refused now.
    pub fn admits(&self) -> Result<(), Closed> {
        if !self.fail_closed {
            return Ok(());
        }
        match self.newest() {
            None => Err(Closed::Unknown),
            Some(sample) if sample.events > i64::from(self.max_events) => {
                Err(Closed::Events(sample.events, self.max_events))
            }
            Some(sample) if sample.oldest_seconds > self.max_age.as_secs_f64() => Err(
                Closed::Seconds(sample.oldest_seconds, self.max_age.as_secs()),
            ),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(fail_closed: bool) -> Arc<Unpublished> {
        let mut settings = config::Settings::without_environment(&[]).unwrap().audit;
        settings = config::Audit {
            fail_closed,
            max_unpublished_events: 10,
            max_unpublished_age: Duration::from_secs(60),
            ..settings
        };
        Unpublished::new(&settings)
    }

    #[test]
    fn writes_stop_over_a_limit_or_with_an_unknown_backlog() {
        let unpublished = with(true);
        assert_eq!(unpublished.admits(), Err(Closed::Unknown));
        let now = Instant::now();
        for (events, oldest_seconds, admitted) in [
            (0, 0.0, Ok(())),
            (10, 60.0, Ok(())),
            (11, 1.0, Err(Closed::Events(11, 10))),
            (1, 60.5, Err(Closed::Seconds(60.5, 60))),
            (10, 0.0, Ok(())),
        ] {
            unpublished.set(
                Backlog {
                    events,
                    oldest_seconds,
                },
                now,
            );
            assert_eq!(
                unpublished.admits(),
                admitted,
                "{events} events, {oldest_seconds} s"
            );
        }
        let old = now.checked_sub(TOO_OLD).unwrap();
        unpublished.set(
            Backlog {
                events: 0,
                oldest_seconds: 0.0,
            },
            old,
        );
        assert_eq!(
            (unpublished.admits(), unpublished.newest()),
            (Err(Closed::Unknown), None)
        );
        assert!(!unpublished.has_room());
        for (events, oldest_seconds, has_room) in
            [(5, 30.0, true), (6, 1.0, false), (1, 30.5, false)]
        {
            unpublished.set(
                Backlog {
                    events,
                    oldest_seconds,
                },
                now,
            );
            assert_eq!(
                unpublished.has_room(),
                has_room,
                "{events} events, {oldest_seconds} s"
            );
        }
    }

    #[test]
    fn without_fail_closed_writes_never_stop() {
        let unpublished = with(false);
        assert_eq!(
            (unpublished.admits(), unpublished.has_room()),
            (Ok(()), true)
        );
        unpublished.set(
            Backlog {
                events: 100_000,
                oldest_seconds: 1e6,
            },
            Instant::now(),
        );
        assert_eq!(
            (unpublished.admits(), unpublished.has_room()),
            (Ok(()), true)
        );
    }
}
