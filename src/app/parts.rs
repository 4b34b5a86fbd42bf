//! The tasks of a process that is starting.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    cache::Cache,
    http::{Certificates, Health},
    store::{self, Visible, router::Router},
};

/// The tasks of a process that is starting, and the tokens that stop them.
#[derive(Default)]
pub(super) struct Parts {
    pub stop_waiters: CancellationToken,
    pub stop_pipeline: CancellationToken,
    pub stop_watchers: CancellationToken,
    pub pipeline: Vec<(&'static str, JoinHandle<()>)>,
    pub watchers: Vec<JoinHandle<()>>,
}

impl Parts {
    /// Runs `step` with `what` once per `every`, until the watchers are stopped.
    pub fn watch<T: Clone + Send + 'static, F: Future<Output = ()> + Send>(
        &mut self,
        every: Duration,
        what: &T,
        step: impl Fn(T) -> F + Send + 'static,
    ) {
        let (stop, what) = (self.stop_watchers.clone(), what.clone());
        self.watchers.push(tokio::spawn(async move {
            let mut tick = tokio::time::interval(every);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while stop.run_until_cancelled(tick.tick()).await.is_some() {
                if stop.run_until_cancelled(step(what.clone())).await.is_none() {
                    return;
                }
            }
        }));
    }

    /// Checks once per `every` whether the API's certificate files have been replaced.
    pub fn watch_certificates(&mut self, certificates: Arc<Certificates>, every: Duration) {
        self.watch(every, &certificates, async |certificates| {
            // File access may block. `reload` logs its result.
            let _ = tokio::task::spawn_blocking(move || certificates.reload()).await;
        });
    }

    /// Reports the process as started once the schema can be read, or once the cache has snapshots
    /// to serve.
    pub fn spawn_start(
        &mut self,
        cluster: Option<Arc<Router>>,
        cache: Option<Arc<Cache>>,
        health: Arc<Health>,
    ) {
        let stop = self.stop_watchers.clone();
        let started = async move {
            let Some(router) = cluster else {
                return health.started();
            };
            loop {
                match router
                    .read(
                        &Visible::no_tenants(),
                        |_| true,
                        store::installation::cursor_key,
                    )
                    .await
                {
                    Ok(_) => return health.started(),
                    Err(_) if cache.as_ref().is_some_and(|cache| cache.has_anything()) => {
                        return health.started();
                    }
                    Err(error) => {
                        tracing::warn!(error = %error, "the schema cannot be read yet; has `migrate` run?")
                    }
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        self.watchers.push(tokio::spawn(async move {
            stop.run_until_cancelled(Box::pin(started)).await;
        }));
    }
}
