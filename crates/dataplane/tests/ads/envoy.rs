//! An Envoy, as far as it matters here: clusters that warm, ACKs that are withheld meanwhile, routes that
//! name clusters.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use traffic_manager_dataplane::ads::{Kind, Type};

use crate::client::{Ask, Response, node};

#[derive(Debug, Clone)]
struct Cluster {
    /// The version that takes requests.
    active: Option<String>,
    /// The version that is being warmed, and until when.
    warming: Option<(String, u64)>,
}

#[derive(Debug)]
pub struct Envoy {
    kind: Kind,
    clusters: BTreeMap<String, Cluster>,
    /// The version of the routes, and the clusters that they name.
    routes: Option<(String, BTreeSet<String>)>,
    /// What the node says to have after a reconnect: what it has accepted.
    accepted: BTreeMap<Type, BTreeMap<String, String>>,
    versions: BTreeMap<Type, String>,
    /// Answers about clusters, withheld while one is warming.
    held: VecDeque<(Type, Ask)>,
    asked: BTreeSet<Type>,
    /// A response with several resources was rejected: nobody can know which of them were taken.
    pub unsure: BTreeSet<String>,
    /// The same, and the stream broke after it.
    pub lost: bool,
    pub now: u64,
}

/// What makes a resource one that Envoy rejects.
pub const BAD: &str = "bad";

impl Envoy {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            clusters: BTreeMap::new(),
            routes: None,
            accepted: BTreeMap::new(),
            versions: BTreeMap::new(),
            held: VecDeque::new(),
            asked: BTreeSet::new(),
            unsure: BTreeSet::new(),
            lost: false,
            now: 0,
        }
    }

    /// A new stream: everything that was not sent is forgotten.
    pub fn connect(&mut self) {
        self.held.clear();
        self.asked.clear();
        self.lost |= !self.unsure.is_empty();
    }

    fn is_warming(&self) -> bool {
        self.clusters.values().any(|c| c.warming.is_some())
    }

    /// Takes the time, and returns what the node says now.
    pub fn says(&mut self) -> Vec<Vec<u8>> {
        for c in self.clusters.values_mut() {
            if let Some((version, _)) = c.warming.take_if(|(_, until)| *until <= self.now) {
                c.active = Some(version);
            }
        }
        let mut out = Vec::new();
        // While clusters warm nothing is said about clusters; a new node asks for its routes when it has clusters.
        if !self.is_warming() {
            self.subscribe(Type::Clusters, &mut out);
            for (t, ask) in std::mem::take(&mut self.held) {
                out.push(ask.encode(self.kind, t.url()));
            }
        }
        if !self.clusters.is_empty() && (self.routes.is_some() || !self.is_warming()) {
            self.subscribe(Type::Routes, &mut out);
        }
        out
    }

    fn subscribe(&mut self, resources: Type, out: &mut Vec<Vec<u8>>) {
        if !self.asked.insert(resources) {
            return;
        }
        let ask = Ask {
            node: (self.asked.len() == 1).then(|| node(40)),
            names: if resources == Type::Routes {
                vec!["tm".to_owned()]
            } else {
                Vec::new()
            },
            has: self.accepted.get(&resources).cloned().unwrap_or_default(),
            version: self.versions.get(&resources).cloned().unwrap_or_default(),
            ..Ask::default()
        };
        out.push(ask.encode(self.kind, resources.url()));
    }

    /// Takes a response. `warms`: for how long a new cluster warms.
    pub fn take(&mut self, response: Response, warms: u64) -> Result<Vec<Vec<u8>>, String> {
        self.must_be_new(&response)?;
        let error = match response.resources {
            Type::Clusters => self.take_clusters(&response, warms),
            Type::Routes => self.take_routes(&response),
        };
        if error.is_none() {
            self.versions
                .insert(response.resources, response.version.clone());
            let accepted = self.accepted.entry(response.resources).or_default();
            if self.kind == Kind::World {
                accepted.clear();
            }
            accepted.extend(
                response
                    .added
                    .iter()
                    .map(|(n, (v, _))| (n.clone(), v.clone())),
            );
            accepted.retain(|n, _| !response.removed.contains(n));
        } else if response.added.len() > 1 {
            self.unsure.extend(response.added.keys().cloned());
        }
        let names = if self.kind == Kind::World && response.resources == Type::Routes {
            vec!["tm".to_owned()]
        } else {
            Vec::new()
        };
        let version = self
            .versions
            .get(&response.resources)
            .cloned()
            .unwrap_or_default();
        let ask = Ask {
            nonce: response.nonce,
            error,
            names,
            version,
            ..Ask::default()
        };
        if response.resources == Type::Clusters {
            if self.kind == Kind::World {
                self.held.clear(); // the newest nonce only
            }
            self.held.push_back((Type::Clusters, ask));
            return Ok(self.says());
        }
        Ok(vec![ask.encode(self.kind, response.resources.url())])
    }

    /// Nothing is sent that did not change.
    fn must_be_new(&self, response: &Response) -> Result<(), String> {
        if self.kind == Kind::World {
            return Ok(());
        }
        for (name, (version, _)) in &response.added {
            let has = match response.resources {
                Type::Clusters => self
                    .clusters
                    .get(name)
                    .and_then(|c| c.warming.as_ref().map(|w| &w.0).or(c.active.as_ref())),
                Type::Routes => self.routes.as_ref().map(|r| &r.0),
            };
            if has == Some(version) && !self.unsure.contains(name) {
                return Err(format!("{name} {version} is sent again"));
            }
        }
        Ok(())
    }

    fn take_clusters(&mut self, response: &Response, warms: u64) -> Option<String> {
        let mut bad = Vec::new();
        for (name, (version, content)) in &response.added {
            if content.contains(BAD) {
                bad.push(name.clone());
                continue;
            }
            let c = self.clusters.entry(name.clone()).or_insert(Cluster {
                active: None,
                warming: None,
            });
            if c.active.as_ref() == Some(version) {
                c.warming = None;
            } else if c.warming.as_ref().is_none_or(|(v, _)| v != version) {
                c.warming = Some((version.clone(), self.now + warms));
            }
        }
        match self.kind {
            Kind::Delta => self.clusters.retain(|n, _| !response.removed.contains(n)),
            Kind::World => self.clusters.retain(|n, _| response.added.contains_key(n)),
        }
        (!bad.is_empty()).then(|| format!("rejected: {bad:?}"))
    }

    fn take_routes(&mut self, response: &Response) -> Option<String> {
        let (version, content) = response.added.get("tm")?;
        if content.contains(BAD) {
            return Some("rejected routes".to_owned());
        }
        let named = content
            .split(',')
            .filter(|n| !n.is_empty())
            .map(str::to_owned);
        self.routes = Some((version.clone(), named.collect()));
        None
    }

    /// Every cluster that a route names is there and warm.
    pub fn check(&self) -> Result<(), String> {
        for name in self.routes.iter().flat_map(|r| &r.1) {
            if self.clusters.get(name).is_none_or(|c| c.active.is_none()) {
                return Err(format!(
                    "the routes name {name}, of which there is {:?}",
                    self.clusters.get(name)
                ));
            }
        }
        Ok(())
    }

    pub fn active(&self) -> BTreeMap<String, String> {
        let active = self
            .clusters
            .iter()
            .map(|(n, c)| (n.clone(), c.active.clone().unwrap_or_default()));
        active.collect()
    }

    pub fn routes(&self) -> Option<&str> {
        self.routes.as_ref().map(|r| r.0.as_str())
    }
}
