//! Checks whether the changes of a revision are allowed: quotas, and the rules between routes and
//! policies after all changes.

use std::collections::{HashMap, HashSet};

use jiff::SignedDuration;

use super::{TenantState, ended};
use crate::{
    command::{Apply, Command, CommandContext, Op, Rejection},
    event::Change,
    host::may_have,
    ids::{PolicyName, RouteName, VersionName},
    policy::{
        Host, PathPrefix, PolicySpec,
        pattern::{self, MAX_PATTERNS_OF_TENANT},
    },
    removal::Removal,
    resource_scope::ResourceScope,
    route::RouteSpec,
    snapshot::Scope,
    tenant::Tenant,
    time::UtcTime,
};

/// The number of active routes that a command may remove without confirmation, if some remain.
const SMALL: u32 = 10;

/// Checks that the caller's resource scope covers all changes. A change of the tenant's own record
/// is not checked here: only roles without a resource scope may make it.
pub(super) fn within(resource_scope: &ResourceScope, changes: &[Change]) -> Result<(), Rejection> {
    let places = changes.iter().filter_map(Change::place);
    match places
        .into_iter()
        .find(|(service, env)| !resource_scope.covers(Some(service), Some(env)))
    {
        Some((service, env)) => Err(Rejection::OutsideGrant {
            service: service.clone(),
            env: env.clone(),
        }),
        None => Ok(()),
    }
}

/// Checks the changes of a revision of `tenant`.
pub(super) fn check(
    state: &TenantState,
    tenant: &Tenant,
    command: &Command,
    changes: &[Change],
    context: &CommandContext,
) -> Result<(), Rejection> {
    // The end of a tenant, and a change of the tenant's own limits, are not checked against the
    // limits.
    if !ended::is_end(&command.op)
        && changes
            .iter()
            .all(|change| !matches!(change, Change::Tenant { .. }))
    {
        quotas(state, tenant, changes, context)?;
        let after = After::of(state, tenant, changes);
        // When a deletion of a route removes the version from a policy, the caller does not write
        // the policy. The policy keeps its hosts.
        let keeps_hosts = matches!(command.op, Op::Delete { .. });
        changes.iter().try_for_each(|change| match change {
            Change::Policy {
                name,
                after: Some(spec),
                ..
            } => {
                versions(&after, name, spec)?;
                if keeps_hosts {
                    Ok(())
                } else {
                    hosts(&after, tenant, name, spec)
                }
            }
            Change::Route {
                name,
                before,
                after: spec,
            } => route(&after, command, name, before.as_ref(), spec.as_ref()),
            _ => Ok(()),
        })?;
    }
    match &command.op {
        Op::Apply(apply) => shrink(state, apply, changes),
        _ => Ok(()),
    }
}

/// Returns what an allowed command removes, if that needed a confirmation.
pub(super) fn removal(
    state: &TenantState,
    command: &Command,
    changes: &[Change],
) -> Option<Removal> {
    match &command.op {
        Op::Apply(apply) => Shrink::of(state, apply, changes)?.removal(apply, changes),
        _ => None,
    }
}

fn quotas(
    state: &TenantState,
    tenant: &Tenant,
    changes: &[Change],
    context: &CommandContext,
) -> Result<(), Rejection> {
    let quotas = tenant.quotas.or(state.defaults);
    let grown = |of_routes: bool| {
        let counted = changes
            .iter()
            .filter(|change| matches!(change, Change::Route { .. }) == of_routes);
        counted
            .map(|change| change.is_there())
            .fold(0_i64, |sum, (was, is)| sum + i64::from(is) - i64::from(was))
    };
    let limits = [
        ("routes", quotas.routes, tenant.routes, grown(true)),
        ("policies", quotas.policies, tenant.policies, grown(false)),
    ];
    for (quota, limit, has, grown) in limits {
        let Some(limit) = limit else { continue };
        if grown > 0 && i64::from(has) + grown > i64::from(limit) {
            return Err(Rejection::QuotaExceeded { quota, limit });
        }
    }
    patterns(state, changes)?;
    if let Some(limit) = quotas
        .body_bytes
        .filter(|limit| context.body_bytes > *limit)
    {
        return Err(Rejection::QuotaExceeded {
            quota: "body_bytes",
            limit,
        });
    }
    pace(state, tenant, changes.len(), context)
}

