//! The contract's rules: quotas, names that must exist, hosts, versions in use, and changes that
//! need a confirmation.

use std::collections::BTreeSet;

use traffic_manager::{
    domain::{
        Invalid,
        command::{Apply, Desired, IfMatch, Op, Precondition, Rejection, Summary},
        ids::{PolicyName, RouteName, VersionName},
        policy::PolicySpec,
        tenant::{Quotas, QuotasPatch},
    },
    service::batch::Request,
};

use crate::{
    plain::{Item, Row, Spec, plain},
    policies,
};

/// Returns the items of a revision that `apply` asks for and their summary, or the faults of its
/// changes.
pub fn wished(row: &Row, apply: &Apply) -> Result<(Vec<Item>, Summary), Rejection> {
    let (mut items, mut summary, mut errors, mut seen) =
        (Vec::new(), Summary::default(), Vec::new(), BTreeSet::new());
    for (at, desired) in apply.changes.iter().enumerate() {
        let (item, was_there, is_same, wrong) = match desired {
            Desired::Route { name, spec } => {
                let (held, new) = (
                    row.routes.get(&name.to_string()).map(|held| &held.0),
                    spec.as_ref().map(plain),
                );
                let wrong = (held.is_none() && new.is_none()).then_some("route_not_found");
                (
                    Item::Route(name.clone(), new.clone()),
                    held.is_some(),
                    held == new.as_ref(),
                    wrong,
                )
            }
            Desired::State { name, is_active } => {
                let held = row.routes.get(&name.to_string()).map(|held| &held.0);
                let new = held
                    .cloned()
                    .map(|(url, _, labels, description)| (url, *is_active, labels, description));
                let wrong = held.is_none().then_some("route_not_found");
                (
                    Item::Route(name.clone(), new.clone()),
                    held.is_some(),
                    held == new.as_ref(),
                    wrong,
                )
            }
            Desired::Policy { name, spec } => {
                let held = row.policies.get(&name.to_string()).map(|held| &held.0);
                let wrong = (held.is_none() && spec.is_none()).then_some("policy_not_found");
                (
                    Item::Policy(name.clone(), spec.clone()),
                    held.is_some(),
                    held == spec.as_ref(),
                    wrong,
                )
            }
        };
        let (name, is_there) = match &item {
            Item::Route(name, spec) => (name.to_string(), spec.is_some()),
            Item::Policy(name, spec) => (name.to_string(), spec.is_some()),
        };
        let wrong = if seen.insert(name) {
            wrong
        } else {
            Some("duplicate")
        };
        match (wrong, was_there, is_there) {
            (Some(code), ..) => errors.push((format!("/changes/{at}"), Invalid::new(code, ""))),
            _ if is_same => summary.unchanged += 1,
            (None, false, _) => summary.create += 1,
            (None, true, true) => summary.update += 1,
            (None, true, false) => summary.delete += 1,
        }
        items.extend((!is_same).then_some(item));
    }
    if errors.is_empty() {
        Ok((items, summary))
    } else {
        Err(Rejection::Invalid { errors })
    }
}

/// Checks that a tenant does not grow beyond its quotas. A tenant that already exceeds them may
/// stay as large.
pub fn within_quotas(
    before: &Row,
    after: &Row,
    defaults: Quotas,
    request: &Request,
) -> Result<(), Rejection> {
    let own = before.quotas;
    let counts = [
        (
            "routes",
            own.routes.or(defaults.routes),
            before.routes.len(),
            after.routes.len(),
        ),
        (
            "policies",
            own.policies.or(defaults.policies),
            before.policies.len(),
            after.policies.len(),
        ),
    ];
    for (quota, limit, was, is) in counts {
        if let Some(limit) = limit.filter(|limit| is > was && is > *limit as usize) {
            return Err(Rejection::QuotaExceeded { quota, limit });
        }
    }
    match own.body_bytes.or(defaults.body_bytes) {
        Some(limit) if request.context.body_bytes > limit => Err(Rejection::QuotaExceeded {
            quota: "body_bytes",
            limit,
        }),
        _ => Ok(()),
    }
}

/// Checks an item of the revision that leads from `before` to `after`, also against the other
/// tenants.
pub fn may_be(
    item: &Item,
    before: &Row,
    after: &Row,
    others: &[&Row],
    request: &Request,
) -> Result<(), Rejection> {
    match item {
        Item::Policy(name, Some(spec)) => {
            versions_may_be(name, spec, after)?;
            // Deleting a version does not change the hosts of a policy.
            if matches!(request.command.op, Op::Delete { .. }) {
                Ok(())
            } else {
                hosts_may_be(name, spec, after, others)
            }
        }
        Item::Policy(_, None) => Ok(()),
        Item::Route(name, _) => route_may_be(name, before, after, request),
    }
}

fn versions_may_be(name: &PolicyName, spec: &PolicySpec, after: &Row) -> Result<(), Rejection> {
    let mut versions = policies::named(spec);
    versions.retain(|(_, version)| !after.routes.contains_key(&name.route(version).to_string()));
    if !versions.is_empty() {
        return Err(Rejection::VersionsNotFound {
            policy: name.clone(),
            versions,
        });
    }
    Ok(())
}

