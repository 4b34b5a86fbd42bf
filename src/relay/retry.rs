//! Events that were set aside are tried again: Kafka may take them by now. Later events of their tenants were published meanwhile, and what
//! comes late is passed over by whoever has seen those.

use std::time::{Duration, Instant};

use super::{Relay, RelayError};
use crate::{
    config::ms,
    kafka::{Verdict, verdict},
    store::{outbox::Lease, set_aside},
};

/// Events that are tried between two steps: what is new does not wait for longer.
const PAGE: i64 = 10;

/// When events that are set aside are tried again, and which of them are next.
#[derive(Debug)]
pub(super) struct Retry {
    due: Instant,
    after: i64,
}

impl Retry {
    /// Due at once.
    pub fn new() -> Self {
        Self { due: Instant::now(), after: i64::MIN }
    }

    /// How long until it is due.
    pub fn rest(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }
}

impl Relay {
    /// Tries some of the events that are set aside, if that is due.
    pub(super) async fn try_again(&self, lease: &Lease, retry: &mut Retry) -> Result<(), RelayError> {
        if !retry.rest().is_zero() {
            return Ok(());
        }
        let next = Instant::now() + ms(self.settings.relay.set_aside_retry_ms);
        let limit = ms(self.settings.relay.step_timeout_ms);
        let tried = set_aside::after(lease, retry.after, PAGE, limit).await;
        let Some(rows) = tried.as_ref().ok().filter(|rows| !rows.is_empty()) else {
            *retry = Retry { due: next, after: i64::MIN };
            return Ok(tried.map(drop)?);
        };
        let (mut published, mut refused) = (Vec::new(), Vec::new());
        for row in rows {
            match self.careful.deliver(row.id, |producer| self.start(producer, row)).await {
                Ok(()) => {
                    tracing::info!(event.id = %row.event_id, tenant = %row.tenant, "an event that was set aside is published");
                    published.push(row.id);
                }
                Err(error) if verdict::of(&error) == Verdict::ForGood => refused.push(row.id),
                // Kafka is away: what is new will tell.
                Err(_) => {
                    retry.due = next;
                    break;
                }
            }
            retry.after = row.id;
        }
        // As long as nothing is taken there is no hurry; each has its turn.
        if published.is_empty() {
            retry.due = next;
        }
        set_aside::tried(lease, &published, &refused, limit).await?;
        Ok(())
    }
}
