//! Verification of the archive: a tenant's chain is recomputed from MongoDB, and its end is
//! compared with Postgres.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{
    auth::AuthorizedTenant,
    domain::{
        command::Rejection,
        hash::EventHash,
        ids::TenantName,
        tag::{Epoch, VersionTag},
        walk::{Fault, Walk},
    },
    service::{
        Error,
        history::{
            audit::AuditReads,
            chain::{Chain, step},
        },
    },
    store::{self, Visible, checkpoints::Checkpoint},
    telemetry::names,
};

/// The time limit of one verification. The rest is left to the next verification.
const BUDGET: Duration = Duration::from_secs(5);

/// The result of a verification.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// The tenant's name.
    pub tenant: TenantName,
    /// The tenant's current epoch.
    pub epoch: Epoch,
    /// The first revision that was looked at.
    pub from: u64,
    /// The last revision that was looked at.
    pub to: u64,
    /// True if `to` is the last requested revision; else go on after it.
    pub complete: bool,
    /// True if no event is bad and no revision is missing.
    pub verified: bool,
    /// The number of events that were looked at.
    pub events: u64,
    /// The first bad event. Events after it were not looked at.
    pub first_bad: Option<FirstBad>,
    /// Revisions that the archive does not have, the first hundred of them. The newest may be on
    /// their way.
    pub missing: Vec<u64>,
    /// The number of revisions that the archive does not have.
    pub missing_count: u64,
    /// The checkpoint up to which retention has removed events. The walk begins after it.
    pub checkpoint: Option<Checkpoint>,
}

/// An event that does not verify.
#[derive(Debug, Clone, Serialize)]
pub struct FirstBad {
    /// The revision of the bad event.
    pub revision: u64,
    /// `edited`, `misplaced`, `broken_link` or `wrong_end`.
    pub reason: &'static str,
}

/// The end of a tenant's chain, and its newest checkpoint, as Postgres has them.
struct Known {
    tag: VersionTag,
    /// The hash of the tenant's newest event.
    head: EventHash,
    checkpoint: Option<Checkpoint>,
}

impl Known {
    /// Returns the first revision that the archive should have.
    fn first(&self) -> u64 {
        self.checkpoint
            .as_ref()
            .map_or(1, |checkpoint| checkpoint.revision.0 + 1)
    }

    /// Returns a walk over the events that the archive should have, from a revision on.
    fn walk(&self, from: u64) -> Walk {
        match &self.checkpoint {
            Some(checkpoint) if from == self.first() => {
                Walk::after(checkpoint.revision.0, checkpoint.hash)
            }
            _ => Walk::from(from),
        }
    }
}

impl AuditReads {
    /// Verifies a tenant's archived history, between two revisions if they are given, from its
    /// checkpoint on. If the end is the newest revision, it is compared with Postgres.
    pub async fn verify(
        &self,
        tenant: &AuthorizedTenant,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Verification, Error> {
        let verification = self.verification(tenant, from, to).await?;
        let result = match verification.first_bad {
            Some(_) => "broken",
            None if verification.verified => "verified",
            None => "missing",
        };
        metrics::counter!(names::VERIFICATIONS, "result" => result).increment(1);
        Ok(verification)
    }

    async fn verification(
        &self,
        tenant: &AuthorizedTenant,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Verification, Error> {
        let mut known = self.known(tenant).await?;
        loop {
            let (mut verification, beyond) = self.walk(tenant.name(), &known, from, to).await?;
            if verification.verified && beyond.is_none() {
                return Ok(verification);
            }
            let now = self.known(tenant).await?;
            if now.tag.epoch == known.tag.epoch && now.checkpoint == known.checkpoint {
                // An event is archived after its commit. So an archived event that Postgres does
                // not have by now is not genuine.
                if let Some(revision) = beyond
                    .filter(|revision| verification.verified && *revision > now.tag.revision.0)
                {
                    verification.first_bad = Some(FirstBad {
                        revision,
                        reason: Fault::WrongEnd.as_str(),
                    });
                    verification.verified = false;
                }
                return Ok(verification);
            }
            // The epoch or the checkpoint has changed. Retention may have removed the missing
            // events meanwhile, after it made the checkpoint.
            known = now;
        }
    }

    async fn known(&self, tenant: &AuthorizedTenant) -> Result<Known, Error> {
        let read = async |tx: &store::Transaction<'_>| {
            let Some((tag, head)) = store::tenants::head(tx, tenant.name()).await? else {
                return Ok(None);
            };
            let checkpoint =
                store::checkpoints::newest(tx, tenant.name().as_str(), tag.epoch.as_str()).await?;
            Ok(Some(Known {
                tag,
                head,
                checkpoint,
            }))
        };
        Ok(self
            .router()
            .primary()
            .read(&Visible::authorized(tenant), read)
            .await?
            .ok_or(Rejection::TenantNotFound)?)
    }

    /// Walks the chain. Also returns the revision of an event after the newest known one, if there
    /// is such an event.
    async fn walk(
        &self,
        tenant: &TenantName,
        known: &Known,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<(Verification, Option<u64>), Error> {
        let started = Instant::now();
        let newest = known.tag.revision.0;
        let from = from.unwrap_or(1).max(known.first());
        // Revisions that were removed need no walk.
        let asked = to.unwrap_or(newest).min(newest).max(known.first() - 1);
        let mut walk = known.walk(from);
        let (mut place, mut events, mut first_bad, mut reached, mut beyond) =
            (from, 0, None, asked, None);
        let mut chain = Chain::from(
            self.archive(),
            tenant.as_str(),
            known.tag.epoch.as_str(),
            from,
        );
        'pages: while let Some(page) = chain.page().await? {
            for kept in &page {
                if kept.revision > asked {
                    beyond = Some(kept.revision).filter(|revision| *revision > newest);
                    break 'pages;
                }
                events += 1;
                place = kept.revision;
                if let Err(fault) = step(&mut walk, kept) {
                    first_bad = Some(FirstBad {
                        revision: kept.revision,
                        reason: fault.as_str(),
                    });
                    reached = kept.revision;
                    break 'pages;
                }
            }
            if started.elapsed() > BUDGET && place < asked {
                // The revision that was read last may have more items.
                reached = place.saturating_sub(1).max(from);
                break;
            }
        }
        if first_bad.is_none() && reached == asked {
            let end = (asked == newest && asked > 0).then_some(known.head);
            first_bad = walk.finish(asked, end).err().map(|fault| FirstBad {
                revision: asked,
                reason: fault.as_str(),
            });
        }
        let (missing, missing_count) = walk.missing();
        let verification = Verification {
            tenant: tenant.clone(),
            epoch: known.tag.epoch.clone(),
            from,
            to: reached,
            complete: reached == asked,
            verified: first_bad.is_none() && missing_count == 0,
            events,
            first_bad,
            missing: missing.to_vec(),
            missing_count,
            checkpoint: known.checkpoint,
        };
        Ok((verification, beyond))
    }
}
