//! The conditions of an `HTTPRouteMatch`.

use traffic_manager_core::policy::{
    HeaderName, MAX_HEADERS, Matching, Method, PathPrefix, QueryName, TextMatch,
};
use traffic_manager_yaml::tree::Node;

use crate::{entry::Path, fields::Fields, left::Log, path};

/// A match: one path, and conditions.
pub struct Match {
    pub path: Path,
    pub matching: Matching,
}

impl Default for Match {
    fn default() -> Self {
        Self {
            path: Path::Prefix(PathPrefix::default()),
            matching: Matching::default(),
        }
    }
}

/// Reads a match. Returns `None` if one of its conditions cannot be brought over: without it, the
/// rule would take more requests.
pub fn read(node: &Node, what: &str, log: &mut Log) -> Option<Match> {
    let mut fields = Fields::new(node, what);
    let path = fields.get("path");
    let method = fields.text("method", log);
    let headers = fields.list("headers", log);
    let query = fields.list("queryParams", log);
    fields.finish(log);
    let mut found = Match::default();
    let mut refuse = |node: &Node, part: &str, why: &str| {
        let why = format!("{why}: the match is left out");
        log.left(
            node,
            &format!("{what}: {part}"),
            &why,
            "write the condition in another way",
        );
    };
    let mut is_whole = true;
    if let Some(node) = path {
        match self::path(node) {
            Ok(path) => found.path = path,
            Err(why) => {
                refuse(node, "path", &why);
                is_whole = false;
            }
        }
    }
    if let Some(method) = method {
        match Method::try_from(method) {
            Ok(method) => drop(found.matching.methods.insert(method)),
            Err(invalid) => {
                refuse(node, "method", &invalid.detail);
                is_whole = false;
            }
        }
    }
    for node in headers {
        let condition = condition(node).and_then(|(name, wanted)| {
            let name = HeaderName::try_from(name).map_err(|invalid| invalid.detail)?;
            // Of two entries for one name, the first counts.
            found.matching.headers.entry(name).or_insert(wanted);
            Ok(())
        });
        if let Err(why) = condition {
            refuse(node, "headers", &why);
            is_whole = false;
        }
    }
    for node in query {
        let condition = condition(node).and_then(|(name, wanted)| {
            let name = QueryName::try_from(name).map_err(|invalid| invalid.detail)?;
            found.matching.query.entry(name).or_insert(wanted);
            Ok(())
        });
        if let Err(why) = condition {
            refuse(node, "queryParams", &why);
            is_whole = false;
        }
    }
    if found.matching.headers.len().max(found.matching.query.len()) > MAX_HEADERS {
        refuse(
            node,
            "conditions",
            &format!("a rule has at most {MAX_HEADERS} of a kind"),
        );
        is_whole = false;
    }
    is_whole.then_some(found)
}

fn member(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(crate::fields::text)
}

fn path(node: &Node) -> Result<Path, String> {
    let value = member(node, "value").unwrap_or_else(|| "/".to_owned());
    match member(node, "type").as_deref() {
        None | Some("PathPrefix") => path::prefix(&value)
            .map(Path::Prefix)
            .map_err(|invalid| invalid.detail),
        Some("Exact") => {
            // An exact path may end with a slash; the rest must be a prefix.
            path::prefix(&value).map_err(|invalid| invalid.detail)?;
            if value.len() > 1 && value.ends_with("//") {
                return Err("an exact path has no empty segment".to_owned());
            }
            Ok(Path::Exact(value))
        }
        Some("RegularExpression") => {
            let whole = value.strip_prefix('^').unwrap_or(&value);
            let whole = whole
                .strip_suffix('$')
                .filter(|rest| !rest.ends_with('\\'))
                .unwrap_or(whole);
            let under = path::literal(whole);
            Ok(Path::Regex(whole.to_owned(), under))
        }
        Some(other) => Err(format!("the type {other} is not known")),
    }
}

fn condition(node: &Node) -> Result<(String, TextMatch), String> {
    let name = member(node, "name").ok_or("has no name")?;
    let value = member(node, "value").ok_or("has no value")?;
    match member(node, "type").as_deref() {
        None | Some("Exact") => Ok((name, TextMatch::Exact(value))),
        Some("RegularExpression") => Ok((name, TextMatch::Regex(value))),
        Some(other) => Err(format!("the type {other} is not known")),
    }
}
