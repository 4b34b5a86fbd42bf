//! Routes: an entry for each path.

use std::collections::BTreeSet;

use traffic_manager_core::policy::{Host, HostHeader, Matching, Method, PathPrefix, TextMatch};
use traffic_manager_yaml::tree::{Node, Value};

use super::{
    Version,
    backend::Service,
    plugin::{Plugin, Scoped},
};
use crate::{
    entry::{Action, Entry, Path, Traffic},
    fields::{Fields, text},
    left::Log,
    path, transform,
};

/// What all paths of a route share.
struct Common {
    hosts: Vec<Host>,
    matching: Matching,
    strip_path: bool,
    /// The kinds of conditions, without the path.
    kinds: u64,
    priority: u64,
}

/// Adds the entries of a route of a service.
pub fn entries(
    node: &Node,
    name: &str,
    service: &Service,
    plugins: &[Scoped],
    version: Version,
    entries: &mut Vec<Entry>,
    log: &mut Log,
) {
    let what = format!("route {name}");
    let mut traffic = service.traffic.clone();
    let action = Action::Backends(service.backends.clone());
    let mut fields = Fields::new(node, &*what);
    if fields.bool("preserve_host", log) == Some(true) {
        traffic.host_header = Some(HostHeader::Keep);
    }
    if service.ends_with_slash && fields.text("path_handling", log).as_deref() == Some("v1") {
        let why =
            "path_handling v1 joins a path that ends with / as it is, and here one / is written";
        log.left(node, &what, why, "check the paths that the service gets");
    }
    all(
        fields,
        node,
        (&service.name, name),
        plugins,
        (action, traffic),
        version,
        entries,
        log,
    );
}

/// Adds the entries of a route without a service: a plugin must answer.
pub fn without_service(
    node: &Node,
    what: &str,
    plugins: &[Scoped],
    version: Version,
    entries: &mut Vec<Entry>,
    log: &mut Log,
) {
    let name = what.strip_prefix("route ").unwrap_or(what);
    let mut fields = Fields::new(node, what);
    fields.ignore(&["preserve_host"]);
    let action = Action::Backends(Vec::new());
    all(
        fields,
        node,
        (name, name),
        plugins,
        (action, Traffic::default()),
        version,
        entries,
        log,
    );
}

#[expect(
    clippy::too_many_arguments,
    reason = "both callers have the same parts"
)]
fn all(
    mut fields: Fields<'_>,
    node: &Node,
    (service, name): (&str, &str),
    plugins: &[Scoped],
    (mut action, mut traffic): (Action, Traffic),
    version: Version,
    entries: &mut Vec<Entry>,
    log: &mut Log,
) {
    let what = fields.what.clone();
    let common = common(&mut fields, node, log);
    let paths = fields.texts("paths", log);
    for scoped in fields.list("plugins", log) {
        let own = super::plugin::all(std::slice::from_ref(scoped), &what, log);
        own.iter()
            .for_each(|own| apply(&own.plugin, &mut action, &mut traffic));
    }
    let Some(common) = common else { return };
    fields.finish(log);
    // The route's own plugins have been applied; those of the service and of the file go where it
    // has none of that kind.
    let own = names_of_own(node);
    for scoped in plugins.iter().filter(|scoped| !own.contains(&scoped.name)) {
        apply(&scoped.plugin, &mut action, &mut traffic);
    }
    if matches!(&action, Action::Backends(backends) if backends.is_empty()) {
        let why = "has nothing that answers: no service, or a plugin that is left out";
        log.left(node, &what, why, "give it a service or another answer");
        return;
    }
    let mut add =
        |path: Path, rank: [u64; 3], strip: bool, has_path: bool, place: &Node, log: &Log| {
            let headers = u64::try_from(common.matching.headers.len()).unwrap_or(u64::MAX);
            let [is_pattern, priority, length] = rank;
            entries.push(Entry {
                origin: log.origin(place, &what),
                service: service.to_owned(),
                rule: name.to_owned(),
                hosts: common.hosts.clone(),
                path,
                matching: common.matching.clone(),
                rank: (
                    common.kinds + u64::from(has_path),
                    vec![headers, is_pattern, priority, length],
                ),
                action: action.clone(),
                traffic: Traffic {
                    strip_prefix: strip,
                    ..traffic.clone()
                },
            });
        };
    if paths.is_empty() {
        add(
            Path::Prefix(PathPrefix::default()),
            [0, 0, 0],
            false,
            false,
            node,
            log,
        );
    }
    for (raw, place) in &paths {
        match read(raw, version, common.strip_path) {
            Ok((path, is_pattern, strip)) => {
                let length = u64::try_from(raw.len()).unwrap_or(u64::MAX);
                let priority = if is_pattern { common.priority } else { 0 };
                add(
                    path,
                    [u64::from(is_pattern), priority, length],
                    strip,
                    true,
                    place,
                    log,
                );
            }
            Err(why) => {
                log.left(
                    place,
                    &format!("{what}: path {raw}"),
                    &why,
                    "write it in another way",
                );
            }
        }
    }
}

