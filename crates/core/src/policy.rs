//! Traffic policies: the traffic of a service in an environment is shared between its versions.
//!
//! Values of these types have been checked; [`choice`] computes the version for one request.

pub mod choice;
pub mod json;
mod matching;
mod outcome;
mod patch;
pub mod pattern;
pub mod shares;
mod sticky;
mod texts;
mod traffic;

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::{
    matching::{
        HeaderName, MAX_HEADERS, MAX_PATTERN, Matching, Method, NOT_MATCHED, PathMatch, QueryName,
        TextMatch,
    },
    outcome::{AnswerBody, Choices, MAX_ANSWER, Outcome, Redirect, Respond, Rule},
    patch::{ObjectPatch, PolicyPatch, StickyPatch},
    sticky::{CookieName, StickyBy},
    traffic::{
        HeaderEdits, HeaderText, HostHeader, MAX_ATTEMPTS, MAX_TIMEOUT_MS, Mirror, Retries,
        RetryOn, Rewrite, TimeoutMs,
    },
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

/// The part of a policy that people set; the `before` and `after` of an event. [`json`] has its
/// JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySpec {
    /// The versions that replace an inactive version, tried in this order.
    pub failover: Vec<VersionName>,
    /// The `Host` header that versions get; the one of their URL if absent.
    pub host_header: Option<Box<HostHeader>>,
    /// The hosts that belong to the policy, sorted.
    pub hosts: Vec<Host>,
    /// The version that gets copies of requests.
    pub mirror: Option<Box<Mirror>>,
    /// The parts of the hosts' paths that belong to the policy, sorted, at least one.
    pub path_prefixes: Vec<PathPrefix>,
    /// Changes of the headers of requests.
    pub request_headers: Option<Box<HeaderEdits>>,
    /// Changes of the headers of responses.
    pub response_headers: Option<Box<HeaderEdits>>,
    /// When a request is sent once more; never if absent.
    pub retries: Option<Box<Retries>>,
    /// Changes of the path of requests.
    pub rewrite: Option<Box<Rewrite>>,
    /// The rules, checked before the split, in this order.
    pub rules: Vec<Rule>,
    /// The shares of the traffic that no rule takes.
    pub split: Vec<Share>,
    /// The source of the key that keeps a client on its version.
    pub sticky_by: Option<StickyBy>,
    /// The longest time until the end of the response; no limit if absent.
    pub timeout_ms: Option<TimeoutMs>,
    /// The request header that names a version, which then goes before the rules and the split.
    pub version_header: Option<HeaderName>,
}

