//! Starts a new epoch of a tenant on another timeline of the database.
//!
//! After a restore, or after a promotion that may have lost writes, the tenant continues this way.

use std::collections::BTreeMap;

use super::TenantState;
use crate::{
    command::{CommandContext, Rejection},
    event::Change,
    tag::Revision,
    tenant::Tenant,
};

/// Returns the command context of a new epoch's first revision. Its reason names the last tag of
/// the previous epoch.
pub(super) fn context(before: &Tenant, context: &CommandContext) -> CommandContext {
    let reason = format!(
        "the database was restored, or a replica promoted: continues {}",
        before.tag()
    );
    CommandContext {
        reason: Some(reason),
        ..context.clone()
    }
}

/// Returns the tenant at the beginning of a new epoch. Revisions count from 1 again. No tag of the
/// previous epoch can be mistaken for a new one.
pub(super) fn begun(tenant: &Tenant, context: &CommandContext) -> Tenant {
    Tenant {
        epoch: context.new_epoch.clone(),
        revision: Revision::default(),
        // The changes of the first revision count the routes and policies again.
        routes: 0,
        policies: 0,
        confirmed: None,
        ..tenant.clone()
    }
}

/// Returns the changes that create everything that the tenant has. None if the tenant's newest
/// revision is on this timeline already.
pub(super) fn changes(state: &TenantState) -> Result<Vec<Change>, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    if !state.is_of_other_timeline {
        return Ok(Vec::new());
    }
    let routes: BTreeMap<_, _> = state.routes.iter().collect();
    let policies: BTreeMap<_, _> = state.policies.iter().collect();
    let mut changes = vec![Change::Tenant {
        before: None,
        after: Some(tenant.spec()),
    }];
    changes.extend(routes.into_iter().map(|(name, route)| Change::Route {
        name: name.clone(),
        before: None,
        after: Some(route.spec.clone()),
    }));
    changes.extend(policies.into_iter().map(|(name, policy)| Change::Policy {
        name: name.clone(),
        before: None,
        after: Some(policy.spec.clone()),
    }));
    Ok(changes)
}
