//! Files, for Envoys without a control plane: each a `DiscoveryResponse` with one resource a line.
//!
//! What a policy is in JSON is kept as it is and not as it is in the body: one policy has several
//! hosts, and the digests of the files are made of it.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    CLUSTER_TYPE, ROUTE_TYPE, ROUTES,
    messages::{json, route::Route},
    policy::{self, Messages},
    routes,
    running::Running,
    table::{Claimant, Conflicts, Part, Table, VirtualHost},
};
use crate::{
    Body, Settings,
    blocks::Blocks,
    kept::{Entry, Kept, Place},
    model::{Model, PolicyModel},
    report::{Findings, Report},
    text::{self, TextFile, escaped},
};

/// What to run after the files were written: nothing, Envoy watches their folder. Each file must be
/// written beside its place and renamed into it, clusters before the routes that use them. Between
/// the two a proxy may send requests to a cluster that is gone and answer them with 503; streams
/// avoid that.
const RELOAD: &str = "";

/// What is made of a policy, in JSON.
#[derive(Debug, Clone)]
struct Made {
    hosts: Vec<String>,
    /// The clusters, each with a comma before it.
    clusters: Arc<str>,
    /// The clusters as they are in the body.
    escaped: Bytes,
    /// The routes under each path prefix, with commas between them, in the order of the prefixes. `None`:
    /// requests are answered with 503.
    routes: Option<Vec<Arc<str>>>,
}

impl Made {
    fn of(policy: &PolicyModel, settings: &Settings, before: Option<&Self>) -> (Self, Findings) {
        let mut findings = Findings::default();
        let messages = policy::messages(policy, settings, &mut findings);
        let hosts = policy::hosts(policy);
        let (clusters, routes) = texts(&messages).unwrap_or_else(|error| {
            // No message is without JSON. If one were, it would hold up no other policy.
            findings.refuse(format!("The policy has no JSON: {error}."));
            Texts::default()
        });
        let (clusters, escaped) = match before {
            Some(before) if before.clusters == clusters => {
                (before.clusters.clone(), before.escaped.clone())
            }
            _ => (clusters.clone(), escaped(&clusters)),
        };
        let made = Self {
            hosts,
            clusters,
            escaped,
            routes,
        };
        (made, findings)
    }

    fn weight(&self) -> usize {
        let routes = self.routes.iter().flatten().map(|text| text.len());
        self.clusters.len() + routes.sum::<usize>()
    }
}

type Texts = (Arc<str>, Option<Vec<Arc<str>>>);

/// Returns the clusters and the routes of a policy in JSON.
fn texts(messages: &Messages) -> serde_json::Result<Texts> {
    let mut clusters = String::new();
    for cluster in &messages.clusters {
        clusters += ",\n    ";
        clusters += &json::text(cluster)?;
    }
    let routes = messages.routes.as_ref().map(|routes| {
        let texts = routes.iter().map(|routes| Ok(items(routes)?.into()));
        texts.collect()
    });
    Ok((clusters.into(), routes.transpose()?))
}

/// Returns the items of an array, with commas between them.
fn items(routes: &[impl Serialize]) -> serde_json::Result<String> {
    let array = serde_json::to_string(routes)?;
    Ok(array[1..array.len() - 1].to_owned())
}

/// A virtual host.
#[derive(Debug, Clone)]
struct Host {
    /// The hosts. The virtual host has the name of the first one.
    names: Vec<String>,
    /// What is before the routes, in JSON.
    head: String,
    place: Place,
    /// Its routes. No other parts are where these are in memory as long as they are here.
    parts: Vec<Arc<str>>,
    /// The virtual host as it is in the body, with a comma after it.
    escaped: Bytes,
}

impl Host {
    fn of(host: &VirtualHost<'_, '_>, parts: Vec<Arc<str>>, before: Option<&Self>) -> Self {
        let names = std::iter::once(&host.name).chain(&host.others);
        let names: Vec<_> = names.copied().map(str::to_owned).collect();
        let head = head_of(&names);
        let mut text = String::new();
        written(&head, &parts, |part| text += part);
        Self {
            names,
            head,
            place: before.map_or_else(|| Place::of([host.name.as_bytes()]), |old| old.place),
            escaped: escaped(&text),
            parts,
        }
    }

    fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    fn is_of(&self, host: &VirtualHost<'_, '_>, parts: &[Cow<'_, Arc<str>>]) -> bool {
        let mut pairs = self.parts.iter().zip(parts);
        self.names[1..] == host.others
            && self.parts.len() == parts.len()
            && pairs.all(|(a, b)| Arc::ptr_eq(a, b) || *a == **b)
    }
}

/// Returns what is before the routes of a virtual host with these names, in JSON.
fn head_of(names: &[String]) -> String {
    let name = names.first().map_or("", String::as_str);
    let (name, names) = (Value::from(name), Value::from(names));
    format!(r#"{{"name":{name},"domains":{names},"routes":["#)
}

/// Writes a virtual host, with a comma after it.
fn written(head: &str, parts: &[Arc<str>], mut write: impl FnMut(&str)) {
    write(head);
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            write(",");
        }
        write(part);
    }
    write("]},");
}

/// What of the virtual hosts is no longer right.
#[derive(Debug, Clone)]
enum Outdated {
    /// Only these routes: each is to be replaced by the other, in this order. The hosts and path prefixes of all
    /// policies are the same.
    Routes(Vec<(Arc<str>, Arc<str>)>),
    /// Anything.
    All,
}

impl Outdated {
    /// More routes than these take as long to replace as everything.
    const MOST: usize = 32;

    /// Adds that one policy is now another.
    fn add(&mut self, old: &Entry<Made>, new: &Entry<Made>) {
        let pairs = match self {
            Self::Routes(pairs) if claims_the_same(old, new) => pairs,
            _ => return *self = Self::All,
        };
        let [old, new] = [&old.made.routes, &new.made.routes].map(|routes| routes.iter().flatten());
        pairs.extend(old.cloned().zip(new.cloned()));
        if pairs.len() > Self::MOST {
            *self = Self::All;
        }
    }
}

/// Whether both are one policy with the same hosts and path prefixes.
fn claims_the_same(old: &Entry<Made>, new: &Entry<Made>) -> bool {
    let count = |entry: &Entry<Made>| entry.made.routes.as_ref().map(Vec::len);
    (&old.policy.tenant, &old.policy.name) == (&new.policy.tenant, &new.policy.name)
        && old.policy.spec.hosts == new.policy.spec.hosts
        && old.policy.spec.path_prefixes == new.policy.spec.path_prefixes
        && count(old) == count(new)
}

/// The files of one model after the other.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    policies: Kept<Made>,
    outdated: Outdated,
    /// The policies that are refused because another one has a claim of theirs. `None`: not looked
    /// for yet.
    conflicts: Option<Conflicts>,
    hosts: Vec<Host>,
    clusters: Blocks,
    virtual_hosts: Blocks,
    /// The clusters that the hash of `cds.json` was made of.
    hashed: Vec<Arc<str>>,
    hash_of_clusters: Running,
    hash_of_hosts: Running,
    cds: TextFile,
    rds: TextFile,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            policies: Kept::default(),
            outdated: Outdated::All,
            conflicts: None,
            hosts: Vec::new(),
            clusters: Blocks::default(),
            virtual_hosts: Blocks::default(),
            hashed: Vec::new(),
            hash_of_clusters: Running::default(),
            hash_of_hosts: Running::default(),
            cds: TextFile::new("cds.json"),
            rds: TextFile::new("rds.json"),
        }
    }
}

impl Files {
    /// Takes over the policies of a model.
    pub(crate) fn take(&mut self, model: &Model, settings: &Settings) {
        let changes = self.policies.take(model, |policy, _, before| {
            Made::of(policy, settings, before)
        });
        if changes.gone.len() != changes.come.len() {
            self.outdated = Outdated::All;
        }
        for (old, at) in changes.gone.iter().zip(changes.come) {
            self.outdated.add(old, &self.policies.entries()[at]);
        }
        if matches!(self.outdated, Outdated::All) {
            self.conflicts = None;
        }
    }

