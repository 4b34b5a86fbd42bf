//! The end of a tenant, in as many revisions as it takes.
//!
//! A revision takes its policies and then its routes, up to [`MAX_ENDED`] of them; the last takes what is left and the tenant itself. From the
//! first on the tenant's row says that it ends and by whom: nothing else may change it, and whoever finds it so goes on.

use super::TenantState;
use crate::domain::{
    command::{Command, Facts, MAX_ENDED, Op, Rejection},
    event::Change,
    tenant::{Ending, Tenant},
};

/// The changes of the next revision of a tenant's end. `state` has the first [`MAX_ENDED`] policies and routes at least.
pub(super) fn changes(state: &TenantState, command: &Command, with_everything: bool) -> Result<Vec<Change>, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    command.precondition.check(Some(&tenant.tag()))?;
    if (tenant.routes > 0 || tenant.policies > 0) && !with_everything {
        return Err(Rejection::TenantNotEmpty { routes: tenant.routes, policies: tenant.policies });
    }
    let mut policies: Vec<_> = state.policies.values().collect();
    policies.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut routes: Vec<_> = state.routes.values().collect();
    routes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    // A route goes after all policies, which may send traffic to it.
    if policies.len() < tenant.policies as usize {
        routes.clear();
    }
    let policies =
        policies.into_iter().map(|p| Change::Policy { name: p.name.clone(), before: Some(p.spec.clone()), after: None });
    let routes = routes.into_iter().map(|r| Change::Route { name: r.name.clone(), before: Some(r.spec.clone()), after: None });
    let mut changes: Vec<_> = policies.chain(routes).take(MAX_ENDED).collect();
    if changes.len() == tenant.policies as usize + tenant.routes as usize {
        changes.push(Change::Tenant { before: Some(tenant.spec()), after: None });
    }
    Ok(changes)
}

/// The next changes of an end that has begun; none if it has not.
pub(super) fn next(state: &TenantState, command: &Command) -> Result<Vec<Change>, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    if tenant.ending.is_some() { changes(state, command, true) } else { Ok(Vec::new()) }
}

/// Whether nothing but the tenant's end may be decided.
pub(super) fn check(tenant: &Tenant, op: &Op) -> Result<(), Rejection> {
    let may = is_end(op) || matches!(op, Op::Continue);
    if tenant.ending.is_some() && !may { Err(Rejection::TenantEnding) } else { Ok(()) }
}

/// Whether a command is a step of a tenant's end.
pub(super) fn is_end(op: &Op) -> bool {
    matches!(op, Op::DeleteTenant { .. } | Op::EndTenant)
}

/// What the tenant's row says after a step that leaves something.
pub(super) fn begun(command: &Command, changes: &[Change], facts: &Facts) -> Option<Box<Ending>> {
    let is_last = changes.iter().any(|change| matches!(change, Change::Tenant { .. }));
    (is_end(&command.op) && !is_last).then(|| {
        let Facts { actor, reason, request_id, trace_id, source_ip, .. } = facts.clone();
        Box::new(Ending { actor, reason, request_id, trace_id, source_ip })
    })
}

/// The facts of a step: those of whoever began the end, when the service itself goes on with it.
pub(super) fn facts(tenant: &Tenant, command: &Command, facts: &Facts) -> Facts {
    match (&tenant.ending, &command.op) {
        (Some(ending), Op::EndTenant) => {
            let Ending { actor, reason, request_id, trace_id, source_ip } = (**ending).clone();
            Facts { actor, reason, request_id, trace_id, source_ip, ..facts.clone() }
        }
        _ => facts.clone(),
    }
}
