//! Reading the audit of access.

pub use crate::audit::access::ArchivedAccess;
use crate::{
    audit::archive::EventPosition,
    auth::Reach,
    domain::filter::AccessFilter,
    service::{
        Error,
        audit::AuditReads,
        reads::{Page, PageRequest, cut, one_more},
    },
};

impl AuditReads {
    /// A page of accesses that `reach` is told of, newest first.
    pub async fn accesses(&self, reach: &Reach, filter: AccessFilter, page: &PageRequest) -> Result<Page<ArchivedAccess>, Error> {
        let filter = &within(reach, filter)?;
        let list = format!("accesses {filter:?}");
        let after: Option<EventPosition> = self.reads().open(&list, page).await?;
        let mut items = self.archive().call(|archive| archive.accesses(filter, one_more(page), after.as_ref())).await?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => {
                let position = EventPosition { occurred_at: last.occurred_at.clone(), id: last.event_id.clone() };
                Some(self.reads().cursors().await?.seal(&list, &position)?)
            }
            None => None,
        };
        Ok(Page { items, next_cursor })
    }
}

/// The one place where a query of accesses is held to what its caller is told of. A tenant's auditors are told of what its own callers
/// did, and of what the platform did with it; never of another tenant's callers, even if these have named it.
fn within(reach: &Reach, filter: AccessFilter) -> Result<AccessFilter, Error> {
    let named = reach.narrowed(filter.tenant)?;
    let visible_to = reach.tenant().cloned();
    let tenant = named.filter(|_| visible_to.is_none()).map(|named| named.name().clone());
    Ok(AccessFilter { tenant, visible_to, ..filter })
}
