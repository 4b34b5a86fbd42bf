//! The pure core of a write: `decide` under the tenant's lock, then `evolve`.
//!
//! `decide` answers whether a command may be done and, if so, the sealed event that does it; `evolve` is the only place where a
//! state changes. Both run once per command, in order of arrival, on the state that the transaction has locked, so a batch of
//! commands ends in the same state as the commands one at a time.

use std::collections::HashMap;

use super::{
    chain,
    command::{Command, Effect, Facts, Object, Op, Outcome, Rejection},
    event::{Action, Event, EventBody},
    hash::EventHash,
    ids::{RouteName, TenantName},
    route::{Route, RouteSpec},
    tag::{Revision, VersionTag},
    tenant::{Quotas, Tenant},
};

/// What a batch knows of one tenant: its row, and those of its routes that the batch's commands name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantState {
    /// The tenant's row, if it exists.
    pub tenant: Option<Tenant>,
    /// The hash of the tenant's newest event of this epoch.
    pub chain_head: EventHash,
    /// The named routes; one that is not in here does not exist.
    pub routes: HashMap<RouteName, Route>,
    /// The routes quota of a tenant without one of its own.
    pub default_routes_quota: u32,
}

impl TenantState {
    /// A tenant that does not exist.
    pub fn absent(default_routes_quota: u32) -> Self {
        Self { tenant: None, chain_head: EventHash::GENESIS, routes: HashMap::new(), default_routes_quota }
    }
}

/// What a command does, decided but not yet done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it is so already.
    Unchanged,
    /// A new revision of the tenant's routes.
    Event {
        /// The tenant, when this is its first write and makes it.
        new_tenant: Option<Box<Tenant>>,
        /// The sealed event.
        event: Box<Event>,
    },
    /// The tenant's own record, which has no events.
    Tenant {
        /// What is done to it.
        effect: Effect,
        /// Its record after; `None` when it is gone.
        after: Option<Box<Tenant>>,
    },
}

/// An event could not be serialised: a defect, never an input.
pub type SealError = serde_json::Error;

/// Decides `command` on `state`; changes nothing.
///
/// The outer error is a defect of the program, the inner one the caller's.
pub fn decide(state: &TenantState, command: &Command, facts: &Facts) -> Result<Result<Decision, Rejection>, SealError> {
    match &command.op {
        Op::CreateTenant { quotas } => Ok(create_tenant(state, command, *quotas, facts)),
        Op::PatchTenant { routes_quota } => Ok(patch_tenant(state, command, *routes_quota, facts)),
        Op::DeleteTenant => Ok(delete_tenant(state, command)),
        Op::Upsert { route, .. } | Op::Patch { route, .. } | Op::SetActive { route, .. } | Op::Delete { route } => {
            match desired(state, command, route) {
                Err(rejection) => Ok(Err(rejection)),
                Ok(after) => change_route(state, command, route, after, facts),
            }
        }
    }
}

/// The spec that the route shall have after `command` (`None`: it shall be gone), preconditions checked.
fn desired(state: &TenantState, command: &Command, name: &RouteName) -> Result<Option<RouteSpec>, Rejection> {
    let route = state.routes.get(name);
    let tag = route.zip(state.tenant.as_ref()).map(|(route, tenant)| tag_of(route, tenant));
    if route.is_none() && !matches!(command.op, Op::Upsert { .. }) {
        return Err(Rejection::RouteNotFound);
    }
    command.precondition.check(tag.as_ref())?;
    match (&command.op, route) {
        (Op::Upsert { spec, .. }, _) => Ok(Some(spec.clone())),
        (Op::Patch { patch, .. }, Some(route)) => match patch.apply(&route.spec) {
            Ok(spec) => Ok(Some(spec)),
            Err(invalid) => Err(Rejection::Invalid { pointer: "/labels", invalid }),
        },
        (Op::SetActive { is_active, .. }, Some(route)) => Ok(Some(RouteSpec { is_active: *is_active, ..route.spec.clone() })),
        _ => Ok(None),
    }
}

fn change_route(
    state: &TenantState, command: &Command, name: &RouteName, after: Option<RouteSpec>, facts: &Facts,
) -> Result<Result<Decision, Rejection>, SealError> {
    let before = state.routes.get(name).map(|route| route.spec.clone());
    let Some(action) = Action::between(before.as_ref(), after.as_ref()) else {
        return Ok(Ok(Decision::Unchanged));
    };
    let new_tenant = match &state.tenant {
        Some(_) => None,
        None if facts.may_create_tenant => Some(Box::new(first_record(&command.tenant, Quotas::default(), facts))),
        None => return Ok(Err(Rejection::TenantNotFound)),
    };
    let Some(tenant) = state.tenant.as_ref().or(new_tenant.as_deref()) else {
        return Ok(Err(Rejection::TenantNotFound));
    };
    let limit = tenant.quotas.routes.unwrap_or(state.default_routes_quota);
    if action == Action::Created && tenant.routes >= limit {
        return Ok(Err(Rejection::QuotaExceeded { quota: "routes", limit }));
    }
    let body = EventBody {
        id: facts.event_id,
        tenant: command.tenant.clone(),
        epoch: tenant.epoch.clone(),
        revision: tenant.revision.next(),
        item: 0,
        items: 1,
        action,
        route: name.clone(),
        before,
        after,
        actor: facts.actor.clone(),
        reason: facts.reason.clone(),
        request_id: facts.request_id.clone(),
        trace_id: facts.trace_id.clone(),
        source_ip: facts.source_ip.clone(),
        occurred_at: facts.now,
        prev_hash: state.chain_head,
    };
    let event = Box::new(chain::seal(body)?);
    Ok(Ok(Decision::Event { new_tenant, event }))
}

