//! The decision of a group of commands: the pure part of a group commit.
//!
//! [`plan`] decides the commands one by one, in order of arrival, on the state that the transaction
//! has locked. It collects the rows to write. A refused command does not affect the other commands
//! of the group.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use super::rows::{Answer, IdempotencyKey, Locked, LockedTenant, NewEvent, Rows, RowsToLock};
use crate::{
    chain,
    command::{Command, CommandContext, Desired, Effect, Op, Outcome, Rejection},
    decide::{self, Decision, TenantState},
    event::{Change, Event, Recorded},
    hash::EventHash,
    host::Host,
    ids::{PolicyKey, PolicyName, RouteKey, RouteName, TenantName},
    policy::{Rule, pattern},
    tag::VersionTag,
    tenant::{Limits, Tenant},
};

/// A command with all data that its decision needs.
#[derive(Debug, Clone)]
pub struct Request {
    /// The command to execute.
    pub command: Command,
    /// The context of the command: actor, time, reason and request.
    pub context: CommandContext,
    /// `Idempotency-IdempotencyKey`, as sent.
    pub idempotency_key: Option<String>,
    /// W3C trace context, published with the event.
    pub traceparent: Option<String>,
}

impl Request {
    fn key(&self) -> Option<IdempotencyKey> {
        let key = self.idempotency_key.clone()?;
        Some(IdempotencyKey {
            tenant: self.command.tenant.clone(),
            actor: self.context.actor.identity(),
            key,
        })
    }

    /// Returns the hash that the idempotency key is bound to: SHA-256 of the command's canonical
    /// JSON, so the white space of the request does not matter.
    fn fingerprint(&self) -> Result<String, serde_json::Error> {
        Ok(hex::encode(Sha256::digest(chain::canonical(
            &self.command,
        )?)))
    }
}

/// The reply to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The outcome of this request, or of the first request with the same key.
    pub outcome: Outcome,
    /// True when this is the stored answer to an earlier request with the same key.
    pub replayed: bool,
}

/// The result of a committed group.
#[derive(Debug)]
pub struct Committed {
    /// The replies, one per request, in the same order.
    pub replies: Vec<Result<Reply, Rejection>>,
    /// The events that were written, in commit order per tenant.
    pub events: Vec<Recorded>,
    /// Tenants that were created or started a new epoch in this group, with their first tags.
    pub new_tenants: Vec<(TenantName, VersionTag)>,
    /// Tenants that were deleted in this group.
    pub deleted_tenants: Vec<TenantName>,
}

impl Committed {
    /// Returns the events of each tenant, in commit order.
    pub fn by_tenant(&self) -> BTreeMap<&TenantName, Vec<&Recorded>> {
        let mut by_tenant: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for recorded in &self.events {
            by_tenant
                .entry(&recorded.event.body.tenant)
                .or_default()
                .push(recorded);
        }
        by_tenant
    }
}

/// The decision of a group before its commit: the replies, and the rows to write for them.
#[derive(Debug, Default)]
pub struct Plan {
    /// The replies, one per request, in the same order.
    pub replies: Vec<Result<Reply, Rejection>>,
    /// The rows to write.
    pub rows: Rows,
    /// Tenants that were created or started a new epoch in this group, with their first tags.
    pub new_tenants: Vec<(TenantName, VersionTag)>,
}

/// Returns the rows that a group's requests name or depend on.
pub fn wanted(requests: &[Request]) -> RowsToLock {
    let mut rows = Naming::default();
    let mut keys = Vec::new();
    for request in requests {
        rows.name(&request.command);
        keys.extend(request.key());
    }
    let Naming {
        tenants,
        routes,
        policies,
        hosts,
        scopes_of,
        active_of,
        patterns_of,
        whole,
        ending,
    } = rows;
    RowsToLock {
        tenants: tenants.into_iter().collect(),
        routes: routes.into_iter().collect(),
        policies: policies.into_iter().collect(),
        hosts: hosts.into_iter().collect(),
        scopes_of: scopes_of.into_iter().collect(),
        active_of: active_of.into_iter().collect(),
        patterns_of: patterns_of.into_iter().collect(),
        whole: whole.into_iter().collect(),
        ending: ending.into_iter().collect(),
        keys,
        is_large: requests
            .iter()
            .any(|request| matches!(request.command.op, Op::StartEpoch)),
    }
}

