//! The agent's loop: the newest state of the tenant that the guard lets through is rendered and
//! given to the proxy, and the proxy is asked whether it still runs it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::watch,
    task::block_in_place,
    time::{sleep_until, timeout},
};
use traffic_manager_client::{Scope, TenantSnapshot, View};
use traffic_manager_core::tag::VersionTag;
use traffic_manager_dataplane::{Renderer, Settings};

use crate::{
    apply::{Applied, Applier, ApplyError},
    config::Config,
    disk,
    guard::{Guard, Size},
    plan::{Next, Number, Plan},
    release::Release,
    status::{Failure, ProxyStatus},
};

/// The longest time of a question to a proxy that has not taken a state.
const ASK: Duration = Duration::from_secs(2);

/// The file of what the proxy has taken over, in the agent's folder.
const FILE: &str = "applied.json";

/// The loop of an agent.
pub struct Node {
    config: Arc<Config>,
    guard: Arc<Guard>,
    renderer: Renderer,
    applier: Applier,
    plan: Plan,
    file: PathBuf,
    /// What the proxy has taken over last, also before a restart.
    applied: Option<Applied>,
    /// The newest state, with its number.
    newest: Option<(Number, Arc<TenantSnapshot>)>,
    /// Whether the guard has let the newest state through.
    is_allowed: bool,
    shown: watch::Sender<ProxyStatus>,
}

impl Node {
    /// A loop that has not begun. It tells of itself in `shown`.
    pub fn new(
        config: Arc<Config>,
        guard: Arc<Guard>,
        document: watch::Sender<Option<Bytes>>,
        shown: watch::Sender<ProxyStatus>,
    ) -> Result<Self, reqwest::Error> {
        let file = config.node.state.join(FILE);
        Ok(Self {
            renderer: renderer(&config),
            applier: Applier::new(&config, document)?,
            plan: Plan::new(config.times, Instant::now()),
            applied: disk::read_json(&file),
            file,
            config,
            guard,
            newest: None,
            is_allowed: false,
            shown,
        })
    }

    /// Runs until the watcher ends, which is an error.
    pub async fn run(mut self, mut views: watch::Receiver<View>) -> anyhow::Error {
        loop {
            let snapshot = views.borrow_and_update().snapshot.clone();
            self.take(snapshot);
            let wait = match self.plan.next(Instant::now()) {
                Next::Apply => {
                    self.apply().await;
                    continue;
                }
                Next::Check => {
                    self.check().await;
                    continue;
                }
                Next::Wait(until) => until,
            };
            tokio::select! {
                changed = views.changed() => if changed.is_err() {
                    return anyhow!("the watcher has ended");
                },
                () = sleep_until(wait.into()) => {}
            }
        }
    }

    /// Takes a state, unless it is the one that is there. The guard is asked until it lets the state
    /// through.
    fn take(&mut self, snapshot: Option<Arc<TenantSnapshot>>) {
        let Some(snapshot) = snapshot else {
            return;
        };
        let number = match &self.newest {
            Some((number, newest)) if Arc::ptr_eq(newest, &snapshot) => *number,
            newest => {
                self.is_allowed = false;
                newest.as_ref().map_or(1, |(number, _)| number + 1)
            }
        };
        if !self.is_allowed {
            let before = self.applied.as_ref().map(|applied| applied.size);
            self.is_allowed = self.guard.allows_after(before, &snapshot);
        }
        if self.is_allowed {
            self.plan.came(number);
        }
        self.newest = Some((number, snapshot));
    }

