//! The handle of a watcher.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use thiserror::Error;
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};
use traffic_manager_core::{snapshot::TenantSnapshot, tag::VersionTag};

use crate::{
    Counters, Report, Reported, Settings, StartError, State, View,
    disk::Disk,
    driver::{Driver, Reporter, Saver},
    follow::Follower,
};

/// Follows a tenant, or a part of it, until it is dropped. Its reads never wait and never fail.
#[derive(Debug)]
pub struct Watcher {
    view: watch::Receiver<View>,
    report: watch::Sender<Option<Report>>,
    reported: watch::Receiver<Reported>,
    task: JoinHandle<()>,
    reporting: Option<JoinHandle<()>>,
}

/// The watcher's task has ended, which only a fault of the watcher itself can cause, or the end of
/// the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the watcher's task has ended")]
pub struct Stopped;

impl Watcher {
    /// Reads the file, if there is one, and starts the task on the runtime of the caller. Does not
    /// wait for the service.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        let mut follower = Follower::new(&settings);
        let mut saver = None;
        if let Some(path) = &settings.file {
            let disk = Disk::new(path.clone(), settings.max_bytes);
            let reading = disk.clone();
            let reads = spawn_blocking(move || {
                reading.restore(&mut follower);
                follower
            });
            follower = reads.await.unwrap_or_else(|_| Follower::new(&settings));
            saver = Some(Saver::start(disk, settings.times.save, follower.saved()));
        }
        let (shown, view) = watch::channel(follower.view());
        let (report, reports) = watch::channel(None);
        let (counted, reported) = watch::channel(Reported::default());
        let reporter = match &settings.node {
            Some(_) => {
                let reporter = Reporter::new(settings.clone(), view.clone(), reports, counted);
                Some(reporter?)
            }
            None => None,
        };
        let driver = Driver::new(settings, follower, saver, shown)?;
        Ok(Self {
            view,
            report,
            reported,
            task: tokio::spawn(driver.run()),
            reporting: reporter.map(|reporter| tokio::spawn(reporter.run())),
        })
    }

    /// The data; `None` until the first are there. They have only the objects of the watcher's
    /// scope, so read them with the scope of a whole tenant.
    pub fn current(&self) -> Option<Arc<TenantSnapshot>> {
        self.view.borrow().snapshot.clone()
    }

    /// Data, state and counters of one moment.
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// How the data relate to the service.
    pub fn state(&self) -> State {
        self.view.borrow().state
    }

    /// The tag of the data.
    pub fn tag(&self) -> Option<VersionTag> {
        self.view.borrow().tag().cloned()
    }

    /// The time since the service confirmed the data last, also if that was before a restart.
    pub fn age(&self) -> Option<Duration> {
        self.view.borrow().age(Timestamp::now())
    }

    /// The counters since the start.
    pub fn counters(&self) -> Counters {
        self.view.borrow().counters
    }

    /// Tells the service what the node's proxy runs, if [`Settings::node`] is set. Never waits and never fails: the
    /// newest report is sent soon, at most ten a second, and again until the service has taken it.
    ///
    /// A watcher with a name, without reports and without [`Settings::dialect`] tells by itself that it runs what it
    /// holds. From the first report on, only reports count.
    pub fn report(&self, report: Report) {
        let report = Some(report);
        self.report.send_if_modified(|last| {
            let differs = *last != report;
            *last = report;
            differs
        });
    }

    /// The reports since the start.
    pub fn reported(&self) -> watch::Receiver<Reported> {
        self.reported.clone()
    }

    /// Waits for data, from the service or from the file. Does not wait for a connection.
    pub async fn ready(&self) -> Result<Arc<TenantSnapshot>, Stopped> {
        let mut view = self.view.clone();
        let view = view
            .wait_for(|view| view.snapshot.is_some())
            .await
            .map_err(|_| Stopped)?;
        view.snapshot.clone().ok_or(Stopped)
    }

    /// Returns a receiver whose `changed` waits for the next change of data, state or counters.
    pub fn changed(&self) -> watch::Receiver<View> {
        self.view.clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(reporting) = &self.reporting {
            reporting.abort();
        }
    }
}
