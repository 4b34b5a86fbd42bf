//! Plans: computed from the primary's state, stored, reviewed by people, and applied under the lock
//! if their scope has not changed.

mod pointers;
mod work;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use self::{
    pointers::{in_document, in_plan, rules_in},
    work::{ScopeState, Work, work_out},
};
use crate::{
    auth::AuthorizedTenant,
    config,
    domain::{
        access::{AccessEvent, Kind},
        chain,
        command::{Apply, Base, Command, Desired, Op, Rejection, Sought, Summary},
        decide::{self, TenantState},
        document::{Document, RouteDoc},
        ids::{EnvName, ServiceName, TenantName},
        plan::{self, Content, Plan, PlannedChange, Warning},
        policy::{Host, Policy},
        route::Route,
        snapshot::Scope,
        tag::VersionTag,
        tenant::{Limits, Tenant},
    },
    service::{
        Error, Freshness,
        access::keys::Requester,
        batch::{Reply, Request},
        history::time_travel::PointInTime,
        privacy::of_plan,
        read::reads::{Page, PageRequest, Reads, cut, one_more},
        write::{
            patterns::{self, PatternPool},
            writer::Writer,
        },
    },
    store::{
        self, Visible,
        plans::{Inserted, Position, StoredPlan},
    },
};

/// The use cases of plans.
pub struct Plans {
    reads: Arc<Reads>,
    limits: Limits,
    limit: u32,
    limit_bytes: u32,
    ttl: Duration,
    patterns: Arc<PatternPool>,
}

/// The confirmations that a caller sends to apply a plan.
#[derive(Debug, Clone, Default)]
pub struct Confirmation {
    /// The plan's hash.
    pub hash: String,
    /// The hash once more, to confirm a plan that removes much.
    pub shrink: Option<String>,
}

impl Plans {
    /// Creates the use cases of plans. They read through `reads`, and check patterns in the pool of
    /// `writer`.
    pub fn new(reads: Arc<Reads>, limits: &config::Limits, writer: &Writer) -> Self {
        let ttl = Duration::from_secs(u64::from(limits.plan_ttl_hours) * 3600);
        let (limit, limit_bytes) = (limits.plans_per_tenant, limits.plan_bytes_per_tenant);
        Self {
            reads,
            limits: limits.of_tenants(),
            limit,
            limit_bytes,
            ttl,
            patterns: writer.patterns().clone(),
        }
    }

    /// Computes the changes from the current state to the desired document, and stores the plan.
    /// Returns `true` if an earlier request with the same idempotency key stored it.
    pub async fn plan(&self, request: &Request, desired: Document) -> Result<(Plan, bool), Error> {
        let (desired, content) = described(desired).await?;
        self.keep(request, desired, content).await
    }

    /// Computes the changes from the current state to the desired document, and stores nothing.
    pub async fn preview(&self, request: &Request, desired: Document) -> Result<Plan, Error> {
        let (desired, content) = described(desired).await?;
        self.worked_out(request, Uuid::nil(), &desired, content)
            .await
    }

    /// Computes and stores a plan that restores an earlier state of the whole tenant.
    pub async fn rollback(
        &self,
        request: &Request,
        tenant: &AuthorizedTenant,
        to: &PointInTime,
    ) -> Result<(Plan, bool), Error> {
        let then = self.reads.then(tenant, to).await?;
        let content = self
            .reads
            .content_at(tenant, &then, &Scope::default())
            .await?;
        let desired = Document::of(Scope::default(), &content);
        self.keep(request, Arc::new(desired), content).await
    }

