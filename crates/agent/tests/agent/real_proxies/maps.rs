//! `HAProxy` takes new contents of maps without a reload.

use std::{io, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use traffic_manager_core::snapshot::{TenantContent, TenantSnapshot};

use super::stage::Stage;
use crate::common::{HOST, PATIENCE, get, tag};

/// A tenant whose policy has these hosts, and sends all to one URL. Requests may name versions.
fn tenant(revision: u64, hosts: &[&str], versions: usize, url: &str) -> TenantSnapshot {
    let route = |at| {
        json!({
            "service": "shop", "env": "prod", "version": format!("v{at}"), "url": url, "is_active": true, "labels": {},
            "revision": 1,
        })
    };
    let policy = json!({
        "service": "shop", "env": "prod", "failover": [], "hosts": hosts, "path_prefix": "/", "rules": [],
        "split": [{"version": "v0", "weight": 1}], "sticky_by": null, "version_header": "x-version",
        "revision": revision,
    });
    let content = json!({
        "tag": tag(revision),
        "routes": (0..versions).map(route).collect::<Vec<_>>(),
        "policies": [policy],
        "scopes": [],
    });
    let content: TenantContent = serde_json::from_value(content).unwrap();
    TenantSnapshot::new("acme".parse().unwrap(), content).unwrap()
}

impl Stage {
    pub fn publish_hosts(&self, revision: u64, hosts: &[&str], versions: usize) {
        let plane = self.plane.as_ref().unwrap();
        plane.publish(tenant(revision, hosts, versions, &self.one));
    }

    /// The status of an answer; 0 without one.
    pub async fn serves(&self, host: &str) -> u16 {
        let answer = get(self.web, Some(host), "/").await;
        answer.map_or(0, |(status, _)| status)
    }

    /// The process that serves.
    pub async fn worker(&self) -> io::Result<String> {
        let mut socket = UnixStream::connect(self.folder.path("proxy/admin.sock")).await?;
        socket.write_all(b"show info\n").await?;
        let mut info = String::new();
        socket.read_to_string(&mut info).await?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid: "));
        Ok(pid.unwrap().to_owned())
    }
}

/// Sends a request on a connection that stays, and returns the status.
async fn on(connection: &mut TcpStream) -> io::Result<String> {
    let request = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"one") {
        answer.push(connection.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&answer[..12]).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_come_and_go_without_a_reload_and_are_there_after_a_restart() {
    let mut stage = Stage::new("haproxy").await;
    let agent = stage.begin().await;
    stage.publish_hosts(2, &[HOST], 2);
    agent.applies(2).await;
    let worker = stage.worker().await.unwrap();
    let mut kept = TcpStream::connect(stage.web).await.unwrap();
    assert_eq!(on(&mut kept).await.unwrap(), "HTTP/1.1 200");

    // More lines than one command has.
    let names: Vec<_> = (0..1000)
        .map(|at| format!("host-{at}.some-name-that-takes-room.example"))
        .collect();
    let mut hosts: Vec<_> = names.iter().map(String::as_str).collect();
    hosts.push(HOST);
    stage.publish_hosts(3, &hosts, 2);
    agent.applies(3).await;
    assert_eq!(stage.serves(&names[0]).await, 200);
    assert_eq!(stage.serves(&names[999]).await, 200);
    stage.publish_hosts(4, &[HOST, "new.example"], 2);
    let status = agent.applies(4).await;
    assert_eq!(status["tenants"]["acme"]["runs"], tag(4));
    assert_eq!(stage.serves("new.example").await, 200);
    assert_eq!(stage.serves(&names[0]).await, 404);
    assert_eq!(stage.serves(":revision").await, 404);
    assert_eq!(stage.worker().await.unwrap(), worker, "it was reloaded");
    let answer = timeout(Duration::from_secs(5), on(&mut kept)).await;
    assert_eq!(
        answer.unwrap().unwrap(),
        "HTTP/1.1 200",
        "it closed a connection"
    );

    // A restart of the proxy alone has the same.
    drop(agent);
    stage.stop_proxy();
    stage.start_proxy();
    stage.answers("one").await;
    assert_eq!(stage.serves("new.example").await, 200);
    assert_eq!(stage.serves(&names[0]).await, 404);
    let worker = stage.worker().await.unwrap();
    let agent = stage.agent();
    let status = agent.applies(4).await;
    assert_eq!(status["proxy"]["failures"], 0, "{status}");
    assert_eq!(stage.worker().await.unwrap(), worker, "it was reloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_backend_is_a_reload_and_the_next_change_of_hosts_is_none() {
    let mut stage = Stage::new("haproxy").await;
    let agent = stage.begin().await;
    stage.publish_hosts(2, &[HOST], 2);
    agent.applies(2).await;
    stage.publish_hosts(3, &[HOST, "a.example"], 2);
    agent.applies(3).await;
    let first = stage.worker().await.unwrap();
    stage.publish_hosts(4, &[HOST, "b.example"], 3);
    agent.applies(4).await;
    let second = stage.worker().await.unwrap();
    assert_ne!(first, second, "the new server needs a reload");
    assert_eq!(stage.serves("a.example").await, 404);
    assert_eq!(stage.serves("b.example").await, 200);
    stage.publish_hosts(5, &[HOST, "c.example"], 3);
    agent.applies(5).await;
    assert_eq!(stage.serves("c.example").await, 200);
    assert_eq!(stage.worker().await.unwrap(), second, "it was reloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_that_was_restarted_with_older_files_gets_the_newest() {
    let mut stage = Stage::new("haproxy").await;
    let agent = stage.begin().await;
    stage.publish_hosts(2, &[HOST], 2);
    agent.applies(2).await;
    let (configuration, hosts) = (
        stage.folder.read("proxy/haproxy.cfg"),
        stage.folder.read("proxy/hosts.map"),
    );
    stage.publish_hosts(3, &[HOST, "new.example"], 2);
    agent.applies(3).await;
    // Somebody brings older files back and restarts the proxy.
    stage.stop_proxy();
    stage.folder.write("proxy/haproxy.cfg", &configuration);
    stage.folder.write("proxy/hosts.map", &hosts);
    stage.start_proxy();
    let served = async {
        while stage.serves("new.example").await != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, served).await.unwrap();
    agent.applies(3).await;
}
