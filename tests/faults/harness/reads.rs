//! The reads of the load.
//!
//! They are polls of every sort: with the tag last seen, with the revision last acknowledged, with
//! both, or with neither at one instance. The recorder keeps the content of each answer, and the
//! checker compares it with the history.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use super::{
    Size, Target,
    load::{ENVS, client, route},
    record::{Attempt, Phase, Recorder, Scope, Sighting, content},
};

/// The number of clients that remember their tags.
const CLIENTS: u64 = 16;

/// The holder of a tag: a client, or a process that answered a request without a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    Client(u64),
    Process(usize, usize),
}

pub struct Readers {
    http: reqwest::Client,
    size: Size,
    targets: Arc<Vec<Target>>,
    recorder: Arc<Recorder>,
    /// The newest acknowledged revision of each tenant.
    acknowledged: Vec<AtomicU64>,
    seen: Mutex<HashMap<(Holder, usize, Scope), u64>>,
}

/// A read that is ready to be sent.
struct Read {
    tenant: usize,
    scope: Scope,
    /// True to read the list of routes, which comes from Postgres or a replica, instead of the
    /// snapshot.
    listed: bool,
    target: usize,
    holder: Holder,
    tag: Option<u64>,
    minimum: Option<u64>,
}

impl Readers {
    pub fn new(size: &Size, targets: &Arc<Vec<Target>>, recorder: &Arc<Recorder>) -> Self {
        Self {
            http: client(),
            size: size.clone(),
            targets: targets.clone(),
            recorder: recorder.clone(),
            acknowledged: (0..size.tenants).map(|_| AtomicU64::new(0)).collect(),
            seen: Mutex::default(),
        }
    }

    /// Records that a write of the tenant was answered with this revision. A reader that names the
    /// revision must see nothing older.
    pub fn acknowledged(&self, tenant: usize, revision: u64) {
        self.acknowledged[tenant].fetch_max(revision, Ordering::SeqCst);
    }

    /// Sends the read of a number, or nothing while its tenant has no history yet.
    pub async fn read(&self, number: u64, due: Instant) {
        let mut rng =
            StdRng::seed_from_u64(self.size.seed ^ number.wrapping_mul(0xa076_1d64_78bd_642f));
        let tenant = rng.random_range(0..self.size.tenants);
        let acknowledged = self.acknowledged[tenant].load(Ordering::SeqCst);
        if acknowledged == 0 {
            return;
        }
        if rng.random_ratio(1, 10) {
            self.changes(&mut rng, tenant, acknowledged, due).await;
        } else {
            let read = self.choose(&mut rng, tenant, acknowledged);
            self.ask(read, due).await;
        }
    }

    fn choose(&self, rng: &mut StdRng, tenant: usize, acknowledged: u64) -> Read {
        let route = route(rng.random_range(0..self.size.routes));
        let scope = match rng.random_range(0..5) {
            0 => Scope::Whole,
            1 => Scope::Env(ENVS[0]),
            2 => Scope::Service(
                route
                    .rsplit_once('/')
                    .map(|(scope, _)| scope.to_owned())
                    .unwrap_or_default(),
            ),
            _ => Scope::Route(route),
        };
        let target = rng.random_range(0..self.targets.len());
        let style = rng.random_range(0..10);
        // Without a tag and a minimum a process answers from its own state, which never goes back
        // until the process is replaced.
        let listed = style == 1 && scope == Scope::Whole;
        let process = self.targets[target]
            .process
            .as_ref()
            .filter(|_| style == 0 && scope == Scope::Whole);
        if let Some(process) = process {
            let holder = Holder::Process(target, process.load(Ordering::SeqCst));
            return Read {
                tenant,
                scope,
                listed,
                target,
                holder,
                tag: None,
                minimum: None,
            };
        }
        let holder = Holder::Client(rng.random_range(0..CLIENTS));
        let tag = self
            .newest(&holder, tenant, &scope)
            .filter(|_| style < 8 && !listed);
        let minimum = (style >= 6 || tag.is_none()).then_some(acknowledged);
        Read {
            tenant,
            scope,
            listed,
            target,
            holder,
            tag,
            minimum,
        }
    }

    fn newest(&self, holder: &Holder, tenant: usize, scope: &Scope) -> Option<u64> {
        let seen = self.seen.lock();
        seen.get(&(holder.clone(), tenant, scope.clone())).copied()
    }

    fn epoch(&self, tenant: usize) -> String {
        self.recorder
            .seen()
            .epochs
            .get(&format!("t{tenant}"))
            .cloned()
            .unwrap_or_default()
    }