    async fn keep(
        &self,
        request: &Request,
        desired: Arc<Document>,
        content: Content,
    ) -> Result<(Plan, bool), Error> {
        let tenant = request.command.tenant.clone();
        let fingerprint = fingerprint(desired.clone()).await?;
        let actor = &request.context.actor;
        let id = plan_id(
            request,
            &self.reads.privacy().identity(&tenant, actor).await?,
        );
        if request.idempotency_key.is_some()
            && let Some(first) = self.kept(&Visible::tenant(&tenant), &tenant, id).await?
        {
            return if first.fingerprint == fingerprint {
                Ok((first.plan, true))
            } else {
                Err(Rejection::IdempotencyMismatch.into())
            };
        }
        let plan = self.worked_out(request, id, &desired, content).await?;
        let sealed = self.reads.privacy().seal_plan(&plan, actor).await?;
        let (row, text) = written(sealed, desired, fingerprint).await?;
        let limits = (i64::from(self.limit), i64::from(self.limit_bytes));
        let write =
            async |tx: &store::Transaction<'_>| store::plans::insert(tx, &row, &text, limits).await;
        match self
            .reads
            .router()
            .primary()
            .write(&Visible::tenant(&tenant), write)
            .await?
        {
            Inserted::Kept => Ok((plan, false)),
            Inserted::TooMany => Err(Rejection::QuotaExceeded {
                quota: "plans",
                limit: self.limit,
            }
            .into()),
            Inserted::TooLarge => Err(Rejection::QuotaExceeded {
                quota: "plan_bytes",
                limit: self.limit_bytes,
            }
            .into()),
        }
    }

    async fn worked_out(
        &self,
        request: &Request,
        id: Uuid,
        desired: &Arc<Document>,
        content: Content,
    ) -> Result<Plan, Error> {
        let tenant = &request.command.tenant;
        let standing = self
            .standing(&Visible::tenant(tenant), tenant, &desired.scope)
            .await?
            .ok_or(Rejection::TenantNotFound)?;
        request
            .command
            .precondition
            .check(Some(&standing.tenant.tag()))?;
        let work = Work {
            id,
            request: request.clone(),
            standing,
            document: desired.clone(),
            desired: content,
            limits: self.limits,
            ttl: self.ttl,
        };
        let worked_out = self.reads.workers().run(move || work_out(work)).await;
        let plan = worked_out
            .map_err(Error::internal)?
            .map_err(|error| match error {
                Error::Rejected(rejection) => {
                    Error::Rejected(rejection.placed(|sought| in_document(desired, sought)))
                }
                other => other,
            })?;
        self.patterns
            .check(tenant, rules_in(&plan, desired)?)
            .await?;
        Ok(plan)
    }

