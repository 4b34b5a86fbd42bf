//! Declarative files of Kong, as `kong config` and decK read and write them.
//!
//! What a route's requests are follows Kong's `traditional` router: of two routes that take a
//! request, the one with more kinds of conditions is asked first, then the one with more headers,
//! then patterns, then the longer path.

mod backend;
mod plugin;
mod route;

use traffic_manager_yaml::tree::{Node, Value};

use self::plugin::Scoped;
use crate::{
    Source, Unreadable,
    entry::Entry,
    fields::{Fields, text},
    left::Log,
};

/// Collections that have nothing to do with where requests go, each with what to do about it.
const OTHERS: [(&str, &str); 18] = [
    ("consumers", AUTHENTICATE),
    ("consumer_groups", AUTHENTICATE),
    ("acls", AUTHENTICATE),
    ("basicauth_credentials", AUTHENTICATE),
    ("hmacauth_credentials", AUTHENTICATE),
    ("jwt_secrets", AUTHENTICATE),
    ("keyauth_credentials", AUTHENTICATE),
    ("oauth2_credentials", AUTHENTICATE),
    ("rbac_roles", AUTHENTICATE),
    ("certificates", TLS),
    ("ca_certificates", TLS),
    ("snis", TLS),
    ("keys", TLS),
    ("key_sets", TLS),
    ("vaults", "keep secrets where the proxy reads them"),
    ("filter_chains", "run filters in the proxy"),
    ("plugin_configs", "write each plugin out"),
    ("custom_plugins", "run plugins in the proxy"),
];

const AUTHENTICATE: &str =
    "authenticate callers in the proxy or in the service, or anyone may call";
const TLS: &str = "configure TLS in the proxy";

/// A whole file, sorted by what belongs together.
struct File<'a> {
    upstreams: Vec<&'a Node>,
    targets: Vec<&'a Node>,
    plugins: Vec<Scoped>,
    version: Version,
}

/// The parts of `_format_version` that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Before 3.0: a path is a pattern if it has a character that plain paths do not have.
    Guessed,
    /// Since 3.0: a path is a pattern if it begins with `~`.
    Marked,
}

/// Returns the entries of a file.
pub fn entries(
    source: &Source<'_>,
    documents: &[Node],
    log: &mut Log,
) -> Result<Vec<Entry>, Unreadable> {
    let root = match documents {
        [root] if matches!(root.value, Value::Map(_)) => root,
        [_, second, ..] => {
            let why = "a second document begins: Kong's files have one";
            return Err(Unreadable::at(source, second, why));
        }
        [root] => return Err(Unreadable::at(source, root, "must be a mapping")),
        [] => {
            let why = "the file is empty".to_owned();
            let error = traffic_manager_yaml::NotYaml {
                line: 1,
                column: 1,
                why,
            };
            return Err(Unreadable::of(source, error));
        }
    };
    let mut fields = Fields::new(root, "the file");
    let version = version(source, root, fields.get("_format_version"))?;
    fields.ignore(&[
        "_transform",
        "_comment",
        "_ignore",
        "_workspace",
        "_konnect",
    ]);
    if let Some(info) = fields.get("_info") {
        let mut info = Fields::new(info, "_info");
        info.ignore(&["select_tags"]);
        info.finish(log);
    }
    for key in ["services", "routes", "upstreams", "targets", "plugins"] {
        if let Some(node) = root
            .get(key)
            .filter(|node| !matches!(node.value, Value::List(_)))
        {
            return Err(Unreadable::at(
                source,
                node,
                &format!("{key} must be a list"),
            ));
        }
    }
    let services = fields.list("services", log);
    let routes = fields.list("routes", log);
    let file = File {
        upstreams: fields.list("upstreams", log).iter().collect(),
        targets: fields.list("targets", log).iter().collect(),
        plugins: plugin::all(fields.list("plugins", log), "", log),
        version,
    };
    others(&mut fields, log);
    fields.finish(log);
    let mut entries = Vec::new();
    for service in services {
        self::service(service, routes, &file, &mut entries, log);
    }
    let is_alone = |route: &&Node| {
        let owner = route.get("service").and_then(reference);
        !services
            .iter()
            .any(|service| owner.is_some() && is_named(service, owner.as_deref()))
    };
    for route in routes.iter().filter(is_alone) {
        let what = format!("route {}", name_of(route));
        if let Some(owner) = route.get("service").and_then(reference) {
            let why = format!("its service {owner} is not in the file");
            log.left(route, &what, &why, "export both into one file");
        } else {
            let plugins = file.plugins_of(route, "routes", &[]);
            route::without_service(route, &what, &plugins, version, &mut entries, log);
        }
    }
    if entries
        .iter()
        .any(|entry| matches!(entry.path, crate::entry::Path::Prefix(_)))
    {
        let why = "plain paths are compared by whole segments: /shop takes /shop/v2, and not /shopping as Kong does";
        log.note(root, "paths", why);
    }
    unused(&file, services, log);
    Ok(entries)
}

