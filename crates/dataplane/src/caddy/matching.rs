//! Matchers of claims and of rules.

use serde_json::{Map, Value, json};
use traffic_manager_core::policy::{HeaderName, Matching, PathMatch, PathPrefix};

use crate::{
    claims::Claim,
    re2::{self, Condition},
    report::Findings,
};

/// Returns the matcher of a claim.
pub(super) fn claim(claim: &Claim<'_>) -> Value {
    let (name, value) = super::hosts(&claim.hosts);
    let mut matcher = Map::new();
    matcher.insert(name.to_owned(), value);
    if let Some(pattern) = under(claim.prefix) {
        matcher.insert("path_regexp".to_owned(), json!({"pattern": pattern}));
    }
    Value::Object(matcher)
}

/// Returns the pattern of the paths under a prefix; `None` for `/`. Caddy's `path` matcher ignores
/// case.
fn under(prefix: &PathPrefix) -> Option<String> {
    let text = prefix.as_str();
    (text != "/").then(|| format!("^{}(?:/|$)", re2::literal(text)))
}

/// Refuses a header that Caddy takes out of requests, so that nothing could be matched.
pub(super) fn readable(name: &HeaderName, findings: &mut Findings) {
    if name.as_str().contains('_') {
        findings.refuse(format!("Caddy drops the header {name}, as all with _"));
    }
}

/// Returns the matcher of a rule. All conditions of one kind are in one member, and all members
/// must match.
pub(super) fn rule(matching: &Matching, findings: &mut Findings) -> Value {
    let mut matcher = Matcher::default();
    for (name, wanted) in &matching.headers {
        readable(name, findings);
        match re2::condition(wanted) {
            Ok(Condition::Matches(pattern)) => {
                matcher.add("header_regexp", name.as_str(), json!({"pattern": pattern}));
            }
            Ok(Condition::Present(true)) => matcher.add("header", name.as_str(), json!([])),
            Ok(Condition::Present(false)) => matcher.add("header", name.as_str(), Value::Null),
            Err(why) => findings.refuse(why),
        }
    }
    for (name, wanted) in &matching.query {
        let name = name.as_str();
        match re2::condition(wanted) {
            Ok(Condition::Matches(pattern)) => {
                let value = format!("{{http.request.uri.query.{name}}}");
                matcher.add("query", name, json!(["*"]));
                matcher.add("vars_regexp", &value, json!({"pattern": pattern}));
                findings.degrade("Caddy compares all values of a query parameter that comes more than once, joined by commas");
            }
            Ok(Condition::Present(true)) => matcher.add("query", name, json!(["*"])),
            Ok(Condition::Present(false)) => {
                matcher.absent_query.push(json!({"query": {name: ["*"]}}))
            }
            Err(why) => findings.refuse(why),
        }
    }
    let path = match &matching.path {
        None => None,
        Some(PathMatch::Exact(path)) => Some(format!("^{}$", re2::literal(path))),
        Some(PathMatch::Prefix(prefix)) => under(prefix),
        Some(PathMatch::Regex(text)) => match re2::whole(text) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                findings.refuse(why);
                None
            }
        },
    };
    if let Some(pattern) = path {
        matcher
            .members
            .insert("path_regexp".to_owned(), json!({"pattern": pattern}));
    }
    if !matching.methods.is_empty() {
        let methods: Vec<_> = matching
            .methods
            .iter()
            .map(|method| method.as_str())
            .collect();
        matcher.members.insert("method".to_owned(), json!(methods));
    }
    matcher.done()
}

#[derive(Default)]
struct Matcher {
    members: Map<String, Value>,
    absent_query: Vec<Value>,
}

impl Matcher {
    fn add(&mut self, kind: &str, name: &str, value: Value) {
        let member = self.members.entry(kind).or_insert_with(|| json!({}));
        member[name] = value;
    }

    fn done(mut self) -> Value {
        if !self.absent_query.is_empty() {
            self.members
                .insert("not".to_owned(), Value::Array(self.absent_query));
        }
        Value::Object(self.members)
    }
}
