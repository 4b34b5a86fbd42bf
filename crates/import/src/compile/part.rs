//! What a policy says about the requests of its places.

use traffic_manager_core::{
    policy::{Matching, PathMatch, PathPrefix},
    route::RouteUrl,
};

use crate::{
    entry::{Action, Backend, Entry, Path, Traffic},
    left::{Kind, Log, Origin},
};

/// The content of a policy, without its places.
#[derive(Debug)]
pub struct Part {
    /// The number of the entry that gives the policy its name, for the order of policies.
    pub first: usize,
    /// The wanted name of the service.
    pub service: String,
    /// The rules.
    pub rules: Vec<PartRule>,
    /// The backends of all other requests.
    pub split: Vec<Backend>,
    /// What happens on the way.
    pub traffic: Traffic,
    /// The place of the entry that gives the policy its name.
    pub origin: Origin,
}

/// A rule of a part.
#[derive(Debug)]
pub struct PartRule {
    pub name: String,
    pub matching: Matching,
    pub action: Action,
    pub origin: Origin,
}

type Step<'a> = (usize, &'a Entry);

impl Part {
    /// Makes the content of a policy of the entries that are asked at a place, in their order.
    /// Returns `None` if nothing of it can be brought over.
    pub fn of(steps: &[Step<'_>], prefix: &PathPrefix, log: &mut Log) -> Option<Self> {
        let steps: Vec<_> = steps
            .iter()
            .copied()
            .filter(|(_, entry)| can_strip(entry, prefix, log))
            .collect();
        let sends = |step: &&Step<'_>| matches!(step.1.action, Action::Backends(_));
        let all = steps
            .iter()
            .filter(|(_, entry)| entry.is_unconditional(prefix));
        let base = all.clone().find(sends).or_else(|| steps.iter().find(sends));
        let mut traffic = base
            .map(|(_, entry)| entry.traffic.clone())
            .unwrap_or_default();
        let mut steps: Vec<(usize, Entry)> = steps
            .iter()
            .filter(|(_, entry)| is_alike(entry, &traffic, log))
            .map(|(at, entry)| (*at, (*entry).clone()))
            .collect();
        // A part of the path that differs goes into the URLs.
        let differs = |(_, entry): &(usize, Entry)| {
            matches!(entry.action, Action::Backends(_)) && entry.traffic.prefix != traffic.prefix
        };
        if steps.iter().any(differs) {
            traffic.prefix = None;
            steps.retain_mut(|(_, entry)| into_urls(entry, log));
        }
        let (first, name) = {
            let named = steps
                .iter()
                .find(|(_, entry)| entry.is_unconditional(prefix));
            named.or_else(|| steps.first())?
        };
        let (first, service, origin) = (*first, name.service.clone(), name.origin.clone());
        let (mut rules, mut split) = (Vec::new(), Vec::new());
        for (_, entry) in steps {
            match (entry.is_unconditional(prefix), entry.action.clone()) {
                (true, Action::Backends(backends)) => split = backends,
                (_, action) => rules.push(rule(entry, action)),
            }
        }
        Some(Self {
            first,
            service,
            rules,
            split,
            traffic,
            origin,
        })
    }

    /// Returns a text that is the same for parts with the same content.
    pub fn key(&self) -> String {
        let rules: Vec<_> = self
            .rules
            .iter()
            .map(|r| (&r.matching, &r.action))
            .collect();
        format!("{:?}", (&self.service, rules, &self.split, &self.traffic))
    }
}

fn rule(entry: Entry, action: Action) -> PartRule {
    let mut matching = entry.matching;
    matching.path = match entry.path {
        Path::Exact(path) => Some(PathMatch::Exact(path)),
        Path::Regex(pattern, _) => Some(PathMatch::Regex(pattern)),
        // A rule needs a condition; this one always holds.
        Path::Prefix(_) if matching.is_empty() => Some(PathMatch::Prefix(PathPrefix::default())),
        Path::Prefix(_) => None,
    };
    PartRule {
        name: entry.rule,
        matching,
        action,
        origin: entry.origin,
    }
}

/// Whether the entry removes no prefix, or the one of the place.
fn can_strip(entry: &Entry, prefix: &PathPrefix, log: &mut Log) -> bool {
    let own = match &entry.path {
        Path::Prefix(own) => own,
        Path::Exact(_) | Path::Regex(..) => return true,
    };
    if !entry.traffic.strip_prefix || own == prefix {
        return true;
    }
    let why = format!(
        "removes {} from paths, and a policy removes its own prefix: requests under {} that no other rule takes are not brought over",
        own.as_str(),
        prefix.as_str()
    );
    log.add(Kind::Left, &entry.origin, &why, "write a policy for them");
    false
}

/// Checks an entry against what the policy does for all its rules. What cannot differ without
/// sending wrong paths leaves the entry out; the rest is named.
fn is_alike(entry: &Entry, base: &Traffic, log: &mut Log) -> bool {
    if !matches!(entry.action, Action::Backends(_)) {
        return true;
    }
    let Traffic {
        strip_prefix,
        prefix: _,
        host_header,
        timeout_ms,
        retries,
        request_headers,
        response_headers,
        sticky_by,
        mirror,
    } = &entry.traffic;
    if *strip_prefix != base.strip_prefix {
        let why = "shares hosts and prefix with another rule, and only one of them removes the prefix: a policy does it for all its rules";
        log.add(Kind::Left, &entry.origin, why, "give it a path of its own");
        return false;
    }
    let differences = [
        ("host header", *host_header != base.host_header),
        ("timeout", *timeout_ms != base.timeout_ms),
        ("retries", *retries != base.retries),
        ("request headers", *request_headers != base.request_headers),
        (
            "response headers",
            *response_headers != base.response_headers,
        ),
        ("sticky key", *sticky_by != base.sticky_by),
        ("mirror", *mirror != base.mirror),
    ];
    let differing = differences.iter().filter(|(_, differs)| *differs);
    let differing: Vec<_> = differing.map(|(member, _)| *member).collect();
    if !differing.is_empty() {
        let why = format!(
            "differs in {} from another rule for the same host and prefix: a policy has that once, and the other rule's is used",
            differing.join(", ")
        );
        log.add(Kind::Left, &entry.origin, &why, "give it a path of its own");
    }
    true
}

/// Puts the prefix of an entry into the URLs of its backends.
fn into_urls(entry: &mut Entry, log: &mut Log) -> bool {
    let (Action::Backends(backends), Some(prefix)) = (&mut entry.action, &entry.traffic.prefix)
    else {
        return true;
    };
    for backend in backends {
        let url = format!(
            "{}{}",
            backend.url.as_str().trim_end_matches('/'),
            prefix.as_str()
        );
        match RouteUrl::try_from(url) {
            Ok(url) => {
                backend.name = format!("{}{}", backend.name, prefix.as_str().replace('/', "-"));
                backend.url = url;
            }
            Err(invalid) => {
                log.add(Kind::Left, &entry.origin, &invalid.detail, "");
                return false;
            }
        }
    }
    true
}
