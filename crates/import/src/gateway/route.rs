//! An `HTTPRoute`: an entry for each match of each rule.

use std::collections::BTreeSet;

use traffic_manager_core::policy::{Host, Retries, RetryOn, TimeoutMs};
use traffic_manager_yaml::tree::Node;

use super::{BackendUrl, Listener, backend, filter, identity, matching};
use crate::{
    entry::{Action, Entry, Path, Traffic},
    fields::{Fields, number, text},
    left::Log,
};

/// Adds the entries of a route.
pub fn entries(
    node: &Node,
    listeners: &[Listener],
    backend_url: &BackendUrl,
    entries: &mut Vec<Entry>,
    log: &mut Log,
) {
    let (namespace, name) = identity(node);
    let what = format!("HTTPRoute {name}");
    let mut resource = Fields::new(node, &*what);
    resource.ignore(&["apiVersion", "kind", "metadata", "status"]);
    let spec = resource.get("spec");
    resource.finish(log);
    let Some(spec) = spec else {
        log.left(node, &what, "has no spec", "correct the file");
        return;
    };
    let mut spec = Fields::new(spec, &*what);
    let parents = spec.list("parentRefs", log);
    if spec.get("useDefaultGateways").is_some() {
        log.note(
            node,
            &what,
            "the gateway that it belongs to is not looked for",
        );
    }
    let named = spec.texts("hostnames", log);
    let rules = spec.list("rules", log);
    spec.finish(log);
    let mut hosts: BTreeSet<Host> = BTreeSet::new();
    for (raw, node) in &named {
        match Host::try_from(raw.clone()) {
            Ok(host) => drop(hosts.insert(host)),
            Err(invalid) => log.left(
                node,
                &format!("{what}: hostname {raw}"),
                &invalid.detail,
                "name another host",
            ),
        }
    }
    if named.is_empty() {
        hosts = of_listeners(parents, &namespace, listeners);
    } else if hosts.is_empty() {
        return;
    }
    if rules.is_empty() {
        log.left(node, &what, "has no rule", "give it one");
    }
    let hosts: Vec<_> = hosts.into_iter().collect();
    for (at, rule) in rules.iter().enumerate() {
        let place = Place {
            route: &name,
            namespace: &namespace,
            hosts: &hosts,
            backend_url,
        };
        place.rule(rule, at, entries, log);
    }
}

/// Returns the hosts of the listeners that a route without hosts of its own belongs to.
fn of_listeners(parents: &[Node], namespace: &str, listeners: &[Listener]) -> BTreeSet<Host> {
    let of = |parent: &Node| {
        let member = |key| parent.get(key).and_then(text);
        let space = member("namespace").unwrap_or_else(|| namespace.to_owned());
        (
            space,
            member("name").unwrap_or_default(),
            member("sectionName"),
        )
    };
    let parents: Vec<_> = parents.iter().map(of).collect();
    let is_parent = |listener: &&Listener| {
        parents.iter().any(|(space, name, section)| {
            (space, name) == (&listener.gateway.0, &listener.gateway.1)
                && section
                    .as_ref()
                    .is_none_or(|section| *section == listener.name)
        })
    };
    let own: Vec<_> = listeners.iter().filter(is_parent).collect();
    if own.iter().any(|listener| listener.host.is_none()) {
        return BTreeSet::new();
    }
    let hosts = own.iter().filter_map(|listener| listener.host.clone());
    hosts.filter_map(|host| Host::try_from(host).ok()).collect()
}

/// What the rules of a route share.
struct Place<'a> {
    route: &'a str,
    namespace: &'a str,
    hosts: &'a [Host],
    backend_url: &'a BackendUrl,
}

impl Place<'_> {
    fn rule(&self, node: &Node, at: usize, entries: &mut Vec<Entry>, log: &mut Log) {
        let what = format!("HTTPRoute {}: rule {}", self.route, at + 1);
        let mut fields = Fields::new(node, &*what);
        let name = fields.text("name", log);
        let name = name.unwrap_or_else(|| format!("{}-{}", self.route, at + 1));
        let matches = fields.list("matches", log);
        let filters = fields.list("filters", log);
        let refs = fields.list("backendRefs", log);
        let (timeout_ms, per_try) = timeouts(&mut fields, log);
        let mut retries = retries(&mut fields, log);
        if let Some(node) = fields.get("sessionPersistence") {
            let why = "the gateway makes the cookie or header itself, and sticky_by reads one that is there";
            log.left(
                node,
                &format!("{what}: sessionPersistence"),
                why,
                "set sticky_by to a cookie or header of the application",
            );
        }
        fields.finish(log);
        let mut timeout_ms = timeout_ms;
        match &mut retries {
            Some(retries) => retries.per_try_timeout_ms = per_try,
            // There is one try, so its limit is that of the whole.
            None => timeout_ms = per_try.or(timeout_ms),
        }
        let traffic = Traffic {
            timeout_ms,
            retries,
            ..Traffic::default()
        };
        let mut found: Vec<_> = matches
            .iter()
            .filter_map(|node| matching::read(node, &what, log).map(|found| (node, found)))
            .collect();
        if matches.is_empty() {
            found.push((node, matching::Match::default()));
        }
        let backends = backend::all(refs, self.namespace, self.backend_url, &what, log);
        for (node, found) in found {
            let mut effects = filter::Effects {
                traffic: traffic.clone(),
                answer: None,
            };
            let context = filter::Context {
                path: &found.path,
                hosts: self.hosts,
                namespace: self.namespace,
                backend_url: self.backend_url,
                what: &what,
            };
            if !filter::apply(filters, &context, &mut effects, log) {
                continue;
            }
            let action = match effects.answer {
                Some(redirect) => Action::Redirect(redirect),
                None if backends.is_empty() => {
                    let why = "has no backend that can be brought over";
                    log.left(node, &what, why, "give it a backend");
                    continue;
                }
                None => Action::Backends(backends.clone()),
            };
            entries.push(Entry {
                origin: log.origin(node, &what),
                service: self.route.to_owned(),
                rule: name.clone(),
                hosts: self.hosts.to_vec(),
                rank: (0, rank(&found)),
                path: found.path,
                matching: found.matching,
                action,
                traffic: effects.traffic,
            });
        }
    }
}

