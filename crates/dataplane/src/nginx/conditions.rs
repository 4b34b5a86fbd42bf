//! The conditions of rules as maps to 1 and 0.

use std::fmt::Write as _;

use traffic_manager_core::policy::{HeaderName, Matching, PathMatch, QueryName, TextMatch};

use super::text::pattern;
use crate::{
    pcre::{self, literal},
    report::Findings,
};

/// Returns the variable that has a request header, or notes that there is none.
pub(super) fn header(name: &HeaderName, findings: &mut Findings) -> String {
    let name = name.as_str();
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        findings.refuse(format!(
            "nginx cannot read the header {name}: it drops or cannot name such headers"
        ));
    }
    format!("$http_{}", name.replace('-', "_"))
}

/// The conditions of one rule.
pub(super) struct Conditions<'a> {
    /// The maps.
    pub maps: String,
    /// The variables of all conditions, one after the other.
    pub all: String,
    /// How many there are.
    pub count: usize,
    name: String,
    findings: &'a mut Findings,
}

impl<'a> Conditions<'a> {
    /// Returns the conditions of a rule, whose variables begin with `name`.
    pub(super) fn of(name: &str, matching: &Matching, findings: &'a mut Findings) -> Self {
        let mut made = Self {
            maps: String::new(),
            all: String::new(),
            count: 0,
            name: name.to_owned(),
            findings,
        };
        for (name, wanted) in &matching.headers {
            made.header(name, wanted);
        }
        match &matching.path {
            None => {}
            Some(PathMatch::Prefix(prefix)) if prefix.as_str() == "/" => {}
            Some(PathMatch::Prefix(prefix)) => {
                made.takes("$tm_path", &format!("^{}(?:/|$)", literal(prefix.as_str())));
            }
            Some(PathMatch::Exact(text)) => {
                made.takes("$tm_path", &format!("^{}$", literal(text)));
            }
            // A path is never empty, so the pattern may match what it likes.
            Some(PathMatch::Regex(text)) => {
                made.regex("$tm_path", text);
            }
        }
        for (name, wanted) in &matching.query {
            made.parameter(name, wanted);
        }
        let methods: Vec<_> = matching.methods.iter().map(|one| one.as_str()).collect();
        if !methods.is_empty() {
            made.takes("$request_method", &format!("^(?:{})$", methods.join("|")));
        }
        made
    }

    fn next(&mut self) -> String {
        let variable = format!("${}c{}", self.name, self.count);
        self.count += 1;
        let _ = write!(self.all, "${{{}}}", &variable[1..]);
        variable
    }

    /// Adds the condition that a value matches a pattern. An empty value never does.
    fn takes(&mut self, source: &str, wanted: &str) {
        let variable = self.next();
        let _ = writeln!(
            self.maps,
            "  map {source} {variable} {{ \"\" 0; {} 1; default 0; }}",
            pattern(wanted)
        );
    }

    /// Adds the condition that a value is empty, or is not.
    fn is_empty(&mut self, source: &str, wanted: bool) {
        let variable = self.next();
        let (empty, other) = if wanted { (1, 0) } else { (0, 1) };
        let _ = writeln!(
            self.maps,
            "  map {source} {variable} {{ \"\" {empty}; default {other}; }}"
        );
    }

    fn regex(&mut self, source: &str, text: &str) -> bool {
        match pcre::pattern(text) {
            Ok(found) => {
                self.takes(source, &found.whole);
                found.takes_empty
            }
            Err(why) => {
                self.findings.refuse(why);
                false
            }
        }
    }

    fn header(&mut self, name: &HeaderName, wanted: &TextMatch) {
        let source = header(name, self.findings);
        let is_blurred = match wanted {
            TextMatch::Present(wanted) => {
                self.is_empty(&source, !wanted);
                true
            }
            TextMatch::Exact(text) if text.is_empty() => {
                self.findings.refuse(format!(
                    "nginx cannot tell an empty header {name} from an absent one"
                ));
                false
            }
            TextMatch::Regex(text) => self.regex(&source, text),
            TextMatch::Exact(text)
            | TextMatch::Prefix(text)
            | TextMatch::Suffix(text)
            | TextMatch::Contains(text) => {
                self.takes(&source, &compared(wanted, text));
                text.is_empty()
            }
        };
        if is_blurred {
            self.findings.degrade(format!(
                "an empty header {name} counts as an absent one in nginx"
            ));
        }
    }

    /// Adds the conditions for a query parameter: it is there, and its value is the wanted one.
    fn parameter(&mut self, name: &QueryName, wanted: &TextMatch) {
        let name = literal(name.as_str());
        let is_there = format!("(?:^|&){name}(?:[=&]|$)");
        let value = |source: &str, maps: &mut String| {
            let found = pattern(&format!("(?:^|&){name}(?:=([^&]*))?(?:&|$)"));
            let _ = writeln!(maps, "  map $args {source} {{ {found} $1; default \"\"; }}");
        };
        let source = format!("${}q{}", self.name, self.count);
        match wanted {
            TextMatch::Present(true) => self.takes("$args", &is_there),
            TextMatch::Present(false) => {
                let variable = self.next();
                let there = pattern(&is_there);
                let _ = writeln!(
                    self.maps,
                    "  map $args {variable} {{ {there} 0; default 1; }}"
                );
            }
            TextMatch::Exact(text) if text.is_empty() => {
                value(&source, &mut self.maps);
                self.takes("$args", &is_there);
                self.is_empty(&source, true);
            }
            TextMatch::Exact(text)
            | TextMatch::Prefix(text)
            | TextMatch::Suffix(text)
            | TextMatch::Contains(text) => {
                if text.is_empty() {
                    return self.takes("$args", &is_there);
                }
                value(&source, &mut self.maps);
                self.takes(&source, &compared(wanted, text));
            }
            TextMatch::Regex(text) => {
                value(&source, &mut self.maps);
                self.findings.degrade(
                    "nginx compares patterns with query parameters as they were sent, not decoded",
                );
                if self.regex(&source, text) {
                    self.findings
                        .degrade("an empty query parameter matches no pattern in nginx");
                }
            }
        }
    }
}

/// Returns the pattern for a comparison with a text.
fn compared(wanted: &TextMatch, text: &str) -> String {
    let text = literal(text);
    match wanted {
        TextMatch::Prefix(_) => format!("^{text}"),
        TextMatch::Suffix(_) => format!("{text}$"),
        TextMatch::Contains(_) => text,
        TextMatch::Exact(_) | TextMatch::Regex(_) | TextMatch::Present(_) => format!("^{text}$"),
    }
}