    async fn ask(&self, read: Read, due: Instant) {
        let (phase, target, epoch) = (
            self.recorder.phase(),
            &self.targets[read.target],
            self.epoch(read.tenant),
        );
        // Taken before the request is sent: the same holder may get other answers meanwhile.
        let held = self
            .newest(&read.holder, read.tenant, &read.scope)
            .filter(|_| matches!(read.holder, Holder::Process(..)));
        let mut request = self.http.get(format!("{}{}", target.base, path_of(&read)));
        if let Some(tag) = read.tag {
            request = request.header("if-none-match", format!("\"{epoch}.{tag}\""));
        }
        if let Some(minimum) = read.minimum {
            request = request.header("tm-min-revision", format!("{epoch}.{minimum}"));
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return self.lost(phase, &error, due),
        };
        let status = answer.status().as_u16();
        // 408: the server waited too long for the request, because an overloaded machine sends it
        // late.
        if status == 408 {
            return self.recorder.read(phase, Attempt::Lost, due.elapsed());
        }
        if status == 429 || status >= 500 {
            if !answer.headers().contains_key("retry-after") {
                self.recorder
                    .fault(format!("{}: {status} without Retry-After", path_of(&read)));
            }
            let problem: Value = answer.json().await.unwrap_or_default();
            self.recorder
                .refused(status, problem["code"].as_str().unwrap_or_default());
            return self.recorder.read(phase, Attempt::Refused, due.elapsed());
        }
        let tag = answer
            .headers()
            .get("etag")
            .and_then(|tag| tag.to_str().ok())
            .map(|tag| tag.trim_matches('"').to_owned());
        let bytes = match answer.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return self.lost(phase, &error, due),
        };
        self.recorder.read(phase, Attempt::Good, due.elapsed());
        let floor = [read.tag, read.minimum, held]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(0);
        let shown: Option<u64> = match (status, tag.as_deref().and_then(|tag| tag.split_once('.')))
        {
            (200 | 304, Some((answered, revision))) => {
                self.recorder.epoch(&format!("t{}", read.tenant), answered);
                revision.parse().ok()
            }
            (404, _) => None,
            _ => {
                return self
                    .recorder
                    .fault(format!("{}: {status}, tag {tag:?}", path_of(&read)));
            }
        };
        if let Holder::Process(_, process) = read.holder
            && target
                .process
                .as_ref()
                .is_none_or(|now| now.load(Ordering::SeqCst) != process)
        {
            // Another process may have answered.
            return;
        }
        let content = (status == 200).then(|| shown_by(&bytes));
        if let Some(revision) = shown {
            let mut seen = self.seen.lock();
            let newest = seen
                .entry((read.holder, read.tenant, read.scope.clone()))
                .or_default();
            *newest = revision.max(*newest);
        }
        self.recorder.sighted(Sighting {
            tenant: format!("t{}", read.tenant),
            scope: read.scope,
            floor,
            revision: shown,
            content,
        });
    }

    fn lost(&self, phase: Phase, error: &reqwest::Error, due: Instant) {
        self.recorder.lost(error);
        self.recorder.read(phase, Attempt::Lost, due.elapsed());
    }

    /// Reads the changes after a known revision. They must be the next revisions without a gap, up
    /// to the newest known revision at least.
    async fn changes(&self, rng: &mut StdRng, tenant: usize, acknowledged: u64, due: Instant) {
        let (phase, epoch) = (self.recorder.phase(), self.epoch(tenant));
        let after = acknowledged.saturating_sub(rng.random_range(0..20)).max(1);
        let base = &self.targets[rng.random_range(0..self.targets.len())].base;
        let url = format!("{base}/tenants/t{tenant}/changes?after={epoch}.{after}");
        let answer = self
            .http
            .get(url)
            .header("tm-min-revision", format!("{epoch}.{acknowledged}"))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.lost(phase, &error, due),
        };
        let status = answer.status().as_u16();
        if status == 429 || status >= 500 {
            return self.recorder.read(phase, Attempt::Refused, due.elapsed());
        }
        let body: Value = match answer.json().await {
            Ok(body) => body,
            Err(error) => return self.lost(phase, &error, due),
        };
        self.recorder.read(phase, Attempt::Good, due.elapsed());
        let Some(changes) = body["changes"]
            .as_array()
            .filter(|_| status == 200 && body.get("reset").is_none())
        else {
            return self
                .recorder
                .fault(format!("t{tenant}: changes after {after}: {status} {body}"));
        };
        let to = body["to"]
            .as_str()
            .and_then(|tag| tag.split_once('.')?.1.parse::<u64>().ok())
            .unwrap_or_default();
        if to < acknowledged || changes.len() as u64 != to - after {
            let count = changes.len();
            return self.recorder.fault(format!(
                "t{tenant}: {count} changes from {after} to {to} for a client that knew {acknowledged}"
            ));
        }
        for (expected, change) in (after + 1..).zip(changes) {
            if change["revision"].as_u64() != Some(expected) {
                return self.recorder.fault(format!(
                    "t{tenant}: changes after {after}: {} instead of {expected}",
                    change["revision"]
                ));
            }
            self.recorder.changed(
                &format!("t{tenant}"),
                expected,
                change["id"].as_str().unwrap_or_default(),
            );
        }
    }
}

fn path_of(read: &Read) -> String {
    let tenant = read.tenant;
    let parts = |name: &str, keys: [&str; 3]| {
        let pairs: Vec<String> = keys
            .iter()
            .zip(name.split('/'))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join("&")
    };
    let keys = ["service", "env", "version"];
    match &read.scope {
        Scope::Whole if read.listed => format!("/routes?tenant=t{tenant}&limit=200"),
        Scope::Whole => format!("/tenants/t{tenant}/snapshot"),
        Scope::Env(env) => format!("/tenants/t{tenant}/snapshot?env={env}"),
        Scope::Service(name) => format!("/tenants/t{tenant}/snapshot?{}", parts(name, keys)),
        Scope::Route(name) => format!("/routes/resolve?tenant=t{tenant}&{}", parts(name, keys)),
    }
}

/// Returns one number for the content of a snapshot, a list or an answer to `resolve`. A list has
/// inactive routes too; they are left out.
fn shown_by(bytes: &[u8]) -> u64 {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let routes: Vec<&Value> = match body["routes"].as_array().or(body["items"].as_array()) {
        Some(routes) => routes
            .iter()
            .filter(|route| route["is_active"] != false)
            .collect(),
        None => vec![&body],
    };
    let part = |route: &Value, name: &str| route[name].as_str().unwrap_or_default().to_owned();
    let lines: Vec<(String, String)> = routes
        .iter()
        .map(|route| {
            (
                ["service", "env", "version"]
                    .map(|name| part(route, name))
                    .join("/"),
                part(route, "url"),
            )
        })
        .collect();
    content(
        lines
            .iter()
            .map(|(name, url)| (name.as_str(), url.as_str())),
    )
}
