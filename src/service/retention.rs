//! Retention: removes from the archive what is older than a time, and nothing that is not proven.
//!
//! Each chain (one tenant's epoch) is walked from its last checkpoint, or its beginning, up to its first event that is young enough to
//! stay. What verified is held against the history in Postgres, recorded as a checkpoint there, and then removed. A chain that does not
//! verify keeps everything from its first fault on, and all of it if Postgres knows another history. What it does not know any more, because
//! it was put back, goes by its age as well. A run that is killed is made good by the next: what stands before a checkpoint goes.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Error,
    audit::Guarded,
    chain::{Chain, step},
};
use crate::{
    audit::archive::{Archive, chains::Kept},
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

/// The reason of a chain with a gap.
const MISSING: &str = "missing";

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retained {
    /// Chains that were looked at.
    pub chains: u64,
    /// Events that were removed.
    pub removed: u64,
    /// Chains that do not verify.
    pub refused: Vec<Refused>,
}

/// A chain that does not verify: everything from this revision on was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Whose.
    pub tenant: String,
    /// Which history.
    pub epoch: String,
    /// The first revision that is not as it should be.
    pub revision: u64,
    /// `missing`, or what verification calls it.
    pub reason: &'static str,
}

/// Why a run did not come to its end. It may be started again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// Another one runs.
    #[error("another retention runs on this database")]
    Running,
    /// A dependency did not do what was asked.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Retention of one archive.
pub struct Retention {
    archive: Guarded,
    postgres: Arc<Server>,
    /// How long one statement may take.
    limit: Duration,
    /// Documents removed at a time.
    batch: i64,
}

