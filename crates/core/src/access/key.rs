//! The id of an API key, and the hash by which its token is recognised.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::Invalid;

/// The public id of a key, used to look it up. It is no secret: events and the audit contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; Self::LEN]);

impl KeyId {
    /// The number of characters of an id.
    pub const LEN: usize = 12;

    /// Returns the id of these random characters, which must be ASCII letters and digits.
    pub fn from_random(characters: [u8; Self::LEN]) -> Self {
        debug_assert!(characters.iter().all(u8::is_ascii_alphanumeric));
        Self(characters)
    }

    /// Returns the id as text: 12 letters and digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for KeyId {
    type Err = Invalid;

    fn from_str(raw: &str) -> Result<Self, Invalid> {
        let bytes: Option<[u8; Self::LEN]> = raw.as_bytes().try_into().ok();
        let id = bytes
            .filter(|bytes| bytes.iter().all(u8::is_ascii_alphanumeric))
            .map(Self);
        id.ok_or_else(|| {
            Invalid::new(
                "not_a_key_id",
                format!("must be {} letters and digits", Self::LEN),
            )
        })
    }
}

impl TryFrom<String> for KeyId {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

/// The keyed hash of a token, which is stored in place of the token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}
