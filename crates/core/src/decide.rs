//! The pure core of a write: `decide` under the tenant's lock, then `evolve`.
//!
//! `decide` answers whether a command may be done and, if so, returns the sealed events of its
//! revision. `evolve` is the only place where a state changes. Both run once per command, in order
//! of arrival, on the state that the transaction has locked, so a batch of commands ends in the
//! same state as the commands one at a time.

mod changes;
mod checks;
mod continued;
mod ended;
mod sizes;

use std::collections::{BTreeMap, HashMap};

use super::{
    chain,
    command::{
        ChangedObject, Command, CommandContext, Effect, MAX_CHANGES, Op, Outcome, Rejection,
        Summary,
    },
    event::{self, Change, Event, EventBody},
    hash::EventHash,
    host::{HostSuffix, claims::Claims},
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName},
    policy::{Policy, PolicySpec, pattern},
    removal::{ConfirmedRemoval, Removal},
    route::Route,
    snapshot::Scope,
    tag::{Revision, VersionTag},
    tenant::{Ending, Limits, Quotas, Tenant},
    time::UtcTime,
};

/// The state of one tenant as a batch sees it: its row, and the objects that the batch's commands
/// name or depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantState {
    /// The tenant's row, if it exists.
    pub tenant: Option<Tenant>,
    /// The hash of the tenant's newest event of this epoch.
    pub chain_head: EventHash,
    /// The tenant's newest revision belongs to another timeline of the database: only
    /// [`Op::StartEpoch`] may be decided.
    pub is_of_other_timeline: bool,
    /// The routes that the batch needs. A route that is missing here does not exist.
    pub routes: HashMap<RouteName, Route>,
    /// The policies that the batch needs. A policy that is missing here does not exist.
    pub policies: HashMap<PolicyName, Policy>,
    /// The claimed hosts that the batch needs, of this tenant and of others. A host that is missing
    /// here is free.
    pub hosts: Claims,
    /// The newest revision of each scope, if a command depends on that.
    pub scopes: BTreeMap<(ServiceName, EnvName), Revision>,
    /// The number of the tenant's active routes, if a command depends on it.
    pub active: u32,
    /// The number of patterns in the rules of the tenant's policies, if a command depends on it.
    pub patterns: u32,
    /// The limits of a tenant without quotas of its own.
    pub defaults: Quotas,
    /// The most bytes of an event.
    pub event_bytes: usize,
}

impl TenantState {
    /// The state of a tenant that does not exist.
    pub fn absent(limits: impl Into<Limits>) -> Self {
        let Limits {
            quotas: defaults,
            event_bytes,
        } = limits.into();
        Self {
            tenant: None,
            chain_head: EventHash::GENESIS,
            is_of_other_timeline: false,
            routes: HashMap::new(),
            policies: HashMap::new(),
            hosts: Claims::default(),
            scopes: BTreeMap::new(),
            active: 0,
            patterns: 0,
            defaults,
            event_bytes,
        }
    }

    /// The limits that the tenant is held to.
    fn limits(&self) -> Limits {
        Limits {
            quotas: self.defaults,
            event_bytes: self.event_bytes,
        }
    }

    /// The newest revision that touched a scope.
    fn newest(&self, scope: &Scope) -> Revision {
        let in_scope = self
            .scopes
            .iter()
            .filter(|((service, env), _)| scope.has(service, env));
        in_scope
            .map(|(_, revision)| *revision)
            .max()
            .unwrap_or_default()
    }
}

/// The effect of a command, decided but not yet applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: the object has the desired state already.
    Unchanged,
    /// A new revision of the tenant.
    Revision {
        /// The tenant's record, set for the first revision of an epoch: it creates the tenant, or
        /// continues the tenant in a new epoch.
        new_tenant: Option<Box<Tenant>>,
        /// The sealed events, in their order. Never empty.
        events: Vec<Event>,
        /// Set for each revision of the tenant's deletion but the last.
        ending: Option<Box<Ending>>,
    },
}

/// An event could not be serialised: a defect, never an input.
pub type SealError = serde_json::Error;

