//! A tenant goes on in another history of the database: after a restore, or a promotion that may have lost something.

use std::collections::BTreeMap;

use super::TenantState;
use crate::domain::{
    command::{Facts, Rejection},
    event::Change,
    tag::Revision,
    tenant::Tenant,
};

/// The facts of a new epoch's first revision: its reason says where the history before was left.
pub(super) fn facts(before: &Tenant, facts: &Facts) -> Facts {
    let reason = format!("the database was restored, or a replica promoted: continues {}", before.tag());
    Facts { reason: Some(reason), ..facts.clone() }
}

/// The tenant at the beginning of a new epoch: revisions count from 1 again, and no tag of before can be taken for one of now.
pub(super) fn begun(tenant: &Tenant, facts: &Facts) -> Tenant {
    Tenant {
        epoch: facts.new_epoch.clone(),
        revision: Revision::default(),
        // Counted as they are made.
        routes: 0,
        policies: 0,
        ..tenant.clone()
    }
}

/// What makes everything that the tenant has. Nothing if its newest revision is of this history already.
pub(super) fn changes(state: &TenantState) -> Result<Vec<Change>, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    if !state.is_foreign {
        return Ok(Vec::new());
    }
    let routes: BTreeMap<_, _> = state.routes.iter().collect();
    let policies: BTreeMap<_, _> = state.policies.iter().collect();
    let mut changes = vec![Change::Tenant { before: None, after: Some(tenant.spec()) }];
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