impl Default for PolicySpec {
    fn default() -> Self {
        Self {
            failover: Vec::new(),
            host_header: None,
            hosts: Vec::new(),
            mirror: None,
            path_prefixes: vec![PathPrefix::default()],
            request_headers: None,
            response_headers: None,
            retries: None,
            rewrite: None,
            rules: Vec::new(),
            split: Vec::new(),
            sticky_by: None,
            timeout_ms: None,
            version_header: None,
        }
    }
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
            ("path_prefixes", self.path_prefixes.len()),
        ];
        for (name, size) in sizes {
            if size > MAX_PARTS {
                wrong.push((
                    format!("/{name}"),
                    Invalid::new("too_many", format!("at most {MAX_PARTS}")),
                ));
            }
        }
        wrong.extend(wrong_split("/split", &self.split));
        for (at, rule) in self.rules.iter().enumerate() {
            wrong.extend(wrong_rule(at, rule));
        }
        wrong.extend(self.wrong_traffic());
        wrong.extend(doubles(
            "/rules",
            "/name",
            self.rules.iter().map(|rule| rule.name.as_str()),
        ));
        wrong.extend(doubles(
            "/failover",
            "",
            self.failover.iter().map(VersionName::as_str),
        ));
        wrong.extend(doubles("/hosts", "", self.hosts.iter().map(Host::as_str)));
        wrong.extend(doubles(
            "/path_prefixes",
            "",
            self.path_prefixes.iter().map(PathPrefix::as_str),
        ));
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
        self.path_prefixes.sort_unstable();
        if wrong.is_empty() {
            Ok(self)
        } else {
            Err(wrong)
        }
    }

    /// Returns the errors of what happens to requests on their way to a version.
    fn wrong_traffic(&self) -> Vec<(String, Invalid)> {
        let mut wrong = Vec::new();
        if self
            .retries
            .as_ref()
            .is_some_and(|retries| retries.on.is_empty())
        {
            let detail = "at least one of connect_failure, gateway_error, reset";
            wrong.push(("/retries/on".to_owned(), Invalid::new("required", detail)));
        }
        let edits = [
            ("request_headers", &self.request_headers),
            ("response_headers", &self.response_headers),
        ];
        for (member, edits) in edits {
            if edits.as_deref().is_some_and(HeaderEdits::has_length) {
                let detail = "content-length belongs to the message: its value would make another message of the rest";
                wrong.push((
                    format!("/{member}"),
                    Invalid::new("not_a_header_name", detail),
                ));
            }
            if let Some(name) = edits.as_deref().and_then(HeaderEdits::contradiction) {
                let detail = format!("{name} is both set and removed");
                wrong.push((
                    format!("/{member}/remove"),
                    Invalid::new("contradiction", detail),
                ));
            }
        }
        wrong
    }

    /// Returns every version that the policy names, with the place of the name.
    pub fn versions(&self) -> impl Iterator<Item = (String, &VersionName)> {
        let split = self
            .split
            .iter()
            .enumerate()
            .map(|(at, share)| (format!("/split/{at}/version"), &share.version));
        let rules = self.rules.iter().enumerate().flat_map(|(at, rule)| {
            rule.versions()
                .map(move |(pointer, version)| (format!("/rules/{at}{pointer}"), version))
        });
        let failover = self
            .failover
            .iter()
            .enumerate()
            .map(|(at, version)| (format!("/failover/{at}"), version));
        let mirror = self
            .mirror
            .iter()
            .map(|mirror| ("/mirror/version".to_owned(), &mirror.version));
        split.chain(rules).chain(failover).chain(mirror)
    }

    /// Returns every host with every path prefix: what the policy claims.
    pub fn claims(&self) -> impl Iterator<Item = (&Host, &PathPrefix)> {
        self.hosts
            .iter()
            .flat_map(|host| self.path_prefixes.iter().map(move |prefix| (host, prefix)))
    }

    /// Whether the policy sends traffic to a version: by a rule, or with a weight.
    pub fn sends_to(&self, version: &VersionName) -> bool {
        self.rules.iter().any(|rule| rule.sends_to(version))
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
        spec.rules = std::mem::take(&mut spec.rules)
            .into_iter()
            .filter_map(|rule| rule.without(version))
            .collect();
        spec.mirror = spec.mirror.filter(|mirror| mirror.version != *version);
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

/// Returns the errors of a split, with the JSON pointers of its members.
fn wrong_split(list: &str, split: &[Share]) -> Vec<(String, Invalid)> {
    let mut wrong = Vec::new();
    for (at, share) in split.iter().enumerate() {
        if share.weight > MAX_WEIGHT {
            let detail = format!("{} is more than {MAX_WEIGHT}", share.weight);
            wrong.push((
                format!("{list}/{at}/weight"),
                Invalid::new("out_of_range", detail),
            ));
        }
    }
    if !split.is_empty() && split.iter().all(|share| share.weight == 0) {
        wrong.push((
            list.to_owned(),
            Invalid::new("no_weight", "one weight must be more than 0"),
        ));
    }
    wrong.extend(doubles(
        list,
        "/version",
        split.iter().map(|share| share.version.as_str()),
    ));
    wrong
}

fn wrong_rule(at: usize, rule: &Rule) -> Vec<(String, Invalid)> {
    let mut wrong = Vec::new();
    if rule.name.is_empty() {
        wrong.push((
            format!("/rules/{at}/name"),
            Invalid::new("not_a_name", "1 to 64 bytes"),
        ));
    }
    if rule.matching.is_empty() {
        let detail = "a rule must match something; use split for all requests";
        wrong.push((format!("/rules/{at}/match"), Invalid::new("empty", detail)));
    }
    if let Outcome::Split(split) = &rule.outcome {
        let list = format!("/rules/{at}/split");
        let sizes = [
            (
                split.is_empty(),
                "required",
                "at least one version".to_owned(),
            ),
            (
                split.len() > MAX_PARTS,
                "too_many",
                format!("at most {MAX_PARTS}"),
            ),
        ];
        for (_, code, detail) in sizes.into_iter().filter(|(is_wrong, ..)| *is_wrong) {
            wrong.push((list.clone(), Invalid::new(code, detail)));
        }
        wrong.extend(wrong_split(&list, split));
    }
    wrong
}

fn doubles<'a>(
    list: &str,
    member: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Vec<(String, Invalid)> {
    let mut seen = BTreeSet::new();
    let double = |(at, name): (usize, &'a str)| {
        let invalid = || Invalid::new("duplicate", format!("{name} is there already"));
        (!seen.insert(name)).then(|| (format!("{list}/{at}{member}"), invalid()))
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
