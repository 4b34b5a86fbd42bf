//! Identifiers. Each is a newtype with a private field, so a value of the type has been checked. Up
//! to 24 bytes are stored in place, without an allocation: the read path holds millions of
//! identifiers.

use std::{borrow::Borrow, fmt, str::FromStr};

use compact_str::CompactString;
use serde::{Deserialize, Serialize, Serializer};

use super::Invalid;

/// Checks an RFC 1123 DNS label: lower-case letters, digits and inner hyphens, 1 to 63 bytes.
fn dns_label(raw: &str, what: &str) -> Result<(), Invalid> {
    if raw.is_empty() {
        return Err(Invalid::new("empty", format!("{what} may not be empty")));
    }
    if raw.len() > 63 {
        return Err(Invalid::new(
            "too_long",
            format!("{what} may have at most 63 bytes"),
        ));
    }
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !raw.bytes().all(inner) || raw.starts_with('-') || raw.ends_with('-') {
        return Err(Invalid::new(
            "not_a_dns_label",
            format!("{what} must be a DNS label: lower-case letters, digits and inner hyphens"),
        ));
    }
    Ok(())
}

/// Checks a version against `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
fn version_label(raw: &str, what: &str) -> Result<(), Invalid> {
    if raw.is_empty() {
        return Err(Invalid::new("empty", format!("{what} may not be empty")));
    }
    if raw.len() > 63 {
        return Err(Invalid::new(
            "too_long",
            format!("{what} may have at most 63 bytes"),
        ));
    }
    let tail = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !raw.bytes().all(tail) || !raw.as_bytes()[0].is_ascii_alphanumeric() {
        return Err(Invalid::new(
            "not_a_version",
            format!("{what} must match [A-Za-z0-9][A-Za-z0-9._-]{{0,62}}"),
        ));
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(CompactString);

        impl $name {
            /// The checked text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(raw: &str) -> Result<Self, Invalid> {
                $check(raw, $what).map(|()| Self(raw.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(raw: String) -> Result<Self, Invalid> {
                $check(&raw, $what).map(|()| Self(raw.into()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// The name of a tenant, which owns routes. RFC 1123 label.
    TenantName, "tenant", dns_label
);
identifier!(
    /// The name of a service of a tenant. RFC 1123 label.
    ServiceName, "service", dns_label
);
identifier!(
    /// The name of an environment, such as `prod`. RFC 1123 label.
    EnvName, "env", dns_label
);
identifier!(
    /// The name of a version of a service, such as `v1` or `2026.11.21-rc1`.
    VersionName, "version", version_label
);
identifier!(
    /// The name of a node: a machine, or a proxy on it, that runs a tenant's routes. RFC 1123 label.
    NodeName, "node", dns_label
);
identifier!(
    /// The kind of a node's refusal, such as `refused` or `held_back`.
    RefusalCode, "code", version_label
);
identifier!(
    /// The way in which a node takes its configuration, such as `native` or `envoy`. RFC 1123 label.
    DialectName, "dialect", dns_label
);

impl NodeName {
    /// The name that a text of another grammar gives, such as the id of an Envoy or a name in a certificate: letters
    /// in lower case, and a hyphen for what a label may not have. `None` if no letter and no digit is there.
    pub fn of_text(raw: &str) -> Option<Self> {
        let plain = |c: char| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        };
        let name: String = raw.chars().map(plain).collect();
        let name = name.trim_matches('-');
        let short = &name[..name.len().min(63)];
        short.trim_end_matches('-').parse().ok()
    }
}

/// The name of a route within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteName {
    /// The service's name.
    pub service: ServiceName,
    /// The environment's name.
    pub env: EnvName,
    /// The version's name.
    pub version: VersionName,
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.service, self.env, self.version)
    }
}

/// The name of a traffic policy within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyName {
    /// The service's name.
    pub service: ServiceName,
    /// The environment's name.
    pub env: EnvName,
}

impl PolicyName {
    /// The policy that chooses between the versions of a route's service in its environment.
    pub fn of(route: &RouteName) -> Self {
        Self {
            service: route.service.clone(),
            env: route.env.clone(),
        }
    }

    /// The route of one of the service's versions.
    pub fn route(&self, version: &VersionName) -> RouteName {
        RouteName {
            service: self.service.clone(),
            env: self.env.clone(),
            version: version.clone(),
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.env)
    }
}

/// The name of a route among all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteKey {
    /// The tenant's name.
    pub tenant: TenantName,
    /// The route's name within the tenant.
    #[serde(flatten)]
    pub name: RouteName,
}

/// The name of a traffic policy among all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyKey {
    /// The tenant's name.
    pub tenant: TenantName,
    /// The policy's name within the tenant.
    #[serde(flatten)]
    pub name: PolicyName,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_follow_rfc_1123() {
        for good in ["a", "a-b", "0", "a1", &"a".repeat(63)] {
            assert!(good.parse::<TenantName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a.b",
            "a_b",
            "ä",
            "a\n",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<TenantName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn versions_follow_the_contract() {
        for good in ["v1", "1.2.3", "2026.11.21-rc_1", "V", &"v".repeat(63)] {
            assert!(good.parse::<VersionName>().is_ok(), "{good}");
        }
        for bad in ["", ".1", "-v", "v/1", "v 1", "v\u{0}", &"v".repeat(64)] {
            assert!(bad.parse::<VersionName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn policy_and_route_names_are_joined_by_slashes() {
        let policy = PolicyName {
            service: "s".parse().unwrap(),
            env: "e".parse().unwrap(),
        };
        assert_eq!(
            (
                policy.to_string(),
                policy.route(&"v".parse().unwrap()).to_string()
            ),
            ("s/e".into(), "s/e/v".into())
        );
    }

    proptest! {
        #[test]
        fn any_text_parses_to_itself_or_is_refused(raw in "\\PC{0,70}|[a-z0-9-]{0,66}") {
            if let Ok(name) = raw.parse::<ServiceName>() {
                prop_assert_eq!(name.as_str(), raw.as_str());
                prop_assert!(raw.len() <= 63 && raw.is_ascii());
            }
        }
    }
}