    /// Gives the newest state to the proxy.
    async fn apply(&mut self) {
        let Some((number, snapshot)) = self.newest.clone() else {
            return;
        };
        self.shown.send_modify(|shown| shown.is_changing = true);
        let result = self.give(&snapshot).await;
        // A change takes several times the memory of what stays.
        block_in_place(heap::give_back);
        let now = Instant::now();
        match &result {
            Ok(()) => {
                self.plan.applied(number, now);
                block_in_place(|| self.guard.applied(&snapshot));
            }
            Err(error) => {
                self.plan.failed(number, fastrand::f64(), now);
                self.log(&snapshot, error);
            }
        }
        let runs = self.runs(result.is_ok()).await;
        let failures = self.plan.failures();
        self.shown.send_modify(|shown| {
            shown.is_changing = false;
            shown.failures_in_a_row = failures;
            match result {
                Ok(()) => shown.changes += 1,
                Err(error) => {
                    shown.failures += 1;
                    shown.last_failure = Some(Failure::new(&snapshot, &error));
                }
            }
            shown.applied = self.applied.clone();
            shown.runs = runs;
        });
    }

    /// Logs a failure, and the same one again only as a detail.
    fn log(&self, snapshot: &TenantSnapshot, error: &anyhow::Error) {
        let last = self.shown.borrow().last_failure.clone();
        let reason = format!("{error:#}");
        if last.is_some_and(|last| last.reason == reason) && self.plan.failures() > 1 {
            tracing::debug!("once more: {reason}");
        } else {
            tracing::warn!(tag = %snapshot.tag(), "the proxy keeps what it has: {reason}");
        }
    }

    async fn give(&mut self, snapshot: &TenantSnapshot) -> anyhow::Result<()> {
        let dialect = self.config.proxy.dialect;
        let release = block_in_place(|| Release::render(&mut self.renderer, dialect, snapshot))?;
        let limit = self.config.times.apply;
        let applying = self.applier.apply(&release, self.applied.as_ref());
        let handed = timeout(limit, applying)
            .await
            .map_err(|_| ApplyError::TooLong(limit))??;
        let before = self.applied.as_ref();
        if before.is_some_and(|before| before.handed == handed && before.tag == *snapshot.tag()) {
            tracing::info!(revision = %release.revision, "the proxy runs the newest state already");
            return Ok(());
        }
        tracing::info!(revision = %release.revision, "the proxy has taken over");
        let applied = Applied {
            tag: snapshot.tag().clone(),
            revision: release.revision,
            size: Size::of(snapshot),
            since: Timestamp::now(),
            handed,
        };
        let json = serde_json::to_vec(&applied)?;
        self.applied = Some(applied);
        block_in_place(|| disk::write(&self.file, &json, disk::PRIVATE))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// Returns the tag that the proxy was read back to run. After a failure it is asked once more.
    async fn runs(&self, has_shown: bool) -> Option<VersionTag> {
        let applied = self.applied.as_ref()?;
        let runs = match has_shown {
            true => self.config.proxy.read_back,
            false => matches!(
                timeout(ASK, self.applier.runs(applied)).await,
                Ok(Some(true))
            ),
        };
        runs.then(|| applied.tag.clone())
    }

    /// Asks the proxy whether it still runs what it was given.
    async fn check(&mut self) {
        let is_current = match &self.applied {
            Some(applied) => {
                let runs = self.applier.runs(applied).await;
                let tag = (runs == Some(true)).then(|| applied.tag.clone());
                self.shown.send_if_modified(|shown| {
                    let differs = shown.runs != tag;
                    shown.runs = tag;
                    differs
                });
                runs != Some(false) && self.applier.is_named(applied).await
            }
            None => false,
        };
        if !is_current {
            tracing::warn!("the proxy runs something else, or names have other addresses");
        }
        self.plan.checked(is_current, Instant::now());
    }
}

fn renderer(config: &Config) -> Renderer {
    let proxy = &config.proxy;
    let settings = Settings {
        ca_file: proxy.ca_file.clone(),
        listen: proxy.listen.to_string(),
        admin: proxy.admin.to_string(),
    };
    // The watcher has nothing but its part of the tenant.
    Renderer::new(proxy.dialect, settings, Scope::default())
}
