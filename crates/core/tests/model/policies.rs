//! Random traffic policies with few places, versions and hosts, and the contract's rules for them,
//! written independently.

use serde_json::{Value, json};
use traffic_manager_core::{
    host::{HostSuffix, NotAllowed},
    ids::{PolicyName, VersionName},
    policy::{Outcome, PathPrefix, PolicyPatch, PolicySpec},
};

use crate::commands::Rng;

/// Picks one of two places.
pub fn name(rng: &mut Rng) -> PolicyName {
    let env = ["prod", "dev"][usize::from(rng.below(2) == 0)];
    PolicyName {
        service: "s".parse().unwrap(),
        env: env.parse().unwrap(),
    }
}

/// Picks one of three versions.
pub fn version(rng: &mut Rng) -> VersionName {
    format!("v{}", rng.below(3)).parse().unwrap()
}

fn split(rng: &mut Rng) -> Value {
    let share =
        |version: u64, weight: u64| json!({ "version": format!("v{version}"), "weight": weight });
    let (first, weight) = (rng.below(3), rng.below(3));
    match rng.below(4) {
        0 => json!([]),
        1 => json!([share(first, weight + 1)]),
        _ => json!([share(first, weight), share((first + 1) % 3, 3 - weight)]),
    }
}

fn rules(rng: &mut Rng) -> Value {
    match rng.below(4) {
        0 => {
            json!([{ "name": "beta", "match": { "headers": { "x-beta": { "present": true } } }, "version": version(rng) }])
        }
        _ => json!([]),
    }
}

fn failover(rng: &mut Rng) -> Value {
    let order = [
        json!([]),
        json!([]),
        json!([version(rng)]),
        json!(["v1", "v0"]),
    ];
    rng.pick(&order).unwrap()
}

fn hosts(rng: &mut Rng) -> Value {
    let some = [
        json!([]),
        json!([]),
        json!(["a.example"]),
        json!(["a.example"]),
        json!(["a.example", "b.example"]),
        json!(["*.a.example", "b.example"]),
        json!(["b.example", "c.b.a.example"]),
        json!(["*.example"]),
    ];
    rng.pick(&some).unwrap()
}

/// Picks the host suffixes that a tenant may use; mostly none, which means any.
pub fn suffixes(rng: &mut Rng) -> Vec<HostSuffix> {
    let some: [&[&str]; 6] = [&[], &[], &[], &[], &["example"], &["a.example"]];
    let names = rng.pick(&some).unwrap();
    names
        .iter()
        .map(|name| (*name).to_owned().try_into().unwrap())
        .collect()
}

/// Returns whether `name` equals `other`, or is a name under it.
fn ends_with(name: &str, other: &str) -> bool {
    let labels = |name: &str| name.split('.').rev().map(str::to_owned).collect::<Vec<_>>();
    labels(name).starts_with(&labels(other))
}

/// Returns whether two hosts overlap, so that two tenants may not have both.
pub fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_prefix("*."), other.strip_prefix("*.")) {
        (None, None) => one == other,
        (Some(base), None) => ends_with(other, base),
        (None, Some(base)) => ends_with(one, base),
        (Some(one), Some(other)) => ends_with(one, other) || ends_with(other, one),
    }
}

/// Returns the reason why a tenant with these suffixes may not have a host. Covers only the hosts
/// that the policies here have.
pub fn not_allowed(suffixes: &[HostSuffix], host: &str) -> Option<NotAllowed> {
    let name = host.strip_prefix("*.").unwrap_or(host);
    if suffixes.is_empty() {
        return (host == "*.example").then_some(NotAllowed::PublicSuffix);
    }
    let is_allowed = suffixes
        .iter()
        .any(|suffix| ends_with(name, suffix.as_str()));
    (!is_allowed).then_some(NotAllowed::OutsideSuffixes)
}

fn prefixes(rng: &mut Rng) -> Value {
    match rng.below(4) {
        0 => json!(["/x"]),
        1 => json!(["/", "/x"]),
        _ => json!(["/"]),
    }
}

/// Makes a policy that the API accepts.
pub fn spec(rng: &mut Rng) -> PolicySpec {
    loop {
        let (split, rules, failover, hosts, prefixes) = (
            split(rng),
            rules(rng),
            failover(rng),
            hosts(rng),
            prefixes(rng),
        );
        let spec = json!({ "split": split, "rules": rules, "failover": failover, "hosts": hosts, "path_prefixes": prefixes });
        if let Ok(spec) = serde_json::from_value::<PolicySpec>(spec)
            .unwrap()
            .checked()
        {
            return spec;
        }
    }
}

