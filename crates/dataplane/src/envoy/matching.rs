//! The requests that routes take.

use std::collections::BTreeSet;

use traffic_manager_core::policy::{
    HeaderName, Matching, Method, PathMatch, PathPrefix, QueryName, TextMatch,
};

use super::{
    messages::{
        RegexMatcher, StringMatcher, StringPattern,
        route::{
            HeaderCondition, HeaderMatcher, PathSpecifier, QueryCondition, QueryParameterMatcher,
            RouteMatch,
        },
    },
    pattern,
};
use crate::report::Findings;

/// Returns a match of all requests under a prefix.
pub(super) fn under(prefix: &PathPrefix) -> RouteMatch {
    RouteMatch {
        path: Some(segments(prefix)),
        ..RouteMatch::default()
    }
}

/// Returns a match of the requests under a prefix with a header.
pub(super) fn with_header(
    prefix: &PathPrefix,
    name: &HeaderName,
    condition: HeaderCondition,
) -> RouteMatch {
    RouteMatch {
        headers: vec![header(name.as_str(), condition)],
        ..under(prefix)
    }
}

/// Returns a match of the requests of a rule under a prefix; `None` if there can be none.
pub(super) fn of_rule(
    prefix: &PathPrefix,
    matching: &Matching,
    findings: &mut Findings,
) -> Option<RouteMatch> {
    let Matching {
        headers,
        methods,
        path,
        query,
    } = matching;
    let mut matched = match path {
        None => under(prefix),
        Some(path) => at_path(prefix, path, findings)?,
    };
    matched.headers.extend(method(methods));
    matched.headers.extend(
        headers
            .iter()
            .map(|(name, wanted)| header(name.as_str(), text(wanted, findings).into())),
    );
    matched.query_parameters = query
        .iter()
        .map(|(name, wanted)| parameter(name, text(wanted, findings)))
        .collect();
    Some(matched)
}

/// Envoy refuses `/` as a prefix by segments, and its plain prefix `/` takes everything.
fn segments(prefix: &PathPrefix) -> PathSpecifier {
    match prefix.as_str() {
        "/" => PathSpecifier::Prefix("/".to_owned()),
        other => PathSpecifier::PathSeparatedPrefix(other.to_owned()),
    }
}

/// Returns a match of the requests that are under a prefix and at the path of a rule.
fn at_path(prefix: &PathPrefix, path: &PathMatch, findings: &mut Findings) -> Option<RouteMatch> {
    let specifier = match path {
        PathMatch::Exact(text) => prefix
            .has(text)
            .then(|| PathSpecifier::Path(text.clone()))?,
        PathMatch::Prefix(narrower) if prefix.has(narrower.as_str()) => segments(narrower),
        PathMatch::Prefix(wider) => wider.has(prefix.as_str()).then(|| segments(prefix))?,
        PathMatch::Regex(text) => PathSpecifier::SafeRegex(regex(text, findings)),
    };
    let mut matched = RouteMatch {
        path: Some(specifier),
        ..RouteMatch::default()
    };
    if matches!(path, PathMatch::Regex(_)) && prefix.as_str() != "/" {
        // A match has one condition for the path. `:path` has the query too.
        let is_under = RegexMatcher {
            regex: format!("{}(?:[/?].*)?", pattern::quoted(prefix.as_str())),
        };
        let condition = StringPattern::SafeRegex(is_under);
        matched.headers.push(header(
            ":path",
            HeaderCondition::StringMatch(condition.into()),
        ));
    }
    Some(matched)
}

fn method(methods: &BTreeSet<Method>) -> Option<HeaderMatcher> {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    let pattern = match names.as_slice() {
        [] => return None,
        [one] => StringPattern::Exact((*one).to_owned()),
        // Methods are letters.
        several => StringPattern::SafeRegex(RegexMatcher {
            regex: several.join("|"),
        }),
    };
    Some(header(
        ":method",
        HeaderCondition::StringMatch(pattern.into()),
    ))
}

fn header(name: &str, condition: HeaderCondition) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        condition: Some(condition),
    }
}

fn parameter(name: &QueryName, condition: Condition) -> QueryParameterMatcher {
    QueryParameterMatcher {
        name: name.as_str().to_owned(),
        condition: Some(match condition {
            Condition::Present(wanted) => QueryCondition::PresentMatch(wanted),
            Condition::Text(matcher) => QueryCondition::StringMatch(matcher),
        }),
    }
}

enum Condition {
    Present(bool),
    Text(StringMatcher),
}

impl From<Condition> for HeaderCondition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Present(wanted) => Self::PresentMatch(wanted),
            Condition::Text(matcher) => Self::StringMatch(matcher),
        }
    }
}

fn text(wanted: &TextMatch, findings: &mut Findings) -> Condition {
    let pattern = match wanted {
        TextMatch::Present(wanted) => return Condition::Present(*wanted),
        // Every value begins with nothing. Envoy refuses this spelling of it.
        TextMatch::Prefix(text) | TextMatch::Suffix(text) | TextMatch::Contains(text)
            if text.is_empty() =>
        {
            return Condition::Present(true);
        }
        TextMatch::Exact(text) => StringPattern::Exact(text.clone()),
        TextMatch::Prefix(text) => StringPattern::Prefix(text.clone()),
        TextMatch::Suffix(text) => StringPattern::Suffix(text.clone()),
        TextMatch::Contains(text) => StringPattern::Contains(text.clone()),
        TextMatch::Regex(text) => StringPattern::SafeRegex(regex(text, findings)),
    };
    Condition::Text(pattern.into())
}

fn regex(text: &str, findings: &mut Findings) -> RegexMatcher {
    let regex = pattern::plain(text).unwrap_or_else(|why| {
        findings.refuse(format!(
            "Envoy may read the pattern {text} in another way: {why}."
        ));
        String::new()
    });
    RegexMatcher { regex }
}
