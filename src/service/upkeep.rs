//! Upkeep: deletes expired rows, a bounded number at a time, and completes deletions of tenants.

use std::{future::Future, sync::Arc};

use super::writer::Writer;
use crate::{
    domain::command::Effect,
    resilience::CallError,
    store::{self, Server, Visible},
};

const AT_A_TIME: i64 = 1000;

/// Deletes idempotency keys older than `hours`, plans that have expired, and API keys that ended
/// more than `days` ago.
pub async fn sweep(primary: Arc<Server>, hours: u32, days: u32) {
    // Rows expire for all tenants alike.
    let visible = &Visible::all_tenants();
    let keys =
        async |tx: &store::Transaction<'_>| store::idempotency::sweep(tx, hours, AT_A_TIME).await;
    all("idempotency keys", || primary.write(visible, keys)).await;
    let plans = async |tx: &store::Transaction<'_>| store::plans::sweep(tx, AT_A_TIME).await;
    all("plans", || primary.write(visible, plans)).await;
    let ended = async |tx: &store::Transaction<'_>| store::keys::sweep(tx, days, AT_A_TIME).await;
    all("API keys", || primary.write(visible, ended)).await;
}

/// Continues deletions of tenants that have begun and are not done, because their request or the
/// process ended before.
pub async fn end_tenants(primary: Arc<Server>, writer: Arc<Writer>) {
    let read = async |tx: &store::Transaction<'_>| store::tenants::ending(tx, AT_A_TIME).await;
    let tenants = match primary.read_background(&Visible::all_tenants(), read).await {
        Ok(tenants) => tenants,
        Err(error) => {
            return tracing::debug!(error = %error, "the tenants that are being deleted could not be read");
        }
    };
    for tenant in tenants {
        loop {
            match writer.end_step(&tenant).await {
                Ok(Some(outcome)) if outcome.effect != Effect::Deleted => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(error = %error, tenant = tenant.as_str(), "the deletion of a tenant failed and continues later");
                    break;
                }
            }
        }
    }
}

async fn all<F: Future<Output = Result<u64, CallError<store::Error>>>>(
    what: &'static str,
    step: impl Fn() -> F,
) {
    loop {
        match step().await {
            Ok(swept) if swept >= AT_A_TIME.unsigned_abs() => {}
            Ok(_) => return,
            Err(error) => {
                return tracing::debug!(error = %error, what, "expired rows could not be deleted");
            }
        }
    }
}
