//! Reads of routes, tenants and history from Postgres: never older than the state that this
//! instance, or the caller, has seen.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use crate::{
    auth::{AuthorizedTenant, TenantScope},
    cache::Cache,
    domain::{
        command::Rejection,
        filter::RouteFilter,
        ids::{PolicyKey, PolicyName, RouteKey, RouteName, TenantName},
        policy::Policy,
        route::Route,
        tag::{Epoch, Revision, VersionTag},
        tenant::Tenant,
    },
    resilience::Workers,
    service::{
        Error, Freshness,
        privacy::{self, Privacy},
        read::cursor::Cursors,
    },
    store::{self, Visible, router::Router, routes::ListedTenant},
};

/// A page of a list, with the cursor of the next page.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items of this page, in the order of the list.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` at the end.
    pub next_cursor: Option<String>,
}

/// The page of a list that a caller asks for.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// The page has at most this many items.
    pub limit: u32,
    /// The cursor from the page before; `None` for the first page.
    pub cursor: Option<String>,
}

/// The read use cases.
pub struct Reads {
    router: Arc<Router>,
    cache: Arc<Cache>,
    cursors: OnceCell<Cursors>,
    privacy: Arc<Privacy>,
}

#[derive(Serialize, Deserialize)]
struct HistoryPosition {
    epoch: Epoch,
    before: Revision,
}

impl Reads {
    /// Reads through `router`; `cache` knows the tags that this instance has seen, and `privacy`
    /// opens names.
    pub fn new(router: Arc<Router>, cache: Arc<Cache>, privacy: Arc<Privacy>) -> Self {
        Self {
            router,
            cache,
            cursors: OnceCell::new(),
            privacy,
        }
    }

    /// Returns one route, with the tag of its last change.
    pub async fn route(
        &self,
        tenant: &AuthorizedTenant,
        name: &RouteName,
        freshness: &Freshness,
    ) -> Result<(Route, VersionTag), Error> {
        let key = &RouteKey {
            tenant: tenant.name().clone(),
            name: name.clone(),
        };
        let read = async |tx: &store::Transaction<'_>| store::routes::get(tx, key).await;
        let found = self
            .tenant_read(
                tenant,
                freshness,
                |found| found.as_ref().map(|(tag, _)| tag),
                read,
            )
            .await?;
        let (tag, route) = found.ok_or(Rejection::TenantNotFound)?;
        let mut route = route.ok_or(Rejection::RouteNotFound)?;
        self.privacy
            .open(privacy::of_route(tenant.name().as_str(), &mut route))
            .await?;
        let tag = VersionTag {
            epoch: tag.epoch,
            revision: route.revision,
        };
        Ok((route, tag))
    }

