//! Time travel: a tenant's state at an earlier revision of its current epoch, the changes between
//! two revisions, and blame.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::store::time_travel::RevisionOrTime;
use crate::{
    auth::AuthorizedTenant,
    domain::{
        blame::{self, Blame},
        command::{MAX_CHANGES, Rejection},
        event::Change,
        filter::RouteFilter,
        ids::{PolicyName, RouteName},
        plan::{Content, PlannedChange},
        policy::Policy,
        route::Route,
        snapshot::{Scope, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot},
        tag::{Epoch, VersionTag},
    },
    service::{
        Error, Freshness, privacy,
        read::reads::{Page, PageRequest, Reads, cut, one_more},
    },
    store::{self, Visible, time_travel::PastObject},
};

/// A point in time, as a caller may specify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointInTime {
    /// The revision or the time.
    pub when: RevisionOrTime,
    /// The epoch of the revision, if the caller names one.
    pub epoch: Option<Epoch>,
    /// The place of this value in the request.
    pub place: &'static str,
}

/// The changes between two revisions.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The tag after which changes are compared.
    pub from: VersionTag,
    /// The tag up to which changes are compared.
    pub to: VersionTag,
    /// The overall change of each changed object, whatever happened in between.
    pub changes: Vec<PlannedChange>,
}

/// Limits the events of an object that are read for blame.
const BLAMED: i64 = 10_000;

#[derive(Serialize, Deserialize)]
struct PastPosition {
    at: VersionTag,
    after: RouteName,
}