    /// Applies a plan. If its scope has changed since the plan was made, computes a new plan and
    /// returns it in the error.
    pub async fn apply(
        &self,
        writer: &Writer,
        mut request: Request,
        id: Uuid,
        confirmation: Confirmation,
    ) -> Result<Reply, Error> {
        let tenant = request.command.tenant.clone();
        let StoredPlan { plan, desired, .. } = self
            .kept(&Visible::tenant(&tenant), &tenant, id)
            .await?
            .ok_or(Error::PlanNotFound)?;
        if confirmation.hash != plan.hash.to_string() {
            return Err(Error::PlanHashMismatch(plan.hash));
        }
        let [active, _] = plan.active_routes;
        let base = Some(Base {
            tag: plan.base,
            scope: plan.scope,
            active,
        });
        let planned = Arc::new(plan.changes);
        let asked = planned.clone();
        let changes = blocking(move || {
            asked
                .iter()
                .map(PlannedChange::desired)
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
        request.command.op = Op::Apply(Box::new(Apply {
            changes,
            base,
            hash: confirmation.hash,
            confirmed: confirmation.shrink,
        }));
        request.context.reason = request.context.reason.or(plan.reason);
        let command = Command {
            precondition: Default::default(),
            ..request.command.clone()
        };
        let again = Request {
            idempotency_key: None,
            command,
            ..request.clone()
        };
        match writer.write(request).await {
            Err(Error::Rejected(Rejection::PlanStale)) => {
                let (plan, _) = self.plan(&again, desired).await?;
                Err(Error::PlanStale(Box::new(plan)))
            }
            Err(Error::Rejected(rejection)) => {
                Err(rejection.placed(|sought| in_plan(&planned, sought)).into())
            }
            other => other,
        }
    }

    /// Returns one plan.
    pub async fn get(&self, tenant: &AuthorizedTenant, id: Uuid) -> Result<Plan, Error> {
        Ok(self
            .kept(&Visible::authorized(tenant), tenant.name(), id)
            .await?
            .ok_or(Error::PlanNotFound)?
            .plan)
    }

    /// Deletes one plan, if the caller may change everything that the plan changes. Records this in
    /// the access log in the same transaction.
    pub async fn delete(
        &self,
        by: &Requester,
        reason: Option<&str>,
        tenant: &AuthorizedTenant,
        id: Uuid,
    ) -> Result<(), Error> {
        let resource_scope = by.caller.grant.resource_scope();
        let access_event = deleted(by, reason, tenant.name(), id);
        let delete = async |tx: &store::Transaction<'_>| {
            let Some(places) = store::plans::places(tx, tenant.name(), id).await? else {
                return Ok(Err(Error::PlanNotFound));
            };
            let outside = places
                .into_iter()
                .find(|(service, env)| !resource_scope.covers(Some(service), Some(env)));
            if let Some((service, env)) = outside {
                return Ok(Err(Rejection::OutsideGrant { service, env }.into()));
            }
            store::plans::delete(tx, tenant.name(), id).await?;
            store::access_log::insert(tx, std::slice::from_ref(&access_event)).await?;
            Ok(Ok(()))
        };
        self.reads
            .router()
            .primary()
            .write(&Visible::authorized(tenant), delete)
            .await?
    }

    /// Returns a page of a tenant's plans, newest first, without their changes.
    pub async fn list(
        &self,
        tenant: &AuthorizedTenant,
        page: &PageRequest,
    ) -> Result<Page<Plan>, Error> {
        let name = tenant.name();
        let list = format!("plans {name}");
        let after: Option<Position> = self.reads.open(&list, page).await?;
        let read = async |tx: &store::Transaction<'_>| {
            let exists = store::tenants::get(tx, name).await?.is_some();
            let plans = store::plans::list(tx, name, after.as_ref(), one_more(page)).await?;
            Ok(exists.then_some(plans))
        };
        let mut items = self
            .reads
            .router()
            .primary()
            .read(&Visible::authorized(tenant), read)
            .await?
            .ok_or(Rejection::TenantNotFound)?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => {
                let position = Position {
                    created_at: last.created_at,
                    id: last.id,
                };
                Some(self.reads.cursors().await?.seal(&list, &position)?)
            }
            None => None,
        };
        self.reads
            .privacy()
            .open(items.iter_mut().flat_map(of_plan))
            .await?;
        Ok(Page { items, next_cursor })
    }

    /// Returns the document of a scope, as it is now or was `at` an earlier instant, with the tag of
    /// that state. Only the present state is compared with the minimum of `freshness`.
    pub async fn document(
        &self,
        tenant: &AuthorizedTenant,
        scope: Scope,
        freshness: &Freshness,
        at: Option<&PointInTime>,
    ) -> Result<(Document, VersionTag), Error> {
        if let Some(at) = at {
            let then = self.reads.then(tenant, at).await?;
            let content = self.reads.content_at(tenant, &then, &scope).await?;
            return Ok((Document::of(scope, &content), then));
        }
        let standing = self
            .standing(&Visible::authorized(tenant), tenant.name(), &scope)
            .await?
            .ok_or(Rejection::TenantNotFound)?;
        let tag = standing.tenant.tag();
        if let Some(minimum) = freshness.missed(Some(&tag)) {
            return Err(Error::BehindMinimum {
                minimum: minimum.clone(),
                current: Some(tag),
            });
        }
        let content = standing.content();
        Ok((Document::of(scope, &content), tag))
    }

    async fn kept(
        &self,
        visible: &Visible,
        tenant: &TenantName,
        id: Uuid,
    ) -> Result<Option<StoredPlan>, Error> {
        let read = async |tx: &store::Transaction<'_>| store::plans::get(tx, tenant, id).await;
        let Some(text) = self.reads.router().primary().read(visible, read).await? else {
            return Ok(None);
        };
        let mut kept = Some(blocking(move || store::plans::parse(&text)).await?);
        self.reads
            .privacy()
            .open(kept.iter_mut().flat_map(|kept| of_plan(&mut kept.plan)))
            .await?;
        Ok(kept)
    }

    async fn standing(
        &self,
        visible: &Visible,
        tenant: &TenantName,
        scope: &Scope,
    ) -> Result<Option<ScopeState>, Error> {
        let read = async |tx: &store::Transaction<'_>| {
            let Some(found) = store::tenants::get(tx, tenant).await? else {
                return Ok(None);
            };
            let routes = store::routes::in_scope(tx, tenant, scope).await?;
            let policies = store::policies::in_scope(tx, tenant, scope).await?;
            Ok(Some(ScopeState {
                tenant: found,
                routes,
                policies,
            }))
        };
        Ok(self
            .reads
            .router()
            .primary()
            .read_at_once(visible, read)
            .await?)
    }
}