    /// Returns a page of the routes within the tenant scope, in key order. Adds the tenant's tag if
    /// the list is limited to one tenant, and with `count` the number of its routes that match.
    pub async fn routes(
        &self,
        tenant_scope: &TenantScope,
        filter: RouteFilter,
        count: bool,
        page: &PageRequest,
        freshness: &Freshness,
    ) -> Result<(Page<(TenantName, Route)>, Option<ListedTenant>), Error> {
        let tenant = tenant_scope.narrowed(filter.tenant)?;
        let filter = &RouteFilter {
            tenant: tenant.as_ref().map(|tenant| tenant.name().clone()),
            ..filter
        };
        let list = format!("routes {filter:?}");
        let after: Option<RouteKey> = self.open(&list, page).await?;
        let read = async |tx: &store::Transaction<'_>| {
            store::routes::list(tx, filter, count, after.as_ref(), one_more(page)).await
        };
        let (listed, mut routes) = match &tenant {
            Some(tenant) => {
                self.tenant_read(
                    tenant,
                    freshness,
                    |(listed, _)| listed.as_ref().map(|it| &it.tag),
                    read,
                )
                .await?
            }
            // Tags of many tenants cannot be compared, so with a minimum the list is read from the
            // primary.
            None if freshness.minimum.is_some() => {
                self.router
                    .primary()
                    .read(&Visible::all_tenants(), read)
                    .await?
            }
            None => {
                self.router
                    .read(&Visible::all_tenants(), |_| true, read)
                    .await?
                    .0
            }
        };
        if tenant.is_some() && listed.is_none() {
            return Err(Rejection::TenantNotFound.into());
        }
        let next_cursor = match cut(&mut routes, page) {
            Some((tenant, route)) => {
                let last = RouteKey {
                    tenant: tenant.clone(),
                    name: route.name.clone(),
                };
                Some(self.cursors().await?.seal(&list, &last)?)
            }
            None => None,
        };
        let names = routes
            .iter_mut()
            .flat_map(|(tenant, route)| privacy::of_route(tenant.as_str(), route));
        self.privacy.open(names).await?;
        Ok((
            Page {
                items: routes,
                next_cursor,
            },
            listed,
        ))
    }

    /// Returns one traffic policy, with the tag of its last change.
    pub async fn policy(
        &self,
        tenant: &AuthorizedTenant,
        name: &PolicyName,
        freshness: &Freshness,
    ) -> Result<(Policy, VersionTag), Error> {
        let key = &PolicyKey {
            tenant: tenant.name().clone(),
            name: name.clone(),
        };
        let read = async |tx: &store::Transaction<'_>| store::policies::get(tx, key).await;
        let found = self
            .tenant_read(
                tenant,
                freshness,
                |found| found.as_ref().map(|(tag, _)| tag),
                read,
            )
            .await?;
        let (tag, policy) = found.ok_or(Rejection::TenantNotFound)?;
        let mut policy = policy.ok_or(Rejection::PolicyNotFound)?;
        self.privacy
            .open(privacy::of_policy(tenant.name().as_str(), &mut policy))
            .await?;
        let tag = VersionTag {
            epoch: tag.epoch,
            revision: policy.revision,
        };
        Ok((policy, tag))
    }

    /// Returns a page of a tenant's traffic policies in the order of their names, with the tenant's
    /// tag.
    pub async fn policies(
        &self,
        tenant: &AuthorizedTenant,
        page: &PageRequest,
        freshness: &Freshness,
    ) -> Result<(Page<Policy>, VersionTag), Error> {
        let name = tenant.name();
        let list = format!("policies {name}");
        let after: Option<PolicyName> = self.open(&list, page).await?;
        let read = async |tx: &store::Transaction<'_>| {
            store::policies::list(tx, name, after.as_ref(), one_more(page)).await
        };
        let found = self
            .tenant_read(
                tenant,
                freshness,
                |found| found.as_ref().map(|(tag, _)| tag),
                read,
            )
            .await?;
        let (tag, mut items) = found.ok_or(Rejection::TenantNotFound)?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => Some(self.cursors().await?.seal(&list, &last.name)?),
            None => None,
        };
        self.privacy
            .open(
                items
                    .iter_mut()
                    .flat_map(|policy| privacy::of_policy(name.as_str(), policy)),
            )
            .await?;
        Ok((Page { items, next_cursor }, tag))
    }

    /// Returns a page of a route's events, newest first. A route that was deleted still has its
    /// history.
    pub async fn history(
        &self,
        tenant: &AuthorizedTenant,
        route: &RouteName,
        page: &PageRequest,
        freshness: &Freshness,
    ) -> Result<(Page<Box<RawValue>>, VersionTag), Error> {
        let RouteName {
            service,
            env,
            version,
        } = route;
        self.history_of(
            tenant,
            [service.as_str(), env.as_str(), version.as_str()],
            page,
            freshness,
            Rejection::RouteNotFound,
        )
        .await
    }

    /// Returns a page of a traffic policy's events, newest first. A policy that was deleted still
    /// has its history.
    pub async fn policy_history(
        &self,
        tenant: &AuthorizedTenant,
        policy: &PolicyName,
        page: &PageRequest,
        freshness: &Freshness,
    ) -> Result<(Page<Box<RawValue>>, VersionTag), Error> {
        let PolicyName { service, env } = policy;
        self.history_of(
            tenant,
            [service.as_str(), env.as_str(), ""],
            page,
            freshness,
            Rejection::PolicyNotFound,
        )
        .await
    }

    async fn history_of(
        &self,
        tenant: &AuthorizedTenant,
        object: [&str; 3],
        page: &PageRequest,
        freshness: &Freshness,
        unknown: Rejection,
    ) -> Result<(Page<Box<RawValue>>, VersionTag), Error> {
        let name = tenant.name();
        let list = format!("history {name} {object:?}");
        let at: Option<HistoryPosition> = self.open(&list, page).await?;
        let (epoch, before) = at.map(|at| (at.epoch, at.before)).unzip();
        let limit = i64::from(page.limit);
        let read = async |tx: &store::Transaction<'_>| {
            store::events::history(tx, name, object, epoch.as_ref(), before, limit).await
        };
        let found = self
            .tenant_read(
                tenant,
                freshness,
                |found| found.as_ref().map(|history| &history.tag),
                read,
            )
            .await?;
        let history = found.ok_or(Rejection::TenantNotFound)?;
        if history.events.is_empty() && before.is_none() {
            return Err(unknown.into());
        }
        let full = history.events.len() == page.limit as usize;
        // An event of revision 1 has none before it.
        let next_cursor = match history.last.filter(|last| full && last.0 > 1) {
            Some(before) => {
                let position = HistoryPosition {
                    epoch: history.tag.epoch.clone(),
                    before,
                };
                Some(self.cursors().await?.seal(&list, &position)?)
            }
            None => None,
        };
        Ok((
            Page {
                items: history.events,
                next_cursor,
            },
            history.tag,
        ))
    }

    /// Returns one tenant.
    pub async fn tenant(
        &self,
        tenant: &AuthorizedTenant,
        freshness: &Freshness,
    ) -> Result<Tenant, Error> {
        let read = async |tx: &store::Transaction<'_>| {
            let found = store::tenants::get(tx, tenant.name()).await?;
            Ok(found.map(|found| (found.tag(), found)))
        };
        let found = self
            .tenant_read(
                tenant,
                freshness,
                |found| found.as_ref().map(|(tag, _)| tag),
                read,
            )
            .await?;
        let (_, mut tenant) = found.ok_or(Rejection::TenantNotFound)?;
        self.privacy.open(privacy::of_tenant(&mut tenant)).await?;
        Ok(tenant)
    }

    /// Returns a page of the tenants within the tenant scope, in name order.
    pub async fn tenants(
        &self,
        tenant_scope: &TenantScope,
        page: &PageRequest,
    ) -> Result<Page<Tenant>, Error> {
        if let Some(own) = tenant_scope.narrowed(None)? {
            let own = self.tenant(&own, &Freshness::default()).await;
            let items = own
                .map(|tenant| vec![tenant])
                .or_else(|error| match error {
                    Error::Rejected(Rejection::TenantNotFound) => Ok(Vec::new()),
                    error => Err(error),
                })?;
            return Ok(Page {
                items,
                next_cursor: None,
            });
        }
        let after: Option<TenantName> = self.open("tenants", page).await?;
        let after = after.as_ref().map(TenantName::as_str);
        // Quotas have no revision to check a replica's answer by, so tenants are listed from the
        // primary.
        let read = async |tx: &store::Transaction<'_>| {
            store::tenants::list(tx, after, one_more(page)).await
        };
        let mut items = self
            .router
            .primary()
            .read(&Visible::all_tenants(), read)
            .await?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => Some(self.cursors().await?.seal("tenants", &last.name)?),
            None => None,
        };
        self.privacy
            .open(items.iter_mut().flat_map(privacy::of_tenant))
            .await?;
        Ok(Page { items, next_cursor })
    }

    /// Runs a read of one tenant. The answer is at least as new as `freshness` asks for, and as the
    /// state that this instance has seen.
    pub(crate) async fn tenant_read<T>(
        &self,
        tenant: &AuthorizedTenant,
        freshness: &Freshness,
        tag_of: impl Fn(&T) -> Option<&VersionTag>,
        read: impl AsyncFn(&store::Transaction<'_>) -> Result<T, store::Error>,
    ) -> Result<T, Error> {
        let seen = self.cache.seen(tenant.name());
        let new_enough = |value: &T| match tag_of(value) {
            Some(tag) => seen.accepts(tag) && freshness.accepts(tag),
            // A replica that does not know the tenant may only be behind.
            None => false,
        };
        let (value, _) = self
            .router
            .read(&Visible::authorized(tenant), new_enough, read)
            .await?;
        let tag = tag_of(&value);
        if let Some(tag) = tag {
            self.cache.observe_read(tenant.name(), tag, &seen);
        }
        match freshness.missed(tag) {
            Some(minimum) => Err(Error::BehindMinimum {
                minimum: minimum.clone(),
                current: tag.cloned(),
            }),
            None => Ok(value),
        }
    }

    /// Returns the router to the Postgres servers.
    pub(crate) fn router(&self) -> &Router {
        &self.router
    }

    /// Returns the workers that do large work.
    pub(crate) fn workers(&self) -> &Workers {
        &self.cache.workers
    }

    /// Returns the part that seals and opens personal data.
    pub(crate) fn privacy(&self) -> &Privacy {
        &self.privacy
    }

    pub(crate) async fn open<T: serde::de::DeserializeOwned>(
        &self,
        list: &str,
        page: &PageRequest,
    ) -> Result<Option<T>, Error> {
        match &page.cursor {
            Some(cursor) => Ok(Some(self.cursors().await?.open(list, cursor)?)),
            None => Ok(None),
        }
    }

    /// Returns the cursors under the installation's key, which is read once.
    pub(crate) async fn cursors(&self) -> Result<&Cursors, Error> {
        let load = async || {
            let (key, _) = self
                .router
                .read(
                    &Visible::no_tenants(),
                    |_| true,
                    store::installation::cursor_key,
                )
                .await?;
            Ok(Cursors::new(key))
        };
        self.cursors.get_or_try_init(load).await
    }
}

/// Returns the limit of the page plus one. The extra item shows whether there are more.
pub(crate) fn one_more(page: &PageRequest) -> i64 {
    i64::from(page.limit) + 1
}

/// Removes the extra item, and returns the last item that stays; `None` if there was no extra item.
pub(crate) fn cut<'a, T>(items: &'a mut Vec<T>, page: &PageRequest) -> Option<&'a T> {
    if items.len() <= page.limit as usize {
        return None;
    }
    items.truncate(page.limit as usize);
    items.last()
}
