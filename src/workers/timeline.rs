//! Starts new epochs for all tenants after a restore or a promotion of the database.
//!
//! The next write of a tenant starts the tenant's new epoch by itself. This module does it for the
//! tenants without a write.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    domain::ids::TenantName,
    resilience::CallError,
    service::write::{unpublished::Unpublished, writer::Writer},
    store::{self, Server, Visible},
};

const AT_A_TIME: i64 = 100;

/// Starts new epochs for tenants that nobody writes to.
pub struct TimelineWatch {
    primary: Arc<Server>,
    writer: Arc<Writer>,
    unpublished: Arc<Unpublished>,
    /// The timeline to which every tenant belongs, as far as this instance knows, within one run of
    /// the server: a second restore of the same backup may have the name of the first.
    settled: Mutex<Option<String>>,
}

impl TimelineWatch {
    /// Reads the timeline of `primary`, and starts new epochs through `writer`, as fast as
    /// `unpublished` allows.
    pub fn new(primary: Arc<Server>, writer: Arc<Writer>, unpublished: Arc<Unpublished>) -> Self {
        Self {
            primary,
            writer,
            unpublished,
            settled: Mutex::default(),
        }
    }

    /// If the database's timeline has changed since the last look, starts a new epoch for every
    /// tenant whose newest revision belongs to another timeline. If a tenant fails, the next look
    /// tries it again.
    pub async fn look(&self) {
        if let Err(error) = self.try_look().await {
            tracing::warn!(error = %error, "the timeline of the database cannot be checked");
        }
    }

    async fn try_look(&self) -> Result<(), CallError<store::Error>> {
        let now = self
            .primary
            .read_background(&Visible::no_tenants(), store::installation::timeline)
            .await?;
        if self.settled.lock().as_ref() == Some(&now) {
            return Ok(());
        }
        let (mut after, mut is_settled) = (None, true);
        loop {
            let last = after.as_ref().map(TenantName::as_str);
            let read = async |tx: &store::Transaction<'_>| {
                store::tenants::on_other_timeline(tx, last, AT_A_TIME).await
            };
            let tenants = self
                .primary
                .read_background(&Visible::all_tenants(), read)
                .await?;
            let Some(last) = tenants.last().cloned() else {
                break;
            };
            tracing::warn!(
                tenants = tenants.len(),
                "the database has a new timeline after a restore or promotion: tenants start new epochs"
            );
            for tenant in tenants {
                if self.unpublished.fails_closed() {
                    self.unpublished.sample(&self.primary).await;
                }
                if !self.unpublished.has_room() {
                    tracing::warn!(
                        "the remaining tenants start new epochs later: too many events are not published yet"
                    );
                    return Ok(());
                }
                if let Err(error) = self.writer.start_epoch(tenant.clone()).await {
                    tracing::warn!(error = %error, tenant = tenant.as_str(), "a tenant could not start a new epoch yet");
                    is_settled = false;
                }
            }
            after = Some(last);
        }
        if is_settled {
            *self.settled.lock() = Some(now);
        }
        Ok(())
    }
}
