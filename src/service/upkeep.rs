//! What is forgotten when its time is over, a bounded number of rows at a time.

use std::{future::Future, sync::Arc};

use crate::{
    resilience::CallError,
    store::{self, Server},
};

const AT_A_TIME: i64 = 1000;

/// Forgets idempotency keys older than `hours`, and plans that have expired.
pub async fn sweep(primary: Arc<Server>, hours: u32) {
    let keys = async |client: Arc<store::Connection>| store::idempotency::sweep(&client, hours, AT_A_TIME).await;
    all("idempotency keys", || primary.read(keys)).await;
    let plans = async |client: Arc<store::Connection>| store::plans::sweep(&client, AT_A_TIME).await;
    all("plans", || primary.read(plans)).await;
}

async fn all<F: Future<Output = Result<u64, CallError<store::Error>>>>(what: &'static str, step: impl Fn() -> F) {
    loop {
        match step().await {
            Ok(swept) if swept >= AT_A_TIME.unsigned_abs() => {}
            Ok(_) => return,
            Err(error) => return tracing::debug!(error = %error, what, "what is over could not be swept"),
        }
    }
}
