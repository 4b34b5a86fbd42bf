//! Proof of the archive: a tenant's chain recomputed from MongoDB, and held against where Postgres says that it ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Error, audit::AuditReads};
use crate::{
    domain::{
        command::Rejection,
        ids::TenantName,
        tag::{Epoch, Revision},
        walk::{Fault, Walk},
    },
    store,
};

/// Events read at a time.
const PAGE: i64 = 500;

/// How long one verification may take; what is left then is the next one's.
const BUDGET: Duration = Duration::from_secs(5);

/// What a verification found.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Whose.
    pub tenant: TenantName,
    /// Which history.
    pub epoch: Epoch,
    /// The first revision that was looked at.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// Whether `to` is as far as was asked for; else go on after it.
    pub complete: bool,
    /// Nothing is bad and nothing is missing.
    pub verified: bool,
    /// Events that were looked at.
    pub events: u64,
    /// The first event that is not as it should be. What comes after it was not looked at.
    pub first_bad: Option<FirstBad>,
    /// Revisions that the archive does not have, the first hundred of them. The newest may be on their way.
    pub missing: Vec<u64>,
    /// How many it does not have.
    pub missing_count: u64,
}

/// An event that is not as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct FirstBad {
    /// Where.
    pub revision: u64,
    /// `edited`, `misplaced`, `broken_link` or `wrong_end`.
    pub reason: &'static str,
}

impl AuditReads {
    /// Verifies a tenant's archived history, between two revisions if they are given. The end is held against Postgres when it is the
    /// newest revision.
    pub async fn verify(&self, tenant: &TenantName, from: Option<u64>, to: Option<u64>) -> Result<Verification, Error> {
        let started = Instant::now();
        let read = async |client: Arc<store::Connection>| store::tenants::head(&client, tenant).await;
        let (tag, head) = self.router().primary().read(read).await?.ok_or(Rejection::TenantNotFound)?;
        let from = from.unwrap_or(1).max(1);
        let asked = to.unwrap_or(tag.revision.0).min(tag.revision.0);
        let mut walk = Walk::from(from);
        let (mut place, mut events, mut first_bad) = ((from, -1), 0, None);
        let mut reached = asked;
        'pages: loop {
            let page = self.history(tenant, &tag.epoch, place, PAGE).await?;
            for archived in &page {
                let revision = u64::try_from(archived.revision).unwrap_or(0);
                if revision > asked {
                    break 'pages;
                }
                let item = u32::try_from(archived.item).unwrap_or(u32::MAX);
                let step = if archived.agrees() { walk.step((revision, item), &archived.event) } else { Err(Fault::Misplaced) };
                events += 1;
                place = (revision, i64::from(item));
                if let Err(fault) = step {
                    first_bad = Some(FirstBad { revision, reason: fault.as_str() });
                    reached = revision;
                    break 'pages;
                }
            }
            if page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                break;
            }
            if started.elapsed() > BUDGET && place.0 < asked {
                // The revision that was read last may have more items.
                reached = place.0.saturating_sub(1).max(from);
                break;
            }
        }
        if first_bad.is_none() && reached == asked {
            let end = (Revision(asked) == tag.revision && asked > 0).then_some(head);
            first_bad = walk.finish(asked, end).err().map(|fault| FirstBad { revision: asked, reason: fault.as_str() });
        }
        let (missing, missing_count) = walk.missing();
        Ok(Verification {
            tenant: tenant.clone(),
            epoch: tag.epoch,
            from,
            to: reached,
            complete: reached == asked,
            verified: first_bad.is_none() && missing_count == 0,
            events,
            first_bad,
            missing: missing.to_vec(),
            missing_count,
        })
    }
}