/// The rows that commands name or depend on, each once.
#[derive(Default)]
struct Naming {
    tenants: BTreeSet<TenantName>,
    routes: BTreeSet<RouteKey>,
    policies: BTreeSet<PolicyKey>,
    hosts: BTreeSet<(TenantName, Host)>,
    scopes_of: BTreeSet<TenantName>,
    active_of: BTreeSet<TenantName>,
    patterns_of: BTreeSet<TenantName>,
    whole: BTreeSet<TenantName>,
    ending: BTreeSet<TenantName>,
}

impl Naming {
    fn name(&mut self, command: &Command) {
        let tenant = &command.tenant;
        self.tenants.insert(tenant.clone());
        match &command.op {
            Op::Upsert { route, spec } => self.route(tenant, route, !spec.is_active),
            Op::Patch { route, patch } => self.route(tenant, route, patch.is_active == Some(false)),
            Op::SetActive { route, is_active } => self.route(tenant, route, !is_active),
            Op::Delete { route } => self.route(tenant, route, true),
            Op::PutPolicy { policy, spec } => self.policy_spec(tenant, policy, Some(spec)),
            Op::PatchPolicy { policy, patch } => {
                self.policy(tenant, policy);
                patch
                    .versions()
                    .for_each(|version| self.route(tenant, &policy.route(&version), false));
                self.hosts.extend(
                    patch
                        .hosts
                        .iter()
                        .flatten()
                        .flatten()
                        .map(|host| (tenant.clone(), host.clone())),
                );
                patch
                    .rules
                    .iter()
                    .flatten()
                    .for_each(|rules| self.patterns(tenant, rules));
            }
            Op::DeletePolicy { policy } => self.policy(tenant, policy),
            Op::Apply(apply) => {
                for desired in &apply.changes {
                    match desired {
                        Desired::Route { name, spec } => {
                            self.route(
                                tenant,
                                name,
                                spec.as_ref().is_none_or(|spec| !spec.is_active),
                            );
                        }
                        Desired::State { name, is_active } => self.route(tenant, name, !is_active),
                        Desired::Policy { name, spec } => {
                            self.policy_spec(tenant, name, spec.as_ref())
                        }
                    }
                }
                match apply.base {
                    Some(_) => self.scopes_of.insert(tenant.clone()),
                    None => self.active_of.insert(tenant.clone()),
                };
            }
            Op::StartEpoch => drop(self.whole.insert(tenant.clone())),
            Op::DeleteTenant {
                with_everything: true,
            }
            | Op::EndTenant => drop(self.ending.insert(tenant.clone())),
            Op::CreateTenant { .. } | Op::PatchTenant { .. } | Op::DeleteTenant { .. } => {}
        }
    }

    /// Adds a route and, if the route may stop taking traffic, the policy that may send traffic to
    /// it.
    fn route(&mut self, tenant: &TenantName, name: &RouteName, may_stop: bool) {
        if may_stop {
            self.policy(tenant, &PolicyName::of(name));
        }
        self.routes.insert(RouteKey {
            tenant: tenant.clone(),
            name: name.clone(),
        });
    }

    fn policy(&mut self, tenant: &TenantName, name: &PolicyName) {
        self.policies.insert(PolicyKey {
            tenant: tenant.clone(),
            name: name.clone(),
        });
    }

    fn policy_spec(
        &mut self,
        tenant: &TenantName,
        name: &PolicyName,
        spec: Option<&crate::policy::PolicySpec>,
    ) {
        self.policy(tenant, name);
        if let Some(spec) = spec {
            spec.versions()
                .for_each(|(_, version)| self.route(tenant, &name.route(version), false));
            self.hosts
                .extend(spec.hosts.iter().map(|host| (tenant.clone(), host.clone())));
            self.patterns(tenant, &spec.rules);
        }
    }

    /// Adds written rules. If they have patterns, the number of patterns that the tenant already
    /// has matters too.
    fn patterns(&mut self, tenant: &TenantName, rules: &[Rule]) {
        if pattern::count(rules) > 0 {
            self.patterns_of.insert(tenant.clone());
        }
    }
}

/// Returns the tenants that must start a new epoch on the database's current timeline before
/// `requests` can be decided.
pub fn on_other_timeline(requests: &[Request], locked: &Locked) -> Vec<TenantName> {
    let on_other_timeline = locked
        .tenants
        .iter()
        .filter(|locked| locked.is_of_other_timeline)
        .map(|locked| &locked.tenant.name);
    let is_continued = |name: &TenantName| {
        let first = requests
            .iter()
            .find(|request| request.command.tenant == *name);
        first.is_some_and(|first| matches!(first.command.op, Op::StartEpoch))
    };
    on_other_timeline
        .filter(|name| !is_continued(name))
        .cloned()
        .collect()
}

