//! The JSON of a policy.
//!
//! A policy that says nothing new is written as it always was: its path prefix is `path_prefix`. Of
//! several, that is the first, and `path_prefixes` has them all. Members that came later are there
//! only when they say something. So earlier readers understand it, and its bytes and digests stay
//! as they are.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    HeaderEdits, Host, HostHeader, Mirror, Outcome, PathPrefix, PolicySpec, Retries, Rewrite, Rule,
    Share, StickyBy, TextMatch, TimeoutMs, matching::HeaderName,
};
use crate::{
    Invalid,
    ids::{EnvName, PolicyName, ServiceName, VersionName},
    tag::Revision,
};

/// The members, declared in the order of RFC 8785.
#[derive(Serialize)]
struct Members<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<&'a EnvName>,
    failover: &'a [VersionName],
    #[serde(skip_serializing_if = "Option::is_none")]
    host_header: &'a Option<Box<HostHeader>>,
    hosts: &'a [Host],
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: &'a Option<Box<Mirror>>,
    path_prefix: &'a PathPrefix,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_prefixes: Option<&'a [PathPrefix]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_headers: &'a Option<Box<HeaderEdits>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_headers: &'a Option<Box<HeaderEdits>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: &'a Option<Box<Retries>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<Revision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rewrite: &'a Option<Box<Rewrite>>,
    rules: &'a [Rule],
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a ServiceName>,
    split: &'a [Share],
    sticky_by: &'a Option<StickyBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<TimeoutMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_header: &'a Option<HeaderName>,
}

impl<'a> Members<'a> {
    fn of(spec: &'a PolicySpec) -> Self {
        let PolicySpec {
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
        } = spec;
        static ALL: LazyLock<PathPrefix> = LazyLock::new(PathPrefix::default);
        let path_prefix = path_prefixes.first().unwrap_or(&ALL);
        Self {
            env: None,
            failover,
            host_header,
            hosts,
            mirror,
            path_prefix,
            path_prefixes: (path_prefixes.len() > 1).then_some(path_prefixes),
            request_headers,
            response_headers,
            retries,
            revision: None,
            rewrite,
            rules,
            service: None,
            split,
            sticky_by,
            timeout_ms: *timeout_ms,
            version_header,
        }
    }
}

impl Serialize for PolicySpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Members::of(self).serialize(serializer)
    }
}

/// A policy with its name and the revision of its last change, as snapshots have it.
#[derive(Debug)]
pub struct Named<'a> {
    /// The policy's name within its tenant.
    pub name: &'a PolicyName,
    /// The revision of the last change.
    pub revision: Revision,
    /// The policy.
    pub spec: &'a PolicySpec,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Members {
            env: Some(&self.name.env),
            revision: Some(self.revision),
            service: Some(&self.name.service),
            ..Members::of(self.spec)
        }
        .serialize(serializer)
    }
}

/// The members as they are read, in the old and in the new spelling.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    failover: Vec<VersionName>,
    #[serde(default)]
    host_header: Option<Box<HostHeader>>,
    #[serde(default)]
    hosts: Vec<Host>,
    #[serde(default)]
    mirror: Option<Box<Mirror>>,
    #[serde(default)]
    path_prefix: Option<PathPrefix>,
    #[serde(default)]
    path_prefixes: Option<Vec<PathPrefix>>,
    #[serde(default)]
    request_headers: Option<Box<HeaderEdits>>,
    #[serde(default)]
    response_headers: Option<Box<HeaderEdits>>,
    #[serde(default)]
    retries: Option<Box<Retries>>,
    #[serde(default)]
    rewrite: Option<Box<Rewrite>>,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    split: Vec<Share>,
    #[serde(default)]
    sticky_by: Option<StickyBy>,
    #[serde(default)]
    timeout_ms: Option<TimeoutMs>,
    #[serde(default)]
    version_header: Option<HeaderName>,
}

impl<'de> Deserialize<'de> for PolicySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let prefixes = prefixes(written.path_prefix, written.path_prefixes);
        Ok(Self {
            failover: written.failover,
            host_header: written.host_header,
            hosts: written.hosts,
            mirror: written.mirror,
            path_prefixes: prefixes.map_err(D::Error::custom)?,
            request_headers: written.request_headers,
            response_headers: written.response_headers,
            retries: written.retries,
            rewrite: written.rewrite,
            rules: written.rules,
            split: written.split,
            sticky_by: written.sticky_by,
            timeout_ms: written.timeout_ms,
            version_header: written.version_header,
        })
    }
}

/// Returns the path prefixes of a policy that is written with the old member, the new one, both,
/// or neither. Both may be there if they do not contradict each other: an answer has both.
pub fn prefixes(
    one: Option<PathPrefix>,
    several: Option<Vec<PathPrefix>>,
) -> Result<Vec<PathPrefix>, Invalid> {
    match (one, several.filter(|several| !several.is_empty())) {
        (None, None) => Ok(vec![PathPrefix::default()]),
        (Some(one), None) => Ok(vec![one]),
        (None, Some(several)) => Ok(several),
        (Some(one), Some(several)) if several.contains(&one) => Ok(several),
        (Some(one), Some(_)) => Err(Invalid::new(
            "contradiction",
            format!(
                "path_prefix is {}, which is not one of path_prefixes: leave path_prefix out",
                one.as_str()
            ),
        )),
    }
}

