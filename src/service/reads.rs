//! Reads of routes, tenants and history from Postgres: never older than what this instance, or the caller, has seen.

use std::{future::Future, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::{Error, Freshness, cursor::Cursors};
use crate::{
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
    store::{self, router::Router},
};

/// Part of a list, with the cursor of the rest.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What a list is asked for with.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// At most this many items.
    pub limit: u32,
    /// From an earlier page.
    pub cursor: Option<String>,
}

/// The read use cases.
pub struct Reads {
    router: Arc<Router>,
    cache: Arc<Cache>,
    cursors: OnceCell<Cursors>,
}

#[derive(Serialize, Deserialize)]
struct HistoryPosition {
    epoch: Epoch,
    before: Revision,
}

impl Reads {
    /// Reads through `router`; `cache` knows what this instance has seen.
    pub fn new(router: Arc<Router>, cache: Arc<Cache>) -> Self {
        Self { router, cache, cursors: OnceCell::new() }
    }

    /// One route, with the tag of its last change.
    pub async fn route(&self, key: &RouteKey, freshness: &Freshness) -> Result<(Route, VersionTag), Error> {
        let read = async |client: Arc<store::Connection>| store::routes::get(&client, key).await;
        let found = self.tenant_read(&key.tenant, freshness, |found| found.as_ref().map(|(tag, _)| tag), read).await?;
        let (tag, route) = found.ok_or(Rejection::TenantNotFound)?;
        let route = route.ok_or(Rejection::RouteNotFound)?;
        let tag = VersionTag { epoch: tag.epoch, revision: route.revision };
        Ok((route, tag))
    }

    /// Routes in key order, with the tenant's tag when the filter names one.
    pub async fn routes(
        &self, filter: &RouteFilter, page: &PageRequest, freshness: &Freshness,
    ) -> Result<(Page<(TenantName, Route)>, Option<VersionTag>), Error> {
        let list = format!("routes {filter:?}");
        let after: Option<RouteKey> = self.open(&list, page).await?;
        let read =
            async |client: Arc<store::Connection>| store::routes::list(&client, filter, after.as_ref(), one_more(page)).await;
        let (tag, mut routes) = match &filter.tenant {
            Some(tenant) => self.tenant_read(tenant, freshness, |(tag, _)| tag.as_ref(), read).await?,
            // Tags of many tenants cannot be compared: with a minimum, the primary is asked.
            None if freshness.minimum.is_some() => self.router.primary().read(read).await?,
            None => self.router.read(|_| true, read).await?.0,
        };
        if filter.tenant.is_some() && tag.is_none() {
            return Err(Rejection::TenantNotFound.into());
        }
        let next_cursor = match cut(&mut routes, page) {
            Some((tenant, route)) => {
                let last = RouteKey { tenant: tenant.clone(), name: route.name.clone() };
                Some(self.cursors().await?.seal(&list, &last)?)
            }
            None => None,
        };
        Ok((Page { items: routes, next_cursor }, tag))
    }

    /// One traffic policy, with the tag of its last change.
    pub async fn policy(&self, key: &PolicyKey, freshness: &Freshness) -> Result<(Policy, VersionTag), Error> {
        let read = async |client: Arc<store::Connection>| store::policies::get(&client, key).await;
        let found = self.tenant_read(&key.tenant, freshness, |found| found.as_ref().map(|(tag, _)| tag), read).await?;
        let (tag, policy) = found.ok_or(Rejection::TenantNotFound)?;
        let policy = policy.ok_or(Rejection::PolicyNotFound)?;
        let tag = VersionTag { epoch: tag.epoch, revision: policy.revision };
        Ok((policy, tag))
    }

