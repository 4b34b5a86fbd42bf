//! The agent with real proxies: `make proxies` installs them, and `.stack/env.proxies` names them.

use std::{
    env,
    fs::File,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::{
    Agent, HOST, control_plane::ControlPlane, eventually, folder::Folder, free_address, get, tag,
    tenant,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// What the agent promises: from its start to the old answers, without a control plane.
const FROM_DISK: Duration = Duration::from_secs(2);

/// A proxy, an agent's folder, and two upstreams that answer with their names.
struct Stage {
    dialect: &'static str,
    folder: Folder,
    plane: Option<ControlPlane>,
    listen: SocketAddr,
    web: SocketAddr,
    proxy: Option<Child>,
    one: String,
    two: String,
}

impl Stage {
    async fn new(dialect: &'static str) -> Self {
        let (one, two) = (upstream("one").await, upstream("two").await);
        let plane = ControlPlane::start(tenant(1, 2, &one)).await;
        let (listen, web, admin) = (free_address(), free_address(), free_address());
        let stage = Self {
            dialect,
            folder: Folder::new(),
            plane: Some(plane),
            listen,
            web,
            proxy: None,
            one,
            two,
        };
        stage.configure(admin);
        stage.first_files();
        stage
    }

    fn configure(&self, admin: SocketAddr) {
        let program = program(self.dialect);
        let folder = match self.dialect {
            "envoy" => self.path("proxy/tm"),
            _ => self.path("proxy"),
        };
        let check = match self.dialect {
            "haproxy" => format!("check = [\"{program}\", \"-c\", \"-f\", \".\"]"),
            "nginx" => format!(
                "check = [\"{program}\", \"-t\", \"-q\", \"-c\", \"{{folder}}/nginx.conf\", \"-p\", \"{{folder}}\"]"
            ),
            _ => String::new(),
        };
        let config = format!(
            r#"
[service]
servers = ["{url}"]
tenant = "acme"
[node]
state = "{state}"
listen = "{listen}"
[proxy]
dialect = "{dialect}"
folder = "{folder}"
listen = "{web}"
admin = "{admin}"
{check}
[times]
pause_ms = 100
retry_ms = 100
last_retry_ms = 500
check_ms = 500
ask_again_ms = 200
"#,
            url = self.plane.as_ref().unwrap().url,
            state = self.path("state"),
            listen = self.listen,
            dialect = self.dialect,
            web = self.web,
        );
        self.folder.write("agent.toml", &config);
    }

    fn path(&self, name: &str) -> String {
        self.folder.path(name).to_str().unwrap().to_owned()
    }

    /// Writes what a proxy starts with that the agent does not write.
    fn first_files(&self) {
        let config = self.path("agent.toml");
        let output = Command::new(env!("CARGO_BIN_EXE_tm-agent"))
            .args(["bootstrap", "--config", &config])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        match self.dialect {
            "envoy" => self.folder.write("proxy/envoy.yaml", &text),
            "traefik" => self.folder.write("proxy/traefik.yaml", &text),
            "caddy" => self.folder.write("proxy/caddy.json", &text),
            _ => assert!(!output.status.success(), "{text}"),
        }
    }

    fn agent(&self) -> Agent {
        Agent::start(&self.folder, self.listen)
    }

    fn start_proxy(&mut self) {
        let folder = self.path("proxy");
        let arguments: &[&str] = match self.dialect {
            "envoy" => &[
                "-c",
                "envoy.yaml",
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "-l",
                "warn",
            ],
            "traefik" => &["--configFile=traefik.yaml"],
            "caddy" => &["run", "--config", "caddy.json"],
            "haproxy" => &["-W", "-f", "."],
            _ => &["-c", "nginx.conf", "-p", ".", "-g", "daemon off;"],
        };
        let absolute = format!("{folder}/nginx.conf");
        let arguments = arguments.iter().map(|&word| match word {
            "nginx.conf" => absolute.as_str(),
            "." if self.dialect == "nginx" => folder.as_str(),
            word => word,
        });
        let log = File::create(self.folder.path("proxy.log")).unwrap();
        let child = Command::new(program(self.dialect))
            .args(arguments)
            .current_dir(&folder)
            .env("HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder)
            .env("XDG_DATA_HOME", &folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.proxy = Some(child);
    }

    /// Ends the proxy with its workers, and waits for that.
    fn stop_proxy(&mut self) {
        if let Some(mut proxy) = self.proxy.take() {
            let pid = proxy.id().to_string();
            let _ = Command::new("kill").args(["-s", "TERM", &pid]).status();
            let started = Instant::now();
            while matches!(proxy.try_wait(), Ok(None)) && started.elapsed() < Duration::from_secs(5)
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = proxy.kill();
            let _ = proxy.wait();
        }
    }

    /// Runs agent and proxy until the first state is served.
    async fn begin(&mut self) -> Agent {
        let agent = self.agent();
        let last = match self.dialect {
            "envoy" => "proxy/tm/rds.json",
            "haproxy" => "proxy/haproxy.cfg",
            "nginx" => "proxy/nginx.conf",
            _ => "agent.toml",
        };
        eventually("the agent has written the files", async || {
            self.folder.path(last).exists().then_some(())
        })
        .await;
        self.start_proxy();
        agent.applies(1).await;
        self.answers("one").await;
        agent
    }

    /// Waits until the proxy sends requests to an upstream.
    async fn answers(&self, name: &str) {
        let wanted = Some((200, name.to_owned()));
        eventually(&format!("{name} answers"), async || {
            (get(self.web, Some(HOST), "/").await == wanted).then_some(())
        })
        .await;
    }

    fn publish(&self, revision: u64, url: &str) {
        let plane = self.plane.as_ref().unwrap();
        plane.publish(tenant(revision, 2, url));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop_proxy();
        if std::thread::panicking() {
            let log = self.folder.read("proxy.log");
            let lines: Vec<_> = log.lines().collect();
            eprintln!(
                "the end of the log of {}:\n{}",
                self.dialect,
                lines[lines.len().saturating_sub(40)..].join("\n")
            );
        }
    }
}

fn program(dialect: &str) -> String {
    let variable = format!("TM_{}", dialect.to_uppercase());
    env::var(&variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `make proxies`, then `set -a; . .stack/env.proxies`")
    })
}

/// Starts a server that answers each request with its name. Returns its URL.
async fn upstream(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(connection.read_u8().await?);
                }
                let length = name.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{name}"
                );
                connection.write_all(answer.as_bytes()).await
            });
        }
    });
    url
}

