//! Health and metrics of the process, for each of its roles.
//!
//! Nothing here calls a dependency: the answers repeat what the background checks saw last. So
//! probes stay cheap, and nobody can use them against a dependency that is down.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    resilience::{Dependency, PoolReport, Shares},
    telemetry::names,
};

/// The health of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// The part works as it should.
    Healthy,
    /// The part is away or behind, and the service makes up for that.
    Degraded,
    /// The part is away, and its work is not done.
    Unhealthy,
}

/// The result of one check.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The health of the checked part.
    pub status: CheckStatus,
    /// The reason, if the part is not healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Check {
    /// Returns healthy if `good` is true, else `otherwise` with the reason `why`.
    pub fn of(good: bool, otherwise: CheckStatus, why: &str) -> Self {
        if good {
            Self {
                status: CheckStatus::Healthy,
                detail: None,
            }
        } else {
            Self {
                status: otherwise,
                detail: Some(why.to_owned()),
            }
        }
    }
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

type Probe<T> = Box<dyn Fn() -> T + Send + Sync>;

/// The health of the process: checks, sections and dependencies that the composition root has
/// added.
pub struct Health {
    phase: AtomicU8,
    checks: Vec<(&'static str, Probe<Check>)>,
    sections: Vec<(&'static str, Probe<Value>)>,
    dependencies: Vec<Arc<Dependency>>,
    pools: Vec<Probe<PoolReport>>,
    can_serve: Probe<bool>,
    before_metrics: Vec<Probe<()>>,
    metrics: PrometheusHandle,
}

impl Health {
    /// Creates the health of a process that is starting. `can_serve` returns whether there is any
    /// way to do the work of the process's role.
    pub fn new(
        metrics: PrometheusHandle,
        can_serve: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            phase: AtomicU8::new(STARTING),
            checks: Vec::new(),
            sections: Vec::new(),
            dependencies: Vec::new(),
            pools: Vec::new(),
            can_serve: Box::new(can_serve),
            before_metrics: Vec::new(),
            metrics,
        }
    }

    /// Adds a check to `/health/ready`.
    pub fn check(&mut self, name: &'static str, check: impl Fn() -> Check + Send + Sync + 'static) {
        self.checks.push((name, Box::new(check)));
    }

    /// Adds a section to `/health/resilience`.
    pub fn section(
        &mut self,
        name: &'static str,
        section: impl Fn() -> Value + Send + Sync + 'static,
    ) {
        self.sections.push((name, Box::new(section)));
    }

    /// Adds a pool to `/health/resilience` and the metrics: of places, or of bytes that are held.
    pub fn pool(&mut self, report: impl Fn() -> PoolReport + Send + Sync + 'static) {
        self.pools.push(Box::new(report));
    }

    /// Adds a pool of places.
    pub fn shares(&mut self, shares: &Arc<Shares>) {
        let shares = shares.clone();
        self.pool(move || shares.report());
    }

    /// Adds a dependency to `/health/resilience`, with its places.
    pub fn dependency(&mut self, dependency: Arc<Dependency>) {
        self.shares(dependency.bulkhead());
        self.dependencies.push(dependency);
    }

    /// Adds a step that runs before somebody reads the metrics, for counts that are kept elsewhere.
    pub fn before_metrics(&mut self, step: impl Fn() + Send + Sync + 'static) {
        self.before_metrics.push(Box::new(step));
    }

    /// Returns the dependency with this name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Dependency> {
        self.dependencies
            .iter()
            .find(|dependency| dependency.name() == name)
            .map(Arc::as_ref)
    }

    /// Marks the start as complete: from now on the process can be ready.
    pub fn started(&self) {
        let _ = self
            .phase
            .compare_exchange(STARTING, READY, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Marks the process as draining: readiness answers 503 from now on.
    pub fn draining(&self) {
        self.phase.store(DRAINING, Ordering::SeqCst);
    }

    /// Returns whether the process is draining.
    pub fn is_draining(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == DRAINING
    }

    fn is_ready(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == READY && (self.can_serve)()
    }

    /// Returns whether the process is ready, and the body of `/health/ready`.
    pub fn readiness(&self) -> (bool, Value) {
        let checks: Vec<(&str, Check)> = self
            .checks
            .iter()
            .map(|(name, check)| (*name, check()))
            .collect();
        let phase = self.phase.load(Ordering::SeqCst);
        let ready = self.is_ready();
        let worst = checks
            .iter()
            .map(|(_, check)| check.status)
            .max()
            .unwrap_or(CheckStatus::Healthy);
        let status = if ready {
            worst.min(CheckStatus::Degraded)
        } else {
            CheckStatus::Unhealthy
        };
        let phase = match phase {
            STARTING => "starting",
            DRAINING => "draining",
            _ => "running",
        };
        let checks: Map<String, Value> = checks
            .into_iter()
            .map(|(name, check)| (name.to_owned(), json!(check)))
            .collect();
        (
            ready,
            json!({ "status": status, "ready": ready, "phase": phase, "checks": checks }),
        )
    }

    /// Returns the body of `/health/resilience`.
    pub fn resilience(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("draining".into(), json!(self.is_draining()));
        let reports: Vec<_> = self
            .dependencies
            .iter()
            .map(|dependency| dependency.report())
            .collect();
        body.insert("dependencies".into(), json!(reports));
        let pools: Vec<_> = self.pools.iter().map(|report| report()).collect();
        body.insert("pools".into(), json!(pools));
        body.extend(
            self.sections
                .iter()
                .map(|(name, section)| ((*name).to_owned(), section())),
        );
        body
    }

    /// Returns the metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        self.before_metrics.iter().for_each(|step| step());
        metrics::gauge!(names::READY).set(f64::from(u8::from(self.is_ready())));
        for (name, check) in &self.checks {
            let state = match check().status {
                CheckStatus::Healthy => 0.0,
                CheckStatus::Degraded => 1.0,
                CheckStatus::Unhealthy => 2.0,
            };
            metrics::gauge!(names::CHECK_STATE, "check" => *name).set(state);
        }
        // Reading the state lets a breaker that gets no calls notice that its pause is over.
        for dependency in &self.dependencies {
            let _ = dependency.state();
        }
        for PoolReport {
            name,
            unit,
            size,
            used,
            ..
        } in self.pools.iter().map(|report| report())
        {
            metrics::gauge!(names::POOL_USED, "pool" => name, "unit" => unit).set(used as f64);
            metrics::gauge!(names::POOL_SIZE, "pool" => name, "unit" => unit).set(size as f64);
        }
        self.metrics.render()
    }
}
