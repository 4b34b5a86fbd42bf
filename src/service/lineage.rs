//! After a restore or a promotion every tenant begins a new epoch: the next write of a tenant sees to that by itself, this sees to the others.

use std::sync::Arc;

use super::writer::Writer;
use crate::store::{self, Server, Visible};

const AT_A_TIME: i64 = 100;

/// Continues every tenant whose newest revision is of another history of the database than the primary's. One that could not be is tried
/// again the next time.
pub async fn sweep(primary: Arc<Server>, writer: Arc<Writer>) {
    let mut after = None;
    loop {
        let last = after.as_ref().map(crate::domain::ids::TenantName::as_str);
        let read = async |tx: &store::Transaction<'_>| store::tenants::foreign(tx, last, AT_A_TIME).await;
        let tenants = match primary.read_apart(&Visible::all_tenants(), read).await {
            Ok(tenants) => tenants,
            Err(error) => return tracing::debug!(error = %error, "whether history was put back could not be told"),
        };
        let Some(last) = tenants.last().cloned() else { return };
        tracing::warn!(
            tenants = tenants.len(),
            "the database has another history: a restore or a promotion; tenants begin new epochs"
        );
        for tenant in tenants {
            if let Err(error) = writer.continue_history(tenant.clone()).await {
                tracing::warn!(error = %error, tenant = tenant.as_str(), "a tenant could not begin a new epoch yet");
            }
        }
        after = Some(last);
    }
}
