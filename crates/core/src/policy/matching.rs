//! The conditions of a rule: the requests that the rule matches.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use super::pattern::Pattern;
use crate::Invalid;

/// The most headers of one rule.
pub const MAX_HEADERS: usize = 16;
/// The longest pattern or value, in bytes.
pub const MAX_PATTERN: usize = 512;

/// Returns whether a text is a token as defined in RFC 9110 §5.6.2.
pub(super) fn is_token(raw: &str) -> bool {
    !raw.is_empty()
        && raw
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The name of a request header: an RFC 9110 token in lower case, at most 64 bytes. Headers that
/// proxies remove or rewrite ([`NOT_MATCHED`]) are not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderName(String);

impl HeaderName {
    /// Returns the name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Headers that rules cannot match: the hop-by-hop headers (RFC 9110 §7.6.1), and `Host`, for which
/// a policy has its own member `hosts`.
pub const NOT_MATCHED: [&str; 9] = [
    "connection",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl TryFrom<String> for HeaderName {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        let name = raw.to_ascii_lowercase();
        if !is_token(&name) || name.len() > 64 {
            return Err(Invalid::new(
                "not_a_header_name",
                "a header's name is a token of at most 64 bytes",
            ));
        }
        if NOT_MATCHED.contains(&name.as_str()) {
            return Err(Invalid::new(
                "not_a_header_name",
                format!("{name} belongs to the connection, not to the request"),
            ));
        }
        Ok(Self(name))
    }
}

impl Serialize for HeaderName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The conditions of a rule. The rule takes a request only if all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// The condition for each named header.
    #[serde(deserialize_with = "headers")]
    pub headers: BTreeMap<HeaderName, HeaderMatch>,
}

impl Matching {
    /// Returns whether the rule takes a request with these headers. `patterns` are the compiled
    /// patterns of this rule, in the order of its headers.
    pub fn takes(
        &self,
        headers: &BTreeMap<String, String>,
        patterns: &[Option<Arc<Pattern>>],
    ) -> bool {
        let mut patterns = patterns.iter();
        self.headers.iter().all(|(name, wanted)| {
            let pattern = if matches!(wanted, HeaderMatch::Regex(_)) {
                patterns.next()
            } else {
                None
            };
            wanted.takes(
                headers.get(name.as_str()).map(String::as_str),
                pattern.and_then(Option::as_deref),
            )
        })
    }

    /// Returns whether a pattern has to be matched against one of these headers.
    pub fn has_pattern_for(&self, headers: &BTreeMap<String, String>) -> bool {
        let is_pattern = |(name, wanted): (&HeaderName, _)| {
            matches!(wanted, &HeaderMatch::Regex(_)) && headers.contains_key(name.as_str())
        };
        self.headers.iter().any(is_pattern)
    }

    /// Returns the values that no header can have, with the JSON pointer of each, relative to the
    /// rule. Spaces at either end are not part of a header's value (RFC 9110 §5.5).
    pub(super) fn impossible(&self) -> impl Iterator<Item = (String, Invalid)> {
        self.headers.iter().filter_map(|(name, wanted)| {
            let (member, detail) = match wanted {
                HeaderMatch::Exact(value) if value.trim() != value => {
                    ("exact", "no header's value begins or ends with a space")
                }
                HeaderMatch::Prefix(value) if value.trim_start() != value => {
                    ("prefix", "no header's value begins with a space")
                }
                _ => return None,
            };
            let pointer = format!(
                "/match/headers/{}/{member}",
                name.as_str().replace('~', "~0")
            );
            Some((pointer, Invalid::new("not_a_header_value", detail)))
        })
    }
}

/// Reads the conditions. Refuses two spellings of one name: they would be one header with two
/// conditions.
fn headers<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<HeaderName, HeaderMatch>, D::Error> {
    let raw = BTreeMap::<String, HeaderMatch>::deserialize(deserializer)?;
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

/// The condition for one header. Values are compared as they are, case included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderMatch {
    /// The header has exactly this value.
    Exact(String),
    /// The header's value begins with this text.
    Prefix(String),
    /// The pattern with this text matches the header's whole value. Only [`super::pattern`] parses
    /// the text.
    Regex(String),
    /// The header is present (`true`) or absent (`false`).
    Present(bool),
}

impl HeaderMatch {
    /// Returns the text that the header is compared with, if there is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::Regex(text) => Some(text),
            Self::Present(_) => None,
        }
    }

    fn takes(&self, value: Option<&str>, pattern: Option<&Pattern>) -> bool {
        match (self, value) {
            (Self::Present(wanted), value) => *wanted == value.is_some(),
            (_, None) => false,
            (Self::Exact(wanted), Some(value)) => wanted == value,
            (Self::Prefix(wanted), Some(value)) => value.starts_with(wanted.as_str()),
            (Self::Regex(_), Some(value)) => pattern.is_some_and(|pattern| pattern.takes(value)),
        }
    }
}

impl Serialize for HeaderMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut member = serializer.serialize_map(Some(1))?;
        match self {
            Self::Exact(value) => member.serialize_entry("exact", value)?,
            Self::Prefix(value) => member.serialize_entry("prefix", value)?,
            Self::Regex(pattern) => member.serialize_entry("regex", pattern)?,
            Self::Present(wanted) => member.serialize_entry("present", wanted)?,
        }
        member.end()
    }
}

impl<'de> Deserialize<'de> for HeaderMatch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneCondition)
    }
}

/// Checks the length of a text, also of a stored one. The other checks run only when a policy is
/// written: [`super::PolicySpec::checked`].
fn bounded(text: &str, what: &str) -> Result<(), Invalid> {
    if text.len() > MAX_PATTERN {
        return Err(Invalid::new(
            "too_long",
            format!("{what} may have at most {MAX_PATTERN} bytes"),
        ));
    }
    Ok(())
}

const CONDITIONS: &[&str] = &["exact", "prefix", "regex", "present"];

struct OneCondition;

impl<'de> Visitor<'de> for OneCondition {
    type Value = HeaderMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one of exact, prefix, regex, present")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<HeaderMatch, A::Error> {
        let not_one =
            || A::Error::custom("must have one of exact, prefix, regex, present, and only one");
        let name = members.next_key::<String>()?.ok_or_else(not_one)?;
        let text = |value: String| {
            bounded(&value, &name)
                .map(|()| value)
                .map_err(A::Error::custom)
        };
        let condition = match name.as_str() {
            "exact" => HeaderMatch::Exact(text(members.next_value()?)?),
            "prefix" => HeaderMatch::Prefix(text(members.next_value()?)?),
            "regex" => HeaderMatch::Regex(text(members.next_value()?)?),
            "present" => HeaderMatch::Present(members.next_value()?),
            other => return Err(A::Error::unknown_field(other, CONDITIONS)),
        };
        if members.next_key::<String>()?.is_some() {
            return Err(not_one());
        }
        Ok(condition)
    }
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
            version: "v".parse().unwrap(),
        };
        let patterns = Patterns::of(std::slice::from_ref(&rule));
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        rule.matching.takes(&headers, patterns.of_rule(0))
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
            serde_json::from_value::<HeaderMatch>(value)
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
                "must have one of exact, prefix, regex, present, and only one"
            );
        }
        assert_eq!(
            error(json!({"equals": "a"})),
            "unknown field `equals`, expected one of `exact`, `prefix`, `regex`, `present`"
        );
        assert!(
            error(json!("a"))
                .ends_with("expected an object with one of exact, prefix, regex, present")
        );
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
        let read = |value: &serde_json::Value| {
            serde_json::from_value::<HeaderMatch>(value.clone()).unwrap()
        };
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
