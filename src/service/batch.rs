//! One group commit: lock, read, decide, write, commit.
//!
//! [`plan`] is the pure middle: on the locked state it decides command by command, in order of arrival, and collects what must be
//! written. [`commit`] is the transaction around it. A refused command costs its neighbours nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    time::Duration,
};

use deadpool_postgres::{Object, Transaction};
use futures_util::try_join;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Statement;

use crate::{
    domain::{
        chain::{self, EventHash},
        command::{Command, Effect, Facts, Outcome, Rejection},
        decide::{self, Decision, TenantState},
        event::Event,
        ids::{RouteKey, RouteName, TenantName},
        route::Route,
        tag::VersionTag,
        tenant::Tenant,
    },
    store::{
        self,
        events::NewEvent,
        idempotency::{Answer, Key},
        server,
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
    pub events: Vec<Event>,
    /// Tenants that began a life in this group, with the tags that they began with.
    pub new_tenants: Vec<(TenantName, VersionTag)>,
    /// Tenants that are no more.
    pub deleted_tenants: Vec<TenantName>,
}

impl Committed {
    /// The events of each tenant, in commit order.
    pub fn by_tenant(&self) -> BTreeMap<&TenantName, Vec<&Event>> {
        let mut by_tenant: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in &self.events {
            by_tenant.entry(&event.body.tenant).or_default().push(event);
        }
        by_tenant
    }
}

/// The rows that a group's requests name, as they are under the lock.
#[derive(Debug, Default)]
pub struct Locked {
    /// The tenants that exist, with their chain heads.
    pub tenants: Vec<(Tenant, EventHash)>,
    /// The named routes that exist.
    pub routes: Vec<(TenantName, Route)>,
    /// The idempotency keys that were used before.
    pub answers: Vec<(Key, Answer)>,
}

/// What a group writes.
#[derive(Debug, Default)]
pub struct Plan {
    /// One per request, in the same order.
    pub replies: Vec<Result<Reply, Rejection>>,
    /// New events, in commit order.
    pub events: Vec<NewEvent>,
    /// Tenants that begin a life, with the tags that they begin with.
    pub new_tenants: Vec<(TenantName, VersionTag)>,
    /// Tenants' rows to insert, with their chain heads.
    pub insert_tenants: Vec<(Tenant, EventHash)>,
    /// Tenants' rows to update, with their chain heads.
    pub update_tenants: Vec<(Tenant, EventHash)>,
    /// Tenants' rows to delete.
    pub delete_tenants: Vec<TenantName>,
    /// Routes' rows to insert or update.
    pub upsert_routes: Vec<(TenantName, Route)>,
    /// Routes' rows to delete; some may never have been there.
    pub delete_routes: Vec<RouteKey>,
    /// Answers to remember under their keys.
    pub answers: Vec<(Key, Answer)>,
}

impl Plan {
    fn writes_nothing(&self) -> bool {
        self.events.is_empty() && self.answers.is_empty() && self.insert_tenants.is_empty() && !self.changes_tenants()
    }

    fn changes_tenants(&self) -> bool {
        !self.update_tenants.is_empty() || !self.delete_tenants.is_empty()
    }
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
    let mut touched: BTreeMap<TenantName, BTreeSet<RouteName>> = BTreeMap::new();
    for request in requests {
        let state = states.entry(request.command.tenant.clone()).or_insert_with(|| TenantState::absent(default_routes_quota));
        let reply = answer(request, state, &mut answers, &mut plan, &mut touched)?;
        plan.replies.push(reply);
    }
    collect_rows(&mut plan, &states, &existed, &touched);
    Ok(plan)
}

fn answer(
    request: &Request, state: &mut TenantState, answers: &mut HashMap<Key, Answer>, plan: &mut Plan,
    touched: &mut BTreeMap<TenantName, BTreeSet<RouteName>>,
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
            if let (Effect::Created, Some(tenant)) = (effect, after) {
                plan.new_tenants.push((tenant.name.clone(), tenant.tag()));
            }
            touched.entry(request.command.tenant.clone()).or_default();
        }
        Decision::Event { new_tenant, event } => {
            plan.new_tenants.extend(new_tenant.map(|tenant| (tenant.name.clone(), tenant.tag())));
            touched.entry(event.body.tenant.clone()).or_default().insert(event.body.route.clone());
            // JCS output is UTF-8 by definition.
            let payload = String::from_utf8_lossy(&chain::canonical(&*event)?).into_owned();
            plan.events.push(NewEvent { event: *event, payload, traceparent: request.traceparent.clone() });
        }
    }
    if let Some((key, fingerprint)) = keyed {
        let first = Answer { fingerprint, outcome: outcome.clone() };
        answers.insert(key.clone(), first.clone());
        plan.answers.push((key, first));
    }
    Ok(Ok(Reply { outcome, replayed: false }))
}