/// The most changes of one revision, in seconds of the tenant's rate, when nothing is owed. A
/// larger revision would block the tenant's next writes for so long that the block would look like
/// a fault.
const AT_ONCE: u32 = 10;

/// The furthest that `paid_until` can be ahead of this instance's clock, unless the clocks of
/// instances differ. A time further ahead comes from another instance's clock and is ignored: that
/// instance must not block writes on the others.
const SKEWED: SignedDuration = SignedDuration::from_secs(3 + AT_ONCE as i64);

/// Checks whether the tenant's rate allows so many changes now. Each change counts. Changes for up
/// to one second of the rate may come at once; a larger revision is refused until nothing is owed.
pub(super) fn pace(
    state: &TenantState,
    tenant: &Tenant,
    changes: usize,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let Some(limit) = rate(state, tenant) else {
        return Ok(());
    };
    let (cost, most) = (
        cost(limit, changes),
        SignedDuration::from_secs(AT_ONCE.into()),
    );
    if limit > 0 && cost > most {
        return Err(Rejection::QuotaExceeded {
            quota: "changes_at_once",
            limit: limit.saturating_mul(AT_ONCE),
        });
    }
    let ahead = paid_after(tenant.paid_until, context.now, cost)
        .timestamp()
        .duration_since(context.now.timestamp());
    let too_far = ahead - cost.min(most).max(SignedDuration::from_secs(1));
    if too_far > SignedDuration::ZERO {
        let retry_after_ms = u64::try_from(too_far.as_millis()).unwrap_or(0).max(1);
        return Err(Rejection::TooManyWrites {
            limit,
            retry_after_ms,
        });
    }
    Ok(())
}

/// Limits the number of patterns in all policies of the tenant together: patterns take memory in
/// every instance that serves the tenant.
fn patterns(state: &TenantState, changes: &[Change]) -> Result<(), Rejection> {
    let count = |spec: &Option<PolicySpec>| {
        spec.as_ref()
            .map_or(0, |spec| i64::from(pattern::count(&spec.rules)))
    };
    let grown = |change: &Change| match change {
        Change::Policy { before, after, .. } => count(after) - count(before),
        Change::Route { .. } | Change::Tenant { .. } => 0,
    };
    let grown: i64 = changes.iter().map(grown).sum();
    if grown > 0 && i64::from(state.patterns) + grown > i64::from(MAX_PATTERNS_OF_TENANT) {
        return Err(Rejection::QuotaExceeded {
            quota: "patterns",
            limit: MAX_PATTERNS_OF_TENANT,
        });
    }
    Ok(())
}

/// Returns the tenant's new `paid_until` after so many more changes now.
pub(super) fn paid(
    state: &TenantState,
    tenant: &Tenant,
    changes: usize,
    now: UtcTime,
) -> Option<UtcTime> {
    match rate(state, tenant) {
        Some(limit) => Some(paid_after(tenant.paid_until, now, cost(limit, changes))),
        None => tenant.paid_until,
    }
}

fn rate(state: &TenantState, tenant: &Tenant) -> Option<u32> {
    tenant.quotas.or(state.defaults).writes_per_second
}

/// Returns the time that so many changes cost at a rate per second. At rate 0 each change costs 24
/// hours, so none is allowed.
fn cost(rate: u32, changes: usize) -> SignedDuration {
    let each = match rate {
        0 => SignedDuration::from_hours(24),
        rate => SignedDuration::from_micros(1_000_000 / i64::from(rate)),
    };
    each.checked_mul(i32::try_from(changes).unwrap_or(i32::MAX))
        .unwrap_or(SignedDuration::MAX)
}

