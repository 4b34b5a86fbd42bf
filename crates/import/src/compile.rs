//! Entries become policies and routes.
//!
//! For each host, each path prefix that an entry names is a place. The entries that can take a
//! request there are asked in the other gateway's order, up to the first that takes all. Places with
//! the same list of entries become one policy.

mod part;
mod policy;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use traffic_manager_core::{
    document::Document,
    policy::{Host, MAX_PARTS, Outcome, PathMatch, PathPrefix, Rule, check_new_rules},
    snapshot::Scope,
};

use self::{part::Part, policy::Policies};
use crate::{
    Options,
    entry::{Entry, Path},
    left::{Kind, Log},
};

/// Returns the document, in the order of exports. The error is a fault of the import itself: the
/// document does not pass the checks of documents.
pub fn document(entries: Vec<Entry>, options: &Options, log: &mut Log) -> Result<Document, String> {
    let entries = with_valid_conditions(entries, log);
    let hosts = hosts(&entries, options, log);
    let parts = parts(&entries, &hosts, log);
    let mut policies = Policies::new(&options.env);
    for (part, places) in &parts {
        for (prefixes, hosts) in rectangles(places) {
            policies.add(part, hosts, prefixes, log);
        }
    }
    let scope = Scope {
        service: None,
        env: Some(options.env.clone()),
    };
    let document = Document {
        scope: scope.clone(),
        prune: false,
        routes: policies.routes,
        policies: policies.policies,
    };
    let content = document.content().map_err(|errors| {
        let errors = errors
            .iter()
            .map(|(place, invalid)| format!("{place}: {invalid}"));
        let errors = errors.collect::<Vec<_>>().join(", ");
        format!("makes a document that is not valid: {errors}")
    })?;
    Ok(Document {
        prune: false,
        ..Document::of(scope, &content)
    })
}

/// Leaves out entries with conditions that policies refuse, such as patterns that not every proxy
/// reads alike.
fn with_valid_conditions(mut entries: Vec<Entry>, log: &mut Log) -> Vec<Entry> {
    entries.retain(|entry| {
        let mut matching = entry.matching.clone();
        if let Path::Regex(pattern, _) = &entry.path {
            matching.path = Some(PathMatch::Regex(pattern.clone()));
        }
        let rule = Rule {
            matching,
            name: String::new(),
            outcome: Outcome::Split(Vec::new()),
        };
        let errors = check_new_rules(std::slice::from_ref(&rule));
        if let Some((_, invalid)) = errors.first() {
            let remedy = "write the condition in another way, and add the rule";
            log.add(Kind::Left, &entry.origin, &invalid.detail, remedy);
        }
        errors.is_empty()
    });
    entries
}

/// Returns the hosts of all places; one place without a host if no host is known.
fn hosts(entries: &[Entry], options: &Options, log: &mut Log) -> Vec<Option<Host>> {
    let mut hosts: BTreeSet<Host> = entries.iter().flat_map(|e| e.hosts.clone()).collect();
    let mut of_any_host = entries
        .iter()
        .filter(|entry| entry.hosts.is_empty())
        .peekable();
    if of_any_host.peek().is_some() {
        hosts.extend(options.hosts.iter().cloned());
    }
    if options.hosts.is_empty() {
        for entry in of_any_host {
            let why = if hosts.is_empty() {
                "takes requests for any host, and a policy names its hosts: it is brought over without a host, so only resolve finds it"
            } else {
                "takes requests for any host, and a policy names its hosts: it is brought over for the hosts that the files name"
            };
            log.add(Kind::Left, &entry.origin, why, "name the hosts with --host");
        }
    }
    if hosts.is_empty() {
        return vec![None];
    }
    hosts.into_iter().map(Some).collect()
}

/// The path prefixes of each host where a part applies.
type Places = BTreeMap<Option<Host>, BTreeSet<PathPrefix>>;

