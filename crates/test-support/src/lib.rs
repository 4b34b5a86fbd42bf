//! The base of every suite: a database of its own, a running service on it, and a client that
//! checks the answers.

pub mod authority;
pub mod browser;
pub mod callers;
pub mod client;
pub mod contract;
pub mod database;
pub mod desk;
pub mod issuer;
pub mod page;
pub mod ports;
pub mod provider;
pub mod proxies;
pub mod secure;
pub mod signer;
pub mod switch;
pub mod topic;
pub mod world;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

pub use client::{Answer, Call};
pub use database::Database;
pub use desk::{Desk, Who};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use reqwest::Method;
use traffic_manager::{
    app::{App, Role},
    config::Settings,
    store::Server,
};
pub use world::World;

/// The longest wait for a condition before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running service, in a role that serves the API.
pub struct TestApp {
    /// The base URL of the API, such as `http://127.0.0.1:40001`.
    pub api: String,
    /// The base URL of the operations listener.
    pub ops: String,
    /// The service's database, perhaps shared with another instance.
    pub db: Arc<Database>,
    http: reqwest::Client,
    app: App,
}

impl TestApp {
    /// Starts a service on a new database.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with settings (`key=value`) that differ from the defaults.
    pub async fn with(overrides: &[&str]) -> Self {
        Self::on(Arc::new(Database::create().await), overrides).await
    }

    /// Starts another instance on a database that exists.
    pub async fn on(db: Arc<Database>, overrides: &[&str]) -> Self {
        let settings = settings(&db, overrides);
        Self::run(db, settings, Role::Serve).await
    }

    /// Starts an instance with these settings, in a role that serves.
    pub async fn run(db: Arc<Database>, settings: Settings, role: Role) -> Self {
        let app = Self::launch(db, settings, role).await;
        eventually("the service is ready", async || {
            let answer = app
                .http
                .get(format!("{}/health/ready", app.api))
                .send()
                .await
                .ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        app
    }

    /// The same, but does not wait until the instance is ready: perhaps it never is.
    pub async fn launch(db: Arc<Database>, settings: Settings, role: Role) -> Self {
        let app = Box::pin(App::start(settings, role, metrics()))
            .await
            .expect("the service starts");
        let api = secure::base(app.api.expect("the role serves"));
        let ops = format!("http://{}", app.ops);
        let http = secure::http().timeout(PATIENCE).build().unwrap();
        Self {
            api,
            ops,
            db,
            http,
            app,
        }
    }

    /// Drains the service. The database is dropped when the last user lets go of it.
    pub async fn drain(self) {
        self.app.drain().await;
    }

    /// Prepares a call of the API. `path` starts after the host.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(
            self.http
                .request(method.clone(), format!("{}{path}", self.api)),
            format!("{method} {path}"),
        )
        .documented(method, path)
    }

    /// `GET /api/v1…`
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, &format!("/api/v1{path}"))
    }

    /// `POST /api/v1…`
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, &format!("/api/v1{path}"))
    }

    /// `PUT /api/v1…`
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, &format!("/api/v1{path}"))
    }

    /// `PATCH /api/v1…`
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, &format!("/api/v1{path}"))
    }

    /// `DELETE /api/v1…`
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, &format!("/api/v1{path}"))
    }

    /// Prepares a call of the operations listener.
    pub fn ops(&self, path: &str) -> Call {
        Call::new(
            self.http.get(format!("{}{path}", self.ops)),
            format!("GET {path} (operations)"),
        )
    }
}

/// Settings without authentication and without rate limits, for tests of other subjects.
pub const OPEN: [(&str, &str); 5] = [
    ("auth.mode", "none"),
    ("limits.requests_per_second_per_address", "0"),
    ("limits.requests_per_second_per_caller", "0"),
    ("limits.requests_per_second_per_tenant", "0"),
    ("limits.concurrent_requests_per_tenant", "0"),
];

/// Long time-outs: a machine that has just built everything, and does other work beside the tests,
/// may stand still for seconds. Only tests of time-outs set short ones. Access records stay in
/// PostgreSQL, where these tests look for them, for longer than a test takes.
pub const UNHURRIED: [(&str, &str); 8] = [
    ("http.request_timeout_ms", "30000"),
    ("postgres.acquire_timeout_ms", "10000"),
    ("postgres.connect_timeout_ms", "20000"),
    ("resilience.postgres_primary.timeout_ms", "10000"),
    ("resilience.postgres_replica.timeout_ms", "10000"),
    ("resilience.codel_interval_ms", "10000"),
    ("access_log.poll_ms", "60000"),
    ("write.timeout_ms", "20000"),
];

/// Returns the settings of a service on `db`, with ports that the system chooses.
pub fn settings(db: &Database, overrides: &[&str]) -> Settings {
    let mut all = vec![
        "http.listen=127.0.0.1:0".to_owned(),
        "http.ops_listen=127.0.0.1:0".to_owned(),
        "http.workers=2".to_owned(),
        "postgres.pool_size=8".to_owned(),
        format!("postgres.primary_url={}", db.app_url),
        format!("postgres.replica_urls={}", db.replica_url),
        format!("mongo.url={}", database::variable("MONGO_APP_URL")),
        "drain.ready_grace_ms=0".to_owned(),
    ];
    all.extend(
        OPEN.iter()
            .chain(&UNHURRIED)
            .map(|(key, value)| format!("{key}={value}")),
    );
    all.extend(
        secure::overrides()
            .iter()
            .map(|(key, value)| format!("{key}={value}")),
    );
    all.extend(overrides.iter().map(|pair| (*pair).to_owned()));
    Settings::without_environment(&all).expect("the settings are valid")
}

/// The primary, with the service's role.
pub fn primary(db: &Database) -> Arc<Server> {
    let settings = settings(db, &[]);
    Arc::new(Server::primary(&settings.postgres, &settings.resilience).expect("a primary"))
}

/// The process's only metrics recorder, shared by all services in it.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).expect("the only recorder");
        traffic_manager::telemetry::names::describe();
        handle
    };
    HANDLE.get_or_init(install).clone()
}

/// Repeats `condition` until it holds, and fails the test if it does not hold within [`PATIENCE`].
pub async fn eventually<T>(what: &str, condition: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "did not happen within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
