//! The backends of a rule.

use traffic_manager_yaml::tree::Node;

use super::BackendUrl;
use crate::{
    entry::Backend,
    fields::{Fields, text},
    left::Log,
};

/// Reads the backends of a rule.
pub fn all(
    nodes: &[Node],
    namespace: &str,
    backend_url: &BackendUrl,
    what: &str,
    log: &mut Log,
) -> Vec<Backend> {
    nodes
        .iter()
        .filter_map(|node| one(node, namespace, backend_url, what, log))
        .collect()
}

/// Reads one backend.
pub fn one(
    node: &Node,
    namespace: &str,
    backend_url: &BackendUrl,
    what: &str,
    log: &mut Log,
) -> Option<Backend> {
    let name = node.get("name").and_then(text).unwrap_or_default();
    let what = format!("{what}: backend {name}");
    let mut fields = Fields::new(node, &*what);
    fields.ignore(&["name"]);
    let group = fields.text("group", log).unwrap_or_default();
    let kind = fields
        .text("kind", log)
        .unwrap_or_else(|| "Service".to_owned());
    let space = fields.text("namespace", log);
    let port = fields.number("port", log);
    let weight = fields.number("weight", log).unwrap_or(1);
    for filter in fields.list("filters", log) {
        let kind = filter.get("type").and_then(text).unwrap_or_default();
        let why = "filters of one backend: a policy changes requests for all its versions alike";
        log.left(
            filter,
            &format!("{what}: filter {kind}"),
            why,
            "put it into a rule of its own",
        );
    }
    fields.finish(log);
    if !group.is_empty() || kind != "Service" {
        log.left(
            node,
            &what,
            &format!("is a {kind}, and only a Service has an address"),
            "add its address as a route",
        );
        return None;
    }
    let Some(port) = port else {
        log.left(node, &what, "has no port", "name the port");
        return None;
    };
    let space = space.unwrap_or_else(|| namespace.to_owned());
    match backend_url.of(&name, &space, port) {
        Ok(url) => Some(Backend {
            name,
            url,
            weight,
            tags: String::new(),
        }),
        Err(invalid) => {
            log.left(node, &what, &invalid.detail, "choose another --backend-url");
            None
        }
    }
}
