//! The deletion of a tenant, in one or more revisions.
//!
//! Each revision deletes up to [`MAX_ENDED`] objects, policies before routes. The last revision
//! also deletes the tenant itself. From the first revision on, the tenant's row records the
//! deletion and its requester. Then no other command may change the tenant, and any instance that
//! finds the row continues the deletion.

use super::TenantState;
use crate::{
    command::{Command, CommandContext, MAX_ENDED, Op, Rejection},
    event::Change,
    tenant::{Ending, Tenant},
};

/// Returns the changes of the next revision of a tenant's deletion. `state` has at least the first
/// [`MAX_ENDED`] policies and routes.
pub(super) fn changes(
    state: &TenantState,
    command: &Command,
    with_everything: bool,
) -> Result<Vec<Change>, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    command.precondition.check(Some(&tenant.tag()))?;
    if (tenant.routes > 0 || tenant.policies > 0) && !with_everything {
        return Err(Rejection::TenantNotEmpty {
            routes: tenant.routes,
            policies: tenant.policies,
        });
    }
    let mut policies: Vec<_> = state.policies.values().collect();
    policies.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut routes: Vec<_> = state.routes.values().collect();
    routes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    // Routes are deleted after all policies, because a policy may send traffic to them.
    if policies.len() < tenant.policies as usize {
        routes.clear();
    }
    let policies = policies.into_iter().map(|p| Change::Policy {
        name: p.name.clone(),
        before: Some(p.spec.clone()),
        after: None,
    });
    let routes = routes.into_iter().map(|r| Change::Route {
        name: r.name.clone(),
        before: Some(r.spec.clone()),
        after: None,
    });
    let mut changes: Vec<_> = policies.chain(routes).take(MAX_ENDED).collect();
    if changes.len() == tenant.policies as usize + tenant.routes as usize {
        changes.push(Change::Tenant {
            before: Some(tenant.spec()),
            after: None,
        });
    }
    Ok(changes)
}

/// Returns the next changes of a deletion that has begun; none if it has not begun.
pub(super) fn next(state: &TenantState, command: &Command) -> Result<Vec<Change>, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    if tenant.ending.is_some() {
        changes(state, command, true)
    } else {
        Ok(Vec::new())
    }
}

/// Refuses all other commands once the tenant's deletion has begun, except [`Op::StartEpoch`].
pub(super) fn check(tenant: &Tenant, op: &Op) -> Result<(), Rejection> {
    let may = is_end(op) || matches!(op, Op::StartEpoch);
    if tenant.ending.is_some() && !may {
        Err(Rejection::TenantEnding)
    } else {
        Ok(())
    }
}

/// Returns whether a command is a step of a tenant's deletion.
pub(super) fn is_end(op: &Op) -> bool {
    matches!(op, Op::DeleteTenant { .. } | Op::EndTenant)
}

/// Returns the record of the deletion for the tenant's row, after a step that is not the last.
pub(super) fn begun(
    command: &Command,
    changes: &[Change],
    context: &CommandContext,
) -> Option<Box<Ending>> {
    let is_last = changes
        .iter()
        .any(|change| matches!(change, Change::Tenant { .. }));
    (is_end(&command.op) && !is_last).then(|| {
        let CommandContext {
            actor,
            reason,
            request_id,
            trace_id,
            source_ip,
            ..
        } = context.clone();
        Box::new(Ending {
            actor,
            reason,
            request_id,
            trace_id,
            source_ip,
        })
    })
}

/// Returns the command context of a step. If the service itself continues the deletion, the context
/// names the caller that began it.
pub(super) fn context(
    tenant: &Tenant,
    command: &Command,
    context: &CommandContext,
) -> CommandContext {
    match (&tenant.ending, &command.op) {
        (Some(ending), Op::EndTenant) => {
            let Ending {
                actor,
                reason,
                request_id,
                trace_id,
                source_ip,
            } = (**ending).clone();
            CommandContext {
                actor,
                reason,
                request_id,
                trace_id,
                source_ip,
                ..context.clone()
            }
        }
        _ => context.clone(),
    }
}
