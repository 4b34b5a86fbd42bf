//! Hosts that policies claim: the canonical spelling, the names under a wildcard, and the hosts
//! that a tenant may claim.
//!
//! A host belongs to one tenant; within the tenant, path prefixes divide it. [`claims`] holds the
//! claimed hosts.

pub mod claims;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::{Invalid, policy::PathPrefix};

/// The most host suffixes of a tenant.
pub const MAX_SUFFIXES: usize = 64;

/// A host that a policy claims: a DNS name (RFC 1123, at most 253 bytes) in its canonical spelling,
/// or `*.` and such a name.
///
/// The canonical spelling is lower case, without a dot at the end, without a port, nothing
/// percent-encoded, other scripts as A-labels (RFC 5890). Every other spelling is refused, so no
/// host can be claimed twice under two spellings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Written")]
pub struct Host(String);

/// A host as stored in a row or an event. Only new hosts must have the canonical spelling: a host
/// that was accepted before must stay readable.
#[derive(Deserialize)]
struct Written(String);

impl Host {
    /// Reads a stored host. The host need not have the canonical spelling.
    pub fn read(raw: String) -> Result<Self, Invalid> {
        if raw.len() <= 253 && is_dns_name(raw.strip_prefix("*.").unwrap_or(&raw)) {
            Ok(Self(raw))
        } else {
            Err(not_a_host(&raw))
        }
    }

    /// Checks that the host has its canonical spelling, as every new host must.
    pub fn check(&self) -> Result<(), Invalid> {
        if is_canonical(self.base()) {
            Ok(())
        } else {
            Err(not_a_host(&self.0))
        }
    }

    /// The host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the host stands for all names under its base.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name without `*.`.
    pub fn base(&self) -> &str {
        self.0.strip_prefix("*.").unwrap_or(&self.0)
    }

    /// Whether a proxy takes requests for `name` under this host: `*.x` covers every name under
    /// `x`, at any depth, and not `x` itself.
    pub fn covers(&self, name: &str) -> bool {
        if self.is_wildcard() {
            name != self.base() && is_at_or_under(name, self.base())
        } else {
            name == self.0
        }
    }

    /// Whether two different tenants must not have both hosts. A wildcard reserves its base too:
    /// some proxies let `*.x` take `x`, and cookies of `x` reach every name under it.
    pub fn overlaps(&self, other: &Self) -> bool {
        let reaches = |wildcard: &Self, other: &Self| {
            wildcard.is_wildcard() && is_at_or_under(other.base(), wildcard.base())
        };
        self == other || reaches(self, other) || reaches(other, self)
    }

    /// Whether a tenant may have the host only under a host suffix of its own: for a name on the
    /// public suffix list, or a wildcard under which others register names. For wildcards, a top
    /// label that is not on the list counts as listed.
    pub fn needs_grant(&self) -> bool {
        if self.is_wildcard() {
            // With a rule such as `*.ck`, each name under `ck` is a public suffix, even a name that
            // does not exist.
            return is_suffix(self.base(), false)
                || is_suffix(&format!("any-name-at-all.{}", self.base()), false);
        }
        is_suffix(&self.0, true)
    }
}

/// Whether a whole name is a public suffix: a suffix on the list or, unless `must_be_known`, any
/// top label.
fn is_suffix(name: &str, must_be_known: bool) -> bool {
    let is_whole = |suffix: psl::Suffix<'_>| {
        suffix.as_bytes().len() == name.len() && (suffix.is_known() || !must_be_known)
    };
    psl::suffix(name.as_bytes()).is_some_and(is_whole)
}

