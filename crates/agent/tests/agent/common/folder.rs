//! A folder of a test, which prints the agent's log if the test fails.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

static NEXT: AtomicU32 = AtomicU32::new(0);

pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A short path: the path of a Unix socket has at most 107 bytes.
        let folder = std::env::temp_dir().join(format!("tma-{}-{number}", std::process::id()));
        fs::create_dir_all(folder.join("proxy/tm")).unwrap();
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The content of a file; empty if it is not there.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of the agent:\n{}", self.read("log"));
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}
