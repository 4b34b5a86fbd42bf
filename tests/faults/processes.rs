//! The binary as processes that can be killed.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::{ports::free_address, secure};

/// A process of the service that can be restarted on the same addresses.
pub struct Process {
    role: &'static str,
    environment: HashMap<String, String>,
    child: Option<Child>,
    log: Option<PathBuf>,
    pub api: SocketAddr,
    pub ops: SocketAddr,
    /// The number of restarts.
    pub kills: Arc<AtomicUsize>,
    /// The command that starts the binary, such as `taskset -c 0`; empty for none.
    through: Vec<String>,
}

impl Process {
    pub fn start(role: &'static str, environment: &HashMap<String, String>) -> Self {
        Self::through(&[], role, environment)
    }

    /// Starts a process through another program.
    pub fn through(
        program: &[&str],
        role: &'static str,
        environment: &HashMap<String, String>,
    ) -> Self {
        let log = std::env::var("TM_TEST_LOG")
            .ok()
            .map(|path| format!("{path}.{role}").into());
        Self::with_log(program, role, environment, "warn", log)
    }

    /// Starts a process that writes its whole output to a file, with the given log level.
    pub fn logged(
        role: &'static str,
        environment: &HashMap<String, String>,
        level: &str,
        log: &Path,
    ) -> Self {
        Self::with_log(&[], role, environment, level, Some(log.to_owned()))
    }

    fn with_log(
        program: &[&str],
        role: &'static str,
        environment: &HashMap<String, String>,
        level: &str,
        log: Option<PathBuf>,
    ) -> Self {
        let (api, ops) = (free_address(), free_address());
        let mut environment = environment.clone();
        environment.insert("TM__HTTP__LISTEN".into(), api.to_string());
        environment.insert("TM__HTTP__OPS_LISTEN".into(), ops.to_string());
        environment.insert("TM__TELEMETRY__LOG".into(), level.into());
        let through = program.iter().map(|&word| word.to_owned()).collect();
        let mut process = Self {
            role,
            environment,
            child: None,
            log,
            api,
            ops,
            kills: Arc::default(),
            through,
        };
        process.spawn();
        process
    }

    fn spawn(&mut self) {
        let open = |path: &PathBuf| {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .ok()
        };
        let log = || {
            self.log
                .as_ref()
                .and_then(open)
                .map_or_else(Stdio::null, Stdio::from)
        };
        let binary = env!("CARGO_BIN_EXE_traffic-manager").to_owned();
        let words: Vec<&String> = self.through.iter().chain([&binary]).collect();
        let child = Command::new(words[0])
            .args(&words[1..])
            .arg(self.role)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .expect("the binary");
        self.child = Some(child);
    }

    /// Returns the base URL of the API.
    pub fn base(&self) -> String {
        secure::base(self.api)
    }

    /// Sends SIGKILL, then starts a new process on the same addresses.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Starts a new process on the same addresses. The old process must have ended.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "{} still runs", self.role);
        self.kills.fetch_add(1, Ordering::SeqCst);
        self.spawn();
    }

    /// Returns the number of restarts.
    pub fn kills(&self) -> usize {
        self.kills.load(Ordering::SeqCst)
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Returns the id of the running process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running process").id()
    }

    /// Sends SIGTERM to the process.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal to the process, for example `-STOP` or `-CONT`.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .is_ok_and(|status| status.success())
        );
    }

    /// Returns `/health/resilience`: the state of the process and of its dependencies; null without
    /// an answer.
    pub async fn resilience(&self) -> serde_json::Value {
        let answer = reqwest::get(format!("http://{}/health/resilience", self.ops)).await;
        let Ok(answer) = answer else {
            return serde_json::Value::Null;
        };
        answer.json().await.unwrap_or_default()
    }

    /// Waits until the process has ended, and returns its exit code.
    pub async fn wait(&mut self, limit: Duration) -> Option<i32> {
        let child = parking_lot::Mutex::new(self.child.take().expect("a running process"));
        let ended = async || child.lock().try_wait().expect("a child").is_some();
        eventually(limit, "the process ends", ended).await;
        child.into_inner().wait().expect("a child").code()
    }

    /// Returns whether the process has ended by itself: a zombie, until its parent looks.
    fn has_ended(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        status.is_ok_and(|status| status.contains("\nState:\tZ"))
    }

    pub async fn ready(&self) {
        let url = format!("http://{}/health/ready", self.ops);
        eventually(
            Duration::from_secs(60),
            &format!("{} is ready", self.role),
            async || {
                assert!(!self.has_ended(), "{} ended before it was ready", self.role);
                reqwest::get(&url)
                    .await
                    .is_ok_and(|response| response.status().is_success())
            },
        )
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `condition` holds, for at most `limit`.
pub async fn eventually(limit: Duration, what: &str, condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(
            started.elapsed() < limit,
            "did not happen in {limit:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
