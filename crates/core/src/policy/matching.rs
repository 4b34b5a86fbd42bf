//! The conditions of a rule: the requests that the rule matches.

mod names;
mod path;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub(super) use self::names::is_token;
pub use self::{
    names::{HeaderName, Method, NOT_MATCHED, QueryName},
    path::PathMatch,
    text::TextMatch,
};

use self::names::is_unreserved;
use super::{choice::Asked, pattern::Pattern};
use crate::{Invalid, plain_text};

/// The most headers of one rule.
pub const MAX_HEADERS: usize = 16;
/// The longest pattern or value, in bytes.
pub const MAX_PATTERN: usize = 512;

/// The conditions of a rule. The rule takes a request only if all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// The condition for each named header.
    #[serde(default, deserialize_with = "headers")]
    pub headers: BTreeMap<HeaderName, TextMatch>,
    /// The methods; any method if empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub methods: BTreeSet<Method>,
    /// The condition for the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// The condition for each named query parameter.
    #[serde(
        default,
        deserialize_with = "query",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub query: BTreeMap<QueryName, TextMatch>,
}

impl Matching {
    /// Whether there is no condition at all.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
            && self.methods.is_empty()
            && self.path.is_none()
            && self.query.is_empty()
    }

    /// Returns whether the rule takes a request. `patterns` are the compiled patterns of this
    /// rule, in the order of [`Self::patterns`].
    pub fn takes(&self, asked: &Asked, patterns: &[Option<Arc<Pattern>>]) -> bool {
        let mut patterns = patterns.iter();
        let mut next = |is_pattern: bool| {
            let pattern = if is_pattern { patterns.next() } else { None };
            pattern.and_then(Option::as_deref)
        };
        let headers = self.headers.iter().all(|(name, wanted)| {
            let pattern = next(wanted.is_pattern());
            wanted.takes(
                asked.headers.get(name.as_str()).map(String::as_str),
                pattern,
            )
        });
        headers
            && self.path.as_ref().is_none_or(|wanted| {
                let pattern = next(matches!(wanted, PathMatch::Regex(_)));
                asked
                    .path
                    .as_deref()
                    .is_some_and(|path| wanted.takes(path, pattern))
            })
            && self.query.iter().all(|(name, wanted)| {
                let pattern = next(wanted.is_pattern());
                wanted.takes(asked.query.get(name.as_str()).map(String::as_str), pattern)
            })
            && (self.methods.is_empty()
                || asked
                    .method
                    .as_deref()
                    .is_some_and(|method| self.methods.iter().any(|one| one.as_str() == method)))
    }

    /// Returns the patterns, each with its JSON pointer relative to the rule: those of headers,
    /// the path's, those of query parameters.
    pub fn patterns(&self) -> impl Iterator<Item = (String, &str)> {
        let headers = self.headers.iter().filter_map(|(name, wanted)| {
            wanted
                .pattern()
                .map(|text| ("headers", name.as_str(), text))
        });
        let query = self.query.iter().filter_map(|(name, wanted)| {
            wanted.pattern().map(|text| ("query", name.as_str(), text))
        });
        let named = |(kind, name, text): (&str, &str, _)| {
            (format!("/match/{kind}/{}/regex", pointed(name)), text)
        };
        let path = self.path.iter().filter_map(|wanted| match wanted {
            PathMatch::Regex(text) => Some(("/match/path/regex".to_owned(), text.as_str())),
            PathMatch::Exact(_) | PathMatch::Prefix(_) => None,
        });
        headers.map(named).chain(path).chain(query.map(named))
    }

    /// Returns whether a pattern has to be matched against this request.
    pub fn has_pattern_for(&self, asked: &Asked) -> bool {
        let header = |(name, wanted): (&HeaderName, &TextMatch)| {
            wanted.is_pattern() && asked.headers.contains_key(name.as_str())
        };
        let query = |(name, wanted): (&QueryName, &TextMatch)| {
            wanted.is_pattern() && asked.query.contains_key(name.as_str())
        };
        self.headers.iter().any(header)
            || self.query.iter().any(query)
            || (asked.path.is_some() && matches!(self.path, Some(PathMatch::Regex(_))))
    }

    /// Returns the texts that people wrote, each with its JSON pointer relative to the rule.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, &str)> {
        let headers = self
            .headers
            .iter()
            .map(|(name, wanted)| ("headers", name.as_str(), wanted));
        let query = self
            .query
            .iter()
            .map(|(name, wanted)| ("query", name.as_str(), wanted));
        let texts = headers.chain(query).filter_map(|(kind, name, wanted)| {
            let pointer = || format!("/match/{kind}/{}", pointed(name));
            wanted.text().map(|text| (pointer(), text))
        });
        let path = self.path.iter().filter_map(|wanted| match wanted {
            PathMatch::Exact(text) | PathMatch::Regex(text) => {
                Some(("/match/path".to_owned(), text.as_str()))
            }
            PathMatch::Prefix(_) => None,
        });
        texts.chain(path)
    }

    /// Returns the values that no request can have, with the JSON pointer of each, relative to the
    /// rule. Spaces at either end are not part of a header's value (RFC 9110 §5.5). Proxies
    /// compare query parameters before or after decoding them, so the values must look the same.
    pub(super) fn impossible(&self) -> impl Iterator<Item = (String, Invalid)> {
        let headers = self.headers.iter().filter_map(|(name, wanted)| {
            let detail = wanted.impossible_in_a_header()?;
            let pointer = format!(
                "/match/headers/{}/{}",
                pointed(name.as_str()),
                wanted.kind()
            );
            Some((pointer, Invalid::new("not_a_header_value", detail)))
        });
        let query = self.query.iter().filter_map(|(name, wanted)| {
            // Hidden characters are named by another check.
            let is_hidden = wanted
                .text()
                .is_some_and(|text| plain_text(text, MAX_PATTERN, "the text").is_err());
            let is_plain = is_hidden || match wanted {
                TextMatch::Exact(text)
                | TextMatch::Prefix(text)
                | TextMatch::Suffix(text)
                | TextMatch::Contains(text) => text.bytes().all(is_unreserved),
                TextMatch::Regex(_) | TextMatch::Present(_) => true,
            };
            let pointer = format!("/match/query/{}/{}", pointed(name.as_str()), wanted.kind());
            let detail = "may have letters, digits, and - . _ ~: proxies do not agree on what must be decoded";
            (!is_plain).then(|| (pointer, Invalid::new("not_a_query_value", detail)))
        });
        headers.chain(query)
    }
}