async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)?
        .map_err(Error::internal)
}

/// Returns a document together with the content that it describes.
async fn described(desired: Document) -> Result<(Arc<Document>, Content), Error> {
    let work = move || {
        desired
            .clone()
            .content()
            .map(|content| (Arc::new(desired), content))
    };
    let described = tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)?;
    Ok(described.map_err(|errors| Rejection::Invalid { errors })?)
}

/// Returns the SHA-256 of a document in hex.
async fn fingerprint(desired: Arc<Document>) -> Result<String, Error> {
    blocking(move || {
        chain::canonical(&*desired).map(|canonical| hex::encode(Sha256::digest(canonical)))
    })
    .await
}

/// Returns a plan as it is stored: its row and its JSON text.
async fn written(
    plan: Plan,
    desired: Arc<Document>,
    fingerprint: String,
) -> Result<(store::plans::Row, String), Error> {
    let work = move || {
        let row = store::plans::Row::of(&plan);
        serde_json::to_string(&store::plans::Written {
            plan: &plan,
            desired: &desired,
            fingerprint: &fingerprint,
        })
        .map(|text| (row, text))
    };
    blocking(work).await
}

/// Returns the access log record of a deleted plan.
fn deleted(by: &Requester, reason: Option<&str>, tenant: &TenantName, id: Uuid) -> AccessEvent {
    let (reason, object) = (reason.map(str::to_owned), Some(id.to_string()));
    let tenant = Some(tenant.clone());
    AccessEvent {
        reason,
        visible_to: tenant.clone(),
        tenant,
        object,
        ..by.access_event(Kind::Operated, "plan_deleted")
    }
}

/// Returns the id of a plan: a new one, or one derived from the idempotency key, so that a retry
/// finds the first plan.
fn plan_id(request: &Request, actor: &str) -> Uuid {
    let Some(key) = &request.idempotency_key else {
        return Uuid::now_v7();
    };
    let sum = Sha256::new()
        .chain_update(request.command.tenant.as_str())
        .chain_update([0]);
    let sum = sum
        .chain_update(actor)
        .chain_update([0])
        .chain_update(key)
        .finalize();
    let bytes = sum.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The changes that a hash confirms. Borrowed: they may be megabytes.
#[derive(Serialize)]
struct Hashed<'a> {
    changes: &'a [Desired],
    tenant: &'a TenantName,
}

/// Returns the hash with which a caller confirms that a batch removes many routes.
pub fn batch_hash(tenant: &TenantName, changes: &[Desired]) -> Result<String, Error> {
    let hashed = chain::canonical(&Hashed { changes, tenant }).map_err(Error::internal)?;
    Ok(hex::encode(Sha256::digest(hashed)))
}
