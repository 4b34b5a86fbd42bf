//! Forced breaker states: an administrator forces a dependency's breaker open or closed.
//!
//! Forced open shows whether the service works without the dependency. Forced closed stops a
//! breaker that misjudges from doing harm. A forced state applies to one instance for a bounded
//! time, and is always recorded in the access log.

use std::{sync::Arc, time::Duration};

use super::{Error, keys::By, trail::Trail};
use crate::{
    domain::access::{AccessEvent, Kind},
    resilience::{Dependency, Forced},
    store::{self, Server, Visible},
};

/// The use cases of forced breaker states.
pub struct Drills {
    primary: Arc<Server>,
    trail: Arc<Trail>,
}

impl Drills {
    /// Records forced states in the access log through `primary`, or through `trail` if the end of
    /// one cannot be committed.
    pub fn new(primary: Arc<Server>, trail: Arc<Trail>) -> Self {
        Self { primary, trail }
    }

    /// Forces the breaker, for at most `resilience.max_forced_state_seconds`. Returns an error and forces
    /// nothing if the access log record cannot be committed.
    pub async fn begin(
        &self,
        by: &By,
        dependency: &Dependency,
        forced: Forced,
        lasting: Duration,
    ) -> Result<(), Error> {
        let action = match forced {
            Forced::Open => "breaker_forced_open",
            Forced::Closed => "breaker_forced_closed",
        };
        let lasting = lasting.min(dependency.longest_drill());
        self.tell(&told(
            by,
            action,
            format!("{} for {} s", dependency.name(), lasting.as_secs()),
        ))
        .await?;
        dependency.drill(forced, lasting);
        Ok(())
    }

    /// Ends a forced state, even if Postgres does not answer. The access log record then waits in
    /// memory.
    pub async fn end(&self, by: &By, dependency: &Dependency) {
        dependency.end_drill();
        let told = told(by, "breaker_released", dependency.name().to_owned());
        if let Err(error) = self.tell(&told).await {
            tracing::warn!(error = %error, "the access log record of a released breaker waits in memory");
            self.trail.tell(told, None);
        }
    }

    async fn tell(&self, told: &AccessEvent) -> Result<(), Error> {
        let write = async |tx: &store::Transaction<'_>| {
            store::access::insert(tx, std::slice::from_ref(told)).await
        };
        Ok(self.primary.write(&Visible::no_tenants(), write).await?)
    }
}

fn told(by: &By, action: &str, what: String) -> AccessEvent {
    AccessEvent {
        reason: Some(what),
        ..by.told(Kind::Operated, action)
    }
}
