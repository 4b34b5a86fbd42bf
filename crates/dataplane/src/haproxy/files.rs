//! The files: the parts of all policies.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    CONFIGURATION, HOSTS, NONE, RELOAD, VERSIONS, head, hosts,
    policy::{Backend, backend},
    wildcard_depths,
};
use crate::{
    Settings,
    blocks::Blocks,
    body::Body,
    follower,
    kept::Kept,
    model::Model,
    report::Report,
    text::{self, PARTS, TextFile, escaped, or_same},
};

/// What is made of a policy: texts as they are in JSON.
#[derive(Debug, Clone)]
struct Made {
    backend: Bytes,
    hosts: Bytes,
    versions: Bytes,
    /// How many labels the bases of its wildcards have.
    depths: Box<[usize]>,
}

/// The files of one model after the other.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    policies: Kept<Made>,
    configuration: TextFile,
    backends: [(Blocks, TextFile); PARTS],
    hosts: (Blocks, TextFile),
    versions: (Blocks, TextFile),
}

impl Default for Files {
    fn default() -> Self {
        let part = |at| (Blocks::default(), TextFile::part(at, "cfg"));
        Self {
            policies: Kept::default(),
            configuration: TextFile::new(CONFIGURATION),
            backends: std::array::from_fn(part),
            hosts: (Blocks::default(), TextFile::new(HOSTS)),
            versions: (Blocks::default(), TextFile::new(VERSIONS)),
        }
    }
}

impl Files {
    /// Takes over the policies of a model.
    pub(crate) fn take(&mut self, model: &Model, settings: &Settings) {
        let _ = self.policies.take(model, |policy, _, before| {
            let Backend {
                mut text,
                mut versions,
                findings,
            } = backend(policy, settings);
            let is_refused = findings.is_refused();
            if is_refused || policy.spec.hosts.is_empty() {
                text.clear();
                versions.clear();
            }
            let hosts = escaped(&hosts(policy, is_refused));
            let made = Made {
                backend: escaped(&text),
                hosts: or_same(hosts, before.map(|before| &before.hosts)),
                versions: or_same(escaped(&versions), before.map(|before| &before.versions)),
                depths: wildcard_depths(policy).into_iter().collect(),
            };
            (made, findings)
        });
    }

    /// Returns what became of the policies.
    pub(crate) fn report(&self) -> Report {
        self.policies.report()
    }

    /// Returns roughly how many bytes are kept.
    pub(crate) fn weight(&self) -> usize {
        let files = self.backends.iter().chain([&self.hosts, &self.versions]);
        self.policies.weight() + files.map(|(blocks, _)| blocks.len()).sum::<usize>()
    }

    /// Returns the body.
    pub(crate) fn body(&mut self, model: &Model, settings: &Settings) -> Body {
        let entries = self.policies.entries();
        let depths: BTreeSet<usize> = entries
            .iter()
            .flat_map(|entry| entry.made.depths.iter().copied())
            .collect();
        let head = head(&follower::revision(model), &depths, settings);
        self.configuration.write(&head);
        self.join();
        let backends = self.backends.iter().map(|(_, file)| file);
        let files = std::iter::once(&self.configuration)
            .chain(backends)
            .chain([&self.hosts.1, &self.versions.1]);
        text::body(files, RELOAD, &model.version())
    }

    fn join(&mut self) {
        let mut backends = [(); PARTS].map(|()| Vec::new());
        let (mut hosts, mut versions) = (Vec::new(), Vec::new());
        for entry in self.policies.entries_mut() {
            let (place, made) = (entry.place, &mut entry.made);
            backends[place.among(PARTS)].push((place, &mut made.backend));
            hosts.push((place, &mut made.hosts));
            versions.push((place, &mut made.versions));
        }
        for (at, ((blocks, file), texts)) in self.backends.iter_mut().zip(backends).enumerate() {
            let is_last = at + 1 == PARTS;
            let none = is_last.then(|| escaped(&format!("backend {NONE}\n")));
            if blocks.join(texts) || file.is_empty() {
                file.set_part(CONFIGURATION, blocks.as_slice().iter().chain(&none));
            }
        }
        for ((blocks, file), texts) in [(&mut self.hosts, hosts), (&mut self.versions, versions)] {
            if blocks.join(texts) {
                file.set(blocks.as_slice().to_vec());
            }
        }
    }
}
