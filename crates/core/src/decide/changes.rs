//! Converts a command on a state to the changes of its revision, in their order.
//!
//! Other modules check afterwards whether the changes are allowed.

use std::collections::HashSet;

use super::{TenantState, continued, ended, tag_of, too_many};
use crate::{
    Invalid,
    command::{Apply, Command, Desired, Op, Rejection},
    document::MAX_TOLD,
    event::Change,
    ids::{PolicyName, RouteName},
    policy::PolicySpec,
    route::RouteSpec,
    tenant::TenantSpec,
};

/// Returns the changes of a command, without those that change nothing. Checks the preconditions.
pub(super) fn intended(state: &TenantState, command: &Command) -> Result<Vec<Change>, Rejection> {
    let changes = match &command.op {
        Op::Upsert { route: name, .. }
        | Op::Patch { route: name, .. }
        | Op::SetActive { route: name, .. }
        | Op::Delete { route: name } => route(state, command, name)?,
        Op::PutPolicy { policy: name, .. }
        | Op::PatchPolicy { policy: name, .. }
        | Op::DeletePolicy { policy: name } => {
            vec![policy(state, command, name)?]
        }
        Op::Apply(apply) => {
            command
                .precondition
                .check(state.tenant.as_ref().map(|tenant| tenant.tag()).as_ref())?;
            many(state, apply)?
        }
        Op::CreateTenant {
            quotas,
            allowed_hosts,
        } => {
            if state.tenant.is_some() {
                return Err(Rejection::TenantExists);
            }
            command.precondition.check(None)?;
            vec![Change::Tenant {
                before: None,
                after: Some(TenantSpec {
                    allowed_hosts: allowed_hosts.clone(),
                    quotas: *quotas,
                }),
            }]
        }
        Op::PatchTenant {
            quotas,
            allowed_hosts,
        } => {
            let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
            command.precondition.check(Some(&tenant.tag()))?;
            let allowed_hosts = allowed_hosts
                .as_ref()
                .unwrap_or(&tenant.allowed_hosts)
                .clone();
            let after = Some(TenantSpec {
                allowed_hosts,
                quotas: quotas.apply(tenant.quotas),
            });
            vec![Change::Tenant {
                before: Some(tenant.spec()),
                after,
            }]
        }
        Op::DeleteTenant { with_everything } => ended::changes(state, command, *with_everything)?,
        Op::EndTenant => ended::next(state, command)?,
        // The number of changes is not limited here: the tenant has these objects already.
        Op::StartEpoch => return continued::changes(state),
    };
    let changes: Vec<_> = changes
        .into_iter()
        .filter(|change| change.action().is_some())
        .collect();
    too_many(changes.len())?;
    Ok(changes)
}

fn route(
    state: &TenantState,
    command: &Command,
    name: &RouteName,
) -> Result<Vec<Change>, Rejection> {
    let route = state.routes.get(name);
    let tag = route
        .zip(state.tenant.as_ref())
        .map(|(route, tenant)| tag_of(route.revision, tenant));
    if route.is_none() && !matches!(command.op, Op::Upsert { .. }) {
        return Err(Rejection::RouteNotFound);
    }
    command.precondition.check(tag.as_ref())?;
    let before = route.map(|route| route.spec.clone());
    let after = match (&command.op, &before) {
        (Op::Upsert { spec, .. }, _) => Some(spec.clone()),
        (Op::Patch { patch, .. }, Some(spec)) => Some(patch.apply(spec).map_err(|invalid| {
            let errors = vec![("/labels".to_owned(), invalid)];
            Rejection::Invalid { errors }
        })?),
        (Op::SetActive { is_active, .. }, Some(spec)) => Some(RouteSpec {
            is_active: *is_active,
            ..spec.clone()
        }),
        _ => None,
    };
    let given_up = (after.is_none() && command.confirm_in_use)
        .then(|| given_up(state, name))
        .flatten();
    let change = Change::Route {
        name: name.clone(),
        before,
        after,
    };
    Ok(given_up.into_iter().chain([change]).collect())
}

