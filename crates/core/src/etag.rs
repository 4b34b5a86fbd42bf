//! Entity tags as clients send them (RFC 9110 §8.8.3), and the tags that a client has seen.

use super::{Invalid, tag::VersionTag};

/// An element of a list of entity tags.
#[derive(Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// False for a text without quotes, which is not an entity tag, but some clients send it for
    /// one. Such a text ends at a comma, a quote or white space.
    pub is_quoted: bool,
    /// True for a weak tag.
    pub is_weak: bool,
    /// The text between the quotes.
    pub opaque: &'a str,
}

/// Parses a list of entity tags (RFC 9110 §8.8.3, §5.6.1), strong or weak. Also returns whether the
/// whole text is such a list. A comma may be a part of a tag; empty elements are skipped. Parsing
/// stops at the first error.
pub fn entity_tags(list: &str) -> (Vec<EntityTag<'_>>, bool) {
    const SPACE: [char; 2] = [' ', '\t'];
    let mut tags = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return (tags, true);
        }
        let text = rest.strip_prefix("W/").unwrap_or(rest);
        let is_weak = text.len() < rest.len();
        let (tag, after) = match text.strip_prefix('"') {
            Some(quoted) => match quoted.split_once('"') {
                Some((opaque, after)) => (
                    EntityTag {
                        is_quoted: true,
                        is_weak,
                        opaque,
                    },
                    after,
                ),
                None => return (tags, false),
            },
            None if is_weak && text.starts_with('*') => return (tags, false),
            None => {
                let (opaque, after) =
                    text.split_at(text.find([',', ' ', '\t', '"']).unwrap_or(text.len()));
                (
                    EntityTag {
                        is_quoted: false,
                        is_weak,
                        opaque,
                    },
                    after,
                )
            }
        };
        let is_empty = !tag.is_quoted && tag.opaque.is_empty();
        rest = after.trim_start_matches(SPACE);
        if is_empty || !(rest.is_empty() || rest.starts_with(',')) {
            return (tags, false);
        }
        tags.push(tag);
    }
}

impl EntityTag<'_> {
    /// Returns true for a bare `*`, which stands for every tag.
    pub fn is_star(&self) -> bool {
        !self.is_quoted && self.opaque == "*"
    }
}

/// Parses one version tag: alone, in quotes, or as the weak entity tag of a compressed answer.
pub fn version_tag(raw: &str) -> Result<VersionTag, Invalid> {
    match entity_tags(raw) {
        (tags, true) if tags.len() == 1 => tags[0].opaque.parse(),
        _ => raw.parse(),
    }
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

    /// Reads the lines of `If-None-Match` of a read. A read needs no condition, so malformed
    /// elements are skipped, and version tags without quotes are accepted.
    pub fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let (mut read, mut count, mut any) = (Vec::new(), 0, false);
        for line in lines {
            let (tags, is_all) = entity_tags(line);
            // A malformed list counts as one more element, so that a `*` beside it is not the only one.
            count += tags.len() + usize::from(!is_all);
            any |= tags.iter().any(EntityTag::is_star);
            read.extend(tags.iter().filter_map(|tag| tag.opaque.parse().ok()));
        }
        if any && count == 1 {
            Self::Any
        } else {
            Self::Tags(read)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(revision: u64) -> VersionTag {
        format!("0123456789abcdef.{revision}").parse().unwrap()
    }

    #[test]
    fn version_tag_is_accepted_in_every_form_it_is_sent() {
        for raw in [
            "0123456789abcdef.7",
            "\"0123456789abcdef.7\"",
            "W/\"0123456789abcdef.7\"",
            " \"0123456789abcdef.7\" ",
        ] {
            assert_eq!(version_tag(raw), Ok(tag(7)), "{raw}");
        }
        for raw in [
            "",
            "\"",
            "W/",
            "*",
            "\"0123456789abcdef.7",
            "0123456789abcdef.7\"",
            "w/\"0123456789abcdef.7\"",
            "\"x\", \"y\"",
        ] {
            assert!(version_tag(raw).is_err(), "{raw}");
        }
    }
}
