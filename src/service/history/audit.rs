//! Reads of the archive, behind its bulkhead, breaker and timeout.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::Serialize;

pub use crate::audit::document::ArchivedEvent;
use crate::{
    audit::archive::{Archive, ArchiveError, EventPosition},
    auth::{AuthorizedTenant, TenantScope},
    domain::{
        filter::EventFilter,
        ids::TenantName,
        tag::{Epoch, Revision, VersionTag},
    },
    resilience::{CallError, Dependency, Outcome},
    service::{
        Error, Freshness, privacy,
        read::reads::{Page, PageRequest, Reads},
    },
    store::{self, Visible, outbox::Backlog, router::Router},
};

/// Parallel archive queries of one status request.
const STATUS_PARALLEL: usize = 8;

/// The archive behind its bulkhead, breaker and timeout.
pub struct Guarded {
    archive: Archive,
    policy: Arc<Dependency>,
}

impl Guarded {
    /// Puts `archive` under `policy`.
    pub fn new(archive: Archive, policy: Arc<Dependency>) -> Self {
        Self { archive, policy }
    }

    /// Makes one call. The call may be repeated, so it must be idempotent.
    pub async fn call<'a, T, F>(
        &'a self,
        call: impl Fn(&'a Archive) -> F,
    ) -> Result<T, CallError<ArchiveError>>
    where
        F: Future<Output = Result<T, ArchiveError>>,
    {
        self.policy
            .call_idempotent(outcome, || call(&self.archive))
            .await
    }

    /// Returns how its pools are divided.
    pub fn share(&self) -> crate::config::Share {
        self.policy.share()
    }

    /// Returns the time limit of a call.
    pub fn timeout(&self) -> Duration {
        self.policy.timeout()
    }
}

/// The audit use cases.
pub struct AuditReads {
    archive: Guarded,
    router: Arc<Router>,
    reads: Arc<Reads>,
}

/// How far the archive is behind Postgres.
#[derive(Debug, Clone, Serialize)]
pub struct AuditStatus {
    /// Events of the listed tenants that the archive does not have.
    pub events_behind: u64,
    /// Age of the oldest of these events in seconds; 0 if there is none.
    pub seconds_behind: f64,
    /// Events that Kafka does not have, and the age of the oldest: of all tenants, or only of the
    /// caller's tenant if the caller is limited to one.
    pub outbox: Backlog,
    /// The status of each listed tenant.
    pub tenants: Vec<TenantAuditStatus>,
    /// The cursor of the next page of tenants; `None` at the end.
    pub next_cursor: Option<String>,
}

/// How far the archive is behind for one tenant.
#[derive(Debug, Clone, Serialize)]
pub struct TenantAuditStatus {
    /// The tenant's name.
    pub tenant: TenantName,
    /// The tenant's current epoch.
    pub epoch: Epoch,
    /// The tenant's newest revision in Postgres.
    pub revision: u64,
    /// The newest revision that is archived, or was archived and then removed by retention.
    pub archived_revision: u64,
    /// The number of revisions after `archived_revision`.
    pub events_behind: u64,
    /// Age of the oldest of these events in seconds; 0 if there is none.
    pub seconds_behind: f64,
}

impl AuditReads {
    /// Reads `archive` under `policy`; `reads` provides the cursors.
    pub fn new(
        archive: Archive,
        policy: Arc<Dependency>,
        router: Arc<Router>,
        reads: Arc<Reads>,
    ) -> Self {
        Self {
            archive: Guarded::new(archive, policy),
            router,
            reads,
        }
    }

    /// Returns the newest `limit` events within the tenant scope.
    pub async fn newest(
        &self,
        tenant_scope: &TenantScope,
        filter: EventFilter,
        limit: u32,
    ) -> Result<Vec<ArchivedEvent>, Error> {
        self.query(&within(tenant_scope, filter)?, i64::from(limit), None)
            .await
    }

