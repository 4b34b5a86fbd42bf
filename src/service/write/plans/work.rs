//! The computation of a plan: pure, from the current state of a scope and the desired document.

use super::*;

/// The current state of a tenant's scope: everything that a plan of that scope can change or
/// depends on.
pub(super) struct ScopeState {
    pub(super) tenant: Tenant,
    pub(super) routes: Vec<Route>,
    pub(super) policies: Vec<Policy>,
}

impl ScopeState {
    pub(super) fn content(&self) -> Content {
        let routes = self
            .routes
            .iter()
            .map(|route| (route.name.clone(), route.spec.clone()));
        let policies = self
            .policies
            .iter()
            .map(|policy| (policy.name.clone(), policy.spec.clone()));
        Content {
            routes: routes.collect(),
            policies: policies.collect(),
        }
    }

    /// Converts this into the state that the write path locks. The owners of hosts are missing:
    /// only the write path knows them.
    pub(super) fn into_state(self, limits: Limits) -> TenantState {
        let routes: HashMap<_, _> = self
            .routes
            .into_iter()
            .map(|route| (route.name.clone(), route))
            .collect();
        let policies: HashMap<_, _> = self
            .policies
            .into_iter()
            .map(|policy| (policy.name.clone(), policy))
            .collect();
        TenantState {
            tenant: Some(self.tenant),
            routes,
            policies,
            ..TenantState::absent(limits)
        }
    }
}

/// The input of a plan.
pub(super) struct Work {
    pub(super) id: Uuid,
    pub(super) request: Request,
    pub(super) standing: ScopeState,
    pub(super) document: Arc<Document>,
    /// The content of the document.
    pub(super) desired: Content,
    pub(super) limits: Limits,
    pub(super) ttl: Duration,
}

/// Computes the plan, with a warning for each confirmation that applying it will need. Refuses a
/// plan that could never be applied.
pub(super) fn work_out(work: Work) -> Result<Plan, Error> {
    let Work {
        id,
        request,
        standing,
        document,
        desired,
        limits,
        ttl,
    } = work;
    let (scope, base) = (&document.scope, standing.tenant.tag());
    let now = standing.content();
    let difference = now.difference(&desired, document.prune);
    let changes: Result<Vec<_>, _> = difference
        .iter()
        .filter_map(|change| PlannedChange::of(change).transpose())
        .collect();
    let changes = changes.map_err(Error::internal)?;
    let hash =
        plan::hash(&standing.tenant.name, Some(&base), scope, &changes).map_err(Error::internal)?;
    let mut summary = Summary::default();
    difference
        .iter()
        .map(|change| change.is_there())
        .for_each(|(was, is)| summary.count(was, is));
    let named = desired.routes.len() + desired.policies.len();
    summary.unchanged = u32::try_from(named)
        .unwrap_or(u32::MAX)
        .saturating_sub(summary.create + summary.update);
    let active = now.active();
    let warnings = warnings(
        &request,
        standing,
        &changes,
        &hash.to_string(),
        active,
        limits,
    )?;
    let created_at = Timestamp::now();
    let fewer: i64 = difference.iter().map(fewer_active).sum();
    let active_after = u32::try_from((i64::from(active) - fewer).max(0)).unwrap_or(u32::MAX);
    Ok(Plan {
        id,
        hash,
        tenant: request.command.tenant,
        base,
        scope: scope.clone(),
        prune: document.prune,
        summary,
        active_routes: [active, active_after],
        changes,
        warnings,
        reason: request.context.reason,
        created_at: created_at.into(),
        created_by: request.context.actor.id,
        expires_at: created_at.checked_add(ttl).unwrap_or(created_at).into(),
    })
}

fn fewer_active(change: &crate::domain::event::Change) -> i64 {
    let is_active = |spec: &Option<crate::domain::route::RouteSpec>| {
        i64::from(spec.as_ref().is_some_and(|spec| spec.is_active))
    };
    match change {
        crate::domain::event::Change::Route { before, after, .. } => {
            is_active(before) - is_active(after)
        }
        _ => 0,
    }
}

/// Checks the changes against the rules of the write path, confirms each requested confirmation,
/// and repeats this until the rules accept the changes. Returns a warning for each confirmation.
fn warnings(
    request: &Request,
    standing: ScopeState,
    changes: &[PlannedChange],
    hash: &str,
    active: u32,
    limits: Limits,
) -> Result<Vec<Warning>, Error> {
    let desired: Result<Vec<_>, _> = changes.iter().map(PlannedChange::desired).collect();
    let base = Some(Base {
        tag: standing.tenant.tag(),
        scope: Scope::default(),
        active,
    });
    let state = standing.into_state(limits);
    let apply = Apply {
        changes: desired.map_err(Error::internal)?,
        base,
        hash: hash.to_owned(),
        confirmed: None,
    };
    let (tenant, precondition) = (request.command.tenant.clone(), Default::default());
    let mut command = Command {
        tenant,
        op: Op::Apply(Box::new(apply.clone())),
        precondition,
        confirm_in_use: false,
    };
    let mut found: BTreeMap<&'static str, String> = BTreeMap::new();
    loop {
        let (code, detail) = match decide::allowed(&state, &command, &request.context) {
            Ok(_) => break,
            Err(refused @ Rejection::ShrinkNotConfirmed { .. }) => {
                command.op = Op::Apply(Box::new(Apply {
                    confirmed: Some(hash.to_owned()),
                    ..apply.clone()
                }));
                ("shrink_not_confirmed", refused.to_string())
            }
            Err(
                refused @ Rejection::VersionInUse {
                    may_confirm: true, ..
                },
            ) => {
                command.confirm_in_use = true;
                ("version_in_use", refused.to_string())
            }
            // The limit may admit the changes at another time, so this is only a warning.
            Err(refused @ Rejection::TooManyWrites { .. }) => {
                found.insert("too_many_writes", refused.to_string());
                break;
            }
            Err(refused) => return Err(refused.into()),
        };
        if found.insert(code, detail).is_some() {
            break;
        }
    }
    Ok(found
        .into_iter()
        .map(|(code, detail)| Warning {
            code: code.to_owned(),
            detail,
        })
        .collect())
}
