//! Merge patches (RFC 7396) of policies.

use serde::{Deserialize, Deserializer, Serialize};

use super::{CookieName, HeaderName, Host, PathPrefix, PolicySpec, Rule, Share, StickyBy};
use crate::{Invalid, ids::VersionName};

/// A merge patch (RFC 7396) of a [`PolicySpec`]. `None` keeps a member, `Some(None)` resets it to
/// its default. Lists are replaced whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PolicyPatch {
    /// A new failover order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<Option<Vec<VersionName>>>,
    /// A new list of hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Option<Vec<Host>>>,
    /// A new path prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<Option<PathPrefix>>,
    /// A new list of rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Option<Vec<Rule>>>,
    /// A new split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Option<Vec<Share>>>,
    /// A patch of the source of sticky keys; `Some(None)` removes the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky_by: Option<Option<StickyPatch>>,
}

impl PolicyPatch {
    /// Applies the patch to `spec`. Returns the new spec, checked.
    pub fn apply(&self, spec: &PolicySpec) -> Result<PolicySpec, Vec<(String, Invalid)>> {
        fn patched<T: Clone + Default>(patch: &Option<Option<T>>, old: &T) -> T {
            patch
                .clone()
                .map_or_else(|| old.clone(), Option::unwrap_or_default)
        }
        let Self {
            failover,
            hosts,
            path_prefix,
            rules,
            split,
            sticky_by,
        } = self;
        let kept = match sticky_by {
            Some(Some(patch)) => patch.apply(spec.sticky_by.as_ref()).map(Some),
            Some(None) => Ok(None),
            None => Ok(spec.sticky_by.clone()),
        };
        let sticky_by = kept.map_err(|invalid| vec![("/sticky_by".to_owned(), invalid)])?;
        PolicySpec {
            failover: patched(failover, &spec.failover),
            hosts: patched(hosts, &spec.hosts),
            path_prefix: patched(path_prefix, &spec.path_prefix),
            rules: patched(rules, &spec.rules),
            split: patched(split, &spec.split),
            sticky_by,
        }
        .checked()
    }

    /// Returns every version that the patch names.
    pub fn versions(&self) -> impl Iterator<Item = &VersionName> {
        let split = self
            .split
            .iter()
            .flatten()
            .flatten()
            .map(|share| &share.version);
        let rules = self
            .rules
            .iter()
            .flatten()
            .flatten()
            .map(|rule| &rule.version);
        split
            .chain(rules)
            .chain(self.failover.iter().flatten().flatten())
    }
}

/// A merge patch of [`StickyBy`], which is an object too. An absent member is kept, a member with
/// `null` is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct StickyPatch {
    /// A new cookie name; `Some(None)` removes the cookie.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub cookie: Option<Option<CookieName>>,
    /// A new header name; `Some(None)` removes the header.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub header: Option<Option<HeaderName>>,
}

/// Reads a member that is present. `null` gives `Some(None)`, so that it differs from an absent
/// member.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl StickyPatch {
    /// Applies the patch to `old`. Exactly one of `cookie` and `header` must be left.
    fn apply(&self, old: Option<&StickyBy>) -> Result<StickyBy, Invalid> {
        let (cookie, header) = match old {
            Some(StickyBy::Cookie(name)) => (Some(name), None),
            Some(StickyBy::Header(name)) => (None, Some(name)),
            None => (None, None),
        };
        let cookie = self.cookie.as_ref().map_or(cookie, Option::as_ref);
        let header = self.header.as_ref().map_or(header, Option::as_ref);
        match (cookie, header) {
            (Some(cookie), None) => Ok(StickyBy::Cookie(cookie.clone())),
            (None, Some(header)) => Ok(StickyBy::Header(header.clone())),
            (Some(_), Some(_)) => {
                let detail = "would have both cookie and header: set the other one to null in the same patch";
                Err(Invalid::new("one_of", detail))
            }
            (None, None) => Err(Invalid::new(
                "one_of",
                "would have neither cookie nor header: set sticky_by itself to null",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn patched(before: Value, patch: Value) -> Result<Value, &'static str> {
        let spec: PolicySpec =
            serde_json::from_value(json!({"failover": ["v"], "sticky_by": before})).unwrap();
        let sticky_by = serde_json::from_value::<Option<StickyPatch>>(patch).unwrap();
        let patch = PolicyPatch {
            sticky_by: Some(sticky_by),
            ..PolicyPatch::default()
        };
        let after = patch.apply(&spec).map_err(|errors| {
            assert_eq!(errors[0].0, "/sticky_by");
            errors[0].1.code
        });
        after.map(|after| serde_json::to_value(after.sticky_by).unwrap())
    }

    #[test]
    fn merge_patch_applies_inside_sticky_by() {
        let (cookie, header) = (json!({"cookie": "c"}), json!({"header": "h"}));
        assert_eq!(
            patched(header.clone(), json!({"header": null, "cookie": "c"})),
            Ok(cookie.clone())
        );
        assert_eq!(
            patched(cookie.clone(), json!({"header": "h", "cookie": null})),
            Ok(header.clone())
        );
        assert_eq!(
            patched(header.clone(), json!({"header": "x"})),
            Ok(json!({"header": "x"}))
        );
        assert_eq!(
            patched(header.clone(), json!({"cookie": null})),
            Ok(header.clone())
        );
        assert_eq!(patched(header.clone(), json!({})), Ok(header.clone()));
        assert_eq!(patched(Value::Null, cookie.clone()), Ok(cookie.clone()));
        assert_eq!(patched(header.clone(), Value::Null), Ok(Value::Null));
        assert_eq!(patched(header.clone(), cookie), Err("one_of"));
        assert_eq!(patched(header, json!({"header": null})), Err("one_of"));
        assert_eq!(patched(Value::Null, json!({})), Err("one_of"));
    }
}