/// Decides a group on the state that its transaction has locked. An error is a defect of the
/// service, never caused by input.
pub fn plan(
    requests: &[Request],
    mut locked: Locked,
    limits: impl Into<Limits>,
) -> Result<Plan, serde_json::Error> {
    let limits = limits.into();
    let existed = locked
        .tenants
        .iter()
        .map(|locked| locked.tenant.name.clone())
        .collect();
    let mut answers: HashMap<IdempotencyKey, Answer> = locked.answers.iter().cloned().collect();
    // Hosts do not belong to one tenant's state: if one tenant releases or claims a host, the next
    // command of another tenant must see that.
    let mut hosts = std::mem::take(&mut locked.hosts);
    let mut states = states(requests, locked, limits);
    let mut plan = Plan::default();
    let mut touched = BTreeMap::new();
    for request in requests {
        let state = states
            .entry(request.command.tenant.clone())
            .or_insert_with(|| TenantState::absent(limits));
        std::mem::swap(&mut state.hosts, &mut hosts);
        let reply = answer(request, state, &mut answers, &mut plan, &mut touched)?;
        std::mem::swap(&mut state.hosts, &mut hosts);
        plan.replies.push(reply);
    }
    collect_rows(&mut plan.rows, &states, &existed, &touched);
    Ok(plan)
}

/// Returns the locked state of each tenant.
fn states(
    requests: &[Request],
    locked: Locked,
    limits: Limits,
) -> HashMap<TenantName, TenantState> {
    let mut states: HashMap<TenantName, TenantState> = HashMap::new();
    for request in requests {
        states
            .entry(request.command.tenant.clone())
            .or_insert_with(|| TenantState::absent(limits));
    }
    for LockedTenant {
        tenant,
        chain_head,
        is_of_other_timeline,
    } in locked.tenants
    {
        if let Some(state) = states.get_mut(&tenant.name) {
            (state.chain_head, state.is_of_other_timeline, state.tenant) =
                (chain_head, is_of_other_timeline, Some(tenant));
        }
    }
    for (tenant, route) in locked.routes {
        if let Some(state) = states.get_mut(&tenant) {
            state.routes.insert(route.name.clone(), route);
        }
    }
    for (tenant, policy) in locked.policies {
        if let Some(state) = states.get_mut(&tenant) {
            state.policies.insert(policy.name.clone(), policy);
        }
    }
    for (tenant, scope, revision) in locked.scopes {
        if let Some(state) = states.get_mut(&tenant) {
            state.scopes.insert(scope, revision);
        }
    }
    for (tenant, patterns) in locked.patterns {
        if let Some(state) = states.get_mut(&tenant) {
            state.patterns = patterns;
        }
    }
    for (tenant, active) in locked.active {
        if let Some(state) = states.get_mut(&tenant) {
            state.active = active;
        }
    }
    states
}

/// The objects of one tenant that a group changed.
#[derive(Default)]
struct Touched {
    /// The routes that have events.
    routes: BTreeSet<RouteName>,
    /// The policies that have events.
    policies: BTreeSet<PolicyName>,
    /// The tenant's record just before its last deletion in the group.
    ended: Option<Tenant>,
}

impl Touched {
    fn by(&mut self, event: &Event, before: Option<&Tenant>) {
        match &event.body.change {
            Change::Route { name, .. } => drop(self.routes.insert(name.clone())),
            Change::Policy { name, .. } => drop(self.policies.insert(name.clone())),
            Change::Tenant { after: None, .. } => self.ended = before.cloned(),
            Change::Tenant { after: Some(_), .. } => {}
        }
    }
}

