//! The plain model: the contract in maps, one command at a time. It shares the names of things with
//! the service and none of its rules.

use std::collections::BTreeMap;

use traffic_manager::{
    domain::{
        Invalid,
        command::{Apply, ChangedObject, Effect, Op, Rejection, Summary},
        host::HostSuffix,
        ids::{PolicyName, RouteName, VersionName},
        policy::PolicySpec,
        route::RouteSpec,
        tag::VersionTag,
        tenant::Quotas,
    },
    service::batch::{Reply, Request},
};

use crate::{
    policies,
    rules::{
        changed, holds, is_active, is_confirmed, limits, may_be, names, wished, within_quotas,
    },
};

/// The attributes of a route that callers set: URL, state, labels, description.
pub type Spec = (String, bool, BTreeMap<String, String>, Option<String>);

/// A tenant as the tables must hold it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    pub epoch: String,
    pub revision: u64,
    pub quotas: Quotas,
    pub allowed_hosts: Vec<HostSuffix>,
    /// The routes by name, with the revisions of their last changes.
    pub routes: BTreeMap<String, (Spec, u64)>,
    pub policies: BTreeMap<String, (PolicySpec, u64)>,
}

/// The tenants by their names.
pub type Rows = BTreeMap<String, Row>;

/// A tenant, with the state that no table shows directly.
#[derive(Debug, Clone, Default)]
struct Tenant {
    row: Row,
    /// The revision of the newest change in each environment, even if nothing is left there.
    touched: BTreeMap<String, u64>,
    /// A leaky bucket of changes, in microseconds at the tenant's rate; `since` is the time of its
    /// level.
    level: u64,
    since: u64,
}

/// A reply without times and hashes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    effect: Effect,
    tag: String,
    shown: Shown,
    replayed: bool,
}

/// The object of a reply.
#[derive(Debug, Clone, PartialEq)]
enum Shown {
    Route(Spec, u64),
    Policy(PolicySpec, u64),
    /// Quotas, allowed host suffixes, and the numbers of routes and policies.
    Tenant(Quotas, Vec<HostSuffix>, usize, usize),
    Applied(Summary),
    Gone,
}

/// Every sort of reply that a history should meet.
pub const SORTS: [&str; 22] = [
    "created",
    "updated",
    "unchanged",
    "deleted",
    "replayed",
    "TenantNotFound",
    "RouteNotFound",
    "TenantExists",
    "TenantNotEmpty",
    "PreconditionFailed",
    "QuotaExceeded",
    "IdempotencyMismatch",
    "PolicyNotFound",
    "VersionsNotFound",
    "HostTaken",
    "HostNotAllowed",
    "VersionInUse",
    "Invalid",
    "PlanStale",
    "ShrinkNotConfirmed",
    "TooManyWrites",
    "applied",
];

/// Returns the sort of a reply, as [`SORTS`] names it.
pub fn sort_of(reply: &Result<Reply, Rejection>) -> String {
    match reply {
        Ok(reply) if reply.replayed => "replayed".into(),
        Ok(Reply { outcome, .. }) if matches!(outcome.object, ChangedObject::Applied { .. }) => {
            "applied".into()
        }
        Ok(reply) => format!("{:?}", reply.outcome.effect).to_lowercase(),
        Err(rejection) => format!("{rejection:?}")
            .split([' ', '{'])
            .next()
            .unwrap()
            .into(),
    }
}

/// Converts a reply to the model's form, without the sentences for people.
pub fn of_reply(reply: Result<Reply, Rejection>) -> Result<Plain, Rejection> {
    let Reply { outcome, replayed } = reply.map_err(|rejection| match rejection {
        Rejection::Invalid { errors } => Rejection::Invalid {
            errors: errors
                .into_iter()
                .map(|(at, invalid)| (at, Invalid::new(invalid.code, "")))
                .collect(),
        },
        other => other,
    })?;
    let shown = match outcome.object {
        ChangedObject::Route(route) => Shown::Route(plain(&route.spec), route.revision.0),
        ChangedObject::Policy(policy) => Shown::Policy(policy.spec, policy.revision.0),
        ChangedObject::Tenant(tenant) => {
            let (routes, policies) = (tenant.routes as usize, tenant.policies as usize);
            Shown::Tenant(tenant.quotas, tenant.allowed_hosts, routes, policies)
        }
        ChangedObject::Applied { summary } => Shown::Applied(summary),
        ChangedObject::Gone => Shown::Gone,
    };
    Ok(Plain {
        effect: outcome.effect,
        tag: outcome.tag.to_string(),
        shown,
        replayed,
    })
}