fn rank(found: &matching::Match) -> Vec<u64> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (kind, length) = match &found.path {
        Path::Exact(_) => (2, 0),
        Path::Regex(pattern, _) => (1, count(pattern.len())),
        Path::Prefix(prefix) => (0, count(prefix.as_str().len())),
    };
    let matching = &found.matching;
    vec![
        kind,
        length,
        u64::from(!matching.methods.is_empty()),
        count(matching.headers.len()),
        count(matching.query.len()),
    ]
}

/// Returns the limits of the whole request and of one try.
fn timeouts(fields: &mut Fields<'_>, log: &mut Log) -> (Option<TimeoutMs>, Option<TimeoutMs>) {
    let what = format!("{}: timeouts", fields.what);
    let Some(node) = fields.get("timeouts") else {
        return (None, None);
    };
    let mut inner = Fields::new(node, what);
    let limits = (
        duration(&mut inner, "request", log),
        duration(&mut inner, "backendRequest", log),
    );
    inner.finish(log);
    limits
}

fn duration(fields: &mut Fields<'_>, key: &'static str, log: &mut Log) -> Option<TimeoutMs> {
    let node = fields.get(key)?;
    let what = format!("{}: {key}", fields.what);
    match text(node).as_deref().and_then(milliseconds) {
        // Nothing limits it.
        Some(0) => None,
        Some(ms) if u64::from(ms) <= traffic_manager_core::policy::MAX_TIMEOUT_MS => {
            Some(TimeoutMs(ms))
        }
        Some(_) => {
            log.left(
                node,
                &what,
                "is more than an hour, the longest limit of a policy",
                "set it in the proxy",
            );
            None
        }
        None => {
            log.left(
                node,
                &what,
                "is not a duration such as 500ms or 1m30s",
                "correct the file",
            );
            None
        }
    }
}

/// Reads a duration (GEP-2257): numbers with `h`, `m`, `s` or `ms`.
fn milliseconds(text: &str) -> Option<u32> {
    let (mut rest, mut sum) = (text, 0_u32);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let (factor, length) = match unit.as_bytes() {
            [b'm', b's', ..] => (1, 2),
            [b's', ..] => (1000, 1),
            [b'm', ..] => (60_000, 1),
            [b'h', ..] => (3_600_000, 1),
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(factor)?)?;
        rest = &unit[length..];
    }
    Some(sum)
}

fn retries(fields: &mut Fields<'_>, log: &mut Log) -> Option<Retries> {
    let what = format!("{}: retry", fields.what);
    let node = fields.get("retry")?;
    let mut inner = Fields::new(node, &*what);
    let attempts = inner.number("attempts", log).unwrap_or(1);
    let codes = inner.list("codes", log);
    if let Some(node) = inner.get("backoff") {
        log.left(
            node,
            &format!("{what}: backoff"),
            "a policy has no pause between tries",
            "set it in the proxy",
        );
    }
    inner.finish(log);
    let mut on = BTreeSet::from([RetryOn::ConnectFailure, RetryOn::Reset]);
    for code in codes {
        match number(code) {
            Some(502..=504) => drop(on.insert(RetryOn::GatewayError)),
            _ => {
                let why = "only 502, 503 and 504 lead to a new try, and each of them to one";
                log.left(
                    code,
                    &format!("{what}: code {}", text(code).unwrap_or_default()),
                    why,
                    "set it in the proxy",
                );
            }
        }
    }
    let most = attempts.min(traffic_manager_core::policy::MAX_ATTEMPTS);
    if most < attempts {
        let why = format!(
            "{attempts} attempts are more than {most}, the most of a policy: brought over as {most}"
        );
        log.left(node, &what, &why, "");
    }
    let attempts = u8::try_from(most).ok().filter(|attempts| *attempts > 0)?;
    Some(Retries {
        attempts,
        on,
        per_try_timeout_ms: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_may_be_sums() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("1m30s", Some(90_000)),
            ("1h", Some(3_600_000)),
            ("0s", Some(0)),
            ("10", None),
            ("1.5s", None),
            ("", None),
            ("99999999h", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