    /// Returns what became of the policies.
    pub(crate) fn report(&mut self) -> Report {
        let entries = self.policies.entries();
        let conflicts = self
            .conflicts
            .get_or_insert_with(|| table(entries).into_conflicts());
        let mut report = self.policies.report();
        for (at, why) in conflicts {
            report[*at] = Arc::new(report[*at].also_refused(why));
        }
        report
    }

    /// Returns roughly how many bytes are kept.
    pub(crate) fn weight(&self) -> usize {
        let made = self.policies.entries().iter();
        let made: usize = made.map(|entry| entry.made.weight()).sum();
        let hosts = self.hosts.iter();
        let hosts = hosts.map(|host| {
            let names = host.names.iter();
            let names = names.map(|name| size_of::<String>() + name.len());
            size_of::<Host>() + host.head.len() + names.sum::<usize>() + 16 * host.parts.len()
        });
        let blocks = self.clusters.len() + self.virtual_hosts.len();
        self.policies.weight() + made + hosts.sum::<usize>() + blocks
    }

    /// Returns the body with the files.
    pub(crate) fn body(&mut self, version: &str) -> Body {
        let outdated = std::mem::replace(&mut self.outdated, Outdated::Routes(Vec::new()));
        let (conflicts, unchanged) = match (outdated, self.conflicts.take()) {
            (Outdated::Routes(pairs), Some(conflicts)) => {
                (conflicts, replace_routes(&mut self.hosts, &pairs))
            }
            _ => {
                let table = table(self.policies.entries());
                let unchanged = take_hosts(&mut self.hosts, &table);
                (table.into_conflicts(), unchanged)
            }
        };
        self.write_clusters(version, &conflicts);
        self.write_routes(version, unchanged);
        self.conflicts = Some(conflicts);
        text::body([&self.cds, &self.rds], RELOAD, version)
    }

    fn write_clusters(&mut self, version: &str, conflicts: &Conflicts) {
        let entries = self.policies.entries_mut().iter_mut().enumerate();
        let served = entries.filter(|(at, _)| !conflicts.contains_key(at));
        let mut texts = Vec::with_capacity(self.hashed.len());
        self.clusters.join(served.map(|(_, entry)| {
            texts.push(entry.made.clusters.clone());
            (entry.place, &mut entry.made.escaped)
        }));
        texts.retain(|text| !text.is_empty());
        let mut pairs = texts.iter().zip(&self.hashed);
        let unchanged = pairs.position(|(a, b)| !Arc::ptr_eq(a, b));
        let unchanged = unchanged.unwrap_or(texts.len().min(self.hashed.len()));
        let head = head(CLUSTER_TYPE);
        let hash = &mut self.hash_of_clusters;
        let hash = hash.of(&head, &texts, unchanged, |at, text, hash| {
            hash.update(if at == 0 { &text[1..] } else { text });
        });
        let mut file = Body::from(escaped(&head));
        file.list(self.clusters.as_slice());
        let end = if texts.is_empty() { "" } else { "\n  " };
        write(&mut self.cds, file, hash, &end_of(end, version));
        self.hashed = texts;
    }

    /// `unchanged`: how many of the first hosts are as before.
    fn write_routes(&mut self, version: &str, unchanged: usize) {
        let hosts = self.hosts.iter_mut();
        let texts = hosts.map(|host| (host.place, &mut host.escaped));
        self.virtual_hosts.join(texts);
        let (of_type, name) = (Value::from(ROUTE_TYPE), Value::from(ROUTES));
        let head = format!(
            "{}\n    {{\"@type\":{of_type},\"name\":{name},\"virtual_hosts\":[",
            head(ROUTE_TYPE)
        );
        let hash = &mut self.hash_of_hosts;
        let hash = hash.of(&head, &self.hosts, unchanged, |_, host, hash| {
            written(&host.head, &host.parts, |part| hash.update(part));
        });
        let mut file = Body::from(escaped(&head));
        file.extend(self.virtual_hosts.as_slice());
        let mut last = String::new();
        let (head, answer) = (head_of(&["*".to_owned()]), answer(&routes::no_route()));
        written(&head, &[answer], |part| last += part);
        last.pop();
        last += "],\"ignore_port_in_host_matching\":true}\n  ";
        write(&mut self.rds, file, hash, &end_of(&last, version));
    }
}

