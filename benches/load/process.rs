//! Child processes: started here, measured through `/proc`, and killed on drop.

use std::{
    collections::HashMap,
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;

type Shared = Arc<Mutex<Child>>;

/// Returns the list of all running children, so that an early end of this program can kill them.
fn children() -> &'static Mutex<Vec<Shared>> {
    static CHILDREN: OnceLock<Mutex<Vec<Shared>>> = OnceLock::new();
    CHILDREN.get_or_init(Mutex::default)
}

/// Kills a child and its descendants. Descendants such as nginx' workers would otherwise continue
/// after it.
fn kill(child: &Shared) {
    let mut child = child.lock();
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    let descendants = tree(child.id()).split_off(1);
    let _ = child.kill();
    let _ = child.wait();
    kill_pids(&descendants);
}

/// Kills every child. Called before an exit that runs no destructors.
pub fn kill_all() {
    for child in children().lock().iter() {
        kill(child);
    }
    for pid in guarded().lock().iter() {
        kill_pids(&tree(*pid));
    }
}

fn kill_pids(pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let _ = Command::new("kill")
        .arg("-KILL")
        .args(pids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}

/// Returns the list of the processes that others start and end, and that [`kill_all`] kills.
fn guarded() -> &'static Mutex<Vec<u32>> {
    static GUARDED: OnceLock<Mutex<Vec<u32>>> = OnceLock::new();
    GUARDED.get_or_init(Mutex::default)
}

/// Lets [`kill_all`] kill a process that something else ends in the usual case.
pub struct Guarded(u32);

impl Guarded {
    /// Guards a process until the drop.
    pub fn new(pid: u32) -> Self {
        guarded().lock().push(pid);
        Self(pid)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        guarded().lock().retain(|pid| *pid != self.0);
    }
}

/// A child process. Dropping it kills it.
pub struct Process {
    name: String,
    child: Shared,
    /// The process id of the child.
    pub pid: u32,
}

impl Process {
    /// Starts `command`, and appends its output to the file `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("{}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let pid = child.id();
        let child = Arc::new(Mutex::new(child));
        children().lock().push(child.clone());
        Ok(Self {
            name: name.to_owned(),
            child,
            pid,
        })
    }

    /// Fails if the process has ended.
    pub fn lives(&self) -> Result<()> {
        match self.child.lock().try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended: {status}", self.name),
        }
    }

    /// Waits for the end of the process, and returns whether it succeeded. Fails after `limit`.
    pub fn wait(&self, limit: Duration) -> Result<bool> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.lock().try_wait()? {
                return Ok(status.success());
            }
            if started.elapsed() > limit {
                bail!("{} has not ended after {limit:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until `address` accepts connections. Fails after `limit`, or if the process ends.
    pub fn listens(&self, address: SocketAddr, limit: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            self.lives()?;
            if std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            if started.elapsed() > limit {
                bail!("{} does not listen at {address} after {limit:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the CPU time of the process and all its descendants so far, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        tree(self.pid)
            .iter()
            .filter_map(|pid| ticks(*pid))
            .sum::<u64>() as f64
            * 1e6
            / ticks_per_second()
    }

    /// Returns the resident memory of the process and all its descendants, in bytes.
    pub fn rss(&self) -> u64 {
        tree(self.pid).iter().filter_map(|pid| resident(*pid)).sum()
    }

    /// Returns the number of open files of the process and all its descendants.
    pub fn open_files(&self) -> usize {
        let files = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        tree(self.pid).iter().map(files).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill(&self.child);
        children()
            .lock()
            .retain(|child| !Arc::ptr_eq(child, &self.child));
    }
}

/// Returns the path of a program, if it is in `PATH` or in one of the `further` directories.
pub fn find(program: &str, further: &[&str]) -> Option<std::path::PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = path.split(':').chain(further.iter().copied());
    places
        .map(|place| Path::new(place).join(program))
        .find(|file| file.is_file())
}

/// Returns the fields of `/proc/PID/stat` after the program's name: state, parent, … The name may
/// hold any character, also spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(
        text.rsplit_once(") ")?
            .1
            .split(' ')
            .map(str::to_owned)
            .collect(),
    )
}

fn tree(root: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut below: HashMap<u32, Vec<u32>> = HashMap::new();
    for pid in pids {
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            below.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        found.extend(below.remove(pid).unwrap_or_default());
        at += 1;
    }
    found
}

/// Returns user and system time of a process, with the times of its children that have ended and
/// were waited for, in ticks.
fn ticks(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    (11..15).map(|at| fields.get(at)?.parse::<u64>().ok()).sum()
}

fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()?
            * 1024,
    )
}

fn ticks_per_second() -> f64 {
    static TICKS: OnceLock<f64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let output = Command::new("getconf").arg("CLK_TCK").output().ok();
        output
            .and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok())
            .unwrap_or(100.0)
    })
}
