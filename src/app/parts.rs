//! The tasks of a process, and their end under one deadline.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::AbortHandle,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cache::Cache,
    health::Health,
    http::{AdsServer, Certificates},
    store::{self, Visible, router::Router},
};

/// The tasks of a process, in the order in which they are stopped.
#[derive(Default)]
pub(super) struct Parts {
    /// Ends long-polls, event streams and exports.
    pub stop_waiters: CancellationToken,
    /// The relay, the consumer and the writer of the access log.
    pub pipeline: Tasks,
    /// Periodic tasks, and the lanes of the writer.
    pub watchers: Tasks,
}

/// Tasks that are stopped together.
#[derive(Default)]
pub(super) struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
    running: Vec<(&'static str, AbortHandle)>,
}

impl Tasks {
    /// Returns the token that tells these tasks to end.
    pub fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task. `name` is its name in the log if it does not end in time.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.tracker.spawn(task);
        self.running.push((name, task.abort_handle()));
    }

    /// Stops the tasks and waits for all of them. Tasks that still run at the deadline are aborted.
    pub async fn end(self, deadline: Instant) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout_at(deadline, self.tracker.wait())
            .await
            .is_ok()
        {
            return;
        }
        for (name, task) in self.running {
            if !task.is_finished() {
                tracing::warn!(part = name, "a part of the process did not stop in time");
                task.abort();
            }
        }
    }
}

impl Parts {
    /// Runs `step` with `what` once per `every`, until the watchers are stopped. `name` is the
    /// task's name in the log if it does not end in time.
    pub fn watch<T: Clone + Send + 'static, F: Future<Output = ()> + Send>(
        &mut self,
        name: &'static str,
        every: Duration,
        what: &T,
        step: impl Fn(T) -> F + Send + 'static,
    ) {
        let (stop, what) = (self.watchers.stopped(), what.clone());
        self.watchers.spawn(name, async move {
            let mut tick = tokio::time::interval(every);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while stop.run_until_cancelled(tick.tick()).await.is_some() {
                if stop.run_until_cancelled(step(what.clone())).await.is_none() {
                    return;
                }
            }
        });
    }

    /// Checks once per `every` whether the API's certificate files have been replaced.
    pub fn watch_certificates(&mut self, certificates: Arc<Certificates>, every: Duration) {
        self.watch("certificates", every, &certificates, async |certificates| {
            // File access may block. `reload` logs its result.
            let _ = tokio::task::spawn_blocking(move || certificates.reload()).await;
        });
    }

    /// Serves Envoys. Their streams end with the other waiters, and their connections with the
    /// pipeline.
    pub fn serve_envoys(&mut self, server: AdsServer) {
        let stop = self.stop_waiters.clone();
        self.pipeline.spawn("envoys", server.run(stop));
    }

    /// Reports the process as started once the schema can be read, or once the cache has snapshots
    /// to serve.
    pub fn spawn_start(
        &mut self,
        cluster: Option<Arc<Router>>,
        cache: Option<Arc<Cache>>,
        health: Arc<Health>,
    ) {
        let stop = self.watchers.stopped();
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
                        tracing::warn!(error = %error, "the database schema cannot be read yet; has `migrate` run?")
                    }
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        self.watchers.spawn("start", async move {
            stop.run_until_cancelled(Box::pin(started)).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn tasks_that_end_are_not_waited_for_until_the_deadline() {
        let mut tasks = Tasks::default();
        for name in ["one", "two"] {
            let stop = tasks.stopped();
            tasks.spawn(name, async move { stop.cancelled().await });
        }
        let began = Instant::now();
        tasks.end(began + LONG).await;
        assert!(began.elapsed() < LONG / 2);
    }

    #[tokio::test]
    async fn tasks_that_never_end_are_aborted_at_one_deadline() {
        let mut tasks = Tasks::default();
        let held = Arc::new(());
        for _ in 0..17 {
            let held = held.clone();
            tasks.spawn("stuck", async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
        }
        let tracker = tasks.tracker.clone();
        let began = Instant::now();
        tasks.end(began + SOON).await;
        assert!(began.elapsed() >= SOON);
        assert!(began.elapsed() < 17 * SOON, "{:?}", began.elapsed());
        tracker.wait().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
