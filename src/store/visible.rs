//! The tenants that a transaction may touch, as row-level security checks them (migrations/V5).
//!
//! Row-level security stands behind the code and does not replace it: every query names its tenant
//! too. When no tenant is named, no row is visible.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{Client, Statement};

use super::Error;
use crate::domain::{access::AuthorizedTenant, ids::TenantName};

/// The tenants whose rows a transaction may read and write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible(String);

impl Visible {
    /// Shows no tenant, for rows that belong to none.
    pub fn no_tenants() -> Self {
        Self(String::new())
    }

    /// Shows the tenant that answers to a caller may be about.
    pub fn authorized(tenant: &AuthorizedTenant) -> Self {
        Self::tenant(tenant.visible())
    }

    /// Shows one tenant, for the service's own work.
    pub fn tenant(tenant: &TenantName) -> Self {
        Self(tenant.to_string())
    }

    /// Shows the tenants with these names.
    pub fn tenants<'a>(tenants: impl IntoIterator<Item = &'a TenantName>) -> Self {
        // The names of tenants have no commas.
        Self(
            tenants
                .into_iter()
                .map(TenantName::as_str)
                .collect::<Vec<_>>()
                .join(","),
        )
    }

    /// Shows all tenants, for rows of the installation as a whole. `tests/architecture.rs` has the
    /// list of permitted callers.
    pub fn all_tenants() -> Self {
        Self("*".to_owned())
    }

    /// Prepares the statement of [`Visible::show`]. Call it before a pipeline begins.
    pub(super) async fn statement(client: &Object) -> Result<Statement, Error> {
        Ok(client
            .prepare_cached("select set_config('app.tenants', $1, true)")
            .await?)
    }

    /// Makes these tenants visible to the rest of the transaction, and to nothing after it.
    pub(super) async fn show(
        &self,
        tx: &Transaction<'_>,
        statement: &Statement,
    ) -> Result<(), Error> {
        tx.execute(statement, &[&self.0]).await?;
        Ok(())
    }

    /// Makes these tenants visible to a dedicated session, until it ends. Never on a pooled
    /// connection: its next user would see them too.
    pub(super) async fn show_session(&self, client: &Client) -> Result<(), Error> {
        client
            .execute("select set_config('app.tenants', $1, false)", &[&self.0])
            .await?;
        Ok(())
    }
}