/// Follows changes; then everything is killed, and the agent serves from its disk.
async fn follows_and_starts_from_disk(dialect: &'static str) {
    let mut stage = Stage::new(dialect).await;
    let agent = stage.begin().await;
    let two = stage.two.clone();
    stage.publish(2, &two);
    agent.applies(2).await;
    stage.answers("two").await;

    // The control plane goes, the agent is killed, and so is the proxy.
    eventually("the state is on the disk", async || {
        stage
            .folder
            .read("state/snapshot.tm")
            .contains(&tag(2))
            .then_some(())
    })
    .await;
    agent.kill();
    stage.plane = None;
    stage.answers("two").await;
    stage.stop_proxy();
    stage.start_proxy();
    let started = Instant::now();
    let agent = stage.agent();
    agent.applies(2).await;
    stage.answers("two").await;
    let took = started.elapsed();
    println!("{dialect}: {took:?} from the agent's start without a control plane");
    assert!(took < FROM_DISK, "{dialect}: {took:?}");
    let status = agent.status().await.unwrap();
    assert_ne!(status["held"]["state"], "live");
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("envoy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("traefik").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("caddy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("nginx").await;
}

/// Many changes one right after the other: the last one is served, whatever signals get lost.
async fn last_of_many_changes_is_served(dialect: &'static str) {
    let mut stage = Stage::new(dialect).await;
    let agent = stage.begin().await;
    let failures = agent.status().await.unwrap()["proxy"]["failures"].clone();
    for revision in 2..=40 {
        let url = if revision % 2 == 0 {
            &stage.two
        } else {
            &stage.one
        };
        stage.publish(revision, url);
        // Changes at any moment of a reload.
        tokio::time::sleep(Duration::from_millis(revision * 3)).await;
    }
    let status = agent.applies(40).await;
    stage.answers("two").await;
    assert_eq!(status["proxy"]["failures"], failures, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_serves_the_last_of_many_changes() {
    last_of_many_changes_is_served("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_serves_the_last_of_many_changes() {
    last_of_many_changes_is_served("envoy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_when_a_name_does_not_resolve() {
    let mut stage = Stage::new("nginx").await;
    let agent = stage.begin().await;
    stage.publish(2, "http://nowhere.invalid:80/");
    agent.applies(2).await;
    let lost = async || {
        get(stage.web, Some(HOST), "/")
            .await
            .filter(|(status, _)| *status == 502)
    };
    eventually("the version is left out", lost).await;
    let one = stage.one.clone();
    stage.publish(3, &one);
    agent.applies(3).await;
    stage.answers("one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_that_has_forgotten_gets_its_configuration_again() {
    let mut stage = Stage::new("caddy").await;
    let agent = stage.begin().await;
    stage.stop_proxy();
    stage.start_proxy();
    stage.answers("one").await;
    agent.applies(1).await;
}
