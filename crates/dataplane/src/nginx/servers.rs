//! Servers: one for all hosts that lead to the same policies.
//!
//! nginx chooses one server by the host and looks at no other, so a host has the prefixes of the
//! wildcards above it too, as far as its own leave room for them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use traffic_manager_core::policy::{Host, PathPrefix, PolicySpec};

use super::{policy::Part, server};
use crate::{Settings, kept::Place, text::escaped};

/// What a host leads to: prefixes with policies, the longest first.
type Table = Vec<(PathPrefix, Place)>;

/// The servers of one model after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Servers {
    /// The prefixes of each host that are its own, by the host's text.
    own: BTreeMap<String, Table>,
    /// The table of each host, by the host's text.
    tables: HashMap<String, Table>,
    servers: BTreeMap<Table, Server>,
    /// The tables whose server has to be written again.
    stale: BTreeSet<Table>,
}

#[derive(Debug, Clone, Default)]
struct Server {
    hosts: BTreeSet<String>,
    /// The text as it is in JSON.
    text: Bytes,
}

impl Servers {
    /// Takes over the claims of policies: of those that are no longer there, or were otherwise, and
    /// of those that are new, or are otherwise. Returns the policies whose parts [`Self::write`]
    /// needs.
    pub(super) fn take<'a>(
        &mut self,
        gone: impl Iterator<Item = (Place, &'a PolicySpec)>,
        come: impl Iterator<Item = (Place, &'a PolicySpec)>,
    ) -> HashSet<Place> {
        let (mut changed, mut moved) = (HashSet::new(), BTreeSet::new());
        let (mut lost, mut won) = (HashMap::new(), HashMap::new());
        lost.extend(gone);
        won.extend(come);
        for (place, spec) in &lost {
            changed.insert(*place);
            if !has_same_claims(spec, won.get(place)) {
                self.lose(*place, spec, &mut moved);
            }
        }
        for (place, spec) in &won {
            changed.insert(*place);
            if !has_same_claims(spec, lost.get(place)) {
                self.win(*place, spec, &mut moved);
            }
        }
        self.move_hosts(moved);
        self.note_stale(&won, &changed);
        let stale = self.stale.iter().flatten();
        stale.map(|(_, place)| *place).collect()
    }

    /// Writes the servers that have changed. `parts` has the policies that [`Self::take`] returned.
    pub(super) fn write(&mut self, parts: &HashMap<Place, Part>, settings: &Settings) {
        for table in std::mem::take(&mut self.stale) {
            let of_table: Vec<_> = table
                .iter()
                .filter_map(|(prefix, place)| Some((prefix, parts.get(place)?)))
                .collect();
            if let Some(found) = self.servers.get_mut(&table) {
                let hosts = found.hosts.iter().map(String::as_str);
                found.text = escaped(&server(hosts, &of_table, settings));
            }
        }
    }

    /// Returns the servers' texts as they are in JSON, each with the place where it belongs: that
    /// of its first policy.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = (Place, &mut Bytes)> {
        let servers = self.servers.iter_mut();
        servers.filter_map(|(table, server)| Some((table.first()?.1, &mut server.text)))
    }

    /// Returns roughly how many bytes are kept beside the texts.
    pub(super) fn weight(&self) -> usize {
        let host = |(host, table): (&String, &Table)| {
            let prefixes: usize = table
                .iter()
                .map(|(prefix, _)| prefix.as_str().len() + 48)
                .sum();
            // The host's text is here three times, its prefixes up to three times.
            3 * (host.len() + 48 + prefixes)
        };
        self.tables.iter().map(host).sum()
    }

    fn lose(&mut self, place: Place, spec: &PolicySpec, moved: &mut BTreeSet<String>) {
        for host in &spec.hosts {
            let host = host.as_str();
            if let Some(own) = self.own.get_mut(host) {
                own.retain(|(_, policy)| *policy != place);
                if own.is_empty() {
                    self.own.remove(host);
                }
            }
            moved.insert(host.to_owned());
        }
    }

    fn win(&mut self, place: Place, spec: &PolicySpec, moved: &mut BTreeSet<String>) {
        for host in &spec.hosts {
            let own = self.own.entry(host.as_str().to_owned()).or_default();
            let prefixes = spec.path_prefixes.iter();
            own.extend(prefixes.map(|prefix| (prefix.clone(), place)));
            sort(own);
            moved.insert(host.as_str().to_owned());
        }
    }

