//! Policies and their routes, with names that are free.

use std::collections::BTreeMap;

use traffic_manager_core::{
    document::{PolicyDoc, RouteDoc},
    ids::{EnvName, ServiceName, VersionName},
    policy::{
        Host, MAX_PARTS, MAX_WEIGHT, Mirror, Outcome, PathPrefix, Rewrite, Rule, Share,
        check_new_rules,
    },
    route::{Labels, RouteUrl},
};

use super::part::{Part, PartRule};
use crate::{
    entry::{Action, Backend},
    left::{Kind, Log, Origin},
    names::{self, Taken},
};

/// The longest name of a rule, in bytes.
const MAX_RULE_NAME: usize = 64;

/// Collects policies and routes.
pub struct Policies {
    env: EnvName,
    services: Taken,
    pub routes: Vec<RouteDoc>,
    pub policies: Vec<PolicyDoc>,
}

/// The versions of one service.
#[derive(Default)]
struct Versions {
    names: Taken,
    by_url: BTreeMap<String, VersionName>,
    routes: Vec<(VersionName, RouteUrl, Labels)>,
}

impl Policies {
    pub fn new(env: &EnvName) -> Self {
        Self {
            env: env.clone(),
            services: Taken::default(),
            routes: Vec::new(),
            policies: Vec::new(),
        }
    }

    /// Adds a policy for a part, unless nothing is left of it.
    pub fn add(&mut self, part: &Part, hosts: Vec<Host>, prefixes: Vec<PathPrefix>, log: &mut Log) {
        let mut versions = Versions::default();
        let split = versions.shares(&part.split, &part.origin, log);
        let rules = rules(&part.rules, &mut versions, log);
        if split.is_empty() && rules.is_empty() {
            return;
        }
        let traffic = part.traffic.clone();
        let mirror = traffic.mirror.and_then(|(backend, share)| {
            let version = versions.version(&backend, &part.origin, log)?;
            Some(Mirror { share, version })
        });
        let rewrite = Rewrite {
            prefix: traffic.prefix,
            strip_prefix: traffic.strip_prefix,
        };
        let has_rewrite = rewrite.prefix.is_some() || rewrite.strip_prefix;
        let Ok(service) = ServiceName::try_from(self.name(&part.service, &hosts, &prefixes)) else {
            return;
        };
        for (version, url, labels) in versions.routes {
            self.routes.push(RouteDoc {
                service: service.clone(),
                env: self.env.clone(),
                version,
                url,
                is_active: true,
                labels,
                description: None,
            });
        }
        self.policies.push(PolicyDoc {
            service,
            env: self.env.clone(),
            hosts,
            path_prefix: None,
            path_prefixes: prefixes,
            split,
            failover: Vec::new(),
            rules,
            sticky_by: traffic.sticky_by,
            version_header: None,
            rewrite: has_rewrite.then(|| Box::new(rewrite)),
            host_header: traffic.host_header.map(Box::new),
            timeout_ms: traffic.timeout_ms,
            retries: traffic.retries.map(Box::new),
            request_headers: traffic.request_headers.map(Box::new),
            response_headers: traffic.response_headers.map(Box::new),
            mirror: mirror.map(Box::new),
        });
    }

    /// Returns a free name: the wanted one, or with the first prefix or host behind it, or with a
    /// number.
    fn name(&mut self, wanted: &str, hosts: &[Host], prefixes: &[PathPrefix]) -> String {
        let base = names::label(wanted, "service");
        let path = prefixes.iter().map(PathPrefix::as_str).find(|p| *p != "/");
        let host = hosts.first().map(|host| host.base());
        let mut with = vec![base.clone()];
        with.extend(
            path.into_iter()
                .chain(host)
                .map(|more| names::label(&format!("{base}-{more}"), "service")),
        );
        let free = with.iter().find(|name| self.services.take_exactly(name));
        match free {
            Some(name) => name.clone(),
            None => self.services.take(&base, 63),
        }
    }
}

impl Versions {
    /// Returns the version of a backend: the same for the same address.
    fn version(
        &mut self,
        backend: &Backend,
        origin: &Origin,
        log: &mut Log,
    ) -> Option<VersionName> {
        if let Some(known) = self.by_url.get(backend.url.as_str()) {
            return Some(known.clone());
        }
        let name = self.names.take(&names::version(&backend.name), 63);
        let version = VersionName::try_from(name).ok()?;
        let tags = BTreeMap::from([("tags".to_owned(), backend.tags.clone())]);
        let labels = if backend.tags.is_empty() || Labels::check("tags", &backend.tags).is_err() {
            if !backend.tags.is_empty() {
                let why = "its tags are too long for a label";
                log.add(Kind::Note, origin, why, "");
            }
            Labels::default()
        } else {
            Labels::try_from(tags).unwrap_or_default()
        };
        self.by_url
            .insert(backend.url.as_str().to_owned(), version.clone());
        self.routes
            .push((version.clone(), backend.url.clone(), labels));
        Some(version)
    }

