//! A control plane over real HTTP that says what a test wants: a snapshot of each tenant, and a
//! stream of snapshots. It keeps the newest report of a node for each tenant.

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

/// The tenants by their names.
type Tenants = BTreeMap<String, Arc<TenantSnapshot>>;
type Reports = BTreeMap<String, Report>;

/// A control plane. When it is dropped, its connections are closed and nobody listens.
pub struct ControlPlane {
    pub url: String,
    state: watch::Sender<Tenants>,
    reports: watch::Receiver<Reports>,
    task: JoinHandle<()>,
}

impl ControlPlane {
    pub async fn start(snapshot: TenantSnapshot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, seen) = watch::channel(Tenants::new());
        let (told, reports) = watch::channel(Reports::new());
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (seen, told) = (seen.clone(), told.clone());
                tokio::spawn(async move { answer(connection, seen, &told).await });
            }
        });
        let plane = Self {
            url,
            state,
            reports,
            task,
        };
        plane.publish(snapshot);
        plane
    }

    /// Waits for a report for the tenant `acme` that fits.
    pub async fn hears(&self, what: &str, fits: impl Fn(&Report) -> bool) -> Report {
        self.hears_of("acme", what, fits).await
    }

    /// Waits for a report for a tenant that fits.
    pub async fn hears_of(
        &self,
        tenant: &str,
        what: &str,
        fits: impl Fn(&Report) -> bool,
    ) -> Report {
        let mut reports = self.reports.clone();
        let fitting = |reports: &Reports| reports.get(tenant).filter(|it| fits(it)).cloned();
        let heard = reports.wait_for(|reports| fitting(reports).is_some());
        let heard = timeout(PATIENCE, heard).await;
        let heard = heard.map(|heard| fitting(&heard.unwrap()).unwrap());
        heard.unwrap_or_else(|_| panic!("not heard: {what}; {:?}", self.reports.borrow()))
    }

    /// Changes the state of the snapshot's tenant.
    pub fn publish(&self, snapshot: TenantSnapshot) {
        let name = snapshot.tenant().to_string();
        self.state
            .send_modify(|state| drop(state.insert(name, Arc::new(snapshot))));
    }

    /// Removes a tenant.
    pub fn remove(&self, tenant: &str) {
        self.state.send_modify(|state| drop(state.remove(tenant)));
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut connection: TcpStream,
    mut seen: watch::Receiver<Tenants>,
    told: &watch::Sender<Reports>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let (_, path) = head.split_once(" /api/v1/tenants/")?;
    let tenant = path.split('/').next()?;
    if head.starts_with("HEAD ") {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let report = lines
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        told.send_modify(|told| drop(told.insert(tenant.to_owned(), report)));
        let head = b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n";
        return connection.write_all(head).await.ok();
    }
    let snapshot = seen.borrow_and_update().get(tenant).cloned();
    let Some(snapshot) = snapshot else {
        let head = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        return connection.write_all(head).await.ok();
    };
    let json = body::write(&snapshot, &Scope::default());
    let is_stream = path.strip_prefix(tenant)?.starts_with("/stream");
    if !is_stream {
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
        let mut next = Arc::clone(&snapshot);
        while Arc::ptr_eq(&next, &snapshot) {
            seen.changed().await.ok()?;
            // The stream of a tenant that was removed ends.
            next = seen.borrow_and_update().get(tenant).cloned()?;
        }
        snapshot = next;
    }
}
