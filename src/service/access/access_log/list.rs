//! Reads of the access log.

pub use crate::audit::access_log::ArchivedAccess;
use crate::{
    audit::archive::EventPosition,
    auth::TenantScope,
    domain::filter::AccessFilter,
    service::{
        Error,
        history::audit::AuditReads,
        read::reads::{Page, PageRequest, cut, one_more},
    },
};

impl AuditReads {
    /// Returns a page of the accesses that are visible within the tenant scope, newest first.
    pub async fn accesses(
        &self,
        tenant_scope: &TenantScope,
        filter: AccessFilter,
        page: &PageRequest,
    ) -> Result<Page<ArchivedAccess>, Error> {
        let filter = &within(tenant_scope, filter)?;
        let list = format!("accesses {filter:?}");
        let after: Option<EventPosition> = self.reads().open(&list, page).await?;
        let mut items = self
            .archive()
            .call(|archive| archive.accesses(filter, one_more(page), after.as_ref()))
            .await?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => {
                let position = EventPosition {
                    occurred_at: last.occurred_at.clone(),
                    id: last.event_id.clone(),
                };
                Some(self.reads().cursors().await?.seal(&list, &position)?)
            }
            None => None,
        };
        Ok(Page { items, next_cursor })
    }
}

/// Limits a query of accesses to the records that its caller may see. No other place does this. A
/// tenant's auditors see the accesses of the tenant's own callers, and the platform's actions on
/// the tenant. They never see accesses of another tenant's callers, even if these have named the
/// tenant.
fn within(tenant_scope: &TenantScope, filter: AccessFilter) -> Result<AccessFilter, Error> {
    let named = tenant_scope.narrowed(filter.tenant)?;
    let visible_to = tenant_scope.tenant().cloned();
    let tenant = named
        .filter(|_| visible_to.is_none())
        .map(|named| named.name().clone());
    Ok(AccessFilter {
        tenant,
        visible_to,
        ..filter
    })
}