    /// Returns a page of the events within the tenant scope, newest first.
    pub async fn events(
        &self,
        tenant_scope: &TenantScope,
        filter: EventFilter,
        page: &PageRequest,
    ) -> Result<Page<ArchivedEvent>, Error> {
        let filter = &within(tenant_scope, filter)?;
        let list = format!("audit {filter:?}");
        let after: Option<EventPosition> = match &page.cursor {
            Some(cursor) => Some(self.reads.cursors().await?.open(&list, cursor)?),
            None => None,
        };
        let mut items = self
            .query(filter, i64::from(page.limit) + 1, after.as_ref())
            .await?;
        let mut next_cursor = None;
        if items.len() > page.limit as usize {
            items.truncate(page.limit as usize);
            if let Some(last) = items.last() {
                next_cursor = Some(
                    self.reads
                        .cursors()
                        .await?
                        .seal(&list, &EventPosition::of(last))?,
                );
            }
        }
        Ok(Page { items, next_cursor })
    }

    /// Returns the archive behind its breaker.
    pub(crate) fn archive(&self) -> &Guarded {
        &self.archive
    }

    /// Returns the reads, which provide the cursors.
    pub(crate) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Returns the router to the Postgres servers.
    pub(crate) fn router(&self) -> &Router {
        &self.router
    }

    async fn query(
        &self,
        filter: &EventFilter,
        limit: i64,
        after: Option<&EventPosition>,
    ) -> Result<Vec<ArchivedEvent>, Error> {
        let filter = self.sealed_filter(filter).await?;
        let mut events = self
            .archive
            .call(|archive| archive.query(&filter, limit, after))
            .await?;
        self.open(&mut events).await?;
        Ok(events)
    }

    /// Converts a filter by names into a filter by the names and envelopes that the archive has.
    pub(crate) async fn sealed_filter(&self, filter: &EventFilter) -> Result<EventFilter, Error> {
        self.reads.privacy().sealed_filter(filter).await
    }

    /// Opens the sealed texts of events, except those in the member `event`.
    pub(crate) async fn open(&self, events: &mut [ArchivedEvent]) -> Result<(), Error> {
        self.reads
            .privacy()
            .open(events.iter_mut().flat_map(privacy::of_archived))
            .await
    }

    /// Returns how far the archive is behind Postgres, for one tenant or for a page of the tenants
    /// within the tenant scope.
    pub async fn status(
        &self,
        tenant_scope: &TenantScope,
        tenant: Option<TenantName>,
        page: &PageRequest,
    ) -> Result<AuditStatus, Error> {
        let tenant = tenant_scope.narrowed(tenant)?;
        let (tags, next_cursor) = self.tags(tenant.as_ref(), page).await?;
        let newest = stream::iter(tags.into_iter().map(|(tenant, tag)| async move {
            let newest = self
                .archive
                .call(|archive| archive.newest(tenant.as_str(), &tag))
                .await?;
            Ok::<_, Error>((tenant, tag, newest.map_or(0, |(revision, _)| revision)))
        }));
        let mut archived: Vec<(TenantName, VersionTag, i64)> =
            newest.buffered(STATUS_PARALLEL).try_collect().await?;
        self.raise_to_checkpoints(&mut archived).await?;
        let behind: Vec<_> = archived
            .iter()
            .map(|(tenant, tag, revision)| (tenant.clone(), tag.epoch.clone(), *revision))
            .collect();
        // A tenant's caller must not learn how much the other tenants write.
        let own = tenant_scope.tenant();
        let read = async |tx: &store::Transaction<'_>| {
            let outbox = match own {
                Some(own) => store::outbox::backlog_of(tx, own).await?,
                None => store::outbox::backlog(tx).await?,
            };
            Ok((store::events::oldest_after(tx, &behind).await?, outbox))
        };
        let visible = Visible::tenants(behind.iter().map(|(tenant, ..)| tenant).chain(own));
        let (oldest, outbox) = self.router.primary().read(&visible, read).await?;
        let oldest: HashMap<TenantName, Timestamp> = oldest.into_iter().collect();
        let now = Timestamp::now();
        let tenants: Vec<_> = archived
            .into_iter()
            .map(|(tenant, VersionTag { epoch, revision }, archived)| {
                let archived_revision = u64::try_from(archived).unwrap_or(0);
                let age = oldest
                    .get(&tenant)
                    .map_or(0.0, |at| now.duration_since(*at).as_secs_f64().max(0.0));
                let events_behind = revision.0.saturating_sub(archived_revision);
                TenantAuditStatus {
                    tenant,
                    epoch,
                    revision: revision.0,
                    archived_revision,
                    events_behind,
                    seconds_behind: age,
                }
            })
            .collect();
        Ok(AuditStatus {
            events_behind: tenants.iter().map(|status| status.events_behind).sum(),
            seconds_behind: tenants
                .iter()
                .map(|status| status.seconds_behind)
                .fold(0.0, f64::max),
            outbox,
            tenants,
            next_cursor,
        })
    }

    /// Counts revisions that retention has removed as archived revisions. Must run after the query
    /// of the archive, because retention makes a checkpoint before it removes anything.
    async fn raise_to_checkpoints(
        &self,
        archived: &mut [(TenantName, VersionTag, i64)],
    ) -> Result<(), Error> {
        let chains: Vec<_> = archived
            .iter()
            .map(|(tenant, tag, _)| (tenant, &tag.epoch))
            .collect();
        let read =
            async |tx: &store::Transaction<'_>| store::checkpoints::newest_of(tx, &chains).await;
        let visible = Visible::tenants(chains.iter().map(|(tenant, _)| *tenant));
        let checkpoints: HashMap<TenantName, Revision> = self
            .router
            .primary()
            .read(&visible, read)
            .await?
            .into_iter()
            .collect();
        for (tenant, _, revision) in archived {
            let removed = checkpoints
                .get(tenant)
                .map_or(0, |revision| i64::try_from(revision.0).unwrap_or(i64::MAX));
            *revision = removed.max(*revision);
        }
        Ok(())
    }

    async fn tags(
        &self,
        tenant: Option<&AuthorizedTenant>,
        page: &PageRequest,
    ) -> Result<(Vec<(TenantName, VersionTag)>, Option<String>), Error> {
        if let Some(tenant) = tenant {
            return Ok((
                vec![(
                    tenant.name().clone(),
                    self.reads
                        .tenant(tenant, &Freshness::default())
                        .await?
                        .tag(),
                )],
                None,
            ));
        }
        let page = self.reads.tenants(&TenantScope::Platform, page).await?;
        Ok((
            page.items
                .into_iter()
                .map(|tenant| (tenant.name.clone(), tenant.tag()))
                .collect(),
            page.next_cursor,
        ))
    }
}

