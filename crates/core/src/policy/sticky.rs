//! Sticky routing: the source of the key that keeps a client on one version.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use super::matching::{HeaderName, is_token};
use crate::Invalid;

/// The source of the key that keeps a client on one version. It is serialised as an object with one
/// member in every format, because serde's derived form of an enum is a tag in YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StickyBy {
    /// The key is the value of this cookie.
    Cookie(CookieName),
    /// The key is the value of this request header.
    Header(HeaderName),
}

impl Serialize for StickyBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut member = serializer.serialize_map(Some(1))?;
        match self {
            Self::Cookie(name) => member.serialize_entry("cookie", name)?,
            Self::Header(name) => member.serialize_entry("header", name)?,
        }
        member.end()
    }
}

impl<'de> Deserialize<'de> for StickyBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneSource)
    }
}

struct OneSource;

impl<'de> Visitor<'de> for OneSource {
    type Value = StickyBy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one of cookie, header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<StickyBy, A::Error> {
        let not_one = || A::Error::custom("must have one of cookie, header, and only one");
        let source = match members.next_key::<String>()?.ok_or_else(not_one)?.as_str() {
            "cookie" => StickyBy::Cookie(members.next_value()?),
            "header" => StickyBy::Header(members.next_value()?),
            other => return Err(A::Error::unknown_field(other, &["cookie", "header"])),
        };
        if members.next_key::<String>()?.is_some() {
            return Err(not_one());
        }
        Ok(source)
    }
}

/// The name of a cookie: an RFC 9110 token, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CookieName(String);

impl CookieName {
    /// Returns the cookie's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CookieName {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        if is_token(&raw) && raw.len() <= 64 {
            Ok(Self(raw))
        } else {
            Err(Invalid::new(
                "not_a_cookie_name",
                "a cookie's name is a token of at most 64 bytes",
            ))
        }
    }
}

impl Serialize for CookieName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
