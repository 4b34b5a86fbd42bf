//! The condition for a text: the value of a header or of a query parameter.

use std::fmt;

use serde::{
    Deserialize, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use super::{super::pattern::Pattern, MAX_PATTERN};
use crate::Invalid;

/// The condition for a header or a query parameter. Values are compared as they are, case
/// included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// The value is exactly this.
    Exact(String),
    /// The value begins with this text.
    Prefix(String),
    /// The value ends with this text.
    Suffix(String),
    /// The value has this text in it.
    Contains(String),
    /// The pattern with this text matches the whole value. Only [`crate::policy::pattern`] parses the
    /// text.
    Regex(String),
    /// There is a value (`true`) or none (`false`).
    Present(bool),
}

impl TextMatch {
    /// Returns the text that the value is compared with, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Exact(text)
            | Self::Prefix(text)
            | Self::Suffix(text)
            | Self::Contains(text)
            | Self::Regex(text) => Some(text),
            Self::Present(_) => None,
        }
    }

    pub(super) fn pattern(&self) -> Option<&str> {
        match self {
            Self::Regex(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_pattern(&self) -> bool {
        matches!(self, Self::Regex(_))
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Prefix(_) => "prefix",
            Self::Suffix(_) => "suffix",
            Self::Contains(_) => "contains",
            Self::Regex(_) => "regex",
            Self::Present(_) => "present",
        }
    }

    pub(super) fn impossible_in_a_header(&self) -> Option<&'static str> {
        match self {
            Self::Exact(value) if value.trim() != value => {
                Some("no header's value begins or ends with a space")
            }
            Self::Prefix(value) if value.trim_start() != value => {
                Some("no header's value begins with a space")
            }
            Self::Suffix(value) if value.trim_end() != value => {
                Some("no header's value ends with a space")
            }
            _ => None,
        }
    }

    pub(super) fn takes(&self, value: Option<&str>, pattern: Option<&Pattern>) -> bool {
        match (self, value) {
            (Self::Present(wanted), value) => *wanted == value.is_some(),
            (_, None) => false,
            (Self::Exact(wanted), Some(value)) => wanted == value,
            (Self::Prefix(wanted), Some(value)) => value.starts_with(wanted.as_str()),
            (Self::Suffix(wanted), Some(value)) => value.ends_with(wanted.as_str()),
            (Self::Contains(wanted), Some(value)) => value.contains(wanted.as_str()),
            (Self::Regex(_), Some(value)) => pattern.is_some_and(|pattern| pattern.takes(value)),
        }
    }
}

impl Serialize for TextMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut member = serializer.serialize_map(Some(1))?;
        match self {
            Self::Present(wanted) => member.serialize_entry("present", wanted)?,
            text => member.serialize_entry(text.kind(), text.text().unwrap_or_default())?,
        }
        member.end()
    }
}

impl<'de> Deserialize<'de> for TextMatch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneCondition)
    }
}

/// Checks the length of a text, also of a stored one. The other checks run only when a policy is
/// written: [`super::PolicySpec::checked`].
pub(super) fn bounded(text: &str, what: &str) -> Result<(), Invalid> {
    if text.len() > MAX_PATTERN {
        return Err(Invalid::new(
            "too_long",
            format!("{what} may have at most {MAX_PATTERN} bytes"),
        ));
    }
    Ok(())
}

const CONDITIONS: &[&str] = &["exact", "prefix", "suffix", "contains", "regex", "present"];

struct OneCondition;

impl<'de> Visitor<'de> for OneCondition {
    type Value = TextMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one of exact, prefix, suffix, contains, regex, present")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<TextMatch, A::Error> {
        let not_one = || {
            A::Error::custom(
                "must have one of exact, prefix, suffix, contains, regex, present, and only one",
            )
        };
        let name = members.next_key::<String>()?.ok_or_else(not_one)?;
        let condition = if name == "present" {
            TextMatch::Present(members.next_value()?)
        } else {
            let kind = match name.as_str() {
                "exact" => TextMatch::Exact,
                "prefix" => TextMatch::Prefix,
                "suffix" => TextMatch::Suffix,
                "contains" => TextMatch::Contains,
                "regex" => TextMatch::Regex,
                other => return Err(A::Error::unknown_field(other, CONDITIONS)),
            };
            let text: String = members.next_value()?;
            bounded(&text, &name).map_err(A::Error::custom)?;
            kind(text)
        };
        if members.next_key::<String>()?.is_some() {
            return Err(not_one());
        }
        Ok(condition)
    }
}
