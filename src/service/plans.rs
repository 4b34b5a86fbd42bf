//! Plans: worked out on what the primary has, kept, reviewed by people, and applied under the lock if nothing in their scope has changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Error, Freshness,
    batch::{Reply, Request},
    past::At,
    privacy::of_plan,
    reads::{Page, PageRequest, Reads, cut, one_more},
    writer::Writer,
};
use crate::{
    config,
    domain::{
        chain,
        command::{Apply, Base, Command, Op, Rejection, Summary},
        decide::{self, TenantState},
        document::Document,
        ids::{PolicyName, TenantName},
        plan::{self, Content, Plan, PlannedChange, Warning},
        policy::Policy,
        route::Route,
        snapshot::Scope,
        tenant::{Quotas, Tenant},
    },
    store::{
        self, Visible,
        plans::{Kept, Position},
    },
};

/// The use cases of plans.
pub struct Plans {
    reads: Arc<Reads>,
    defaults: Quotas,
    limit: u32,
    ttl: Duration,
}

/// A scope of a tenant as it stands: everything that a plan of that scope can change, or depends on.
struct Standing {
    tenant: Tenant,
    routes: Vec<Route>,
    policies: Vec<Policy>,
}

impl Standing {
    fn content(&self) -> Content {
        let routes = self.routes.iter().map(|route| (route.name.clone(), route.spec.clone()));
        let policies = self.policies.iter().map(|policy| (policy.name.clone(), policy.spec.clone()));
        Content { routes: routes.collect(), policies: policies.collect() }
    }

    /// The same as the write path locks it. Who has which hosts is known there only.
    fn into_state(self, defaults: Quotas) -> TenantState {
        let routes: HashMap<_, _> = self.routes.into_iter().map(|route| (route.name.clone(), route)).collect();
        let policies: HashMap<_, _> = self.policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        TenantState { tenant: Some(self.tenant), routes, policies, ..TenantState::absent(defaults) }
    }
}

/// What a caller asks of a plan that it applies.
#[derive(Debug, Clone, Default)]
pub struct Confirmation {
    /// The plan's hash.
    pub hash: String,
    /// The hash once more, when much would be removed.
    pub shrink: Option<String>,
}

impl Plans {
    /// Plans on what `reads` gives.
    pub fn new(reads: Arc<Reads>, limits: &config::Limits) -> Self {
        let ttl = Duration::from_secs(u64::from(limits.plan_ttl_hours) * 3600);
        Self { reads, defaults: limits.quotas(), limit: limits.plans_per_tenant, ttl }
    }

    /// Works out what makes a document of what there is, and keeps it. `true`: this is the answer to an earlier request with the same key.
    pub async fn plan(&self, request: &Request, desired: Document) -> Result<(Plan, bool), Error> {
        let content = desired.clone().content().map_err(|errors| Rejection::Invalid { errors })?;
        self.keep(request, desired, content).await
    }

    /// A plan back to an earlier state of the whole tenant.
    pub async fn rollback(&self, request: &Request, to: &At) -> Result<(Plan, bool), Error> {
        let tenant = &request.command.tenant;
        let then = self.reads.then(tenant, to).await?;
        let content = self.reads.content_at(tenant, &then, &Scope::default()).await?;
        self.keep(request, Document::of(Scope::default(), &content), content).await
    }

    async fn keep(&self, request: &Request, desired: Document, content: Content) -> Result<(Plan, bool), Error> {
        let tenant = request.command.tenant.clone();
        let fingerprint = hex::encode(Sha256::digest(chain::canonical(&desired).map_err(Error::internal)?));
        let actor = &request.facts.actor;
        let id = plan_id(request, &self.reads.privacy().name(&tenant, actor).await?);
        if request.idempotency_key.is_some()
            && let Some(first) = self.kept(&tenant, id).await?
        {
            return if first.fingerprint == fingerprint {
                Ok((first.plan, true))
            } else {
                Err(Rejection::IdempotencyMismatch.into())
            };
        }
        let standing = self.standing(&tenant, &desired.scope).await?.ok_or(Rejection::TenantNotFound)?;
        request.command.precondition.check(Some(&standing.tenant.tag()))?;
        let (defaults, ttl, asked, document) = (self.defaults, self.ttl, request.clone(), desired.clone());
        let work = move || work_out(id, &asked, standing, &document, &content, defaults, ttl);
        let worked_out = self.reads.workers().run(work).await;
        let place = |policy: &PolicyName| {
            let at = desired.policies.iter().position(|doc| doc.service == policy.service && doc.env == policy.env)?;
            Some(format!("/policies/{at}"))
        };
        let plan = worked_out.map_err(Error::internal)?.map_err(|error| match error {
            Error::Rejected(rejection) => Error::Rejected(rejection.placed(place)),
            other => other,
        })?;
        let sealed = self.reads.privacy().seal_plan(&plan, actor).await?;
        let (kept, limit) = (Kept { plan: sealed, desired, fingerprint }, i64::from(self.limit));
        let write = async |tx: &store::Transaction<'_>| store::plans::insert(tx, &kept, limit).await;
        if !self.reads.router().primary().write(&Visible::tenant(&tenant), write).await? {
            return Err(Rejection::QuotaExceeded { quota: "plans", limit: self.limit }.into());
        }
        Ok((plan, false))
    }

