//! The required freshness of an answer.

use crate::domain::tag::VersionTag;

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

/// The tags that a client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Any state (`*`).
    Any,
    /// The tags that the client named.
    Tags(Vec<VersionTag>),
}

impl Default for Seen {
    fn default() -> Self {
        Self::Tags(Vec::new())
    }
}

impl Seen {
    /// Returns the named tags; none for `*`.
    pub fn tags(&self) -> &[VersionTag] {
        match self {
            Self::Any => &[],
            Self::Tags(tags) => tags,
        }
    }

    /// Returns true if the client has seen the state with this tag.
    pub fn has(&self, tag: &VersionTag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.contains(tag),
        }
    }
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
