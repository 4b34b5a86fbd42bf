//! Retries events that were set aside: Kafka may accept them by now.
//!
//! Later events of their tenants were published meanwhile, so consumers that have seen those ignore
//! the late event.

use std::time::{Duration, Instant};

use super::{Relay, RelayError};
use crate::{
    config::ms,
    kafka::{Verdict, verdict},
    store::{outbox::Lease, set_aside},
};

/// The most events that are tried between two steps, so that new events do not wait for longer.
const PAGE: i64 = 10;

/// The time when set-aside events are tried again, and the event after which the next try
/// continues.
#[derive(Debug)]
pub(super) struct Retry {
    due: Instant,
    after: i64,
}

impl Retry {
    /// Creates a retry that is due at once.
    pub fn new() -> Self {
        Self {
            due: Instant::now(),
            after: i64::MIN,
        }
    }

    /// Returns the time until the next retry is due.
    pub fn rest(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }
}

impl Relay {
    /// Tries to publish some of the set-aside events, if a retry is due.
    pub(super) async fn try_again(
        &self,
        lease: &Lease,
        retry: &mut Retry,
    ) -> Result<(), RelayError> {
        if !retry.rest().is_zero() {
            return Ok(());
        }
        let next = Instant::now() + ms(self.settings.relay.set_aside_retry_ms);
        let limit = ms(self.settings.relay.step_timeout_ms);
        let tried = set_aside::after(lease, retry.after, PAGE, limit).await;
        let Some(rows) = tried.as_ref().ok().filter(|rows| !rows.is_empty()) else {
            *retry = Retry {
                due: next,
                after: i64::MIN,
            };
            return Ok(tried.map(drop)?);
        };
        let (mut published, mut refused) = (Vec::new(), Vec::new());
        for row in rows {
            match self
                .careful
                .deliver(row.id, |producer| self.start(producer, row))
                .await
            {
                Ok(()) => {
                    tracing::info!(event.id = %row.event_id, tenant = %row.tenant, "a set-aside event was published");
                    published.push(row.id);
                }
                Err(error) if verdict::of(&error) == Verdict::ForGood => refused.push(row.id),
                // Kafka is not available. The next step for new events will report the error.
                Err(_) => {
                    retry.due = next;
                    break;
                }
            }
            retry.after = row.id;
        }
        // If no event of this page was published, the next page waits for a full interval; each
        // event still has its turn.
        if published.is_empty() {
            retry.due = next;
        }
        set_aside::tried(lease, &published, &refused, limit).await?;
        Ok(())
    }
}
