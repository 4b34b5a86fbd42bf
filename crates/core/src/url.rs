//! The address of a route: a URL that every proxy reads alike, and can connect to.
//!
//! Clients repair URLs, each in its own way. So a URL that needs a repair is refused. The text is
//! checked as it was sent: against RFC 3986, its host against DNS (RFC 1035, RFC 1123) or as an
//! address, and at last against the WHATWG parser, which must read the same host and port in it.

use std::{fmt, str::FromStr};

use fluent_uri::{
    Uri,
    component::{Authority, Host},
    pct_enc::EStr,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::{Invalid, plain_text, text};

/// The longest URL, in bytes.
pub const MAX_URL: usize = 2048;
/// The longest DNS name, in bytes, without the dot of the root (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
/// The longest label of a DNS name, in bytes.
const MAX_LABEL: usize = 63;

/// An absolute http or https URL without credentials and fragment, at most [`MAX_URL`] bytes,
/// stored as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteUrl(String);

impl RouteUrl {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a stored URL unchecked: it was checked by the rules of its time, and stays usable.
    pub fn stored(raw: String) -> Self {
        Self(raw)
    }
}

impl Serialize for RouteUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Reads a stored URL. [`super::given`] reads the URL that a caller sends.
impl<'de> Deserialize<'de> for RouteUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::stored)
    }
}

impl FromStr for RouteUrl {
    type Err = Invalid;
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        check(raw).map(|()| Self(raw.to_owned()))
    }
}

impl TryFrom<String> for RouteUrl {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        check(&raw).map(|()| Self(raw))
    }
}

impl fmt::Display for RouteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn wrong(detail: impl Into<String>) -> Invalid {
    Invalid::new("not_a_url", detail)
}

fn check(raw: &str) -> Result<(), Invalid> {
    if raw.is_empty() {
        return Err(Invalid::new("empty", "url may not be empty"));
    }
    plain_text(raw, MAX_URL, "url")?;
    let lower = raw.get(..8).unwrap_or(raw).to_ascii_lowercase();
    if !(lower.starts_with("http://") || lower.starts_with("https://")) {
        return Err(wrong("url must start with http:// or https://"));
    }
    let uri = Uri::parse(raw).map_err(|error| no_uri(raw, error.index()))?;
    if let Some(at) = raw.find('#') {
        return Err(wrong(format!(
            "url has # at byte {at}: it may not have a fragment"
        )));
    }
    let authority = uri
        .authority()
        .ok_or_else(|| wrong("url must name a host"))?;
    if authority.has_userinfo() {
        return Err(wrong("url may not carry credentials"));
    }
    let is_dots = |segment: &str| {
        matches!(
            segment.to_ascii_lowercase().replace("%2e", ".").as_str(),
            "." | ".."
        )
    };
    if uri.path().as_str().split('/').any(is_dots) {
        return Err(wrong(
            "url may not have . or .. as a segment of its path: some clients remove it, others do not",
        ));
    }
    check_host(&authority)?;
    check_port(&authority)?;
    check_repaired(raw, &authority)
}

/// Returns the error for a character that RFC 3986 does not allow at this place.
fn no_uri(raw: &str, at: usize) -> Invalid {
    match raw.get(at..).and_then(|rest| rest.chars().next()) {
        None => wrong("url is incomplete"),
        Some('%') if !is_escape(&raw[at..]) => wrong(format!(
            "url has % at byte {at} without two hexadecimal digits after it"
        )),
        Some('[') => wrong(format!(
            "url has [ at byte {at} without an IPv6 address and ] after it"
        )),
        Some(c) => wrong(format!(
            "url has {c:?} ({}) at byte {at}, which is not allowed there (RFC 3986)",
            text::name(c)
        )),
    }
}

fn is_escape(text: &str) -> bool {
    let digits = text.as_bytes().get(1..3);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

fn check_host(authority: &Authority<'_>) -> Result<(), Invalid> {
    match authority.host_parsed() {
        Host::Ipv4(_) | Host::Ipv6(_) => Ok(()),
        Host::RegName(name) => check_name(name.as_str()),
        _ => Err(wrong(
            "url has a host in brackets that is not an IPv6 address",
        )),
    }
}

/// Checks a DNS name, with or without the dot of the root. An underscore is accepted: RFC 1123 does
/// not allow it in host names, but many networks have such names.
fn check_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() {
        return Err(wrong("url must name a host"));
    }
    if let Some(c) = name
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
    {
        return Err(wrong(format!(
            "the host of url has {c:?}: a DNS name has letters, digits, hyphens and underscores"
        )));
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > MAX_NAME {
        return Err(wrong(format!(
            "the host of url has {} bytes, a DNS name has at most {MAX_NAME}",
            name.len()
        )));
    }
    for label in name.split('.') {
        let fault = match label {
            "" => "may not be empty",
            _ if label.len() > MAX_LABEL => "has more than 63 bytes",
            _ if label.starts_with('-') || label.ends_with('-') => {
                "may not begin or end with a hyphen"
            }
            _ => continue,
        };
        return Err(wrong(format!(
            "the host of url has the label {label:?}, which {fault}"
        )));
    }
    // WHATWG URL §3.5: such a name is read as an IPv4 address, in one of several old notations.
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    if last.bytes().all(|b| b.is_ascii_digit())
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(wrong(
            "the host of url ends in a number: an IPv4 address has four parts from 0 to 255 without a 0 before them",
        ));
    }
    Ok(())
}

fn check_port(authority: &Authority<'_>) -> Result<(), Invalid> {
    let digits = authority.port().map_or("", EStr::as_str);
    match digits.parse::<u16>() {
        Ok(1..) => Ok(()),
        Err(_) if digits.is_empty() => Ok(()),
        Ok(0) | Err(_) => Err(wrong("the port of url must be 1 to 65535")),
    }
}

/// Checks that the WHATWG parser reads the host and the port as they are written. This check comes
/// last: it adds the rules that only that parser knows, such as those of A-labels.
fn check_repaired(raw: &str, authority: &Authority<'_>) -> Result<(), Invalid> {
    let url =
        Url::parse(raw).map_err(|error| wrong(format!("the host of url is not valid: {error}")))?;
    let port = authority
        .port()
        .and_then(|port| port.as_str().parse::<u16>().ok());
    let same_port = port.is_none() || port == url.port_or_known_default();
    let same_host = match (authority.host_parsed(), url.host()) {
        (Host::Ipv4(written), Some(url::Host::Ipv4(read))) => written == read,
        (Host::Ipv6(written), Some(url::Host::Ipv6(read))) => written == read,
        (Host::RegName(written), Some(url::Host::Domain(read))) => {
            written.as_str().eq_ignore_ascii_case(read)
        }
        _ => false,
    };
    if same_port && same_host {
        Ok(())
    } else {
        Err(wrong(
            "url is ambiguous: programs read it in different ways",
        ))
    }
}

#[cfg(test)]
mod tests;