/// Returns the time until which a tenant's changes are paid for after changes of this cost.
fn paid_after(paid_until: Option<UtcTime>, now: UtcTime, cost: SignedDuration) -> UtcTime {
    let now = now.timestamp();
    let paid = paid_until
        .map(|paid| paid.timestamp())
        .filter(|paid| paid.duration_since(now) <= SKEWED);
    let from = paid.map_or(now, |paid| paid.max(now));
    from.checked_add(cost).unwrap_or(from).into()
}

/// The state after all changes.
struct After<'a> {
    state: &'a TenantState,
    routes: HashMap<&'a RouteName, Option<&'a RouteSpec>>,
    policies: HashMap<&'a PolicyName, Option<&'a PolicySpec>>,
    /// The policies that claim hosts in this revision. If two claim the same host and path prefix,
    /// the last one is here.
    claims: HashMap<(&'a Host, &'a PathPrefix), &'a PolicyName>,
    /// The claimed hosts that belong to another tenant, or overlap with a host of another tenant.
    others: HashSet<&'a Host>,
}

impl<'a> After<'a> {
    fn of(state: &'a TenantState, tenant: &Tenant, changes: &'a [Change]) -> Self {
        let (mut routes, mut policies, mut claims) =
            (HashMap::new(), HashMap::new(), HashMap::new());
        for change in changes {
            match change {
                Change::Route { name, after, .. } => drop(routes.insert(name, after.as_ref())),
                Change::Policy { name, after, .. } => {
                    policies.insert(name, after.as_ref());
                    claims.extend(
                        after
                            .iter()
                            .flat_map(|spec| spec.claims().map(|claim| (claim, name))),
                    );
                }
                Change::Tenant { .. } => {}
            }
        }
        // Each host is looked up once, however many path prefixes it is claimed with.
        let hosts: HashSet<&Host> = claims.keys().map(|(host, _)| *host).collect();
        let others = hosts
            .into_iter()
            .filter(|host| state.hosts.is_taken_by_another(host, &tenant.name))
            .collect();
        Self {
            state,
            routes,
            policies,
            claims,
            others,
        }
    }

    fn route(&self, name: &RouteName) -> Option<&RouteSpec> {
        match self.routes.get(name) {
            Some(spec) => *spec,
            None => self.state.routes.get(name).map(|route| &route.spec),
        }
    }

    fn policy(&self, name: &PolicyName) -> Option<&PolicySpec> {
        match self.policies.get(name) {
            Some(spec) => *spec,
            None => self.state.policies.get(name).map(|policy| &policy.spec),
        }
    }

    /// Returns whether another policy of the tenant has a host with a path prefix, or claims it in
    /// this revision.
    fn has_another(&self, name: &PolicyName, host: &Host, prefix: &PathPrefix) -> bool {
        if self
            .claims
            .get(&(host, prefix))
            .is_some_and(|claimant| *claimant != name)
        {
            return true;
        }
        // A policy that changes in this revision has only the hosts that it claims here.
        let holder = self.state.hosts.holder(host, prefix);
        holder.is_some_and(|(_, holder)| holder != name && !self.policies.contains_key(holder))
    }
}

/// Checks that every version that a policy names exists.
fn versions(after: &After<'_>, name: &PolicyName, spec: &PolicySpec) -> Result<(), Rejection> {
    let is_missing = |version: &VersionName| after.route(&name.route(version)).is_none();
    let missing = spec.versions().filter(|(_, version)| is_missing(version));
    let versions: Vec<_> = missing
        .map(|(pointer, version)| (pointer, version.clone()))
        .collect();
    if versions.is_empty() {
        Ok(())
    } else {
        Err(Rejection::VersionsNotFound {
            policy: name.clone(),
            versions,
        })
    }
}

