//! Files, for Envoys without a control plane: each a `DiscoveryResponse` with one resource a line.
//!
//! What a policy is in JSON is kept as it is and not as it is in the body: one policy has several
//! hosts, and the digests of the files are made of it.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use traffic_manager_core::policy::PathPrefix;

use super::{
    CLUSTER_TYPE, ROUTE_TYPE, ROUTES,
    messages::{json, route::Route},
    policy::{self, Messages},
    routes,
    table::{Claimant, Conflicts, Part, Table},
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
/// written beside its place and renamed into it, clusters before the routes that use them. A proxy
/// that serves needs the clusters of its old routes until it has the new ones: they stay in
/// `cds.json` beside the new ones until `rds.json` is there.
const RELOAD: &str = "";

/// What is made of a policy, in JSON.
#[derive(Debug, Clone)]
struct Made {
    hosts: Vec<String>,
    /// The clusters, each with a comma before it.
    clusters: Arc<str>,
    /// The clusters as they are in the body.
    escaped: Bytes,
    /// The routes under each path prefix, with commas between them. `None`: requests are answered
    /// with 503.
    routes: Option<BTreeMap<PathPrefix, Arc<str>>>,
}

impl Made {
    fn of(policy: &PolicyModel, settings: &Settings) -> (Self, Findings) {
        let mut findings = Findings::default();
        let messages = policy::messages(policy, settings, &mut findings);
        let hosts = policy::hosts(policy);
        let made = match texts(&messages) {
            Ok((clusters, routes)) => Self {
                hosts,
                escaped: escaped(&clusters),
                clusters: clusters.into(),
                routes,
            },
            // No message is without JSON. If one were, it would hold up no other policy.
            Err(error) => {
                findings.refuse(format!("The policy has no JSON: {error}."));
                Self {
                    hosts,
                    clusters: Arc::default(),
                    escaped: Bytes::new(),
                    routes: None,
                }
            }
        };
        (made, findings)
    }

    fn weight(&self) -> usize {
        let routes = self.routes.iter().flatten().map(|(_, text)| text.len());
        self.clusters.len() + routes.sum::<usize>()
    }
}

type Texts = (String, Option<BTreeMap<PathPrefix, Arc<str>>>);

/// Returns the clusters and the routes of a policy in JSON.
fn texts(messages: &Messages) -> serde_json::Result<Texts> {
    let mut clusters = String::new();
    for cluster in &messages.clusters {
        clusters += ",\n    ";
        clusters += &json::text(cluster)?;
    }
    let routes = messages.routes.as_ref().map(|routes| {
        let text = |(prefix, routes): (&PathPrefix, &Vec<Route>)| {
            Ok((prefix.clone(), items(routes)?.into()))
        };
        routes.iter().map(text).collect()
    });
    Ok((clusters, routes.transpose()?))
}

/// Returns the items of an array, with commas between them.
fn items(routes: &[impl Serialize]) -> serde_json::Result<String> {
    let array = serde_json::to_string(routes)?;
    Ok(array[1..array.len() - 1].to_owned())
}

/// A virtual host.
#[derive(Debug, Clone)]
struct Host {
    name: String,
    place: Place,
    /// Its routes. No other parts are where these are in memory as long as they are here.
    parts: Vec<Arc<str>>,
    /// The virtual host as it is in the body, with a comma after it.
    escaped: Bytes,
}

impl Host {
    fn of(name: &str, parts: Vec<Arc<str>>, before: Option<&Self>) -> Self {
        let mut text = String::new();
        written(name, &parts, |part| text += part);
        Self {
            name: name.to_owned(),
            place: before.map_or_else(|| Place::of([name.as_bytes()]), |host| host.place),
            escaped: escaped(&text),
            parts,
        }
    }

    fn is_of(&self, parts: &[Arc<str>]) -> bool {
        let mut pairs = self.parts.iter().zip(parts);
        self.parts.len() == parts.len() && pairs.all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
    }
}

/// Writes a virtual host, with a comma after it.
fn written(name: &str, parts: &[Arc<str>], mut write: impl FnMut(&str)) {
    let name = Value::from(name).to_string();
    for text in [
        r#"{"name":"#,
        &name,
        r#","domains":["#,
        &name,
        r#"],"routes":["#,
    ] {
        write(text);
    }
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            write(",");
        }
        write(part);
    }
    write("]},");
}

/// The files of one model after the other.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    policies: Kept<Made>,
    /// The policies that are refused because another one has a claim of theirs. `None`: not looked
    /// for yet.
    conflicts: Option<Conflicts>,
    hosts: Vec<Host>,
    clusters: Blocks,
    virtual_hosts: Blocks,
    cds: TextFile,
    rds: TextFile,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            policies: Kept::default(),
            conflicts: None,
            hosts: Vec::new(),
            clusters: Blocks::default(),
            virtual_hosts: Blocks::default(),
            cds: TextFile::new("cds.json"),
            rds: TextFile::new("rds.json"),
        }
    }
}

