//! What the agent tells of itself.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::sync::watch;
use traffic_manager_client::{FaultCode, Refusal, Reported, TenantSnapshot, View};
use traffic_manager_core::{ids::TenantName, tag::VersionTag};

use crate::{
    apply::{Applied, ApplyError},
    config::Config,
    guard::{Guard, HeldBack, Size},
    relay::Faults,
};

/// The tags of tenants.
pub type Tags = BTreeMap<TenantName, VersionTag>;

/// A change that failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The tags of the states that the proxy did not take.
    pub tags: Tags,
    /// When it failed.
    pub at: Timestamp,
    /// The kind of reason: `refused` or `unreachable`.
    #[serde(serialize_with = "code")]
    pub code: FaultCode,
    /// Why, for people.
    pub reason: String,
}

impl Failure {
    /// A failure of now.
    pub fn new(states: &[Arc<TenantSnapshot>], error: &anyhow::Error) -> Self {
        let tag = |state: &Arc<TenantSnapshot>| (state.tenant().clone(), state.tag().clone());
        Self {
            tags: states.iter().map(tag).collect(),
            at: Timestamp::now(),
            code: error
                .downcast_ref()
                .map_or(FaultCode::Refused, ApplyError::code),
            reason: format!("{error:#}"),
        }
    }
}

fn code<S: Serializer>(code: &FaultCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

/// What the loop tells of the proxy.
#[derive(Debug, Clone, Default)]
pub struct ProxyStatus {
    /// What it has taken over last.
    pub applied: Option<Applied>,
    /// Whether the proxy was read back to run that. False if it shows something else, does not answer, or is not asked.
    pub runs: bool,
    /// Whether it is being changed.
    pub is_changing: bool,
    /// Changes since the start of the agent, with those for which nothing had to be done.
    pub changes: u64,
    /// Failed changes since the start of the agent.
    pub failures: u64,
    /// Failed changes since the last success.
    pub failures_in_a_row: u32,
    /// The last failure. It stays after a success.
    pub last_failure: Option<Failure>,
}

impl ProxyStatus {
    /// Returns the tag of a tenant that the proxy has taken over.
    pub fn applied(&self, tenant: &TenantName) -> Option<&VersionTag> {
        let applied = self.applied.as_ref()?.tenants.get(tenant)?;
        Some(&applied.tag)
    }

    /// Returns the tag of a tenant that the proxy was read back to run.
    pub fn running(&self, tenant: &TenantName) -> Option<&VersionTag> {
        self.applied(tenant).filter(|_| self.runs)
    }
}

/// The status of an agent, as `GET /status` has it.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The name that the control plane knows the agent by.
    node: String,
    dialect: &'static str,
    /// The proxy.
    pub proxy: Proxy,
    /// The tenants.
    pub tenants: BTreeMap<TenantName, Tenant>,
}

/// A tenant, as the status has it.
#[derive(Debug, Serialize)]
pub struct Tenant {
    /// The state that the agent holds.
    pub held: Held,
    /// The tag that the proxy has taken over last.
    pub applied: Option<VersionTag>,
    /// The tag that the proxy was read back to run. It is what the agent reports.
    pub runs: Option<VersionTag>,
    /// Whether the proxy has taken over the newest state that the agent holds.
    pub is_newest: bool,
    /// The state that the wipe guard holds back.
    pub held_back: Option<HeldBack>,
    /// The reports to the control plane.
    pub reports: Reports,
}

/// What the agent holds, and how that relates to the control plane.
#[derive(Debug, Serialize)]
pub struct Held {
    /// `starting`, `disk`, `live`, `stale`, `gone` or `denied`.
    pub state: &'static str,
    /// The tag; `None` before the first state.
    pub tag: Option<VersionTag>,
    /// How much it has.
    pub size: Size,
    /// The seconds since the control plane confirmed it last.
    pub age_seconds: Option<f64>,
    /// The newest refusal or failure. It stays after it is over.
    pub problem: Option<Arc<str>>,
    /// States and revisions that were taken.
    pub taken: u64,
    /// Connections that ended before their time, and requests that failed.
    pub reconnects: u64,
    /// Failures to read or write the file of the last good state.
    pub file_errors: u64,
    /// Refused states by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// What servers have sent that was refused, by their URLs.
    pub faults: BTreeMap<Arc<str>, Faults>,
}