/// The rows of everything touched, as they are after the whole group.
fn collect_rows(
    plan: &mut Plan, states: &HashMap<TenantName, TenantState>, existed: &BTreeSet<TenantName>,
    touched: &BTreeMap<TenantName, BTreeSet<RouteName>>,
) {
    for (name, routes) in touched {
        let Some(state) = states.get(name) else { continue };
        match (&state.tenant, existed.contains(name)) {
            (Some(tenant), true) => plan.update_tenants.push((tenant.clone(), state.chain_head)),
            (Some(tenant), false) => plan.insert_tenants.push((tenant.clone(), state.chain_head)),
            (None, true) => plan.delete_tenants.push(name.clone()),
            (None, false) => {}
        }
        for route in routes {
            match state.routes.get(route) {
                Some(route) => plan.upsert_routes.push((name.clone(), route.clone())),
                None => plan.delete_routes.push(RouteKey { tenant: name.clone(), name: route.clone() }),
            }
        }
    }
}

/// Every statement of a group. They are prepared before the first is sent: only then is the order of a pipeline the order in which
/// its futures are made, and the reads must come after the lock.
struct Statements {
    lock: Statement,
    find_routes: Statement,
    find_answers: Statement,
    insert_tenants: Statement,
    update_tenants: Statement,
    delete_tenants: Statement,
    upsert_routes: Statement,
    delete_routes: Statement,
    insert_events: Statement,
    enqueue: Statement,
    insert_answers: Statement,
}

impl Statements {
    async fn prepare(client: &Object) -> Result<Self, store::Error> {
        Ok(Self {
            lock: client.prepare_cached(&store::tenants::lock_sql()).await?,
            find_routes: client.prepare_cached(store::routes::FIND).await?,
            find_answers: client.prepare_cached(store::idempotency::FIND).await?,
            insert_tenants: client.prepare_cached(store::tenants::INSERT).await?,
            update_tenants: client.prepare_cached(store::tenants::UPDATE).await?,
            delete_tenants: client.prepare_cached(store::tenants::DELETE).await?,
            upsert_routes: client.prepare_cached(store::routes::UPSERT).await?,
            delete_routes: client.prepare_cached(store::routes::DELETE).await?,
            insert_events: client.prepare_cached(store::events::INSERT).await?,
            enqueue: client.prepare_cached(store::events::ENQUEUE).await?,
            insert_answers: client.prepare_cached(store::idempotency::INSERT).await?,
        })
    }
}

/// Runs a group as one transaction. Any error but [`store::Error::CommitUnknown`] means that nothing was written.
pub async fn commit(
    client: &mut Object, requests: &[Request], default_routes_quota: u32, limit: Duration,
) -> Result<Committed, store::Error> {
    let statements = within(limit, Statements::prepare(client)).await?;
    let canceller = client.cancel_token();
    let tx = within(limit, async { Ok(client.transaction().await?) }).await?;
    let prepared = server::cancelled_after(limit, canceller, async {
        let locked = lock(&tx, &statements, requests).await?;
        let plan = plan(requests, locked, default_routes_quota).map_err(|e| store::Error::Corrupt(e.to_string()))?;
        write(&tx, &statements, &plan).await?;
        Ok(plan)
    });
    let plan = prepared.await?;
    if plan.writes_nothing() {
        // Nothing to commit, so nothing that could be unknown.
        within(limit, async { Ok(tx.rollback().await?) }).await?;
    } else {
        commit_or_unknown(tx, limit).await?;
    }
    let Plan { replies, events, new_tenants, delete_tenants, .. } = plan;
    Ok(Committed {
        replies,
        events: events.into_iter().map(|new| new.event).collect(),
        new_tenants,
        deleted_tenants: delete_tenants,
    })
}

