//! Which tenants a transaction may touch: what row-level security goes by (migrations/V5).
//!
//! It stands behind the code and does not replace it: every query names its tenant too. Nothing named is nothing seen.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{Client, Statement};

use super::Error;
use crate::{auth::AuthorizedTenant, domain::ids::TenantName};

/// The tenants whose rows a transaction may read and write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible(String);

impl Visible {
    /// None: for what is no tenant's.
    pub fn no_tenants() -> Self {
        Self(String::new())
    }

    /// The one that answers to a caller may be about.
    pub fn authorized(tenant: &AuthorizedTenant) -> Self {
        Self::tenant(tenant.visible())
    }

    /// One, for the service's own work.
    pub fn tenant(tenant: &TenantName) -> Self {
        Self(tenant.to_string())
    }

    /// These.
    pub fn tenants<'a>(tenants: impl IntoIterator<Item = &'a TenantName>) -> Self {
        // The names of tenants have no commas.
        Self(tenants.into_iter().map(TenantName::as_str).collect::<Vec<_>>().join(","))
    }

    /// All of them, for what belongs to the installation as a whole. `tests/architecture.rs` has the list of who may.
    pub fn all_tenants() -> Self {
        Self("*".to_owned())
    }

    /// The statement of [`Visible::show`], to be prepared before a pipeline is begun.
    pub(super) async fn statement(client: &Object) -> Result<Statement, Error> {
        Ok(client.prepare_cached("select set_config('app.tenants', $1, true)").await?)
    }

    /// Shows these tenants to what follows in the transaction, and to nothing after it.
    pub(super) async fn show(&self, tx: &Transaction<'_>, statement: &Statement) -> Result<(), Error> {
        tx.execute(statement, &[&self.0]).await?;
        Ok(())
    }

    /// Shows these tenants to a session of its own, until it ends. Never on a pooled connection: its next user would see them too.
    pub(super) async fn show_session(&self, client: &Client) -> Result<(), Error> {
        client.execute("select set_config('app.tenants', $1, false)", &[&self.0]).await?;
        Ok(())
    }
}
