//! A group of commands, decided: the pure middle of a group commit.
//!
//! On the state that the transaction has locked, [`plan`] decides command by command, in order of arrival, and collects what must be
//! written. A refused command costs its neighbours nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use crate::{
    domain::{
        chain,
        command::{Command, Effect, Facts, Outcome, Rejection},
        decide::{self, Decision, TenantState},
        event::Recorded,
        hash::EventHash,
        ids::{RouteKey, RouteName, TenantName},
        tag::VersionTag,
        tenant::Tenant,
    },
    store::{
        events::NewEvent,
        group::{Locked, Rows, Wanted},
        idempotency::{Answer, Key},
    },
};

/// A command with everything that deciding it needs.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// Who, when, why.
    pub facts: Facts,
    /// `Idempotency-Key`, as sent.
    pub idempotency_key: Option<String>,
    /// W3C trace context, published with the event.
    pub traceparent: Option<String>,
}

impl Request {
    fn key(&self) -> Option<Key> {
        let key = self.idempotency_key.clone()?;
        Some(Key { tenant: self.command.tenant.clone(), actor: self.facts.actor.id.clone(), key })
    }

    /// What the key is bound to: the command, whatever white space its JSON had.
    fn fingerprint(&self) -> Result<String, serde_json::Error> {
        Ok(hex::encode(Sha256::digest(chain::canonical(&self.command)?)))
    }
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What was done, now or the first time.
    pub outcome: Outcome,
    /// True when this is the stored answer to an earlier request with the same key.
    pub replayed: bool,
}

/// What a group came to.
#[derive(Debug)]
pub struct Committed {
    /// One per request, in the same order.
    pub replies: Vec<Result<Reply, Rejection>>,
    /// What was written, in commit order per tenant.
    pub events: Vec<Recorded>,
    /// Tenants that began a life in this group, with the tags that they began with.
    pub new_tenants: Vec<(TenantName, VersionTag)>,
    /// Tenants that are no more.
    pub deleted_tenants: Vec<TenantName>,
}

impl Committed {
    /// The events of each tenant, in commit order.
    pub fn by_tenant(&self) -> BTreeMap<&TenantName, Vec<&Recorded>> {
        let mut by_tenant: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for recorded in &self.events {
            by_tenant.entry(&recorded.event.body.tenant).or_default().push(recorded);
        }
        by_tenant
    }
}

/// What a group came to on paper: the replies, and the rows that make them true.
#[derive(Debug, Default)]
pub struct Plan {
    /// One per request, in the same order.
    pub replies: Vec<Result<Reply, Rejection>>,
    /// What must be written.
    pub rows: Rows,
    /// Tenants that began a life in this group, with the tags that they began with.
    pub new_tenants: Vec<(TenantName, VersionTag)>,
}

/// The rows that a group's requests name.
pub fn wanted(requests: &[Request]) -> Wanted {
    let tenants: BTreeSet<_> = requests.iter().map(|request| request.command.tenant.clone()).collect();
    let key = |request: &Request| {
        let name = request.command.route()?.clone();
        Some(RouteKey { tenant: request.command.tenant.clone(), name })
    };
    let routes: BTreeSet<RouteKey> = requests.iter().filter_map(key).collect();
    let keys = requests.iter().filter_map(Request::key).collect();
    Wanted { tenants: tenants.into_iter().collect(), routes: routes.into_iter().collect(), keys }
}

/// Decides a group on the state that its transaction has locked. The error is a defect, never an input.
pub fn plan(requests: &[Request], locked: Locked, default_routes_quota: u32) -> Result<Plan, serde_json::Error> {
    let mut states: HashMap<TenantName, TenantState> = HashMap::new();
    let mut existed = BTreeSet::new();
    for (tenant, chain_head) in locked.tenants {
        existed.insert(tenant.name.clone());
        let absent = TenantState::absent(default_routes_quota);
        states.insert(tenant.name.clone(), TenantState { chain_head, tenant: Some(tenant), ..absent });
    }
    for (tenant, route) in locked.routes {
        let state = states.entry(tenant).or_insert_with(|| TenantState::absent(default_routes_quota));
        state.routes.insert(route.name.clone(), route);
    }
    let mut answers: HashMap<Key, Answer> = locked.answers.into_iter().collect();
    let mut plan = Plan::default();
    let mut touched = BTreeMap::new();
    for request in requests {
        let state = states.entry(request.command.tenant.clone()).or_insert_with(|| TenantState::absent(default_routes_quota));
        let reply = answer(request, state, &mut answers, &mut plan, &mut touched)?;
        plan.replies.push(reply);
    }
    collect_rows(&mut plan.rows, &states, &existed, &touched);
    Ok(plan)
}