fn answer(
    request: &Request,
    state: &mut TenantState,
    answers: &mut HashMap<IdempotencyKey, Answer>,
    plan: &mut Plan,
    touched: &mut BTreeMap<TenantName, Touched>,
) -> Result<Result<Reply, Rejection>, serde_json::Error> {
    let keyed = request
        .key()
        .map(|key| request.fingerprint().map(|print| (key, print)))
        .transpose()?;
    if let Some((key, fingerprint)) = &keyed
        && let Some(first) = answers.get(key)
    {
        return Ok(if first.fingerprint == *fingerprint {
            Ok(Reply {
                outcome: first.outcome.clone(),
                replayed: true,
            })
        } else {
            Err(Rejection::IdempotencyMismatch)
        });
    }
    let decision = match decide::decide(state, &request.command, &request.context)? {
        Ok(decision) => decision,
        Err(rejection) => return Ok(Err(rejection)),
    };
    if decision == Decision::Unchanged && keyed.is_some() {
        match decide::pay_for_answer(state, &request.context) {
            // The tenant's row must be written, because its `paid_until` has changed.
            Ok(true) => drop(touched.entry(request.command.tenant.clone()).or_default()),
            Ok(false) => {}
            Err(rejection) => return Ok(Err(rejection)),
        }
    }
    let before = state.tenant.clone();
    decide::evolve(state, &decision);
    let Some(outcome) = decide::outcome(state, &request.command, &decision, before.as_ref()) else {
        return Ok(Err(Rejection::TenantNotFound));
    };
    if let Decision::Revision {
        new_tenant, events, ..
    } = decision
    {
        plan.new_tenants
            .extend(new_tenant.map(|tenant| (tenant.name.clone(), tenant.tag())));
        let touched = touched.entry(request.command.tenant.clone()).or_default();
        for event in events {
            touched.by(&event, before.as_ref());
            let payload = chain::payload(&event)?;
            plan.rows.events.push(NewEvent {
                event,
                payload,
                traceparent: request.traceparent.clone(),
            });
        }
    }
    if let Some((key, fingerprint)) = keyed {
        let first = Answer {
            fingerprint,
            outcome: outcome.clone(),
        };
        answers.insert(key.clone(), first.clone());
        plan.rows.answers.push((key, first));
    }
    Ok(Ok(Reply {
        outcome,
        replayed: false,
    }))
}

/// Collects the rows of all changed objects, in their state after the whole group.
fn collect_rows(
    rows: &mut Rows,
    states: &HashMap<TenantName, TenantState>,
    existed: &BTreeSet<TenantName>,
    touched: &BTreeMap<TenantName, Touched>,
) {
    for (
        name,
        Touched {
            routes,
            policies,
            ended,
        },
    ) in touched
    {
        let Some(state) = states.get(name) else {
            continue;
        };
        match (&state.tenant, existed.contains(name)) {
            (Some(tenant), true) => rows.update_tenants.push((tenant.clone(), state.chain_head)),
            (Some(tenant), false) => rows.insert_tenants.push((tenant.clone(), state.chain_head)),
            (None, true) => rows.delete_tenants.push(name.clone()),
            // The tenant was created and deleted within the group, so there was no row to lock.
            // Another instance may be creating an incarnation of the same tenant right now. The row
            // that is inserted and deleted keeps the events of the two incarnations apart.
            (None, false) => {
                rows.insert_tenants
                    .extend(ended.clone().map(|tenant| (tenant, EventHash::GENESIS)));
                rows.delete_tenants.push(name.clone());
            }
        }
        for route in routes {
            match state.routes.get(route) {
                Some(route) => rows.upsert_routes.push((name.clone(), route.clone())),
                None => rows.delete_routes.push(RouteKey {
                    tenant: name.clone(),
                    name: route.clone(),
                }),
            }
        }
        for policy in policies {
            match state.policies.get(policy) {
                Some(policy) => rows.upsert_policies.push((name.clone(), policy.clone())),
                None => rows.delete_policies.push(PolicyKey {
                    tenant: name.clone(),
                    name: policy.clone(),
                }),
            }
        }
    }
}

impl Plan {
    /// Splits the plan into the rows to write and the result to report after the commit.
    pub fn split(self) -> (Rows, Committed) {
        let recorded = |new: &NewEvent| Recorded {
            event: new.event.clone(),
            json: new.payload.clone().into(),
        };
        let committed = Committed {
            replies: self.replies,
            events: self.rows.events.iter().map(recorded).collect(),
            new_tenants: self.new_tenants,
            deleted_tenants: self.rows.delete_tenants.clone(),
        };
        (self.rows, committed)
    }
}

/// Returns the metric label of an effect.
pub fn label(effect: Effect) -> &'static str {
    match effect {
        Effect::Created => "created",
        Effect::Updated => "updated",
        Effect::Unchanged => "unchanged",
        Effect::Deleted => "deleted",
    }
}
