//! Conditions of routers.

use traffic_manager_core::policy::{Host, Matching, PathMatch, PathPrefix};

use crate::{
    claims::Claim,
    re2::{self, Condition},
    report::Findings,
};

/// Returns the conditions of a claim.
pub(super) fn claim(claim: &Claim<'_>) -> Vec<String> {
    let host = |host: &&Host| {
        if host.is_wildcard() {
            let pattern = format!(r"(?i)^.+\.{}$", re2::literal(host.base()));
            format!("HostRegexp({})", quoted(&pattern))
        } else {
            format!("Host({})", quoted(host.as_str()))
        }
    };
    let hosts: Vec<_> = claim.hosts.iter().map(host).collect();
    std::iter::once(any(hosts))
        .chain(under(claim.prefix))
        .collect()
}

/// Returns the condition that a header has a value.
pub(super) fn header(name: &str, value: &str) -> String {
    format!("Header({}, {})", quoted(name), quoted(value))
}

/// Returns the condition that a header is there.
pub(super) fn header_present(name: &str) -> String {
    format!("HeaderRegexp({}, `.*`)", quoted(name))
}

/// Returns the conditions of a rule.
pub(super) fn rule(matching: &Matching, findings: &mut Findings) -> Vec<String> {
    let mut conditions = Vec::new();
    let mut add = |kind: &str, name: &str, wanted, findings: &mut Findings| {
        let (not, pattern) = match re2::condition(wanted) {
            Ok(Condition::Matches(pattern)) => ("", pattern),
            Ok(Condition::Present(true)) => ("", ".*".to_owned()),
            Ok(Condition::Present(false)) => ("!", ".*".to_owned()),
            Err(why) => return findings.refuse(why),
        };
        conditions.push(format!(
            "{not}{kind}({}, {})",
            quoted(name),
            quoted(&pattern)
        ));
    };
    for (name, wanted) in &matching.headers {
        add("HeaderRegexp", name.as_str(), wanted, findings);
    }
    for (name, wanted) in &matching.query {
        add("QueryRegexp", name.as_str(), wanted, findings);
        findings.degrade(
            "Traefik takes a query parameter that comes more than once by any of its values",
        );
    }
    match &matching.path {
        None => {}
        Some(PathMatch::Exact(path)) => conditions.push(format!("Path({})", quoted(path))),
        Some(PathMatch::Prefix(prefix)) => conditions.extend(under(prefix)),
        Some(PathMatch::Regex(text)) => match re2::whole(text) {
            Ok(pattern) => conditions.push(format!("PathRegexp({})", quoted(&pattern))),
            Err(why) => findings.refuse(why),
        },
    }
    if !matching.methods.is_empty() {
        let method = |method: &str| format!("Method({})", quoted(method));
        conditions.push(any(matching
            .methods
            .iter()
            .map(|one| method(one.as_str()))
            .collect()));
    }
    conditions
}

/// Returns the condition that a path is under a prefix; `None` for `/`.
fn under(prefix: &PathPrefix) -> Option<String> {
    let text = prefix.as_str();
    let condition = || {
        format!(
            "(Path({}) || PathPrefix({}))",
            quoted(text),
            quoted(&format!("{text}/"))
        )
    };
    (text != "/").then(condition)
}

fn any(conditions: Vec<String>) -> String {
    match conditions.as_slice() {
        [one] => one.clone(),
        _ => format!("({})", conditions.join(" || ")),
    }
}

/// Returns a text as an argument: in backticks, which know no escapes, or as a Go string.
fn quoted(text: &str) -> String {
    if text.contains('`') {
        format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
    } else {
        format!("`{text}`")
    }
}
