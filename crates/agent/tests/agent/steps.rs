//! The program itself, from a control plane over real HTTP to an nginx that is two scripts and a
//! small server: which steps it takes, and what stays when something is wrong.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{
    Agent, EPOCH, control_plane::ControlPlane, eventually, folder::Folder, free_address, get, tag,
    tenant,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use traffic_manager_core::snapshot::TenantSnapshot;

const URL: &str = "http://127.0.0.1:9/";

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
struct Stage {
    folder: Folder,
    plane: Option<ControlPlane>,
    listen: SocketAddr,
}

impl Stage {
    async fn new(first: TenantSnapshot) -> Self {
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

    fn agent(&self) -> Agent {
        Agent::start(&self.folder, self.listen)
    }

    fn publish(&self, snapshot: TenantSnapshot) {
        self.plane.as_ref().unwrap().publish(snapshot);
    }

    /// The steps so far, with revisions as numbers.
    fn steps(&self) -> Vec<String> {
        let steps = self.folder.read("steps").replace(&format!("{EPOCH}."), "");
        steps.lines().map(str::to_owned).collect()
    }

    fn set(&self, flag: &str) {
        self.folder.write(flag, "");
    }

    fn unset(&self, flag: &str) {
        fs::remove_file(self.folder.path(flag)).unwrap();
    }

    /// The revision of the files that are in place.
    fn placed(&self) -> String {
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

fn failed(status: &Value, words: &str) -> bool {
    let reason = status["proxy"]["last_failure"]["reason"].as_str();
    reason.is_some_and(|reason| reason.contains(words))
}

/// Runs the program to its end. Returns whether it succeeded, and what it wrote.
fn program(arguments: &[&str], config: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tm-agent"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_checked_then_placed_then_reloaded() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    let status = agent.applies(1).await;
    assert_eq!(status["held"]["size"]["routes"], 2);
    assert_eq!(status["proxy"]["is_newest"], true);
    stage.publish(tenant(2, 3, URL));
    agent.applies(2).await;
    let steps = ["check 1 over ", "reload 1", "check 2 over 1", "reload 2"];
    assert_eq!(stage.steps(), steps);
    let (ready, _) = get(agent.listen, None, "/ready").await.unwrap();
    let (_, metrics) = get(agent.listen, None, "/metrics").await.unwrap();
    assert_eq!(ready, 200);
    assert!(
        metrics.contains("\ntm_agent_applied_revision 2\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\ntm_agent_applied_is_newest 1\n"),
        "{metrics}"
    );
    let (_, snapshot) = get(agent.listen, None, "/snapshot").await.unwrap();
    let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    assert_eq!(snapshot["routes"].as_array().unwrap().len(), 3);
    let (refused, _) = get(agent.listen, Some("evil.example"), "/snapshot")
        .await
        .unwrap();
    assert_eq!(refused, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_come_during_a_change_become_one() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    stage.set("gate");
    stage.publish(tenant(2, 2, URL));
    eventually("the second reload has begun", async || {
        stage.steps().contains(&"reload 2".to_owned()).then_some(())
    })
    .await;
    for revision in 3..=20 {
        stage.publish(tenant(revision, 2, URL));
    }
    agent
        .shows("the newest is held", |status| {
            status["held"]["tag"] == tag(20)
        })
        .await;
    stage.unset("gate");
    agent.applies(20).await;
    let last = ["check 2 over 1", "reload 2", "check 20 over 2", "reload 20"];
    assert_eq!(stage.steps()[2..], last);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_files_change_nothing_and_are_tried_again() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    stage.set("broken");
    stage.publish(tenant(2, 2, URL));
    let status = agent
        .shows("failures", |status| {
            status["proxy"]["failures"].as_u64() > Some(1)
        })
        .await;
    assert!(failed(&status, "this is broken"), "{status}");
    assert_eq!(status["proxy"]["tag"], tag(1));
    assert_eq!(stage.placed(), tag(1));
    stage.unset("broken");
    agent.applies(2).await;
    assert_eq!(stage.placed(), tag(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_state_remedies_a_refused_one() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    stage.set("broken");
    stage.publish(tenant(2, 2, URL));
    agent
        .shows("a failure", |status| failed(status, "this is broken"))
        .await;
    stage.unset("broken");
    stage.publish(tenant(3, 2, URL));
    agent.applies(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_that_hangs_is_ended_and_begun_anew() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    stage.set("hangs");
    stage.publish(tenant(2, 2, URL));
    let status = agent
        .shows("a failure", |status| failed(status, "was killed"))
        .await;
    assert_eq!(status["proxy"]["tag"], tag(1));
    stage.unset("hangs");
    agent.applies(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_signal_that_is_lost_is_sent_again() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    stage.set("deaf");
    stage.publish(tenant(2, 2, URL));
    agent.applies(2).await;
    assert_eq!(
        stage.steps()[2..],
        ["check 2 over 1", "reload 2", "reload 2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_if_the_proxy_does_not_take_the_new_ones() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    stage.set("stubborn");
    stage.publish(tenant(2, 2, URL));
    agent
        .shows("a failure", |status| {
            failed(status, "does not show revision")
        })
        .await;
    agent.kill();
    assert_eq!(
        stage.steps()[2..7],
        [
            "check 2 over 1",
            "reload 2",
            "reload 2",
            "reload 2",
            "reload 1"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_without_the_control_plane_changes_nothing() {
    let mut stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    saved(&stage, 1).await;
    agent.kill();
    stage.plane = None;
    let steps = stage.steps();
    let inode = fs::metadata(stage.folder.path("proxy/nginx.conf"))
        .unwrap()
        .ino();
    let agent = stage.agent();
    let status = agent
        .shows("it has looked", |status| status["proxy"]["changes"] == 1)
        .await;
    assert_eq!(status["proxy"]["tag"], tag(1));
    assert_ne!(status["held"]["state"], "live");
    assert_eq!(stage.steps(), steps);
    agent.kill();

    // The proxy was started with something older meanwhile.
    stage.folder.write("running", "# revision old\n");
    let agent = stage.agent();
    agent
        .shows("it has looked", |status| status["proxy"]["changes"] == 1)
        .await;
    assert_eq!(stage.steps()[steps.len()..], ["check 1 over 1", "reload 1"]);
    let now = fs::metadata(stage.folder.path("proxy/nginx.conf"))
        .unwrap()
        .ino();
    assert_eq!(now, inode, "the file was right and is the same");
}

/// Waits until the agent has the state on its disk.
async fn saved(stage: &Stage, revision: u64) {
    eventually("the state is on the disk", async || {
        let file = stage.folder.read("state/snapshot.tm");
        file.contains(&format!("\"tag\":\"{}\"", tag(revision)))
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_that_runs_something_else_is_noticed() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    stage.folder.write("running", "# revision old\n");
    eventually("it is told again", async || {
        (stage.folder.read("running") == stage.folder.read("proxy/nginx.conf")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_file_is_not_applied() {
    let mut stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    saved(&stage, 1).await;
    agent.kill();
    stage.plane = None;
    let damaged = stage
        .folder
        .read("state/snapshot.tm")
        .replace("127.0.0.1", "127.0.0.2");
    stage.folder.write("state/snapshot.tm", &damaged);
    let steps = stage.steps();
    let agent = stage.agent();
    let looked = |status: &Value| {
        status["held"]["file_errors"] == 1 && status["held"]["reconnects"].as_u64() > Some(0)
    };
    let status = agent.shows("it has looked", looked).await;
    assert_eq!(status["held"]["tag"], Value::Null);
    assert_eq!((stage.placed(), stage.steps()), (tag(1), steps));
}

#[tokio::test(flavor = "multi_thread")]
async fn wipe_is_held_back_over_a_restart_until_it_is_accepted() {
    let stage = Stage::new(tenant(1, 30, URL)).await;
    let config = stage.folder.path("agent.toml");
    let agent = stage.agent();
    agent.applies(1).await;
    saved(&stage, 1).await;
    stage.publish(tenant(2, 10, URL));
    let held_back = |status: &Value| status["held_back"]["tag"] == tag(2);
    let status = agent.shows("it is held back", held_back).await;
    assert_eq!(status["held_back"]["reason"], "it drops 20 of 30 routes");
    assert_eq!(status["held"]["tag"], tag(1));
    agent.kill();
    let agent = stage.agent();
    agent.applies(1).await;
    agent.shows("it is held back still", held_back).await;
    assert_eq!(stage.placed(), tag(1));

    let (is_accepted, said) = program(&["accept", &tag(3)], &config);
    assert!(!is_accepted && said.contains(&tag(2)), "{said}");
    assert_eq!(stage.placed(), tag(1));
    let (is_accepted, said) = program(&["accept", &tag(2)], &config);
    assert!(is_accepted, "{said}");
    let status = agent.applies(2).await;
    assert_eq!(status["held_back"], Value::Null);
    let (_, printed) = program(&["status"], &config);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["proxy"]["tag"], tag(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn wipe_is_held_back_if_the_agent_has_lost_its_last_state() {
    let stage = Stage::new(tenant(1, 30, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    agent.kill();
    let _ = fs::remove_file(stage.folder.path("state/snapshot.tm"));
    let _ = fs::remove_file(stage.folder.path("state/snapshot.tm.previous"));
    stage.publish(tenant(2, 1, URL));
    let agent = stage.agent();
    agent
        .shows("it is held back", |status| {
            status["held_back"]["tag"] == tag(2)
        })
        .await;
    assert_eq!(stage.placed(), tag(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn first_state_that_is_empty_is_held_back() {
    let stage = Stage::new(tenant(1, 0, URL)).await;
    let agent = stage.agent();
    let status = agent
        .shows("it is held back", |status| {
            status["held_back"]["tag"] == tag(1)
        })
        .await;
    assert_eq!(status["held_back"]["reason"], "it is empty");
    assert_eq!(stage.steps(), [""; 0]);
    stage.publish(tenant(2, 1, URL));
    agent.applies(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_agent_in_the_same_folder_is_refused() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    agent.applies(1).await;
    let (has_run, said) = program(&["run"], &stage.folder.path("agent.toml"));
    assert!(
        !has_run && said.contains("another agent has the folder"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_wrong() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let path = stage.folder.path("agent.toml");
    let (is_good, said) = program(&["check"], &path);
    assert!(is_good, "{said}");
    let config = stage.folder.read("agent.toml");
    stage.folder.write(
        "agent.toml",
        &config.replace("tenant =", "token_file = \"/nowhere\"\ntenant ="),
    );
    let (is_good, said) = program(&["check"], &path);
    assert!(
        !is_good && said.contains("service.token_file: cannot read /nowhere"),
        "{said}"
    );
    stage
        .folder
        .write("agent.toml", &config.replace("pause_ms", "pauses_ms"));
    let (is_good, said) = program(&["check"], &path);
    assert!(!is_good && said.contains("pauses_ms"), "{said}");
}
