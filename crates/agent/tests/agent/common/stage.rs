//! A control plane, an agent's folder, and an nginx that is two scripts and a small server.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use traffic_manager_core::snapshot::TenantSnapshot;

use super::{
    Agent, EPOCH, control_plane::ControlPlane, eventually, folder::Folder, free_address, tag,
};

pub const URL: &str = "http://127.0.0.1:9/";

/// Notes what is checked and what is in place then. `broken` and `hangs` are files of a test.
const CHECK: &str = r#"
now() { sed -n '1s/^# revision //p' "$1/nginx.conf" 2>/dev/null; }
cd "${0%/*}" || exit 1
echo "check $(now "$1") over $(now proxy)" >>steps
[ ! -f hangs ] || sleep 600
[ ! -f broken ] || { echo "this is broken" >&2; exit 1; }
"#;

/// Notes what is reloaded, and runs it, unless it is `deaf` (once) or `stubborn`.
const RELOAD: &str = r#"
cd "${0%/*}" || exit 1
echo "reload $(sed -n '1s/^# revision //p' proxy/nginx.conf)" >>steps
while [ -f gate ]; do sleep 0.01; done
if [ -f deaf ]; then rm deaf; exit 0; fi
[ ! -f stubborn ] || exit 0
cp proxy/nginx.conf running
"#;

/// A control plane, an nginx that is two scripts, and a folder for an agent.
pub struct Stage {
    pub folder: Folder,
    pub plane: Option<ControlPlane>,
    listen: SocketAddr,
}

impl Stage {
    pub async fn new(first: TenantSnapshot) -> Self {
        let (folder, plane) = (Folder::new(), ControlPlane::start(first).await);
        folder.write("check.sh", CHECK);
        folder.write("reload.sh", RELOAD);
        let listen = free_address();
        let admin = admin(folder.path("running")).await;
        let root = folder.path("");
        let root = root.to_str().unwrap().trim_end_matches('/');
        let config = format!(
            r#"
[service]
servers = ["{url}"]
tenant = "acme"
[node]
name = "edge-1"
state = "{root}/state"
listen = "{listen}"
[proxy]
dialect = "nginx"
folder = "{root}/proxy"
admin = "{admin}"
check = ["sh", "{root}/check.sh", "{{folder}}"]
reload = ["sh", "{root}/reload.sh"]
[times]
pause_ms = 20
apply_ms = 20000
command_ms = 5000
read_back_ms = 900
retry_ms = 20
last_retry_ms = 100
check_ms = 100
ask_again_ms = 100
"#,
            url = plane.url,
        );
        folder.write("agent.toml", &config);
        Self {
            folder,
            plane: Some(plane),
            listen,
        }
    }

    /// The same, with an agent that has applied the first state.
    pub async fn running(first: TenantSnapshot) -> (Self, Agent) {
        let stage = Self::new(first).await;
        let agent = stage.agent();
        agent.applies(1).await;
        (stage, agent)
    }

    pub fn agent(&self) -> Agent {
        Agent::start(&self.folder, self.listen)
    }

    pub fn publish(&self, snapshot: TenantSnapshot) {
        self.plane.as_ref().unwrap().publish(snapshot);
    }

    /// The steps so far, with revisions as numbers.
    pub fn steps(&self) -> Vec<String> {
        let steps = self.folder.read("steps").replace(&format!("{EPOCH}."), "");
        steps.lines().map(str::to_owned).collect()
    }

    pub fn set(&self, flag: &str) {
        self.folder.write(flag, "");
    }

    pub fn unset(&self, flag: &str) {
        fs::remove_file(self.folder.path(flag)).unwrap();
    }

    /// The revision of the files that are in place.
    pub fn placed(&self) -> String {
        let file = self.folder.read("proxy/nginx.conf");
        let line = file.lines().next().unwrap_or_default();
        line.trim_start_matches("# revision ").to_owned()
    }
}

/// Answers the revision of a file at every path; hangs up if the file is not there.
async fn admin(running: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let Ok(text) = fs::read_to_string(&running) else {
                continue;
            };
            let line = text.lines().next().unwrap_or_default();
            let revision = line.trim_start_matches("# revision ");
            let length = revision.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{revision}"
            );
            let _ = connection.read(&mut [0; 1024]).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// Waits until the agent has the state on its disk.
pub async fn saved(stage: &Stage, revision: u64) {
    eventually("the state is on the disk", async || {
        let file = stage.folder.read("state/snapshot.tm");
        file.contains(&format!("\"tag\":\"{}\"", tag(revision)))
            .then_some(())
    })
    .await;
}

/// Runs the program to its end. Returns whether it succeeded, and what it wrote.
pub fn program(arguments: &[&str], config: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tm-agent"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}
