//! How new an answer must be.

use crate::domain::tag::VersionTag;

/// How new an answer must be.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// `TM-Min-Revision`: at least this, or no answer.
    pub minimum: Option<VersionTag>,
    /// The tags of `If-None-Match`: the client has seen them, so nothing older of their histories; of another history, whatever the
    /// primary has now.
    pub seen: Seen,
}

/// The tags that a client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Whatever there is (`*`).
    Any,
    /// These.
    Tags(Vec<VersionTag>),
}

impl Default for Seen {
    fn default() -> Self {
        Self::Tags(Vec::new())
    }
}

impl Seen {
    /// The tags that are named.
    pub fn tags(&self) -> &[VersionTag] {
        match self {
            Self::Any => &[],
            Self::Tags(tags) => tags,
        }
    }

    /// Whether the client has seen what has this tag.
    pub fn has(&self, tag: &VersionTag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.contains(tag),
        }
    }
}

impl Freshness {
    /// Whether an answer is new enough wherever it comes from. What is not may still be of another history that only the primary knows.
    pub fn accepts(&self, tag: &VersionTag) -> bool {
        self.minimum.iter().chain(self.seen.tags()).all(|wanted| tag.covers(wanted))
    }

    /// What the primary's answer misses: the minimum, or a tag of its own history that was seen.
    pub fn missed(&self, tag: Option<&VersionTag>) -> Option<&VersionTag> {
        let covered = |wanted: &VersionTag| tag.is_some_and(|tag| tag.covers(wanted));
        let undone = |seen: &&VersionTag| tag.is_some_and(|tag| tag.epoch == seen.epoch && !tag.covers(seen));
        self.minimum.iter().find(|minimum| !covered(minimum)).or_else(|| self.seen.tags().iter().find(undone))
    }
}
