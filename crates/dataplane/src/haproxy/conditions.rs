//! The conditions of rules as ACLs.

use std::{collections::BTreeMap, fmt::Write as _};

use traffic_manager_core::policy::{Matching, PathMatch, QueryName, TextMatch};

use super::text::{fetch, quoted};
use crate::{model::PolicyModel, pcre, report::Findings};

/// The variables that hold the values of query parameters, by name.
pub(super) type Parameters<'a> = BTreeMap<&'a QueryName, String>;

/// Returns the query parameters that the rules of a policy look at, and the lines that read them:
/// the first of a name, decoded, as `resolve` does.
pub(super) fn parameters(policy: &PolicyModel) -> (Parameters<'_>, String) {
    let mut parameters = Parameters::new();
    let names = policy
        .rules
        .iter()
        .flat_map(|rule| rule.matching.query.keys());
    for name in names {
        let variable = format!("txn.q{}", parameters.len());
        parameters.entry(name).or_insert(variable);
    }
    let mut lines = String::new();
    for (name, variable) in &parameters {
        let name = name.as_str();
        let _ = writeln!(
            lines,
            "  http-request set-var({variable}) urlp({name}),url_dec(1)"
        );
    }
    (parameters, lines)
}

/// The conditions of one rule.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// The lines that define the ACLs.
    pub acls: String,
    /// The ACLs that must hold, negated ones with `!`, each after a space.
    pub all: String,
    rule: usize,
    count: usize,
}

impl Conditions {
    /// Returns the conditions of the rule at a place.
    pub(super) fn of(
        rule: usize,
        matching: &Matching,
        parameters: &Parameters<'_>,
        findings: &mut Findings,
    ) -> Self {
        let mut made = Self {
            rule,
            ..Self::default()
        };
        for (name, wanted) in &matching.headers {
            made.text(&fetch("req.fhdr", name.as_str()), wanted, findings);
        }
        if let Some(path) = &matching.path {
            made.path(path, findings);
        }
        for (name, wanted) in &matching.query {
            made.parameter(name, parameters, wanted, findings);
        }
        let methods: Vec<_> = matching
            .methods
            .iter()
            .map(|method| method.as_str())
            .collect();
        if !methods.is_empty() {
            let each: Vec<_> = methods
                .iter()
                .map(|method| format!("method {method}"))
                .collect();
            made.any_of(&each);
        }
        made
    }

    /// Adds a condition that holds if one of the tests does.
    fn any_of(&mut self, tests: &[String]) {
        let name = self.next();
        for test in tests {
            let _ = writeln!(self.acls, "  acl {name} {test}");
        }
        let _ = write!(self.all, " {name}");
    }

    fn none_of(&mut self, test: &str) {
        let name = self.next();
        let _ = writeln!(self.acls, "  acl {name} {test}");
        let _ = write!(self.all, " !{name}");
    }

    fn next(&mut self) -> String {
        self.count += 1;
        format!("r{}c{}", self.rule, self.count)
    }

    /// Adds the condition for a value that `fetch` reads.
    fn text(&mut self, fetch: &str, wanted: &TextMatch, findings: &mut Findings) {
        let test = match wanted {
            TextMatch::Present(true) => "-m found".to_owned(),
            TextMatch::Present(false) => return self.none_of(&format!("{fetch} -m found")),
            // An empty text never matches in HAProxy, so a length or a presence takes its place.
            TextMatch::Exact(text) if text.is_empty() => "-m len 0".to_owned(),
            TextMatch::Prefix(text) | TextMatch::Suffix(text) | TextMatch::Contains(text)
                if text.is_empty() =>
            {
                "-m found".to_owned()
            }
            TextMatch::Exact(text) => format!("-m str -- {}", quoted(text)),
            TextMatch::Prefix(text) => format!("-m beg -- {}", quoted(text)),
            TextMatch::Suffix(text) => format!("-m end -- {}", quoted(text)),
            TextMatch::Contains(text) => format!("-m sub -- {}", quoted(text)),
            TextMatch::Regex(text) => match pattern(text, findings) {
                Some(pattern) => format!("-m reg -- {pattern}"),
                None => return,
            },
        };
        self.any_of(&[format!("{fetch} {test}")]);
    }

    fn path(&mut self, wanted: &PathMatch, findings: &mut Findings) {
        match wanted {
            PathMatch::Exact(text) => self.any_of(&[format!("path -m str -- {}", quoted(text))]),
            PathMatch::Prefix(prefix) if prefix.as_str() == "/" => {}
            PathMatch::Prefix(prefix) => self.any_of(&under(prefix.as_str())),
            PathMatch::Regex(text) => {
                if let Some(pattern) = pattern(text, findings) {
                    self.any_of(&[format!("path -m reg -- {pattern}")]);
                }
            }
        }
    }

    /// Adds the condition for a query parameter. `HAProxy` does not see a parameter without `=`, so
    /// presence and emptiness are read from the query itself.
    fn parameter(
        &mut self,
        name: &QueryName,
        parameters: &Parameters<'_>,
        wanted: &TextMatch,
        findings: &mut Findings,
    ) {
        let literal = pcre::literal(name.as_str());
        let in_query = |rest: &str| {
            let pattern = format!("(?:^|&){literal}{rest}");
            format!("query -m reg -- {}", quoted(&pattern))
        };
        let is_there = in_query("(?:[=&]|$)");
        match wanted {
            TextMatch::Present(true) => self.any_of(&[is_there]),
            TextMatch::Present(false) => self.none_of(&is_there),
            TextMatch::Exact(text) if text.is_empty() => self.any_of(&[in_query("=?(?:&|$)")]),
            TextMatch::Prefix(text) | TextMatch::Suffix(text) | TextMatch::Contains(text)
                if text.is_empty() =>
            {
                self.any_of(&[is_there]);
            }
            wanted => {
                let variable = parameters.get(name).map_or("txn.q", String::as_str);
                self.text(&format!("var({variable})"), wanted, findings);
            }
        }
    }
}

/// Returns the tests of which one holds if a path is under a prefix, by whole segments.
pub(super) fn under(prefix: &str) -> [String; 2] {
    let below = format!("{prefix}/");
    [
        format!("path -m str -- {}", quoted(prefix)),
        format!("path -m beg -- {}", quoted(&below)),
    ]
}

fn pattern(text: &str, findings: &mut Findings) -> Option<String> {
    match pcre::pattern(text) {
        Ok(pattern) => Some(quoted(&pattern.whole)),
        Err(why) => {
            findings.refuse(why);
            None
        }
    }
}