/// Replaces a file: the hash is that of `content`, which `end` is added to.
fn write(file: &mut TextFile, mut content: Body, hash: Sha256, end: &str) {
    content.push(escaped(end));
    file.set_hashed(content.into_blocks(), hash.chain_update(end));
}

/// Returns what is before the first resource.
fn head(of_type: &str) -> String {
    let of_type = Value::from(of_type);
    format!("{{\n  \"type_url\": {of_type},\n  \"resources\": [")
}

/// Returns the end of a file: `last`, and what is behind the last resource.
fn end_of(last: &str, version: &str) -> String {
    let version = Value::from(version);
    format!("{last}],\n  \"version_info\": {version}\n}}\n")
}

fn table(entries: &[Entry<Made>]) -> Table<'_, Arc<str>> {
    Table::of(entries.iter().map(|entry| Claimant {
        spec: &entry.policy.spec,
        hosts: &entry.made.hosts,
        routes: entry.made.routes.as_deref(),
        is_instead: false,
    }))
}

/// Replaces routes by others, wherever they are. Returns how many of the first hosts are as before.
fn replace_routes(hosts: &mut [Host], pairs: &[(Arc<str>, Arc<str>)]) -> usize {
    let mut unchanged = None;
    for (at, host) in hosts.iter_mut().enumerate() {
        let mut is_new = false;
        for part in &mut host.parts {
            for (old, new) in pairs {
                if Arc::ptr_eq(part, old) {
                    *part = new.clone();
                    is_new = true;
                }
            }
        }
        if is_new {
            let mut text = String::new();
            written(&host.head, &host.parts, |part| text += part);
            host.escaped = escaped(&text);
            unchanged.get_or_insert(at);
        }
    }
    unchanged.unwrap_or(hosts.len())
}

/// Takes over the virtual hosts of a table, in the order of their names. Those with the same routes as
/// before are kept. Returns how many of the first hosts are.
fn take_hosts(hosts: &mut Vec<Host>, table: &Table<'_, Arc<str>>) -> usize {
    let mut before = std::mem::take(hosts).into_iter().peekable();
    hosts.reserve(before.len());
    let (mut found, mut parts) = (Vec::new(), Vec::new());
    let mut unchanged = None;
    let no_route = answer(&routes::no_route());
    for host in &table.virtual_hosts() {
        table.parts(host, &mut found);
        parts.extend(found.drain(..).map(|part| match part {
            Part::Of(routes) => Cow::Borrowed(routes),
            Part::Refused(prefix) => Cow::Owned(answer(&routes::refused(prefix))),
            Part::NoRoute => Cow::Borrowed(&no_route),
        }));
        while before.next_if(|old| old.name() < host.name).is_some() {
            unchanged.get_or_insert(hosts.len());
        }
        hosts.push(match before.next_if(|old| old.name() == host.name) {
            Some(mut same) if same.is_of(host, &parts) => {
                // Equal routes may be others in memory by now, and are looked for as these.
                let pairs = same.parts.iter_mut().zip(&parts);
                for (own, part) in pairs.filter(|(own, part)| !Arc::ptr_eq(own, part)) {
                    own.clone_from(part);
                }
                same
            }
            old => {
                unchanged.get_or_insert(hosts.len());
                let parts = parts.iter().map(|part| Arc::clone(part)).collect();
                Host::of(host, parts, old.as_ref())
            }
        });
        parts.clear();
    }
    unchanged.unwrap_or(hosts.len())
}

/// Returns the route of an answer in JSON.
fn answer(route: &Route) -> Arc<str> {
    serde_json::to_string(route).unwrap_or_default().into()
}