fn version(source: &Source<'_>, root: &Node, node: Option<&Node>) -> Result<Version, Unreadable> {
    let why = "has no _format_version: this is not a declarative file of Kong";
    let node = node.ok_or_else(|| Unreadable::at(source, root, why))?;
    match text(node).as_deref() {
        Some("1" | "1.0" | "1.1" | "2.1") => Ok(Version::Guessed),
        Some("3" | "3.0") => Ok(Version::Marked),
        _ => Err(Unreadable::at(
            source,
            node,
            "_format_version must be 1.1, 2.1 or 3.0",
        )),
    }
}

fn others(fields: &mut Fields<'_>, log: &mut Log) {
    for (key, remedy) in OTHERS {
        let Some(node) = fields.get(key) else {
            continue;
        };
        let count = match &node.value {
            Value::List(items) => items.len(),
            _ => 1,
        };
        if count > 0 {
            let why = format!(
                "{count} of them: they decide who may call, or how, and not where a request goes"
            );
            log.left(node, key, &why, remedy);
        }
    }
}

/// Reports upstreams that no service names.
fn unused(file: &File<'_>, services: &[Node], log: &mut Log) {
    for upstream in &file.upstreams {
        let name = name_of(upstream);
        let is_used = services
            .iter()
            .any(|service| backend::host_of(service).is_some_and(|host| host == name));
        if !is_used {
            log.note(upstream, &format!("upstream {name}"), "no service names it");
        }
    }
}

fn service(node: &Node, routes: &[Node], file: &File<'_>, entries: &mut Vec<Entry>, log: &mut Log) {
    let name = name_of(node);
    let what = format!("service {name}");
    let mut fields = Fields::new(node, &*what);
    fields.ignore(&["name", "id", "created_at", "updated_at", "_comment"]);
    let is_enabled = fields.bool("enabled", log).unwrap_or(true);
    let service = backend::service(&mut fields, node, file, log);
    let inner = fields.list("routes", log);
    let own_plugins = fields.list("plugins", log);
    fields.finish(log);
    if !is_enabled {
        log.left(node, &what, "is disabled", "import it after enabling it");
        return;
    }
    let Some(service) = service else { return };
    let own_plugins = plugin::all(own_plugins, &what, log);
    let of_service = file.plugins_of(node, "services", &own_plugins);
    let outer = routes.iter().filter(|route| {
        let owner = route.get("service").and_then(reference);
        owner.is_some() && is_named(node, owner.as_deref())
    });
    let routes: Vec<_> = inner.iter().chain(outer).collect();
    if routes.is_empty() {
        log.note(node, &what, "has no route, so no request comes to it");
    }
    for (at, route) in routes.into_iter().enumerate() {
        let route_name = match route.get("name").or_else(|| route.get("id")).and_then(text) {
            Some(name) => name,
            None => format!("{name}-{}", at + 1),
        };
        let plugins = file.plugins_of(route, "routes", &of_service);
        route::entries(
            route,
            &route_name,
            &service,
            &plugins,
            file.version,
            entries,
            log,
        );
    }
}

impl File<'_> {
    /// Returns the plugins that work on a service or a route: of each kind the one that refers to it,
    /// or else the one of `before`, or else the one of the whole file.
    fn plugins_of(&self, node: &Node, key: &str, before: &[Scoped]) -> Vec<Scoped> {
        let global = self.plugins.iter().filter(|plugin| plugin.owner.is_none());
        let referring = self.plugins.iter().filter(|plugin| {
            let owner = plugin.owner.as_ref();
            owner.is_some_and(|(kind, name)| *kind == key && is_named(node, Some(name)))
        });
        let mut plugins: Vec<Scoped> = Vec::new();
        for plugin in global.chain(before).chain(referring) {
            plugins.retain(|known| known.name != plugin.name);
            plugins.push(plugin.clone());
        }
        plugins
    }
}

/// Returns the name in a reference: `name`, or a mapping with `name` or `id`.
fn reference(node: &Node) -> Option<String> {
    let inner = node.get("name").or_else(|| node.get("id"));
    inner.map_or_else(|| text(node), text)
}

fn is_named(node: &Node, name: Option<&str>) -> bool {
    let own = ["name", "id"]
        .into_iter()
        .filter_map(|key| node.get(key).and_then(text));
    own.into_iter().any(|own| Some(own.as_str()) == name)
}

fn name_of(node: &Node) -> String {
    let name = node.get("name").or_else(|| node.get("id")).and_then(text);
    name.unwrap_or_else(|| format!("without a name in line {}", node.line))
}
