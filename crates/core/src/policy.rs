//! Traffic policies: the traffic of a service in an environment is shared between its versions.
//!
//! Values of these types have been checked; [`choice`] computes the version for one request.

pub mod choice;
mod matching;
mod patch;
pub mod pattern;
mod sticky;
mod texts;

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::{
    matching::{HeaderMatch, HeaderName, MAX_HEADERS, MAX_PATTERN, Matching, NOT_MATCHED},
    patch::{PolicyPatch, StickyPatch},
    sticky::{CookieName, StickyBy},
};
pub use super::host::Host;
use super::{
    Invalid,
    ids::{PolicyName, VersionName},
    plain_text,
    tag::Revision,
    time::UtcTime,
    whole,
};

/// The most hosts of a policy. The same limit holds for shares, for rules and for failover
/// versions.
pub const MAX_PARTS: usize = 64;
/// The largest weight. Weights are shares of their sum, so they need not add up to a fixed total.
pub const MAX_WEIGHT: u16 = 10_000;
/// The longest path prefix, in bytes.
pub const MAX_PREFIX: usize = 512;

/// The part of its hosts' paths that a policy owns: `/`, or segments of RFC 3986 `pchar`s that
/// begin with `/` and do not end with one, none of them `.` or `..`, nothing percent-encoded. So no
/// two spellings name the same prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a path is under the prefix, by whole segments: `/shop` has `/shop` and `/shop/v2`,
    /// and not `/shopping`.
    pub fn has(&self, path: &str) -> bool {
        self.0 == "/"
            || path
                .strip_prefix(&self.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Default for PathPrefix {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        plain_text(&raw, MAX_PREFIX, "path_prefix")?;
        let wrong = || {
            let detail = "must be / or segments such as /shop/v2: no empty, . or .. segment, no %, no / at the end";
            Invalid::new("not_a_path_prefix", detail)
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
        let segment = |s: &str| !s.is_empty() && s != "." && s != ".." && s.bytes().all(allowed);
        let rest = raw.strip_prefix('/').ok_or_else(wrong)?;
        if !rest.is_empty() && !rest.split('/').all(segment) {
            return Err(wrong());
        }
        Ok(Self(raw))
    }
}

impl Serialize for PathPrefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A version's share of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The version that gets the share.
    pub version: VersionName,
    /// The size of the share, relative to the sum of all weights: 0 to 10 000.
    #[serde(deserialize_with = "weight")]
    pub weight: u16,
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    whole::number::<0, { MAX_WEIGHT as u64 }, _, _>(deserializer)
}

/// A rule that sends the requests that it matches to one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The requests that the rule matches.
    #[serde(rename = "match")]
    pub matching: Matching,
    /// The rule's name, for people and for explanations. Unique within the policy.
    pub name: String,
    /// The version that gets the matching requests.
    pub version: VersionName,
}

/// The part of a policy that people set; the `before` and `after` of an event. Members are declared
/// in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PolicySpec {
    /// The versions that replace an inactive version, tried in this order.
    #[serde(default)]
    pub failover: Vec<VersionName>,
    /// The hosts that belong to the policy, sorted.
    #[serde(default)]
    pub hosts: Vec<Host>,
    /// The part of the hosts' paths that belongs to the policy.
    #[serde(default)]
    pub path_prefix: PathPrefix,
    /// The rules, checked before the split, in this order.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// The shares of the traffic that no rule takes.
    #[serde(default)]
    pub split: Vec<Share>,
    /// The source of the key that keeps a client on its version.
    #[serde(default)]
    pub sticky_by: Option<StickyBy>,
}

impl PolicySpec {
    /// Checks the texts that people wrote and the conditions between the parts, and sorts the
    /// hosts. The errors name their members. [`check_new_rules`] has the checks that take time or
    /// apply only to new rules.
    pub fn checked(self) -> Result<Self, Vec<(String, Invalid)>> {
        let texts = self.hidden_texts();
        match self.sound() {
            Ok(spec) if texts.is_empty() => Ok(spec),
            Ok(_) => Err(texts),
            Err(wrong) => Err(wrong.into_iter().chain(texts).collect()),
        }
    }

