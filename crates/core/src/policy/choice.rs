//! The choice of the version that one request goes to.
//!
//! Rules are checked first, in their order. Requests that no rule takes are distributed by weighted
//! rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
//! 1998, with the logarithmic weights of Schindelhauer and Schomaker, "Weighted distributed hash
//! tables", 2005): each version scores `-weight / ln(u)`, where `u` in (0, 1) is made from the
//! SHA-256 of `<service>/<env>/<version>/<key>`, and the highest score wins. So a key gets the same
//! version while the weights stay the same, and each version gets its share of the keys. When a
//! weight changes, keys move only to or from its version, and no more than the share that changed.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{PolicySpec, StickyBy, pattern::Patterns};
use crate::ids::{PolicyName, VersionName};

/// The properties of a request that a policy uses.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The sticky key, if the caller gives one.
    pub key: Option<String>,
    /// The request's headers that may be relevant, by name in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Asked {
    /// Returns the sticky key: the given one, else the value of the policy's header or cookie. An
    /// empty key counts as no key: otherwise all requests without a key would go to one version.
    pub fn key(&self, spec: &PolicySpec) -> Option<&str> {
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        let given = self.key.as_deref().filter(|key| !key.is_empty());
        given.or_else(|| match spec.sticky_by.as_ref()? {
            StickyBy::Header(name) => header(name.as_str())
                .map(str::trim)
                .filter(|value| !value.is_empty()),
            StickyBy::Cookie(name) => {
                header("cookie").and_then(|cookies| cookie(cookies, name.as_str()))
            }
        })
    }
}

/// Returns the value of a cookie (RFC 6265 §4.2.1): the first cookie of this name that has a value.
/// Quotes around the value are not part of it (§4.1.1), as in Envoy.
fn cookie<'a>(cookies: &'a str, name: &str) -> Option<&'a str> {
    let unquoted = |value: &'a str| {
        value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value)
    };
    let named = |pair: &'a str| {
        pair.trim()
            .split_once('=')
            .filter(|(named, _)| *named == name)
            .map(|(_, value)| unquoted(value))
    };
    cookies
        .split(';')
        .filter_map(named)
        .find(|value| !value.is_empty())
}

/// Whether traffic may go to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// The route exists and is active: traffic may go there.
    Active,
    /// The route exists and is inactive: no traffic may go there.
    Inactive,
    /// The route does not exist.
    Missing,
}

/// The step that decided where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A rule took the request.
    Rule,
    /// No rule took the request. The weights of the split decided.
    Split,
    /// The first choice is not active. The first active version of the failover order is chosen.
    Failover,
    /// No version of the failover order is active either. The next active version of the split is
    /// chosen.
    NextOfSplit,
    /// No version that could take the traffic is active: neither the first choice, nor the failover
    /// order, nor the split.
    Nowhere,
}

/// A version's share and score in the split, for the explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The version's name.
    pub version: VersionName,
    /// The version's weight in the split, more than 0.
    pub weight: u16,
    /// The version's share of all keys: its weight divided by the sum of the weights.
    pub share: f64,
    /// The version's score for this key. The highest score wins.
    pub score: f64,
    /// Whether traffic may go to the version.
    pub standing: VersionState,
}

/// The explanation of the choice for a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The step that decided.
    pub reason: Reason,
    /// The rule that took the request, if one did.
    pub rule: Option<String>,
    /// The key that the split used; `null` if the request has no key and the choice is random.
    pub key: Option<String>,
    /// The version that the rule or the split chose first, if it was not active.
    pub instead_of: Option<VersionName>,
    /// The split, highest score first. Empty if a rule took the request, unless the reason is
    /// [`Reason::NextOfSplit`].
    pub split: Vec<Scored>,
}

/// Returns whether the choice for a request needs the compiled patterns of the policy.
pub fn needs_patterns(spec: &PolicySpec, asked: &Asked) -> bool {
    spec.rules
        .iter()
        .any(|rule| rule.matching.has_pattern_for(&asked.headers))
}

/// Chooses the version for a request. A request without a key gets `random` as its key. `patterns`
/// are the compiled patterns of the policy, if they are needed. Returns `None` if no version can
/// take the request.
pub fn choose(
    name: &PolicyName,
    spec: &PolicySpec,
    patterns: Option<&Patterns>,
    asked: &Asked,
    random: u64,
    standing: impl Fn(&VersionName) -> VersionState,
) -> (Option<VersionName>, Explanation) {
    let of_rule = |at| {
        patterns
            .map(|patterns| patterns.of_rule(at))
            .unwrap_or_default()
    };
    let mut rules = spec.rules.iter().enumerate();
    let rule = rules
        .find(|(at, rule)| rule.matching.takes(&asked.headers, of_rule(*at)))
        .map(|(_, rule)| rule);
    let key = asked.key(spec);
    let drawn = || format!("{random:016x}");
    let split = scored(
        name,
        spec,
        &key.map_or_else(drawn, str::to_owned),
        &standing,
    );
    let first = rule
        .map(|rule| &rule.version)
        .or_else(|| split.first().map(|scored| &scored.version));
    let is_active = |version: &&VersionName| standing(version) == VersionState::Active;
    let decided = if rule.is_some() {
        Reason::Rule
    } else {
        Reason::Split
    };
    let (version, reason) = match first {
        Some(first) if is_active(&first) => (Some(first), decided),
        _ => match spec.failover.iter().find(is_active) {
            Some(spare) => (Some(spare), Reason::Failover),
            None => match split.iter().map(|scored| &scored.version).find(is_active) {
                Some(next) => (Some(next), Reason::NextOfSplit),
                None => (None, Reason::Nowhere),
            },
        },
    };
    let version = version.cloned();
    let instead_of = first
        .filter(|first| version.as_ref() != Some(*first))
        .cloned();
    let explained = if rule.is_some() && reason != Reason::NextOfSplit {
        Vec::new()
    } else {
        split
    };
    let rule = rule.map(|rule| rule.name.clone());
    (
        version,
        Explanation {
            reason,
            rule,
            key: key.map(str::to_owned),
            instead_of,
            split: explained,
        },
    )
}

/// Returns the split for a key, highest score first.
fn scored(
    name: &PolicyName,
    spec: &PolicySpec,
    key: &str,
    standing: &impl Fn(&VersionName) -> VersionState,
) -> Vec<Scored> {
    let sum: f64 = spec.split.iter().map(|share| f64::from(share.weight)).sum();
    let mut all: Vec<_> = spec
        .split
        .iter()
        .filter(|share| share.weight > 0)
        .map(|share| {
            let weight = f64::from(share.weight);
            let score = -weight / unit(name, &share.version, key).ln();
            let standing = standing(&share.version);
            Scored {
                version: share.version.clone(),
                weight: share.weight,
                share: weight / sum,
                score,
                standing,
            }
        })
        .collect();
    // Scores may be equal to the last bit. Any order is right then, if it is always the same.
    all.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.version.cmp(&b.version))
    });
    all
}

/// Returns a number in (0, 1) for a version and a key: 53 bits of their hash, plus half a step.
fn unit(PolicyName { service, env }: &PolicyName, version: &VersionName, key: &str) -> f64 {
    let digest = Sha256::digest(format!("{service}/{env}/{version}/{key}"));
    let bits = digest
        .iter()
        .take(8)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte))
        >> 11;
    (bits as f64 + 0.5) / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
