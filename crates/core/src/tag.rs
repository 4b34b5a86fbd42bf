//! Revisions, epochs and the version tag `"<epoch>.<revision>"` that carries both.

use std::{fmt, str::FromStr};

use compact_str::CompactString;
use serde::{Deserialize, Serialize, Serializer};

use super::Invalid;

/// The gapless counter of a tenant's committed mutations; 0 is a tenant without any.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of one epoch (history) of a tenant: 16 lower-case hex digits, random. Revisions of
/// different epochs are not comparable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Epoch(CompactString);

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Epoch {
    /// An epoch from 8 random bytes.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(hex::encode(bytes).into())
    }

    /// The 16 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Epoch {
    type Err = Invalid;
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if raw.len() == 16 && raw.bytes().all(digit) {
            Ok(Self(raw.into()))
        } else {
            Err(Invalid::new(
                "not_an_epoch",
                "an epoch is 16 lower-case hex digits",
            ))
        }
    }
}

impl TryFrom<String> for Epoch {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `<epoch>.<revision>`: the `ETag`, the poll cursor and the minimum a read may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct VersionTag {
    /// The epoch that the revision belongs to.
    pub epoch: Epoch,
    /// The revision within the epoch.
    pub revision: Revision,
}

impl Serialize for VersionTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl VersionTag {
    /// The strong entity tag of RFC 9110 §8.8.3, quotes included.
    pub fn to_etag(&self) -> String {
        format!("\"{self}\"")
    }

    /// Returns true when `self` is of the same epoch as `other` and at least as new.
    pub fn covers(&self, other: &VersionTag) -> bool {
        self.epoch == other.epoch && self.revision >= other.revision
    }
}

impl fmt::Display for VersionTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.revision)
    }
}

impl FromStr for VersionTag {
    type Err = Invalid;
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("not_a_version_tag", "a version tag is <epoch>.<revision>");
        let (epoch, revision) = raw.split_once('.').ok_or_else(wrong)?;
        let canonical = revision == "0" || !revision.starts_with('0');
        if !canonical || !revision.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let revision: u64 = revision.parse().map_err(|_| wrong())?;
        // Revisions live in a signed 64-bit column.
        if i64::try_from(revision).is_err() {
            return Err(wrong());
        }
        Ok(Self {
            epoch: epoch.parse().map_err(|_| wrong())?,
            revision: Revision(revision),
        })
    }
}

impl TryFrom<String> for VersionTag {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn version_tag_reads_back_equal(bytes: [u8; 8], revision in 0..i64::MAX as u64) {
            let tag = VersionTag { epoch: Epoch::from_random(bytes), revision: Revision(revision) };
            prop_assert_eq!(tag.to_string().parse::<VersionTag>().unwrap(), tag);
        }

        #[test]
        fn parsed_tag_prints_the_same_text(raw in "[0-9a-f]{15,17}\\.[0-9+-]{0,20}|\\PC{0,40}") {
            if let Ok(tag) = raw.parse::<VersionTag>() {
                prop_assert_eq!(tag.to_string(), raw);
            }
        }
    }

    #[test]
    fn version_tag_has_exactly_one_spelling() {
        let written = "0123456789abcdef.10";
        let tag: VersionTag = written.parse().unwrap();
        assert_eq!(
            (tag.epoch.as_str(), tag.to_etag()),
            ("0123456789abcdef", format!("\"{written}\""))
        );
        assert!("0123456789abcdef.0".parse::<VersionTag>().is_ok());
        let max = i64::MAX as u64;
        assert!(
            format!("0123456789abcdef.{max}")
                .parse::<VersionTag>()
                .is_ok()
        );
        let over = format!("0123456789abcdef.{}", max + 1);
        for wrong in [
            "0123456789abcdef.01",
            "0123456789abcdef.+1",
            "0123456789abcdef.",
            "0123456789abcdef",
            "0123456789ABCDEF.1",
            &over,
        ] {
            assert!(wrong.parse::<VersionTag>().is_err(), "{wrong}");
        }
        for wrong in ["0123456789abcde", "0123456789abcdef0", "0123456789abcdeg"] {
            assert!(Epoch::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tags_of_two_epochs_never_cover_each_other() {
        let tag = |epoch: u8, revision| VersionTag {
            epoch: Epoch::from_random([epoch; 8]),
            revision: Revision(revision),
        };
        assert!(tag(1, 5).covers(&tag(1, 5)) && tag(1, 6).covers(&tag(1, 5)));
        assert!(!tag(1, 4).covers(&tag(1, 5)) && !tag(2, 9).covers(&tag(1, 5)));
    }
}
