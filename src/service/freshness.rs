//! How new an answer must be.

use crate::domain::tag::VersionTag;

/// How new an answer must be.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// `TM-Min-Revision`: at least this, or no answer.
    pub minimum: Option<VersionTag>,
    /// The tags of `If-None-Match`: the client has seen them, so nothing older of their histories; of another history, whatever the
    /// primary has now.
    pub seen: Vec<VersionTag>,
}

impl Freshness {
    /// Whether an answer is new enough wherever it comes from. What is not may still be of another history that only the primary knows.
    pub fn accepts(&self, tag: &VersionTag) -> bool {
        self.minimum.iter().chain(&self.seen).all(|wanted| tag.covers(wanted))
    }

    /// What the primary's answer misses: the minimum, or a tag of its own history that was seen.
    pub fn missed(&self, tag: Option<&VersionTag>) -> Option<&VersionTag> {
        let covered = |wanted: &VersionTag| tag.is_some_and(|tag| tag.covers(wanted));
        let undone = |seen: &&VersionTag| tag.is_some_and(|tag| tag.epoch == seen.epoch && !tag.covers(seen));
        self.minimum.iter().find(|minimum| !covered(minimum)).or_else(|| self.seen.iter().find(undone))
    }
}