    /// Checks the conditions that the parts cannot check alone, and sorts the hosts. Accepts texts
    /// as they are stored.
    fn sound(mut self) -> Result<Self, Vec<(String, Invalid)>> {
        let mut wrong = Vec::new();
        let sizes = [
            ("hosts", self.hosts.len()),
            ("split", self.split.len()),
            ("rules", self.rules.len()),
            ("failover", self.failover.len()),
        ];
        for (name, size) in sizes {
            if size > MAX_PARTS {
                wrong.push((
                    format!("/{name}"),
                    Invalid::new("too_many", format!("at most {MAX_PARTS}")),
                ));
            }
        }
        for (at, share) in self
            .split
            .iter()
            .enumerate()
            .filter(|(_, share)| share.weight > MAX_WEIGHT)
        {
            let detail = format!("{} is more than {MAX_WEIGHT}", share.weight);
            wrong.push((
                format!("/split/{at}/weight"),
                Invalid::new("out_of_range", detail),
            ));
        }
        if !self.split.is_empty() && self.split.iter().all(|share| share.weight == 0) {
            wrong.push((
                "/split".to_owned(),
                Invalid::new("no_weight", "one weight must be more than 0"),
            ));
        }
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.name.is_empty() {
                wrong.push((
                    format!("/rules/{at}/name"),
                    Invalid::new("not_a_name", "1 to 64 bytes"),
                ));
            }
            if rule.matching.headers.is_empty() {
                let detail = "a rule must match something; use split for all requests";
                wrong.push((format!("/rules/{at}/match"), Invalid::new("empty", detail)));
            }
        }
        wrong.extend(doubles(
            "split",
            "/version",
            self.split.iter().map(|share| share.version.as_str()),
        ));
        wrong.extend(doubles(
            "rules",
            "/name",
            self.rules.iter().map(|rule| rule.name.as_str()),
        ));
        wrong.extend(doubles(
            "failover",
            "",
            self.failover.iter().map(VersionName::as_str),
        ));
        wrong.extend(doubles("hosts", "", self.hosts.iter().map(Host::as_str)));
        let hosts = self.hosts.iter().enumerate();
        wrong.extend(hosts.filter_map(|(at, host)| {
            host.check()
                .err()
                .map(|invalid| (format!("/hosts/{at}"), invalid))
        }));
        if self.split.is_empty() && self.rules.is_empty() && self.failover.is_empty() {
            wrong.push((
                "/split".to_owned(),
                Invalid::new("required", "a policy must send traffic somewhere"),
            ));
        }
        self.hosts.sort_unstable();
        if wrong.is_empty() {
            Ok(self)
        } else {
            Err(wrong)
        }
    }

    /// Returns every version that the policy names, with the place of the name.
    pub fn versions(&self) -> impl Iterator<Item = (String, &VersionName)> {
        let split = self
            .split
            .iter()
            .enumerate()
            .map(|(at, share)| (format!("/split/{at}/version"), &share.version));
        let rules = self
            .rules
            .iter()
            .enumerate()
            .map(|(at, rule)| (format!("/rules/{at}/version"), &rule.version));
        let failover = self
            .failover
            .iter()
            .enumerate()
            .map(|(at, version)| (format!("/failover/{at}"), version));
        split.chain(rules).chain(failover)
    }

    /// Whether the policy sends traffic to a version: by a rule, or with a weight.
    pub fn sends_to(&self, version: &VersionName) -> bool {
        self.rules.iter().any(|rule| rule.version == *version)
            || self
                .split
                .iter()
                .any(|share| share.weight > 0 && share.version == *version)
    }

    /// Whether the policy names a version at all.
    pub fn names(&self, version: &VersionName) -> bool {
        self.versions().any(|(_, named)| named == version)
    }

    /// Whether all traffic of the policy has a target if only the versions are active for which
    /// `is_active` returns true.
    pub fn has_somewhere(&self, is_active: impl Fn(&VersionName) -> bool) -> bool {
        let spare = self.failover.iter().chain(
            self.split
                .iter()
                .filter(|share| share.weight > 0)
                .map(|share| &share.version),
        );
        spare.into_iter().any(is_active)
    }

    /// Returns the policy without a version; `None` if the rest is not a valid policy or the
    /// version's traffic has nowhere else to go.
    pub fn giving_up(
        &self,
        version: &VersionName,
        is_active: impl Fn(&VersionName) -> bool,
    ) -> Option<Self> {
        let mut spec = self.clone();
        spec.split.retain(|share| share.version != *version);
        spec.rules.retain(|rule| rule.version != *version);
        spec.failover.retain(|named| named != version);
        // The policy keeps its hosts, even if today's rules would refuse them.
        let hosts = std::mem::take(&mut spec.hosts);
        let mut spec = spec.sound().ok()?;
        spec.hosts = hosts;
        (!self.sends_to(version) || spec.has_somewhere(is_active)).then_some(spec)
    }
}

