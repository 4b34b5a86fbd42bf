//! What happens to a request on its way to a version: its path and host there, time limits, retries,
//! headers, and copies for another version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    MAX_WEIGHT, PathPrefix,
    matching::{HeaderName, MAX_HEADERS, MAX_PATTERN},
};
use crate::{Invalid, host::Host, ids::VersionName, plain_text, whole};

/// The longest time limit, in milliseconds: one hour.
pub const MAX_TIMEOUT_MS: u64 = 3_600_000;
/// The most attempts of one request after its first.
pub const MAX_ATTEMPTS: u64 = 10;

/// A time limit in milliseconds: 1 to [`MAX_TIMEOUT_MS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TimeoutMs(pub u32);

impl<'de> Deserialize<'de> for TimeoutMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole::within::<1, MAX_TIMEOUT_MS, _, _>(deserializer).map(Self)
    }
}

/// The change of the path. The path of the version's URL goes before the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// The text that is put before the path, after stripping.
    #[serde(default)]
    pub prefix: Option<PathPrefix>,
    /// Whether the path prefix by which the request came to the policy is removed.
    #[serde(default)]
    pub strip_prefix: bool,
}

/// The `Host` header that a version gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostHeader {
    /// The host and port of the version's URL, as without this member.
    Upstream,
    /// The host of the request.
    Keep,
    /// This host.
    Fixed(Host),
}

impl HostHeader {
    /// Returns the text of the member.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Upstream => "upstream",
            Self::Keep => "keep",
            Self::Fixed(host) => host.as_str(),
        }
    }
}

impl Serialize for HostHeader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl TryFrom<String> for HostHeader {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        plain_text(&raw, MAX_PATTERN, "host_header")?;
        Ok(match raw.as_str() {
            "upstream" => Self::Upstream,
            "keep" => Self::Keep,
            _ => match Host::read(raw) {
                Ok(host) if !host.is_wildcard() => Self::Fixed(host),
                _ => {
                    let detail = "must be upstream, keep, or a lower-case DNS name without a port";
                    return Err(Invalid::new("not_a_host", detail));
                }
            },
        })
    }
}

impl<'de> Deserialize<'de> for HostHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A failure after which a request is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// No connection could be made.
    ConnectFailure,
    /// The version answered 502, 503 or 504.
    GatewayError,
    /// The connection ended before the answer.
    Reset,
}

impl RetryOn {
    /// All failures, in the order of their names.
    pub const ALL: [Self; 3] = [Self::ConnectFailure, Self::GatewayError, Self::Reset];
}

/// When and how often a request is sent once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// How often, beside the first time: 1 to [`MAX_ATTEMPTS`].
    #[serde(deserialize_with = "attempts")]
    pub attempts: u8,
    /// The failures after which.
    pub on: BTreeSet<RetryOn>,
    /// The time limit of each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_try_timeout_ms: Option<TimeoutMs>,
}

fn attempts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    whole::within::<1, MAX_ATTEMPTS, _, _>(deserializer)
}

/// The value that a header is set to: visible ASCII and single spaces within, at most
/// [`MAX_PATTERN`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderText(String);

impl HeaderText {
    /// The value as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HeaderText {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        plain_text(&raw, MAX_PATTERN, "a header's value")?;
        let is_text = raw.bytes().all(|b| (0x20..0x7f).contains(&b)) && raw.trim() == raw;
        if is_text && !raw.is_empty() && raw.len() <= MAX_PATTERN {
            return Ok(Self(raw));
        }
        Err(Invalid::new(
            "not_a_header_value",
            format!(
                "must be 1 to {MAX_PATTERN} visible ASCII characters, with no space at either end"
            ),
        ))
    }
}

impl Serialize for HeaderText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The changes of the headers of a request or a response.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderEdits {
    /// The headers that are removed.
    #[serde(default, deserialize_with = "names")]
    pub remove: BTreeSet<HeaderName>,
    /// The headers that get a value, whatever they had before.
    #[serde(default, deserialize_with = "values")]
    pub set: BTreeMap<HeaderName, HeaderText>,
}

fn too_many<E: serde::de::Error>() -> E {
    E::custom(format!(
        "at most {MAX_HEADERS} headers, each once, upper and lower case being the same"
    ))
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<HeaderName>, D::Error> {
    let raw = Vec::<HeaderName>::deserialize(deserializer)?;
    let count = raw.len();
    let names: BTreeSet<_> = raw.into_iter().collect();
    if names.len() == count && count <= MAX_HEADERS {
        Ok(names)
    } else {
        Err(too_many())
    }
}

fn values<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<HeaderName, HeaderText>, D::Error> {
    let raw = BTreeMap::<String, HeaderText>::deserialize(deserializer)?;
    let count = raw.len();
    let named = raw
        .into_iter()
        .map(|(name, value)| HeaderName::try_from(name).map(|name| (name, value)));
    let values = named
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map_err(serde::de::Error::custom)?;
    if values.len() == count && count <= MAX_HEADERS {
        Ok(values)
    } else {
        Err(too_many())
    }
}

impl HeaderEdits {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty()
    }

    /// Whether the length of the body is changed.
    pub(super) fn has_length(&self) -> bool {
        let names = self.remove.iter().chain(self.set.keys());
        names
            .into_iter()
            .any(|name| name.as_str() == "content-length")
    }

    /// Returns the first header that is both set and removed.
    pub(super) fn contradiction(&self) -> Option<&HeaderName> {
        self.remove.iter().find(|name| self.set.contains_key(*name))
    }
}

/// Copies of requests for a version whose answers are thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The share of requests that are copied, in 1/10 000: 1 to 10 000.
    #[serde(deserialize_with = "share")]
    pub share: u16,
    /// The version that gets the copies.
    pub version: VersionName,
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    whole::within::<1, { MAX_WEIGHT as u64 }, _, _>(deserializer)
}

impl fmt::Display for HostHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
