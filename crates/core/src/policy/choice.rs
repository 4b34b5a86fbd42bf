//! The choice of the version that one request goes to.
//!
//! An explicit version comes first, if the policy has a header for it, then the rules in their
//! order, then the split. A split gives each version a run of slots ([`super::shares`]): a key gets
//! the same version while the weights stay the same, and the same one that Envoy and `HAProxy`
//! choose. When a weight changes, borders between runs move, and with them only the keys beside
//! them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Outcome, PolicySpec, Redirect, Respond, Rule, Share, StickyBy,
    pattern::Patterns,
    shares::{self, SLOTS},
};
use crate::ids::VersionName;

/// The properties of a request that a policy uses.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The sticky key, if the caller gives one.
    pub key: Option<String>,
    /// The request's headers that may be relevant, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The request's method, if the caller gives one. Without it no rule for methods matches.
    pub method: Option<String>,
    /// The request's path without its query. Without it no rule for paths matches.
    pub path: Option<String>,
    /// The request's query parameters, decoded; of several of one name the first.
    pub query: BTreeMap<String, String>,
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
    /// The request names its version, in the policy's version header.
    VersionHeader,
    /// A rule took the request.
    Rule,
    /// No rule took the request. The weights of the split decided.
    Split,
    /// The first choice is not active. The first active version of the failover order is chosen.
    Failover,
    /// No version of the failover order is active either. Another active version of the split is
    /// chosen.
    NextOfSplit,
    /// No version that could take the traffic is active: neither the first choice, nor the failover
    /// order, nor the split.
    Nowhere,
}

/// A version's share of the split, for the explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The version's name.
    pub version: VersionName,
    /// The version's weight in the split, more than 0.
    pub weight: u16,
    /// The version's share of all keys: its weight divided by the sum of the weights.
    pub share: f64,
    /// 1 for the version that has the key's slot, 0 for the others.
    pub score: f64,
    /// The version's slots, of [`SLOTS`].
    pub slots: u32,
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
    /// The slot of the key, 0 to 16 383; `null` if no split decided.
    pub slot: Option<u32>,
    /// The version that the rule or the split chose first, if it was not active.
    pub instead_of: Option<VersionName>,
    /// The split that decided, the version that has the slot first. Empty if a version header or
    /// a rule without a split decided, unless the reason is [`Reason::NextOfSplit`].
    pub split: Vec<Scored>,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// To this version, which is active.
    Version(VersionName),
    /// The client is sent to another address.
    Redirect(Redirect),
    /// The proxy answers by itself.
    Respond(Respond),
    /// Nowhere: the request names a version that is in this state, not active.
    NotThere(VersionState),
    /// Nowhere: no version that could take it is active.
    Nowhere,
}

/// Returns whether the choice for a request needs the compiled patterns of the policy.
pub fn needs_patterns(spec: &PolicySpec, asked: &Asked) -> bool {
    spec.rules
        .iter()
        .any(|rule| rule.matching.has_pattern_for(asked))
}

/// Chooses where a request goes. A request without a key gets a slot by `random`. `patterns` are
/// the compiled patterns of the policy, if they are needed.
pub fn choose(
    spec: &PolicySpec,
    patterns: Option<&Patterns>,
    asked: &Asked,
    random: u64,
    state: impl Fn(&VersionName) -> VersionState,
) -> (Choice, Explanation) {
    if let Some(named) = explicit(spec, asked) {
        // A text that is no version's name names a version that does not exist.
        let choice = match named.parse::<VersionName>() {
            Ok(version) => match state(&version) {
                VersionState::Active => Choice::Version(version),
                other => Choice::NotThere(other),
            },
            Err(_) => Choice::NotThere(VersionState::Missing),
        };
        return (choice, explained(Reason::VersionHeader, None));
    }
    let rule = rule_for(spec, patterns, asked);
    let name = rule.map(|rule| rule.name.clone());
    let decided = match rule {
        Some(_) => Reason::Rule,
        None => Reason::Split,
    };
    match rule.map(|rule| &rule.outcome) {
        Some(Outcome::Redirect(redirect)) => (
            Choice::Redirect(redirect.clone()),
            explained(Reason::Rule, name),
        ),
        Some(Outcome::Respond(respond)) => (
            Choice::Respond(respond.clone()),
            explained(Reason::Rule, name),
        ),
        Some(Outcome::Version(version)) if state(version) == VersionState::Active => (
            Choice::Version(version.clone()),
            explained(Reason::Rule, name),
        ),
        Some(Outcome::Version(version)) => {
            replaced(spec, asked, random, &state, Some(version), name)
        }
        Some(Outcome::Split(split)) => shared(spec, split, asked, random, &state, (decided, name)),
        None => shared(spec, &spec.split, asked, random, &state, (decided, name)),
    }
}