/// Checks new rules, not stored rules: an earlier release may have accepted more. Compiles
/// patterns, which may take milliseconds each: never call it on a thread that serves requests. The
/// errors name their members.
pub fn check_new_rules(rules: &[Rule]) -> Vec<(String, Invalid)> {
    let named = |at| move |(pointer, invalid)| (format!("/rules/{at}{pointer}"), invalid);
    let impossible = rules
        .iter()
        .enumerate()
        .flat_map(|(at, rule)| rule.matching.impossible().map(named(at)));
    impossible.chain(pattern::check(rules)).collect()
}

fn doubles<'a>(
    list: &'static str,
    member: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Vec<(String, Invalid)> {
    let mut seen = BTreeSet::new();
    let double = |(at, name): (usize, &'a str)| {
        let invalid = || Invalid::new("duplicate", format!("{name} is there already"));
        (!seen.insert(name)).then(|| (format!("/{list}/{at}{member}"), invalid()))
    };
    names.enumerate().filter_map(double).collect()
}

/// A policy with its spec, and the times and actors of its creation and last change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The policy's name within the tenant.
    #[serde(flatten)]
    pub name: PolicyName,
    /// The part that people set.
    #[serde(flatten)]
    pub spec: PolicySpec,
    /// The tenant's revision of the policy's last change.
    pub revision: Revision,
    /// The time when the policy was created.
    pub created_at: UtcTime,
    /// The id of the actor that created the policy.
    pub created_by: String,
    /// The time of the last change.
    pub updated_at: UtcTime,
    /// The id of the actor that made the last change.
    pub updated_by: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(value: serde_json::Value) -> Result<PolicySpec, Vec<(String, Invalid)>> {
        serde_json::from_value::<PolicySpec>(value)
            .expect("readable")
            .checked()
    }

    #[test]
    fn hosts_are_lower_case_dns_names() {
        for good in [
            "a",
            "a.example",
            "*.example.com",
            "xn--bcher-kva.example",
            &format!("{}.a", "a".repeat(63)),
        ] {
            assert!(Host::try_from(good.to_owned()).is_ok(), "{good}");
        }
        let long = ["a"; 200].join(".");
        for bad in [
            "",
            ".",
            "a.",
            "A.example",
            "a..b",
            "*",
            "*.*.a",
            "a.*.b",
            "a:80",
            "10.0.0.1",
            "[::1]",
            "-a.b",
            "a_b",
            "ä",
            &long,
        ] {
            assert!(Host::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn path_prefix_has_exactly_one_spelling() {
        for good in ["/", "/a", "/a/b.c", "/~x/@1"] {
            assert!(PathPrefix::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "//",
            "/a/",
            "/a//b",
            "/./a",
            "/..",
            "/a%2fb",
            "/a?b",
            "/a#b",
            "/a b",
            "/ä",
            &format!("/{}", "a".repeat(512)),
        ] {
            assert!(PathPrefix::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_invalid_policy_member_is_named() {
        let pointers = |value| {
            spec(value)
                .unwrap_err()
                .into_iter()
                .map(|(pointer, _)| pointer)
                .collect::<Vec<_>>()
        };
        assert_eq!(pointers(json!({})), ["/split"]);
        assert_eq!(
            pointers(json!({"split": [{"version": "a", "weight": 0}]})),
            ["/split"]
        );
        let value = json!({
            "split": [{"version": "a", "weight": 10001}, {"version": "a", "weight": 1}], "failover": ["b", "b"], "hosts": ["h", "h"],
            "rules": [{"name": "", "match": {"headers": {}}, "version": "a"}],
        });
        let all = [
            "/split/0/weight",
            "/rules/0/name",
            "/rules/0/match",
            "/split/1/version",
            "/failover/1",
            "/hosts/1",
        ];
        assert_eq!(pointers(value), all);
        let many: Vec<_> = (0..65).map(|at| json!(format!("v{at}"))).collect();
        assert_eq!(pointers(json!({"failover": many})), ["/failover"]);
    }

    #[test]
    fn policy_members_serialise_in_canonical_order() {
        let rule =
            json!({"name": "r", "match": {"headers": {"x-a": {"exact": "1"}}}, "version": "b"});
        let value = json!({"split": [{"version": "a", "weight": 1}], "rules": [rule], "hosts": ["b", "a"], "sticky_by": {"header": "x"}});
        let spec = spec(value).unwrap();
        crate::chain::in_order(&spec).unwrap();
        assert_eq!(
            spec.hosts.iter().map(Host::as_str).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn largest_values_are_accepted_and_larger_are_refused() {
        let host = |length: usize| format!("{}a", "a.".repeat(length / 2));
        assert_eq!((host(253).len(), host(255).len()), (253, 255));
        assert!(
            Host::try_from(host(253)).is_ok() && Host::try_from(format!("{}a", host(253))).is_err()
        );
        for bad in [
            format!("{}.a", "a".repeat(64)),
            "a-.b".to_owned(),
            "a.1".to_owned(),
            "a.b-".to_owned(),
        ] {
            assert!(Host::try_from(bad.clone()).is_err(), "{bad}");
        }
        assert_eq!(
            (
                Host::try_from("a.1b".to_owned()).unwrap().to_string(),
                PathPrefix::default().as_str()
            ),
            ("a.1b".into(), "/")
        );
        let prefix = |length: usize| PathPrefix::try_from(format!("/{}", "a".repeat(length - 1)));
        assert!(prefix(MAX_PREFIX).is_ok() && prefix(MAX_PREFIX + 1).is_err());
        let cookie = |raw: &str| CookieName::try_from(raw.to_owned());
        assert_eq!(cookie(&"c".repeat(64)).unwrap().as_str(), "c".repeat(64));
        assert!(cookie(&"c".repeat(65)).is_err() && cookie("a b").is_err() && cookie("").is_err());
        let versions = |count: usize| (0..count).map(|at| format!("v{at}")).collect::<Vec<_>>();
        assert!(spec(json!({"failover": versions(MAX_PARTS)})).is_ok());
        assert!(spec(json!({"split": [{"version": "a", "weight": MAX_WEIGHT}, {"version": "b", "weight": 0}]})).is_ok());
        let named = |name: String| {
            spec(json!({"rules": [{"name": name, "match": {"headers": {"x": {"present": true}}}, "version": "a"}]})).is_ok()
        };
        assert!(named("n".repeat(64)) && !named("n".repeat(65)) && !named(String::new()));
    }

    #[test]
    fn policy_versions_are_found_in_every_member() {
        let rule =
            json!({"name": "r", "match": {"headers": {"x": {"present": true}}}, "version": "b"});
        let shares = json!([{"version": "a", "weight": 1}, {"version": "c", "weight": 0}]);
        let policy = spec(json!({"split": shares, "rules": [rule], "failover": ["d"]})).unwrap();
        let version = |name: &str| -> VersionName { name.parse().unwrap() };
        let named: Vec<_> = policy
            .versions()
            .map(|(pointer, version)| (pointer, version.to_string()))
            .collect();
        let at = [
            ("/split/0/version", "a"),
            ("/split/1/version", "c"),
            ("/rules/0/version", "b"),
            ("/failover/0", "d"),
        ];
        assert_eq!(
            named,
            at.map(|(pointer, version)| (pointer.to_owned(), version.to_owned()))
        );
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(|v| policy.sends_to(&version(v))),
            [true, true, false, false, false]
        );
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(|v| policy.names(&version(v))),
            [true, true, true, true, false]
        );
        let only =
            |name: &'static str| policy.has_somewhere(move |version| version.as_str() == name);
        assert_eq!(
            ["a", "b", "c", "d"].map(only),
            [true, false, false, true],
            "a rule has no traffic outside its conditions"
        );
        let patch = PolicyPatch {
            failover: Some(Some(vec![version("x")])),
            rules: Some(Some(policy.rules.clone())),
            split: Some(None),
            hosts: Some(Some(vec![Host::try_from("h".to_owned()).unwrap()])),
            ..PolicyPatch::default()
        };
        assert_eq!(
            patch
                .versions()
                .map(VersionName::as_str)
                .collect::<Vec<_>>(),
            ["b", "x"]
        );
        let patched = patch.apply(&policy).unwrap();
        assert_eq!(
            (patched.split.len(), &patched.rules, patched.hosts.len()),
            (0, &policy.rules, 1)
        );
        assert_eq!(patched.failover, [version("x")]);
        let gives_up = |name: &str, active: &'static str| {
            policy
                .giving_up(&version(name), move |v| v.as_str() == active)
                .is_some()
        };
        assert!(gives_up("c", "none"), "the version had no traffic");
        assert!(
            gives_up("b", "d") && !gives_up("b", "none"),
            "the rule's traffic needs another active version"
        );
        assert!(!gives_up("a", "d"), "no weight would be left");
    }
}
