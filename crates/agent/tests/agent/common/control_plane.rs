//! A control plane over real HTTP that says what a test wants: a snapshot, and a stream of
//! snapshots. It keeps the newest report of a node.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use traffic_manager_core::snapshot::{Scope, TenantSnapshot, body};

use super::PATIENCE;

/// The headers of a report, by names in lower case.
pub type Report = BTreeMap<String, String>;

/// A control plane. When it is dropped, its connections are closed and nobody listens.
pub struct ControlPlane {
    pub url: String,
    state: watch::Sender<Arc<TenantSnapshot>>,
    reports: watch::Receiver<Report>,
    task: JoinHandle<()>,
}

impl ControlPlane {
    pub async fn start(snapshot: TenantSnapshot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, seen) = watch::channel(Arc::new(snapshot));
        let (told, reports) = watch::channel(Report::new());
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (seen, told) = (seen.clone(), told.clone());
                tokio::spawn(async move { answer(connection, seen, &told).await });
            }
        });
        Self {
            url,
            state,
            reports,
            task,
        }
    }

    /// Waits for a report that fits.
    pub async fn hears(&self, what: &str, fits: impl Fn(&Report) -> bool) -> Report {
        let mut reports = self.reports.clone();
        let heard = timeout(PATIENCE, reports.wait_for(|report| fits(report))).await;
        let heard = heard.map(|heard| heard.unwrap().clone());
        heard.unwrap_or_else(|_| panic!("not heard: {what}; {:?}", self.reports.borrow()))
    }

    /// Changes the state.
    pub fn publish(&self, snapshot: TenantSnapshot) {
        self.state.send_replace(Arc::new(snapshot));
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut connection: TcpStream,
    mut seen: watch::Receiver<Arc<TenantSnapshot>>,
    told: &watch::Sender<Report>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    if head.starts_with(b"HEAD ") {
        let head = String::from_utf8(head).ok()?;
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        told.send_replace(
            lines
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
        );
        let head = b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n";
        return connection.write_all(head).await.ok();
    }
    let snapshot = seen.borrow_and_update().clone();
    let json = body::write(&snapshot, &Scope::default());
    if !head.starts_with(b"GET /api/v1/tenants/acme/stream") {
        let length = json.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.ok()?;
        return connection.write_all(&json).await.ok();
    }
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n";
    connection.write_all(head.as_bytes()).await.ok()?;
    let mut snapshot = snapshot;
    loop {
        let json = body::write(&snapshot, &Scope::default());
        let tag = snapshot.tag();
        let event = format!(
            "event: snapshot\nid: {tag}\ndata: {}\n\n",
            String::from_utf8(json).ok()?
        );
        connection.write_all(event.as_bytes()).await.ok()?;
        seen.changed().await.ok()?;
        snapshot = seen.borrow_and_update().clone();
    }
}