impl Files {
    /// Takes over the policies of a model.
    pub(crate) fn take(&mut self, model: &Model, settings: &Settings) {
        let make = |policy: &PolicyModel, _, _: Option<&Made>| Made::of(policy, settings);
        let changes = self.policies.take(model, make);
        if !changes.gone.is_empty() || !changes.come.is_empty() {
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
        let hosts = hosts.map(|host| size_of::<Host>() + host.name.len() + 16 * host.parts.len());
        let blocks = self.clusters.len() + self.virtual_hosts.len();
        self.policies.weight() + made + hosts.sum::<usize>() + blocks
    }

    /// Returns the body with the files.
    pub(crate) fn body(&mut self, version: &str) -> Body {
        let table = table(self.policies.entries());
        self.hosts = hosts(&table, std::mem::take(&mut self.hosts));
        let conflicts = table.into_conflicts();
        self.write_clusters(version, &conflicts);
        self.write_routes(version);
        self.conflicts = Some(conflicts);
        text::body([&self.cds, &self.rds], RELOAD, version)
    }

    fn write_clusters(&mut self, version: &str, conflicts: &Conflicts) {
        let entries = self.policies.entries_mut().iter_mut().enumerate();
        let served = entries.filter(|(at, _)| !conflicts.contains_key(at));
        let texts = served.map(|(_, entry)| (entry.place, &mut entry.made.escaped));
        self.clusters.join(texts);
        let entries = self.policies.entries().iter().enumerate();
        let texts = entries
            .filter(|(at, _)| !conflicts.contains_key(at))
            .map(|(_, entry)| &*entry.made.clusters);
        let mut file = FileText::default();
        file.add(&head(version, CLUSTER_TYPE));
        file.list(self.clusters.as_slice(), texts);
        file.add(match self.clusters.as_slice() {
            [] => "]\n}\n",
            _ => "\n  ]\n}\n",
        });
        self.cds.set_hashed(file.blocks, file.hash);
    }

    fn write_routes(&mut self, version: &str) {
        let hosts = self.hosts.iter_mut();
        let texts = hosts.map(|host| (host.place, &mut host.escaped));
        self.virtual_hosts.join(texts);
        let mut file = FileText::default();
        file.add(&head(version, ROUTE_TYPE));
        let (of_type, name) = (Value::from(ROUTE_TYPE), Value::from(ROUTES));
        file.add(&format!(
            "\n    {{\"@type\":{of_type},\"name\":{name},\"virtual_hosts\":["
        ));
        file.blocks.extend_from_slice(self.virtual_hosts.as_slice());
        for host in &self.hosts {
            written(&host.name, &host.parts, |part| file.hash.update(part));
        }
        let mut last = String::new();
        written("*", &[answer(&routes::no_route())], |part| last += part);
        last.pop();
        file.add(&format!(
            "{last}],\"ignore_port_in_host_matching\":true}}\n  ]\n}}\n"
        ));
        self.rds.set_hashed(file.blocks, file.hash);
    }
}

/// The content of a file, in the two spellings in which it is needed.
#[derive(Default)]
struct FileText {
    /// As it is in the body.
    blocks: Vec<Bytes>,
    /// The hash of the content.
    hash: Sha256,
}

impl FileText {
    fn add(&mut self, text: &str) {
        self.blocks.push(escaped(text));
        self.hash.update(text);
    }

    /// Adds the items of an array, each of which has a comma before it: without the first comma.
    fn list<'a>(&mut self, blocks: &[Bytes], texts: impl Iterator<Item = &'a str>) {
        if let Some((first, others)) = blocks.split_first() {
            self.blocks.push(first.slice(1..));
            self.blocks.extend_from_slice(others);
        }
        for (at, text) in texts.filter(|text| !text.is_empty()).enumerate() {
            self.hash.update(if at == 0 { &text[1..] } else { text });
        }
    }
}

/// Returns what is before the first resource.
fn head(version: &str, of_type: &str) -> String {
    let (version, of_type) = (Value::from(version), Value::from(of_type));
    format!("{{\n  \"version_info\": {version},\n  \"type_url\": {of_type},\n  \"resources\": [")
}

fn table(entries: &[Entry<Made>]) -> Table<'_, Arc<str>> {
    Table::of(entries.iter().map(|entry| Claimant {
        spec: &entry.policy.spec,
        hosts: &entry.made.hosts,
        routes: entry.made.routes.as_ref(),
    }))
}

/// Returns the virtual hosts, in the order of their names. Those with the same routes as before are
/// kept.
fn hosts(table: &Table<'_, Arc<str>>, before: Vec<Host>) -> Vec<Host> {
    let mut before = before.into_iter().peekable();
    let mut found = Vec::new();
    let no_route = answer(&routes::no_route());
    let text = |part: Part<'_, Arc<str>>| match part {
        Part::Of { routes, .. } => routes.clone(),
        Part::Refused(prefix) => answer(&routes::refused(prefix)),
        Part::NoRoute => no_route.clone(),
    };
    let host = |own| {
        let name = table.parts(own, &mut found);
        let parts: Vec<_> = found.drain(..).map(text).collect();
        while before.next_if(|old| old.name.as_str() < name).is_some() {}
        let old = before.next_if(|old| old.name == name);
        match old {
            Some(same) if same.is_of(&parts) => same,
            old => Host::of(name, parts, old.as_ref()),
        }
    };
    table.hosts().map(host).collect()
}

/// Returns the route of an answer in JSON.
fn answer(route: &Route) -> Arc<str> {
    serde_json::to_string(route).unwrap_or_default().into()
}