/// Returns a name as a part of a JSON pointer (RFC 6901).
fn pointed(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Reads the conditions on headers. Refuses two spellings of one name: they would be one header
/// with two conditions.
fn headers<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<HeaderName, TextMatch>, D::Error> {
    let raw = BTreeMap::<String, TextMatch>::deserialize(deserializer)?;
    let count = raw.len();
    let named = raw
        .into_iter()
        .map(|(name, wanted)| HeaderName::try_from(name).map(|name| (name, wanted)));
    let headers = named
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map_err(serde::de::Error::custom)?;
    if headers.len() != count || count > MAX_HEADERS {
        let text = format!(
            "at most {MAX_HEADERS} headers, each once, upper and lower case being the same"
        );
        return Err(serde::de::Error::custom(text));
    }
    Ok(headers)
}

/// Reads the conditions on query parameters.
fn query<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<QueryName, TextMatch>, D::Error> {
    let query = BTreeMap::<QueryName, TextMatch>::deserialize(deserializer)?;
    if query.len() > MAX_HEADERS {
        let text = format!("at most {MAX_HEADERS} query parameters");
        return Err(serde::de::Error::custom(text));
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{Rule, pattern::Patterns};

    fn takes(matching: serde_json::Value, headers: &[(&str, &str)]) -> bool {
        let matching: Matching = serde_json::from_value(json!({ "headers": matching })).unwrap();
        let rule = Rule {
            matching,
            name: "r".to_owned(),
            outcome: crate::policy::Outcome::Version("v".parse().unwrap()),
        };
        let patterns = Patterns::of(std::slice::from_ref(&rule));
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let asked = Asked {
            headers,
            ..Asked::default()
        };
        rule.matching.takes(&asked, patterns.of_rule(0))
    }

    #[test]
    fn rule_matches_only_if_all_its_conditions_match() {
        assert!(takes(json!({"x": {"exact": "a"}}), &[("x", "a")]));
        assert!(!takes(json!({"x": {"exact": "a"}}), &[("x", "A")]));
        assert!(takes(json!({"X": {"prefix": "a"}}), &[("x", "ab")]));
        assert!(!takes(json!({"x": {"prefix": ""}}), &[]));
        assert!(takes(json!({"x": {"regex": "a|b"}}), &[("x", "b")]));
        assert!(!takes(json!({"x": {"regex": "a|b"}}), &[("x", "ab")]));
        assert!(takes(
            json!({"x": {"present": true}, "y": {"present": false}}),
            &[("x", "")]
        ));
        assert!(!takes(
            json!({"x": {"present": true}, "y": {"present": false}}),
            &[("x", ""), ("y", "")]
        ));
    }

    #[test]
    fn impossible_header_names_and_patterns_are_refused() {
        let long = "a".repeat(513);
        for bad in [
            json!({"": {"exact": "a"}}),
            json!({"a b": {"exact": "a"}}),
            json!({"Host": {"exact": "a"}}),
            json!({"te": {"exact": "a"}}),
            json!({"x": {"exact": "a"}, "X": {"exact": "b"}}),
            json!({"x": {"exact": "a", "prefix": "b"}}),
            json!({"x": {"equals": "a"}}),
            json!({"x": {"exact": long}}),
            json!({"x": {"regex": "a".repeat(513)}}),
            json!({"x": {}}),
            json!({"x": "a"}),
            json!({"x": [{"exact": "a"}]}),
        ] {
            assert!(
                serde_json::from_value::<Matching>(json!({ "headers": bad })).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn invalid_condition_error_lists_the_allowed_kinds() {
        let error = |value| {
            serde_json::from_value::<TextMatch>(value)
                .unwrap_err()
                .to_string()
        };
        for wrong in [
            json!({}),
            json!({"exact": "a", "prefix": "b"}),
            json!({"present": true, "regex": "a"}),
        ] {
            assert_eq!(
                error(wrong),
                "must have one of exact, prefix, suffix, contains, regex, present, and only one"
            );
        }
        assert_eq!(
            error(json!({"equals": "a"})),
            "unknown field `equals`, expected one of `exact`, `prefix`, `suffix`, `contains`, `regex`, `present`"
        );
        assert!(error(json!("a")).ends_with(
            "expected an object with one of exact, prefix, suffix, contains, regex, present"
        ));
    }

    #[test]
    fn value_impossible_for_a_header_is_named() {
        let impossible = |headers: serde_json::Value| {
            let matching: Matching = serde_json::from_value(json!({ "headers": headers })).unwrap();
            matching
                .impossible()
                .map(|(pointer, _)| pointer)
                .collect::<Vec<_>>()
        };
        let all = json!({
            "a": {"exact": " x"}, "b": {"exact": "x "}, "c": {"prefix": " x"}, "d~": {"exact": " "},
            "e": {"exact": ""}, "f": {"prefix": "Bearer "}, "g": {"regex": " x"}, "h": {"exact": "x y"},
        });
        let named = ["a/exact", "b/exact", "c/prefix", "d~0/exact"]
            .map(|member| format!("/match/headers/{member}"));
        assert_eq!(impossible(all), named);
    }

    #[test]
    fn largest_values_are_accepted_and_larger_are_refused() {
        let name = |length: usize| HeaderName::try_from("X".repeat(length));
        assert_eq!(name(64).unwrap().to_string(), "x".repeat(64));
        assert!(name(65).is_err());
        let headers = |count: usize| {
            let all: BTreeMap<_, _> = (0..count)
                .map(|at| (format!("x-{at}"), json!({"present": true})))
                .collect();
            serde_json::from_value::<Matching>(json!({ "headers": all })).is_ok()
        };
        assert!(headers(1) && headers(MAX_HEADERS) && !headers(MAX_HEADERS + 1));
        assert!(takes(
            json!({"x": {"exact": "a".repeat(MAX_PATTERN)}}),
            &[("x", &"a".repeat(MAX_PATTERN))]
        ));
        // Patterns of a usual size fit the limits.
        assert!(takes(
            json!({"x": {"regex": "[a-z0-9]{1,60}(?:-[a-z0-9]{1,60}){0,3}"}}),
            &[("x", "a1-b2-c3")]
        ));
    }

    #[test]
    fn conditions_are_equal_only_with_equal_kind_and_value() {
        let all = [
            json!({"exact": "a"}),
            json!({"exact": "b"}),
            json!({"prefix": "a"}),
            json!({"prefix": "b"}),
            json!({"regex": "a"}),
            json!({"regex": "b"}),
            json!({"present": true}),
            json!({"present": false}),
        ];
        let read =
            |value: &serde_json::Value| serde_json::from_value::<TextMatch>(value.clone()).unwrap();
        for (at, one) in all.iter().enumerate() {
            assert_eq!(serde_json::to_value(read(one)).unwrap(), *one);
            for (other_at, other) in all.iter().enumerate() {
                assert_eq!(
                    read(one) == read(other),
                    at == other_at,
                    "{one} and {other}"
                );
            }
        }
    }
}
