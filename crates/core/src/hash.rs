//! The hash of an event.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::Invalid;

/// 32 bytes, as 64 lower-case hex digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct EventHash([u8; 32]);

impl Serialize for EventHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl EventHash {
    /// The predecessor of the first event of an epoch.
    pub const GENESIS: Self = Self([0; 32]);

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventHash({self})")
    }
}

impl TryFrom<String> for EventHash {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("not_a_hash", "a hash is 64 lower-case hex digits");
        let mut bytes = [0; 32];
        hex::decode_to_slice(&raw, &mut bytes).map_err(|_| wrong())?;
        if raw.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(wrong());
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_prints_and_parses_as_64_hex_digits() {
        // printf abc | sha256sum
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = EventHash::of(b"abc");
        assert_eq!(
            (hash.to_string(), format!("{hash:?}")),
            (digits.to_owned(), format!("EventHash({digits})"))
        );
        assert_eq!(EventHash::try_from(digits.to_owned()).unwrap(), hash);
        assert!(EventHash::try_from(digits.to_uppercase()).is_err());
        assert!(EventHash::try_from(digits[1..].to_owned()).is_err());
    }
}
