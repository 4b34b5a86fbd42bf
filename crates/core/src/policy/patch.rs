//! Merge patches (RFC 7396) of policies.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::{
    CookieName, HeaderName, Host, HostHeader, PathPrefix, PolicySpec, Rule, Share, StickyBy,
    TimeoutMs,
};
use crate::{Invalid, ids::VersionName};

/// A merge patch (RFC 7396) of a [`PolicySpec`]. `None` keeps a member, `Some(None)` resets it to
/// its default. Lists are replaced whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PolicyPatch {
    /// A new failover order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<Option<Vec<VersionName>>>,
    /// A new `Host` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_header: Option<Option<Box<HostHeader>>>,
    /// A new list of hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Option<Vec<Host>>>,
    /// A patch of the mirror.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Option<ObjectPatch>>,
    /// A new list of path prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_prefixes: Option<Option<Vec<PathPrefix>>>,
    /// A patch of the changes of the headers of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<Option<ObjectPatch>>,
    /// A patch of the changes of the headers of responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<Option<ObjectPatch>>,
    /// A patch of the retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Option<ObjectPatch>>,
    /// A patch of the change of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Option<ObjectPatch>>,
    /// A new list of rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Option<Vec<Rule>>>,
    /// A new split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Option<Vec<Share>>>,
    /// A patch of the source of sticky keys; `Some(None)` removes the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky_by: Option<Option<StickyPatch>>,
    /// A new time limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<Option<TimeoutMs>>,
    /// A new version header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_header: Option<Option<HeaderName>>,
}

impl PolicyPatch {
    /// Applies the patch to `spec`. Returns the new spec, checked.
    pub fn apply(&self, spec: &PolicySpec) -> Result<PolicySpec, Vec<(String, Invalid)>> {
        fn patched<T: Clone + Default>(patch: &Option<Option<T>>, old: &T) -> T {
            patch
                .clone()
                .map_or_else(|| old.clone(), Option::unwrap_or_default)
        }
        fn replaced<T: Clone>(patch: &Option<Option<T>>, old: &Option<T>) -> Option<T> {
            patch.clone().unwrap_or_else(|| old.clone())
        }
        let Self {
            failover,
            host_header,
            hosts,
            mirror,
            path_prefixes,
            request_headers,
            response_headers,
            retries,
            rewrite,
            rules,
            split,
            sticky_by,
            timeout_ms,
            version_header,
        } = self;
        let kept = match sticky_by {
            Some(Some(patch)) => patch.apply(spec.sticky_by.as_ref()).map(Some),
            Some(None) => Ok(None),
            None => Ok(spec.sticky_by.clone()),
        };
        let sticky_by = kept.map_err(|invalid| vec![("/sticky_by".to_owned(), invalid)])?;
        // Without any prefix a policy has all paths.
        let path_prefixes = Some(patched(path_prefixes, &spec.path_prefixes))
            .filter(|prefixes| !prefixes.is_empty())
            .unwrap_or_else(|| PolicySpec::default().path_prefixes);
        PolicySpec {
            failover: patched(failover, &spec.failover),
            host_header: replaced(host_header, &spec.host_header),
            hosts: patched(hosts, &spec.hosts),
            mirror: merged("mirror", mirror, &spec.mirror)?,
            path_prefixes,
            request_headers: merged("request_headers", request_headers, &spec.request_headers)?,
            response_headers: merged("response_headers", response_headers, &spec.response_headers)?,
            retries: merged("retries", retries, &spec.retries)?,
            rewrite: merged("rewrite", rewrite, &spec.rewrite)?,
            rules: patched(rules, &spec.rules),
            split: patched(split, &spec.split),
            sticky_by,
            timeout_ms: replaced(timeout_ms, &spec.timeout_ms),
            version_header: replaced(version_header, &spec.version_header),
        }
        .checked()
    }

    /// Returns every version that the patch names.
    pub fn versions(&self) -> impl Iterator<Item = VersionName> {
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
            .flat_map(|rule| rule.versions().map(|(_, version)| version));
        let mirror = self.mirror.iter().flatten().filter_map(|mirror| {
            let version = mirror.0.get("version")?.as_str()?;
            version.parse().ok()
        });
        split
            .chain(rules)
            .chain(self.failover.iter().flatten().flatten())
            .cloned()
            .chain(mirror)
    }
}

/// A merge patch (RFC 7396) of a member that is an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectPatch(Map<String, Value>);

/// Applies the patch of a member: absent keeps it, `null` removes it, an object is merged into it.
fn merged<T: Clone + Serialize + DeserializeOwned>(
    member: &str,
    patch: &Option<Option<ObjectPatch>>,
    old: &Option<Box<T>>,
) -> Result<Option<Box<T>>, Vec<(String, Invalid)>> {
    let patch = match patch {
        None => return Ok(old.clone()),
        Some(None) => return Ok(None),
        Some(Some(patch)) => patch,
    };
    let mut value = old
        .as_ref()
        .map(serde_json::to_value)
        .transpose()
        .map_err(|error| wrong(member, String::new(), &error))?
        .unwrap_or_default();
    merge(&mut value, &with_lower_names(&patch.0));
    serde_path_to_error::deserialize(value)
        .map(|new| Some(Box::new(new)))
        .map_err(|error| wrong(member, pointer(error.path()), &error.into_inner()))
}

/// Writes the names of headers in `set` as they are stored, so that the patch finds them.
fn with_lower_names(patch: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = patch.clone();
    if let Some(Value::Object(set)) = patch.get_mut("set") {
        *set = std::mem::take(set)
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
    }
    patch
}

fn wrong(member: &str, place: String, error: &serde_json::Error) -> Vec<(String, Invalid)> {
    let invalid = Invalid::new("not_valid", error.to_string());
    vec![(format!("/{member}{place}"), invalid)]
}

/// Returns a place within a member as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// RFC 7396 §2. The depth is that of the patch, which was bounded when it was read.
fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(name)),
            Value::Object(inner) => {
                merge(target.entry(name.as_str()).or_insert(Value::Null), inner)
            }
            other => drop(target.insert(name.clone(), other.clone())),
        }
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