fn hosts_may_be(
    name: &PolicyName,
    spec: &PolicySpec,
    after: &Row,
    others: &[&Row],
) -> Result<(), Rejection> {
    for host in &spec.hosts {
        if let Some(why) = policies::not_allowed(&after.allowed_hosts, host.as_str()) {
            return Err(Rejection::HostNotAllowed {
                host: host.clone(),
                why,
            });
        }
    }
    let mine = name.to_string();
    let own: Vec<_> = after
        .policies
        .iter()
        .filter(|(other, _)| **other != mine)
        .map(|(_, held)| &held.0)
        .collect();
    let theirs: Vec<_> = others
        .iter()
        .flat_map(|row| row.policies.values().flat_map(|held| &held.0.hosts))
        .collect();
    let pairs = spec
        .hosts
        .iter()
        .flat_map(|host| spec.path_prefixes.iter().map(move |prefix| (host, prefix)));
    for (host, prefix) in pairs {
        let of_another_tenant = theirs
            .iter()
            .any(|other| policies::overlap(host.as_str(), other.as_str()));
        let of_another = own
            .iter()
            .any(|other| other.path_prefixes.contains(prefix) && other.hosts.contains(host));
        if of_another_tenant || of_another {
            let prefix = prefix.as_str().to_owned();
            return Err(Rejection::HostTaken {
                host: host.clone(),
                prefix,
                of_another_tenant,
            });
        }
    }
    Ok(())
}

/// Returns whether a version exists and is active.
pub fn is_active(row: &Row, name: &RouteName) -> bool {
    row.routes
        .get(&name.to_string())
        .is_some_and(|((_, is_active, ..), _)| *is_active)
}

/// Returns whether a policy names a version.
pub fn names(spec: &PolicySpec, version: &VersionName) -> bool {
    policies::named(spec)
        .iter()
        .any(|(_, named)| named == version)
}

/// Checks that a version to which policies send traffic is neither deleted nor deactivated, unless
/// the caller confirms it and there is an alternative.
fn route_may_be(
    name: &RouteName,
    before: &Row,
    after: &Row,
    request: &Request,
) -> Result<(), Rejection> {
    let policy = PolicyName::of(name);
    let Some((spec, _)) = after.policies.get(&policy.to_string()) else {
        return Ok(());
    };
    let is_active = |row: &Row, version: &VersionName| is_active(row, &policy.route(version));
    let is_gone = !after.routes.contains_key(&name.to_string());
    let is_stopped =
        !is_gone && is_active(before, &name.version) && !is_active(after, &name.version);
    let may_confirm = if is_gone && names(spec, &name.version) {
        let is_one = !matches!(request.command.op, Op::Apply(_));
        is_one
            && policies::without(spec, &name.version, |version| is_active(after, version)).is_some()
    } else if is_stopped && policies::uses(spec, &name.version) {
        policies::has_other(spec, &name.version, |version| is_active(after, version))
    } else {
        return Ok(());
    };
    if is_stopped && may_confirm && request.command.confirm_in_use {
        return Ok(());
    }
    Err(Rejection::VersionInUse {
        route: name.clone(),
        policies: vec![policy],
        may_confirm,
    })
}

/// Checks that a plan is confirmed. Without confirmation at most half of the active routes, or at
/// most ten and not the last, may stop taking traffic.
pub fn is_confirmed(apply: &Apply, before: &Row, after: &Row) -> Result<(), Rejection> {
    let count = |row: &Row| {
        u32::try_from(
            row.routes
                .values()
                .filter(|((_, is_active, ..), _)| *is_active)
                .count(),
        )
        .unwrap()
    };
    let removed = count(before).saturating_sub(count(after));
    let active = apply
        .base
        .as_ref()
        .map_or(count(before), |base| base.active);
    let is_fine = removed == 0 || (removed < active && (removed <= 10 || removed * 2 <= active));
    if is_fine || apply.confirmed.as_deref() == Some(apply.hash.as_str()) {
        return Ok(());
    }
    Err(Rejection::ShrinkNotConfirmed {
        active,
        removed,
        hash: apply.hash.clone(),
    })
}

/// Returns the quotas after a merge patch.
pub fn limits(patch: &QuotasPatch, old: &Quotas) -> Quotas {
    let mut new = *old;
    for (patch, limit) in [
        (patch.body_bytes, &mut new.body_bytes),
        (patch.policies, &mut new.policies),
        (patch.routes, &mut new.routes),
        (patch.waiters, &mut new.waiters),
        (patch.writes_per_second, &mut new.writes_per_second),
    ] {
        if let Some(value) = patch {
            *limit = value;
        }
    }
    new
}

pub fn changed(
    op: &Op,
    (mut url, mut is_active, mut labels, mut description): Spec,
) -> Option<Spec> {
    match op {
        Op::Delete { .. } => return None,
        Op::SetActive { is_active: new, .. } => is_active = *new,
        Op::Patch { patch, .. } => {
            if let Some(new) = &patch.url {
                url = new.to_string();
            }
            if let Some(new) = patch.is_active {
                is_active = new;
            }
            if let Some(new) = &patch.description {
                description = new.as_ref().map(|text| text.as_str().to_owned());
            }
            match &patch.labels {
                None => {}
                Some(None) => labels.clear(),
                Some(Some(changes)) => {
                    for (key, value) in changes {
                        labels.remove(key);
                        labels.extend(value.clone().map(|value| (key.clone(), value)));
                    }
                }
            }
        }
        other => unreachable!("{other:?}"),
    }
    Some((url, is_active, labels, description))
}

pub fn holds(condition: &Precondition, current: Option<&str>) -> Result<(), Rejection> {
    let matches = match &condition.if_match {
        None => true,
        Some(IfMatch::Any) => current.is_some(),
        Some(IfMatch::Tags(tags)) => tags
            .iter()
            .any(|tag| Some(tag.to_string().as_str()) == current),
    };
    if matches && !(condition.must_not_exist && current.is_some()) {
        return Ok(());
    }
    Err(Rejection::PreconditionFailed {
        current: current.map(|tag| tag.parse().unwrap()),
    })
}