impl PolicySpec {
    /// Whether a reader of the first version of events would misread the policy.
    pub fn needs_new_readers(&self) -> bool {
        let Self {
            failover: _,
            host_header,
            hosts: _,
            mirror,
            path_prefixes,
            request_headers,
            response_headers,
            retries,
            rewrite,
            rules,
            split: _,
            sticky_by: _,
            timeout_ms,
            version_header,
        } = self;
        let is_new_text =
            |wanted: &TextMatch| matches!(wanted, TextMatch::Suffix(_) | TextMatch::Contains(_));
        let is_new_rule = |rule: &Rule| {
            !matches!(rule.outcome, Outcome::Version(_))
                || rule.matching.headers.values().any(is_new_text)
                || !rule.matching.methods.is_empty()
                || !rule.matching.query.is_empty()
                || rule.matching.path.is_some()
        };
        path_prefixes.len() != 1
            || host_header.is_some()
            || mirror.is_some()
            || request_headers.is_some()
            || response_headers.is_some()
            || retries.is_some()
            || rewrite.is_some()
            || timeout_ms.is_some()
            || version_header.is_some()
            || rules.iter().any(is_new_rule)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<PolicySpec, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn policy_that_says_nothing_new_is_written_as_before() {
        let old = r#"{"failover":["v1"],"hosts":["a.example"],"path_prefix":"/x","rules":[{"match":{"headers":{"x":{"exact":"y"}}},"name":"r","version":"v1"}],"split":[{"version":"v1","weight":1}],"sticky_by":null}"#;
        let spec: PolicySpec = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), old);
        assert!(!spec.needs_new_readers());
    }

    #[test]
    fn every_new_member_needs_new_readers_and_comes_back_as_it_was() {
        let members = [
            json!({"path_prefixes": ["/a", "/b"]}),
            json!({"host_header": "keep"}),
            json!({"mirror": {"share": 100, "version": "v2"}}),
            json!({"request_headers": {"remove": ["x"], "set": {"y": "z"}}}),
            json!({"response_headers": {"remove": [], "set": {"y": "z"}}}),
            json!({"retries": {"attempts": 2, "on": ["reset"], "per_try_timeout_ms": 100}}),
            json!({"rewrite": {"prefix": "/v", "strip_prefix": true}}),
            json!({"timeout_ms": 1000}),
            json!({"version_header": "x-version"}),
            json!({"rules": [{"match": {"headers": {}, "methods": ["GET"]}, "name": "r", "version": "v1"}]}),
            json!({"rules": [{"match": {"headers": {}, "query": {"q": {"present": true}}}, "name": "r", "version": "v1"}]}),
            json!({"rules": [{"match": {"headers": {}, "path": {"prefix": "/a"}}, "name": "r", "version": "v1"}]}),
            json!({"rules": [{"match": {"headers": {"x": {"suffix": "a"}}}, "name": "r", "version": "v1"}]}),
            json!({"rules": [{"match": {"headers": {"x": {"present": true}}}, "name": "r", "split": [{"version": "v1", "weight": 1}]}]}),
            json!({"rules": [{"match": {"headers": {"x": {"present": true}}}, "name": "r", "redirect": {"status": 302, "url": "https://a.example/"}}]}),
            json!({"rules": [{"match": {"headers": {"x": {"present": true}}}, "name": "r", "respond": {"body": "no", "status": 403}}]}),
        ];
        for member in members {
            let mut value = json!({"failover": ["v1"]});
            value
                .as_object_mut()
                .unwrap()
                .extend(member.as_object().unwrap().clone());
            let spec = read(value.clone()).unwrap();
            assert!(spec.needs_new_readers(), "{member}");
            let written = serde_json::to_value(&spec).unwrap();
            for (name, value) in member.as_object().unwrap() {
                assert_eq!(&written[name], value, "{member}");
            }
            assert_eq!(read(written).unwrap(), spec);
        }
    }

    #[test]
    fn both_spellings_of_path_prefixes_may_not_contradict_each_other() {
        let of = |value| read(value).map(|spec| spec.path_prefixes.len());
        assert_eq!(of(json!({"path_prefix": "/a"})).unwrap(), 1);
        assert_eq!(of(json!({"path_prefixes": []})).unwrap(), 1);
        assert_eq!(
            of(json!({"path_prefix": "/a", "path_prefixes": ["/a", "/b"]})).unwrap(),
            2
        );
        assert!(of(json!({"path_prefix": "/c", "path_prefixes": ["/a", "/b"]})).is_err());
    }
}
