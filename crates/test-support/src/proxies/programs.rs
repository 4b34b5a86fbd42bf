//! The proxies as processes of a test: each in a folder of its own, with the files that the test
//! gives it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::process::ExitStatusExt as _,
    path::{Component, Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ask::Ask;
use crate::{PATIENCE, eventually, ports::free_address};

/// The longest wait for the end of a process after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// The wait after SIGTERM when a test ends without [`Proxy::stop`].
const SHORT_GRACE: Duration = Duration::from_secs(2);

/// The lines of a proxy's log that a failed test prints.
const LOG_LINES: usize = 60;

/// A program of `.stack/env.proxies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Envoy,
    Traefik,
    Caddy,
    HaProxy,
    Nginx,
}

impl Program {
    pub const ALL: [Self; 5] = [
        Self::Envoy,
        Self::Traefik,
        Self::Caddy,
        Self::HaProxy,
        Self::Nginx,
    ];

    /// The name of its configuration in the API's paths: `/dataplane/{dialect}`.
    pub fn dialect(self) -> &'static str {
        match self {
            Self::Envoy => "envoy",
            Self::Traefik => "traefik",
            Self::Caddy => "caddy",
            Self::HaProxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }

    /// The file in the proxy's folder that it starts with.
    pub fn first_file(self) -> &'static str {
        match self {
            Self::Envoy => "envoy.json",
            // Each JSON document is a YAML document, too.
            Self::Traefik => "traefik.yaml",
            Self::Caddy => "caddy.json",
            Self::HaProxy => "haproxy.cfg",
            Self::Nginx => "nginx.conf",
        }
    }

    /// The variable of `.stack/env.proxies` with the path of the program.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Envoy => "TM_ENVOY",
            Self::Traefik => "TM_TRAEFIK",
            Self::Caddy => "TM_CADDY",
            Self::HaProxy => "TM_HAPROXY",
            Self::Nginx => "TM_NGINX",
        }
    }

    /// Returns the path of the program.
    pub fn path(self) -> PathBuf {
        let variable = self.variable();
        std::env::var_os(variable)
            .unwrap_or_else(|| {
                panic!(
                    "{variable} is not set: run `make proxies`, then `set -a; . .stack/env.proxies`"
                )
            })
            .into()
    }

    fn arguments(self, site: &Site) -> Vec<String> {
        let file = site.path(self.first_file());
        let folder = site.folder.to_str().expect("a path in UTF-8").to_owned();
        let words = match self {
            Self::Envoy => vec!["-c", &file, "--concurrency", "1", "--disable-hot-restart"],
            Self::Traefik => return vec![format!("--configFile={file}")],
            Self::Caddy => vec!["run", "--config", &file],
            Self::HaProxy => vec!["-W", "-f", &file],
            Self::Nginx => vec!["-c", &file, "-p", &folder, "-g", "daemon off;"],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}

/// The folder and the addresses of a proxy that has not been started.
pub struct Site {
    pub program: Program,
    /// The address for the requests that the proxy forwards.
    pub web: std::net::SocketAddr,
    /// The address of its administration: Envoy's admin, Traefik's API, Caddy's admin. The other
    /// two do not use it.
    pub admin: std::net::SocketAddr,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Site {
    /// Makes an empty folder and finds free ports.
    pub fn new(program: Program) -> Self {
        // A short path: the path of a Unix socket has at most 107 bytes.
        let name = format!("tm-{}-{}", program.dialect(), uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a folder for the proxy");
        Self {
            program,
            web: free_address(),
            admin: free_address(),
            folder,
            environment: BTreeMap::new(),
        }
    }

    /// Sets an environment variable of the process, such as a key that its files do not have.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.environment
            .insert(variable.to_owned(), value.to_owned());
    }

    /// Puts the program itself on the search path of the process, by its usual name and before all
    /// others.
    pub fn offer_program(&mut self) {
        let folder = self.folder.join("bin");
        fs::create_dir(&folder).expect("a folder for the program");
        std::os::unix::fs::symlink(self.program.path(), folder.join(self.program.dialect()))
            .expect("a link to the program");
        let others = std::env::var("PATH").expect("a search path");
        self.set("PATH", &format!("{}:{others}", folder.display()));
    }

    /// Returns the absolute path of a file in the folder.
    pub fn path(&self, name: &str) -> String {
        let is_inside = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        assert!(is_inside, "{name} is not inside the proxy's folder");
        let path = self.folder.join(name);
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// Writes a file beside its place and moves it there, so that the proxy never reads half of it.
    pub fn write(&self, name: &str, content: &str) {
        let path = PathBuf::from(self.path(name));
        let parent = path.parent().expect("a folder");
        fs::create_dir_all(parent).expect("a folder for the file");
        let beside = path.with_added_extension("new");
        fs::write(&beside, content).expect("a file");
        fs::rename(beside, path).expect("the file in its place");
    }

    /// Writes the files of an answer of `GET /dataplane/{dialect}`:
    /// `{"files": [{"path", "content", "sha256"}], …}`. Each must have the hash that it names.
    pub fn write_files(&self, answer: &Value) {
        for file in answer["files"].as_array().expect("files") {
            let path = file["path"].as_str().expect("a file's path");
            let content = file["content"].as_str().expect("a file's content");
            let hash = hex::encode(Sha256::digest(content));
            assert_eq!(file["sha256"], hash, "the hash of {path}");
            self.write(path, content);
        }
    }

    /// Starts the proxy with [`Program::first_file`] and waits until it is ready.
    pub async fn start(self) -> Proxy {
        let (program, arguments) = (self.program.path(), self.program.arguments(&self));
        let mut proxy = self.spawn(&program, &arguments);
        proxy.ready().await;
        proxy
    }

    /// Starts the proxy as the text of `GET /dataplane/{dialect}/bootstrap` says: Envoy with it as
    /// its configuration, the others by it as a script. `token` is the key of the node. What the
    /// proxy serves comes later: wait for it.
    pub fn run_bootstrap(mut self, bootstrap: &str, token: &str) -> Proxy {
        self.set("TM_TOKEN", token);
        self.offer_program();
        let is_envoy = self.program == Program::Envoy;
        let name = if is_envoy {
            "bootstrap.yaml"
        } else {
            "bootstrap.sh"
        };
        self.write(name, bootstrap);
        let file = self.path(name);
        if !is_envoy {
            return self.spawn(Path::new("sh"), &[file]);
        }
        let alone = ["--concurrency", "1", "--disable-hot-restart", "-l", "warn"];
        let words = ["-c", &file].into_iter().chain(alone);
        let words: Vec<String> = words.map(str::to_owned).collect();
        let program = self.program.path();
        self.spawn(&program, &words)
    }

    /// Starts a process in the proxy's folder: the proxy, or a script that runs it.
    pub fn spawn(self, program: &Path, arguments: &[String]) -> Proxy {
        let log = File::create(self.path("log")).expect("a log");
        let child = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .envs(&self.environment)
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("XDG_DATA_HOME", self.folder.join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Proxy { site: self, child }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running proxy. A test that ends with it ends it; a test that fails prints its log.
pub struct Proxy {
    pub site: Site,
    child: Child,
}

impl Proxy {
    /// Returns the id of the process that was started. HAProxy and nginx have workers below it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Prepares a request to the proxy.
    pub fn get(&self, target: &str) -> Ask {
        Ask::get(self.site.web, target)
    }

    /// Returns what the proxy has written to its outputs.
    pub fn log(&self) -> String {
        let log = fs::read(self.site.path("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    async fn ready(&mut self) {
        let started = Instant::now();
        while !self.is_ready().await {
            let name = self.site.program.dialect();
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("{name} ended before it was ready: {status}");
            }
            assert!(started.elapsed() < PATIENCE, "{name} is not ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let path = match self.site.program {
            Program::Envoy => "/ready",
            Program::Traefik => "/ping",
            Program::Caddy => "/config/",
            Program::HaProxy => return self.command("show info").await.is_ok(),
            // Any answer will do: this one is of no host that is configured.
            Program::Nginx => return self.get("/").send().await.is_ok(),
        };
        let answer = Ask::get(self.site.admin, path).send().await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Sends SIGTERM and waits for the end of the process.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            let name = self.site.program.dialect();
            assert!(started.elapsed() < GRACE, "{name} does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a signal to the process, for example `HUP`.
    pub fn signal(&self, name: &str) {
        assert!(send(name, &[self.pid()]), "SIG{name} could not be sent");
    }

    /// Returns the processes below the one that was started.
    pub fn workers(&self) -> Vec<u32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }

    /// Waits until an answer has this status: Traefik, for example, is ready before it has read
    /// its routers.
    pub async fn answers(&self, ask: &Ask, status: u16) {
        eventually(&format!("an answer with {status}"), async || {
            let answer = ask.send().await.ok()?;
            (answer.status == status).then_some(())
        })
        .await;
    }

    fn wait_for(&mut self, limit: Duration) {
        let started = Instant::now();
        while started.elapsed() < limit && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let workers = self.workers();
            send("TERM", &[self.pid()]);
            self.wait_for(SHORT_GRACE);
            if self.child.kill().is_ok()
                && self.child.wait().is_ok_and(|end| end.signal() == Some(9))
            {
                send("KILL", &workers);
            }
        }
        if std::thread::panicking() {
            let (log, name) = (self.log(), self.site.program.dialect());
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
            eprintln!("the end of the log of {name}:\n{}", last.join("\n"));
        }
    }
}

/// Sends a signal; false if one of the processes is not there.
fn send(signal: &str, pids: &[u32]) -> bool {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    pids.is_empty()
        || Command::new("kill")
            .args(["-s", signal])
            .args(pids)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}
