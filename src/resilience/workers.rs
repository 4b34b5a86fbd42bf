//! Runs CPU-heavy work outside the threads that serve requests: a limited number of tasks at a
//! time, with a share for each payer.

use std::{sync::Arc, thread::available_parallelism};

use super::{Payer, PoolPlace, Shares};
use crate::config::Share;

/// The pool of places for this work.
#[derive(Debug)]
pub struct Workers(Arc<Shares>);

/// The work was not done: it panicked, or the process ends.
#[derive(Debug, thiserror::Error)]
#[error("a worker thread did not finish its task: {0}")]
pub struct NotDone(String);

impl Workers {
    /// Creates as many places as there are processors, and at least four: work waits for memory
    /// too, and a tenant's share is at least one place.
    pub fn new(share: Share) -> Self {
        let places = available_parallelism().map_or(4, |cores| cores.get().max(4));
        Self(Shares::new("workers", "tasks", places, share))
    }

    /// Runs `work` as soon as the payer of the running task has a place.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let place = self
            .0
            .take(&Payer::current())
            .await
            .ok_or_else(|| NotDone("the pool is closed".to_owned()))?;
        Self::run_in(place, work).await
    }

    /// Runs `work` if the payer has a free place now; otherwise returns `None`.
    pub async fn run_now<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, NotDone> {
        match self.0.try_take(&Payer::current(), 1) {
            Ok(place) => Self::run_in(place, work).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn run_in<T: Send + 'static>(
        place: PoolPlace,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let work = move || {
            // The place is held until the work is done, even if nobody waits for the result.
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| NotDone(error.to_string()))
    }

    /// Returns the pool of places.
    pub fn shares(&self) -> &Arc<Shares> {
        &self.0
    }
}
