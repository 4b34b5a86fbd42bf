//! Resources of the Kubernetes Gateway API: `HTTPRoute`s, and the hosts of `Gateway`s.
//!
//! Of two rules that take a request, the one for the exact path is asked first, then patterns, then
//! the longer prefix, then one with a method, then the one with more headers, then with more query
//! parameters, then the older route (`HTTPRouteRule` of the specification).

mod backend;
mod filter;
mod matching;
mod route;

use std::{fmt, str::FromStr};

use traffic_manager_core::route::RouteUrl;
use traffic_manager_yaml::tree::{Node, Value};

use crate::{Source, Unreadable, entry::Entry, fields::text, left::Log};

/// The group of the resources.
const GROUP: &str = "gateway.networking.k8s.io/";

/// The kinds of resources that decide nothing about a request's way, as far as a policy goes.
const SILENT: [&str; 14] = [
    "GatewayClass",
    "ReferenceGrant",
    "Namespace",
    "Service",
    "ServiceAccount",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Pod",
    "ConfigMap",
    "Secret",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
];

/// The address of a backend: a URL with `{name}`, `{namespace}` and `{port}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendUrl(String);

impl BackendUrl {
    /// Returns the URL of a service.
    fn of(
        &self,
        name: &str,
        namespace: &str,
        port: u64,
    ) -> Result<RouteUrl, traffic_manager_core::Invalid> {
        let url = self
            .0
            .replace("{name}", name)
            .replace("{namespace}", namespace);
        RouteUrl::try_from(url.replace("{port}", &port.to_string()))
    }
}

impl Default for BackendUrl {
    fn default() -> Self {
        Self("http://{name}.{namespace}.svc:{port}".to_owned())
    }
}

impl FromStr for BackendUrl {
    type Err = traffic_manager_core::Invalid;
    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let template = Self(raw.to_owned());
        let url = template.of("name", "namespace", 80)?;
        if url.as_str().contains(['{', '}']) {
            let detail = "may have {name}, {namespace} and {port}, and no other braces";
            return Err(traffic_manager_core::Invalid::new("not_a_template", detail));
        }
        Ok(template)
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A listener of a gateway, as far as routes need it.
struct Listener {
    /// Namespace and name of the gateway.
    gateway: (String, String),
    name: String,
    host: Option<String>,
}

/// Returns the entries of all files.
pub fn entries(
    files: &[(Source<'_>, Vec<Node>)],
    backend_url: &BackendUrl,
    log: &mut Log,
) -> Result<Vec<Entry>, Unreadable> {
    let mut resources = Vec::new();
    for (source, documents) in files {
        for node in documents {
            collect(source, node, &mut resources)?;
        }
    }
    let mut listeners = Vec::new();
    for (source, node) in &resources {
        log.set_file(source.name);
        match kind(node).as_str() {
            "HTTPRoute" => {}
            "Gateway" => self::listeners(node, &mut listeners, log),
            other => foreign(node, other, log),
        }
    }
    let mut routes: Vec<_> = resources
        .iter()
        .filter(|(_, node)| kind(node) == "HTTPRoute")
        .collect();
    // Of rules of equal standing, those of the older route come first, then by name.
    routes.sort_by_cached_key(|(_, node)| {
        let metadata = node.get("metadata");
        let member = |key| metadata.and_then(|m| m.get(key)).and_then(text);
        let created = member("creationTimestamp");
        (created.is_none(), created, created_name(node))
    });
    let mut entries = Vec::new();
    for (source, node) in routes {
        log.set_file(source.name);
        route::entries(node, &listeners, backend_url, &mut entries, log);
    }
    Ok(entries)
}

fn created_name(node: &Node) -> Option<(String, String)> {
    // Without a time in any file, the order of the file decides, as people read it.
    node.get("metadata")
        .and_then(|metadata| metadata.get("creationTimestamp"))
        .map(|_| identity(node))
}

fn collect<'a>(
    source: &'a Source<'a>,
    node: &'a Node,
    resources: &mut Vec<(&'a Source<'a>, &'a Node)>,
) -> Result<(), Unreadable> {
    if !matches!(node.value, Value::Map(_)) {
        return Err(Unreadable::at(
            source,
            node,
            "must be a resource: a mapping with apiVersion and kind",
        ));
    }
    for key in ["apiVersion", "kind"] {
        if node.get(key).and_then(text).is_none() {
            return Err(Unreadable::at(
                source,
                node,
                &format!("has no {key}: this is not a resource of Kubernetes"),
            ));
        }
    }
    if kind(node).ends_with("List")
        && let Some(Value::List(items)) = node.get("items").map(|items| &items.value)
    {
        return items
            .iter()
            .try_for_each(|item| collect(source, item, resources));
    }
    resources.push((source, node));
    Ok(())
}

/// Returns the kind; resources of other groups have theirs before it.
fn kind(node: &Node) -> String {
    let kind = node.get("kind").and_then(text).unwrap_or_default();
    let version = node.get("apiVersion").and_then(text).unwrap_or_default();
    let is_ours = version.starts_with(GROUP) || !matches!(kind.as_str(), "HTTPRoute" | "Gateway");
    if is_ours {
        kind
    } else {
        format!("{version} {kind}")
    }
}

/// Returns namespace and name.
fn identity(node: &Node) -> (String, String) {
    let member = |key| node.get("metadata").and_then(|m| m.get(key)).and_then(text);
    (
        member("namespace").unwrap_or_else(|| "default".to_owned()),
        member("name").unwrap_or_else(|| format!("line-{}", node.line)),
    )
}

fn foreign(node: &Node, kind: &str, log: &mut Log) {
    let what = format!("{kind} {}", identity(node).1);
    if SILENT.contains(&kind) {
        log.note(node, &what, "says nothing about where a request goes");
    } else {
        log.left(
            node,
            &what,
            "only HTTPRoute is brought over",
            "leave it where it is",
        );
    }
}

fn listeners(node: &Node, listeners: &mut Vec<Listener>, log: &mut Log) {
    let gateway = identity(node);
    let what = format!("Gateway {}", gateway.1);
    let list = node.get("spec").and_then(|spec| spec.get("listeners"));
    let Some(Value::List(items)) = list.map(|list| &list.value) else {
        return;
    };
    log.note(node, &what, "ports and addresses belong to the proxy; the hosts of its listeners are brought over with their routes");
    for item in items {
        if let Some(tls) = item.get("tls") {
            log.left(
                tls,
                &format!("{what}: tls"),
                "certificates belong to the proxy",
                "configure TLS in the proxy",
            );
        }
        listeners.push(Listener {
            gateway: gateway.clone(),
            name: item.get("name").and_then(text).unwrap_or_default(),
            host: item.get("hostname").and_then(text),
        });
    }
}