/// Checks the hosts of a policy: the tenant may have them, no other tenant has them, and no other
/// policy of the tenant has them with that path prefix. Hosts that the policy had before are
/// checked too: a policy can be written again only without the hosts that it may not have.
fn hosts(
    after: &After<'_>,
    tenant: &Tenant,
    name: &PolicyName,
    spec: &PolicySpec,
) -> Result<(), Rejection> {
    for host in &spec.hosts {
        may_have(&tenant.allowed_hosts, host).map_err(|why| Rejection::HostNotAllowed {
            host: host.clone(),
            why,
        })?;
    }
    for (host, prefix) in spec.claims() {
        let of_another_tenant = after.others.contains(host);
        if of_another_tenant || after.has_another(name, host, prefix) {
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

/// Refuses to delete or deactivate a route that a policy uses, unless the policy's traffic can go
/// elsewhere and the caller confirms.
fn route(
    after: &After<'_>,
    command: &Command,
    name: &RouteName,
    before: Option<&RouteSpec>,
    spec: Option<&RouteSpec>,
) -> Result<(), Rejection> {
    let policy_name = PolicyName::of(name);
    let Some(policy) = after.policy(&policy_name) else {
        return Ok(());
    };
    let version = &name.version;
    let was_active = before.is_some_and(|spec| spec.is_active);
    let in_use = match spec {
        None => policy.names(version),
        Some(spec) => was_active && !spec.is_active && policy.sends_to(version),
    };
    if !in_use {
        return Ok(());
    }
    let is_active = |other: &VersionName| {
        other != version
            && after
                .route(&policy_name.route(other))
                .is_some_and(|r| r.is_active)
    };
    // A policy cannot name a deleted route's version. A confirmed deletion of one route has changed
    // the policy already, if that was possible. In a command of many changes, a deletion does not
    // change the policy.
    let may_confirm = match (spec, &command.op) {
        (Some(_), _) => policy.has_somewhere(is_active),
        (None, Op::Apply(_)) => false,
        (None, _) => policy.giving_up(version, is_active).is_some(),
    };
    if spec.is_some() && may_confirm && command.confirm_in_use {
        return Ok(());
    }
    Err(Rejection::VersionInUse {
        route: name.clone(),
        policies: vec![policy_name],
        may_confirm,
    })
}

/// How many active routes fewer a scope has after a command, if that needs a confirmation: more than
/// half and more than ten, or all of them.
struct Shrink {
    active: u32,
    removed: u32,
}

impl Shrink {
    fn of(state: &TenantState, apply: &Apply, changes: &[Change]) -> Option<Self> {
        let was_is =
            |change: &Change| (i64::from(was_active(change)), i64::from(is_active(change)));
        let fewer = changes.iter().map(was_is).map(|(was, is)| was - is);
        let removed = u32::try_from(fewer.sum::<i64>()).unwrap_or(0);
        let active = apply.base.as_ref().map_or(state.active, |base| base.active);
        let is_much =
            (removed > SMALL && removed > active / 2) || (removed > 0 && removed >= active);
        is_much.then_some(Self { active, removed })
    }

    /// Returns what nodes are told of the removal.
    fn removal(&self, apply: &Apply, changes: &[Change]) -> Option<Removal> {
        let gone = |change: &&Change| was_active(change) && !is_active(change);
        let deleted = |change: &&Change| {
            matches!(change, Change::Policy { .. }) && change.is_there() == (true, false)
        };
        let scope = apply.base.as_ref().map(|base| base.scope.clone());
        let Scope { service, env } = scope.unwrap_or_default();
        Some(Removal {
            env,
            left_routes: self.active.saturating_sub(self.removed),
            removed_policies: u32::try_from(changes.iter().filter(deleted).count()).ok()?,
            removed_routes: u32::try_from(changes.iter().filter(gone).count()).ok()?,
            service,
        })
    }
}

fn was_active(change: &Change) -> bool {
    matches!(change, Change::Route { before: Some(spec), .. } if spec.is_active)
}

fn is_active(change: &Change) -> bool {
    matches!(change, Change::Route { after: Some(spec), .. } if spec.is_active)
}

/// The wipe guard: requires a confirmation of a [`Shrink`].
fn shrink(state: &TenantState, apply: &Apply, changes: &[Change]) -> Result<(), Rejection> {
    match Shrink::of(state, apply, changes) {
        Some(Shrink { active, removed }) if apply.confirmed.as_ref() != Some(&apply.hash) => {
            Err(Rejection::ShrinkNotConfirmed {
                active,
                removed,
                hash: apply.hash.clone(),
            })
        }
        _ => Ok(()),
    }
}
