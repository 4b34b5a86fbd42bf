//! Conditions in the syntax of RE2 and of Go's `regexp`, which Traefik and Caddy use.

use traffic_manager_core::policy::{HeaderEdits, TextMatch, pattern};

use crate::model::Upstream;

/// A condition for a value.
pub(crate) enum Condition {
    /// There is a value, and this matches somewhere in it.
    Matches(String),
    /// There is a value, or none.
    Present(bool),
}

/// Returns a text as a pattern that matches only the text.
pub(crate) fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Returns a pattern of a person so that it matches only a whole value; an error if proxies would
/// not read it as the service does.
pub(crate) fn whole(text: &str) -> Result<String, String> {
    match pattern::for_proxies(text) {
        Ok(text) => Ok(format!("^(?:{text})$")),
        Err(invalid) => Err(format!("the pattern {text:?} {}", invalid.detail)),
    }
}

/// Returns the condition on a header or query parameter.
pub(crate) fn condition(wanted: &TextMatch) -> Result<Condition, String> {
    Ok(Condition::Matches(match wanted {
        TextMatch::Exact(text) => format!("^{}$", literal(text)),
        TextMatch::Prefix(text) => format!("^{}", literal(text)),
        TextMatch::Suffix(text) => format!("{}$", literal(text)),
        TextMatch::Contains(text) => literal(text),
        TextMatch::Regex(text) => whole(text)?,
        TextMatch::Present(wanted) => return Ok(Condition::Present(*wanted)),
    }))
}

/// Returns why a version cannot be reached as its URL says; `None` if it can.
pub(crate) fn unreachable(upstream: &Upstream) -> Option<String> {
    let why = "has a URL with a query, which no proxy can send with each request";
    let has_query = upstream.query.is_some();
    has_query.then(|| format!("version {} {why}", upstream.version))
}

/// Returns the names and values that edits set.
pub(crate) fn set(edits: Option<&HeaderEdits>) -> impl Iterator<Item = (&str, &str)> {
    let set = edits.into_iter().flat_map(|edits| &edits.set);
    set.map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Returns the names that edits remove.
pub(crate) fn removed(edits: Option<&HeaderEdits>) -> impl Iterator<Item = &str> {
    let removed = edits.into_iter().flat_map(|edits| &edits.remove);
    removed.map(|name| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_matches_itself_alone() {
        let odd = r#"a\.+*?()|[]{}^$ "`'%<>&#é"#;
        let pattern = literal(odd).replace('é', "e");
        let compiled = pattern::Pattern::checked(&pattern).unwrap();
        assert!(compiled.takes(&odd.replace('é', "e")));
        assert!(!compiled.takes(&odd.replace('é', "e").replace('.', "x")));
    }
}
