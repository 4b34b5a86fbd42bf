//! How a running proxy takes files that were changed, and says no to those that it cannot read.

use std::{fs, io, process::Command};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::{
    ask::Ask,
    programs::{Program, Proxy},
};
use crate::eventually;

/// The socket for HAProxy's commands, in its folder.
pub const SOCKET: &str = "sock";

impl Proxy {
    /// Makes the proxy take its files as they are now, and waits until it uses them. An error has
    /// the proxy's own words, and the proxy goes on with what it had. Envoy and Traefik watch
    /// their files by themselves: nothing is done for them.
    pub async fn reload(&self) -> Result<(), String> {
        match self.site.program {
            Program::Envoy | Program::Traefik => Ok(()),
            Program::Caddy => self.push().await,
            Program::HaProxy => self.reload_haproxy().await,
            Program::Nginx => self.reload_nginx().await,
        }
    }

    /// Sends Caddy its configuration.
    async fn push(&self) -> Result<(), String> {
        let document = self.first_file();
        let load = Ask::get(self.site.admin, "/load")
            .method("POST")
            .body("application/json", document);
        let answer = load.send().await.map_err(|error| error.to_string())?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(answer.text())
        }
    }

    /// A signal soon after the last one is lost, so the reload is over only when another worker
    /// answers.
    async fn reload_haproxy(&self) -> Result<(), String> {
        let file = self.site.path(self.site.program.first_file());
        self.check(&["-c", "-f", &file])?;
        let before = self.worker().await.expect("a worker");
        self.signal("USR2");
        eventually("HAProxy has a new worker", async || {
            let now = self.worker().await.ok()?;
            (now != before).then_some(())
        })
        .await;
        Ok(())
    }

    /// Returns the line of `show info` with the worker that has the socket.
    async fn worker(&self) -> io::Result<String> {
        let info = self.command("show info").await?;
        let line = info.lines().find(|line| line.starts_with("Pid:"));
        Ok(line.ok_or(io::ErrorKind::InvalidData)?.to_owned())
    }

    /// Sends one of HAProxy's commands to its socket and returns the answer.
    pub async fn command(&self, command: &str) -> io::Result<String> {
        let mut socket = UnixStream::connect(self.site.path(SOCKET)).await?;
        socket.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Until the old workers know of their end, they take new connections, too.
    async fn reload_nginx(&self) -> Result<(), String> {
        let file = self.site.path(self.site.program.first_file());
        let folder = self.site.path("");
        self.check(&["-t", "-q", "-c", &file, "-p", &folder])?;
        let before = self.workers();
        self.signal("HUP");
        eventually("nginx has new workers only", async || {
            let has_new = self.workers().iter().any(|pid| !before.contains(pid));
            (has_new && before.iter().all(|&pid| is_leaving(pid))).then_some(())
        })
        .await;
        Ok(())
    }

    /// Runs the program once more, to read its files and end.
    fn check(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new(self.site.program.path())
            .args(arguments)
            .current_dir(self.site.path(""))
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let (said, warned) = (&output.stdout, &output.stderr);
        Err(String::from_utf8_lossy(said).into_owned() + &String::from_utf8_lossy(warned))
    }

    fn first_file(&self) -> String {
        let path = self.site.path(self.site.program.first_file());
        fs::read_to_string(path).expect("the file that the proxy started with")
    }
}

/// Whether a worker of nginx is gone or serves only what it has: it says so in its title.
fn is_leaving(pid: u32) -> bool {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let title = String::from_utf8_lossy(&title);
    !title.contains("worker process") || title.contains("is shutting down")
}
