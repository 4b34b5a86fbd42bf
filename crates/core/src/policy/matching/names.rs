//! The names in conditions: of headers, query parameters and methods.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::MAX_PATTERN;
use crate::{Invalid, plain_text};

/// Returns whether a text is a token as defined in RFC 9110 §5.6.2.
pub fn is_token(raw: &str) -> bool {
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

/// Whether a byte is an unreserved character of RFC 3986, which needs no percent-encoding.
pub fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~".contains(&b)
}

/// The name of a query parameter: 1 to 64 unreserved characters of RFC 3986, so that every proxy
/// reads it alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct QueryName(String);

impl QueryName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for QueryName {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        if (1..=64).contains(&raw.len()) && raw.bytes().all(is_unreserved) {
            return Ok(Self(raw));
        }
        let detail =
            "the name of a query parameter is 1 to 64 letters, digits, and characters of - . _ ~";
        Err(Invalid::new("not_a_query_name", detail))
    }
}

impl Serialize for QueryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A request method: 1 to 16 upper-case letters, as all registered ones are but for those of
/// `WebDAV` with a hyphen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Method(String);

impl Method {
    /// The method as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Method {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        plain_text(&raw, MAX_PATTERN, "a method")?;
        if (1..=16).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(Self(raw));
        }
        let detail = "a method is 1 to 16 upper-case letters";
        Err(Invalid::new("not_a_method", detail))
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