    /// Applies a plan. When its scope has changed since, another is worked out and told in the error.
    pub async fn apply(
        &self, writer: &Writer, mut request: Request, id: Uuid, confirmation: Confirmation,
    ) -> Result<Reply, Error> {
        let tenant = request.command.tenant.clone();
        let Kept { plan, desired, .. } = self.kept(&tenant, id).await?.ok_or(Error::PlanNotFound)?;
        if confirmation.hash != plan.hash.to_string() {
            return Err(Error::PlanHashMismatch(plan.hash));
        }
        let changes: Result<Vec<_>, _> = plan.changes.iter().map(PlannedChange::desired).collect();
        let [active, _] = plan.active_routes;
        let base = Some(Base { tag: plan.base, scope: plan.scope, active });
        let changes = changes.map_err(Error::internal)?;
        request.command.op =
            Op::Apply(Box::new(Apply { changes, base, hash: confirmation.hash, confirmed: confirmation.shrink }));
        request.facts.reason = request.facts.reason.or(plan.reason);
        let command = Command { precondition: Default::default(), ..request.command.clone() };
        let again = Request { idempotency_key: None, command, ..request.clone() };
        match writer.write(request).await {
            Err(Error::Rejected(Rejection::PlanStale)) => {
                let (plan, _) = self.plan(&again, desired).await?;
                Err(Error::PlanStale(Box::new(plan)))
            }
            other => other,
        }
    }

    /// One plan.
    pub async fn get(&self, tenant: &TenantName, id: Uuid) -> Result<Plan, Error> {
        Ok(self.kept(tenant, id).await?.ok_or(Error::PlanNotFound)?.plan)
    }

    /// Forgets one plan.
    pub async fn delete(&self, tenant: &TenantName, id: Uuid) -> Result<(), Error> {
        let delete = async |tx: &store::Transaction<'_>| store::plans::delete(tx, tenant, id).await;
        if self.reads.router().primary().write(&Visible::tenant(tenant), delete).await? {
            Ok(())
        } else {
            Err(Error::PlanNotFound)
        }
    }

    /// A tenant's plans, newest first.
    pub async fn list(&self, tenant: &TenantName, page: &PageRequest) -> Result<Page<Plan>, Error> {
        let list = format!("plans {tenant}");
        let after: Option<Position> = self.reads.open(&list, page).await?;
        let read = async |tx: &store::Transaction<'_>| {
            let exists = store::tenants::get(tx, tenant).await?.is_some();
            let plans = store::plans::list(tx, tenant, after.as_ref(), one_more(page)).await?;
            Ok(exists.then_some(plans))
        };
        let mut items =
            self.reads.router().primary().read(&Visible::tenant(tenant), read).await?.ok_or(Rejection::TenantNotFound)?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => {
                let position = Position { created_at: last.created_at, id: last.id };
                Some(self.reads.cursors().await?.seal(&list, &position)?)
            }
            None => None,
        };
        self.reads.privacy().open(items.iter_mut().flat_map(of_plan)).await?;
        Ok(Page { items, next_cursor })
    }

    /// What people have set of a scope now, with the tag that it belongs to.
    pub async fn document(
        &self, tenant: &TenantName, scope: Scope, freshness: &Freshness,
    ) -> Result<(Document, crate::domain::tag::VersionTag), Error> {
        let standing = self.standing(tenant, &scope).await?.ok_or(Rejection::TenantNotFound)?;
        let tag = standing.tenant.tag();
        if let Some(minimum) = freshness.missed(Some(&tag)) {
            return Err(Error::BehindMinimum { minimum: minimum.clone(), current: Some(tag) });
        }
        let content = standing.content();
        Ok((Document::of(scope, &content), tag))
    }

    async fn kept(&self, tenant: &TenantName, id: Uuid) -> Result<Option<Kept>, Error> {
        let read = async |tx: &store::Transaction<'_>| store::plans::get(tx, tenant, id).await;
        let mut kept = self.reads.router().primary().read(&Visible::tenant(tenant), read).await?;
        self.reads.privacy().open(kept.iter_mut().flat_map(|kept| of_plan(&mut kept.plan))).await?;
        Ok(kept)
    }

    async fn standing(&self, tenant: &TenantName, scope: &Scope) -> Result<Option<Standing>, Error> {
        let read = async |tx: &store::Transaction<'_>| {
            let Some(found) = store::tenants::get(tx, tenant).await? else { return Ok(None) };
            let routes = store::routes::in_scope(tx, tenant, scope).await?;
            let policies = store::policies::in_scope(tx, tenant, scope).await?;
            Ok(Some(Standing { tenant: found, routes, policies }))
        };
        Ok(self.reads.router().primary().read_at_once(&Visible::tenant(tenant), read).await?)
    }
}