/// What a group did to one tenant.
#[derive(Default)]
struct Touched {
    /// The routes that have events.
    routes: BTreeSet<RouteName>,
    /// The tenant's record when a life of its last ended.
    ended: Option<Tenant>,
}

fn answer(
    request: &Request, state: &mut TenantState, answers: &mut HashMap<Key, Answer>, plan: &mut Plan,
    touched: &mut BTreeMap<TenantName, Touched>,
) -> Result<Result<Reply, Rejection>, serde_json::Error> {
    let keyed = request.key().map(|key| request.fingerprint().map(|print| (key, print))).transpose()?;
    if let Some((key, fingerprint)) = &keyed
        && let Some(first) = answers.get(key)
    {
        return Ok(if first.fingerprint == *fingerprint {
            Ok(Reply { outcome: first.outcome.clone(), replayed: true })
        } else {
            Err(Rejection::IdempotencyMismatch)
        });
    }
    let decision = match decide::decide(state, &request.command, &request.facts)? {
        Ok(decision) => decision,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let before = state.tenant.clone();
    decide::evolve(state, &decision);
    let Some(outcome) = decide::outcome(state, &request.command, &decision, before.as_ref()) else {
        return Ok(Err(Rejection::TenantNotFound));
    };
    match decision {
        Decision::Unchanged => {}
        Decision::Tenant { effect, after } => {
            let touched = touched.entry(request.command.tenant.clone()).or_default();
            match (effect, after) {
                (Effect::Created, Some(tenant)) => plan.new_tenants.push((tenant.name.clone(), tenant.tag())),
                (_, None) => touched.ended = before,
                (_, Some(_)) => {}
            }
        }
        Decision::Event { new_tenant, event } => {
            plan.new_tenants.extend(new_tenant.map(|tenant| (tenant.name.clone(), tenant.tag())));
            touched.entry(event.body.tenant.clone()).or_default().routes.insert(event.body.route.clone());
            let payload = chain::payload(&event)?;
            plan.rows.events.push(NewEvent { event: *event, payload, traceparent: request.traceparent.clone() });
        }
    }
    if let Some((key, fingerprint)) = keyed {
        let first = Answer { fingerprint, outcome: outcome.clone() };
        answers.insert(key.clone(), first.clone());
        plan.rows.answers.push((key, first));
    }
    Ok(Ok(Reply { outcome, replayed: false }))
}

/// The rows of everything touched, as they are after the whole group.
fn collect_rows(
    rows: &mut Rows, states: &HashMap<TenantName, TenantState>, existed: &BTreeSet<TenantName>,
    touched: &BTreeMap<TenantName, Touched>,
) {
    for (name, Touched { routes, ended }) in touched {
        let Some(state) = states.get(name) else { continue };
        match (&state.tenant, existed.contains(name)) {
            (Some(tenant), true) => rows.update_tenants.push((tenant.clone(), state.chain_head)),
            (Some(tenant), false) => rows.insert_tenants.push((tenant.clone(), state.chain_head)),
            (None, true) => rows.delete_tenants.push(name.clone()),
            // Begun and ended within the group. The row that comes and goes keeps its events out of another life that another
            // instance is just making: there was no row to lock.
            (None, false) => {
                rows.insert_tenants.extend(ended.clone().map(|tenant| (tenant, EventHash::GENESIS)));
                rows.delete_tenants.push(name.clone());
            }
        }
        for route in routes {
            match state.routes.get(route) {
                Some(route) => rows.upsert_routes.push((name.clone(), route.clone())),
                None => rows.delete_routes.push(RouteKey { tenant: name.clone(), name: route.clone() }),
            }
        }
    }
}

impl Plan {
    /// What to tell once it is committed, and what to write for that.
    pub fn split(self) -> (Rows, Committed) {
        let recorded = |new: &NewEvent| Recorded { event: new.event.clone(), json: new.payload.clone().into() };
        let committed = Committed {
            replies: self.replies,
            events: self.rows.events.iter().map(recorded).collect(),
            new_tenants: self.new_tenants,
            deleted_tenants: self.rows.delete_tenants.clone(),
        };
        (self.rows, committed)
    }
}

/// The metric label of an effect.
pub fn label(effect: Effect) -> &'static str {
    match effect {
        Effect::Created => "created",
        Effect::Updated => "updated",
        Effect::Unchanged => "unchanged",
        Effect::Deleted => "deleted",
    }
}