/// The reports to the control plane since the start.
#[derive(Debug, Serialize)]
pub struct Reports {
    /// Those that it has taken.
    pub sent: u64,
    /// Those that failed, and were or will be sent again.
    pub failed: u64,
}

/// The proxy, as the status has it.
#[derive(Debug, Serialize)]
pub struct Proxy {
    /// The revision that it has taken over: the tag, or with several tenants all of them.
    pub revision: Option<String>,
    /// The time at which it took that over.
    pub since: Option<Timestamp>,
    /// Whether it was read back to run that.
    pub runs: bool,
    /// Whether that is the newest state of each tenant that the agent holds.
    pub is_newest: bool,
    /// Whether it is being changed.
    pub is_changing: bool,
    /// See [`ProxyStatus::changes`].
    pub changes: u64,
    /// See [`ProxyStatus::failures`].
    pub failures: u64,
    /// See [`ProxyStatus::failures_in_a_row`].
    pub failures_in_a_row: u32,
    /// The last failure. It stays after a success.
    pub last_failure: Option<Failure>,
}

/// Where all that an agent tells comes from.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The configuration.
    pub config: Arc<Config>,
    /// The tenants.
    pub tenants: Arc<[TenantFacts]>,
    /// What the loop shows.
    pub proxy: watch::Receiver<ProxyStatus>,
    /// The document for Traefik.
    pub document: watch::Receiver<Option<Bytes>>,
}

/// Where what an agent tells of a tenant comes from.
#[derive(Debug, Clone)]
pub struct TenantFacts {
    /// The tenant.
    pub tenant: TenantName,
    /// What its watcher shows.
    pub view: watch::Receiver<View>,
    /// Its wipe guard.
    pub guard: Arc<Guard>,
    /// Its reports to the control plane.
    pub reported: watch::Receiver<Reported>,
}

impl Facts {
    /// Returns what is known of a tenant.
    pub fn of(&self, tenant: &str) -> Option<&TenantFacts> {
        let mut all = self.tenants.iter();
        all.find(|one| one.tenant.as_str() == tenant)
    }

    /// The status of now.
    pub fn status(&self) -> Status {
        let proxy = self.proxy.borrow().clone();
        let status = |facts: &TenantFacts| (facts.tenant.clone(), facts.status(&proxy));
        let tenants: BTreeMap<_, _> = self.tenants.iter().map(status).collect();
        let is_newest = tenants.values().all(|tenant| tenant.is_newest);
        Status {
            node: self.config.node.name.to_string(),
            dialect: self.config.proxy.dialect.as_str(),
            proxy: of_proxy(proxy, is_newest),
            tenants,
        }
    }
}

impl TenantFacts {
    fn status(&self, proxy: &ProxyStatus) -> Tenant {
        let view = self.view.borrow().clone();
        let Reported { sent, failed } = *self.reported.borrow();
        let applied = proxy.applied(&self.tenant).cloned();
        Tenant {
            held: held(&view),
            runs: proxy.running(&self.tenant).cloned(),
            is_newest: applied.is_some() && applied.as_ref() == view.tag(),
            applied,
            held_back: self.guard.held_back(),
            reports: Reports { sent, failed },
        }
    }
}

fn held(view: &View) -> Held {
    let refused = Refusal::ALL.map(|why| (why.as_str(), view.counters.refused(why)));
    Held {
        state: view.state.as_str(),
        tag: view.tag().cloned(),
        size: view.snapshot.as_deref().map(Size::of).unwrap_or_default(),
        age_seconds: view.age(Timestamp::now()).map(|age| age.as_secs_f64()),
        problem: view.problem.clone(),
        taken: view.counters.applied,
        reconnects: view.counters.reconnects,
        file_errors: view.counters.file_errors,
        refused: refused.into(),
        faults: Faults::of_all(&view.faults),
    }
}

fn of_proxy(proxy: ProxyStatus, is_newest: bool) -> Proxy {
    let ProxyStatus {
        applied,
        runs,
        is_changing,
        changes,
        failures,
        failures_in_a_row,
        last_failure,
    } = proxy;
    Proxy {
        is_newest,
        since: applied.as_ref().map(|applied| applied.since),
        revision: applied.map(|applied| applied.revision),
        runs,
        is_changing,
        changes,
        failures,
        failures_in_a_row,
        last_failure,
    }
}
