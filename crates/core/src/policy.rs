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
mod tests;
