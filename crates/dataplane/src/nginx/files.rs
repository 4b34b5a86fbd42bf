//! The files: the parts of all policies, and the servers of their hosts.

use std::collections::HashMap;

use bytes::Bytes;
use traffic_manager_core::policy::PolicySpec;

use super::{
    CONFIGURATION, EXTENSION, RELOAD, configuration,
    policy::{Part, part},
    servers::Servers,
};
use crate::{
    Settings,
    blocks::Blocks,
    body::Body,
    follower,
    kept::{Entry, Kept, Place},
    model::Model,
    report::Report,
    text::{self, PARTS, TextFile, escaped},
};

/// The files of one model after the other.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The policies, each with its maps as they are in JSON.
    policies: Kept<Bytes>,
    servers: Servers,
    configuration: TextFile,
    parts: [FilePart; PARTS],
}

#[derive(Debug, Clone)]
struct FilePart {
    maps: Blocks,
    servers: Blocks,
    file: TextFile,
}

impl Default for Files {
    fn default() -> Self {
        let part = |at| FilePart {
            maps: Blocks::default(),
            servers: Blocks::default(),
            file: TextFile::part(at, EXTENSION),
        };
        Self {
            policies: Kept::default(),
            servers: Servers::default(),
            configuration: TextFile::new(CONFIGURATION),
            parts: std::array::from_fn(part),
        }
    }
}

impl Files {
    /// Takes over the policies of a model.
    pub(crate) fn take(&mut self, model: &Model, settings: &Settings) {
        let mut made: HashMap<Place, Part> = HashMap::new();
        let changes = self.policies.take(model, |policy, place, _| {
            let mut part = part(place, policy, settings);
            let maps = std::mem::take(&mut part.maps);
            let findings = part.findings.clone();
            made.insert(place, part);
            if findings.is_refused() || policy.spec.hosts.is_empty() {
                return (Bytes::new(), findings);
            }
            (escaped(&maps), findings)
        });
        let entries = self.policies.entries();
        let gone = changes.gone.iter().map(claimant);
        let come = changes.come.iter().map(|at| claimant(&entries[*at]));
        let others = self.servers.take(gone, come);
        // A server has the locations of all its policies, also of those that are the same.
        let others = entries.iter().filter(|entry| others.contains(&entry.place));
        for Entry { place, policy, .. } in others {
            let again = || part(*place, policy, settings);
            made.entry(*place).or_insert_with(again);
        }
        self.servers.write(&made, settings);
    }

    /// Returns what became of the policies.
    pub(crate) fn report(&self) -> Report {
        self.policies.report()
    }

    /// Returns roughly how many bytes are kept.
    pub(crate) fn weight(&self) -> usize {
        let parts = self.parts.iter();
        let texts: usize = parts.map(|part| part.maps.len() + part.servers.len()).sum();
        self.policies.weight() + self.servers.weight() + texts
    }

    /// Returns the body.
    pub(crate) fn body(&mut self, model: &Model, settings: &Settings) -> Body {
        let text = configuration(&follower::revision(model), settings);
        self.configuration.write(&text);
        self.join();
        let parts = self.parts.iter().map(|part| &part.file);
        let files = std::iter::once(&self.configuration).chain(parts);
        text::body(files, RELOAD, &model.version())
    }

    fn join(&mut self) {
        let mut maps = [(); PARTS].map(|()| Vec::new());
        for entry in self.policies.entries_mut() {
            maps[entry.place.among(PARTS)].push((entry.place, &mut entry.made));
        }
        let mut servers = [(); PARTS].map(|()| Vec::new());
        for (place, text) in self.servers.texts() {
            servers[place.among(PARTS)].push((place, text));
        }
        let texts = maps.into_iter().zip(servers);
        for (part, (maps, servers)) in self.parts.iter_mut().zip(texts) {
            let has_new_maps = part.maps.join(maps);
            let has_new_servers = part.servers.join(servers);
            if has_new_maps || has_new_servers || part.file.is_empty() {
                let (maps, servers) = (part.maps.as_slice(), part.servers.as_slice());
                part.file
                    .set_part(CONFIGURATION, maps.iter().chain(servers));
            }
        }
    }
}

/// Returns a policy as [`Servers::take`] needs it.
fn claimant(entry: &Entry<Bytes>) -> (Place, &PolicySpec) {
    (entry.place, &entry.policy.spec)
}