async fn commit_or_unknown(tx: Transaction<'_>, limit: Duration) -> Result<(), store::Error> {
    match tokio::time::timeout(limit, tx.commit()).await {
        Ok(Ok(())) => Ok(()),
        // The server itself said that it did not commit.
        Ok(Err(error)) if error.as_db_error().is_some_and(|db| !db.code().code().starts_with("57P")) => Err(error.into()),
        Ok(Err(error)) => Err(store::Error::CommitUnknown(Some(error))),
        Err(_) => Err(store::Error::CommitUnknown(None)),
    }
}

async fn lock(tx: &Transaction<'_>, statements: &Statements, requests: &[Request]) -> Result<Locked, store::Error> {
    let tenants: BTreeSet<_> = requests.iter().map(|request| request.command.tenant.as_str()).collect();
    let tenants: Vec<_> = tenants.into_iter().collect();
    let key = |request: &Request| {
        let name = request.command.route()?.clone();
        Some(RouteKey { tenant: request.command.tenant.clone(), name })
    };
    let routes: BTreeSet<RouteKey> = requests.iter().filter_map(key).collect();
    let routes: Vec<_> = routes.iter().collect();
    let keys: Vec<Key> = requests.iter().filter_map(Request::key).collect();
    let keys: Vec<_> = keys.iter().collect();
    // Pipelined: the reads' snapshots are taken when they run, after the lock was granted.
    let (tenants, routes, answers) = try_join!(
        store::tenants::lock(tx, &statements.lock, &tenants),
        store::routes::find(tx, &statements.find_routes, &routes),
        store::idempotency::find(tx, &statements.find_answers, &keys),
    )?;
    Ok(Locked { tenants, routes, answers })
}

async fn write(tx: &Transaction<'_>, statements: &Statements, plan: &Plan) -> Result<(), store::Error> {
    let inserts: Vec<_> = plan.insert_tenants.iter().map(|(tenant, head)| (tenant, *head)).collect();
    let updates: Vec<_> = plan.update_tenants.iter().map(|(tenant, head)| (tenant, *head)).collect();
    let deletes: Vec<_> = plan.delete_tenants.iter().map(TenantName::as_str).collect();
    let upserts: Vec<_> = plan.upsert_routes.iter().map(|(tenant, route)| (tenant, route)).collect();
    let gone: Vec<_> = plan.delete_routes.iter().collect();
    // Pipelined, in the order that the foreign key wants: tenants before their routes, routes gone before their tenants.
    try_join!(
        store::tenants::write(tx, &statements.insert_tenants, &inserts),
        store::tenants::write(tx, &statements.update_tenants, &updates),
        store::routes::delete(tx, &statements.delete_routes, &gone),
        store::routes::upsert(tx, &statements.upsert_routes, &upserts),
        store::tenants::delete(tx, &statements.delete_tenants, &deletes),
        store::events::insert(tx, &statements.insert_events, &plan.events),
        store::events::enqueue(tx, &statements.enqueue, &plan.events),
        store::idempotency::insert(tx, &statements.insert_answers, &plan.answers),
    )?;
    Ok(())
}

async fn within<T>(limit: Duration, operation: impl Future<Output = Result<T, store::Error>>) -> Result<T, store::Error> {
    tokio::time::timeout(limit, operation).await.unwrap_or(Err(store::Error::Timeout))
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