fn create_tenant(state: &TenantState, command: &Command, quotas: Quotas, facts: &Facts) -> Result<Decision, Rejection> {
    if state.tenant.is_some() {
        return Err(Rejection::TenantExists);
    }
    command.precondition.check(None)?;
    let after = Some(Box::new(first_record(&command.tenant, quotas, facts)));
    Ok(Decision::Tenant { effect: Effect::Created, after })
}

fn patch_tenant(
    state: &TenantState, command: &Command, routes_quota: Option<Option<u32>>, facts: &Facts,
) -> Result<Decision, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    command.precondition.check(Some(&tenant.tag()))?;
    let quotas = Quotas { routes: routes_quota.unwrap_or(tenant.quotas.routes) };
    if quotas == tenant.quotas {
        return Ok(Decision::Unchanged);
    }
    let after = Tenant { quotas, updated_at: facts.now, updated_by: facts.actor.id.clone(), ..tenant.clone() };
    Ok(Decision::Tenant { effect: Effect::Updated, after: Some(Box::new(after)) })
}

fn delete_tenant(state: &TenantState, command: &Command) -> Result<Decision, Rejection> {
    let tenant = state.tenant.as_ref().ok_or(Rejection::TenantNotFound)?;
    command.precondition.check(Some(&tenant.tag()))?;
    if tenant.routes > 0 {
        return Err(Rejection::TenantNotEmpty { routes: tenant.routes });
    }
    Ok(Decision::Tenant { effect: Effect::Deleted, after: None })
}

fn first_record(name: &TenantName, quotas: Quotas, facts: &Facts) -> Tenant {
    Tenant {
        name: name.clone(),
        epoch: facts.new_epoch.clone(),
        revision: Revision::default(),
        quotas,
        routes: 0,
        created_at: facts.now,
        created_by: facts.actor.id.clone(),
        updated_at: facts.now,
        updated_by: facts.actor.id.clone(),
    }
}

fn tag_of(route: &Route, tenant: &Tenant) -> VersionTag {
    VersionTag { epoch: tenant.epoch.clone(), revision: route.revision }
}

/// Does what was decided: the only place where a [`TenantState`] changes.
pub fn evolve(state: &mut TenantState, decision: &Decision) {
    match decision {
        Decision::Unchanged => {}
        Decision::Tenant { after, .. } => {
            if after.is_none() || state.tenant.is_none() {
                state.chain_head = EventHash::GENESIS;
            }
            state.tenant = after.as_deref().cloned();
        }
        Decision::Event { new_tenant, event } => {
            if let Some(tenant) = new_tenant {
                state.tenant = Some((**tenant).clone());
            }
            if let Some(tenant) = &mut state.tenant {
                tenant.revision = event.body.revision;
                match event.body.action {
                    Action::Created => tenant.routes += 1,
                    Action::Deleted => tenant.routes = tenant.routes.saturating_sub(1),
                    Action::Updated | Action::Activated | Action::Deactivated => {}
                }
            }
            state.chain_head = event.hash;
            evolve_route(&mut state.routes, &event.body);
        }
    }
}

fn evolve_route(routes: &mut HashMap<RouteName, Route>, event: &EventBody) {
    let Some(spec) = &event.after else {
        routes.remove(&event.route);
        return;
    };
    let created = routes.get(&event.route).map(|route| (route.created_at, route.created_by.clone()));
    let (created_at, created_by) = created.unwrap_or_else(|| (event.occurred_at, event.actor.id.clone()));
    let route = Route {
        name: event.route.clone(),
        spec: spec.clone(),
        revision: event.revision,
        created_at,
        created_by,
        updated_at: event.occurred_at,
        updated_by: event.actor.id.clone(),
    };
    routes.insert(event.route.clone(), route);
}

/// What to answer once `decision` is done: `state` is the state after it. `None` cannot happen for a decision made on this state.
pub fn outcome(state: &TenantState, command: &Command, decision: &Decision, before: Option<&Tenant>) -> Option<Outcome> {
    let effect = match decision {
        Decision::Unchanged => Effect::Unchanged,
        Decision::Tenant { effect, .. } => *effect,
        Decision::Event { event, .. } => match event.body.action {
            Action::Created => Effect::Created,
            Action::Deleted => Effect::Deleted,
            Action::Updated | Action::Activated | Action::Deactivated => Effect::Updated,
        },
    };
    let tenant = state.tenant.as_ref().or(before)?;
    let route = command.route().and_then(|name| state.routes.get(name));
    let (object, tag) = match (command.route(), route) {
        (Some(_), Some(route)) => (Object::Route(Box::new(route.clone())), tag_of(route, tenant)),
        (None, _) if effect != Effect::Deleted => (Object::Tenant(Box::new(tenant.clone())), tenant.tag()),
        _ => (Object::Gone, tenant.tag()),
    };
    Some(Outcome { effect, tag, object })
}
