//! What a stream reports.

use super::Stream;
use crate::ads::action::{Action, Report, Type};

impl Stream {
    /// Reports the names that the node asks for in vain.
    pub(super) fn report_missing(&mut self, out: &mut Vec<Action>) {
        let Some(target) = &self.target else {
            return;
        };
        for name in self.routes.iter().flat_map(|r| r.missing(target)) {
            if self.missing.insert(name.clone()) {
                out.push(Action::Report(Report::Missing { name: name.clone() }));
            }
        }
    }

    /// Reports where the node stands when there is nothing to send.
    pub(super) fn report(&mut self, now: u64, out: &mut Vec<Action>) {
        let Some(target) = &self.target else {
            return;
        };
        let is_taken = match (&self.routes, &self.clusters) {
            (Some(routes), _) => !routes.is_empty() && routes.has_only(target),
            // The node takes its routes from elsewhere.
            (None, Some(clusters)) => {
                let is_late = now >= self.begun.saturating_add(self.limits.warm_ms);
                is_late && clusters.has_all(target)
            }
            (None, None) => false,
        };
        let is_taken = is_taken && self.rejected.is_none();
        if is_taken && self.taken.as_ref() != Some(&target.version) {
            let version = target.version.clone();
            self.taken = Some(version.clone());
            out.push(Action::Report(Report::Taken { version }));
        }
        let mut both = [&self.clusters, &self.routes]
            .into_iter()
            .flatten()
            .peekable();
        let done = both.peek().is_some()
            && both.all(|s| s.outstanding.is_empty() && s.changed(target).next().is_none());
        let ack = (target.version.clone(), self.routes.is_some());
        if done && self.rejected.is_none() && self.acked.as_ref() != Some(&ack) {
            let (version, routes) = ack.clone();
            out.push(Action::Report(Report::Ack { version, routes }));
            self.acked = Some(ack);
        }
    }
}

/// Returns the report of a refusal.
pub(super) fn nack(version: String, resources: Type, reason: String) -> Action {
    Action::Report(Report::Nack {
        version,
        resources,
        reason,
    })
}
