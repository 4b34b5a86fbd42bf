//! Proves that nothing in the audit was changed, without trust in the service: recomputes the hash
//! chains of exported events.
//!
//! For each tenant and epoch, every event must have the hash that it states (SHA-256 over its
//! RFC 8785 bytes without `hash`), name the hash of the event before it, and stand at its place:
//! revisions without a gap, in each the items without a gap. The members of an archived document
//! that repeat its event must say the same. `docs/verify_chain.py` checks the same things.
//!
//! This cannot show that events are missing at the end, or that a whole chain was made anew: for
//! that, compare the head with one that was kept elsewhere.

mod chain;
mod document;
mod strict;

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use self::chain::{Chain, Link};
use crate::{Client, Error as CallError, types::AuditFilter};

/// The input is not events.
#[derive(Debug, Error)]
pub enum NotEvents {
    /// No JSON, or JSON that parsers do not agree on, such as a member twice.
    #[error("no JSON that all parsers read alike: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that is neither an event, nor an archived document, nor a page of them.
    #[error("neither an event, nor an archived document, nor a page of them")]
    Form,
}

/// Why a proof could not be made.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The export could not be read to its end.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The export has something that is not an event.
    #[error("line {line}: {source}")]
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// The error.
        source: NotEvents,
    },
}

/// The result for the chain of one tenant and epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// The name of the tenant.
    pub tenant: String,
    /// The epoch.
    pub epoch: String,
    /// The number of events that were checked.
    pub events: usize,
    /// The first and the last revision; `None` if there are only events before a checkpoint.
    pub revisions: Option<(u64, u64)>,
    /// The hash of the last event, in hexadecimal digits. Keep it elsewhere.
    pub head: Option<String>,
    /// The first fault; `None` if the chain is whole.
    pub fault: Option<ChainFault>,
}

/// A fault of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("revision {revision} item {item}: {kind}")]
pub struct ChainFault {
    /// The revision of the event.
    pub revision: u64,
    /// The number of the event in its revision.
    pub item: u64,
    /// The fault.
    pub kind: FaultKind,
}

/// The kind of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The content has another hash than the event states.
    #[error("edited: its content has the hash {0}")]
    Edited(String),
    /// The archived document repeats a member of its event with another value.
    #[error("edited: the document's {0} is another than the event's")]
    Repeated(&'static str),
    /// Two events stand at one place.
    #[error("doubled: two events stand here")]
    Doubled,
    /// An event is missing before this one.
    #[error("missing: revision {0} item {1} should stand here")]
    Missing(u64, u64),
    /// The event names another hash than the one of the event before it.
    #[error("broken: it names another event as the one before it")]
    Broken,
    /// The last revision has more events than there are.
    #[error("missing: the revision has {0} items")]
    Unfinished(u64),
}

/// Collects events, in any order, and checks their chains. Of each event, about 100 bytes stay in
/// memory.
#[derive(Debug, Default)]
pub struct Verifier {
    from_middle: bool,
    chains: BTreeMap<(String, String), Chain>,
}

impl Verifier {
    /// A verifier of whole chains, from revision 1 on.
    pub fn new() -> Self {
        Self::default()
    }

    /// A verifier of chains whose events need not begin at revision 1.
    pub fn from_middle() -> Self {
        Self {
            from_middle: true,
            chains: BTreeMap::new(),
        }
    }

    /// Begins a chain after a revision whose hash was kept: events up to it may be gone. `hash` has
    /// 64 hexadecimal digits; with any other text nothing matches it.
    pub fn checkpoint(&mut self, tenant: &str, epoch: &str, revision: u64, hash: &str) {
        let chain = self.chain(tenant, epoch);
        chain.checkpoint = Some((revision, hash.to_owned()));
    }

    /// Adds the events of a text: JSON values one after the other, each an event, an archived
    /// document, or a page of them.
    pub fn add(&mut self, text: &str) -> Result<(), NotEvents> {
        for value in strict::values(text) {
            self.add_value(&value?)?;
        }
        Ok(())
    }

    fn add_value(&mut self, value: &Value) -> Result<(), NotEvents> {
        if let Some(items) = value.as_array() {
            return items.iter().try_for_each(|item| self.add_value(item));
        }
        if value.get("event").is_some_and(Value::is_object) {
            return self.add_event(&value["event"], Some(value));
        }
        if value.get("prev_hash").is_some() {
            return self.add_event(value, None);
        }
        let items = value.get("items").or_else(|| value.get("events"));
        self.add_value(
            items
                .filter(|items| items.is_array())
                .ok_or(NotEvents::Form)?,
        )
    }

    fn add_event(&mut self, event: &Value, document: Option<&Value>) -> Result<(), NotEvents> {
        let link = Link::read(event).ok_or(NotEvents::Form)?;
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let (tenant, epoch) = text("tenant").zip(text("epoch")).ok_or(NotEvents::Form)?;
        let fault = chain::content_fault(event, &link)
            .or_else(|| document::fault(event, document?).map(FaultKind::Repeated));
        self.chain(tenant, epoch).add(link, fault);
        Ok(())
    }

    fn chain(&mut self, tenant: &str, epoch: &str) -> &mut Chain {
        let name = (tenant.to_owned(), epoch.to_owned());
        self.chains.entry(name).or_default()
    }

    /// Checks the chains, sorted by tenant and epoch.
    pub fn finish(self) -> Vec<ChainReport> {
        let from_middle = self.from_middle;
        let chains = self.chains.into_iter();
        let reports =
            chains.map(|((tenant, epoch), chain)| chain.report(tenant, epoch, from_middle));
        reports.collect()
    }
}

impl Client {
    /// Exports the events of a tenant and checks their chains: one report for each epoch. The
    /// export is only as new as the archive.
    pub async fn verify(
        &self,
        tenant: &str,
        mut verifier: Verifier,
    ) -> Result<Vec<ChainReport>, VerifyError> {
        let filter = AuditFilter {
            tenant: Some(tenant.to_owned()),
            ..AuditFilter::default()
        };
        let mut body = self.export_audit_events(&filter).await?;
        let mut number = 0;
        while let Some(text) = body.line().await? {
            number += 1;
            verifier.add(&text).map_err(|source| VerifyError::Line {
                line: number,
                source,
            })?;
        }
        Ok(verifier.finish())
    }
}