/// Returns what a request has in the policy's version header.
fn explicit<'a>(spec: &PolicySpec, asked: &'a Asked) -> Option<&'a str> {
    let value = asked.headers.get(spec.version_header.as_ref()?.as_str())?;
    Some(value.trim())
}

fn rule_for<'a>(
    spec: &'a PolicySpec,
    patterns: Option<&Patterns>,
    asked: &Asked,
) -> Option<&'a Rule> {
    let of_rule = |at| {
        patterns
            .map(|patterns| patterns.of_rule(at))
            .unwrap_or_default()
    };
    let mut rules = spec.rules.iter().enumerate();
    rules
        .find(|(at, rule)| rule.matching.takes(asked, of_rule(*at)))
        .map(|(_, rule)| rule)
}

fn explained(reason: Reason, rule: Option<String>) -> Explanation {
    Explanation {
        reason,
        rule,
        key: None,
        slot: None,
        instead_of: None,
        split: Vec::new(),
    }
}

/// Chooses by a split: the policy's, or a rule's.
fn shared(
    spec: &PolicySpec,
    split: &[Share],
    asked: &Asked,
    random: u64,
    state: &impl Fn(&VersionName) -> VersionState,
    (decided, rule): (Reason, Option<String>),
) -> (Choice, Explanation) {
    let (key, slot) = key_and_slot(spec, asked, random);
    let by_weight = shares::by_weight(split);
    let first = shares::run_at(&by_weight, slot).map(|run| run.target);
    let runs = shares::by_state(split, &spec.failover, state);
    let Some(target) = shares::run_at(&runs, slot).map(|run| run.target) else {
        return replaced(spec, asked, random, state, first, rule);
    };
    let is_active = |version: &VersionName| state(version) == VersionState::Active;
    let reason = if first == Some(target) {
        decided
    } else if spec.failover.iter().any(is_active) {
        Reason::Failover
    } else {
        Reason::NextOfSplit
    };
    let explanation = Explanation {
        reason,
        rule,
        key,
        slot: Some(slot),
        instead_of: first.filter(|first| *first != target).cloned(),
        split: scored(split, slot, state),
    };
    (Choice::Version(target.clone()), explanation)
}

/// Chooses for a request whose first choice is not active, or that has none: the first active
/// version of the failover order, or else by the policy's own split.
fn replaced(
    spec: &PolicySpec,
    asked: &Asked,
    random: u64,
    state: &impl Fn(&VersionName) -> VersionState,
    first: Option<&VersionName>,
    rule: Option<String>,
) -> (Choice, Explanation) {
    let is_active = |version: &&VersionName| state(version) == VersionState::Active;
    let (key, slot) = key_and_slot(spec, asked, random);
    if let Some(spare) = spec.failover.iter().find(is_active) {
        let explanation = Explanation {
            key,
            instead_of: first.cloned(),
            ..explained(Reason::Failover, rule)
        };
        return (Choice::Version(spare.clone()), explanation);
    }
    let runs = shares::by_state(&spec.split, &[], state);
    let target = shares::run_at(&runs, slot).map(|run| run.target.clone());
    let reason = match target {
        Some(_) => Reason::NextOfSplit,
        None => Reason::Nowhere,
    };
    let explanation = Explanation {
        reason,
        rule,
        key,
        slot: Some(slot),
        instead_of: first.cloned(),
        split: scored(&spec.split, slot, state),
    };
    (target.map_or(Choice::Nowhere, Choice::Version), explanation)
}

/// Returns the request's key and its slot. Without a key the slot is by chance.
fn key_and_slot(spec: &PolicySpec, asked: &Asked, random: u64) -> (Option<String>, u32) {
    let key = asked.key(spec).map(str::to_owned);
    let slot = match &key {
        Some(key) => shares::slot(key),
        None => (random % u64::from(SLOTS)) as u32,
    };
    (key, slot)
}

/// Returns a split for a slot, the version that has the slot first.
fn scored(
    split: &[Share],
    slot: u32,
    state: &impl Fn(&VersionName) -> VersionState,
) -> Vec<Scored> {
    let sum: f64 = split.iter().map(|share| f64::from(share.weight)).sum();
    let runs = shares::by_weight(split);
    let first = shares::run_at(&runs, slot).map(|run| run.target.clone());
    let mut all: Vec<_> = runs
        .into_iter()
        .map(|run| Scored {
            version: run.target.clone(),
            weight: run.share.weight,
            share: f64::from(run.share.weight) / sum,
            score: f64::from(u8::from(first.as_ref() == Some(run.target))),
            slots: run.slots,
            standing: state(run.target),
        })
        .collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all
}

#[cfg(test)]
mod tests;