    /// Returns the shares of backends. Weights above the limit are scaled down.
    fn shares(&mut self, backends: &[Backend], origin: &Origin, log: &mut Log) -> Vec<Share> {
        if backends.is_empty() {
            return Vec::new();
        }
        let mut weights: Vec<(VersionName, u64)> = Vec::new();
        if backends.iter().all(|backend| backend.weight == 0) {
            let why = "no backend has a weight above 0, so nothing answers its requests";
            log.add(Kind::Left, origin, why, "give one a weight");
            return Vec::new();
        }
        for backend in backends {
            let Some(version) = self.version(backend, origin, log) else {
                continue;
            };
            match weights.iter_mut().find(|(known, _)| *known == version) {
                Some((_, weight)) => *weight = weight.saturating_add(backend.weight),
                None => weights.push((version, backend.weight)),
            }
        }
        if weights.len() > MAX_PARTS {
            let why = format!(
                "has {} backends, and a split has at most {MAX_PARTS} versions: the last are left out",
                weights.len()
            );
            log.add(Kind::Left, origin, &why, "put a load balancer before them");
            weights.truncate(MAX_PARTS);
        }
        scaled(weights, origin, log)
    }
}

fn scaled(weights: Vec<(VersionName, u64)>, origin: &Origin, log: &mut Log) -> Vec<Share> {
    let most = u64::from(MAX_WEIGHT);
    let largest = weights.iter().map(|(_, weight)| *weight).max().unwrap_or(0);
    if largest > most {
        let why = format!("weights above {most} are scaled down, in proportion");
        log.add(Kind::Note, origin, &why, "");
    }
    let shares = weights.into_iter().map(|(version, weight)| {
        let scaled = if largest > most {
            let exact = u128::from(weight) * u128::from(most) / u128::from(largest);
            u64::try_from(exact)
                .unwrap_or(most)
                .max(u64::from(weight > 0))
        } else {
            weight
        };
        let weight = u16::try_from(scaled).unwrap_or(MAX_WEIGHT);
        Share { version, weight }
    });
    shares.collect()
}

fn rules(parts: &[PartRule], versions: &mut Versions, log: &mut Log) -> Vec<Rule> {
    let (mut names, mut rules) = (Taken::default(), Vec::new());
    for part in parts {
        let outcome = match &part.action {
            Action::Redirect(redirect) => Outcome::Redirect(redirect.clone()),
            Action::Respond(respond) => Outcome::Respond(respond.clone()),
            Action::Backends(backends) => {
                let mut shares = versions.shares(backends, &part.origin, log);
                match shares.len() {
                    0 => continue,
                    1 => Outcome::Version(shares.remove(0).version),
                    _ => Outcome::Split(shares),
                }
            }
        };
        let rule = Rule {
            matching: part.matching.clone(),
            name: names.take(&name(&part.name), MAX_RULE_NAME),
            outcome,
        };
        rules.push(rule);
        let too_many = rules.len() > MAX_PARTS;
        if let Some(why) = too_many
            .then(|| format!("a policy has at most {MAX_PARTS} rules"))
            .or_else(|| of_all(&rules))
        {
            log.add(Kind::Left, &part.origin, &why, "give it a path of its own");
            rules.pop();
        }
    }
    rules
}

/// Returns the error of rules that are valid one by one: their patterns together are too large.
fn of_all(rules: &[Rule]) -> Option<String> {
    let has_pattern = rules
        .last()
        .is_some_and(|rule| rule.matching.patterns().next().is_some());
    let errors = if has_pattern {
        check_new_rules(rules)
    } else {
        Vec::new()
    };
    errors.into_iter().next().map(|(_, invalid)| invalid.detail)
}

/// Returns a rule's name: visible text of at most [`MAX_RULE_NAME`] bytes.
fn name(wanted: &str) -> String {
    let visible = wanted.chars().filter(|c| (' '..='~').contains(c));
    let name: String = visible.take(MAX_RULE_NAME).collect();
    if name.trim().is_empty() {
        "rule".to_owned()
    } else {
        name.trim().to_owned()
    }
}
