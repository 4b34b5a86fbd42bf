//! Tags of answers.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use traffic_manager_core::tag::VersionTag;

/// The version tag of an answer, without its quotes and without the `W/` that compression adds: it
/// can be sent in every header and parameter that takes a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Tag(String);

impl Tag {
    /// A tag from the text of an `ETag` header, or from `<epoch>.<revision>`.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let strong = text.strip_prefix("W/").unwrap_or(text);
        Self(strong.trim_matches('"').to_owned())
    }

    /// The tag without quotes: `<epoch>.<revision>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The strong entity tag, with quotes.
    pub fn to_etag(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// Returns epoch and revision, if the tag has the form that this version of the client knows.
    pub fn version(&self) -> Option<VersionTag> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl FromStr for Tag {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_quoted_and_bare_tags_are_the_same_tag() {
        let bare = Tag::new("0123456789abcdef.7");
        for text in [
            "W/\"0123456789abcdef.7\"",
            "\"0123456789abcdef.7\"",
            " 0123456789abcdef.7 ",
        ] {
            assert_eq!(Tag::new(text), bare, "{text}");
        }
        assert_eq!(bare.to_etag(), "\"0123456789abcdef.7\"");
        assert_eq!(bare.version().map(|tag| tag.revision.0), Some(7));
        assert_eq!(Tag::new("W/\"of a later version\"").version(), None);
    }
}
