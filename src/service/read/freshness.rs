//! The required freshness of an answer.

use crate::domain::{etag::Seen, tag::VersionTag};

/// The required freshness of an answer.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// The header `TM-Min-Revision`: the answer must be at least this new, or there is none.
    pub minimum: Option<VersionTag>,
    /// The tags of `If-None-Match`. The client has seen them, so the answer must not be older than
    /// a tag of its own epoch. For tags of another epoch, the state that the primary has now is new
    /// enough.
    pub seen: Seen,
}

impl Freshness {
    /// Returns true if an answer with this tag is new enough, whichever server it comes from. An
    /// answer that is not accepted may still belong to another epoch that only the primary knows.
    pub fn accepts(&self, tag: &VersionTag) -> bool {
        self.minimum
            .iter()
            .chain(self.seen.tags())
            .all(|wanted| tag.covers(wanted))
    }

    /// Returns the tag that the primary's answer does not reach: the minimum, or a seen tag of the
    /// answer's own epoch.
    pub fn missed(&self, tag: Option<&VersionTag>) -> Option<&VersionTag> {
        let covered = |wanted: &VersionTag| tag.is_some_and(|tag| tag.covers(wanted));
        let undone = |seen: &&VersionTag| {
            tag.is_some_and(|tag| tag.epoch == seen.epoch && !tag.covers(seen))
        };
        self.minimum
            .iter()
            .find(|minimum| !covered(minimum))
            .or_else(|| self.seen.tags().iter().find(undone))
    }
}