/// A plan's id: of its own, or one that follows from the idempotency key, so that a retry finds the first.
fn plan_id(request: &Request, actor: &str) -> Uuid {
    let Some(key) = &request.idempotency_key else { return Uuid::now_v7() };
    let sum = Sha256::new().chain_update(request.command.tenant.as_str()).chain_update([0]);
    let sum = sum.chain_update(actor).chain_update([0]).chain_update(key).finalize();
    let bytes = sum.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The plan, refused if it could never be applied, with a warning for each confirmation that it would take.
fn work_out(
    id: Uuid, request: &Request, standing: Standing, document: &Document, desired: &Content, defaults: Quotas, ttl: Duration,
) -> Result<Plan, Error> {
    let (scope, base) = (&document.scope, standing.tenant.tag());
    let now = standing.content();
    let difference = now.difference(desired, document.prune);
    let changes: Result<Vec<_>, _> = difference.iter().filter_map(|change| PlannedChange::of(change).transpose()).collect();
    let changes = changes.map_err(Error::internal)?;
    let hash = plan::hash(&standing.tenant.name, Some(&base), scope, &changes).map_err(Error::internal)?;
    let mut summary = Summary::default();
    difference.iter().map(|change| change.is_there()).for_each(|(was, is)| summary.count(was, is));
    let named = desired.routes.len() + desired.policies.len();
    summary.unchanged = u32::try_from(named).unwrap_or(u32::MAX).saturating_sub(summary.create + summary.update);
    let active = now.active();
    let warnings = warnings(request, standing, &changes, &hash.to_string(), active, defaults)?;
    let created_at = Timestamp::now();
    let fewer: i64 = difference.iter().map(fewer_active).sum();
    let active_after = u32::try_from((i64::from(active) - fewer).max(0)).unwrap_or(u32::MAX);
    Ok(Plan {
        id,
        hash,
        tenant: request.command.tenant.clone(),
        base,
        scope: scope.clone(),
        prune: document.prune,
        summary,
        active_routes: [active, active_after],
        changes,
        warnings,
        reason: request.facts.reason.clone(),
        created_at: created_at.into(),
        created_by: request.facts.actor.id.clone(),
        expires_at: created_at.checked_add(ttl).unwrap_or(created_at).into(),
    })
}

fn fewer_active(change: &crate::domain::event::Change) -> i64 {
    let is_active = |spec: &Option<crate::domain::route::RouteSpec>| i64::from(spec.as_ref().is_some_and(|spec| spec.is_active));
    match change {
        crate::domain::event::Change::Route { before, after, .. } => is_active(before) - is_active(after),
        _ => 0,
    }
}

/// Asks the rules of the write path, and confirms what they want confirmed, until they have nothing more to say.
fn warnings(
    request: &Request, standing: Standing, changes: &[PlannedChange], hash: &str, active: u32, defaults: Quotas,
) -> Result<Vec<Warning>, Error> {
    let desired: Result<Vec<_>, _> = changes.iter().map(PlannedChange::desired).collect();
    let base = Some(Base { tag: standing.tenant.tag(), scope: Scope::default(), active });
    let state = standing.into_state(defaults);
    let apply = Apply { changes: desired.map_err(Error::internal)?, base, hash: hash.to_owned(), confirmed: None };
    let (tenant, precondition) = (request.command.tenant.clone(), Default::default());
    let mut command = Command { tenant, op: Op::Apply(Box::new(apply.clone())), precondition, confirm_in_use: false };
    let mut found: BTreeMap<&'static str, String> = BTreeMap::new();
    loop {
        let (code, detail) = match decide::allowed(&state, &command, &request.facts) {
            Ok(_) => break,
            Err(refused @ Rejection::ShrinkNotConfirmed { .. }) => {
                command.op = Op::Apply(Box::new(Apply { confirmed: Some(hash.to_owned()), ..apply.clone() }));
                ("shrink_not_confirmed", refused.to_string())
            }
            Err(refused @ Rejection::VersionInUse { may_confirm: true, .. }) => {
                command.confirm_in_use = true;
                ("version_in_use", refused.to_string())
            }
            // At another time it may not be so.
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
    Ok(found.into_iter().map(|(code, detail)| Warning { code: code.to_owned(), detail }).collect())
}
