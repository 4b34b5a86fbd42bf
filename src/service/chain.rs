//! Reads one chain of the archive page by page, and walks it event by event.

use super::{Error, audit::Guarded};
use crate::{
    audit::{archive::chains::ChainDocument, document::ArchivedEvent},
    domain::walk::{Fault, Walk},
};

/// Documents read at a time.
const PAGE: i64 = 500;

/// The chain of one tenant's epoch, read in order.
pub struct Chain<'a> {
    archive: &'a Guarded,
    tenant: &'a str,
    epoch: &'a str,
    /// The start of the next page: the place of the last document that was read, because another
    /// document may stand in the same place.
    place: (u64, u32),
    last: Option<ChainDocument>,
    is_done: bool,
}

impl<'a> Chain<'a> {
    /// Reads a chain from a revision on.
    pub fn from(archive: &'a Guarded, tenant: &'a str, epoch: &'a str, revision: u64) -> Self {
        Self {
            archive,
            tenant,
            epoch,
            place: (revision, 0),
            last: None,
            is_done: false,
        }
    }

    /// Returns the next documents; `None` after the last.
    pub async fn page(&mut self) -> Result<Option<Vec<ChainDocument>>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let (tenant, epoch, place) = (self.tenant, self.epoch, self.place);
        let mut page = self
            .archive
            .call(|archive| archive.history(tenant, epoch, place, PAGE))
            .await?;
        self.is_done = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        page.retain(|kept| self.last.as_ref().is_none_or(|last| last.id != kept.id));
        if let Some(last) = page.last() {
            (self.place, self.last) = ((last.revision, last.item), Some(last.clone()));
        }
        Ok(Some(page))
    }
}

/// Walks over a document. The document must be an archived event, agree with that event, and stand
/// in its place in the chain.
pub fn step<'a>(walk: &mut Walk, kept: &'a ChainDocument) -> Result<&'a ArchivedEvent, Fault> {
    let archived = kept.event.as_ref().ok_or(Fault::Edited)?;
    if !archived.agrees() {
        return Err(Fault::Misplaced);
    }
    walk.step((kept.revision, kept.item), &archived.event)?;
    Ok(archived)
}