/// Whether `name` is `base` or ends with `.` and `base`.
fn is_at_or_under(name: &str, base: &str) -> bool {
    name.strip_suffix(base)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether a name is a lower-case DNS name and not an IPv4 address.
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label that is a number would be an IPv4 address (WHATWG URL §3.5).
    name.split('.').all(label)
        && !name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a DNS name has its canonical spelling: A-labels as IDNA writes them, and no hexadecimal
/// number at the end, which would be an IPv4 address too.
fn is_canonical(name: &str) -> bool {
    let is_hex = |label: &str| {
        label
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    is_dns_name(name)
        && !name.rsplit('.').next().is_some_and(is_hex)
        && (!name.contains("xn--")
            || url::Host::parse(name).is_ok_and(|host| host == url::Host::Domain(name.to_owned())))
}

/// Returns the canonical spelling of the host that the caller probably meant.
fn canonical(raw: &str) -> Option<Host> {
    let raw = raw.trim();
    let (star, name) = raw
        .strip_prefix("*.")
        .map_or(("", raw), |name| ("*.", name));
    let name = name
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(name, |(name, _)| name);
    let url::Host::Domain(domain) = url::Host::parse(name).ok()? else {
        return None;
    };
    let host = format!("{star}{}", domain.strip_suffix('.').unwrap_or(&domain));
    (host.len() <= 253 && is_canonical(host.strip_prefix("*.").unwrap_or(&host)))
        .then_some(Host(host))
}

fn not_a_host(raw: &str) -> Invalid {
    let detail = "a host is a lower-case DNS name without a port, or *. and such a name";
    // Longer input is not a host in any spelling: a spelling has at most three bytes for each byte
    // of the host.
    let meant = if raw.len() <= 3 * 253 + 8 {
        canonical(raw)
    } else {
        None
    };
    Invalid::new(
        "not_a_host",
        meant.map_or_else(
            || detail.to_owned(),
            |host| format!("{detail}: write {host}"),
        ),
    )
}

impl TryFrom<String> for Host {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        let host = Self::read(raw)?;
        host.check()?;
        Ok(host)
    }
}

impl TryFrom<Written> for Host {
    type Error = Invalid;

    fn try_from(Written(raw): Written) -> Result<Self, Invalid> {
        Self::read(raw)
    }
}

impl Serialize for Host {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name under which a tenant may claim hosts: the name itself, every name under it, and wildcards
/// of both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostSuffix(Host);

impl HostSuffix {
    /// The suffix as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn has(&self, host: &Host) -> bool {
        is_at_or_under(host.base(), self.as_str())
    }
}

impl TryFrom<String> for HostSuffix {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        let host = Host::try_from(raw)?;
        if host.is_wildcard() {
            let detail = format!("write {}: it covers all names under it too", host.base());
            return Err(Invalid::new("not_a_host_suffix", detail));
        }
        Ok(Self(host))
    }
}

/// The reason why a tenant may not have a host, even if the host is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAllowed {
    /// The tenant has host suffixes, and the host is under none of them.
    OutsideSuffixes,
    /// The host is a public suffix or a wildcard under one, and the tenant has no host suffix for
    /// it.
    PublicSuffix,
}

/// Checks whether a tenant with these host suffixes may have a free host.
pub fn may_have(suffixes: &[HostSuffix], host: &Host) -> Result<(), NotAllowed> {
    if suffixes.is_empty() {
        return if host.needs_grant() {
            Err(NotAllowed::PublicSuffix)
        } else {
            Ok(())
        };
    }
    if suffixes.iter().any(|suffix| suffix.has(host)) {
        Ok(())
    } else {
        Err(NotAllowed::OutsideSuffixes)
    }
}

/// Sorts host suffixes and removes duplicates.
pub fn in_order(mut suffixes: Vec<HostSuffix>) -> Vec<HostSuffix> {
    suffixes.sort_unstable();
    suffixes.dedup();
    suffixes
}

/// Returns the entry that a proxy takes for a request. Only entries with a host that covers the
/// name and a prefix of the path count. An exact host comes before a wildcard, a longer wildcard
/// before a shorter one and, within a host, a longer prefix before a shorter one.
pub fn first_match<'a, T>(
    entries: impl IntoIterator<Item = (&'a Host, &'a PathPrefix, T)>,
    name: &str,
    path: &str,
) -> Option<T> {
    let matching = entries
        .into_iter()
        .filter(|(host, prefix, _)| host.covers(name) && prefix.has(path));
    let precedence = |(host, prefix, _): &(&Host, &PathPrefix, T)| {
        (
            !host.is_wildcard(),
            host.base().len(),
            prefix.as_str().len(),
        )
    };
    matching.max_by_key(precedence).map(|(.., entry)| entry)
}

#[cfg(test)]
mod tests;
