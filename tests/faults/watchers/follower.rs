//! A watcher of one of the three languages as a process. It prints each state that it holds as a line of JSON, and
//! reads when it is told to.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::Value;

use crate::{processes::eventually, support::secure};

/// The languages.
pub const LANGUAGES: [&str; 3] = ["rust", "typescript", "python"];

/// The longest time until a follower says what is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest time of a thousand reads: they wait for nothing.
const READS_WITHIN: Duration = Duration::from_secs(10);

/// What a follower held at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub state: String,
    /// Epoch and revision; `None` before the first data.
    pub tag: Option<(String, u64)>,
    pub digest: String,
}

impl Held {
    fn read(line: &Value) -> Self {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let tag = line["tag"].as_str().map(|tag| {
            let (epoch, revision) = tag.split_once('.').expect("a tag");
            (epoch.to_owned(), revision.parse().expect("a revision"))
        });
        Self {
            state: text("state"),
            tag,
            digest: text("digest"),
        }
    }
}

/// A running follower.
pub struct Follower {
    pub language: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    seen: Arc<Mutex<Vec<Held>>>,
    reads: Receiver<Value>,
}

/// What followers follow.
pub struct Followed<'a> {
    /// The base URLs of the instances.
    pub urls: &'a [String],
    pub tenant: &'a str,
    /// The file with the token, if there is one.
    pub token: Option<&'a Path>,
    /// The folder of the followers' own files.
    pub folder: &'a Path,
}

impl Follower {
    /// Starts a follower of each language.
    pub fn start_all(followed: &Followed<'_>) -> Vec<Self> {
        let start = |language| Self::start(language, followed);
        LANGUAGES.into_iter().map(start).collect()
    }

    fn start(language: &'static str, followed: &Followed<'_>) -> Self {
        let mut command = command(language);
        command
            .env("TM_URL", followed.urls.join(","))
            .env("TM_TENANT", followed.tenant)
            .env("TM_FILE", followed.folder.join(language));
        if let Some(token) = followed.token {
            command.env("TM_TOKEN_FILE", token);
        }
        if secure::is_on() {
            command
                .env("TM_CA", secure::ca())
                .env("NODE_EXTRA_CA_CERTS", secure::ca());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{language}: {error}"));
        let stdin = child.stdin.take();
        let (said, reads) = channel();
        let seen = Arc::<Mutex<Vec<Held>>>::default();
        let (lines, states) = (
            BufReader::new(child.stdout.take().expect("a pipe")),
            seen.clone(),
        );
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let Ok(value) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                if value.get("state").is_some() {
                    states.lock().push(Held::read(&value));
                } else if said.send(value).is_err() {
                    return;
                }
            }
        });
        Self {
            language,
            child,
            stdin,
            seen,
            reads,
        }
    }

    /// Returns all that the follower held, in its order.
    pub fn seen(&self) -> Vec<Held> {
        self.seen.lock().clone()
    }

    fn last(&self) -> Option<Held> {
        self.seen.lock().last().cloned()
    }

    /// Waits until the follower holds this.
    pub async fn holds(&self, what: &str, is_wanted: impl Fn(&Held) -> bool) {
        let what = format!("{} holds {what}; now {:?}", self.language, self.last());
        eventually(PATIENCE, &what, async || {
            self.last().is_some_and(|held| is_wanted(&held))
        })
        .await;
    }

    /// Has the follower read a thousand times. Returns the number of routes, and the time of the slowest read.
    pub fn read(&mut self) -> (u64, Duration) {
        let said = self.ask();
        let number = |name: &str| said[name].as_u64().expect("a number");
        (
            number("routes"),
            Duration::from_micros(number("slowest_us")),
        )
    }

    /// Returns the memory of the follower, in bytes. Its process is perhaps not the one that was started: Node.js may be
    /// behind a program that starts it.
    pub fn memory(&mut self) -> u64 {
        let said = self.ask();
        let status = std::fs::read_to_string(format!("/proc/{}/status", said["pid"]));
        let status = status.expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.expect("a size").trim().trim_end_matches(" kB");
        kib.parse::<u64>().expect("a number") * 1024
    }

    fn ask(&mut self) -> Value {
        let stdin = self.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"read\n").expect("the follower listens");
        stdin.flush().expect("the follower listens");
        let said = self.reads.recv_timeout(READS_WITHIN);
        said.unwrap_or_else(|error| panic!("{} does not read: {error}", self.language))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn package(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sdk")
        .join(language)
}

/// Installs and compiles what the followers need, once.
pub fn prepare() {
    static READY: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    READY.get_or_init(|| {
        let tools = root().join(".stack/tools/clients");
        succeed(Command::new(root().join("tests/clients/install.sh")).arg(&tools));
        for language in ["typescript", "python"] {
            succeed(with_tools(&mut Command::new(
                package(language).join("install.sh"),
            )));
        }
        let mut compile = Command::new("npm");
        compile.args(["run", "--silent", "compile"]);
        succeed(with_tools(compile.current_dir(package("typescript"))));
    });
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn with_tools(command: &mut Command) -> &mut Command {
    let before = std::env::var_os("PATH").unwrap_or_default();
    let tools = root().join(".stack/tools/clients/python/bin");
    let folders = std::iter::once(tools).chain(std::env::split_paths(&before));
    command.env(
        "PATH",
        std::env::join_paths(folders).expect("a search path"),
    )
}

fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

fn command(language: &str) -> Command {
    match language {
        // This test program itself: see `rust_follower`.
        "rust" => {
            let mut command = Command::new(std::env::current_exe().expect("the test's own path"));
            command.args([
                "--exact",
                "watchers::rust::rust_follower",
                "--ignored",
                "--nocapture",
            ]);
            command
        }
        "typescript" => {
            let mut command = Command::new("node");
            command.arg(package(language).join(".test-build/test/follower.js"));
            with_tools(&mut command);
            command
        }
        _ => {
            let mut command = Command::new(package(language).join(".venv/bin/python"));
            command
                .args(["-m", "tests.follower"])
                .current_dir(package(language));
            command.env("PYTHONPATH", package(language).join("src"));
            command
        }
    }
}