fn names_of_own(node: &Node) -> BTreeSet<String> {
    let Some(Value::List(items)) = node.get("plugins").map(|node| &node.value) else {
        return BTreeSet::new();
    };
    let is_on = |item: &&Node| {
        item.get("enabled")
            .is_none_or(|on| on.value != Value::Bool(false))
    };
    items
        .iter()
        .filter(is_on)
        .filter_map(|item| item.get("name").and_then(text))
        .collect()
}

fn apply(plugin: &Plugin, action: &mut Action, traffic: &mut Traffic) {
    match plugin {
        Plugin::Nothing => {}
        Plugin::Refused => *action = Action::Backends(Vec::new()),
        Plugin::Answer(answer) => *action = answer.clone(),
        Plugin::RequestHeaders(edits) => {
            traffic.request_headers = transform::finished(edits.clone())
        }
        Plugin::ResponseHeaders(edits) => {
            traffic.response_headers = transform::finished(edits.clone())
        }
    }
}

/// Reads a path: whether it is a pattern, and whether it is removed.
fn read(raw: &str, version: Version, strips: bool) -> Result<(Path, bool, bool), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_~/%".contains(c);
    let pattern = match version {
        Version::Marked => raw.strip_prefix('~'),
        Version::Guessed => (!raw.chars().all(is_plain)).then_some(raw),
    };
    let Some(pattern) = pattern else {
        let prefix = path::prefix(raw).map_err(|invalid| invalid.detail)?;
        let strip = strips && prefix.as_str() != "/";
        return Ok((Path::Prefix(prefix), false, strip));
    };
    if strips {
        return Err(
            "strip_path removes what the pattern matches, and a policy only removes a prefix"
                .to_owned(),
        );
    }
    let whole = path::whole(pattern);
    let under = path::literal(&whole);
    Ok((Path::Regex(whole, under), true, false))
}

fn common(fields: &mut Fields<'_>, node: &Node, log: &mut Log) -> Option<Common> {
    let what = fields.what.clone();
    fields.ignore(&[
        "name",
        "id",
        "service",
        "created_at",
        "updated_at",
        "path_handling",
        "_comment",
    ]);
    if fields.get("tags").is_some() {
        log.note(node, &format!("{what}: tags"), "policies have no labels");
    }
    for key in ["expression", "priority"] {
        if let Some(node) = fields.get(key) {
            log.left(
                node,
                &format!("{what}: {key}"),
                "expressions of Kong's router are not read",
                "write the route with hosts, paths, methods and headers",
            );
            return None;
        }
    }
    for key in ["snis", "sources", "destinations"] {
        if let Some(node) = fields.get(key) {
            log.left(
                node,
                &format!("{what}: {key}"),
                "a policy has no such condition: the route is left out",
                "match a host or a header",
            );
            return None;
        }
    }
    for key in ["request_buffering", "response_buffering"] {
        if let Some(node) = fields
            .get(key)
            .filter(|node| node.value == Value::Bool(false))
        {
            log.left(
                node,
                &format!("{what}: {key}"),
                "a policy has no such member",
                "set it in the proxy",
            );
        }
    }
    let redirect = fields.get("https_redirect_status_code");
    let protocols = fields.texts("protocols", log);
    let has = |name: &str| protocols.iter().any(|(protocol, _)| protocol == name);
    if !protocols.is_empty() && !has("http") {
        let place = protocols[0].1;
        if !has("https") {
            log.left(
                place,
                &what,
                "takes neither http nor https",
                "leave it in the proxy",
            );
            return None;
        }
        let why = "takes https only: a policy does not know how a request came";
        log.left(
            redirect.unwrap_or(place),
            &format!("{what}: protocols"),
            why,
            "redirect http to https in the proxy",
        );
    }
    let strip_path = fields.bool("strip_path", log).unwrap_or(true);
    let priority = fields.number("regex_priority", log).unwrap_or(0);
    let named = fields.texts("hosts", log);
    let hosts: Vec<_> = named
        .iter()
        .filter_map(|(host, node)| self::host(host, node, &what, log))
        .collect();
    if hosts.is_empty() && !named.is_empty() {
        return None;
    }
    let matching = matching(fields, &what, log)?;
    let kinds = [
        !named.is_empty(),
        !matching.methods.is_empty(),
        !matching.headers.is_empty(),
    ];
    Some(Common {
        hosts: hosts
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        matching,
        strip_path,
        kinds: kinds.iter().map(|has| u64::from(*has)).sum(),
        priority,
    })
}

