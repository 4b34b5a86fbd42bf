//! A real proxy with an agent beside it.

use std::{
    env,
    fs::File,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::common::{
    Agent, HOST, control_plane::ControlPlane, eventually, folder::Folder, free_address, get, tenant,
};

/// A proxy, an agent's folder, and two upstreams that answer with their names.
pub struct Stage {
    pub dialect: &'static str,
    pub folder: Folder,
    pub plane: Option<ControlPlane>,
    pub listen: SocketAddr,
    pub web: SocketAddr,
    pub proxy: Option<Child>,
    pub one: String,
    pub two: String,
}

impl Stage {
    pub async fn new(dialect: &'static str) -> Self {
        Self::with_pause(dialect, 100).await
    }

    /// The same with another shortest time between two changes, in milliseconds.
    pub async fn with_pause(dialect: &'static str, pause: u64) -> Self {
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
        stage.configure(admin, pause);
        stage.first_files();
        stage
    }

    fn configure(&self, admin: SocketAddr, pause: u64) {
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
pause_ms = {pause}
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

    pub fn path(&self, name: &str) -> String {
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

    pub fn agent(&self) -> Agent {
        Agent::start(&self.folder, self.listen)
    }

    pub fn start_proxy(&mut self) {
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
    pub fn stop_proxy(&mut self) {
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

    /// Waits until the agent has written what the proxy starts with.
    pub async fn files_are_there(&self) {
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
    }

    /// Runs agent and proxy until the first state is served.
    pub async fn begin(&mut self) -> Agent {
        let agent = self.agent();
        self.files_are_there().await;
        self.start_proxy();
        agent.applies(1).await;
        self.answers("one").await;
        agent
    }

    /// Waits until the proxy sends requests to an upstream.
    pub async fn answers(&self, name: &str) {
        let wanted = Some((200, name.to_owned()));
        eventually(&format!("{name} answers"), async || {
            (get(self.web, Some(HOST), "/").await == wanted).then_some(())
        })
        .await;
    }

    pub fn publish(&self, revision: u64, url: &str) {
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