/// Makes a merge patch, which may leave no valid policy.
pub fn patch(rng: &mut Rng) -> PolicyPatch {
    fn part<T: serde::de::DeserializeOwned>(
        rng: &mut Rng,
        make: fn(&mut Rng) -> Value,
    ) -> Option<Option<T>> {
        match rng.below(6) {
            0 => Some(None),
            1..3 => Some(Some(serde_json::from_value(make(rng)).unwrap())),
            _ => None,
        }
    }
    PolicyPatch {
        failover: part(rng, failover),
        hosts: part(rng, hosts),
        path_prefixes: part(rng, prefixes),
        rules: part(rng, rules),
        split: part(rng, split),
        sticky_by: (rng.below(6) == 0).then(|| serde_json::from_value(sticky(rng)).unwrap()),
        ..PolicyPatch::default()
    }
}

fn sticky(rng: &mut Rng) -> Value {
    match rng.below(4) {
        0 => json!({ "header": "x-user" }),
        1 => json!({ "header": null, "cookie": "sid" }),
        2 => json!({ "header": "x-user", "cookie": null }),
        _ => json!(null),
    }
}

/// Applies a merge patch (RFC 7396 §2) to an object without nested objects.
fn merged(old: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch;
    };
    let mut new = old.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        match value {
            Value::Null => new.remove(&name),
            value => new.insert(name, value),
        };
    }
    Value::Object(new)
}

/// Returns the policy after a patch, or its fault.
pub fn patched(
    patch: &PolicyPatch,
    old: &PolicySpec,
) -> Result<PolicySpec, (&'static str, &'static str)> {
    let mut new = old.clone();
    new.failover = patch
        .failover
        .clone()
        .map_or(new.failover, Option::unwrap_or_default);
    new.hosts = patch
        .hosts
        .clone()
        .map_or(new.hosts, Option::unwrap_or_default);
    if let Some(prefixes) = &patch.path_prefixes {
        new.path_prefixes = prefixes
            .clone()
            .unwrap_or_else(|| vec![PathPrefix::default()]);
    }
    new.rules = patch
        .rules
        .clone()
        .map_or(new.rules, Option::unwrap_or_default);
    new.split = patch
        .split
        .clone()
        .map_or(new.split, Option::unwrap_or_default);
    if let Some(patch) = &patch.sticky_by {
        let sticky = merged(
            serde_json::to_value(&new.sticky_by).unwrap(),
            serde_json::to_value(patch).unwrap(),
        );
        new.sticky_by = serde_json::from_value(sticky).map_err(|_| ("/sticky_by", "one_of"))?;
    }
    fault(&new).map_or(Ok(new), |code| Err(("/split", code)))
}

/// Returns the fault of a policy. Covers only the faults that the policies here can have.
fn fault(spec: &PolicySpec) -> Option<&'static str> {
    let weights: u32 = spec.split.iter().map(|share| u32::from(share.weight)).sum();
    let is_nothing = spec.split.is_empty() && spec.rules.is_empty() && spec.failover.is_empty();
    if is_nothing {
        Some("required")
    } else if !spec.split.is_empty() && weights == 0 {
        Some("no_weight")
    } else {
        None
    }
}

/// Returns the versions that a policy names, with the pointers into its JSON.
pub fn named(spec: &PolicySpec) -> Vec<(String, VersionName)> {
    let json = serde_json::to_value(spec).unwrap();
    let mut pointers: Vec<String> = Vec::new();
    for (list, member) in [
        ("split", "/version"),
        ("rules", "/version"),
        ("failover", ""),
    ] {
        let count = json[list].as_array().unwrap().len();
        pointers.extend((0..count).map(|at| format!("/{list}/{at}{member}")));
    }
    pointers
        .into_iter()
        .map(|at| {
            (
                json.pointer(&at)
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap(),
                at,
            )
        })
        .map(|(v, at)| (at, v))
        .collect()
}

/// Returns whether requests may be sent to a version while all versions are active.
pub fn uses(spec: &PolicySpec, version: &VersionName) -> bool {
    let by_rule = spec
        .rules
        .iter()
        .any(|rule| rule.outcome == Outcome::Version(version.clone()));
    by_rule
        || spec
            .split
            .iter()
            .any(|share| share.version == *version && share.weight != 0)
}

/// Returns whether any request could be sent to another active version.
pub fn has_other(
    spec: &PolicySpec,
    version: &VersionName,
    is_active: impl Fn(&VersionName) -> bool,
) -> bool {
    let weighted = spec
        .split
        .iter()
        .filter(|share| share.weight != 0)
        .map(|share| &share.version);
    spec.failover
        .iter()
        .chain(weighted)
        .any(|other| other != version && is_active(other))
}

/// Returns the policy without a deleted version, if such a policy is valid.
pub fn without(
    spec: &PolicySpec,
    version: &VersionName,
    is_active: impl Fn(&VersionName) -> bool,
) -> Option<PolicySpec> {
    let mut new = spec.clone();
    new.split.retain(|share| share.version != *version);
    new.rules
        .retain(|rule| rule.outcome != Outcome::Version(version.clone()));
    new.failover.retain(|other| other != version);
    let can_be =
        fault(&new).is_none() && (!uses(spec, version) || has_other(spec, version, is_active));
    can_be.then_some(new)
}