/// What of a chain may go, and what is wrong behind it.
type Found = (Option<Proven>, Option<(u64, &'static str)>);

impl Retention {
    /// Retention of `archive`, as a user that may find and remove, with checkpoints in `postgres`.
    pub fn new(archive: Archive, policy: Arc<Dependency>, postgres: Arc<Server>, limit: Duration, batch: i64) -> Self {
        Self { archive: Guarded::new(archive, policy), postgres, limit, batch }
    }

    /// Removes what happened before `cutoff`, chain by chain.
    pub async fn run(&self, cutoff: UtcTime) -> Result<Retained, RetentionError> {
        let client = self.postgres.connection().await.map_err(Error::from)?;
        let mut session = Session { client, tls: self.postgres.tls().clone(), limit: self.limit };
        if !server::bounded(&session.client, &session.tls, self.limit, checkpoints::lock(&session.client))
            .await
            .map_err(Error::from)?
        {
            return Err(RetentionError::Running);
        }
        let mut retained = Retained::default();
        let result = self.chains(&mut session, cutoff, &mut retained).await;
        server::bounded(&session.client, &session.tls, self.limit, checkpoints::unlock(&session.client))
            .await
            .map_err(Error::from)?;
        result?;
        Ok(retained)
    }

    async fn chains(&self, session: &mut Session, cutoff: UtcTime, retained: &mut Retained) -> Result<(), Error> {
        let mut at: Option<(String, String)> = None;
        loop {
            let after = at.as_ref().map(|(tenant, epoch)| (tenant.as_str(), epoch.as_str()));
            let Some((tenant, epoch)) = self.archive.call(|archive| archive.chain_after(after)).await? else { return Ok(()) };
            self.chain(session, (&tenant, &epoch), cutoff, retained).await?;
            at = Some((tenant, epoch));
        }
    }

    async fn chain(
        &self, session: &mut Session, chain: (&str, &str), cutoff: UtcTime, retained: &mut Retained,
    ) -> Result<(), Error> {
        let (tenant, epoch) = chain;
        retained.chains += 1;
        let checkpoint = session.read(tenant, async |tx| checkpoints::newest(tx, tenant, epoch).await).await?;
        if let Some(checkpoint) = &checkpoint {
            // What an earlier run proved and did not come to remove, or Kafka has delivered again.
            retained.removed += self.remove(chain, checkpoint.revision).await?;
        }
        let (proven, fault) = self.prove(session, chain, checkpoint.as_ref(), cutoff).await?;
        if let Some(proven) = proven {
            session.write(tenant, async |tx| checkpoints::insert(tx, tenant, epoch, &proven).await).await?;
            let removed = self.remove(chain, proven.revision).await?;
            retained.removed += removed;
            tracing::info!(tenant, epoch, revision = proven.revision.0, hash = %proven.hash, removed, "proven and removed");
        }
        if let Some((revision, reason)) = fault {
            tracing::error!(tenant, epoch, revision, reason, "a chain does not verify: it keeps everything from here on");
            let (tenant, epoch) = (tenant.to_owned(), epoch.to_owned());
            retained.refused.push(Refused { tenant, epoch, revision, reason });
        }
        Ok(())
    }

    /// Walks a chain up to its first event that stays, and holds the end of what may go against Postgres.
    async fn prove(
        &self, session: &mut Session, (tenant, epoch): (&str, &str), checkpoint: Option<&Checkpoint>, cutoff: UtcTime,
    ) -> Result<Found, Error> {
        let mut past = Past::after(checkpoint, cutoff);
        let mut chain = Chain::from(&self.archive, tenant, epoch, checkpoint.map_or(1, |checkpoint| checkpoint.revision.0 + 1));
        'pages: while let Some(page) = chain.page().await? {
            for kept in &page {
                if past.step(kept).is_break() {
                    break 'pages;
                }
            }
        }
        let (proven, fault) = past.end();
        let Some(proven) = proven else { return Ok((None, fault)) };
        let known = session.read(tenant, async |tx| store::events::hash_of(tx, tenant, epoch, proven.revision).await).await?;
        if known == Some(proven.hash) || (known.is_none() && self.was_lost(session, (tenant, epoch), checkpoint, &proven).await?)
        {
            Ok((Some(proven), fault))
        } else {
            Ok((None, Some((proven.revision.0, Fault::WrongEnd.as_str()))))
        }
    }

    /// Whether the end of a chain is what Postgres lost when it was put back: Postgres left the epoch before, and the chain goes on from there.
    async fn was_lost(
        &self, session: &mut Session, (tenant, epoch): (&str, &str), checkpoint: Option<&Checkpoint>, proven: &Proven,
    ) -> Result<bool, Error> {
        let left = session.read(tenant, async |tx| store::events::left(tx, tenant, epoch).await).await?;
        let Some((left, hash)) = left.filter(|(left, _)| *left < proven.revision) else { return Ok(false) };
        // What stands behind a checkpoint was linked to it, and so to what was proven before.
        if checkpoint.is_none_or(|checkpoint| checkpoint.revision < left) {
            let next = self.archive.call(|archive| archive.history(tenant, epoch, (left.0 + 1, 0), 1)).await?;
            let follows = next.first().and_then(|kept| kept.event.as_ref()).and_then(|archived| archived.event.get("prev_hash"));
            if follows.and_then(Value::as_str) != Some(hash.to_string().as_str()) {
                return Ok(false);
            }
        }
        tracing::warn!(
            tenant,
            epoch,
            left = left.0,
            revision = proven.revision.0,
            "what PostgreSQL lost when it was put back is removed"
        );
        Ok(true)
    }

    async fn remove(&self, (tenant, epoch): (&str, &str), upto: Revision) -> Result<u64, Error> {
        let mut removed = 0;
        loop {
            match self.archive.call(|archive| archive.remove_first(tenant, epoch, upto.0, self.batch)).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
    }
}

/// The one session of a run: it holds the lock.
struct Session {
    client: store::Connection,
    tls: store::Tls,
    limit: Duration,
}

impl Session {
    async fn read<T>(
        &mut self, tenant: &str, read: impl AsyncFnOnce(&store::Transaction<'_>) -> Result<T, store::Error>,
    ) -> Result<T, Error> {
        Ok(server::transact(&mut self.client, &self.tls, self.limit, Kind::Read, &visible(tenant), read).await?)
    }

    async fn write<T>(
        &mut self, tenant: &str, write: impl AsyncFnOnce(&store::Transaction<'_>) -> Result<T, store::Error>,
    ) -> Result<T, Error> {
        Ok(server::transact(&mut self.client, &self.tls, self.limit, Kind::Write, &visible(tenant), write).await?)
    }
}

/// One chain's tenant at a time. What is archived under no tenant's name is in no history, and so is not removed.
fn visible(tenant: &str) -> Visible {
    tenant.parse::<TenantName>().map_or_else(|_| Visible::no_tenants(), |tenant| Visible::tenant(&tenant))
}

/// The past of a chain as far as it verifies and is old enough to go, in whole revisions.
struct Past {
    walk: Walk,
    cutoff: UtcTime,
    events: u64,
    whole: Option<Proven>,
    /// The whole revision before that one: what remains proven when something else turns up in its place.
    before: Option<Proven>,
    fault: Option<(u64, &'static str)>,
    /// Whether an event was met that stays.
    is_over: bool,
}

impl Past {
    fn after(checkpoint: Option<&Checkpoint>, cutoff: UtcTime) -> Self {
        let walk = checkpoint.map_or_else(|| Walk::from(1), |at| Walk::after(at.revision.0, at.hash));
        let events = checkpoint.map_or(0, |at| at.events);
        Self { walk, cutoff, events, whole: None, before: None, fault: None, is_over: false }
    }

    fn step(&mut self, kept: &Kept) -> ControlFlow<()> {
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
        // It agrees with its event, whose time is one.
        let Some(occurred_at) = archived.occurred_at.parse::<UtcTime>().ok().filter(|at| *at < self.cutoff) else {
            self.is_over = true;
            return ControlFlow::Break(());
        };
        self.events += 1;
        if let Some((revision, hash)) = self.walk.whole() {
            let proven = Proven { revision: Revision(revision), hash, events: self.events, occurred_at };
            self.before = self.whole.replace(proven);
        }
        ControlFlow::Continue(())
    }

    /// What may go, and the fault that the walk ended with.
    fn end(self) -> Found {
        let cut_short = (self.fault.is_none() && !self.is_over).then(|| self.walk.within()).flatten();
        let fault = self.fault.or(cut_short.map(|revision| (revision, MISSING)));
        // What stands beside a fault stays, also when it verified by itself.
        let is_before = |proven: &Proven| fault.is_none_or(|(revision, _)| proven.revision.0 < revision);
        (self.whole.filter(is_before).or(self.before.filter(is_before)), fault)
    }
}
