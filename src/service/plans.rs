//! Plans: computed from the primary's state, stored, reviewed by people, and applied under the lock
//! if their scope has not changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Error, Freshness,
    batch::{Reply, Request},
    keys::Requester,
    patterns::{self, PatternPool},
    privacy::of_plan,
    reads::{Page, PageRequest, Reads, cut, one_more},
    time_travel::PointInTime,
    writer::Writer,
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

/// The current state of a tenant's scope: everything that a plan of that scope can change or
/// depends on.
struct ScopeState {
    tenant: Tenant,
    routes: Vec<Route>,
    policies: Vec<Policy>,
}

impl ScopeState {
    fn content(&self) -> Content {
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
    fn into_state(self, limits: Limits) -> TenantState {
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
        let (limits, ttl, asked, document) =
            (self.limits, self.ttl, request.clone(), desired.clone());
        let work = move || work_out(id, &asked, standing, &document, &content, limits, ttl);
        let worked_out = self.reads.workers().run(work).await;
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

/// Returns the JSON pointer of the sought object in a document. An object that the document removes
/// by not naming it has the pointer `/prune`.
fn in_document(document: &Document, sought: Sought<'_>) -> Option<String> {
    let Document {
        routes, policies, ..
    } = document;
    let policy = |service: &ServiceName, env: &EnvName| {
        policies
            .iter()
            .position(|doc| doc.service == *service && doc.env == *env)
    };
    let found = match sought {
        Sought::Policy(name) => {
            policy(&name.service, &name.env).map(|at| format!("/policies/{at}"))
        }
        Sought::Route(name) => {
            let is_it = |doc: &RouteDoc| {
                doc.service == name.service && doc.env == name.env && doc.version == name.version
            };
            routes
                .iter()
                .position(is_it)
                .map(|at| format!("/routes/{at}"))
        }
        Sought::Place(service, env) => {
            let route = routes
                .iter()
                .position(|doc| doc.service == *service && doc.env == *env)
                .map(|at| format!("/routes/{at}"));
            route.or_else(|| policy(service, env).map(|at| format!("/policies/{at}")))
        }
        Sought::Host(host, prefix) => policies.iter().enumerate().rev().find_map(|(at, doc)| {
            let has_prefix = prefix.is_none_or(|prefix| doc.path_prefix.as_str() == prefix);
            let host = doc.hosts.iter().position(|own| has_prefix && own == host)?;
            Some(format!("/policies/{at}/hosts/{host}"))
        }),
        Sought::Changes => Some(String::new()),
    };
    found.or_else(|| Some("/prune".to_owned()))
}

/// Returns the rules that a plan writes, each with the JSON pointer of its policy in the document.
fn rules_in(plan: &Plan, document: &Document) -> Result<Vec<patterns::Written>, Error> {
    let mut written = Vec::new();
    for change in plan
        .changes
        .iter()
        .filter(|change| change.key.version.is_none())
    {
        if let Desired::Policy {
            name,
            spec: Some(spec),
        } = change.desired().map_err(Error::internal)?
            && !spec.rules.is_empty()
        {
            written.push((
                in_document(document, Sought::Policy(&name)).unwrap_or_default(),
                spec.rules,
            ));
        }
    }
    Ok(written)
}

/// Returns the JSON pointer of the sought change in a plan, or `/changes` if there is no such
/// change.
fn in_plan(changes: &[PlannedChange], sought: Sought<'_>) -> Option<String> {
    let is_at = |change: &PlannedChange, service: &ServiceName, env: &EnvName| {
        change.key.service == *service && change.key.env == *env
    };
    let claims = |change: &PlannedChange, host: &Host, prefix: Option<&str>| {
        let spec = change
            .after
            .as_ref()
            .filter(|_| change.key.version.is_none());
        let hosts = spec
            .filter(|spec| prefix.is_none_or(|prefix| spec["path_prefix"] == prefix))
            .and_then(|spec| spec["hosts"].as_array());
        hosts.is_some_and(|hosts| hosts.iter().any(|own| own == host.as_str()))
    };
    let is_it = |change: &&PlannedChange| match sought {
        Sought::Policy(name) => {
            change.key.version.is_none() && is_at(change, &name.service, &name.env)
        }
        Sought::Route(name) => {
            change.key.version.as_ref() == Some(&name.version)
                && is_at(change, &name.service, &name.env)
        }
        Sought::Place(service, env) => is_at(change, service, env),
        Sought::Host(host, prefix) => claims(change, host, prefix),
        Sought::Changes => false,
    };
    match changes.iter().position(|change| is_it(&change)) {
        Some(at) => Some(format!("/changes/{at}")),
        None => Some("/changes".to_owned()),
    }
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

/// Computes the plan, with a warning for each confirmation that applying it will need. Refuses a
/// plan that could never be applied.
fn work_out(
    id: Uuid,
    request: &Request,
    standing: ScopeState,
    document: &Document,
    desired: &Content,
    limits: Limits,
    ttl: Duration,
) -> Result<Plan, Error> {
    let (scope, base) = (&document.scope, standing.tenant.tag());
    let now = standing.content();
    let difference = now.difference(desired, document.prune);
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
        request,
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
        tenant: request.command.tenant.clone(),
        base,
        scope: scope.clone(),
        prune: document.prune,
        summary,
        active_routes: [active, active_after],
        changes,
        warnings,
        reason: request.context.reason.clone(),
        created_at: created_at.into(),
        created_by: request.context.actor.id.clone(),
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