    /// Makes the tables of hosts anew, and those of the hosts below wildcards among them.
    fn move_hosts(&mut self, mut moved: BTreeSet<String>) {
        let wildcards: HashSet<String> = moved
            .iter()
            .filter(|host| host.starts_with("*."))
            .cloned()
            .collect();
        if !wildcards.is_empty() {
            let is_below = |host: &&String| above(host).any(|one| wildcards.contains(one.as_str()));
            moved.extend(self.own.keys().filter(is_below).cloned());
        }
        for host in moved {
            self.leave(&host);
            if let Some(table) = self.table(&host) {
                self.stale.insert(table.clone());
                let server = self.servers.entry(table.clone()).or_default();
                server.hosts.insert(host.clone());
                self.tables.insert(host, table);
            }
        }
    }

    /// Takes a host out of its server.
    fn leave(&mut self, host: &str) {
        let Some(table) = self.tables.remove(host) else {
            return;
        };
        if let Some(server) = self.servers.get_mut(&table) {
            server.hosts.remove(host);
            if server.hosts.is_empty() {
                self.servers.remove(&table);
                self.stale.remove(&table);
            } else {
                self.stale.insert(table);
            }
        }
    }

    /// Returns what a host leads to.
    fn table(&self, host: &str) -> Option<Table> {
        let own = self.own.get(host)?;
        let mut table = own.clone();
        // No two policies may claim the same; if they do, the first has it.
        table.dedup_by(|(a, _), (b, _)| a == b);
        let mut taken: HashSet<&str> = own.iter().map(|(prefix, _)| prefix.as_str()).collect();
        for wildcard in above(host) {
            let inherited = self.own.get(&wildcard).into_iter().flatten();
            for (prefix, policy) in inherited {
                let text = prefix.as_str();
                if !over(text).any(|over| taken.contains(over)) {
                    taken.insert(text);
                    table.push((prefix.clone(), *policy));
                }
            }
        }
        sort(&mut table);
        Some(table)
    }

    /// Notes the servers of policies that are otherwise.
    fn note_stale(&mut self, come: &HashMap<Place, &PolicySpec>, changed: &HashSet<Place>) {
        let hosts = || come.values().flat_map(|spec| &spec.hosts);
        // A wildcard's policies are in the tables of the hosts below it too.
        if hosts().any(Host::is_wildcard) {
            let has_changed =
                |table: &&Table| table.iter().any(|(_, policy)| changed.contains(policy));
            let stale = self.servers.keys().filter(has_changed);
            self.stale.extend(stale.cloned());
        } else {
            let tables = hosts().filter_map(|host| self.tables.get(host.as_str()));
            self.stale.extend(tables.cloned());
        }
    }
}

fn has_same_claims(spec: &PolicySpec, other: Option<&&PolicySpec>) -> bool {
    other
        .is_some_and(|other| spec.hosts == other.hosts && spec.path_prefixes == other.path_prefixes)
}

/// Sorts prefixes, the longest first. Locations with patterns are tried in their order.
fn sort(table: &mut Table) {
    table.sort_by(|(a, of_a), (b, of_b)| {
        let (a, b) = (a.as_str(), b.as_str());
        b.len()
            .cmp(&a.len())
            .then_with(|| a.cmp(b))
            .then_with(|| of_a.cmp(of_b))
    });
}

/// Returns the wildcards that take a host, or a wildcard's hosts; the longest first.
fn above(host: &str) -> impl Iterator<Item = String> {
    let base = host.strip_prefix("*.").unwrap_or(host);
    let dots = base.match_indices('.');
    dots.map(|(at, _)| format!("*{}", &base[at..]))
}

/// Returns the prefixes that take a path: itself, and those with fewer segments.
fn over(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| at.max(1));
    slashes.map(|at| &path[..at]).chain(std::iter::once(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_above_a_host_come_from_the_longest_to_the_shortest() {
        let above = |host| above(host).collect::<Vec<_>>();
        assert_eq!(
            above("a.b.example.com"),
            ["*.b.example.com", "*.example.com", "*.com"]
        );
        assert_eq!(above("*.b.example"), ["*.example"]);
    }

    #[test]
    fn path_is_under_its_own_segments_alone() {
        assert_eq!(over("/a/bc").collect::<Vec<_>>(), ["/", "/a", "/a/bc"]);
        assert_eq!(over("/").collect::<Vec<_>>(), ["/", "/"]);
    }
}
