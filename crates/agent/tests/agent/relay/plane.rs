//! A control plane that signs, streams changes, knows keys, and takes reports. What it answers is written after the service's
//! own code, and not with the relay's.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use traffic_manager_core::{
    event::Recorded,
    snapshot::{
        Applied, Recent, Scope, TenantSnapshot, body,
        confirmation::SignedConfirmation,
        signature::{KeyId, Signatures, Statement},
    },
    tag::{Revision, VersionTag},
};

use crate::common::{PATIENCE, eventually};

/// The time between comments of streams.
const QUIET: Duration = Duration::from_secs(15);

type Tenants = BTreeMap<String, Arc<TenantSnapshot>>;

/// The keys that it knows, with what `/self` says about them; the relay's own is one of them.
pub const OWN: &str = "relay-key";
pub const NODE: &str = "node-key";

#[derive(Default)]
struct Heard {
    /// Reports of nodes, in their order: the tenant and the report.
    reports: Vec<(String, Value)>,
    /// How often `/self` was asked.
    selves: usize,
    /// Streams that were opened, by path.
    streams: Vec<String>,
}

struct Shared {
    key: Ed25519KeyPair,
    tokens: Mutex<BTreeMap<String, Value>>,
    heard: watch::Sender<Heard>,
    /// Whether reports are answered 503.
    refuses_reports: Mutex<bool>,
}

/// A control plane. When it is dropped, its connections are closed and nobody listens.
pub struct Plane {
    pub address: SocketAddr,
    state: watch::Sender<Tenants>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// The public key of all control planes here, in hex.
pub fn public_key() -> String {
    hex::encode(key().public_key().as_ref())
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

/// What `/self` says about a key.
pub fn caller(tenant: Option<&str>, envs: Option<&[&str]>, expires_at: Option<&str>) -> Value {
    json!({
        "actor": {"kind": "key", "id": "k1"}, "roles": ["node"], "tenant": tenant, "services": null, "envs": envs,
        "expires_at": expires_at,
    })
}

impl Plane {
    pub async fn start(snapshots: impl IntoIterator<Item = TenantSnapshot>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), snapshots).await
    }

