//! The log of a process: each line is a JSON object whatever callers send, and callers cannot fill
//! the disk with lines.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Database, authority::Folder, database::variable, eventually, secure};

/// A separate process that logs to a file. It ends with the test.
struct Process {
    child: Child,
    api: SocketAddr,
    log: String,
}

impl Process {
    async fn start(db: &Database, folder: &Folder) -> Self {
        let free = || {
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
        };
        let (api, ops) = (free(), free());
        let mut environment = vec![
            ("http.listen", api.to_string()),
            ("http.ops_listen", ops.to_string()),
            ("postgres.primary_url", db.app_url.clone()),
            ("postgres.replica_urls", db.replica_url.clone()),
            ("mongo.url", variable("MONGO_APP_URL")),
            ("kafka.bootstrap_servers", String::new()),
            ("auth.mode", "none".to_owned()),
        ];
        environment.extend(secure::overrides());
        let name = |key: &str| format!("TM__{}", key.replace('.', "__").to_uppercase());
        let log = folder.write("log", "");
        let child = Command::new(env!("CARGO_BIN_EXE_traffic-manager"))
            .arg("serve")
            .env_clear()
            .envs(environment.iter().map(|(key, value)| (name(key), value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .expect("the binary");
        let process = Self { child, api, log };
        let (client, url) = (
            secure::http().build().unwrap(),
            format!("{}/health/ready", secure::base(api)),
        );
        eventually("the process serves", async || {
            client
                .get(&url)
                .send()
                .await
                .ok()?
                .status()
                .is_success()
                .then_some(())
        })
        .await;
        process
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap();
        text.lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_input_cannot_break_log_lines_or_flood_the_log() {
    let (db, folder) = (Database::create().await, Folder::new());
    let process = Process::start(&db, &folder).await;
    let started = Instant::now();
    for _ in 0..400 {
        let mut socket = TcpStream::connect(process.api).await.unwrap();
        let _ = socket.write_all(b"x\r\n\r\n").await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap() + 2;
    // A minimum of an unknown epoch is answered 503. The answer is logged with the caller's
    // correlation id.
    let client = secure::http().build().unwrap();
    let ids = [
        "key='",
        "key=\"",
        "token=\\",
        "password='\\\"",
        "cookie=>{",
        "a",
    ];
    let url = format!(
        "{}/api/v1/tenants/nobody/snapshot",
        secure::base(process.api)
    );
    for id in ids {
        let asked = client
            .get(&url)
            .header("x-correlation-id", id)
            .header("tm-min-revision", "0123456789abcdef.7");
        assert_eq!(asked.send().await.unwrap().status(), 503, "{id}");
    }
    let about = |line: &Value| line["http.route"] == "/api/v1/tenants/{tenant}/snapshot";
    eventually("all are logged", async || {
        (process.lines().iter().filter(|line| about(line)).count() == ids.len()).then_some(())
    })
    .await;
    let unread = process
        .lines()
        .iter()
        .filter(|line| {
            line["target"]
                .as_str()
                .unwrap_or_default()
                .starts_with("actix")
        })
        .count();
    assert!(unread <= seconds, "{unread} lines in {seconds} s");
}
