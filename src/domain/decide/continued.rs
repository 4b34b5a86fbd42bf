//! A tenant goes on in another history of the database: after a restore, or a promotion that may have lost something.

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

/// A new epoch of the tenant, whose first revision makes everything that it has: revisions count from 1 again, and no tag of before can be
/// taken for one of now. Nothing if its newest revision is of this history already.
pub(super) fn continued(state: &TenantState, facts: &Facts) -> Result<(Option<Box<Tenant>>, Vec<Change>), Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    if !state.is_foreign {
        return Ok((None, Vec::new()));
    }
    let begun = Tenant {
        epoch: facts.new_epoch.clone(),
        revision: Revision::default(),
        // Counted as they are made.
        routes: 0,
        policies: 0,
        ..tenant.clone()
    };
    let mut routes: Vec<_> = state.routes.values().collect();
    routes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut policies: Vec<_> = state.policies.values().collect();
    policies.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut changes = vec![Change::Tenant { before: None, after: Some(tenant.spec()) }];
    let made = |route: &crate::domain::route::Route| Change::Route {
        name: route.name.clone(),
        before: None,
        after: Some(route.spec.clone()),
    };
    changes.extend(routes.into_iter().map(made));
    changes.extend(policies.into_iter().map(|policy| Change::Policy {
        name: policy.name.clone(),
        before: None,
        after: Some(policy.spec.clone()),
    }));
    Ok((Some(Box::new(begun)), changes))
}