/// Reads a host. Kong's may have a port, and a wildcard at the end.
fn host(raw: &str, node: &Node, what: &str, log: &mut Log) -> Option<Host> {
    let what = format!("{what}: host {raw}");
    let lower = raw.to_ascii_lowercase();
    let name = match lower.rsplit_once(':') {
        Some((name, _)) => {
            log.left(
                node,
                &what,
                "a host has no port here: it is brought over for every port",
                TLS_PORT,
            );
            name
        }
        None => lower.as_str(),
    };
    let host = Host::try_from(name.to_owned());
    host.map_err(|invalid| log.left(node, &what, &invalid.detail, "name each host"))
        .ok()
}

const TLS_PORT: &str = "let the proxy listen on that port only";

fn matching(fields: &mut Fields<'_>, what: &str, log: &mut Log) -> Option<Matching> {
    let mut matching = Matching::default();
    let mut is_whole = true;
    for (raw, node) in fields.texts("methods", log) {
        match Method::try_from(raw) {
            Ok(method) => {
                matching.methods.insert(method);
            }
            Err(invalid) => {
                is_whole = false;
                log.left(
                    node,
                    &format!("{what}: methods"),
                    &invalid.detail,
                    "correct the file",
                );
            }
        }
    }
    for (name, values) in fields.get("headers").map(Node::members).unwrap_or_default() {
        let what = format!("{what}: header {name}");
        let texts: Vec<_> = match &values.value {
            Value::List(items) => items.iter().filter_map(text).collect(),
            _ => text(values).into_iter().collect(),
        };
        let name = match name.clone().try_into() {
            Ok(name) => name,
            Err(error) => {
                let error: traffic_manager_core::Invalid = error;
                log.left(
                    values,
                    &what,
                    &format!("{}: the route is left out", error.detail),
                    "match another header",
                );
                is_whole = false;
                continue;
            }
        };
        log.note(
            values,
            &what,
            "values are compared with case, and Kong compares them without",
        );
        matching.headers.insert(name, header(&texts));
    }
    is_whole.then_some(matching)
}

/// The condition for a header with one of these values.
fn header(values: &[String]) -> TextMatch {
    match values {
        [] => TextMatch::Present(true),
        [one] => match one.strip_prefix("~*") {
            Some(pattern) => TextMatch::Regex(path_free(pattern)),
            None => TextMatch::Exact(one.clone()),
        },
        several => {
            let several: Vec<_> = several.iter().map(|value| path::escaped(value)).collect();
            TextMatch::Regex(several.join("|"))
        }
    }
}

/// Returns the pattern of whole values for one that is looked for anywhere in a value.
fn path_free(pattern: &str) -> String {
    let begins = pattern.starts_with('^');
    let inner = path::whole(pattern);
    if begins { inner } else { format!(".*{inner}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str, version: Version) -> (String, String) {
        match read(raw, version, false).unwrap().0 {
            Path::Prefix(prefix) => ("prefix".to_owned(), prefix.as_str().to_owned()),
            Path::Regex(pattern, under) => (pattern, under.as_str().to_owned()),
            Path::Exact(path) => ("exact".to_owned(), path),
        }
    }

    #[test]
    fn path_is_a_pattern_as_the_format_says() {
        let of = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(path("/a/b/", Version::Marked), of("prefix", "/a/b"));
        assert_eq!(path(r"~/a/\d+$", Version::Marked), of(r"/a/\d+", "/a"));
        assert_eq!(path(r"~/a/b", Version::Marked), of(r"/a/b.*", "/a"));
        assert_eq!(path(r"/a/\d+", Version::Guessed), of(r"/a/\d+.*", "/a"));
        assert_eq!(path("/a.b", Version::Guessed), of("prefix", "/a.b"));
        assert!(read("~/a", Version::Marked, true).is_err());
        assert!(read("/a%20b", Version::Marked, false).is_err());
    }

    #[test]
    fn header_values_become_one_condition() {
        let of =
            |values: &[&str]| header(&values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["a"]), TextMatch::Exact("a".into()));
        assert_eq!(of(&["a", "b.c"]), TextMatch::Regex(r"a|b\.c".into()));
        assert_eq!(of(&["~*^v[0-9]$"]), TextMatch::Regex("v[0-9]".into()));
        assert_eq!(of(&["~*beta"]), TextMatch::Regex(".*beta.*".into()));
    }
}