    /// Starts at an address, such as that of one that was dropped.
    pub async fn start_at(
        address: SocketAddr,
        snapshots: impl IntoIterator<Item = TenantSnapshot>,
    ) -> Self {
        // One that was dropped just now may still listen.
        let listener = eventually("the address is free", async || {
            TcpListener::bind(address).await.ok()
        })
        .await;
        let address = listener.local_addr().unwrap();
        let all = snapshots
            .into_iter()
            .map(|it| (it.tenant().to_string(), Arc::new(it)));
        let (state, seen) = watch::channel(all.collect());
        let shared = Arc::new(Shared {
            key: key(),
            tokens: Mutex::default(),
            heard: watch::Sender::new(Heard::default()),
            refuses_reports: Mutex::new(false),
        });
        let knows = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (seen, shared) = (seen.clone(), Arc::clone(&knows));
                tokio::spawn(answer(connection, seen, shared));
            }
        });
        let plane = Self {
            address,
            state,
            shared,
            task,
        };
        plane.allow(OWN, caller(None, None, None));
        plane.allow(NODE, caller(Some("acme"), None, None));
        plane
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn allow(&self, token: &str, caller: Value) {
        let mut tokens = self.shared.tokens.lock().unwrap();
        tokens.insert(format!("Bearer {token}"), caller);
    }

    pub fn forbid(&self, token: &str) {
        let mut tokens = self.shared.tokens.lock().unwrap();
        tokens.remove(&format!("Bearer {token}"));
    }

    pub fn refuse_reports(&self, refuses: bool) {
        *self.shared.refuses_reports.lock().unwrap() = refuses;
    }

    /// How often it was asked whose key something is.
    pub fn selves(&self) -> usize {
        self.shared.heard.borrow().selves
    }

    /// The streams that were opened, by their paths with the query.
    pub fn streams(&self) -> Vec<String> {
        self.shared.heard.borrow().streams.clone()
    }

    /// Waits for a report of a node of a tenant that fits.
    pub async fn hears(&self, what: &str, fits: impl Fn(&str, &Value) -> bool) -> Value {
        let mut heard = self.shared.heard.subscribe();
        let fitting = |heard: &Heard| {
            let mut reports = heard.reports.iter().rev();
            reports
                .find(|(tenant, report)| fits(tenant, report))
                .cloned()
        };
        let found = timeout(PATIENCE, heard.wait_for(|heard| fitting(heard).is_some())).await;
        let found = found.map(|heard| fitting(&heard.unwrap()).unwrap().1);
        found.unwrap_or_else(|_| {
            panic!(
                "not heard: {what}; {:?}",
                self.shared.heard.borrow().reports
            )
        })
    }

    pub fn reports(&self) -> Vec<(String, Value)> {
        self.shared.heard.borrow().reports.clone()
    }

    pub fn snapshot(&self, tenant: &str) -> Arc<TenantSnapshot> {
        Arc::clone(&self.state.borrow()[tenant])
    }

    pub fn remove(&self, tenant: &str) {
        self.state.send_modify(|state| drop(state.remove(tenant)));
    }

    /// Sets the URL of a route, as one revision of as many events as there are places. Returns the new tag.
    pub fn change(&self, tenant: &str, places: &[&str], url: &str) -> VersionTag {
        let before = self.snapshot(tenant);
        let revision = before.tag().revision.0 + 1;
        let events = places.iter().enumerate().map(|(item, place)| {
            let json = event(&before, revision, (item, places.len()), place, url);
            Recorded {
                event: serde_json::from_str(&json).unwrap(),
                json: json.into(),
            }
        });
        let events: Vec<_> = events.collect();
        let Applied::Next(next) = before.follow(&events, &Scope::default()).unwrap() else {
            panic!("the events follow");
        };
        let tag = next.tag().clone();
        self.publish(next);
        tag
    }

    pub fn publish(&self, next: TenantSnapshot) {
        let name = next.tenant().to_string();
        self.state
            .send_modify(|state| drop(state.insert(name, Arc::new(next))));
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn event(
    before: &TenantSnapshot,
    revision: u64,
    (item, items): (usize, usize),
    place: &str,
    url: &str,
) -> String {
    let parts: Vec<&str> = place.split('/').collect();
    json!({
        "action": "updated", "actor": {"id": "tester", "kind": "key"}, "before": null,
        "after": {"url": url, "is_active": true, "labels": {}, "description": "a\u{2028}b"},
        "epoch": before.tag().epoch.as_str(), "hash": "0".repeat(64), "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
        "item": item, "items": items, "occurred_at": "2026-11-21T08:03:37.661997Z", "prev_hash": "0".repeat(64),
        "reason": null, "request_id": "r", "revision": revision, "source_ip": null,
        "tenant": before.tenant().as_str(), "trace_id": null,
        "route": {"service": parts[0], "env": parts[1], "version": parts[2]},
    })
    .to_string()
}

impl Shared {
    fn signature(&self, snapshot: &TenantSnapshot, scope: &Scope) -> String {
        let text = Statement {
            tenant: snapshot.tenant(),
            scope,
            tag: &snapshot.scope_tag(scope),
            digest: &snapshot.digest(scope),
        }
        .to_string();
        self.sign(&text).to_string()
    }

    fn sign(&self, text: &str) -> Signatures {
        let public: [u8; 32] = self.key.public_key().as_ref().try_into().unwrap();
        let signature: [u8; 64] = self.key.sign(text.as_bytes()).as_ref().try_into().unwrap();
        Signatures(vec![(KeyId::of(&public), signature)])
    }

    fn confirmed(&self, snapshot: &TenantSnapshot, scope: &Scope) -> Option<String> {
        let confirmation = snapshot.confirmation(scope)?;
        let signed = SignedConfirmation {
            signatures: self.sign(&confirmation.text(snapshot.tenant())),
            confirmation,
        };
        Some(signed.to_string())
    }

    fn signature_event(&self, snapshot: &TenantSnapshot, scope: &Scope) -> String {
        let confirmed = self.confirmed(snapshot, scope);
        let confirmed = confirmed.map_or_else(String::new, |it| format!(",\"confirmed\":\"{it}\""));
        let data = format!(
            "{{\"tag\":\"{}\",\"digest\":\"{}\",\"signature\":\"{}\"{confirmed}}}",
            snapshot.scope_tag(scope),
            hex::encode(snapshot.digest(scope)),
            self.signature(snapshot, scope)
        );
        format!("event: signature\ndata: {data}\n\n")
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

async fn read(connection: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    let query = url::form_urlencoded::parse(query.as_bytes());
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.into_owned().collect(),
        headers,
        body,
    })
}

async fn write(connection: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> Option<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    connection.write_all(head.as_bytes()).await.ok()?;
    connection.write_all(body).await.ok()
}

async fn answer(
    mut connection: TcpStream,
    seen: watch::Receiver<Tenants>,
    shared: Arc<Shared>,
) -> Option<()> {
    let request = read(&mut connection).await?;
    let to = &mut connection;
    let authorization = request.headers.get("authorization").cloned();
    let tokens = shared.tokens.lock().unwrap().clone();
    let caller = tokens.get(&authorization.unwrap_or_default()).cloned();
    if request.path == "/api/v1/self" {
        shared.heard.send_modify(|heard| heard.selves += 1);
    }
    let Some(caller) = caller else {
        return write(to, "401 Unauthorized", "", b"").await;
    };
    match request.path.as_str() {
        "/api/v1/self" => {
            let body = serde_json::to_vec(&caller).unwrap();
            return write(to, "200 OK", "content-type: application/json\r\n", &body).await;
        }
        "/api/v1/dataplane/keys" => {
            let body = br#"{"keys":[{"id":"x","algorithm":"Ed25519","public_key":"y"}]}"#;
            return write(to, "200 OK", "content-type: application/json\r\n", body).await;
        }
        _ => {}
    }
    let rest = request.path.strip_prefix("/api/v1/tenants/")?;
    let (tenant, what) = rest.split_once('/')?;
    if what == "nodes" && request.method == "POST" {
        if *shared.refuses_reports.lock().unwrap() {
            return write(to, "503 Service Unavailable", "", b"").await;
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let reports = body["reports"].as_array().unwrap().iter().cloned();
        shared.heard.send_modify(|heard| {
            heard
                .reports
                .extend(reports.map(|it| (tenant.to_owned(), it)));
        });
        return write(to, "204 No Content", "", b"").await;
    }
    if what == "stream" {
        let opened = format!("{} {:?}", request.path, request.query);
        shared.heard.send_modify(|heard| heard.streams.push(opened));
        return stream(to, seen, &shared, tenant, &request).await;
    }
    snapshot(to, seen, &shared, tenant, &request).await
}

fn scope(request: &Request) -> Scope {
    Scope {
        service: request.query.get("service").map(|it| it.parse().unwrap()),
        env: request.query.get("env").map(|it| it.parse().unwrap()),
    }
}

async fn snapshot(
    to: &mut TcpStream,
    mut seen: watch::Receiver<Tenants>,
    shared: &Shared,
    tenant: &str,
    request: &Request,
) -> Option<()> {
    let scope = scope(request);
    let tag = request.headers.get("if-none-match").cloned();
    let etag = |tenants: &Tenants| tenants.get(tenant).map(|it| it.scope_tag(&scope).to_etag());
    if let Some(wait) = request.query.get("wait") {
        let wait = Duration::from_secs(wait.trim_end_matches('s').parse().unwrap());
        let moved = seen.wait_for(|tenants| etag(tenants) != tag);
        let _ = timeout(wait, moved).await;
    }
    let snapshot = seen.borrow().get(tenant).cloned();
    let Some(snapshot) = snapshot else {
        return write(to, "404 Not Found", "", b"").await;
    };
    let etag = snapshot.scope_tag(&scope).to_etag();
    let headers =
        format!("cache-control: no-cache\r\nvary: accept-encoding, prefer\r\netag: {etag}\r\n");
    if tag.as_ref() == Some(&etag) {
        return write(to, "304 Not Modified", &headers, b"").await;
    }
    let signature = shared.signature(&snapshot, &scope);
    let confirmed = shared.confirmed(&snapshot, &scope);
    let confirmed = confirmed.map_or_else(String::new, |it| format!("tm-confirmed: {it}\r\n"));
    let headers = format!(
        "content-type: application/json\r\ntm-signature: {signature}\r\n{confirmed}{headers}"
    );
    write(to, "200 OK", &headers, &body::write(&snapshot, &scope)).await
}

async fn stream(
    to: &mut TcpStream,
    mut seen: watch::Receiver<Tenants>,
    shared: &Shared,
    tenant: &str,
    request: &Request,
) -> Option<()> {
    let scope = scope(request);
    let first = seen.borrow_and_update().get(tenant).cloned();
    let Some(mut snapshot) = first else {
        return write(to, "404 Not Found", "", b"").await;
    };
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\
                x-accel-buffering: no\r\n\r\nretry: 1000\n\n";
    to.write_all(head.as_bytes()).await.ok()?;
    let after = request.headers.get("last-event-id");
    let mut at: Option<VersionTag> = after.map(|it| it.parse().unwrap());
    let mut has_begun = false;
    loop {
        let text = match &at {
            Some(at) => changes(shared, &snapshot, &scope, at, has_begun),
            None => whole(shared, &snapshot, &scope),
        };
        at = Some(snapshot.tag().clone());
        has_begun = true;
        to.write_all(text.as_bytes()).await.ok()?;
        let before = Arc::clone(&snapshot);
        while Arc::ptr_eq(&before, &snapshot) {
            match timeout(QUIET, seen.changed()).await {
                Ok(changed) => changed.ok()?,
                Err(_) => to.write_all(b":\n\n").await.ok()?,
            }
            // The stream of a tenant that was removed ends.
            snapshot = seen.borrow_and_update().get(tenant).cloned()?;
        }
    }
}

fn whole(shared: &Shared, snapshot: &TenantSnapshot, scope: &Scope) -> String {
    let body = String::from_utf8(body::write(snapshot, scope)).unwrap();
    let signature = shared.signature_event(snapshot, scope);
    let tag = snapshot.tag();
    format!("id: {tag}\nevent: snapshot\ndata: {body}\n\n{signature}")
}

fn changes(
    shared: &Shared,
    snapshot: &TenantSnapshot,
    scope: &Scope,
    at: &VersionTag,
    has_begun: bool,
) -> String {
    // Nothing of the scope has changed since, however long ago that was.
    if at.covers(&snapshot.scope_tag(scope)) {
        let signature = shared.signature_event(snapshot, scope);
        return if has_begun { String::new() } else { signature };
    }
    let known = snapshot.changes_after(Revision(at.revision.0));
    let Some(known) = known.filter(|_| at.epoch == snapshot.tag().epoch) else {
        return whole(shared, snapshot, scope);
    };
    let changes: Vec<&Arc<Recent>> = known.filter(|it| it.is_in(scope)).collect();
    let mut text = String::new();
    for (index, change) in changes.iter().enumerate() {
        let next = changes.get(index + 1).map(|next| next.revision);
        if next != Some(change.revision) {
            text += &format!("id: {}.{}\n", at.epoch, change.revision);
        }
        let json = std::str::from_utf8(&change.json).unwrap();
        let json = json.replace('\u{2028}', "\\u2028");
        text += &format!("event: change\ndata: {json}\n\n");
    }
    if !changes.is_empty() || !has_begun {
        text += &shared.signature_event(snapshot, scope);
    }
    text
}
