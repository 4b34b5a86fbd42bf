//! The condition for the path.

use std::fmt;

use serde::{
    Deserialize, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use super::{super::pattern::Pattern, text::bounded};
use crate::{
    Invalid, plain_text,
    policy::{MAX_PREFIX, PathPrefix},
};

/// The condition for the path of a request, without its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// The path is exactly this.
    Exact(String),
    /// The path is this or below it, by whole segments.
    Prefix(PathPrefix),
    /// The pattern with this text matches the whole path.
    Regex(String),
}

impl PathMatch {
    pub(super) fn takes(&self, path: &str, pattern: Option<&Pattern>) -> bool {
        match self {
            Self::Exact(wanted) => wanted == path,
            Self::Prefix(prefix) => prefix.has(path),
            Self::Regex(_) => pattern.is_some_and(|pattern| pattern.takes(path)),
        }
    }
}

/// Reads an exact path: `/`, or segments such as those of a [`PathPrefix`], with or without `/` at
/// the end.
fn exact_path(raw: String) -> Result<String, Invalid> {
    plain_text(&raw, MAX_PREFIX + 1, "exact")?;
    let inner = raw.strip_suffix('/').filter(|rest| !rest.is_empty());
    PathPrefix::try_from(inner.unwrap_or(&raw).to_owned()).map_err(|_| {
        let detail = "must be / or segments such as /shop/v2: no empty, . or .. segment, no %";
        Invalid::new("not_a_path", detail)
    })?;
    Ok(raw)
}

impl Serialize for PathMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut member = serializer.serialize_map(Some(1))?;
        match self {
            Self::Exact(path) => member.serialize_entry("exact", path)?,
            Self::Prefix(prefix) => member.serialize_entry("prefix", prefix)?,
            Self::Regex(pattern) => member.serialize_entry("regex", pattern)?,
        }
        member.end()
    }
}

impl<'de> Deserialize<'de> for PathMatch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OnePath)
    }
}

struct OnePath;

impl<'de> Visitor<'de> for OnePath {
    type Value = PathMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one of exact, prefix, regex")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<PathMatch, A::Error> {
        let not_one = || A::Error::custom("must have one of exact, prefix, regex, and only one");
        let name = members.next_key::<String>()?.ok_or_else(not_one)?;
        let value = match name.as_str() {
            "exact" => {
                PathMatch::Exact(exact_path(members.next_value()?).map_err(A::Error::custom)?)
            }
            "prefix" => PathMatch::Prefix(members.next_value()?),
            "regex" => {
                let text: String = members.next_value()?;
                bounded(&text, "regex").map_err(A::Error::custom)?;
                PathMatch::Regex(text)
            }
            other => {
                return Err(A::Error::unknown_field(
                    other,
                    &["exact", "prefix", "regex"],
                ));
            }
        };
        if members.next_key::<String>()?.is_some() {
            return Err(not_one());
        }
        Ok(value)
    }
}