/// Decides `command` on `state`; changes nothing.
///
/// The outer error is a defect of the program, the inner one an error of the caller.
pub fn decide(
    state: &TenantState,
    command: &Command,
    context: &CommandContext,
) -> Result<Result<Decision, Rejection>, SealError> {
    let (new_tenant, changes) = match allowed(state, command, context) {
        Ok((_, changes)) if changes.is_empty() => return Ok(Ok(Decision::Unchanged)),
        Ok(allowed) => allowed,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let events = match (&new_tenant, &state.tenant) {
        (Some(new), None) => sealed(new, EventHash::GENESIS, changes, None, context)?,
        (Some(new), Some(before)) => sealed(
            new,
            EventHash::GENESIS,
            changes,
            None,
            &continued::context(before, context),
        )?,
        (None, Some(tenant)) => {
            let context = ended::context(tenant, command, context);
            let ending = ended::begun(command, &changes, &context);
            let removal = checks::removal(state, command, &changes);
            let events = sealed(
                tenant,
                state.chain_head,
                changes,
                removal.as_ref(),
                &context,
            )?;
            return Ok(Ok(Decision::Revision {
                new_tenant,
                events,
                ending,
            }));
        }
        (None, None) => return Ok(Err(Rejection::TenantNotFound)),
    };
    Ok(Ok(Decision::Revision {
        new_tenant,
        events,
        ending: None,
    }))
}

/// Returns the changes that `command` would make on `state`, and the tenant's record if a new epoch
/// begins; or refuses the command.
pub fn allowed(
    state: &TenantState,
    command: &Command,
    context: &CommandContext,
) -> Result<(Option<Box<Tenant>>, Vec<Change>), Rejection> {
    if let Some(tenant) = &state.tenant {
        ended::check(tenant, &command.op)?;
    }
    let changes = changes::intended(state, command)?;
    if changes.is_empty() {
        return Ok((None, changes));
    }
    checks::within(&context.resource_scope, &changes)?;
    sizes::check(state.event_bytes, command, &changes)?;
    let new_tenant = match (&state.tenant, &command.op) {
        (Some(tenant), Op::StartEpoch) => Some(Box::new(continued::begun(tenant, context))),
        (Some(_), _) => None,
        (
            None,
            Op::CreateTenant {
                quotas,
                allowed_hosts,
            },
        ) => Some(Box::new(first_record(
            &command.tenant,
            *quotas,
            allowed_hosts.clone(),
            context,
        ))),
        (None, _) if context.may_create_tenant => Some(Box::new(first_record(
            &command.tenant,
            Quotas::default(),
            Vec::new(),
            context,
        ))),
        (None, _) => return Err(Rejection::TenantNotFound),
    };
    let tenant = state
        .tenant
        .as_ref()
        .or(new_tenant.as_deref())
        .ok_or(Rejection::TenantNotFound)?;
    checks::check(state, tenant, command, &changes, context)?;
    Ok((new_tenant, changes))
}

fn sealed(
    tenant: &Tenant,
    chain_head: EventHash,
    changes: Vec<Change>,
    removal: Option<&Removal>,
    context: &CommandContext,
) -> Result<Vec<Event>, SealError> {
    let items = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    let mut prev_hash = chain_head;
    let mut events = Vec::with_capacity(changes.len());
    for (item, change) in (0..items).zip(changes) {
        let Some(action) = change.action() else {
            continue;
        };
        let event = chain::seal(EventBody {
            action,
            actor: context.actor.clone(),
            change,
            confirmed_removal: removal.cloned(),
            epoch: tenant.epoch.clone(),
            id: event::id_of_item(context.event_id, item),
            item,
            items,
            occurred_at: context.now,
            prev_hash,
            reason: context.reason.clone(),
            request_id: context.request_id.clone(),
            revision: tenant.revision.next(),
            source_ip: context.source_ip.clone(),
            tenant: tenant.name.clone(),
            trace_id: context.trace_id.clone(),
        })?;
        prev_hash = event.hash;
        events.push(event);
    }
    Ok(events)
}

fn first_record(
    name: &TenantName,
    quotas: Quotas,
    allowed_hosts: Vec<HostSuffix>,
    context: &CommandContext,
) -> Tenant {
    Tenant {
        name: name.clone(),
        epoch: context.new_epoch.clone(),
        revision: Revision::default(),
        quotas,
        allowed_hosts,
        routes: 0,
        policies: 0,
        created_at: context.now,
        created_by: context.actor.id.clone(),
        updated_at: context.now,
        updated_by: context.actor.id.clone(),
        paid_until: None,
        ending: None,
        confirmed: None,
    }
}

fn tag_of(revision: Revision, tenant: &Tenant) -> VersionTag {
    VersionTag {
        epoch: tenant.epoch.clone(),
        revision,
    }
}

/// Applies a decision. The only place where a [`TenantState`] changes.
pub fn evolve(state: &mut TenantState, decision: &Decision) {
    let Decision::Revision {
        new_tenant,
        events,
        ending,
    } = decision
    else {
        return;
    };
    if let Some(tenant) = new_tenant {
        state.tenant = Some((**tenant).clone());
        state.chain_head = EventHash::GENESIS;
        state.is_of_other_timeline = false;
        state.scopes.clear();
        (state.active, state.patterns) = (0, 0);
    }
    if let Some(first) = events.first() {
        // A change that is exempt from the write rate does not use it up, above all the change that
        // raises the rate.
        if ending.is_none()
            && !events
                .iter()
                .any(|event| matches!(event.body.change, Change::Tenant { .. }))
        {
            pay(state, events.len(), first.body.occurred_at);
        }
        if let Some(tenant) = &mut state.tenant {
            tenant.revision = first.body.revision;
            tenant.ending = ending.clone().or(tenant.ending.take());
            if let Some(removal) = first.body.confirmed_removal.clone() {
                let tag = first.tag();
                tenant.confirmed = Some(Box::new(ConfirmedRemoval { tag, removal }));
            }
        }
    }
    for event in events {
        state.chain_head = event.hash;
        evolve_by(state, &event.body);
    }
}

fn pay(state: &mut TenantState, changes: usize, now: UtcTime) {
    let paid = state
        .tenant
        .as_ref()
        .and_then(|tenant| checks::paid(state, tenant, changes, now));
    if let Some(tenant) = &mut state.tenant {
        tenant.paid_until = paid;
    }
}

/// Charges one change for a command that changes nothing and yet stores a row: the answer to its
/// idempotency key. Returns whether the charge moved `paid_until`.
pub fn pay_for_answer(
    state: &mut TenantState,
    context: &CommandContext,
) -> Result<bool, Rejection> {
    let Some(tenant) = &state.tenant else {
        return Ok(false);
    };
    checks::pace(state, tenant, 1, context)?;
    let before = tenant.paid_until;
    pay(state, 1, context.now);
    Ok(state
        .tenant
        .as_ref()
        .is_some_and(|tenant| tenant.paid_until != before))
}

fn evolve_by(state: &mut TenantState, event: &EventBody) {
    if let Some((service, env)) = event.change.place() {
        state
            .scopes
            .insert((service.clone(), env.clone()), event.revision);
    }
    match &event.change {
        Change::Route {
            name,
            before,
            after,
        } => {
            let is_active = |spec: &Option<_>| {
                u32::from(
                    spec.as_ref()
                        .is_some_and(|spec: &super::route::RouteSpec| spec.is_active),
                )
            };
            state.active = (state.active + is_active(after)).saturating_sub(is_active(before));
            if let Some(tenant) = &mut state.tenant {
                tenant.routes = (tenant.routes + u32::from(after.is_some()))
                    .saturating_sub(u32::from(before.is_some()));
            }
            let held = state.routes.remove(name);
            if let Some(spec) = after.clone() {
                let (created_at, created_by) = made(
                    held.map(|route| (route.created_at, route.created_by)),
                    event,
                );
                let (updated_at, updated_by) = made(None, event);
                let (name, revision) = (name.clone(), event.revision);
                let route = Route {
                    name: name.clone(),
                    spec,
                    revision,
                    created_at,
                    created_by,
                    updated_at,
                    updated_by,
                };
                state.routes.insert(name, route);
            }
        }
        Change::Policy {
            name,
            before,
            after,
        } => {
            if let Some(tenant) = &mut state.tenant {
                tenant.policies = (tenant.policies + u32::from(after.is_some()))
                    .saturating_sub(u32::from(before.is_some()));
            }
            let patterns = |spec: &Option<PolicySpec>| {
                spec.as_ref().map_or(0, |spec| pattern::count(&spec.rules))
            };
            state.patterns = state
                .patterns
                .saturating_add(patterns(after))
                .saturating_sub(patterns(before));
            let held = state.policies.remove(name);
            for (host, prefix) in before.iter().flat_map(PolicySpec::claims) {
                // An earlier item of the revision may have given the host to another policy, and
                // that policy keeps the host.
                state.hosts.remove(host, prefix, &event.tenant, name);
            }
            if let Some(spec) = after.clone() {
                for (host, prefix) in spec.claims() {
                    state.hosts.insert(host, prefix, &event.tenant, name);
                }
                let (created_at, created_by) = made(
                    held.map(|policy| (policy.created_at, policy.created_by)),
                    event,
                );
                let (updated_at, updated_by) = made(None, event);
                let (name, revision) = (name.clone(), event.revision);
                let policy = Policy {
                    name: name.clone(),
                    spec,
                    revision,
                    created_at,
                    created_by,
                    updated_at,
                    updated_by,
                };
                state.policies.insert(name, policy);
            }
        }
        Change::Tenant { after: None, .. } => {
            *state = TenantState {
                hosts: std::mem::take(&mut state.hosts),
                ..TenantState::absent(state.limits())
            };
        }
        Change::Tenant {
            after: Some(spec), ..
        } => {
            if let Some(tenant) = &mut state.tenant {
                (tenant.quotas, tenant.allowed_hosts) = (spec.quotas, spec.allowed_hosts.clone());
                (tenant.updated_at, tenant.updated_by) = made(None, event);
            }
        }
    }
}

/// Returns a time and an actor: those stored, or those of the event.
fn made(
    held: Option<(super::time::UtcTime, String)>,
    event: &EventBody,
) -> (super::time::UtcTime, String) {
    held.unwrap_or_else(|| (event.occurred_at, event.actor.id.clone()))
}

/// Returns the answer to a command after `decision` is applied; `state` is the state after it.
/// `None` cannot happen for a decision made on this state.
pub fn outcome(
    state: &TenantState,
    command: &Command,
    decision: &Decision,
    before: Option<&Tenant>,
) -> Option<Outcome> {
    let tenant = match decision {
        Decision::Revision { events, .. } => {
            let tag = events.first()?.tag();
            return Some(revision_outcome(state, command, events, tag));
        }
        Decision::Unchanged => state.tenant.as_ref().or(before)?,
    };
    let (effect, tag) = (Effect::Unchanged, tenant.tag());
    let route = command.route().and_then(|name| state.routes.get(name));
    let policy = command.policy().and_then(|name| state.policies.get(name));
    let (object, tag) = match (route, policy, &command.op) {
        (Some(route), ..) => (
            ChangedObject::Route(Box::new(route.clone())),
            tag_of(route.revision, tenant),
        ),
        (_, Some(policy), _) => (
            ChangedObject::Policy(Box::new(policy.clone())),
            tag_of(policy.revision, tenant),
        ),
        (.., Op::Apply(apply)) => {
            let unchanged = u32::try_from(apply.changes.len()).unwrap_or(u32::MAX);
            (
                ChangedObject::Applied {
                    summary: Summary {
                        unchanged,
                        ..Summary::default()
                    },
                },
                tag,
            )
        }
        _ => (ChangedObject::Tenant(Box::new(tenant.clone())), tag),
    };
    Some(Outcome {
        effect,
        tag,
        object,
    })
}

fn revision_outcome(
    state: &TenantState,
    command: &Command,
    events: &[Event],
    tag: VersionTag,
) -> Outcome {
    let route = command.route().and_then(|name| state.routes.get(name));
    let policy = command.policy().and_then(|name| state.policies.get(name));
    // The last event is the command's own: a change of the policy that gives up a route's version
    // comes before it.
    let (was, is) = events
        .last()
        .map_or((true, true), |event| event.body.change.is_there());
    if let Some(tenant) = state.tenant.as_ref().filter(|_| ended::is_end(&command.op)) {
        return Outcome {
            effect: Effect::Updated,
            tag,
            object: ChangedObject::Tenant(Box::new(tenant.clone())),
        };
    }
    let effect = match (was, is) {
        (false, _) => Effect::Created,
        (true, true) => Effect::Updated,
        (true, false) => Effect::Deleted,
    };
    let object = match (route, policy, &state.tenant, &command.op) {
        (_, _, _, Op::Apply(apply)) => {
            let mut summary = Summary::default();
            events
                .iter()
                .map(|event| event.body.change.is_there())
                .for_each(|(was, is)| summary.count(was, is));
            summary.unchanged =
                u32::try_from(apply.changes.len().saturating_sub(events.len())).unwrap_or(0);
            return Outcome {
                effect: Effect::Updated,
                tag,
                object: ChangedObject::Applied { summary },
            };
        }
        (Some(route), ..) => ChangedObject::Route(Box::new(route.clone())),
        (_, Some(policy), ..) => ChangedObject::Policy(Box::new(policy.clone())),
        (_, _, Some(tenant), _) if effect != Effect::Deleted => {
            ChangedObject::Tenant(Box::new(tenant.clone()))
        }
        _ => ChangedObject::Gone,
    };
    Outcome {
        effect,
        tag,
        object,
    }
}

/// Refuses more changes than one revision may have.
fn too_many(changes: usize) -> Result<(), Rejection> {
    if changes > MAX_CHANGES {
        Err(Rejection::TooManyChanges)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