/// Returns the change that removes the version of a deleted route from the policy of its service
/// and environment. `None` if the policy does not name the version, would have nowhere to send that
/// version's traffic, or would not be valid without the version.
fn given_up(state: &TenantState, name: &RouteName) -> Option<Change> {
    let policy = state
        .policies
        .get(&PolicyName::of(name))
        .filter(|policy| policy.spec.names(&name.version))?;
    let is_active = |version: &_| {
        state
            .routes
            .get(&policy.name.route(version))
            .is_some_and(|route| route.spec.is_active)
    };
    let after = policy.spec.giving_up(&name.version, is_active)?;
    Some(Change::Policy {
        name: policy.name.clone(),
        before: Some(policy.spec.clone()),
        after: Some(after),
    })
}

fn policy(state: &TenantState, command: &Command, name: &PolicyName) -> Result<Change, Rejection> {
    let policy = state.policies.get(name);
    let tag = policy
        .zip(state.tenant.as_ref())
        .map(|(policy, tenant)| tag_of(policy.revision, tenant));
    if policy.is_none() && !matches!(command.op, Op::PutPolicy { .. }) {
        return Err(Rejection::PolicyNotFound);
    }
    command.precondition.check(tag.as_ref())?;
    let before = policy.map(|policy| policy.spec.clone());
    let after: Option<PolicySpec> = match (&command.op, &before) {
        (Op::PutPolicy { spec, .. }, _) => Some(spec.clone()),
        (Op::PatchPolicy { patch, .. }, Some(spec)) => Some(
            patch
                .apply(spec)
                .map_err(|errors| Rejection::Invalid { errors })?,
        ),
        _ => None,
    };
    Ok(Change::Policy {
        name: name.clone(),
        before,
        after,
    })
}

fn many(state: &TenantState, apply: &Apply) -> Result<Vec<Change>, Rejection> {
    too_many(apply.changes.len())?;
    if let Some(base) = &apply.base {
        let is_same = state
            .tenant
            .as_ref()
            .is_some_and(|tenant| tenant.epoch == base.tag.epoch);
        if !is_same || state.newest(&base.scope) > base.tag.revision {
            return Err(Rejection::PlanStale);
        }
    }
    let mut errors = Vec::new();
    let (mut routes, mut policies) = (HashSet::new(), HashSet::new());
    let mut changes = Vec::with_capacity(apply.changes.len());
    for (at, desired) in apply.changes.iter().enumerate() {
        if errors.len() > MAX_TOLD {
            break;
        }
        let is_first = match desired {
            Desired::Route { name, .. } | Desired::State { name, .. } => routes.insert(name),
            Desired::Policy { name, .. } => policies.insert(name),
        };
        let result = if is_first {
            one_of_many(state, desired)
        } else {
            Err(Invalid::new("duplicate", "is named twice"))
        };
        match result {
            Ok(change) => changes.push(change),
            Err(invalid) => errors.push((format!("/changes/{at}"), invalid)),
        }
    }
    if errors.is_empty() {
        Ok(changes)
    } else {
        Err(Rejection::Invalid { errors })
    }
}

fn one_of_many(state: &TenantState, desired: &Desired) -> Result<Change, Invalid> {
    let missing =
        |what: &'static str, code| Invalid::new(code, format!("the {what} does not exist"));
    match desired {
        Desired::Route { name, spec: after } => {
            let before = state.routes.get(name).map(|route| route.spec.clone());
            if before.is_none() && after.is_none() {
                return Err(missing("route", "route_not_found"));
            }
            Ok(Change::Route {
                name: name.clone(),
                before,
                after: after.clone(),
            })
        }
        Desired::State { name, is_active } => {
            let spec = &state
                .routes
                .get(name)
                .ok_or_else(|| missing("route", "route_not_found"))?
                .spec;
            let after = RouteSpec {
                is_active: *is_active,
                ..spec.clone()
            };
            Ok(Change::Route {
                name: name.clone(),
                before: Some(spec.clone()),
                after: Some(after),
            })
        }
        Desired::Policy { name, spec: after } => {
            let before = state.policies.get(name).map(|policy| policy.spec.clone());
            if before.is_none() && after.is_none() {
                return Err(missing("traffic policy", "policy_not_found"));
            }
            Ok(Change::Policy {
                name: name.clone(),
                before,
                after: after.clone(),
            })
        }
    }
}
