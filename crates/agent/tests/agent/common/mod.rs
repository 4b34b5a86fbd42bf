//! What the tests of the agent share: a control plane that says what a test wants, a tenant, and the
//! program itself.

pub mod control_plane;
pub mod folder;
pub mod stage;

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use traffic_manager_core::snapshot::{TenantContent, TenantSnapshot};

use self::folder::Folder;

/// The longest wait for a condition before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const EPOCH: &str = "0707070707070707";

/// The host of the service's policy.
pub const HOST: &str = "shop.example";

/// Returns a tenant with this many routes to a URL. The policy sends everything to the version
/// `v0`.
pub fn tenant(revision: u64, routes: usize, url: &str) -> TenantSnapshot {
    tenant_of("acme", HOST, revision, routes, url)
}

/// The same for another tenant with another host.
pub fn tenant_of(
    name: &str,
    host: &str,
    revision: u64,
    routes: usize,
    url: &str,
) -> TenantSnapshot {
    let route = |at| {
        json!({
            "service": "shop", "env": "prod", "version": format!("v{at}"), "url": url, "is_active": true, "labels": {},
            "revision": 1,
        })
    };
    let policy = json!({
        "service": "shop", "env": "prod", "failover": [], "hosts": [host], "path_prefix": "/", "rules": [],
        "split": [{"version": "v0", "weight": 1}], "sticky_by": null, "revision": 1,
    });
    let policies = if routes > 0 { vec![policy] } else { vec![] };
    let content = json!({
        "tag": tag(revision),
        "routes": (0..routes).map(route).collect::<Vec<_>>(),
        "policies": policies,
        "scopes": [],
    });
    let content: TenantContent = serde_json::from_value(content).unwrap();
    TenantSnapshot::new(name.parse().unwrap(), content).unwrap()
}

pub fn tag(revision: u64) -> String {
    format!("{EPOCH}.{revision}")
}

/// Returns a loopback address that nothing listens at.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Waits until a condition holds.
pub async fn eventually<T>(what: &str, condition: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns the status and the body of an answer; `None` without one.
pub async fn get(address: SocketAddr, host: Option<&str>, path: &str) -> Option<(u16, String)> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5));
    let mut request = client
        .build()
        .unwrap()
        .get(format!("http://{address}{path}"));
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.text().await.ok()?))
}

/// A running agent, which is killed at the end.
pub struct Agent {
    pub listen: SocketAddr,
    child: Child,
}

impl Agent {
    /// Starts the program with the file `agent.toml` of a folder.
    pub fn start(folder: &Folder, listen: SocketAddr) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.path("log"))
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tm-agent"))
            .args(["run", "--config"])
            .arg(folder.path("agent.toml"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { listen, child }
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The status; `None` if the agent does not answer.
    pub async fn status(&self) -> Option<Value> {
        let (_, text) = get(self.listen, None, "/status").await?;
        serde_json::from_str(&text).ok()
    }

    /// Waits until the status fits.
    pub async fn shows(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            self.status().await.filter(|status| fits(status))
        })
        .await
    }

    /// Waits until the proxy runs a revision.
    pub async fn applies(&self, revision: u64) -> Value {
        let wanted = tag(revision);
        self.shows(&format!("the proxy runs {wanted}"), |status| {
            status["proxy"]["revision"] == wanted && status["proxy"]["is_changing"] == false
        })
        .await
    }

    /// Kills the agent, as a power failure would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