/// Returns the attributes of a route that callers set.
pub fn plain(spec: &RouteSpec) -> Spec {
    let description = spec
        .description
        .as_ref()
        .map(|text| text.as_str().to_owned());
    (
        spec.url.to_string(),
        spec.is_active,
        spec.labels.as_map().clone(),
        description,
    )
}

/// The new state that one item of a revision gives an object; `None` deletes it.
#[derive(Debug, Clone)]
pub enum Item {
    Route(RouteName, Option<Spec>),
    Policy(PolicyName, Option<PolicySpec>),
}

/// The model of all tenants and of the answers kept for idempotency keys.
pub struct Model {
    defaults: Quotas,
    tenants: BTreeMap<String, Tenant>,
    answers: BTreeMap<(String, String), (String, Plain)>,
}

impl Model {
    /// Creates a model without tenants.
    pub fn new(defaults: Quotas) -> Self {
        Self {
            defaults,
            tenants: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Returns the rows that the tables must hold.
    pub fn rows(&self) -> Rows {
        self.tenants
            .iter()
            .map(|(name, tenant)| (name.clone(), tenant.row.clone()))
            .collect()
    }

    /// Returns the version tags that are current.
    pub fn tags(&self) -> Vec<VersionTag> {
        let of_tenant = |Row {
                             epoch,
                             revision,
                             routes,
                             policies,
                             ..
                         }: &Row| {
            let objects = routes
                .values()
                .map(|held| held.1)
                .chain(policies.values().map(|held| held.1));
            objects
                .chain([*revision])
                .map(|revision| format!("{epoch}.{revision}").parse().unwrap())
                .collect::<Vec<_>>()
        };
        self.tenants
            .values()
            .flat_map(|tenant| of_tenant(&tenant.row))
            .collect()
    }

    /// Executes the command and returns the expected reply.
    pub fn answer(&mut self, request: &Request) -> Result<Plain, Rejection> {
        let body = format!("{:?}", request.command);
        let key = request
            .idempotency_key
            .clone()
            .map(|key| (request.command.tenant.to_string(), key));
        if let Some((first, answer)) = key.as_ref().and_then(|key| self.answers.get(key)) {
            let replayed = Plain {
                replayed: true,
                ..answer.clone()
            };
            return if *first == body {
                Ok(replayed)
            } else {
                Err(Rejection::IdempotencyMismatch)
            };
        }
        let answer = match (
            request.command.route(),
            request.command.policy(),
            &request.command.op,
        ) {
            (Some(route), ..) => self.route(request, route)?,
            (_, Some(policy), _) => self.policy(request, policy)?,
            (.., Op::Apply(apply)) => self.apply(request, apply)?,
            _ => self.tenant(request)?,
        };
        if let Some(key) = key {
            // A kept answer costs one row, even if the command changes nothing.
            let defaults = self.defaults;
            if answer.effect == Effect::Unchanged
                && let Some(tenant) = self.tenants.get_mut(request.command.tenant.as_str())
            {
                tenant.pay(defaults, 1, request)?;
            }
            self.answers.insert(key, (body, answer.clone()));
        }
        Ok(answer)
    }

    fn held(&self, request: &Request) -> Tenant {
        self.tenants
            .get(request.command.tenant.as_str())
            .cloned()
            .unwrap_or_default()
    }

    fn tenant(&mut self, request: &Request) -> Result<Plain, Rejection> {
        let (name, condition) = (
            request.command.tenant.to_string(),
            &request.command.precondition,
        );
        let answer = |effect,
                      Row {
                          epoch,
                          revision,
                          quotas,
                          allowed_hosts,
                          routes,
                          policies,
                      }: &Row| {
            let shown = Shown::Tenant(*quotas, allowed_hosts.clone(), routes.len(), policies.len());
            Plain {
                effect,
                tag: format!("{epoch}.{revision}"),
                shown,
                replayed: false,
            }
        };
        if let Op::CreateTenant {
            quotas,
            allowed_hosts,
        } = &request.command.op
        {
            if self.tenants.contains_key(&name) {
                return Err(Rejection::TenantExists);
            }
            holds(condition, None)?;
            let (epoch, allowed_hosts) =
                (request.context.new_epoch.to_string(), allowed_hosts.clone());
            let row = Row {
                epoch,
                revision: 1,
                quotas: *quotas,
                allowed_hosts,
                ..Row::default()
            };
            self.tenants.insert(
                name,
                Tenant {
                    row: row.clone(),
                    ..Tenant::default()
                },
            );
            return Ok(answer(Effect::Created, &row));
        }
        let row = &mut self
            .tenants
            .get_mut(&name)
            .ok_or(Rejection::TenantNotFound)?
            .row;
        holds(condition, Some(&format!("{}.{}", row.epoch, row.revision)))?;
        if let Op::PatchTenant {
            quotas,
            allowed_hosts,
        } = &request.command.op
        {
            let new = limits(quotas, &row.quotas);
            let hosts = allowed_hosts
                .clone()
                .unwrap_or_else(|| row.allowed_hosts.clone());
            let is_same = (new, &hosts) == (row.quotas, &row.allowed_hosts);
            let effect = if is_same {
                Effect::Unchanged
            } else {
                Effect::Updated
            };
            row.revision += u64::from(effect == Effect::Updated);
            (row.quotas, row.allowed_hosts) = (new, hosts);
            return Ok(answer(effect, row));
        }
        let (routes, policies) = (row.routes.len(), row.policies.len());
        if routes + policies > 0
            && !matches!(
                request.command.op,
                Op::DeleteTenant {
                    with_everything: true
                }
            )
        {
            let [routes, policies] = [routes, policies].map(|count| u32::try_from(count).unwrap());
            return Err(Rejection::TenantNotEmpty { routes, policies });
        }
        let tag = format!("{}.{}", row.epoch, row.revision + 1);
        self.tenants.remove(&name);
        Ok(Plain {
            effect: Effect::Deleted,
            tag,
            shown: Shown::Gone,
            replayed: false,
        })
    }

    fn route(&mut self, request: &Request, name: &RouteName) -> Result<Plain, Rejection> {
        let row = self.held(request).row;
        let held = row.routes.get(&name.to_string());
        let after = match (&request.command.op, held) {
            (Op::Upsert { spec, .. }, _) => Some(plain(spec)),
            (_, None) => return Err(Rejection::RouteNotFound),
            (op, Some((spec, _))) => changed(op, spec.clone()),
        };
        let tag = held.map(|(_, revision)| format!("{}.{revision}", row.epoch));
        holds(&request.command.precondition, tag.as_deref())?;
        if let (Some((spec, revision)), Some(tag)) = (held, tag)
            && after.as_ref() == Some(spec)
        {
            return Ok(Plain {
                effect: Effect::Unchanged,
                tag,
                shown: Shown::Route(spec.clone(), *revision),
                replayed: false,
            });
        }
        let mut items = Vec::new();
        if after.is_none() && request.command.confirm_in_use {
            let policy = PolicyName::of(name);
            let is_active = |version: &VersionName| is_active(&row, &policy.route(version));
            let spec = row
                .policies
                .get(&policy.to_string())
                .filter(|(spec, _)| names(spec, &name.version));
            let left = spec.and_then(|(spec, _)| policies::without(spec, &name.version, is_active));
            items.extend(left.map(|left| Item::Policy(policy.clone(), Some(left))));
        }
        items.push(Item::Route(name.clone(), after.clone()));
        let effect = effect(held.is_some(), after.is_some());
        let (tag, revision) = self.commit(request, &items)?;
        let shown = after.map_or(Shown::Gone, |spec| Shown::Route(spec, revision));
        Ok(Plain {
            effect,
            tag,
            shown,
            replayed: false,
        })
    }

    fn policy(&mut self, request: &Request, name: &PolicyName) -> Result<Plain, Rejection> {
        let row = self.held(request).row;
        let held = row.policies.get(&name.to_string());
        let tag = held.map(|(_, revision)| format!("{}.{revision}", row.epoch));
        if held.is_none() && !matches!(request.command.op, Op::PutPolicy { .. }) {
            return Err(Rejection::PolicyNotFound);
        }
        holds(&request.command.precondition, tag.as_deref())?;
        let after = match (&request.command.op, held) {
            (Op::PutPolicy { spec, .. }, _) => Some(spec.clone()),
            (Op::PatchPolicy { patch, .. }, Some((spec, _))) => {
                let invalid = |(at, code): (&str, _)| Rejection::Invalid {
                    errors: vec![(at.to_owned(), Invalid::new(code, ""))],
                };
                Some(policies::patched(patch, spec).map_err(invalid)?)
            }
            _ => None,
        };
        if let (Some((spec, revision)), Some(tag)) = (held, tag)
            && after.as_ref() == Some(spec)
        {
            return Ok(Plain {
                effect: Effect::Unchanged,
                tag,
                shown: Shown::Policy(spec.clone(), *revision),
                replayed: false,
            });
        }
        let effect = effect(held.is_some(), after.is_some());
        let (tag, revision) = self.commit(request, &[Item::Policy(name.clone(), after.clone())])?;
        let shown = after.map_or(Shown::Gone, |spec| Shown::Policy(spec, revision));
        Ok(Plain {
            effect,
            tag,
            shown,
            replayed: false,
        })
    }

    fn apply(&mut self, request: &Request, apply: &Apply) -> Result<Plain, Rejection> {
        let Tenant { row, touched, .. } = self.held(request);
        let tag = format!("{}.{}", row.epoch, row.revision);
        let exists = self.tenants.contains_key(request.command.tenant.as_str());
        holds(
            &request.command.precondition,
            exists.then_some(tag.as_str()),
        )?;
        if let Some(base) = &apply.base {
            let env = base.scope.env.as_ref().map(|env| env.as_str());
            let mut in_scope = touched
                .iter()
                .filter(|(touched, _)| env.is_none_or(|env| env == *touched));
            if base.tag.epoch.as_str() != row.epoch
                || in_scope.any(|(_, revision)| *revision > base.tag.revision.0)
            {
                return Err(Rejection::PlanStale);
            }
        }
        let (items, summary) = wished(&row, apply)?;
        if items.is_empty() {
            if !exists {
                return Err(Rejection::TenantNotFound);
            }
            return Ok(Plain {
                effect: Effect::Unchanged,
                tag,
                shown: Shown::Applied(summary),
                replayed: false,
            });
        }
        let (tag, _) = self.commit(request, &items)?;
        Ok(Plain {
            effect: Effect::Updated,
            tag,
            shown: Shown::Applied(summary),
            replayed: false,
        })
    }

    /// Applies the items of a revision if the resulting state is valid, and returns the revision's
    /// tag.
    fn commit(&mut self, request: &Request, items: &[Item]) -> Result<(String, u64), Rejection> {
        let name = request.command.tenant.to_string();
        if !self.tenants.contains_key(&name) && !request.context.may_create_tenant {
            return Err(Rejection::TenantNotFound);
        }
        let mut tenant = self.held(request);
        if tenant.row.epoch.is_empty() {
            tenant.row.epoch = request.context.new_epoch.to_string();
        }
        let before = tenant.row.clone();
        tenant.row.revision += 1;
        items.iter().for_each(|item| tenant.put(item));
        within_quotas(&before, &tenant.row, self.defaults, request)?;
        tenant.pay(self.defaults, items.len(), request)?;
        let others: Vec<&Row> = self
            .tenants
            .iter()
            .filter(|(other, _)| **other != name)
            .map(|(_, other)| &other.row)
            .collect();
        items
            .iter()
            .try_for_each(|item| may_be(item, &before, &tenant.row, &others, request))?;
        if let Op::Apply(apply) = &request.command.op {
            is_confirmed(apply, &before, &tenant.row)?;
        }
        let row = &tenant.row;
        let told = (format!("{}.{}", row.epoch, row.revision), row.revision);
        self.tenants.insert(name, tenant);
        Ok(told)
    }
}

impl Tenant {
    fn put(&mut self, item: &Item) {
        let Row {
            revision,
            routes,
            policies,
            ..
        } = &mut self.row;
        let env = match item {
            Item::Route(name, spec) => {
                routes.remove(&name.to_string());
                routes.extend(
                    spec.clone()
                        .map(|spec| (name.to_string(), (spec, *revision))),
                );
                &name.env
            }
            Item::Policy(name, spec) => {
                policies.remove(&name.to_string());
                policies.extend(
                    spec.clone()
                        .map(|spec| (name.to_string(), (spec, *revision))),
                );
                &name.env
            }
        };
        self.touched.insert(env.to_string(), *revision);
    }

    /// Fills the bucket by this many changes. The bucket holds the changes of one second. A
    /// revision of more, up to those of ten seconds, needs an empty bucket.
    fn pay(
        &mut self,
        defaults: Quotas,
        changes: usize,
        request: &Request,
    ) -> Result<(), Rejection> {
        const SECOND: u64 = 1_000_000;
        let Some(limit) = self
            .row
            .quotas
            .writes_per_second
            .or(defaults.writes_per_second)
        else {
            return Ok(());
        };
        let now = u64::try_from(request.context.now.timestamp().as_microsecond()).unwrap();
        let cost = SECOND
            .checked_div(limit.into())
            .unwrap_or(24 * 3600 * SECOND)
            * changes as u64;
        if limit > 0 && cost > 10 * SECOND {
            return Err(Rejection::QuotaExceeded {
                quota: "changes_at_once",
                limit: limit * 10,
            });
        }
        let (level, room) = (
            self.level.saturating_sub(now - self.since) + cost,
            cost.clamp(SECOND, 10 * SECOND),
        );
        if level > room {
            return Err(Rejection::TooManyWrites {
                limit,
                retry_after_ms: ((level - room) / 1000).max(1),
            });
        }
        (self.level, self.since) = (level, now);
        Ok(())
    }
}

fn effect(was_there: bool, is_there: bool) -> Effect {
    match (was_there, is_there) {
        (false, _) => Effect::Created,
        (true, true) => Effect::Updated,
        (true, false) => Effect::Deleted,
    }
}
