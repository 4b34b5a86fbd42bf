//! Retention: removes archived events that are older than a given time, and only events that are
//! proven.
//!
//! Each chain (one tenant's epoch) is walked from its last checkpoint, or its beginning, up to its
//! first event that is young enough to stay. The verified part is compared with the history in
//! Postgres, recorded there as a checkpoint, and then removed. A chain that does not verify keeps
//! everything from its first fault on. It keeps everything if Postgres knows another history.
//! Events that Postgres lost in a restore are removed by age as well. If a run is killed, the next
//! run completes it by removing the events up to the checkpoint.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Error,
    audit::Guarded,
    chain::{Chain, step},
};
use crate::{
    audit::archive::{Archive, chains::ChainDocument},
    domain::{
        ids::TenantName,
        tag::Revision,
        time::UtcTime,
        walk::{Fault, Walk},
    },
    resilience::Dependency,
    store::{
        self, Server, Visible,
        checkpoints::{self, Checkpoint, Proven},
        server::{self, Kind},
    },
};

/// The reason to refuse a chain with a gap.
const MISSING: &str = "missing";

/// The result of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retained {
    /// The number of chains that were looked at.
    pub chains: u64,
    /// The number of events that were removed.
    pub removed: u64,
    /// Chains that do not verify.
    pub refused: Vec<UnverifiedChain>,
}

/// A chain that does not verify: everything from this revision on was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedChain {
    /// The tenant of the chain, as the archive names it.
    pub tenant: String,
    /// The epoch of the chain.
    pub epoch: String,
    /// The first revision with a fault.
    pub revision: u64,
    /// `missing`, or the name of the fault that verification found.
    pub reason: &'static str,
}

/// The reason why a run failed. The run may be started again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// Another retention runs on this database.
    #[error("another retention run uses this database")]
    Running,
    /// A dependency failed during the run.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Retention of one archive.
pub struct Retention {
    archive: Guarded,
    postgres: Arc<Server>,
    /// The time limit of one statement.
    limit: Duration,
    /// Documents removed at a time.
    batch: i64,
}

