//! Forced breaker states: an administrator forces a dependency's breaker open or closed.
//!
//! Forced open shows whether the service works without the dependency. Forced closed stops a
//! breaker that misjudges from doing harm. A forced state applies to one instance for a bounded
//! time, and is always recorded in the access log.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::access::{AccessEvent, Kind},
    resilience::{Dependency, Forced},
    service::{
        Error,
        access::{access_log::AccessLog, keys::Requester},
    },
    store::{self, Server, Visible},
};

/// The use cases of forced breaker states.
pub struct ForcedStates {
    primary: Arc<Server>,
    access_log: Arc<AccessLog>,
}

impl ForcedStates {
    /// Records forced states in the access log through `primary`, or through `access_log` if the
    /// end of one cannot be committed.
    pub fn new(primary: Arc<Server>, access_log: Arc<AccessLog>) -> Self {
        Self {
            primary,
            access_log,
        }
    }

    /// Forces the breaker, for at most `resilience.max_forced_state_seconds`. Returns an error and forces
    /// nothing if the access log record cannot be committed.
    pub async fn begin(
        &self,
        by: &Requester,
        dependency: &Dependency,
        forced: Forced,
        lasting: Duration,
    ) -> Result<(), Error> {
        let action = match forced {
            Forced::Open => "breaker_forced_open",
            Forced::Closed => "breaker_forced_closed",
        };
        let lasting = lasting.min(dependency.longest_forced_state());
        self.record(&access_event(
            by,
            action,
            format!("{} for {} s", dependency.name(), lasting.as_secs()),
        ))
        .await?;
        dependency.force_state(forced, lasting);
        Ok(())
    }

    /// Ends a forced state, even if Postgres does not answer. The access log record then waits in
    /// memory.
    pub async fn end(&self, by: &Requester, dependency: &Dependency) {
        dependency.end_forced_state();
        let access_event = access_event(by, "breaker_released", dependency.name().to_owned());
        if let Err(error) = self.record(&access_event).await {
            tracing::warn!(error = %error, "the access log record of a released breaker waits in memory");
            self.access_log.record(access_event, None);
        }
    }

    async fn record(&self, access_event: &AccessEvent) -> Result<(), Error> {
        let write = async |tx: &store::Transaction<'_>| {
            store::access_log::insert(tx, std::slice::from_ref(access_event)).await
        };
        Ok(self.primary.write(&Visible::no_tenants(), write).await?)
    }
}

fn access_event(by: &Requester, action: &str, what: String) -> AccessEvent {
    AccessEvent {
        reason: Some(what),
        ..by.access_event(Kind::Operated, action)
    }
}