/// Limits a query of archived events to the tenant scope of its caller. No other place does this.
pub(crate) fn within(
    tenant_scope: &TenantScope,
    filter: EventFilter,
) -> Result<EventFilter, Error> {
    let tenant = tenant_scope
        .narrowed(filter.tenant)?
        .map(|tenant| tenant.name().clone());
    Ok(EventFilter { tenant, ..filter })
}

fn outcome(error: &ArchiveError) -> Outcome {
    match error {
        ArchiveError::Timeout(_) => Outcome::TimedOut,
        ArchiveError::Failed(_) | ArchiveError::CannotStore(_) => Outcome::Failure,
        // The same query would take as long again, and a smaller query succeeds. So this is no
        // failure of the archive.
        ArchiveError::TooSlow(_) | ArchiveError::Corrupt(_) => Outcome::Success,
    }
}

impl From<CallError<ArchiveError>> for Error {
    fn from(error: CallError<ArchiveError>) -> Self {
        match error {
            CallError::Failed(ArchiveError::Corrupt(error)) => Self::internal(error),
            CallError::Full(_) => Self::Overloaded("archive queries"),
            other => Self::unavailable("mongodb", other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{CallPolicy, Settings},
        resilience::BreakerState,
    };

    #[tokio::test]
    async fn too_slow_query_is_no_outage_and_is_not_retried() {
        let settings = Settings::without_environment(&[]).unwrap().resilience;
        let policy = settings.policy(&settings.mongodb_queries);
        let archive = Dependency::new(
            "mongodb_queries",
            CallPolicy {
                failures: 1,
                ..policy
            },
        );
        let asked = std::cell::Cell::new(0);
        let slow = || async {
            asked.set(asked.get() + 1);
            Err::<(), _>(ArchiveError::TooSlow(archive.timeout()))
        };
        let answer = archive.call_idempotent(outcome, slow).await;
        assert!(matches!(
            answer,
            Err(CallError::Failed(ArchiveError::TooSlow(_)))
        ));
        assert_eq!((asked.get(), archive.state()), (1, BreakerState::Closed));
    }
}
