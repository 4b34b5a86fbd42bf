//! A relay as its own process, with little memory.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use traffic_manager_client::{Settings, Token};

use super::plane::{NODE, OWN, public_key};
use crate::common::{eventually, folder::Folder, free_address, get};

/// The most virtual memory of a relay, in bytes: 4 GiB, most of which are stacks and arenas that are never touched.
const MEMORY: u64 = 4 << 30;

/// A running relay, which is killed at the end.
pub struct Relay {
    pub listen: SocketAddr,
    admin: SocketAddr,
    folder: Folder,
    child: Child,
}

impl Relay {
    /// Starts a relay of these servers, with further keys of the section `relay`.
    pub async fn start(servers: &[String], keys: &str) -> Self {
        let (folder, listen, admin) = (Folder::new(), free_address(), free_address());
        let root = folder.path("");
        let root = root.to_str().unwrap().trim_end_matches('/');
        let config = format!(
            r#"
[service]
servers = {servers:?}
token_file = "{root}/key"
trusted_keys = ["{public}"]
[node]
name = "relay-1"
state = "{root}/state"
[times]
ask_again_ms = 200
[relay]
listen = "{listen}"
admin = "{admin}"
{keys}
"#,
            public = public_key(),
        );
        folder.write("relay.toml", &config);
        folder.write("key", OWN);
        let child = spawn(&folder);
        let relay = Self {
            listen,
            admin,
            folder,
            child,
        };
        relay.is_ready().await;
        relay
    }

    async fn is_ready(&self) {
        eventually("the relay answers", async || {
            get(self.admin, None, "/ready").await
        })
        .await;
    }

    /// Kills the relay as a power failure would, and starts it again.
    pub async fn restart(&mut self) {
        self.stop();
        self.child = spawn(&self.folder);
        self.is_ready().await;
    }

    /// Kills the relay as a power failure would.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub fn config(&self) -> std::path::PathBuf {
        self.folder.path("relay.toml")
    }

    pub async fn status(&self) -> Value {
        let (_, text) = get(self.admin, None, "/status").await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub async fn metrics(&self) -> String {
        get(self.admin, None, "/metrics").await.unwrap().1
    }

    /// Waits until the status fits.
    pub async fn shows(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || Some(self.status().await).filter(&fits)).await
    }

    /// Waits until a part is served in this state and at this tag.
    pub async fn holds(&self, tenant: &str, state: &str, tag: &str) {
        self.shows(&format!("{tenant} is {state} at {tag}"), |status| {
            let mut parts = status["parts"].as_array().unwrap().iter();
            parts.any(|it| it["tenant"] == tenant && it["state"] == state && it["tag"] == tag)
        })
        .await;
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse().unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Folder) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path("log"))
        .unwrap();
    Command::new("prlimit")
        .arg(format!("--as={MEMORY}"))
        .arg(env!("CARGO_BIN_EXE_tm-agent"))
        .args(["relay", "--config"])
        .arg(folder.path("relay.toml"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// The settings of a watcher of the tenant `acme` at these servers, which takes only what is signed.
pub fn watcher(servers: &[String]) -> Settings {
    let servers = servers.iter().map(|url| url.parse().unwrap()).collect();
    let mut settings = Settings::new(servers, "acme".parse().unwrap());
    settings.token = Some(Token::fixed(NODE));
    settings.trusted_keys = vec![public_key().parse().unwrap()];
    settings
}

/// Sends a request with a key.
pub async fn ask(url: &str, token: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(url).bearer_auth(token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}