/// The part of a chain that may be removed, and the fault after it.
type Found = (Option<Proven>, Option<(u64, &'static str)>);

impl Retention {
    /// Removes from `archive`, as a user that may find and remove, and keeps checkpoints in
    /// `postgres`.
    pub fn new(
        archive: Archive,
        policy: Arc<Dependency>,
        postgres: Arc<Server>,
        limit: Duration,
        batch: i64,
    ) -> Self {
        Self {
            archive: Guarded::new(archive, policy),
            postgres,
            limit,
            batch,
        }
    }

    /// Removes the events from before `cutoff`, chain by chain.
    pub async fn run(&self, cutoff: UtcTime) -> Result<Retained, RetentionError> {
        let client = self.postgres.connection().await.map_err(Error::from)?;
        let mut session = Session {
            client,
            tls: self.postgres.tls().clone(),
            limit: self.limit,
        };
        if !server::bounded(
            &session.client,
            &session.tls,
            self.limit,
            checkpoints::lock(&session.client),
        )
        .await
        .map_err(Error::from)?
        {
            return Err(RetentionError::Running);
        }
        let mut retained = Retained::default();
        let result = self.chains(&mut session, cutoff, &mut retained).await;
        server::bounded(
            &session.client,
            &session.tls,
            self.limit,
            checkpoints::unlock(&session.client),
        )
        .await
        .map_err(Error::from)?;
        result?;
        Ok(retained)
    }

    async fn chains(
        &self,
        session: &mut Session,
        cutoff: UtcTime,
        retained: &mut Retained,
    ) -> Result<(), Error> {
        let mut at: Option<(String, String)> = None;
        loop {
            let after = at
                .as_ref()
                .map(|(tenant, epoch)| (tenant.as_str(), epoch.as_str()));
            let Some((tenant, epoch)) = self
                .archive
                .call(|archive| archive.chain_after(after))
                .await?
            else {
                return Ok(());
            };
            self.chain(session, (&tenant, &epoch), cutoff, retained)
                .await?;
            at = Some((tenant, epoch));
        }
    }

    async fn chain(
        &self,
        session: &mut Session,
        chain: (&str, &str),
        cutoff: UtcTime,
        retained: &mut Retained,
    ) -> Result<(), Error> {
        let (tenant, epoch) = chain;
        retained.chains += 1;
        let checkpoint = session
            .read(tenant, async |tx| {
                checkpoints::newest(tx, tenant, epoch).await
            })
            .await?;
        if let Some(checkpoint) = &checkpoint {
            // Events that an earlier run proved but did not remove, or that Kafka has delivered
            // again.
            retained.removed += self.remove(chain, checkpoint.revision).await?;
        }
        let (proven, fault) = self
            .prove(session, chain, checkpoint.as_ref(), cutoff)
            .await?;
        if let Some(proven) = proven {
            session
                .write(tenant, async |tx| {
                    checkpoints::insert(tx, tenant, epoch, &proven).await
                })
                .await?;
            let removed = self.remove(chain, proven.revision).await?;
            retained.removed += removed;
            tracing::info!(tenant, epoch, revision = proven.revision.0, hash = %proven.hash, removed, "verified events were removed from the archive");
        }
        if let Some((revision, reason)) = fault {
            tracing::error!(
                tenant,
                epoch,
                revision,
                reason,
                "a chain does not verify: its events from this revision on are kept"
            );
            let (tenant, epoch) = (tenant.to_owned(), epoch.to_owned());
            retained.refused.push(UnverifiedChain {
                tenant,
                epoch,
                revision,
                reason,
            });
        }
        Ok(())
    }

    /// Walks a chain up to its first event that stays, and compares the end of the part before it
    /// with Postgres.
    async fn prove(
        &self,
        session: &mut Session,
        (tenant, epoch): (&str, &str),
        checkpoint: Option<&Checkpoint>,
        cutoff: UtcTime,
    ) -> Result<Found, Error> {
        let mut past = Past::after(checkpoint, cutoff);
        let mut chain = Chain::from(
            &self.archive,
            tenant,
            epoch,
            checkpoint.map_or(1, |checkpoint| checkpoint.revision.0 + 1),
        );
        'pages: while let Some(page) = chain.page().await? {
            for kept in &page {
                if past.step(kept).is_break() {
                    break 'pages;
                }
            }
        }
        let (proven, fault) = past.end();
        let Some(proven) = proven else {
            return Ok((None, fault));
        };
        let known = session
            .read(tenant, async |tx| {
                store::events::hash_of(tx, tenant, epoch, proven.revision).await
            })
            .await?;
        if known == Some(proven.hash)
            || (known.is_none()
                && self
                    .was_lost(session, (tenant, epoch), checkpoint, &proven)
                    .await?)
        {
            Ok((Some(proven), fault))
        } else {
            Ok((None, Some((proven.revision.0, Fault::WrongEnd.as_str()))))
        }
    }

    /// Returns true if Postgres lost the end of a chain in a restore: Postgres left the epoch at an
    /// earlier revision, and the chain continues from there.
    async fn was_lost(
        &self,
        session: &mut Session,
        (tenant, epoch): (&str, &str),
        checkpoint: Option<&Checkpoint>,
        proven: &Proven,
    ) -> Result<bool, Error> {
        let left = session
            .read(tenant, async |tx| {
                store::events::left(tx, tenant, epoch).await
            })
            .await?;
        let Some((left, hash)) = left.filter(|(left, _)| *left < proven.revision) else {
            return Ok(false);
        };
        // Events after a checkpoint are linked to it by their hashes, and so to the events that
        // were proven before.
        if checkpoint.is_none_or(|checkpoint| checkpoint.revision < left) {
            let next = self
                .archive
                .call(|archive| archive.history(tenant, epoch, (left.0 + 1, 0), 1))
                .await?;
            let follows = next
                .first()
                .and_then(|kept| kept.event.as_ref())
                .and_then(|archived| archived.event.get("prev_hash"));
            if follows.and_then(Value::as_str) != Some(hash.to_string().as_str()) {
                return Ok(false);
            }
        }
        tracing::warn!(
            tenant,
            epoch,
            left = left.0,
            revision = proven.revision.0,
            "events that PostgreSQL lost in a restore were removed from the archive"
        );
        Ok(true)
    }

    async fn remove(&self, (tenant, epoch): (&str, &str), upto: Revision) -> Result<u64, Error> {
        let mut removed = 0;
        loop {
            match self
                .archive
                .call(|archive| archive.remove_first(tenant, epoch, upto.0, self.batch))
                .await?
            {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
    }
}

/// The only database session of a run. It holds the lock.
struct Session {
    client: store::Connection,
    tls: store::Tls,
    limit: Duration,
}

impl Session {
    async fn read<T>(
        &mut self,
        tenant: &str,
        read: impl AsyncFnOnce(&store::Transaction<'_>) -> Result<T, store::Error>,
    ) -> Result<T, Error> {
        Ok(server::transact(
            &mut self.client,
            &self.tls,
            self.limit,
            Kind::Read,
            &visible(tenant),
            read,
        )
        .await?)
    }

    async fn write<T>(
        &mut self,
        tenant: &str,
        write: impl AsyncFnOnce(&store::Transaction<'_>) -> Result<T, store::Error>,
    ) -> Result<T, Error> {
        Ok(server::transact(
            &mut self.client,
            &self.tls,
            self.limit,
            Kind::Write,
            &visible(tenant),
            write,
        )
        .await?)
    }
}

/// Returns the visibility of one chain's tenant. Events that are archived under an invalid tenant
/// name are in no history, and so are not removed.
fn visible(tenant: &str) -> Visible {
    tenant
        .parse::<TenantName>()
        .map_or_else(|_| Visible::no_tenants(), |tenant| Visible::tenant(&tenant))
}

/// The part of a chain that verifies and is old enough to be removed, in whole revisions.
struct Past {
    walk: Walk,
    cutoff: UtcTime,
    events: u64,
    whole: Option<Proven>,
    /// The whole revision before `whole`. It remains proven if another document turns up in the
    /// place of `whole`.
    before: Option<Proven>,
    fault: Option<(u64, &'static str)>,
    /// True once an event that stays was reached.
    is_over: bool,
}

impl Past {
    fn after(checkpoint: Option<&Checkpoint>, cutoff: UtcTime) -> Self {
        let walk =
            checkpoint.map_or_else(|| Walk::from(1), |at| Walk::after(at.revision.0, at.hash));
        let events = checkpoint.map_or(0, |at| at.events);
        Self {
            walk,
            cutoff,
            events,
            whole: None,
            before: None,
            fault: None,
            is_over: false,
        }
    }

    fn step(&mut self, kept: &ChainDocument) -> ControlFlow<()> {
        let archived = match step(&mut self.walk, kept) {
            Ok(archived) => archived,
            Err(fault) => {
                self.fault = Some((kept.revision, fault.as_str()));
                return ControlFlow::Break(());
            }
        };
        if let Some(missing) = self.walk.missing().0.first() {
            self.fault = Some((*missing, MISSING));
            return ControlFlow::Break(());
        }
        // The document agrees with its event, and an event's time is always valid.
        let Some(occurred_at) = archived
            .occurred_at
            .parse::<UtcTime>()
            .ok()
            .filter(|at| *at < self.cutoff)
        else {
            self.is_over = true;
            return ControlFlow::Break(());
        };
        self.events += 1;
        if let Some((revision, hash)) = self.walk.whole() {
            let proven = Proven {
                revision: Revision(revision),
                hash,
                events: self.events,
                occurred_at,
            };
            self.before = self.whole.replace(proven);
        }
        ControlFlow::Continue(())
    }

    /// Returns the part that may be removed, and the fault that ended the walk.
    fn end(self) -> Found {
        let cut_short = (self.fault.is_none() && !self.is_over)
            .then(|| self.walk.within())
            .flatten();
        let fault = self.fault.or(cut_short.map(|revision| (revision, MISSING)));
        // A revision with a fault stays as a whole, even if some of its events verified.
        let is_before =
            |proven: &Proven| fault.is_none_or(|(revision, _)| proven.revision.0 < revision);
        (
            self.whole
                .filter(is_before)
                .or(self.before.filter(is_before)),
            fault,
        )
    }
}
