//! The agent's loop: the newest states of the tenants that the guards let through are rendered and
//! given to the proxy, and the proxy is asked whether it still runs them.

pub mod part;

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
use traffic_manager_client::{Scope, TenantSnapshot};
use traffic_manager_core::ids::TenantName;
use traffic_manager_dataplane::{Renderer, Settings};

use self::part::{Part, Share};
use crate::{
    apply::{Applied, AppliedTenant, Applier, ApplyError},
    config::Config,
    disk,
    guard::Size,
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
    parts: Vec<Part>,
    renderer: Renderer,
    applier: Applier,
    plan: Plan,
    file: PathBuf,
    /// Until then the first states of all tenants are waited for.
    first_until: Instant,
    /// What the proxy has taken over last, also before a restart.
    applied: Option<Applied>,
    /// The number of the newest release: each tenant's state counts.
    number: Number,
    shown: watch::Sender<ProxyStatus>,
}

impl Node {
    /// A loop that has not begun. It tells of itself in `shown`.
    pub fn new(
        config: Arc<Config>,
        parts: Vec<Part>,
        document: watch::Sender<Option<Bytes>>,
        shown: watch::Sender<ProxyStatus>,
    ) -> Result<Self, reqwest::Error> {
        let file = config.node.state.join(FILE);
        let now = Instant::now();
        Ok(Self {
            parts,
            renderer: renderer(&config),
            applier: Applier::new(&config, document)?,
            plan: Plan::new(config.times, now),
            first_until: now + config.times.first_state,
            applied: disk::read_json(&file),
            file,
            config,
            number: 0,
            shown,
        })
    }

    /// Runs until a watcher ends, which is an error.
    pub async fn run(mut self) -> anyhow::Error {
        loop {
            self.take();
            let wait = match self.plan.next(Instant::now()) {
                Next::Apply => {
                    self.apply().await;
                    continue;
                }
                Next::Check => {
                    self.check().await;
                    continue;
                }
                Next::Wait(until) if self.number == 0 && Instant::now() < self.first_until => {
                    until.min(self.first_until)
                }
                Next::Wait(until) => until,
            };
            tokio::select! {
                is_there = part::changed(&mut self.parts) => if !is_there {
                    return anyhow!("a watcher has ended");
                },
                () = sleep_until(wait.into()) => {}
            }
        }
    }

    /// Takes new states. There is a release as soon as each tenant has its share.
    fn take(&mut self) {
        let applied = self.applied.as_ref();
        let mut is_new = false;
        for part in &mut self.parts {
            let before = applied.and_then(|applied| applied.tenants.get(&part.tenant));
            is_new |= part.take(before);
        }
        if (is_new || self.number == 0) && self.states().is_some() {
            self.number += 1;
            self.plan.came(self.number);
        }
    }

    /// Returns the states of the next release. `None` if a tenant's share is missing, or there is nothing at all.
    fn states(&self) -> Option<Vec<Arc<TenantSnapshot>>> {
        let is_late = Instant::now() >= self.first_until;
        let applied = self.applied.as_ref();
        let mut states = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let had = applied.is_some_and(|applied| applied.tenants.contains_key(&part.tenant));
            match part.share(had, is_late) {
                Share::State(state) => states.push(state),
                Share::None => {}
                Share::Missing => return None,
            }
        }
        (!states.is_empty()).then_some(states)
    }

    /// Gives the newest states to the proxy.
    async fn apply(&mut self) {
        let (number, Some(states)) = (self.number, self.states()) else {
            return;
        };
        self.shown.send_modify(|shown| shown.is_changing = true);
        let result = self.give(&states).await;
        // A change takes several times the memory of what stays.
        block_in_place(heap::give_back);
        let now = Instant::now();
        match &result {
            Ok(()) => {
                self.plan.applied(number, now);
                block_in_place(|| self.accepted(&states));
            }
            Err(error) => {
                self.plan.failed(number, fastrand::f64(), now);
                self.log(error);
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
                    shown.last_failure = Some(Failure::new(&states, &error));
                }
            }
            shown.applied = self.applied.clone();
            shown.runs = runs;
        });
    }

    /// Forgets the acceptances of states that were applied.
    fn accepted(&self, states: &[Arc<TenantSnapshot>]) {
        for state in states {
            let part = self
                .parts
                .iter()
                .find(|part| part.tenant == *state.tenant());
            if let Some(part) = part {
                part.guard.applied(state);
            }
        }
    }

    /// Logs a failure, and the same one again only as a detail.
    fn log(&self, error: &anyhow::Error) {
        let last = self.shown.borrow().last_failure.clone();
        let reason = format!("{error:#}");
        if last.is_some_and(|last| last.reason == reason) && self.plan.failures() > 1 {
            tracing::debug!("once more: {reason}");
        } else {
            tracing::warn!("the proxy keeps what it has: {reason}");
        }
    }

    async fn give(&mut self, states: &[Arc<TenantSnapshot>]) -> anyhow::Result<()> {
        let dialect = self.config.proxy.dialect;
        let release = block_in_place(|| Release::render(&mut self.renderer, dialect, states))?;
        let limit = self.config.times.apply;
        let applying = self.applier.apply(&release, self.applied.as_ref());
        let handed = timeout(limit, applying)
            .await
            .map_err(|_| ApplyError::TooLong(limit))??;
        let before = self.applied.as_ref();
        let is_same =
            |before: &Applied| before.handed == handed && before.revision == release.revision;
        if before.is_some_and(is_same) {
            tracing::info!(revision = %release.revision, "the proxy runs the newest state already");
            return Ok(());
        }
        tracing::info!(revision = %release.revision, "the proxy has taken over");
        let applied = Applied {
            tenants: states.iter().map(|state| applied_tenant(state)).collect(),
            revision: release.revision,
            since: Timestamp::now(),
            handed,
        };
        let json = serde_json::to_vec(&applied)?;
        self.applied = Some(applied);
        block_in_place(|| disk::write(&self.file, &json, disk::PRIVATE))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// Whether the proxy was read back to run what it has taken over. After a failure it is asked once more.
    async fn runs(&self, has_shown: bool) -> bool {
        match &self.applied {
            None => false,
            Some(_) if has_shown => self.config.proxy.read_back,
            Some(applied) => {
                let asked = timeout(ASK, self.applier.runs(applied)).await;
                matches!(asked, Ok(Some(true)))
            }
        }
    }

    /// Asks the proxy whether it still runs what it was given.
    async fn check(&mut self) {
        let is_current = match &self.applied {
            Some(applied) => {
                let runs = self.applier.runs(applied).await;
                self.shown.send_if_modified(|shown| {
                    let before = std::mem::replace(&mut shown.runs, runs == Some(true));
                    before != shown.runs
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

fn applied_tenant(state: &TenantSnapshot) -> (TenantName, AppliedTenant) {
    let applied = AppliedTenant {
        tag: state.tag().clone(),
        size: Size::of(state),
    };
    (state.tenant().clone(), applied)
}

fn renderer(config: &Config) -> Renderer {
    let proxy = &config.proxy;
    let settings = Settings {
        ca_file: proxy.ca_file.clone(),
        listen: proxy.listen.to_string(),
        admin: proxy.admin.to_string(),
    };
    // The watchers have nothing but their parts of the tenants.
    Renderer::new(proxy.dialect, settings, Scope::default())
}
