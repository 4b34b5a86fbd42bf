//! Changes of headers, as both kinds of files write them.

use traffic_manager_core::policy::{HeaderEdits, HeaderName, HeaderText, MAX_HEADERS};
use traffic_manager_yaml::tree::Node;

use crate::left::Log;

/// The names of headers or their new values, each with the place in the file.
pub type Named<'a> = Vec<(String, String, &'a Node)>;

/// Removes a header.
pub fn remove(edits: &mut HeaderEdits, name: &str, node: &Node, what: &str, log: &mut Log) {
    match HeaderName::try_from(name.to_owned()) {
        Ok(_) if edits.remove.len() == MAX_HEADERS => too_many(node, what, log),
        Ok(name) => {
            edits.remove.insert(name);
        }
        Err(invalid) => log.left(node, what, &invalid.detail, "change it in the proxy"),
    }
}

/// Sets a header.
pub fn set(
    edits: &mut HeaderEdits,
    (name, value): (&str, &str),
    node: &Node,
    what: &str,
    log: &mut Log,
) {
    let header = HeaderName::try_from(name.to_owned())
        .and_then(|name| HeaderText::try_from(value.trim().to_owned()).map(|value| (name, value)));
    match header {
        Ok(_) if edits.set.len() == MAX_HEADERS => too_many(node, what, log),
        Ok((name, value)) => {
            edits.set.insert(name, value);
        }
        Err(invalid) => log.left(node, what, &invalid.detail, "change it in the proxy"),
    }
}

fn too_many(node: &Node, what: &str, log: &mut Log) {
    let why = format!("a policy changes at most {MAX_HEADERS} headers");
    log.left(node, what, &why, "change it in the proxy");
}

/// Returns the changes, if there are any; what is set is not removed as well.
pub fn finished(mut edits: HeaderEdits) -> Option<HeaderEdits> {
    let set = &edits.set;
    edits.remove.retain(|name| !set.contains_key(name));
    (!edits.is_empty()).then_some(edits)
}