    /// A tenant's traffic policies in the order of their names, with the tenant's tag.
    pub async fn policies(
        &self, tenant: &TenantName, page: &PageRequest, freshness: &Freshness,
    ) -> Result<(Page<Policy>, VersionTag), Error> {
        let list = format!("policies {tenant}");
        let after: Option<PolicyName> = self.open(&list, page).await?;
        let read =
            async |client: Arc<store::Connection>| store::policies::list(&client, tenant, after.as_ref(), one_more(page)).await;
        let found = self.tenant_read(tenant, freshness, |found| found.as_ref().map(|(tag, _)| tag), read).await?;
        let (tag, mut items) = found.ok_or(Rejection::TenantNotFound)?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => Some(self.cursors().await?.seal(&list, &last.name)?),
            None => None,
        };
        Ok((Page { items, next_cursor }, tag))
    }

    /// A route's events, newest first. A route that was deleted still has its history.
    pub async fn history(
        &self, key: &RouteKey, page: &PageRequest, freshness: &Freshness,
    ) -> Result<(Page<Box<RawValue>>, VersionTag), Error> {
        let RouteKey { tenant, name: RouteName { service, env, version } } = key;
        self.history_of(tenant, [service.as_str(), env.as_str(), version.as_str()], page, freshness, Rejection::RouteNotFound)
            .await
    }

    /// A traffic policy's events, newest first. A policy that was deleted still has its history.
    pub async fn policy_history(
        &self, key: &PolicyKey, page: &PageRequest, freshness: &Freshness,
    ) -> Result<(Page<Box<RawValue>>, VersionTag), Error> {
        let PolicyKey { tenant, name: PolicyName { service, env } } = key;
        self.history_of(tenant, [service.as_str(), env.as_str(), ""], page, freshness, Rejection::PolicyNotFound).await
    }

    async fn history_of(
        &self, tenant: &TenantName, object: [&str; 3], page: &PageRequest, freshness: &Freshness, unknown: Rejection,
    ) -> Result<(Page<Box<RawValue>>, VersionTag), Error> {
        let list = format!("history {tenant} {object:?}");
        let at: Option<HistoryPosition> = self.open(&list, page).await?;
        let (epoch, before) = at.map(|at| (at.epoch, at.before)).unzip();
        let limit = i64::from(page.limit);
        let read = async |client: Arc<store::Connection>| {
            store::events::history(&client, tenant, object, epoch.as_ref(), before, limit).await
        };
        let found = self.tenant_read(tenant, freshness, |found| found.as_ref().map(|history| &history.tag), read).await?;
        let history = found.ok_or(Rejection::TenantNotFound)?;
        if history.events.is_empty() && before.is_none() {
            return Err(unknown.into());
        }
        let full = history.events.len() == page.limit as usize;
        // An event of revision 1 has none before it.
        let next_cursor = match history.last.filter(|last| full && last.0 > 1) {
            Some(before) => {
                let position = HistoryPosition { epoch: history.tag.epoch.clone(), before };
                Some(self.cursors().await?.seal(&list, &position)?)
            }
            None => None,
        };
        Ok((Page { items: history.events, next_cursor }, history.tag))
    }

    /// One tenant.
    pub async fn tenant(&self, name: &TenantName, freshness: &Freshness) -> Result<Tenant, Error> {
        let read = async |client: Arc<store::Connection>| {
            let tenant = store::tenants::get(&client, name).await?;
            Ok(tenant.map(|tenant| (tenant.tag(), tenant)))
        };
        let found = self.tenant_read(name, freshness, |found| found.as_ref().map(|(tag, _)| tag), read).await?;
        Ok(found.ok_or(Rejection::TenantNotFound)?.1)
    }

    /// Tenants in name order.
    pub async fn tenants(&self, page: &PageRequest) -> Result<Page<Tenant>, Error> {
        let after: Option<TenantName> = self.open("tenants", page).await?;
        let after = after.as_ref().map(TenantName::as_str);
        // Quotas have no revision to hold a replica's answer against, so tenants are listed from the primary.
        let read = async |client: Arc<store::Connection>| store::tenants::list(&client, after, one_more(page)).await;
        let mut items = self.router.primary().read(read).await?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => Some(self.cursors().await?.seal("tenants", &last.name)?),
            None => None,
        };
        Ok(Page { items, next_cursor })
    }

    /// A read of one tenant, as new as was asked for and as what this instance has seen.
    pub(super) async fn tenant_read<T, F: Future<Output = Result<T, store::Error>>>(
        &self, tenant: &TenantName, freshness: &Freshness, tag_of: impl Fn(&T) -> Option<&VersionTag>,
        read: impl Fn(Arc<store::Connection>) -> F,
    ) -> Result<T, Error> {
        let seen = self.cache.seen(tenant);
        let new_enough = |value: &T| match tag_of(value) {
            Some(tag) => seen.accepts(tag) && freshness.accepts(tag),
            // A replica that does not know the tenant may only be behind.
            None => false,
        };
        let (value, _) = self.router.read(new_enough, read).await?;
        let tag = tag_of(&value);
        if let Some(tag) = tag {
            self.cache.observe_read(tenant, tag, &seen);
        }
        match freshness.missed(tag) {
            Some(minimum) => Err(Error::BehindMinimum { minimum: minimum.clone(), current: tag.cloned() }),
            None => Ok(value),
        }
    }

    /// The servers that are read from.
    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    pub(super) async fn open<T: serde::de::DeserializeOwned>(&self, list: &str, page: &PageRequest) -> Result<Option<T>, Error> {
        match &page.cursor {
            Some(cursor) => Ok(Some(self.cursors().await?.open(list, cursor)?)),
            None => Ok(None),
        }
    }

    /// The installation's cursor key, read once.
    pub(super) async fn cursors(&self) -> Result<&Cursors, Error> {
        let load = async || {
            let read = async |client: Arc<store::Connection>| store::installation::cursor_key(&client).await;
            let (key, _) = self.router.read(|_| true, read).await?;
            Ok(Cursors::new(key))
        };
        self.cursors.get_or_try_init(load).await
    }
}

/// One more than asked for tells whether there are more.
pub(super) fn one_more(page: &PageRequest) -> i64 {
    i64::from(page.limit) + 1
}

/// Cuts the one more off, and returns the last item that stays when there was one.
pub(super) fn cut<'a, T>(items: &'a mut Vec<T>, page: &PageRequest) -> Option<&'a T> {
    if items.len() <= page.limit as usize {
        return None;
    }
    items.truncate(page.limit as usize);
    items.last()
}