/// Returns the parts, in the order of the entries that define them, each with its places.
fn parts(entries: &[Entry], hosts: &[Option<Host>], log: &mut Log) -> Vec<(Part, Places)> {
    let mut parts: Vec<(Part, Places)> = Vec::new();
    let (mut known, mut used) = (HashMap::new(), BTreeSet::new());
    for host in hosts {
        let of_host: Vec<_> = entries.iter().enumerate().collect();
        let of_host: Vec<_> = of_host
            .into_iter()
            .map(|(at, entry)| (at, entry, entry.takes_host(host.as_ref())))
            .filter(|(.., exactness)| *exactness > 0)
            .collect();
        let own = of_host
            .iter()
            .filter(|(_, entry, exactness)| entry.hosts.is_empty() || *exactness == usize::MAX);
        let prefixes = prefixes(own.map(|(_, entry, _)| *entry));
        for prefix in &prefixes {
            let mut steps: Vec<_> = of_host
                .iter()
                .filter(|(_, entry, _)| is_asked(entry, prefix, &prefixes))
                .collect();
            steps.sort_by_key(|(at, entry, exactness)| {
                let (before, after) = (&entry.rank.0, &entry.rank.1);
                std::cmp::Reverse((*before, *exactness, after.clone(), std::cmp::Reverse(*at)))
            });
            let last = steps
                .iter()
                .position(|(_, entry, _)| entry.is_unconditional(prefix));
            steps.truncate(last.map_or(steps.len(), |last| last + 1));
            used.extend(steps.iter().map(|(at, ..)| *at));
            let steps: Vec<_> = steps.iter().map(|(at, entry, _)| (*at, *entry)).collect();
            let Some(part) = Part::of(&steps, prefix, log) else {
                continue;
            };
            let index = *known.entry(part.key()).or_insert_with(|| {
                parts.push((part, Places::new()));
                parts.len() - 1
            });
            let places = &mut parts[index].1;
            places
                .entry(host.clone())
                .or_default()
                .insert(prefix.clone());
        }
    }
    for (_, entry) in entries
        .iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at))
    {
        let why = "takes no request: others take all of them before";
        log.add(Kind::Note, &entry.origin, why, "");
    }
    parts.sort_by_key(|(part, _)| part.first);
    parts
}

/// Returns the prefixes that a host's policies own: those of the entries, and for an exact path or a
/// pattern under none of them, one that has it.
fn prefixes<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> BTreeSet<PathPrefix> {
    let named = entries.clone().filter_map(|entry| match &entry.path {
        Path::Prefix(prefix) => Some(prefix.clone()),
        Path::Exact(_) | Path::Regex(..) => None,
    });
    let mut prefixes: BTreeSet<_> = named.collect();
    let mut more = BTreeSet::new();
    for entry in entries {
        let under = match &entry.path {
            Path::Prefix(_) => continue,
            Path::Exact(path) => crate::path::prefix(path).unwrap_or_default(),
            Path::Regex(_, prefix) => prefix.clone(),
        };
        if !prefixes.iter().any(|own| own.has(under.as_str())) {
            more.insert(under);
        }
    }
    prefixes.extend(more);
    prefixes
}

/// Whether an entry can take a request whose longest prefix is `prefix`.
fn is_asked(entry: &Entry, prefix: &PathPrefix, prefixes: &BTreeSet<PathPrefix>) -> bool {
    let is_longest = |path: &str| {
        let longest = prefixes
            .iter()
            .filter(|own| own.has(path))
            .max_by_key(|own| own.as_str().len());
        longest == Some(prefix)
    };
    match &entry.path {
        Path::Prefix(own) => own.has(prefix.as_str()),
        Path::Exact(path) => is_longest(path),
        Path::Regex(_, under) => under.has(prefix.as_str()) || is_longest(under.as_str()),
    }
}

/// Returns the places as lists of prefixes, each with all hosts that have it, within the limits of a
/// policy.
fn rectangles(places: &Places) -> Vec<(Vec<PathPrefix>, Vec<Host>)> {
    let mut alike: BTreeMap<&BTreeSet<PathPrefix>, Vec<Host>> = BTreeMap::new();
    for (host, prefixes) in places {
        alike.entry(prefixes).or_default().extend(host.clone());
    }
    let mut all = Vec::new();
    for (prefixes, hosts) in alike {
        let prefixes: Vec<_> = prefixes.iter().cloned().collect();
        for prefixes in prefixes.chunks(MAX_PARTS) {
            if hosts.is_empty() {
                all.push((prefixes.to_vec(), Vec::new()));
            }
            for hosts in hosts.chunks(MAX_PARTS) {
                all.push((prefixes.to_vec(), hosts.to_vec()));
            }
        }
    }
    all
}