impl Reads {
    /// Returns the tag of a point in time of a tenant's current epoch.
    pub async fn then(
        &self,
        tenant: &AuthorizedTenant,
        at: &PointInTime,
    ) -> Result<VersionTag, Error> {
        let read = async |tx: &store::Transaction<'_>| {
            store::time_travel::instant(tx, tenant.name(), at.when).await
        };
        // A replica that is behind does not know later revisions.
        let accepts = |instant: &Option<store::time_travel::HistoryPoint>| {
            let reached = instant
                .as_ref()
                .filter(|instant| instant.then <= instant.now.revision);
            reached.is_some()
                && at
                    .epoch
                    .as_ref()
                    .is_none_or(|epoch| reached.is_some_and(|r| r.now.epoch == *epoch))
        };
        let is_time = matches!(at.when, RevisionOrTime::Time(_));
        let (instant, _) = self
            .router()
            .read(
                &Visible::authorized(tenant),
                |instant| !is_time && accepts(instant),
                read,
            )
            .await?;
        let instant = instant.ok_or(Rejection::TenantNotFound)?;
        if !accepts(&Some(instant.clone())) {
            let what = match &at.epoch {
                Some(epoch) => format!("{epoch}.{}", instant.then),
                None => format!("revision {}", instant.then),
            };
            return Err(Error::NotInHistory {
                what,
                place: at.place,
            });
        }
        Ok(VersionTag {
            epoch: instant.now.epoch,
            revision: instant.then,
        })
    }

    /// Returns one route as it was.
    pub async fn route_at(
        &self,
        tenant: &AuthorizedTenant,
        name: &RouteName,
        at: &PointInTime,
    ) -> Result<(Route, VersionTag), Error> {
        let RouteName {
            service,
            env,
            version,
        } = name;
        let was = self
            .object_at(
                tenant,
                [service.as_str(), env.as_str(), version.as_str()],
                at,
            )
            .await?;
        let route = was.and_then(|was| {
            was.last
                .body
                .route_since(&was.first.body)
                .map(|route| (route, was.last.tag()))
        });
        let (mut route, tag) = route.ok_or(Rejection::RouteNotFound)?;
        self.privacy()
            .open(privacy::of_route(tenant.name().as_str(), &mut route))
            .await?;
        Ok((route, tag))
    }

    /// Returns one traffic policy as it was.
    pub async fn policy_at(
        &self,
        tenant: &AuthorizedTenant,
        name: &PolicyName,
        at: &PointInTime,
    ) -> Result<(Policy, VersionTag), Error> {
        let was = self
            .object_at(tenant, [name.service.as_str(), name.env.as_str(), ""], at)
            .await?;
        let policy = was.and_then(|was| {
            was.last
                .body
                .policy_since(&was.first.body)
                .map(|policy| (policy, was.last.tag()))
        });
        let (mut policy, tag) = policy.ok_or(Rejection::PolicyNotFound)?;
        self.privacy()
            .open(privacy::of_policy(tenant.name().as_str(), &mut policy))
            .await?;
        Ok((policy, tag))
    }

    async fn object_at(
        &self,
        tenant: &AuthorizedTenant,
        object: [&str; 3],
        at: &PointInTime,
    ) -> Result<Option<PastObject>, Error> {
        let then = self.then(tenant, at).await?;
        let read = async |tx: &store::Transaction<'_>| {
            store::time_travel::object(tx, tenant.name(), object, &then).await
        };
        Ok(self
            .router()
            .primary()
            .read(&Visible::authorized(tenant), read)
            .await?)
    }

    /// Returns a page of a tenant's routes as they were, in the order of their names. All pages
    /// show the same point in time.
    pub async fn routes_at(
        &self,
        tenant: &AuthorizedTenant,
        filter: &RouteFilter,
        page: &PageRequest,
        at: &PointInTime,
    ) -> Result<(Page<Route>, VersionTag), Error> {
        let list = format!("routes at {at:?} {filter:?}");
        let position: Option<PastPosition> = self.open(&list, page).await?;
        let (then, after) = match position {
            Some(PastPosition { at, after }) => (at, Some(after)),
            None => (self.then(tenant, at).await?, None),
        };
        let read = async |tx: &store::Transaction<'_>| {
            store::time_travel::routes(
                tx,
                tenant.name(),
                &then,
                filter,
                after.as_ref(),
                one_more(page),
            )
            .await
        };
        let was = self
            .router()
            .primary()
            .read(&Visible::authorized(tenant), read)
            .await?;
        let mut items: Vec<_> = was
            .iter()
            .filter_map(|was| was.last.body.route_since(&was.first.body))
            .collect();
        let next_cursor = match cut(&mut items, page) {
            Some(last) => {
                let position = PastPosition {
                    at: then.clone(),
                    after: last.name.clone(),
                };
                Some(self.cursors().await?.seal(&list, &position)?)
            }
            None => None,
        };
        self.privacy()
            .open(
                items
                    .iter_mut()
                    .flat_map(|route| privacy::of_route(tenant.name().as_str(), route)),
            )
            .await?;
        Ok((Page { items, next_cursor }, then))
    }

    /// Returns a tenant's snapshot as it was: the bytes that were served then.
    pub async fn snapshot_at(
        &self,
        tenant: &AuthorizedTenant,
        at: &PointInTime,
    ) -> Result<TenantSnapshot, Error> {
        let then = self.then(tenant, at).await?;
        self.scope_at(tenant.clone(), then, Scope::default()).await
    }

    /// Returns the routes and policies of a scope at a revision, as a snapshot that has nothing else. A
    /// revision of another epoch, or one that is still to come, is not in the history.
    pub async fn scope_at(
        &self,
        tenant: AuthorizedTenant,
        then: VersionTag,
        scope: Scope,
    ) -> Result<TenantSnapshot, Error> {
        let read = async |tx: &store::Transaction<'_>| {
            let when = RevisionOrTime::Revision(then.revision);
            let point = store::time_travel::instant(tx, tenant.name(), when).await?;
            let is_known = |point: &store::time_travel::HistoryPoint| {
                point.now.epoch == then.epoch && point.then <= point.now.revision
            };
            if !point.as_ref().is_some_and(is_known) {
                return Ok(None);
            }
            let objects = store::time_travel::objects(tx, tenant.name(), &then, &scope).await?;
            let scopes = store::time_travel::scopes(tx, tenant.name(), &then).await?;
            Ok(Some((objects, scopes)))
        };
        let visible = Visible::authorized(&tenant);
        let found = self.router().primary().read(&visible, read).await?;
        let (objects, scopes) = found.ok_or_else(|| Error::NotInHistory {
            what: then.to_string(),
            place: "revision",
        })?;
        let mut content = TenantContent {
            confirmed: None,
            tag: then.clone(),
            routes: Vec::new(),
            policies: Vec::new(),
            scopes,
            waiters: None,
        };
        for PastObject { last, .. } in objects {
            let revision = last.body.revision;
            match last.body.change {
                Change::Route {
                    name,
                    after: Some(spec),
                    ..
                } => {
                    let crate::domain::route::RouteSpec {
                        url,
                        is_active,
                        labels,
                        description: _,
                    } = spec;
                    content.routes.push(SnapshotRoute {
                        name,
                        url,
                        is_active,
                        labels,
                        revision,
                    });
                }
                Change::Policy {
                    name,
                    after: Some(spec),
                    ..
                } => content.policies.push(SnapshotPolicy {
                    name,
                    spec,
                    revision,
                }),
                _ => {}
            }
        }
        TenantSnapshot::new(tenant.name().clone(), content).map_err(Error::internal)
    }

    /// Returns the routes and policies of a scope at a revision.
    pub async fn content_at(
        &self,
        tenant: &AuthorizedTenant,
        then: &VersionTag,
        scope: &Scope,
    ) -> Result<Content, Error> {
        let read = async |tx: &store::Transaction<'_>| {
            store::time_travel::objects(tx, tenant.name(), then, scope).await
        };
        let mut content = Content::default();
        for PastObject { last, .. } in self
            .router()
            .primary()
            .read(&Visible::authorized(tenant), read)
            .await?
        {
            match last.body.change {
                Change::Route {
                    name,
                    after: Some(spec),
                    ..
                } => drop(content.routes.insert(name, spec)),
                Change::Policy {
                    name,
                    after: Some(spec),
                    ..
                } => drop(content.policies.insert(name, spec)),
                _ => {}
            }
        }
        Ok(content)
    }

    /// Returns the overall change of each object of a scope between two points in time.
    pub async fn difference(
        &self,
        tenant: &AuthorizedTenant,
        from: &PointInTime,
        to: Option<&PointInTime>,
        scope: &Scope,
    ) -> Result<Difference, Error> {
        let from = self.then(tenant, from).await?;
        let to = match to {
            Some(to) => self.then(tenant, to).await?,
            None => self
                .tenant(
                    tenant,
                    &Freshness {
                        minimum: Some(from.clone()),
                        ..Freshness::default()
                    },
                )
                .await?
                .tag(),
        };
        if from.epoch == to.epoch && from.revision > to.revision {
            return Err(Error::EndsBeforeItBegins { from, to });
        }
        if from.epoch != to.epoch {
            return Err(Error::NotInHistory {
                what: format!("{from} before {to}"),
                place: "?from",
            });
        }
        let limit = i64::try_from(MAX_CHANGES).unwrap_or(i64::MAX);
        let (since, until) = (from.revision, &to);
        let read = async |tx: &store::Transaction<'_>| {
            store::time_travel::between(tx, tenant.name(), since, until, scope, limit + 1).await
        };
        let changes = self
            .router()
            .primary()
            .read(&Visible::authorized(tenant), read)
            .await?;
        if changes.len() > MAX_CHANGES {
            return Err(Error::TooManyObjects(MAX_CHANGES));
        }
        // An object that was changed and changed back has no difference.
        let changed = changes.iter().filter(|change| change.action().is_some());
        let planned = changed.map(|change| PlannedChange::of(change).map_err(Error::internal));
        let changes = planned
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        Ok(Difference { from, to, changes })
    }

    /// Returns, for each member of a route, the event that set its present value.
    pub async fn blame(
        &self,
        tenant: &AuthorizedTenant,
        name: &RouteName,
        freshness: &Freshness,
    ) -> Result<(BTreeMap<String, Blame>, VersionTag), Error> {
        let (_, tag) = self.route(tenant, name, freshness).await?;
        let RouteName {
            service,
            env,
            version,
        } = name;
        let (object, at) = ([service.as_str(), env.as_str(), version.as_str()], &tag);
        let read = async |tx: &store::Transaction<'_>| {
            store::time_travel::events(tx, tenant.name(), object, at, BLAMED).await
        };
        let events = self
            .router()
            .primary()
            .read(&Visible::authorized(tenant), read)
            .await?;
        let mut members = blame::of(&events).map_err(Error::internal)?;
        self.privacy()
            .open(
                members
                    .values_mut()
                    .flat_map(|blame| privacy::of_blame(tenant.name().as_str(), blame)),
            )
            .await?;
        Ok((members, tag))
    }
}
